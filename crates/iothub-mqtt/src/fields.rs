use iothub_codec::{DecodeErrorKind, Place, Present, PropertySection, SectionOf};
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
        self.take(len).ok_or(truncated)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, WireError> {
        let bad = WireError::BadText { packet: self.packet, at: self.at() };
        let text = core::str::from_utf8(self.binary()?).map_err(|_| bad)?;
        if text.contains('\0') { Err(bad) } else { Ok(text) }
    }

    pub(crate) fn topic(&mut self) -> Result<&'a str, WireError> {
        let bad = WireError::BadTopic { packet: self.packet, at: self.at() };
        match self.topic_or_nothing()? {
            "" => Err(bad),
            topic => Ok(topic),
        }
    }

    /// A topic, or the empty text that MQTT 5 has where an alias says the topic.
    pub(crate) fn topic_or_nothing(&mut self) -> Result<&'a str, WireError> {
        let (packet, at) = (self.packet, self.at());
        let text = core::str::from_utf8(self.binary()?).map_err(|_| WireError::BadText { packet, at })?;
        if text.is_empty() || topic::is_name(text) {
            Ok(text)
        } else if text.contains('\0') {
            Err(WireError::BadText { packet, at })
        } else {
            Err(WireError::BadTopic { packet, at })
        }
    }

    /// A section of properties with its length in front.
    pub(crate) fn properties(&mut self, of: SectionOf) -> Result<PropertySection<'a>, WireError> {
        self.properties_and_which(of).map(|(properties, _)| properties)
    }

    /// The same, and which there are.
    pub(crate) fn properties_and_which(
        &mut self,
        of: SectionOf,
    ) -> Result<(PropertySection<'a>, Present), WireError> {
        let packet = self.packet;
        let truncated = WireError::Truncated { packet, at: self.at() };
        let len = self.length()?;
        let start = self.at();
        let wire = self.take(len).ok_or(truncated)?;
        if wire.is_empty() {
            return Ok(Default::default());
        }
        PropertySection::check(wire, of).map_err(|error| {
            let at = match error.place {
                Place::Properties(at) => start + at as u32,
                Place::Topic(_)
                | Place::Filter(_)
                | Place::ClientId
                | Place::UserName(_)
                | Place::Password
                | Place::Whole => start,
            };
            if error.kind == DecodeErrorKind::NotAllowed {
                WireError::PropertyNotAllowed { packet, at }
            } else {
                WireError::BadProperty { packet, at }
            }
        })
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

    /// Whether there is nothing left.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(WireError::TrailingBytes { packet: self.packet, at: self.at() })
        }
    }

    /// A length of one to four bytes, seven bits each, the lowest first, and no longer than it need be.
    fn length(&mut self) -> Result<usize, WireError> {
        // Most are short.
        if let Some(byte @ 0..0x80) = self.bytes.get(self.at) {
            self.at += 1;
            return Ok(usize::from(*byte));
        }
        let bad = WireError::BadLength { packet: self.packet, at: self.at() };
        let mut value = 0;
        for index in 0..4 {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << (7 * index);
            match byte {
                0 if index > 0 => return Err(bad),
                0..0x80 => return Ok(value),
                0x80.. => {}
            }
        }
        Err(bad)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let field = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(field)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let truncated = WireError::Truncated { packet: self.packet, at: self.at() };
        let field = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(truncated)?;
        self.at += N;
        Ok(*field)
    }
}
