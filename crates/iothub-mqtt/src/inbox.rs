use iothub_codec::Version;

use crate::error::WireError;
use crate::frame::{Frame, PacketType};

/// What has arrived and was not read yet: at most one packet of the longest kind, and what came with it.
pub(crate) struct Inbox {
    /// `..start` has been read, `start..end` has not, `end..` is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Length of the packet at `start` that is lent out. It is gone with the next call.
    lent: usize,
    packet_len_max: u32,
}

impl Inbox {
    pub(crate) const fn new(packet_len_max: u32) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, lent: 0, packet_len_max }
    }

    /// Where to put what arrives. Empty only when a whole packet waits, or one that is refused.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.release();
        if self.buffer.len() - self.end < Self::ROOM_MIN {
            self.make_room();
        }
        &mut self.buffer[self.end..]
    }

    /// `len` bytes have been put into the room.
    pub(crate) fn fill(&mut self, len: usize) {
        self.end = self.buffer.len().min(self.end + len);
    }

    /// Copies as much of `bytes` as there is room for, and says how much that is.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> usize {
        let mut copied = 0;
        while copied < bytes.len() {
            let room = self.room();
            let len = room.len().min(bytes.len() - copied);
            if len == 0 {
                break;
            }
            room[..len].copy_from_slice(&bytes[copied..copied + len]);
            self.fill(len);
            copied += len;
        }
        copied
    }

    /// The next packet, once all of it is here. [`Self::lent`] has its bytes until any other call.
    pub(crate) fn next(
        &mut self,
        version: Version,
        admit: impl FnOnce(PacketType) -> Result<(), WireError>,
    ) -> Result<Option<Frame>, WireError> {
        self.release();
        let held = &self.buffer[self.start..self.end];
        let Some(frame) = Frame::read(held, version, self.packet_len_max, admit)? else { return Ok(None) };
        if held.len() < frame.len {
            return Ok(None);
        }
        self.lent = frame.len;
        Ok(Some(frame))
    }

    /// From now on, the longest packet is so long.
    pub(crate) fn set_packet_len_max(&mut self, packet_len_max: u32) {
        self.packet_len_max = packet_len_max;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end, self.lent) = (0, 0, 0);
        self.release();
    }

    /// Takes no memory while nothing is held.
    pub(crate) fn rest(&mut self) {
        self.release();
        if self.end == 0 {
            self.buffer = Vec::new();
        }
    }

    pub(crate) fn lent(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.lent]
    }

    fn release(&mut self) {
        self.start += self.lent;
        self.lent = 0;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > Self::KEPT_MAX {
                self.buffer = Vec::new();
            }
        }
    }

    /// Moves what is held to the front, and grows if that is not enough: to twice the size, so that announcing a long
    /// packet costs nothing; or to the end of the packet if that is near, so that while it is moved there is less than
    /// twice the packet.
    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < Self::ROOM_MIN {
            let limit = (self.packet_len_max as usize).saturating_add(Self::READ_AHEAD);
            let twice = self.buffer.len().saturating_mul(2).max(Self::READ_AHEAD);
            let announced = Frame::announced_len(&self.buffer[..self.end]).filter(|len| *len > self.end);
            let len = match announced {
                Some(announced) if twice >= announced / 4 * 3 => announced + Self::READ_AHEAD,
                Some(_) | None => twice,
            }
            .min(limit);
            self.buffer.reserve_exact(len.saturating_sub(self.buffer.len()));
            self.buffer.resize(len.max(self.buffer.len()), 0);
        }
    }

    /// Bytes held beyond one packet of the longest kind, and the first size of the buffer: most messages
    /// of devices are shorter, and a hub has many connections.
    const READ_AHEAD: usize = 2048;
    /// With less room than this, making some is cheaper than reading in small pieces.
    const ROOM_MIN: usize = Self::READ_AHEAD / 4;
    /// A longer buffer is given back once there is nothing in it. A message of 64 KiB fits in it, with its topic and
    /// what is read ahead.
    const KEPT_MAX: usize = 72 * 1024;
}

/// Shows sizes only: there may be a password in it.
impl core::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbox")
            .field("held", &(self.end - self.start))
            .field("capacity", &self.buffer.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 5_000;

    fn take_all(inbox: &mut Inbox) -> usize {
        let mut taken = 0;
        while let Ok(Some(_)) = inbox.next(Version::V311, |_| Ok(())) {
            taken += inbox.lent().len();
        }
        taken
    }

    /// A PUBLISH of that length.
    fn publish(len: usize) -> Vec<u8> {
        let remaining = len - 3;
        let mut bytes = vec![b'x'; len];
        bytes[..3].copy_from_slice(&[0x30, (remaining & 0x7f) as u8 | 0x80, (remaining >> 7) as u8]);
        bytes
    }

    proptest! {
        #[test]
        fn never_more_is_held_than_one_packet_and_some(
            lens in vec(200..=LONGEST, 1..20),
            pieces in vec(1..2 * LONGEST, 1..20),
        ) {
            let mut inbox = Inbox::new(LONGEST as u32);
            let bytes: Vec<u8> = lens.iter().flat_map(|len| publish(*len)).collect();
            let mut left = bytes.as_slice();
            let mut taken = 0;
            for piece in pieces.iter().cycle() {
                let copied = inbox.copy(&left[..left.len().min(*piece)]);
                prop_assert!(inbox.buffer.capacity() <= LONGEST + Inbox::READ_AHEAD);
                left = &left[copied..];
                taken += take_all(&mut inbox);
                prop_assert!(!inbox.room().is_empty());
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(taken, bytes.len());
        }
    }

    #[test]
    fn at_rest_it_takes_no_memory_unless_something_is_held() {
        let mut inbox = Inbox::new(LONGEST as u32);
        let bytes = publish(300);
        assert_eq!(inbox.copy(&bytes[..200]), 200);
        inbox.rest();
        assert_eq!(inbox.copy(&bytes[200..]), 100);
        assert_eq!(take_all(&mut inbox), 300);
        inbox.rest();
        assert_eq!(inbox.buffer.capacity(), 0);
        assert_eq!(inbox.copy(&bytes), 300);
        assert_eq!(take_all(&mut inbox), 300);
    }

    #[test]
    fn announcing_a_long_packet_takes_no_memory() {
        let mut inbox = Inbox::new(256 * 1024);
        assert_eq!(inbox.copy(&[0x30, 0xf0, 0xff, 0x0f]), 4);
        assert!(inbox.next(Version::V311, |_| Ok(())).is_ok_and(|frame| frame.is_none()));
        assert!(inbox.buffer.capacity() <= Inbox::READ_AHEAD);
    }

    #[test]
    fn a_full_inbox_takes_nothing_until_it_is_read() {
        let mut inbox = Inbox::new(LONGEST as u32);
        let bytes = publish(LONGEST).repeat(2);
        assert_eq!(inbox.copy(&bytes), LONGEST + Inbox::READ_AHEAD);
        assert_eq!(inbox.copy(&bytes), 0);
        assert_eq!(take_all(&mut inbox), LONGEST);
        assert_eq!(inbox.copy(&bytes), LONGEST);
    }

    #[test]
    fn the_room_for_a_long_packet_is_given_back() {
        let mut inbox = Inbox::new(256 * 1024);
        let mut bytes = vec![b'x'; 200_000];
        bytes[..4].copy_from_slice(&[0x30, 0xbc, 0x9a, 0x0c]);
        assert_eq!(inbox.copy(&bytes), bytes.len());
        assert_eq!(take_all(&mut inbox), bytes.len());
        assert_eq!(inbox.room().len(), Inbox::READ_AHEAD);
        assert!(inbox.buffer.capacity() <= Inbox::KEPT_MAX);
    }

    #[test]
    fn room_is_made_again_and_again_in_the_same_buffer() {
        let mut inbox = Inbox::new(LONGEST as u32);
        let bytes = publish(1_900);
        assert_eq!(inbox.copy(&bytes[..1_000]), 1_000);
        let held = inbox.buffer.as_ptr();
        for _ in 0..1_000 {
            assert_eq!(inbox.copy(&bytes[1_000..]), 900);
            assert_eq!(take_all(&mut inbox), 1_900);
            assert_eq!(inbox.copy(&bytes[..1_000]), 1_000);
        }
        assert_eq!(inbox.buffer.as_ptr(), held);
    }

    #[test]
    fn more_than_there_was_room_for_has_not_come() {
        let mut inbox = Inbox::new(LONGEST as u32);
        let room = inbox.room().len();
        inbox.fill(room + 1);
        assert_eq!(inbox.end, room);
    }
}
