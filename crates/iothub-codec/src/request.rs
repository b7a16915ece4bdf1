use core::fmt;
use core::hash::{Hash, Hasher};

use crate::byte_set::ByteSet;
use crate::fast::FAST;
use crate::text::unescaped;
use crate::write::{Writer, copy};

/// Says which reply belongs to which request. Means something only to whoever made it.
///
/// Borrows the packet that it came with; whoever answers later keeps a [`RequestIdBuf`]. It goes back byte for byte as
/// it came: two are the same if their bytes are.
#[derive(Clone, Copy)]
pub struct RequestId<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    /// Eight lower-case hex digits.
    Number(u32),
    Bytes(&'a [u8]),
    /// Bytes that stand percent-encoded in a topic.
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    Encoded(&'a [u8]),
}

impl<'a> RequestId<'a> {
    /// Longest id, in bytes: enough for the GUIDs of 36 characters that official clients send.
    pub const MAX_LEN: usize = 64;

    /// Takes an id over. `None` for an empty one and for one that is too long.
    pub const fn new(id: &'a [u8]) -> Option<Self> {
        match id.len() {
            1..=Self::MAX_LEN => Some(Self(Form::Bytes(id))),
            _ => None,
        }
    }

    /// The id of a request that is known by a number: eight lower-case hex digits.
    pub const fn from_u32(number: u32) -> Self {
        Self(Form::Number(number))
    }

    /// One that came, perhaps percent-encoded, of at most that many bytes that are meant.
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    pub(crate) fn from_wire(bytes: &'a [u8], is_encoded: bool, most: usize) -> Option<Self> {
        let id = Self(if is_encoded { Form::Encoded(bytes) } else { Form::Bytes(bytes) });
        (1..=most).contains(&id.len()).then_some(id)
    }

    /// The number that [`Self::from_u32`] was given; `None` for an id of any other form.
    pub fn as_u32(self) -> Option<u32> {
        let digits = match self.0 {
            Form::Number(number) => return Some(number),
            Form::Bytes(bytes) => <[u8; 8]>::try_from(bytes).ok()?,
            #[cfg(any(feature = "preview311", feature = "preview5"))]
            Form::Encoded(_) => <[u8; 8]>::try_from(self.to_buf().as_bytes()).ok()?,
        };
        digits.iter().try_fold(0, |number, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u32::from(digit))
        })
    }

    /// The id for as long as it is wanted.
    pub fn to_buf(self) -> RequestIdBuf {
        let mut buf = RequestIdBuf { len: 0, bytes: [0; Self::MAX_LEN] };
        let len = match self.0 {
            Form::Number(number) => {
                copy(&digits(number), &mut buf.bytes);
                8
            }
            Form::Bytes(bytes) => {
                copy(bytes, &mut buf.bytes);
                bytes.len()
            }
            #[cfg(any(feature = "preview311", feature = "preview5"))]
            Form::Encoded(bytes) => {
                let meant = buf.bytes.iter_mut().zip(unescaped(bytes, true));
                meant.map(|(place, byte)| *place = byte).count()
            }
        };
        buf.len = u8::try_from(len).unwrap_or_default();
        buf
    }

    /// Whether it is ASCII without control characters, and without the signs that end it in a topic or may not stand
    /// there at all.
    pub(crate) fn is_word(self) -> bool {
        match self.0 {
            Form::Number(_) => true,
            Form::Bytes(bytes) if FAST => is_word(bytes),
            Form::Bytes(bytes) => means_word(bytes, false),
            #[cfg(any(feature = "preview311", feature = "preview5"))]
            Form::Encoded(bytes) => means_word(bytes, true),
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(self) -> usize {
        match self.0 {
            Form::Number(_) => 8,
            Form::Bytes(bytes) => bytes.len(),
            #[cfg(any(feature = "preview311", feature = "preview5"))]
            Form::Encoded(bytes) => unescaped(bytes, true).count(),
        }
    }

    /// Writes the bytes: percent-encoded where they are not in the set, or as they are.
    pub(crate) fn put(self, plain: Option<ByteSet>, out: &mut Writer<'_>) {
        match self.0 {
            Form::Number(number) => out.put_hex(number, 8, b'a'),
            Form::Bytes(bytes) => match plain {
                None if FAST => out.put(bytes),
                Some(plain) if FAST => out.put_encoded_bytes(plain, bytes),
                None | Some(_) => out.put_meant(plain, bytes, false),
            },
            #[cfg(any(feature = "preview311", feature = "preview5"))]
            Form::Encoded(bytes) => out.put_meant(plain, bytes, true),
        }
    }
}

fn digits(number: u32) -> [u8; 8] {
    let mut shift = 32;
    [(); 8].map(|()| {
        shift -= 4;
        let digit = (number >> shift & 0xF) as u8;
        if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }
    })
}

fn means_word(id: &[u8], is_encoded: bool) -> bool {
    unescaped(id, is_encoded).all(|byte| ByteSet::WORD.has(byte))
}

fn is_word(id: &[u8]) -> bool {
    ByteSet::WORD.stranger(id).is_none()
}

impl PartialEq for RequestId<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Form::Number(number), Form::Number(other)) => number == other,
            (Form::Bytes(bytes), Form::Bytes(other)) => bytes == other,
            _ => self.to_buf() == other.to_buf(),
        }
    }
}

impl Eq for RequestId<'_> {}

impl Hash for RequestId<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_buf().hash(state);
    }
}

impl fmt::Debug for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.to_buf().as_bytes().escape_ascii())
    }
}

/// A [`RequestId`] that outlives its packet: a reply may come long after that is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestIdBuf {
    len: u8,
    bytes: [u8; RequestId::MAX_LEN],
}

impl RequestIdBuf {
    /// The id, to be written into a reply.
    pub fn as_id(&self) -> RequestId<'_> {
        RequestId(Form::Bytes(self.as_bytes()))
    }

    /// Its bytes: at least one.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for RequestIdBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_id().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_other_ids_are_none() {
        for number in [0, 1, 0xDEAD_BEEF, u32::MAX] {
            let id = RequestId::from_u32(number);
            assert_eq!(id.as_u32(), Some(number));
            assert_eq!(id.to_buf().as_id(), id);
            assert_eq!(id.to_buf().as_id().as_u32(), Some(number));
        }
        assert_eq!(RequestId::from_u32(0x1F).to_buf().as_bytes(), b"0000001f");
        for id in ["1f", "0000001F", "0000001g", "00000001f"] {
            assert_eq!(RequestId::new(id.as_bytes()).unwrap().as_u32(), None, "{id}");
        }
    }

    #[test]
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    fn an_id_is_what_it_means_however_it_is_kept() {
        let encoded = RequestId::from_wire(b"00%300001f", true, RequestId::MAX_LEN).unwrap();
        let plain = RequestId::new(b"0000001f").unwrap();
        assert_eq!(encoded, plain);
        assert_eq!(encoded, RequestId::from_u32(0x1F));
        assert_eq!(encoded.as_u32(), Some(0x1F));
        assert_eq!(encoded.to_buf(), plain.to_buf());
        assert_ne!(plain, RequestId::from_u32(0x20));
        assert_eq!(encoded.len(), 8);
    }

    #[test]
    fn ids_have_a_length() {
        assert!(RequestId::new(b"").is_none());
        assert!(RequestId::new(&[b'x'; RequestId::MAX_LEN]).is_some());
        assert!(RequestId::new(&[b'x'; RequestId::MAX_LEN + 1]).is_none());
    }
}
