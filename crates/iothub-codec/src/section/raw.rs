use core::str;

use super::SectionOf;
use super::property::{id, row};
use crate::error::DecodeErrorKind;
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
        let (name, (value, rest)) = match row(id)?.shape {
            Shape::None => return None,
            Shape::Flag => (&[][..], rest.split_at_checked(1)?),
            Shape::U16 | Shape::PositiveU16 => (&[][..], rest.split_at_checked(2)?),
            Shape::U32 | Shape::PositiveU32 => (&[][..], rest.split_at_checked(4)?),
            Shape::Varint => {
                let last = rest.iter().take(4).position(|byte| byte & 0x80 == 0)?;
                (&[][..], rest.split_at_checked(last + 1)?)
            }
            Shape::Text | Shape::Topic | Shape::Bytes => (&[][..], block(rest)?),
            Shape::Pair => {
                let (name, rest) = block(rest)?;
                (name, block(rest)?)
            }
        };
        Some((Self { id, name, value }, rest))
    }

    /// Whether the value is one that the property may have.
    pub(super) fn check(&self) -> Result<(), DecodeErrorKind> {
        let value = self.value;
        let (formed, allowed) = match row(self.id).map_or(Shape::None, |row| row.shape) {
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

/// What a two-byte length announces, and what follows it.
fn block(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = wire.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// Whether MQTT takes the bytes for a string: UTF-8 without NUL.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    word::is_ascii_without_nul(bytes) || (!bytes.contains(&0) && str::from_utf8(bytes).is_ok())
}

/// Bytes of a section, which have been checked to be text or were written as such.
pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// The properties that a section has had so far: one bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen(u64);

impl SectionOf {
    /// Whether the property may stand in such a packet.
    pub(super) fn has(self, id: u8) -> bool {
        row(id).is_some_and(|row| row.packets & (1 << self as u16) != 0)
    }
}

impl Seen {
    /// Takes note of a property, unless it may stand only once and did.
    pub(super) fn admit(&mut self, id: u8, of: SectionOf) -> Result<(), DecodeErrorKind> {
        let bit = 1 << (id & 63);
        let repeats = id == id::USER || (id == id::SUBSCRIPTION_IDENTIFIER && of == SectionOf::Publish);
        if self.0 & bit != 0 && !repeats {
            return Err(DecodeErrorKind::NotAllowed);
        }
        self.0 |= bit;
        Ok(())
    }
}
