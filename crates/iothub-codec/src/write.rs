use core::fmt;

use crate::error::EncodeError;
use crate::text::Text;

/// Writes into the caller's buffer, and counts past its end: a failed attempt tells the size that is needed.
pub(crate) struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(room) = self.buf.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        }
        self.len = end;
    }

    pub(crate) fn put_str(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// The text with everything but the unreserved characters of RFC 3986 percent-encoded.
    pub(crate) fn put_encoded(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.put(&[byte]);
            } else {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |nibble: u8| DIGITS[usize::from(nibble & 0xF)];
                self.put(&[b'%', digit(byte >> 4), digit(byte)]);
            }
        }
    }

    /// What the text means, as it is.
    pub(crate) fn put_text(&mut self, text: Text<'_>) {
        match text.as_str() {
            Some(text) => self.put_str(text),
            None => text.bytes().for_each(|byte| self.put(&[byte])),
        }
    }

    pub(crate) fn put_display(&mut self, value: impl fmt::Display) {
        // Only the value's own `Display` could fail, and those of numbers and identities do not.
        let _ = fmt::Write::write_fmt(self, format_args!("{value}"));
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn finish(self) -> Result<&'b [u8], EncodeError> {
        let Self { buf, len } = self;
        buf.get(..len).ok_or(EncodeError::BufferTooSmall { needed: len })
    }

    pub(crate) fn finish_str(self) -> Result<&'b str, EncodeError> {
        let bytes = self.finish()?;
        Ok(core::str::from_utf8(bytes).expect("only whole strings and ASCII were put in"))
    }

    /// What was written from `at` on, if there was room for it.
    pub(crate) fn since(&self, at: usize) -> Option<&[u8]> {
        self.buf.get(at..self.len)
    }

    /// Takes back what was written behind `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Leaves room for a two-byte length, and says where.
    pub(crate) fn begin_block(&mut self) -> usize {
        let start = self.len;
        self.put(&[0, 0]);
        start
    }

    /// Puts the length of what was written since then in its place.
    pub(crate) fn end_block(&mut self, start: usize) -> Result<(), EncodeError> {
        let len = self.len.saturating_sub(start).saturating_sub(2);
        let short = u16::try_from(len).map_err(|_| EncodeError::PropertyTooLong { len })?;
        self.patch_u16(start, short);
        Ok(())
    }

    /// Puts a two-byte length in place that was left open at `at`.
    pub(crate) fn patch_u16(&mut self, at: usize, value: u16) {
        if let Some(place) = self.buf.get_mut(at..at.saturating_add(2)) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put_str(text);
        Ok(())
    }
}
