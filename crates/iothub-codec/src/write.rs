use crate::byte_set::ByteSet;
use crate::error::{EncodeError, Field};
use crate::fast::FAST;
use crate::identity::Identity;
use crate::publish::{Publish, Qos};
use crate::section::PropertySection;
use crate::text::{Text, unescaped};

/// Longest topic and longest other field of MQTT, in bytes.
pub(crate) const FIELD_MAX: usize = u16::MAX as usize;

/// Writes into the caller's buffer, and counts past its end: a failed attempt tells the size that is needed.
///
/// What cannot be written is remembered until the end: asking after each step would be most of the code of a program
/// that writes.
pub(crate) struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    /// Where a topic ends that is followed by properties.
    topic_len: Option<usize>,
    /// The first.
    error: Option<EncodeError>,
}

impl<'b> Writer<'b> {
    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0, topic_len: None, error: None }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        copy(bytes, self.buf.get_mut(self.len..).unwrap_or_default());
        self.len = self.len.saturating_add(bytes.len());
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn put_byte(&mut self, byte: u8) {
        if let Some(place) = self.buf.get_mut(self.len) {
            *place = byte;
        }
        self.len = self.len.saturating_add(1);
    }

    pub(crate) fn put_str(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// The text with everything but the unreserved characters of RFC 3986 percent-encoded.
    pub(crate) fn put_encoded<'t>(&mut self, text: impl Into<Text<'t>>) {
        self.put_encoded_but(ByteSet::UNRESERVED, text.into());
    }

    /// The text with everything percent-encoded that is not in the set.
    #[inline]
    pub(crate) fn put_encoded_but(&mut self, plain: ByteSet, text: Text<'_>) {
        if FAST && !text.is_encoded() {
            self.put_encoded_bytes(plain, text.raw().as_bytes());
        } else {
            self.put_encoded_again(plain, text);
        }
    }

    /// A text that may be percent-encoded already, perhaps by other rules.
    #[cfg_attr(feature = "fast", inline(never))]
    fn put_encoded_again(&mut self, plain: ByteSet, text: Text<'_>) {
        if FAST && let Some(text) = text.as_str() {
            self.put_encoded_bytes(plain, text.as_bytes());
        } else {
            self.put_meant(Some(plain), text.raw().as_bytes(), text.is_encoded());
        }
    }

    /// What bytes mean that may be percent-encoded: percent-encoded where they are not in the set, or as it is.
    #[inline(never)]
    pub(crate) fn put_meant(&mut self, plain: Option<ByteSet>, bytes: &[u8], is_encoded: bool) {
        unescaped(bytes, is_encoded).for_each(|byte| match plain {
            Some(plain) if !plain.has(byte) => self.put_escape(byte),
            Some(_) | None => self.put_byte(byte),
        });
    }

    /// The bytes, likewise.
    pub(crate) fn put_encoded_bytes(&mut self, plain: ByteSet, bytes: &[u8]) {
        let run = if FAST { self.put_run(plain, bytes) } else { 0 };
        if run < bytes.len() {
            self.put_encoded_rest(plain, bytes.get(run..).unwrap_or_default());
        }
    }

    /// Most texts have nothing in them that is to be encoded, and do not get here.
    #[inline(never)]
    fn put_encoded_rest(&mut self, plain: ByteSet, rest: &[u8]) {
        let mut rest = rest;
        while let Some((byte, after)) = rest.split_first() {
            self.put_encoded_byte(plain, *byte);
            let run = if FAST { self.put_run(plain, after) } else { 0 };
            rest = after.get(run..).unwrap_or_default();
        }
    }

    fn put_encoded_byte(&mut self, plain: ByteSet, byte: u8) {
        if plain.has(byte) {
            self.put_byte(byte);
        } else {
            self.put_escape(byte);
        }
    }

    /// What stands in front of the first byte that is to be encoded, as far as there is room; gives its length.
    #[inline]
    fn put_run(&mut self, plain: ByteSet, bytes: &[u8]) -> usize {
        let room = self.buf.get_mut(self.len..).unwrap_or_default();
        let mut run = 0;
        for (byte, place) in bytes.iter().zip(room) {
            if !plain.has(*byte) {
                break;
            }
            *place = *byte;
            run += 1;
        }
        self.len += run;
        run
    }

    fn put_escape(&mut self, byte: u8) {
        if FAST && let Some(place) = self.buf.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            let [high, low] =
                [byte >> 4, byte & 0xF].map(|digit| b"0123456789ABCDEF"[usize::from(digit & 0xF)]);
            *place = [b'%', high, low];
            self.len = self.len.saturating_add(3);
        } else {
            self.put_byte(b'%');
            self.put_hex(u32::from(byte), 2, b'A');
        }
    }

    /// What the text means, as it is.
    pub(crate) fn put_text(&mut self, text: Text<'_>) {
        if FAST && let Some(text) = text.as_str() {
            self.put_str(text);
        } else {
            self.put_meant(None, text.raw().as_bytes(), text.is_encoded());
        }
    }

    /// The number in decimal: at most 20 digits, which is how often this calls itself.
    pub(crate) fn put_number(&mut self, number: u64) {
        let (tenth, digit) = last_digit(number);
        if tenth != 0 {
            self.put_number(tenth);
        }
        self.put_byte(b'0' + digit);
    }

    /// As [`Identity`] prints.
    pub(crate) fn put_identity(&mut self, identity: Identity<'_>) {
        self.put_names(identity, "/");
    }

    /// The name of the device, and that of the module, with something between them.
    #[inline]
    pub(crate) fn put_names(&mut self, identity: Identity<'_>, between: &str) {
        self.put_str(identity.device.as_str());
        if let Some(module) = identity.module {
            self.put_str(between);
            self.put_str(module.as_str());
        }
    }

    /// The last digits of the number in hex, with letters from that one on.
    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn put_hex(&mut self, number: u32, digits: u32, letter: u8) {
        for place in (0..digits).rev() {
            let digit = (number >> ((place * 4) & 31) & 0xF) as u8;
            self.put_byte(if digit < 10 { b'0' + digit } else { letter - 10 + digit });
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Something cannot be written.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, error: EncodeError) {
        self.error = self.error.or(Some(error));
    }

    /// Forgets that something could not be written.
    pub(crate) fn take_error(&mut self) -> Option<EncodeError> {
        self.error.take()
    }

    /// What was written so far is a topic, and properties follow.
    pub(crate) fn end_topic(&mut self) {
        self.topic_len = Some(self.len);
    }

    /// What was written from `start` on is that field of a packet.
    pub(crate) fn end_field(&mut self, start: usize, field: Field) {
        if self.len.saturating_sub(start) > FIELD_MAX {
            self.fail(EncodeError::BadValue(field));
        }
    }

    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn finish(&mut self) -> Result<&'b [u8], EncodeError> {
        let Self { buf, len, topic_len: _, error } = self;
        let (buf, len) = (core::mem::take(buf), *len);
        match error {
            Some(error) => Err(*error),
            None => buf.get(..len).ok_or(EncodeError::BufferTooSmall { needed: len }),
        }
    }

    /// A message: the topic, the properties behind it, and what is no part of either.
    #[inline(never)]
    pub(crate) fn finish_publish(
        &mut self,
        payload: &'b [u8],
        qos: Qos,
        retain: bool,
    ) -> Result<Publish<'b>, EncodeError> {
        let len = self.topic_len.unwrap_or(self.len);
        if len > FIELD_MAX && self.error.is_none() {
            return Err(EncodeError::TopicTooLong { len });
        }
        let wire = self.finish()?;
        let (topic, properties) = wire.split_at_checked(len).unwrap_or_default();
        // Only whole strings and ASCII were put in, so that it always is one.
        let topic = core::str::from_utf8(topic).map_err(|_| EncodeError::NotExpressible)?;
        let properties = PropertySection::written(properties);
        Ok(Publish { topic, properties, payload, qos, retain, duplicate: false })
    }

    pub(crate) fn finish_str(&mut self) -> Result<&'b str, EncodeError> {
        // Only whole strings and ASCII were put in, so that it always is one.
        core::str::from_utf8(self.finish()?).map_err(|_| EncodeError::NotExpressible)
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
        self.len = start.saturating_add(2);
        start
    }

    /// Puts the length of what was written since then in its place.
    pub(crate) fn end_block(&mut self, start: usize) {
        let len = self.len.saturating_sub(start).saturating_sub(2);
        match u16::try_from(len) {
            Ok(short) => {
                if let Some(place) = self.buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
                    *place = short.to_be_bytes();
                }
            }
            Err(_) => self.fail(EncodeError::PropertyTooLong { len }),
        }
    }
}

/// As many bytes as there are, if there is room for them. `copy_from_slice` brings a panic along where it is not
/// inlined.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    let Some((to, _)) = to.split_at_mut_checked(from.len()) else { return };
    to.iter_mut().zip(from).for_each(|(place, byte)| *place = *byte);
}

/// What stands in front of the last digit, and that digit.
fn last_digit(number: u64) -> (u64, u8) {
    if FAST && let Ok(number) = u32::try_from(number) {
        return (u64::from(number / 10), (number % 10) as u8);
    }
    // Small machines have no division of 64 bits, and this is shorter than one.
    let mut bytes = number.to_be_bytes();
    let mut rest = 0;
    for byte in &mut bytes {
        let part = rest << 8 | u16::from(*byte);
        *byte = (part / 10) as u8;
        rest = part % 10;
    }
    (u64::from_be_bytes(bytes), rest as u8)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_all_lengths_are_as_they_print() {
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        let bounds = [0, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX];
        for number in powers.flat_map(|power| [power - 1, power, power + 1]).chain(bounds) {
            let mut out = [0; 20];
            let mut writer = Writer::new(&mut out);
            writer.put_number(number);
            assert_eq!(writer.finish_str().unwrap(), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn any_number_is_as_it_prints(number: u64) {
            let mut out = [0; 20];
            let mut writer = Writer::new(&mut out);
            writer.put_number(number);
            prop_assert_eq!(writer.finish_str().unwrap(), number.to_string());
        }
    }
}
