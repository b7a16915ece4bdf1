use super::property::{SectionProperty, id};
use super::raw::{Present, is_text};
use super::{PropertySection, SectionOf};
use crate::error::EncodeError;
use crate::fast::FAST;
use crate::text::Text;
use crate::word;
use crate::write::Writer;

/// Writes a section of an MQTT 5 packet into a buffer of the caller's.
///
/// ```
/// use iothub_codec::{PropertySection, Qos, SectionOf, SectionProperty, SectionWriter};
///
/// let mut buffer = [0; 16];
/// let mut section = SectionWriter::new(SectionOf::ConnAck, &mut buffer);
/// section.put(SectionProperty::ReceiveMaximum(16))?;
/// section.put(SectionProperty::MaximumQos(Qos::AtLeastOnce))?;
/// let section = section.finish()?;
/// assert_eq!(section.as_wire(), [0x21, 0, 16, 0x24, 1]);
/// assert_eq!(section.receive_maximum(), Some(16));
/// # Ok::<(), iothub_codec::EncodeError>(())
/// ```
pub struct SectionWriter<'b> {
    out: Writer<'b>,
    of: SectionOf,
    seen: Present,
}

impl<'b> SectionWriter<'b> {
    /// An empty section of such a packet.
    pub fn new(of: SectionOf, out: &'b mut [u8]) -> Self {
        Self { out: Writer::new(out), of, seen: Present::default() }
    }

    /// Puts a property behind those that are there.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotExpressible`] for a property that does not belong in the packet, that may stand only once
    /// and does already, or that may not have this value; a text with NUL among them, if there is room for it.
    /// [`EncodeError::PropertyTooLong`]. The section is what it was, and can be gone on with.
    pub fn put(&mut self, property: SectionProperty<'_>) -> Result<(), EncodeError> {
        let mut seen = self.seen;
        if !self.of.has(property.id()) || seen.admit(property.id(), self.of).is_err() {
            return Err(EncodeError::NotExpressible);
        }
        let before = self.out.len();
        property.put(&mut self.out);
        match self.out.take_error() {
            None => {
                self.seen = seen;
                Ok(())
            }
            Some(error) => {
                self.out.truncate(before);
                Err(error)
            }
        }
    }

    /// The section.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`] with the size that is needed.
    pub fn finish(mut self) -> Result<PropertySection<'b>, EncodeError> {
        self.out.finish().map(PropertySection::written)
    }
}

/// A user property, with `prefix` in front of its name.
pub(crate) fn put_user(prefix: &str, name: Text<'_>, value: Text<'_>, out: &mut Writer<'_>) {
    out.put_byte(id::USER);
    put_text(prefix, name, out);
    put_text("", value, out);
}

/// A user property whose value is a number.
pub(crate) fn put_decimal(name: &str, value: u64, out: &mut Writer<'_>) {
    out.put_byte(id::USER);
    put_text("", Text::plain(name), out);
    let start = out.begin_block();
    out.put_number(value);
    out.end_block(start);
}

/// A string with its length.
pub(crate) fn put_text(prefix: &str, text: Text<'_>, out: &mut Writer<'_>) {
    let start = out.begin_block();
    out.put_str(prefix);
    out.put_text(text);
    out.end_block(start);
    // Without room for it the caller is asked for some first. Escapes may mean anything.
    let is_sound = |written: &[u8]| {
        if FAST && text.as_str().is_some() { word::find(written, 0).is_none() } else { is_text(written) }
    };
    if !out.since(start + 2).is_none_or(is_sound) {
        out.fail(EncodeError::NotExpressible);
    }
}

/// Bytes with their length.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Writer<'_>) {
    let start = out.begin_block();
    out.put(bytes);
    out.end_block(start);
}
