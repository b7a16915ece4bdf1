use core::fmt;

use crate::byte_set::ByteSet;
use crate::text::{self, Text};
use crate::write::copy;

/// Says which reply belongs to which request. Means something only to whoever made it.
///
/// Kept by value: a reply may come long after the packet of its request is gone. It goes back byte for
/// byte as it came, escapes and all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
    /// Follows from the bytes, and is asked for each time that the id is written.
    is_word: bool,
}

impl RequestId {
    /// Longest id, in bytes: enough for the GUIDs of 36 characters that official clients send.
    pub const MAX_LEN: usize = 64;

    /// Takes an id over. `None` for an empty one and for one that is too long.
    pub fn new(id: &[u8]) -> Option<Self> {
        RequestRef::new(id).map(RequestRef::to_id)
    }

    /// The id of a request that is known by a number: eight lower-case hex digits.
    pub fn from_u32(number: u32) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        for (place, shift) in bytes.iter_mut().zip((0..8).rev()) {
            *place = b"0123456789abcdef"[(number >> (4 * shift) & 0xF) as usize];
        }
        Self { len: 8, bytes, is_word: true }
    }

    /// The number that [`Self::from_u32`] was given; `None` for an id of any other form.
    pub fn as_u32(self) -> Option<u32> {
        let id: &[u8; 8] = self.as_bytes().try_into().ok()?;
        id.iter().try_fold(0, |number, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u32::from(digit))
        })
    }

    /// The id as it stands on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(crate) fn as_ref(&self) -> RequestRef<'_> {
        RequestRef { bytes: self.as_bytes(), is_encoded: false, is_word: self.is_word }
    }
}

/// A [`RequestId`] that is still in its message, or on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestRef<'a> {
    bytes: &'a [u8],
    /// Whether they mean other bytes.
    is_encoded: bool,
    is_word: bool,
}

impl<'a> RequestRef<'a> {
    pub(crate) fn new(id: &'a [u8]) -> Option<Self> {
        let good = matches!(id.len(), 1..=RequestId::MAX_LEN);
        good.then(|| Self { bytes: id, is_encoded: false, is_word: is_word(id) })
    }

    /// One that may be percent-encoded, and means at most so many bytes.
    pub(crate) fn encoded(id: Text<'a>, len_max: usize) -> Option<Self> {
        let is_encoded = id.as_str().is_none();
        let good = (1..=len_max.min(RequestId::MAX_LEN)).contains(&id.len());
        good.then(|| Self {
            bytes: id.raw().as_bytes(),
            is_encoded,
            is_word: !is_encoded && is_word(id.raw().as_bytes()),
        })
    }

    /// Of one in a message.
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is text without control characters, and without the signs that end it in a topic or may not stand
    /// there at all.
    pub(crate) const fn is_word(&self) -> bool {
        self.is_word
    }

    #[inline]
    pub(crate) fn to_id(self) -> RequestId {
        let mut id = RequestId { len: 0, bytes: [0; RequestId::MAX_LEN], is_word: self.is_word };
        if self.is_encoded {
            for (place, byte) in id.bytes.iter_mut().zip(text::unescaped(self.bytes, true)) {
                *place = byte;
                id.len += 1;
            }
            id.is_word = is_word(id.as_bytes());
        } else {
            copy(self.bytes, &mut id.bytes);
            id.len = u8::try_from(self.bytes.len()).unwrap_or_default();
        }
        id
    }
}

fn is_word(id: &[u8]) -> bool {
    let fits = |byte: &u8| ByteSet::WORD.has(*byte) || !byte.is_ascii();
    // Beyond ASCII, the other control characters are U+0080 to U+009F.
    let is_control = |pair: &[u8; 2]| matches!(pair, [0xC2, 0x80..=0x9F]);
    id.iter().all(fits)
        && (id.is_ascii() || core::str::from_utf8(id).is_ok() && !id.array_windows().any(is_control))
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_other_ids_are_none() {
        for number in [0, 1, 0xDEAD_BEEF, u32::MAX] {
            assert_eq!(RequestId::from_u32(number).as_u32(), Some(number));
        }
        assert_eq!(RequestId::from_u32(0x1F).as_bytes(), b"0000001f");
        for id in ["1f", "0000001F", "0000001g", "00000001f"] {
            assert_eq!(RequestId::new(id.as_bytes()).unwrap().as_u32(), None, "{id}");
        }
    }

    #[test]
    fn ids_have_a_length() {
        assert!(RequestId::new(b"").is_none());
        assert!(RequestId::new(&[b'x'; RequestId::MAX_LEN]).is_some());
        assert!(RequestId::new(&[b'x'; RequestId::MAX_LEN + 1]).is_none());
    }
}
