use core::time::Duration;

use iothub_codec::{
    Channels, Command, Content, DesiredChanged, Filters, MethodCall, Operation, Qos, Reply, Variant,
};

use super::HubSession;
use crate::error::SendError;
use crate::packet::{AckToken, Packet};
use crate::requests::Ticket;
use crate::time::Instant;

/// Whether a command goes out for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It does.
    First,
    /// It went out before under that token, and was not acknowledged.
    Again(AckToken),
}

impl<const CALLS: usize> HubSession<CALLS> {
    /// Calls a direct method.
    ///
    /// The answer comes as [`Received::Answer`](super::Received::Answer) or
    /// [`Received::Declined`](super::Received::Declined) within `timeout`, and otherwise the call ends as
    /// [`HubEvent::Unanswered`](super::HubEvent::Unanswered). An empty `payload` reaches the device as no bytes.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to this method, [`SendError::TooManyOpen`]
    /// while `CALLS` calls are open, [`SendError::TooLarge`] for more than the device takes. Nothing has been sent or
    /// remembered.
    pub fn call<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        name: &'b str,
        payload: &'b [u8],
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        self.call_with_content(now, timeout, name, payload, Content::JSON, out)
    }

    /// Calls a direct method, and says what the payload is: something else than JSON, or JSON in so many words.
    ///
    /// # Errors
    ///
    /// As for [`Self::call`]; and [`SendError::Encode`] with
    /// [`NotExpressible`](iothub_codec::EncodeError::NotExpressible) for an encoding outside the `$az/iot` dialect, and
    /// for anything in the classic one.
    pub fn call_with_content<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        name: &'b str,
        payload: &'b [u8],
        content: Content<'b>,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        // Calls go out at QoS 0 whatever was granted: a repeated call would be a second call.
        if self.subscriptions.granted_method(name).is_none() {
            return Err(SendError::NotSubscribed);
        }
        let full = SendError::TooManyOpen { limit: CALLS };
        let ticket = self.calls.open((), now.after(timeout)).ok_or(full)?;
        let call = MethodCall { content, ..MethodCall::new(ticket.request(), name, payload) };
        let written = self.codec().encode(&call, out).map_err(SendError::from);
        match written.and_then(|publish| self.flow.admit(&publish).map(|()| publish)) {
            Ok(publish) => Ok((ticket, Packet::Publish { ack: None, publish })),
            Err(error) => {
                self.calls.forget(ticket);
                Err(error)
            }
        }
    }

    /// Gives up on a call that nobody waits for any longer; its answer will be
    /// [`Received::LateAnswer`](super::Received::LateAnswer).
    pub fn forget_call(&mut self, ticket: Ticket) {
        self.calls.forget(ticket);
    }

    /// Sends a command, at the QoS of the device's subscription.
    ///
    /// At QoS 1 the token names it until [`HubEvent::Settled`](super::HubEvent::Settled); at QoS 0 there is none, and the
    /// command counts as completed. One that the device abandons is sent again as [`Delivery::First`].
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to commands, [`SendError::WindowFull`] while
    /// too many are unacknowledged, [`SendError::TooLarge`] for more than the device takes. Nothing has been sent or
    /// remembered.
    pub fn command<'b>(
        &mut self,
        command: &Command<'b>,
        delivery: Delivery,
        out: &'b mut [u8],
    ) -> Result<(Option<AckToken>, Packet<'b>), SendError> {
        let qos = self.subscriptions.granted(Channels::COMMANDS).ok_or(SendError::NotSubscribed)?;
        let mut publish = self.codec().encode(&Command { qos, ..*command }, out)?;
        publish.duplicate = matches!(delivery, Delivery::Again(_)) && qos == Qos::AtLeastOnce;
        self.flow.admit(&publish)?;
        let ack = self.open_window(qos, delivery)?;
        Ok((ack, Packet::Publish { ack, publish }))
    }

    /// Tells the device of a change of its desired properties, on the topic that it asked for.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to such changes, [`SendError::TooLarge`] for more than
    /// it takes: it sees that one is missing, and asks for the twin.
    pub fn desired_changed<'b>(
        &mut self,
        change: &DesiredChanged<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let listens = |variant| self.subscriptions.granted_variant(Channels::DESIRED, variant).is_some();
        let variant = match (listens(Variant::Usual), listens(Variant::DesiredSlash)) {
            (true, _) => Variant::Usual,
            (false, true) => Variant::DesiredSlash,
            (false, false) => return Err(SendError::NotSubscribed),
        };
        // At QoS 0 whatever was granted: a device that missed one sees the gap in the versions.
        let change = DesiredChanged { qos: Qos::AtMostOnce, ..*change };
        let publish = self.codec().with_variant(variant).encode(&change, out)?;
        self.flow.admit(&publish)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// Answers a twin request.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to such answers, in a dialect where it must say so;
    /// [`SendError::TooLarge`] for more than it takes.
    pub fn reply<'b>(
        &self,
        operation: Operation<'b>,
        reply: &Reply<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let operation = self.as_heard(operation).ok_or(SendError::NotSubscribed)?;
        let publish = self.codec().encode_reply(operation, reply, out)?;
        self.flow.admit(&publish)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// As what the device hears the answer to that, if at all.
    fn as_heard<'b>(&self, operation: Operation<'b>) -> Option<Operation<'b>> {
        if self.codec().filters(Channels::REPLIES, &mut []).is_ok_and(Filters::is_empty) {
            return Some(operation);
        }
        let listens = |variant| self.subscriptions.granted_variant(Channels::REPLIES, variant).is_some();
        if listens(Variant::Usual) {
            return Some(operation);
        }
        match operation {
            Operation::TwinPatch if listens(Variant::TwinPatch) => Some(operation),
            // One topic of a sample for both; the request says which is meant.
            Operation::TwinPatch | Operation::TwinGet if listens(Variant::TwinGet) => {
                Some(Operation::TwinGet)
            }
            Operation::TwinPatch | Operation::TwinGet | Operation::Method(_) => None,
        }
    }

    fn open_window(&mut self, qos: Qos, delivery: Delivery) -> Result<Option<AckToken>, SendError> {
        let most = self.flow.receive_maximum;
        let limit = usize::from(most);
        let token = match (qos, delivery) {
            (Qos::AtMostOnce, _) => return Ok(None),
            (Qos::AtLeastOnce, Delivery::First) => self.unacknowledged.open(limit),
            (Qos::AtLeastOnce, Delivery::Again(token)) => self.unacknowledged.reopen(token, limit),
        };
        token.map(Some).ok_or(SendError::WindowFull { limit: most })
    }
}
