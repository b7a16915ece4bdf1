use std::collections::VecDeque;

use iothub_codec::Version;
use iothub_proto::{AckToken, Limits, Session};

use crate::error::WriteError;
use crate::frame::Frame;
use crate::outbox::Outbox;

/// QoS 1 messages that were sent and not yet acknowledged, as bytes, in the order in which they were sent.
pub(crate) struct Inflight {
    messages: VecDeque<Message>,
    /// Their names go up from the first to the last, as those of a session do that opens one after the other.
    ascending: bool,
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
            messages: VecDeque::new(),
            ascending: true,
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
        self.ascending = match (self.messages.front(), self.messages.back()) {
            (Some(first), Some(last)) => {
                self.ascending && distance(first.token, last.token) < distance(first.token, token)
            }
            (None, _) | (_, None) => true,
        };
        self.messages.push_back(Message { token, bytes });
        self.sent += 1;
    }

    /// Forgets the message of that name. One that is unknown was acknowledged before, and is nothing.
    pub(crate) fn settle(&mut self, token: AckToken, outbox: &mut Outbox) {
        if let Some(index) = self.messages.iter().position(|message| message.token == token)
            && let Some(message) = self.messages.remove(index)
        {
            self.keep_spare(message.bytes);
            if index < self.sent {
                self.sent -= 1;
            }
            self.send_more(outbox);
        }
    }

    /// Forgets the message of that name while there is no connection, and sends nothing in its place.
    pub(crate) fn forget(&mut self, token: AckToken) {
        self.messages.retain(|message| message.token != token);
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
        if self.is_between(token) && self.messages.iter().any(|message| message.token == token) {
            Err(WriteError::TokenInUse { token })
        } else {
            Ok(())
        }
    }

    /// Whether one of the messages can have that name. With many of them it is quicker than looking at each.
    fn is_between(&self, token: AckToken) -> bool {
        match (self.messages.front(), self.messages.back()) {
            (Some(first), Some(last)) if self.ascending => {
                distance(first.token, token) <= distance(first.token, last.token)
            }
            (Some(_), Some(_)) => true,
            (None, _) | (_, None) => false,
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

/// How many names on from `first` the other is.
const fn distance(first: AckToken, other: AckToken) -> u16 {
    other.get().wrapping_sub(first.get())
}

/// Shows the names only, not what the messages say.
impl core::fmt::Debug for Inflight {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.messages.iter().map(|message| message.token)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: u16) -> AckToken {
        AckToken::new(id).unwrap()
    }

    #[test]
    fn a_name_is_free_when_no_message_has_it() {
        let mut outbox = Outbox::new(Limits::CLASSIC);
        for ids in [&[1, 2, 3][..], &[65_534, 65_535, 1, 2], &[5, 9, 7], &[9, 5, 7, 20], &[3, 1, 65_535]] {
            for settled in 0..ids.len() {
                let mut inflight = Inflight::new(16);
                ids.iter().for_each(|id| inflight.push(token(*id), b"PUBLISH"));
                for (count, id) in ids.iter().enumerate() {
                    assert!(inflight.admit(token(*id)).is_err(), "{ids:?} {id}");
                    if count < settled {
                        inflight.settle(token(*id), &mut outbox);
                        assert_eq!(inflight.admit(token(*id)), Ok(()), "{ids:?} {id}");
                    }
                }
                for id in (1..30).chain(65_500..=65_535) {
                    let free = !ids[settled..].contains(&id);
                    assert_eq!(inflight.is_free(token(id)).is_ok(), free, "{ids:?} {settled} {id}");
                }
            }
        }
    }
}
