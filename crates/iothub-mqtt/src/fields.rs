use iothub_proto::AckToken;

use crate::error::WireError;
use crate::frame::{Frame, PacketType};
use crate::topic;

/// Reads the fields of one whole packet, one after the other.
pub(crate) struct Fields<'a> {
    packet: PacketType,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// `bytes` is the packet, header included.
    pub(crate) fn new(frame: Frame, bytes: &'a [u8]) -> Self {
        Self { packet: frame.packet, bytes, at: frame.header_len }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn number(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn packet_id(&mut self) -> Result<AckToken, WireError> {
        AckToken::new(self.number()?).ok_or(WireError::ZeroPacketId { packet: self.packet })
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], WireError> {
        let truncated = WireError::Truncated { packet: self.packet, at: self.at() };
        let len = usize::from(self.number()?);
        let end = self.at + len;
        let field = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(field)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, WireError> {
        let bad = WireError::BadText { packet: self.packet, at: self.at() };
        let text = core::str::from_utf8(self.binary()?).map_err(|_| bad)?;
        if text.contains('\0') { Err(bad) } else { Ok(text) }
    }

    pub(crate) fn topic(&mut self) -> Result<&'a str, WireError> {
        let bad = WireError::BadTopic { packet: self.packet, at: self.at() };
        let text = self.text()?;
        if topic::is_name(text) { Ok(text) } else { Err(bad) }
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    /// Where the next field begins, in bytes from the packet's first.
    pub(crate) const fn at(&self) -> u32 {
        self.at as u32
    }

    pub(crate) const fn packet(&self) -> PacketType {
        self.packet
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(WireError::TrailingBytes { packet: self.packet, at: self.at() })
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let truncated = WireError::Truncated { packet: self.packet, at: self.at() };
        let field = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(truncated)?;
        self.at += N;
        Ok(*field)
    }
}
