use iothub_proto::{AckToken, Session};

use crate::error::WriteError;
use crate::frame::Frame;
use crate::outbox::Outbox;

/// QoS 1 messages that were sent and not yet acknowledged, as bytes, in the order in which they were sent.
pub(crate) struct Inflight {
    messages: Vec<Message>,
    /// Buffers of acknowledged messages, to be used again.
    spare: Vec<Vec<u8>>,
    limit: u16,
}

struct Message {
    token: AckToken,
    bytes: Vec<u8>,
}

impl Inflight {
    pub(crate) const fn new(limit: u16) -> Self {
        Self { messages: Vec::new(), spare: Vec::new(), limit }
    }

    /// Keeps a PUBLISH until it is acknowledged. [`Self::admit`] has let it in.
    pub(crate) fn push(&mut self, token: AckToken, publish: &[u8]) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(publish);
        self.messages.push(Message { token, bytes });
    }

    /// Forgets the message of that name. One that is unknown was acknowledged before, and is nothing.
    pub(crate) fn settle(&mut self, token: AckToken) {
        if let Some(index) = self.messages.iter().position(|message| message.token == token) {
            let message = self.messages.remove(index);
            if message.bytes.capacity() <= Self::SPARE_MAX {
                self.spare.push(message.bytes);
            }
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Sends all again on a new connection: marked as perhaps delivered before to a hub that may remember
    /// them, as new messages to one that has forgotten the session.
    pub(crate) fn resume(&mut self, session: Session, outbox: &mut Outbox) {
        for message in &mut self.messages {
            if let Some(first) = message.bytes.first_mut() {
                match session {
                    Session::Fresh => *first &= !Frame::DUP,
                    Session::Resume => *first |= Frame::DUP,
                }
            }
            let fits = outbox.put(&message.bytes);
            debug_assert!(fits, "the limit allows for a CONNECT and for all that can be unacknowledged");
        }
    }

    /// Whether there is room for one more message, of that name.
    pub(crate) fn admit(&self, token: AckToken) -> Result<(), WriteError> {
        self.is_free(token)?;
        if self.messages.len() < usize::from(self.limit) {
            Ok(())
        } else {
            Err(WriteError::WindowFull { limit: self.limit })
        }
    }

    /// Whether that name is not in use.
    pub(crate) fn is_free(&self, token: AckToken) -> Result<(), WriteError> {
        if self.messages.iter().any(|message| message.token == token) {
            Err(WriteError::TokenInUse { token })
        } else {
            Ok(())
        }
    }

    /// A longer buffer is not worth keeping, in bytes.
    const SPARE_MAX: usize = 4096;
}

/// Shows the names only, not what the messages say.
impl core::fmt::Debug for Inflight {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.messages.iter().map(|message| message.token)).finish()
    }
}
