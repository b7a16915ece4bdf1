mod kind;
mod property;
mod raw;
mod write;

pub use property::{SectionProperty, UserProperty};
pub use raw::Present;
pub use write::SectionWriter;

pub(crate) use property::id;
pub(crate) use raw::{Raw, text};
pub(crate) use write::{put_bytes, put_decimal, put_text, put_user};

use core::fmt;

use crate::error::{DecodeError, DecodeErrorKind, Place};

/// The property section of an MQTT 5 packet, in wire form and without its length.
///
/// An MQTT stack copies [`Self::as_wire`] behind the length into its packet, and makes one of what it reads with
/// [`Self::from_wire`], which checks all of it once. Over MQTT 3.1.1 it is [`Self::EMPTY`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PropertySection<'a>(&'a [u8]);

/// Which packet a section stands in: each has properties of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SectionOf {
    /// CONNECT, apart from the will.
    Connect,
    /// The will in a CONNECT.
    Will,
    /// CONNACK.
    ConnAck,
    /// PUBLISH.
    Publish,
    /// PUBACK; PUBREC, PUBREL and PUBCOMP have the same.
    PubAck,
    /// SUBSCRIBE.
    Subscribe,
    /// SUBACK.
    SubAck,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// UNSUBACK.
    UnsubAck,
    /// DISCONNECT.
    Disconnect,
    /// AUTH.
    Auth,
}

impl<'a> PropertySection<'a> {
    /// No properties.
    pub const EMPTY: Self = Self(&[]);

    /// Checks what stands behind the length of a section of such a packet: that there are whole properties which
    /// belong there, each with a value of its type, and none twice that may stand only once.
    ///
    /// # Errors
    ///
    /// At the byte where the first property begins that is not in order: [`DecodeErrorKind::Malformed`] where MQTT
    /// speaks of a malformed packet (reason code 0x81), and [`DecodeErrorKind::NotAllowed`] where it speaks of a
    /// protocol error (0x82).
    pub fn from_wire(wire: &'a [u8], of: SectionOf) -> Result<Self, DecodeError> {
        Self::check(wire, of).map(|(section, _)| section)
    }

    /// As [`Self::from_wire`], and says which properties there are, which then need not be looked for.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn check(wire: &'a [u8], of: SectionOf) -> Result<(Self, Present), DecodeError> {
        let mut seen = Present::default();
        let mut rest = wire;
        while !rest.is_empty() {
            // Most are, in most messages; they may stand everywhere, and any number of times.
            if let Some(after) = raw::split_user(rest) {
                seen.add(id::USER);
                rest = after;
                continue;
            }
            let bad = |kind| DecodeError { place: Place::Properties(wire.len() - rest.len()), kind };
            // What is malformed is told before what is not allowed: whoever cannot be read cannot be judged.
            let whole = Raw::split(rest).filter(|(raw, _)| of.has(raw.id));
            let (raw, after) = whole.ok_or(bad(DecodeErrorKind::Malformed))?;
            raw.check().map_err(bad)?;
            seen.admit(raw.id, of).map_err(bad)?;
            rest = after;
        }
        Ok((Self(wire), seen))
    }

    /// Which properties there are.
    pub fn present(self) -> Present {
        let mut present = Present::default();
        let mut rest = self.0;
        while let Some((id, after)) = raw::skip(rest) {
            present.add(id);
            rest = after;
        }
        present
    }

    pub(crate) const fn written(wire: &'a [u8]) -> Self {
        Self(wire)
    }

    /// The bytes, as they stand in a packet behind the section's length.
    pub const fn as_wire(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no properties.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they stand.
    pub fn iter(self) -> impl Iterator<Item = SectionProperty<'a>> + Clone {
        self.raw().filter_map(|(_, raw)| SectionProperty::read(raw))
    }

    /// The user properties, in the order in which they stand.
    pub fn user(self) -> impl Iterator<Item = UserProperty<'a>> + Clone {
        self.raw().filter(|(_, raw)| raw.id == id::USER).map(|(_, raw)| UserProperty::read(raw))
    }

    /// Takes off the first.
    pub(crate) fn take_raw(&mut self) -> Option<Raw<'a>> {
        let (raw, rest) = Raw::split(self.0)?;
        self.0 = rest;
        Some(raw)
    }

    /// Each with the byte at which it begins.
    pub(crate) fn raw(self) -> impl Iterator<Item = (usize, Raw<'a>)> + Clone {
        let wire = self.0;
        let mut rest = wire;
        core::iter::from_fn(move || {
            let at = wire.len() - rest.len();
            let (raw, after) = Raw::split(rest)?;
            rest = after;
            Some((at, raw))
        })
    }

    pub(crate) fn find(self, id: u8) -> Option<Raw<'a>> {
        self.raw().map(|(_, raw)| raw).find(|raw| raw.id == id)
    }

    /// Where something missing would have stood.
    pub(crate) const fn end(self) -> Place {
        Place::Properties(self.0.len())
    }
}

impl fmt::Debug for PropertySection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
