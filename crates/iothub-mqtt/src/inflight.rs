use iothub_codec::Version;
use iothub_proto::{AckToken, Limits, Session};

use crate::error::WriteError;
use crate::frame::Frame;
use crate::outbox::Outbox;

/// QoS 1 messages that were sent and not yet acknowledged, as bytes, in the order in which they were sent.
pub(crate) struct Inflight {
    messages: Vec<Message>,
    /// How many of them, from the first, were sent on this connection. The others wait for the hub to take more.
    sent: usize,
    /// Messages of an earlier connection that are too long for the hub of this one.
    refused: Vec<AckToken>,
    /// Buffers of acknowledged messages, to be used again.
    spare: Vec<Vec<u8>>,
    /// Of MQTT, in which the messages are written.
    version: Version,
    /// Most messages, as far as this end is concerned.
    own_limit: u16,
    /// Most messages on this connection.
    limit: u16,
}

struct Message {
    token: AckToken,
    bytes: Vec<u8>,
}

impl Inflight {
    pub(crate) const fn new(limit: u16) -> Self {
        Self {
            messages: Vec::new(),
            sent: 0,
            refused: Vec::new(),
            spare: Vec::new(),
            version: Version::V311,
            own_limit: limit,
            limit,
        }
    }

    /// Takes note of the version of the next connection, in which messages that are kept have to be written.
    pub(crate) fn restart(&mut self, version: Version) -> Result<(), WriteError> {
        if self.version != version && !self.messages.is_empty() {
            return Err(WriteError::OtherVersion { version: self.version });
        }
        self.version = version;
        Ok(())
    }

    /// Keeps a PUBLISH until it is acknowledged. [`Self::admit`] has let it in.
    pub(crate) fn push(&mut self, token: AckToken, publish: &[u8]) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(publish);
        self.messages.push(Message { token, bytes });
        self.sent += 1;
    }

    /// Forgets the message of that name. One that is unknown was acknowledged before, and is nothing.
    pub(crate) fn settle(&mut self, token: AckToken, outbox: &mut Outbox) {
        if let Some(index) = self.messages.iter().position(|message| message.token == token) {
            let message = self.messages.remove(index);
            self.keep_spare(message.bytes);
            if index < self.sent {
                self.sent -= 1;
            }
            self.send_more(outbox);
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.refused.clear();
        self.sent = 0;
    }

    /// Sends all again on a new connection, as far as the hub's limits go: marked as perhaps delivered before to a hub
    /// that may remember them, as new messages to one that has forgotten the session.
    pub(crate) fn resume(&mut self, session: Session, limits: Limits, outbox: &mut Outbox) {
        self.limit = self.own_limit.min(limits.receive_maximum);
        self.sent = 0;
        let refused = &mut self.refused;
        self.messages.retain_mut(|message| {
            if let Some(first) = message.bytes.first_mut() {
                match session {
                    Session::Fresh => *first &= !Frame::DUP,
                    Session::Resume => *first |= Frame::DUP,
                }
            }
            let fits = message.bytes.len() <= limits.maximum_packet_size as usize;
            if !fits {
                refused.push(message.token);
            }
            fits
        });
        self.send_more(outbox);
    }

    /// Sends messages of earlier connections, as many as the hub and the outbox take now.
    pub(crate) fn send_more(&mut self, outbox: &mut Outbox) {
        while self.sent < usize::from(self.limit)
            && let Some(message) = self.messages.get(self.sent)
            && outbox.put(&message.bytes)
        {
            self.sent += 1;
        }
    }

    /// One message that cannot be sent to this hub and is forgotten.
    pub(crate) fn take_refused(&mut self) -> Option<AckToken> {
        self.refused.pop()
    }

    /// Whether there is room for one more message, of that name.
    pub(crate) fn admit(&self, token: AckToken) -> Result<(), WriteError> {
        self.is_free(token)?;
        // What waits from earlier connections goes first.
        if self.messages.len() < usize::from(self.limit) && self.sent == self.messages.len() {
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

    /// A long buffer is worth keeping if it is the only one: who sends long messages sends them one by one.
    fn keep_spare(&mut self, bytes: Vec<u8>) {
        let kept: usize = self.spare.iter().map(Vec::capacity).sum();
        if kept + bytes.capacity() <= Self::SPARE_MAX {
            self.spare.push(bytes);
        }
    }

    /// Most bytes in spare buffers: a message of 64 KiB and its topic, or many short ones.
    const SPARE_MAX: usize = 72 * 1024;
}

/// Shows the names only, not what the messages say.
impl core::fmt::Debug for Inflight {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.messages.iter().map(|message| message.token)).finish()
    }
}
