use core::str;

use super::SectionOf;
use super::property::{id, packets, shape};
use crate::error::DecodeErrorKind;
use crate::fast::FAST;
use crate::word;

/// One property as it stands on the wire.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) id: u8,
    /// The name of a user property; of others there is none.
    pub(crate) name: &'a [u8],
    /// Without its length.
    pub(crate) value: &'a [u8],
}

/// How far the value of a property reaches, and what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// There is no such property.
    None,
    /// A byte that is 0 or 1.
    Flag,
    U16,
    PositiveU16,
    U32,
    PositiveU32,
    /// A number in 1 to 4 bytes, and not 0.
    Varint,
    Text,
    /// A text without wildcards.
    Topic,
    Bytes,
    Pair,
}

impl<'a> Raw<'a> {
    /// The first property, and what follows it. `None` if there is no whole one.
    pub(crate) fn split(wire: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&id, rest) = wire.split_first()?;
        let shape = shape(id);
        let (name, rest) = if shape == Shape::Pair { block(rest)? } else { (&[][..], rest) };
        let len = match shape {
            Shape::None => return None,
            Shape::Flag => Some(1),
            Shape::U16 | Shape::PositiveU16 => Some(2),
            Shape::U32 | Shape::PositiveU32 => Some(4),
            Shape::Varint => {
                let first = rest.get(..4).unwrap_or(rest);
                Some(first.iter().position(|byte| byte & 0x80 == 0)? + 1)
            }
            Shape::Text | Shape::Topic | Shape::Bytes | Shape::Pair => None,
        };
        let (value, rest) = match len {
            Some(len) => rest.split_at_checked(len)?,
            None => block(rest)?,
        };
        Some((Self { id, name, value }, rest))
    }

    /// Whether the value is one that the property may have.
    pub(super) fn check(&self) -> Result<(), DecodeErrorKind> {
        let value = self.value;
        let (formed, allowed) = match shape(self.id) {
            Shape::None => (false, false),
            Shape::Flag => (true, matches!(value, [0 | 1])),
            Shape::U16 | Shape::U32 | Shape::Bytes => (true, true),
            Shape::PositiveU16 | Shape::PositiveU32 => (true, value.iter().any(|byte| *byte != 0)),
            // Of several bytes the last is not 0: the number would be shorter without it.
            Shape::Varint => (!matches!(value, [_, .., 0]), value != [0]),
            Shape::Text => (is_text(value), true),
            Shape::Topic => (is_text(value), !value.iter().any(|byte| matches!(byte, b'+' | b'#'))),
            Shape::Pair => (is_text(self.name) && is_text(value), true),
        };
        match (formed, allowed) {
            (false, _) => Err(DecodeErrorKind::Malformed),
            (true, false) => Err(DecodeErrorKind::NotAllowed),
            (true, true) => Ok(()),
        }
    }
}

/// What follows a user property that is in order. `None` if the first is not one.
#[inline]
pub(super) fn split_user(wire: &[u8]) -> Option<&[u8]> {
    let [id::USER, rest @ ..] = wire else { return None };
    let (name, rest) = block(rest)?;
    let (value, rest) = block(rest)?;
    (is_text(name) && is_text(value)).then_some(rest)
}

/// The identifier of the first property, and what follows it.
pub(super) fn skip(wire: &[u8]) -> Option<(u8, &[u8])> {
    if let [id::USER, rest @ ..] = wire {
        let (_, rest) = block(rest)?;
        let (_, rest) = block(rest)?;
        return Some((id::USER, rest));
    }
    Raw::split(wire).map(|(raw, rest)| (raw.id, rest))
}

/// What a two-byte length announces, and what follows it.
fn block(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = wire.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// Whether MQTT takes the bytes for a string: UTF-8 without NUL.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    (FAST && word::is_ascii_without_nul(bytes))
        || (word::find(bytes, 0).is_none() && str::from_utf8(bytes).is_ok())
}

/// Bytes of a section, which have been checked to be text or were written as such.
pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// Which properties a section has, as [`PropertySection::check`](super::PropertySection::check) finds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(u64);

impl SectionOf {
    /// Whether the property may stand in such a packet.
    pub(super) fn has(self, id: u8) -> bool {
        packets(id) & (1 << self as u16) != 0
    }
}

impl Present {
    /// Whether there is one with such an identifier.
    pub const fn has(self, id: u8) -> bool {
        id < 64 && self.0 & (1 << id) != 0
    }

    /// Whether all of them may stand in such a packet.
    pub fn suit(self, of: SectionOf) -> bool {
        let mut left = self.0;
        while left != 0 {
            if !of.has(left.trailing_zeros() as u8) {
                return false;
            }
            left &= left - 1;
        }
        true
    }

    /// Takes note of a property, unless it may stand only once and did.
    pub(super) fn admit(&mut self, id: u8, of: SectionOf) -> Result<(), DecodeErrorKind> {
        let repeats = id == id::USER || (id == id::SUBSCRIPTION_IDENTIFIER && of == SectionOf::Publish);
        if self.has(id) && !repeats {
            return Err(DecodeErrorKind::NotAllowed);
        }
        self.add(id);
        Ok(())
    }

    pub(super) const fn add(&mut self, id: u8) {
        self.0 |= 1 << (id & 63);
    }
}

#[cfg(test)]
mod tests {
    use super::super::PropertySection;
    use super::*;

    const ALIAS: u8 = 0x23;
    const IDENTIFIER: u8 = 0x0B;

    #[test]
    fn what_is_present_is_said_by_the_check_and_afterwards() {
        let all = b"\x01\x01\x02\0\0\0\x09\x26\0\x01n\0\x02vv\x03\0\x01c\x08\0\x01r\x09\0\x01d";
        let more = [&all[..], b"\x0b\xff\x7f\x23\x01\x02\x0b\x01"].concat();
        for (wire, numbers) in [(&b""[..], false), (all, false), (&more, true)] {
            let (section, present) = PropertySection::check(wire, SectionOf::Publish).unwrap();
            assert_eq!(section.present(), present, "{wire:02x?}");
            assert_eq!([ALIAS, IDENTIFIER].map(|id| present.has(id)), [numbers; 2], "{wire:02x?}");
            for id in 0..=u8::MAX {
                assert_eq!(present.has(id), section.find(id).is_some(), "{id} in {wire:02x?}");
            }
        }
    }

    #[test]
    fn whether_a_section_suits_another_packet_is_known_from_what_is_present() {
        for (wire, of, suits) in [
            (&b""[..], SectionOf::Connect, true),
            (b"\x26\0\0\0\0", SectionOf::Auth, true),
            (b"\x01\x01\x03\0\x01c", SectionOf::Will, true),
            (b"\x11\0\0\0\x01", SectionOf::Connect, false),
            (b"\x1f\0\x01x", SectionOf::PubAck, false),
            (b"\x01\x01\x18\0\0\0\x01", SectionOf::Will, false),
            (b"\x26\0\0\0\0\x15\0\x01x", SectionOf::Auth, false),
        ] {
            let (_, present) = PropertySection::check(wire, of).unwrap();
            assert!(present.suit(of), "{wire:02x?}");
            assert_eq!(present.suit(SectionOf::Publish), suits, "{wire:02x?}");
        }
    }
}
