use iothub_codec::{Publish, Qos, Version};

use crate::error::{WireError, WriteError};

/// The type of an MQTT packet on the wire, with the packets that never reach a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are MQTT's")]
pub enum PacketType {
    Connect,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl core::fmt::Display for PacketType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        })
    }
}

/// The fixed header of a packet, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) packet: PacketType,
    /// The low half of the first byte; for PUBLISH one of DUP, QoS 0 or 1, and RETAIN that go together.
    pub(crate) flags: u8,
    /// Length of the fixed header.
    pub(crate) header_len: usize,
    /// Length of the whole packet.
    pub(crate) len: usize,
}

impl Frame {
    pub(crate) const RETAIN: u8 = 0b0001;
    pub(crate) const QOS_1: u8 = 0b0010;
    pub(crate) const DUP: u8 = 0b1000;

    /// Reads the header at the beginning of `bytes`; `None` if it goes on behind their end.
    ///
    /// Complains as soon as there is a reason to: the type, whether `admit` lets it in, and its flags
    /// after the first byte, the length before any of the body. So a peer that is up to no good is not
    /// waited for, and nothing is buffered for it.
    #[inline]
    pub(crate) fn read(
        bytes: &[u8],
        version: Version,
        packet_len_max: u32,
        admit: impl FnOnce(PacketType) -> Result<(), WireError>,
    ) -> Result<Option<Self>, WireError> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let (packet, flags) = Self::read_first(*first, version)?;
        admit(packet)?;
        Self::check_flags(packet, flags, *first)?;
        let Some((remaining, length_len)) = Self::read_remaining_length(packet, rest)? else {
            return Ok(None);
        };
        let header_len = 1 + length_len;
        let len = remaining + header_len as u32;
        if len > packet_len_max {
            return Err(WireError::PacketTooLong { packet, len, max: packet_len_max });
        }
        // Pings are the one kind that no wire module reads.
        if matches!(packet, PacketType::PingReq | PacketType::PingResp) && remaining > 0 {
            return Err(WireError::TrailingBytes { packet, at: header_len as u32 });
        }
        Ok(Some(Self { packet, flags, header_len, len: len as usize }))
    }

    /// How long the packet at the beginning of `bytes` is, if that has been said, and whatever it is.
    pub(crate) fn announced_len(bytes: &[u8]) -> Option<usize> {
        let (_, rest) = bytes.split_first()?;
        let last = rest.iter().take(Self::LENGTH_LEN_MAX).position(|byte| byte & 0x80 == 0)?;
        let remaining = rest[..=last].iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
        Some(2 + last + remaining)
    }

    /// The first byte of a PUBLISH.
    pub(crate) fn publish_first(publish: &Publish<'_>, packet_id: Option<u16>) -> Result<u8, WriteError> {
        let qos = match (publish.qos, packet_id) {
            (Qos::AtMostOnce, None) => 0,
            (Qos::AtLeastOnce, Some(_)) => Self::QOS_1,
            (Qos::AtMostOnce, Some(_)) | (Qos::AtLeastOnce, None) => return Err(WriteError::TokenMismatch),
        };
        let retain = if publish.retain { Self::RETAIN } else { 0 };
        // A message that is never repeated cannot be a repetition.
        let duplicate = if publish.duplicate && qos != 0 { Self::DUP } else { 0 };
        Ok(0x30 | qos | retain | duplicate)
    }

    fn read_first(first: u8, version: Version) -> Result<(PacketType, u8), WireError> {
        let packet = match first >> 4 {
            1 => PacketType::Connect,
            2 => PacketType::ConnAck,
            3 => PacketType::Publish,
            4 => PacketType::PubAck,
            5 => PacketType::PubRec,
            6 => PacketType::PubRel,
            7 => PacketType::PubComp,
            8 => PacketType::Subscribe,
            9 => PacketType::SubAck,
            10 => PacketType::Unsubscribe,
            11 => PacketType::UnsubAck,
            12 => PacketType::PingReq,
            13 => PacketType::PingResp,
            14 => PacketType::Disconnect,
            15 if version == Version::V5 => PacketType::Auth,
            _ => return Err(WireError::ReservedType { first }),
        };
        Ok((packet, first & 0x0f))
    }

    fn check_flags(packet: PacketType, flags: u8, first: u8) -> Result<(), WireError> {
        let wanted = match packet {
            PacketType::Publish => {
                return match (flags >> 1 & 0b11, flags & Self::DUP) {
                    // A message that is never repeated cannot be a repetition.
                    (0, 0) | (1, _) => Ok(()),
                    (2, _) => Err(WireError::QosNotSupported { packet }),
                    (_, _) => Err(WireError::BadFlags { first }),
                };
            }
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            PacketType::Connect
            | PacketType::ConnAck
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingReq
            | PacketType::PingResp
            | PacketType::Disconnect
            | PacketType::Auth => 0,
        };
        if flags == wanted { Ok(()) } else { Err(WireError::BadFlags { first }) }
    }

    /// The remaining length and how many bytes it takes: at most four, seven bits each, lowest first.
    fn read_remaining_length(packet: PacketType, bytes: &[u8]) -> Result<Option<(u32, usize)>, WireError> {
        let mut value = 0;
        for (index, byte) in bytes.iter().take(Self::LENGTH_LEN_MAX).enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if *byte == 0 && index > 0 {
                    return Err(WireError::BadRemainingLength { packet });
                }
                return Ok(Some((value, index + 1)));
            }
        }
        if bytes.len() < Self::LENGTH_LEN_MAX {
            return Ok(None);
        }
        Err(WireError::BadRemainingLength { packet })
    }

    const LENGTH_LEN_MAX: usize = 4;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<(usize, usize)>, WireError> {
        read_as(Version::V311, bytes)
    }

    fn read_as(version: Version, bytes: &[u8]) -> Result<Option<(usize, usize)>, WireError> {
        Ok(Frame::read(bytes, version, u32::MAX, |_| Ok(()))?.map(|frame| (frame.header_len, frame.len)))
    }

    #[test]
    fn lengths_of_every_size_are_read() {
        for (bytes, header_len, remaining) in [
            (&[0x30, 0x00][..], 2, 0),
            (&[0x30, 0x7f], 2, 127),
            (&[0x30, 0x80, 0x01], 3, 128),
            (&[0x30, 0xff, 0x7f], 3, 16_383),
            (&[0x30, 0x80, 0x80, 0x01], 4, 16_384),
            (&[0x30, 0xff, 0xff, 0x7f], 4, 2_097_151),
            (&[0x30, 0x80, 0x80, 0x80, 0x01], 5, 2_097_152),
            (&[0x30, 0xff, 0xff, 0xff, 0x7f], 5, 268_435_455),
        ] {
            assert_eq!(read(bytes), Ok(Some((header_len, header_len + remaining))), "{bytes:02x?}");
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Ok(None), "{bytes:02x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_length_longer_than_it_need_be_is_refused() {
        for bytes in [
            &[0x30, 0x80, 0x00][..],
            &[0x30, 0xff, 0x80, 0x00],
            &[0x30, 0x80, 0x80, 0x80, 0x00],
            &[0x30, 0x80, 0x80, 0x80, 0x80],
            &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            let packet = PacketType::Publish;
            assert_eq!(read(bytes), Err(WireError::BadRemainingLength { packet }), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_first_byte_is_known_or_refused() {
        let fine = |version| -> Vec<u8> {
            (0..=255).filter(|first| read_as(version, &[*first]) == Ok(None)).collect()
        };
        #[rustfmt::skip]
        let wanted = [
            0x10, 0x20, 0x30, 0x31, 0x32, 0x33, 0x3a, 0x3b, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0,
            0xc0, 0xd0, 0xe0,
        ];
        assert_eq!(fine(Version::V311), wanted);
        assert_eq!(fine(Version::V5), [&wanted[..], &[0xf0]].concat());
    }
}
