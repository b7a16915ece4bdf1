use iothub_codec::{Ack, Connect, Filters, Publish, Qos, Version};
use iothub_proto::{Granted, Opening, Packet, Refusal, RefusalReason, Session};

use super::{SUBSCRIPTION_REFUSED, reserved_options};
use crate::error::WriteError;
use crate::frame::Frame;
use crate::writer::Writer;
use crate::{connect_flags, protocol};

/// Appends one packet of at most `max` bytes to `out`. After an error there may be a part of it.
pub(crate) fn write(packet: &Packet<'_>, out: &mut Vec<u8>, max: u32) -> Result<(), WriteError> {
    let mut writer = Writer::new(packet.kind(), out, max);
    let out = &mut writer;
    match packet {
        Packet::Connect(opening) => connect(opening, out),
        Packet::Connected { session, limits: _ } => {
            out.pair(0x20, [if *session == Session::Resume { 1 } else { 0 }, 0])
        }
        Packet::Refused(refusal) => refused(refusal, out),
        Packet::Subscribe { token, filters: asked } => {
            let read = Filters::from_subscribe(asked.as_wire());
            let good = read == Ok(*asked) && reserved_options(*asked).is_none();
            filters(0x82, token.get(), *asked, good, out)
        }
        Packet::SubAck { token, granted } => suback(token.get(), granted, out),
        Packet::Unsubscribe { token, filters: given_up } => {
            let good = Filters::from_unsubscribe(given_up.as_wire()) == Ok(*given_up);
            filters(0xa2, token.get(), *given_up, good, out)
        }
        Packet::UnsubAck { token, removed: _ } => out.pair(0xb0, token.get().to_be_bytes()),
        Packet::Publish { ack, publish: message } => publish(ack.map(|token| token.get()), message, out),
        Packet::Ack { token, ack } => {
            out.expressible(*ack == Ack::SUCCESS)?;
            out.pair(0x40, token.get().to_be_bytes())
        }
        Packet::Disconnect(ack) => {
            out.expressible(*ack == Ack::SUCCESS)?;
            out.header(0xe0, 0)
        }
        Packet::Auth(_) => out.expressible(false),
    }
}

fn connect(opening: &Opening<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    let Connect { version: _, client_id, username, password, properties } = opening.connect;
    out.expressible(properties.is_empty() && (username.is_some() || password.is_none()))?;
    out.text(client_id)?;
    out.text(username.unwrap_or_default())?;
    if let Some(will) = &opening.will {
        out.expressible(will.properties.is_empty())?;
        out.topic(will.topic)?;
    }
    let fields = [Some(client_id.as_bytes())]
        .into_iter()
        .chain(opening.will.iter().flat_map(|will| [Some(will.topic.as_bytes()), Some(will.payload)]))
        .chain([username.map(str::as_bytes), password])
        .flatten();
    out.header(0x10, FIXED_CONNECT_LEN + fields.clone().map(|field| 2 + field.len()).sum::<usize>())?;
    out.field(protocol::NAME)?;
    out.put(&[protocol::level(Version::V311), connect_flags::of(opening)]);
    out.put(&opening.keep_alive_s.to_be_bytes());
    for field in fields {
        out.field(field)?;
    }
    Ok(())
}

fn refused(refusal: &Refusal<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(refusal.properties.is_empty())?;
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
        | RefusalReason::ConnectionRateExceeded => return out.expressible(false),
    };
    out.pair(0x20, [0, code])
}

fn filters(
    first: u8,
    packet_id: u16,
    filters: Filters<'_>,
    good: bool,
    out: &mut Writer<'_>,
) -> Result<(), WriteError> {
    if !good || filters.iter().nth(Granted::MAX_LEN).is_some() {
        return Err(WriteError::BadFilters { packet: out.packet() });
    }
    out.header(first, 2 + filters.as_wire().len())?;
    out.put(&packet_id.to_be_bytes());
    out.put(filters.as_wire());
    Ok(())
}

fn suback(packet_id: u16, granted: &Granted, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(granted.iter().len() > 0)?;
    out.header(0x90, 2 + granted.iter().len())?;
    out.put(&packet_id.to_be_bytes());
    for outcome in granted.iter() {
        out.put(&[match outcome {
            Ok(Qos::AtMostOnce) => 0,
            Ok(Qos::AtLeastOnce) => 1,
            Err(_) => SUBSCRIPTION_REFUSED,
        }]);
    }
    Ok(())
}

fn publish(packet_id: Option<u16>, publish: &Publish<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(publish.properties.is_empty())?;
    out.topic(publish.topic)?;
    let first = Frame::publish_first(publish, packet_id)?;
    let id_len = if packet_id.is_some() { 2 } else { 0 };
    out.header(first, 2 + publish.topic.len() + id_len + publish.payload.len())?;
    out.field(publish.topic.as_bytes())?;
    if let Some(packet_id) = packet_id {
        out.put(&packet_id.to_be_bytes());
    }
    out.put(publish.payload);
    Ok(())
}

/// Protocol name, level, flags and keep-alive of a CONNECT.
const FIXED_CONNECT_LEN: usize = 2 + protocol::NAME.len() + 1 + 1 + 2;
