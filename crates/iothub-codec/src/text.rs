use core::fmt;

use crate::fast::FAST;
use crate::word;

/// A string as it stands on the wire: perhaps percent-encoded.
///
/// It compares and prints as what it means. An escape that is none (`%4`, `%zz`) means itself: clients in
/// the field send raw percent signs. Bytes that are not UTF-8 after decoding print as U+FFFD.
#[derive(Clone, Copy, Default)]
pub struct Text<'a> {
    raw: &'a str,
    form: Form,
}

/// Whether a percent sign in a text can begin an escape. As long as the words beside it, so that a text is copied
/// without regard to what is left over in it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(usize)]
enum Form {
    #[default]
    Plain,
    Encoded,
}

impl<'a> Text<'a> {
    /// A string that means what it says.
    pub const fn plain(text: &'a str) -> Self {
        Self { raw: text, form: Form::Plain }
    }

    /// A string with `%2F` and the like in it.
    pub const fn percent_encoded(raw: &'a str) -> Self {
        Self { raw, form: Form::Encoded }
    }

    /// The string without a copy, when nothing in it is escaped.
    pub fn as_str(self) -> Option<&'a str> {
        if self.is_encoded() && word::find(self.raw.as_bytes(), b'%').is_some() {
            None
        } else {
            Some(self.raw)
        }
    }

    /// Whether a percent sign in it can begin an escape.
    pub(crate) const fn is_encoded(self) -> bool {
        matches!(self.form, Form::Encoded)
    }

    /// What stands behind that.
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    pub(crate) fn behind(self, prefix: &str) -> Option<Self> {
        self.raw.strip_prefix(prefix).map(|raw| Self { raw, ..self })
    }

    /// The string as it stands on the wire.
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// The bytes that are meant.
    pub fn bytes(self) -> impl Iterator<Item = u8> + Clone + 'a {
        unescaped(self.raw.as_bytes(), self.is_encoded())
    }

    /// How many bytes are meant.
    pub fn len(self) -> usize {
        if self.is_encoded() { self.bytes().count() } else { self.raw.len() }
    }

    /// Whether it is the empty string.
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// Writes what is meant into `out`, and gives the part that it took.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`](crate::EncodeError::BufferTooSmall) with the size that is needed.
    pub fn decode(self, out: &mut [u8]) -> Result<&mut [u8], crate::EncodeError> {
        let mut len = 0;
        for byte in self.bytes() {
            if let Some(place) = out.get_mut(len) {
                *place = byte;
            }
            len += 1;
        }
        out.get_mut(..len).ok_or(crate::EncodeError::BufferTooSmall { needed: len })
    }
}

/// The bytes that are meant, if percent signs can begin escapes.
pub(crate) fn unescaped(bytes: &[u8], encoded: bool) -> impl Iterator<Item = u8> + Clone {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if encoded
            && let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        rest.split_off_first().copied()
    })
}

/// What a hex digit is worth.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|worth| worth as u8)
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_str() {
            return f.write_str(text);
        }
        let mut character = Character::default();
        for byte in self.bytes() {
            if !character.is_empty() && character.followed_by(byte).is_broken() {
                f.write_str("\u{FFFD}")?;
                // The byte that does not go on with this character may begin the next.
                character = Character::default();
            }
            character = character.followed_by(byte);
            match core::str::from_utf8(character.bytes()) {
                Ok(whole) => f.write_str(whole)?,
                Err(error) if error.error_len().is_none() => continue,
                Err(_) => f.write_str("\u{FFFD}")?,
            }
            character = Character::default();
        }
        if character.is_empty() { Ok(()) } else { f.write_str("\u{FFFD}") }
    }
}

/// The bytes of the character that is being read: four are always one, or none.
#[derive(Clone, Copy, Default)]
struct Character {
    bytes: [u8; 4],
    len: usize,
}

impl Character {
    fn followed_by(mut self, byte: u8) -> Self {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        self
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether more bytes cannot make it one.
    fn is_broken(&self) -> bool {
        core::str::from_utf8(self.bytes()).is_err_and(|error| error.error_len().is_some())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.raw, f)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.is_encoded(), other.is_encoded()) {
            _ if !FAST => self.bytes().eq(other.bytes()),
            (false, false) => self.raw == other.raw,
            (true, false) => self.means(*other),
            (false, true) => other.means(*self),
            (true, true) => self.raw == other.raw || self.means(*other),
        }
    }
}

impl Eq for Text<'_> {}

impl Text<'_> {
    /// Whether this percent-encoded text means the same as the other. An escape is three bytes for one, so that most
    /// differ from a plain one in their lengths already.
    fn means(self, other: Self) -> bool {
        (other.is_encoded() || self.raw.len() >= other.raw.len()) && self.bytes().eq(other.bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == Text::plain(other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == Text::plain(other)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn escapes_mean_bytes_and_what_is_none_means_itself() {
        for (raw, meant) in [
            ("", ""),
            ("plain", "plain"),
            ("%24.mid", "$.mid"),
            ("a%2fb%2Fc", "a/b/c"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("a+b", "a+b"),
            ("%C3%A9", "é"),
            ("%E2%82%AC!", "€!"),
            ("%F0%9F%98%80", "😀"),
            ("%C3é", "\u{FFFD}é"),
            ("%C3", "\u{FFFD}"),
            ("%FF%C3%A9", "\u{FFFD}é"),
            ("%E2%82x", "\u{FFFD}x"),
        ] {
            let text = Text::percent_encoded(raw);
            assert_eq!(text.to_string(), meant, "{raw}");
            if !meant.contains('\u{FFFD}') {
                assert!(text == meant, "{raw}");
                assert_eq!(text.len(), meant.len(), "{raw}");
                let mut out = [0; 16];
                assert_eq!(text.decode(&mut out).unwrap(), meant.as_bytes());
            }
        }
    }

    #[test]
    fn a_plain_text_is_not_decoded() {
        assert!(Text::plain("%41") == "%41");
        assert!(Text::plain("%41") != Text::percent_encoded("%41"));
        assert_eq!(Text::plain("%41").as_str(), Some("%41"));
        assert_eq!(Text::percent_encoded("%41").as_str(), None);
    }

    #[test]
    fn the_size_named_is_enough() {
        let text = Text::percent_encoded("a%20b");
        assert_eq!(text.decode(&mut [0; 2]), Err(crate::EncodeError::BufferTooSmall { needed: 3 }));
    }

    proptest::proptest! {
        #[test]
        fn printing_never_fails_and_agrees_with_the_lossy_reading(bytes: Vec<u8>) {
            let raw: std::string::String = bytes.iter().map(|b| std::format!("%{b:02x}")).collect();
            let printed = Text::percent_encoded(&raw).to_string();
            proptest::prop_assert_eq!(printed, std::string::String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn cut_and_mixed_characters_print_as_the_lossy_reading_does(
            bytes in proptest::collection::vec(
                proptest::sample::select(b"a\x80\xBF\xC0\xC3\xE2\x82\xAC\xED\xA0\xF0\x9F\x98\xF4\x90\xFF".to_vec()),
                0..12,
            )
        ) {
            let raw: std::string::String = bytes.iter().map(|b| std::format!("%{b:02x}")).collect();
            let printed = Text::percent_encoded(&raw).to_string();
            proptest::prop_assert_eq!(printed, std::string::String::from_utf8_lossy(&bytes));
        }
    }
}
