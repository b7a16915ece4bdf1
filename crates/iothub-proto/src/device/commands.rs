use iothub_codec::{Detail, Outcome};

use super::DeviceSession;
use crate::error::SendError;
use crate::packet::{AckToken, Packet};
use crate::verdict::Verdict;
use crate::window::Window;

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Tells the hub what became of a command or input message.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] while there is no connection, and [`SendError::NotAwaited`] for a token that
    /// this connection did not bring, or that was settled before. [`SendError::Encode`] with
    /// [`NotExpressible`](iothub_codec::EncodeError::NotExpressible) for everything but [`Verdict::Complete`] over
    /// MQTT 3.1.1: there a device that wants a command again later leaves it as it is until its next connection. A
    /// message that is still to be settled is delivered again by the hub.
    pub fn settle<'b>(
        &mut self,
        token: AckToken,
        verdict: Verdict,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.must_be_connected()?;
        // A hub that is told of what it did not send closes the connection.
        if !self.unsettled.contains(token) {
            return Err(SendError::NotAwaited);
        }
        let outcome = match verdict {
            Verdict::Complete => Outcome::DONE,
            Verdict::Abandon => Outcome::ABANDONED,
            Verdict::Reject => Outcome::REJECTED,
        };
        let ack = self.codec.encode_ack(&outcome, Detail::FULL, out)?;
        self.unsettled.close(token);
        Ok(Packet::Ack { token, ack })
    }

    /// What this connection brought cannot be acknowledged over the next.
    pub(super) fn end_commands(&mut self) {
        self.owed = Window::new();
        self.unsettled = Window::new();
    }
}
