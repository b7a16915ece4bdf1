use crate::fast::FAST;

/// Which bytes may stand somewhere.
#[derive(Clone, Copy)]
pub(crate) struct ByteSet(u8);

impl ByteSet {
    /// What RFC 3986 never encodes.
    pub(crate) const UNRESERVED: Self = Self(1);
    /// That, and `@`, which the samples of one reference show as it is.
    pub(crate) const UNRESERVED_OR_AT: Self = Self(2);
    /// The name of a device or module.
    pub(crate) const NAME: Self = Self(4);
    /// The name of a method: printable ASCII, without what the reference excludes and without MQTT's wildcards.
    pub(crate) const METHOD: Self = Self(8);
    /// The name of a host, which is the first part of a path, and no list of parameters.
    pub(crate) const HOST: Self = Self(16);
    /// What is no control character, does not end a parameter and may stand in a topic.
    pub(crate) const WORD: Self = Self(32);

    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        sets(byte) & self.0 != 0
    }

    /// Where the first byte stands that is not in the set.
    pub(crate) fn stranger(self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while FAST && let Some((eight, after)) = rest.split_first_chunk::<8>() {
            // All eight are looked at: to stop between them is more work.
            if eight.iter().fold(self.0, |sets_in, byte| sets_in & sets(*byte)) == 0 {
                break;
            }
            rest = after;
        }
        while let Some((byte, after)) = rest.split_first() {
            if !self.has(*byte) {
                return Some(bytes.len() - rest.len());
            }
            rest = after;
        }
        None
    }
}

#[inline]
fn sets(byte: u8) -> u8 {
    SETS.get(usize::from(byte.wrapping_sub(FIRST))).copied().unwrap_or(0)
}

/// The sets that each byte is in, from [`FIRST`] on. Those that are not printable are in none, and need not be in the
/// table for that.
static SETS: [u8; if FAST { 256 } else { 95 }] = {
    let mut sets = [0; _];
    let mut byte = b' ';
    while byte <= b'~' {
        sets[(byte - FIRST) as usize] = sets_of(byte);
        byte += 1;
    }
    sets
};

const FIRST: u8 = if FAST { 0 } else { b' ' };

const fn sets_of(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let graphic = byte.is_ascii_graphic();
    let unreserved = alphanumeric || is_of(b"-._~", byte);
    let mut sets = 0;
    if unreserved {
        sets |= ByteSet::UNRESERVED.0;
    }
    if unreserved || byte == b'@' {
        sets |= ByteSet::UNRESERVED_OR_AT.0;
    }
    if alphanumeric || is_of(b"-:.+%_#*?!(),=@$'", byte) {
        sets |= ByteSet::NAME.0;
    }
    if graphic && !is_of(b"$()<>@,;:\\\"/[]?={}#+", byte) {
        sets |= ByteSet::METHOD.0;
    }
    if graphic && !is_of(b"/&=", byte) {
        sets |= ByteSet::HOST.0;
    }
    if (graphic || byte == b' ') && !is_of(b"&#+", byte) {
        sets |= ByteSet::WORD.0;
    }
    sets
}

const fn is_of(bytes: &[u8], byte: u8) -> bool {
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        if *first == byte {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascii_is_in_a_set_and_what_is_encoded_in_none_of_those_that_are_not() {
        for byte in 0..=u8::MAX {
            let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            assert_eq!(ByteSet::UNRESERVED.has(byte), unreserved, "{byte}");
            assert_eq!(ByteSet::UNRESERVED_OR_AT.has(byte), unreserved || byte == b'@', "{byte}");
            for set in [ByteSet::NAME, ByteSet::METHOD, ByteSet::HOST] {
                assert!(byte.is_ascii_graphic() || !set.has(byte), "{byte}");
            }
            assert_eq!(
                ByteSet::WORD.has(byte),
                matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'#' | b'+'),
                "{byte}"
            );
        }
        assert_eq!(ByteSet::UNRESERVED.stranger(b"ab c"), Some(2));
        assert_eq!(ByteSet::UNRESERVED.stranger(b"abc"), None);
    }
}
