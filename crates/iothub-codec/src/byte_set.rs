/// Which bytes may stand somewhere: a bit for each.
#[derive(Clone, Copy)]
pub(crate) struct ByteSet([u32; 8]);

impl ByteSet {
    /// What RFC 3986 never encodes.
    pub(crate) const UNRESERVED: Self = Self::ALPHANUMERIC.with(b"-._~");
    pub(crate) const ALPHANUMERIC: Self =
        Self([0; 8]).with(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    /// Printable ASCII but the space.
    pub(crate) const GRAPHIC: Self = Self([0, u32::MAX, u32::MAX, u32::MAX, 0, 0, 0, 0]).without(b" \x7F");

    pub(crate) const fn with(self, bytes: &[u8]) -> Self {
        let (Self(mut bits), mut rest) = (self, bytes);
        while let [byte, after @ ..] = rest {
            bits[(*byte >> 5) as usize] |= 1 << (*byte & 31);
            rest = after;
        }
        Self(bits)
    }

    pub(crate) const fn without(self, bytes: &[u8]) -> Self {
        let (Self(mut bits), mut rest) = (self, bytes);
        while let [byte, after @ ..] = rest {
            bits[(*byte >> 5) as usize] &= !(1 << (*byte & 31));
            rest = after;
        }
        Self(bits)
    }

    pub(crate) const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 5) as usize] >> (byte & 31) & 1 != 0
    }

    /// Where the first byte stands that is not in the set.
    pub(crate) fn stranger(&self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|byte| !self.has(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_what_their_names_say() {
        for byte in 0..=u8::MAX {
            assert_eq!(ByteSet::ALPHANUMERIC.has(byte), byte.is_ascii_alphanumeric(), "{byte}");
            assert_eq!(ByteSet::GRAPHIC.has(byte), byte.is_ascii_graphic(), "{byte}");
            let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            assert_eq!(ByteSet::UNRESERVED.has(byte), unreserved, "{byte}");
            assert_eq!(ByteSet::UNRESERVED.without(b"a~").has(byte), unreserved && !b"a~".contains(&byte));
        }
        assert_eq!(ByteSet::ALPHANUMERIC.stranger(b"ab-c"), Some(2));
        assert_eq!(ByteSet::ALPHANUMERIC.stranger(b"abc"), None);
    }
}
