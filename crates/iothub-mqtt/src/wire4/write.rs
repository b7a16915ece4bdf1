use iothub_codec::{Ack, Connect, Filters, Publish, Qos, Version};
use iothub_proto::{Granted, Opening, Packet, PacketKind, Refusal, RefusalReason, Session};

use super::{PROTOCOL_LEVEL, PROTOCOL_NAME, SUBSCRIPTION_REFUSED, connect_flags, reserved_options};
use crate::error::WriteError;
use crate::frame::Frame;
use crate::topic;

/// Appends one packet of at most `max` bytes to `out`. After an error there may be a part of it.
pub(crate) fn write(packet: &Packet<'_>, out: &mut Vec<u8>, max: u32) -> Result<(), WriteError> {
    let mut writer = Writer { packet: packet.kind(), out, max };
    match packet {
        Packet::Connect(opening) => writer.connect(opening),
        Packet::Connected { session, limits: _ } => {
            writer.pair(0x20, [if *session == Session::Resume { 1 } else { 0 }, 0])
        }
        Packet::Refused(refusal) => writer.refused(refusal),
        Packet::Subscribe { token, filters } => {
            let read = Filters::from_subscribe(filters.as_wire());
            let good = read == Ok(*filters) && reserved_options(*filters).is_none();
            writer.filters(0x82, token.get(), *filters, good)
        }
        Packet::SubAck { token, granted } => writer.suback(token.get(), granted),
        Packet::Unsubscribe { token, filters } => {
            let good = Filters::from_unsubscribe(filters.as_wire()) == Ok(*filters);
            writer.filters(0xa2, token.get(), *filters, good)
        }
        Packet::UnsubAck { token, removed: _ } => writer.pair(0xb0, token.get().to_be_bytes()),
        Packet::Publish { ack, publish } => writer.publish(ack.map(|token| token.get()), publish),
        Packet::Ack { token, ack } => {
            writer.expressible(*ack == Ack::SUCCESS)?;
            writer.pair(0x40, token.get().to_be_bytes())
        }
        Packet::Disconnect(ack) => {
            writer.expressible(*ack == Ack::SUCCESS)?;
            writer.header(0xe0, 0)
        }
        Packet::Auth(_) => writer.expressible(false),
    }
}

/// Writes one packet: most of what can be refused first, then the header, then the fields.
struct Writer<'o> {
    packet: PacketKind,
    out: &'o mut Vec<u8>,
    max: u32,
}

impl Writer<'_> {
    fn connect(&mut self, opening: &Opening<'_>) -> Result<(), WriteError> {
        let Opening { connect, session, keep_alive_s, will, .. } = opening;
        let Connect { version, client_id, username, password, properties } = connect;
        match version {
            Version::V311 => {}
            Version::V5 => return Err(WriteError::UnservedVersion { version: *version }),
        }
        self.expressible(properties.is_empty() && (username.is_some() || password.is_none()))?;
        self.text(client_id)?;
        self.text(username.unwrap_or_default())?;

        let fields = [Some(client_id.as_bytes())]
            .into_iter()
            .chain(will.iter().flat_map(|will| [Some(will.topic.as_bytes()), Some(will.payload)]))
            .chain([username.map(str::as_bytes), *password])
            .flatten();
        let mut flags = 0;
        for (flag, set) in [
            (connect_flags::CLEAN_SESSION, *session == Session::Fresh),
            (connect_flags::USERNAME, username.is_some()),
            (connect_flags::PASSWORD, password.is_some()),
        ] {
            flags |= if set { flag } else { 0 };
        }
        if let Some(will) = will {
            flags |= self.will_flags(will)?;
        }
        self.header(0x10, FIXED_CONNECT_LEN + fields.clone().map(|field| 2 + field.len()).sum::<usize>())?;
        self.field(PROTOCOL_NAME)?;
        self.put(&[PROTOCOL_LEVEL, flags]);
        self.put(&keep_alive_s.to_be_bytes());
        for field in fields {
            self.field(field)?;
        }
        Ok(())
    }

    fn will_flags(&self, will: &Publish<'_>) -> Result<u8, WriteError> {
        self.expressible(will.properties.is_empty())?;
        self.topic(will.topic)?;
        let qos = match will.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => connect_flags::WILL_QOS_1,
        };
        let retain = if will.retain { connect_flags::WILL_RETAIN } else { 0 };
        Ok(connect_flags::WILL | qos | retain)
    }

    fn refused(&mut self, refusal: &Refusal<'_>) -> Result<(), WriteError> {
        self.expressible(refusal.properties.is_empty())?;
        let code = match refusal.reason {
            RefusalReason::UnacceptableProtocol => 1,
            RefusalReason::BadClientId => 2,
            RefusalReason::Unavailable => 3,
            RefusalReason::BadUserName => 4,
            RefusalReason::NotAuthorized => 5,
            RefusalReason::Unspecified
            | RefusalReason::MalformedPacket
            | RefusalReason::ProtocolError
            | RefusalReason::ImplementationSpecific
            | RefusalReason::Busy
            | RefusalReason::Banned
            | RefusalReason::BadAuthenticationMethod
            | RefusalReason::BadTopic
            | RefusalReason::PacketTooLarge
            | RefusalReason::QuotaExceeded
            | RefusalReason::BadPayloadFormat
            | RefusalReason::RetainNotSupported
            | RefusalReason::QosNotSupported
            | RefusalReason::UseAnotherServer
            | RefusalReason::ServerMoved
            | RefusalReason::ConnectionRateExceeded => return self.expressible(false),
        };
        self.pair(0x20, [0, code])
    }

    fn filters(
        &mut self,
        first: u8,
        packet_id: u16,
        filters: Filters<'_>,
        good: bool,
    ) -> Result<(), WriteError> {
        if !good || filters.iter().nth(Granted::MAX_LEN).is_some() {
            return Err(WriteError::BadFilters { packet: self.packet });
        }
        self.header(first, 2 + filters.as_wire().len())?;
        self.put(&packet_id.to_be_bytes());
        self.put(filters.as_wire());
        Ok(())
    }

    fn suback(&mut self, packet_id: u16, granted: &Granted) -> Result<(), WriteError> {
        self.expressible(granted.iter().len() > 0)?;
        self.header(0x90, 2 + granted.iter().len())?;
        self.put(&packet_id.to_be_bytes());
        for outcome in granted.iter() {
            self.put(&[match outcome {
                Ok(Qos::AtMostOnce) => 0,
                Ok(Qos::AtLeastOnce) => 1,
                Err(_) => SUBSCRIPTION_REFUSED,
            }]);
        }
        Ok(())
    }

    fn publish(&mut self, packet_id: Option<u16>, publish: &Publish<'_>) -> Result<(), WriteError> {
        let Publish { topic, properties, payload, qos, retain, duplicate } = publish;
        self.expressible(properties.is_empty())?;
        self.topic(topic)?;
        let (qos, id_len) = match (qos, packet_id) {
            (Qos::AtMostOnce, None) => (0, 0),
            (Qos::AtLeastOnce, Some(_)) => (Frame::QOS_1, 2),
            (Qos::AtMostOnce, Some(_)) | (Qos::AtLeastOnce, None) => return Err(WriteError::TokenMismatch),
        };
        let retain = if *retain { Frame::RETAIN } else { 0 };
        // A message that is never repeated cannot be a repetition.
        let duplicate = if *duplicate && qos != 0 { Frame::DUP } else { 0 };
        self.header(0x30 | qos | retain | duplicate, 2 + topic.len() + id_len + payload.len())?;
        self.field(topic.as_bytes())?;
        if let Some(packet_id) = packet_id {
            self.put(&packet_id.to_be_bytes());
        }
        self.put(payload);
        Ok(())
    }

    /// Writes a packet of two bytes behind its header.
    fn pair(&mut self, first: u8, bytes: [u8; 2]) -> Result<(), WriteError> {
        self.header(first, bytes.len())?;
        self.put(&bytes);
        Ok(())
    }

    /// Writes the fixed header, if the packet that it announces is allowed.
    fn header(&mut self, first: u8, remaining: usize) -> Result<(), WriteError> {
        let length_len = match remaining {
            0..=0x7f => 1,
            0x80..=0x3fff => 2,
            0x4000..=0x1f_ffff => 3,
            _ => 4,
        };
        let len = 1 + length_len + remaining;
        let max = self.max.min(LONGEST_PACKET);
        if len > max as usize {
            return Err(WriteError::PacketTooLong { packet: self.packet, len, max });
        }
        self.out.reserve(len);
        self.put(&[first]);
        let mut left = remaining;
        for more in (0..length_len).rev() {
            self.put(&[(left & 0x7f) as u8 | if more > 0 { 0x80 } else { 0 }]);
            left >>= 7;
        }
        Ok(())
    }

    fn field(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let len = u16::try_from(bytes.len())
            .map_err(|_| WriteError::FieldTooLong { packet: self.packet, len: bytes.len() })?;
        self.put(&len.to_be_bytes());
        self.put(bytes);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn expressible(&self, is: bool) -> Result<(), WriteError> {
        if is { Ok(()) } else { Err(WriteError::NotExpressible { packet: self.packet }) }
    }

    fn text(&self, text: &str) -> Result<(), WriteError> {
        if text.contains('\0') { Err(WriteError::BadText { packet: self.packet }) } else { Ok(()) }
    }

    fn topic(&self, name: &str) -> Result<(), WriteError> {
        if topic::is_name(name) { Ok(()) } else { Err(WriteError::BadTopic { packet: self.packet }) }
    }
}

/// Protocol name, level, flags and keep-alive of a CONNECT.
const FIXED_CONNECT_LEN: usize = 2 + PROTOCOL_NAME.len() + 1 + 1 + 2;

/// The longest packet that a remaining length can announce, in bytes.
const LONGEST_PACKET: u32 = 1 + 4 + 0x0fff_ffff;
