use super::raw::{Raw, Shape, text};
use super::{put_bytes, put_text, put_user};
use crate::error::EncodeError;
use crate::publish::Qos;
use crate::section::UserProperty;
use crate::text::Text;
use crate::write::Writer;

/// The type of a property: how it stands on the wire, and what it is to the caller.
pub(super) trait Kind {
    const SHAPE: Shape;
    type Value<'a>: Copy;

    /// Of a property that has been checked.
    fn read(raw: Raw<'_>) -> Self::Value<'_>;

    /// A value that the property may not have is an error of the writer's.
    fn put(value: Self::Value<'_>, out: &mut Writer<'_>);
}

pub(super) enum Flag {}
pub(super) enum MostQos {}
pub(super) enum U16 {}
pub(super) enum PositiveU16 {}
pub(super) enum U32 {}
pub(super) enum PositiveU32 {}
pub(super) enum Varint {}
pub(super) enum Str {}
pub(super) enum Topic {}
pub(super) enum Bytes {}
pub(super) enum Pair {}

impl Kind for Flag {
    const SHAPE: Shape = Shape::Flag;
    type Value<'a> = bool;

    fn read(raw: Raw<'_>) -> bool {
        raw.value == [1]
    }

    fn put(value: bool, out: &mut Writer<'_>) {
        out.put(&[u8::from(value)]);
    }
}

impl Kind for MostQos {
    const SHAPE: Shape = Shape::Flag;
    type Value<'a> = Qos;

    fn read(raw: Raw<'_>) -> Qos {
        if Flag::read(raw) { Qos::AtLeastOnce } else { Qos::AtMostOnce }
    }

    fn put(value: Qos, out: &mut Writer<'_>) {
        Flag::put(value == Qos::AtLeastOnce, out);
    }
}

impl Kind for U16 {
    const SHAPE: Shape = Shape::U16;
    type Value<'a> = u16;

    fn read(raw: Raw<'_>) -> u16 {
        raw.value.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }

    fn put(value: u16, out: &mut Writer<'_>) {
        out.put(&value.to_be_bytes());
    }
}

impl Kind for U32 {
    const SHAPE: Shape = Shape::U32;
    type Value<'a> = u32;

    fn read(raw: Raw<'_>) -> u32 {
        raw.value.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    fn put(value: u32, out: &mut Writer<'_>) {
        out.put(&value.to_be_bytes());
    }
}

impl Kind for PositiveU16 {
    const SHAPE: Shape = Shape::PositiveU16;
    type Value<'a> = u16;

    fn read(raw: Raw<'_>) -> u16 {
        U16::read(raw)
    }

    fn put(value: u16, out: &mut Writer<'_>) {
        if value == 0 {
            out.fail(EncodeError::NotExpressible);
        }
        U16::put(value, out);
    }
}

impl Kind for PositiveU32 {
    const SHAPE: Shape = Shape::PositiveU32;
    type Value<'a> = u32;

    fn read(raw: Raw<'_>) -> u32 {
        U32::read(raw)
    }

    fn put(value: u32, out: &mut Writer<'_>) {
        if value == 0 {
            out.fail(EncodeError::NotExpressible);
        }
        U32::put(value, out);
    }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
impl Kind for Varint {
    const SHAPE: Shape = Shape::Varint;
    type Value<'a> = u32;

    fn read(raw: Raw<'_>) -> u32 {
        raw.value.iter().rev().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7F))
    }

    fn put(value: u32, out: &mut Writer<'_>) {
        if !matches!(value, 1..=0x0FFF_FFFF) {
            out.fail(EncodeError::NotExpressible);
        }
        let mut rest = value;
        while rest > 0x7F {
            out.put(&[(rest & 0x7F) as u8 | 0x80]);
            rest >>= 7;
        }
        out.put(&[rest as u8]);
    }
}

impl Kind for Str {
    const SHAPE: Shape = Shape::Text;
    type Value<'a> = &'a str;

    fn read(raw: Raw<'_>) -> &str {
        text(raw.value)
    }

    fn put(value: &str, out: &mut Writer<'_>) {
        put_text("", Text::plain(value), out);
    }
}

impl Kind for Topic {
    const SHAPE: Shape = Shape::Topic;
    type Value<'a> = &'a str;

    fn read(raw: Raw<'_>) -> &str {
        text(raw.value)
    }

    fn put(value: &str, out: &mut Writer<'_>) {
        if value.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
            out.fail(EncodeError::NotExpressible);
        }
        Str::put(value, out);
    }
}

impl Kind for Bytes {
    const SHAPE: Shape = Shape::Bytes;
    type Value<'a> = &'a [u8];

    fn read(raw: Raw<'_>) -> &[u8] {
        raw.value
    }

    fn put(value: &[u8], out: &mut Writer<'_>) {
        put_bytes(value, out);
    }
}

impl Kind for Pair {
    const SHAPE: Shape = Shape::Pair;
    type Value<'a> = UserProperty<'a>;

    fn read(raw: Raw<'_>) -> UserProperty<'_> {
        UserProperty { name: text(raw.name), value: text(raw.value) }
    }

    fn put(value: UserProperty<'_>, out: &mut Writer<'_>) {
        put_user("", Text::plain(value.name), Text::plain(value.value), out);
    }
}
