use iothub_codec::{PropertySection, SectionOf};
use iothub_proto::PacketKind;

use crate::error::WriteError;
use crate::topic;

/// Writes one packet: what can be refused first, then the header, then the fields.
pub(crate) struct Writer<'o> {
    packet: PacketKind,
    out: &'o mut Vec<u8>,
    max: u32,
}

impl<'o> Writer<'o> {
    /// Appends to `out` a packet of at most `max` bytes. After an error there may be a part of it.
    pub(crate) const fn new(packet: PacketKind, out: &'o mut Vec<u8>, max: u32) -> Self {
        Self { packet, out, max }
    }

    /// Writes the fixed header, if the packet that it announces is allowed.
    #[inline]
    pub(crate) fn header(&mut self, first: u8, remaining: usize) -> Result<(), WriteError> {
        let len = 1 + length_len(remaining) + remaining;
        let max = self.max.min(LONGEST_PACKET);
        if len > max as usize {
            return Err(WriteError::PacketTooLong { packet: self.packet, len, max });
        }
        self.out.reserve(len);
        self.put(&[first]);
        self.length(remaining);
        Ok(())
    }

    /// Writes a packet of two bytes behind its header.
    pub(crate) fn pair(&mut self, first: u8, bytes: [u8; 2]) -> Result<(), WriteError> {
        self.header(first, bytes.len())?;
        self.put(&bytes);
        Ok(())
    }

    /// Bytes, with their length in front.
    #[inline]
    pub(crate) fn field(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let len = u16::try_from(bytes.len())
            .map_err(|_| WriteError::FieldTooLong { packet: self.packet, len: bytes.len() })?;
        self.put(&len.to_be_bytes());
        self.put(bytes);
        Ok(())
    }

    /// A section of properties, with its length in front.
    pub(crate) fn properties(&mut self, properties: PropertySection<'_>) {
        self.length(properties.as_wire().len());
        self.put(properties.as_wire());
    }

    #[inline]
    pub(crate) fn length(&mut self, length: usize) {
        let mut left = length;
        while left > 0x7f {
            self.put(&[(left & 0x7f) as u8 | 0x80]);
            left >>= 7;
        }
        self.put(&[left as u8]);
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) const fn packet(&self) -> PacketKind {
        self.packet
    }

    pub(crate) fn expressible(&self, is: bool) -> Result<(), WriteError> {
        if is { Ok(()) } else { Err(WriteError::NotExpressible { packet: self.packet }) }
    }

    /// Refuses a section of another packet.
    pub(crate) fn section(&self, properties: PropertySection<'_>, of: SectionOf) -> Result<(), WriteError> {
        self.expressible(
            properties.is_empty() || PropertySection::from_wire(properties.as_wire(), of).is_ok(),
        )
    }

    pub(crate) fn text(&self, text: &str) -> Result<(), WriteError> {
        if text.contains('\0') { Err(WriteError::BadText { packet: self.packet }) } else { Ok(()) }
    }

    pub(crate) fn topic(&self, name: &str) -> Result<(), WriteError> {
        if topic::is_name(name) { Ok(()) } else { Err(WriteError::BadTopic { packet: self.packet }) }
    }
}

/// How many bytes a length takes.
pub(crate) const fn length_len(length: usize) -> usize {
    match length {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// How many bytes a section takes, with its length.
pub(crate) const fn section_len(properties: PropertySection<'_>) -> usize {
    let len = properties.as_wire().len();
    length_len(len) + len
}

/// The longest packet that a remaining length can announce, in bytes.
const LONGEST_PACKET: u32 = 1 + 4 + 0x0fff_ffff;
