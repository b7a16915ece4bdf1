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

    /// A longer buffer is given back once there is nothing in it.
    const KEPT_MAX: usize = 64 * 1024;
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
