use iothub_codec::{Ack, BadFilters, Connect, Filters, PropertySection, Publish, Qos};
use iothub_proto::{
    FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removed, Session,
};

use super::{SUBSCRIPTION_REFUSED, reserved_options};
use crate::error::WireError;
use crate::fields::Fields;
use crate::frame::{Frame, PacketType};
use crate::{connect_flags, protocol};

/// Reads one whole packet. `limits` are those of the connection, for CONNACK, which cannot say any.
pub(crate) fn read<'a>(frame: Frame, bytes: &'a [u8], limits: Limits) -> Result<Packet<'a>, WireError> {
    let mut fields = Fields::new(frame, bytes);
    let packet = match frame.packet {
        PacketType::Connect => Packet::Connect(connect(&mut fields)?),
        PacketType::ConnAck => connack(&mut fields, limits)?,
        PacketType::Publish => publish(&mut fields, frame.flags)?,
        PacketType::PubAck => Packet::Ack { token: fields.packet_id()?, ack: Ack::SUCCESS },
        PacketType::Subscribe => subscribe(&mut fields)?,
        PacketType::SubAck => suback(&mut fields)?,
        PacketType::Unsubscribe => unsubscribe(&mut fields)?,
        // Says for none of its filters what became of it, so not for how many either.
        PacketType::UnsubAck => Packet::UnsubAck { token: fields.packet_id()?, removed: Removed::EMPTY },
        PacketType::Disconnect => Packet::Disconnect(Ack::SUCCESS),
        PacketType::PubRec
        | PacketType::PubRel
        | PacketType::PubComp
        | PacketType::PingReq
        | PacketType::PingResp
        | PacketType::Auth => return Err(WireError::WrongEnd { packet: frame.packet }),
    };
    fields.finish()?;
    Ok(packet)
}

fn connect<'a>(fields: &mut Fields<'a>) -> Result<Opening<'a>, WireError> {
    let version = protocol::version(fields)?;
    let flags = fields.byte()?;
    connect_flags::check(flags, version)?;
    let session = if flags & connect_flags::CLEAN == 0 { Session::Resume } else { Session::Fresh };
    let keep_alive_s = fields.number()?;
    let client_id = fields.text()?;
    let will = if flags & connect_flags::WILL == 0 { None } else { Some(will(fields, flags)?) };
    let username = if flags & connect_flags::USERNAME == 0 { None } else { Some(fields.text()?) };
    let password = if flags & connect_flags::PASSWORD == 0 { None } else { Some(fields.binary()?) };
    let connect = Connect { version, client_id, username, password, properties: PropertySection::EMPTY };
    Ok(Opening { session, keep_alive_s, will, ..Opening::new(connect) })
}

fn will<'a>(fields: &mut Fields<'a>, flags: u8) -> Result<Publish<'a>, WireError> {
    Ok(Publish {
        topic: fields.topic()?,
        properties: PropertySection::EMPTY,
        payload: fields.binary()?,
        qos: qos(flags & connect_flags::WILL_QOS_1),
        retain: flags & connect_flags::WILL_RETAIN != 0,
        duplicate: false,
    })
}

fn connack<'a>(fields: &mut Fields<'a>, limits: Limits) -> Result<Packet<'a>, WireError> {
    let at = fields.at();
    let flags = fields.byte()?;
    let code = fields.byte()?;
    let bad = |at, code| Err(WireError::BadReturnCode { packet: PacketType::ConnAck, at, code });
    let reason = match (flags, code) {
        (0, 0) => return Ok(Packet::Connected { session: Session::Fresh, limits }),
        (1, 0) => return Ok(Packet::Connected { session: Session::Resume, limits }),
        (0, 1) => RefusalReason::UnacceptableProtocol,
        (0, 2) => RefusalReason::BadClientId,
        (0, 3) => RefusalReason::Unavailable,
        (0, 4) => RefusalReason::BadUserName,
        (0, 5) => RefusalReason::NotAuthorized,
        (0, code) => return bad(at + 1, code),
        (flags, _) => return bad(at, flags),
    };
    Ok(Packet::Refused(Refusal::new(reason)))
}

fn publish<'a>(fields: &mut Fields<'a>, flags: u8) -> Result<Packet<'a>, WireError> {
    let topic = fields.topic()?;
    let qos = qos(flags & Frame::QOS_1);
    let ack = match qos {
        Qos::AtMostOnce => None,
        Qos::AtLeastOnce => Some(fields.packet_id()?),
    };
    let publish = Publish {
        topic,
        properties: PropertySection::EMPTY,
        payload: fields.rest(),
        qos,
        retain: flags & Frame::RETAIN != 0,
        duplicate: flags & Frame::DUP != 0,
    };
    Ok(Packet::Publish { ack, publish })
}

fn subscribe<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    let filters = filters(fields, Filters::from_subscribe)?;
    Ok(Packet::Subscribe { token, filters })
}

fn unsubscribe<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    let filters = filters(fields, Filters::from_unsubscribe)?;
    Ok(Packet::Unsubscribe { token, filters })
}

/// Whether a filter is one of those that a hub has is the hub's to say, in SUBACK; here they only have
/// to be filters.
fn filters<'a>(
    fields: &mut Fields<'a>,
    read: impl FnOnce(&'a [u8]) -> Result<Filters<'a>, BadFilters>,
) -> Result<Filters<'a>, WireError> {
    let packet = fields.packet();
    let start = fields.at();
    let filters = read(fields.rest())
        .map_err(|BadFilters { at }| WireError::BadFilters { packet, at: start + at as u32 })?;
    if packet == PacketType::Subscribe
        && let Some(at) = reserved_options(filters)
    {
        return Err(WireError::BadFilters { packet, at: start + at as u32 });
    }
    // Of a SUBSCRIBE those that exceed the quota are refused one by one.
    if packet == PacketType::Unsubscribe && filters.iter().nth(Removed::MAX_LEN).is_some() {
        return Err(WireError::TooManyFilters { packet, max: Removed::MAX_LEN as u8 });
    }
    Ok(filters)
}

fn suback<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let packet = fields.packet();
    let token = fields.packet_id()?;
    let start = fields.at();
    let codes = fields.rest();
    if codes.is_empty() {
        return Err(WireError::Truncated { packet, at: start });
    }
    let mut granted = Granted::EMPTY;
    for (at, code) in (start..).zip(codes) {
        let outcome = match *code {
            0 => Ok(Qos::AtMostOnce),
            1 => Ok(Qos::AtLeastOnce),
            // Behind as many as a device may have there is no other reason.
            SUBSCRIPTION_REFUSED if granted.iter().len() >= Granted::MAX_LEN => {
                Err(FilterRefusal::QuotaExceeded)
            }
            SUBSCRIPTION_REFUSED => Err(FilterRefusal::Unspecified),
            code => return Err(WireError::BadReturnCode { packet, at, code }),
        };
        if !granted.push(outcome) {
            return Err(WireError::TooManyFilters { packet, max: Granted::MAX_LEN as u8 });
        }
    }
    Ok(Packet::SubAck { token, granted })
}

const fn qos(bit: u8) -> Qos {
    if bit == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce }
}
