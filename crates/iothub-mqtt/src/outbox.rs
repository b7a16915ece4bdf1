use iothub_proto::{Limits, PacketKind};

use crate::error::WriteError;

/// What waits to be sent, up to a limit.
pub(crate) struct Outbox {
    /// `..start` has been sent.
    buffer: Vec<u8>,
    start: usize,
    limit: usize,
}

impl Outbox {
    /// Empty. At most there may be as much as can be unacknowledged, and a packet more.
    pub(crate) fn new(limits: Limits) -> Self {
        let packets = usize::from(limits.receive_maximum) + 1;
        let limit = packets.saturating_mul(limits.maximum_packet_size as usize);
        Self { buffer: Vec::new(), start: 0, limit }
    }

    /// Lets `write` append one packet, and gives it back. A packet that fails or goes beyond the limit
    /// leaves nothing behind.
    pub(crate) fn append(
        &mut self,
        packet: PacketKind,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), WriteError>,
    ) -> Result<&[u8], WriteError> {
        let before = self.buffer.len();
        let written = write(&mut self.buffer).and_then(|()| {
            if self.buffer.len() - self.start <= self.limit {
                Ok(())
            } else {
                Err(WriteError::Backlog { packet, limit: self.limit })
            }
        });
        if let Err(error) = written {
            self.buffer.truncate(before);
            return Err(error);
        }
        Ok(&self.buffer[before..])
    }

    /// Appends bytes that are ready to be sent; `false` if that goes beyond the limit.
    #[must_use]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> bool {
        let fits = self.buffer.len() - self.start + bytes.len() <= self.limit;
        if fits {
            self.buffer.extend_from_slice(bytes);
        }
        fits
    }

    /// The first `len` bytes have been sent.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.buffer.len().min(self.start + len);
        if self.start == self.buffer.len() {
            self.clear();
        } else if self.start >= Self::KEPT_MAX && self.start >= self.buffer.len() / 2 {
            // A peer that always leaves something unread must not make the buffer grow for ever.
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        if self.buffer.capacity() > Self::KEPT_MAX {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }

    pub(crate) fn waiting(&self) -> Option<&[u8]> {
        self.buffer.get(self.start..).filter(|bytes| !bytes.is_empty())
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// A longer buffer is given back once there is nothing in it. A message of 64 KiB fits in it, with its topic.
    const KEPT_MAX: usize = 72 * 1024;
}

/// Shows sizes only: there may be a password in it.
impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox")
            .field("waiting", &(self.buffer.len() - self.start))
            .field("capacity", &self.buffer.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { receive_maximum: 3, maximum_packet_size: 100_000, ..Limits::CLASSIC };

    #[test]
    fn bytes_come_out_in_order_and_once() {
        let mut outbox = Outbox::new(LIMITS);
        assert_eq!(outbox.waiting(), None);
        assert!(outbox.put(b"abc") && outbox.put(b"def"));
        outbox.consume(2);
        assert_eq!(outbox.waiting(), Some(&b"cdef"[..]));
        outbox.consume(4);
        assert_eq!(outbox.waiting(), None);
        outbox.consume(1);
        assert!(outbox.put(b"g"));
        assert_eq!(outbox.waiting(), Some(&b"g"[..]));
    }

    #[test]
    fn what_fails_half_way_leaves_nothing_behind() {
        let mut outbox = Outbox::new(LIMITS);
        assert!(outbox.put(b"abc"));
        let failed = outbox.append(PacketKind::Publish, |out| {
            out.extend_from_slice(b"half a packet");
            Err(WriteError::TokenMismatch)
        });
        assert_eq!(failed, Err(WriteError::TokenMismatch));
        assert_eq!(outbox.waiting(), Some(&b"abc"[..]));
    }

    #[test]
    fn a_peer_that_is_always_behind_does_not_make_it_grow() {
        let mut outbox = Outbox::new(LIMITS);
        assert!(outbox.put(&[0; 1_000]));
        for _ in 0..10_000 {
            assert!(outbox.put(&[0; 1_000]));
            outbox.consume(1_000);
            assert_eq!(outbox.waiting().map(<[u8]>::len), Some(1_000));
        }
        assert!(outbox.buffer.capacity() <= 4 * Outbox::KEPT_MAX, "{}", outbox.buffer.capacity());
    }

    #[test]
    fn the_room_for_much_is_given_back() {
        let mut outbox = Outbox::new(LIMITS);
        assert!(outbox.put(&[0; 300_000]));
        outbox.consume(300_000);
        assert_eq!(outbox.buffer.capacity(), 0);
    }

    #[test]
    fn the_limit_is_what_can_be_unacknowledged_and_a_packet_more() {
        let mut outbox = Outbox::new(LIMITS);
        assert!(outbox.put(&[0; 400_000]));
        assert!(!outbox.put(&[0]));
        assert_eq!(outbox.waiting().map(<[u8]>::len), Some(400_000));
    }
}
