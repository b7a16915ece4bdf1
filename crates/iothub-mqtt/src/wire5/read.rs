use iothub_codec::{Ack, Auth, BadFilters, Connect, Filters, PropertySection, Publish, Qos, SectionOf};
use iothub_proto::{
    FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removal, Removed, Session,
};

use super::{BadOptions, SUBSCRIPTION_IDENTIFIER, Sender, TOPIC_ALIAS, bad_options, reason};
use crate::aliases::Aliases;
use crate::error::WireError;
use crate::fields::Fields;
use crate::frame::{Frame, PacketType};
use crate::{connect_flags, protocol};

/// Reads one whole packet that `sender` has sent. A topic alias is resolved with `aliases`.
pub(crate) fn read<'a>(
    frame: Frame,
    bytes: &'a [u8],
    sender: Sender,
    aliases: &'a mut Aliases,
) -> Result<Packet<'a>, WireError> {
    let mut fields = Fields::new(frame, bytes);
    let packet = match frame.packet {
        PacketType::Connect => Packet::Connect(connect(&mut fields)?),
        PacketType::ConnAck => connack(&mut fields)?,
        PacketType::Publish => publish(&mut fields, frame.flags, sender, aliases)?,
        PacketType::PubAck => puback(&mut fields)?,
        PacketType::Subscribe => subscribe(&mut fields)?,
        PacketType::SubAck => suback(&mut fields)?,
        PacketType::Unsubscribe => unsubscribe(&mut fields)?,
        PacketType::UnsubAck => unsuback(&mut fields)?,
        PacketType::Disconnect => disconnect(&mut fields, sender)?,
        PacketType::Auth => auth(&mut fields, sender)?,
        PacketType::PubRec
        | PacketType::PubRel
        | PacketType::PubComp
        | PacketType::PingReq
        | PacketType::PingResp => return Err(WireError::WrongEnd { packet: frame.packet }),
    };
    fields.finish()?;
    Ok(packet)
}

fn connect<'a>(fields: &mut Fields<'a>) -> Result<Opening<'a>, WireError> {
    let version = protocol::version(fields)?;
    let flags = fields.byte()?;
    connect_flags::check(flags, version)?;
    let has = |flag| flags & flag != 0;
    let session = if has(connect_flags::CLEAN) { Session::Fresh } else { Session::Resume };
    let keep_alive_s = fields.number()?;
    let at = fields.at();
    let properties = fields.properties(SectionOf::Connect)?;
    if properties.authentication_data().is_some() && properties.authentication_method().is_none() {
        return Err(WireError::PropertyNotAllowed { packet: PacketType::Connect, at });
    }
    let client_id = fields.text()?;
    let will = if has(connect_flags::WILL) { Some(will(fields, flags)?) } else { None };
    let username = if has(connect_flags::USERNAME) { Some(fields.text()?) } else { None };
    let password = if has(connect_flags::PASSWORD) { Some(fields.binary()?) } else { None };
    Ok(Opening {
        connect: Connect { version, client_id, username, password, properties },
        session,
        keep_alive_s,
        will,
        session_expiry_s: properties.session_expiry_interval(),
        receive_maximum: properties.receive_maximum(),
        maximum_packet_size: properties.maximum_packet_size(),
    })
}

fn will<'a>(fields: &mut Fields<'a>, flags: u8) -> Result<Publish<'a>, WireError> {
    Ok(Publish {
        properties: fields.properties(SectionOf::Will)?,
        topic: fields.topic()?,
        payload: fields.binary()?,
        qos: qos(flags & connect_flags::WILL_QOS_1),
        retain: flags & connect_flags::WILL_RETAIN != 0,
        duplicate: false,
    })
}

fn connack<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let packet = fields.packet();
    let at = fields.at();
    let flags = fields.byte()?;
    let code = fields.byte()?;
    let properties = fields.properties(SectionOf::ConnAck)?;
    let bad = |at, code| Err(WireError::BadReturnCode { packet, at, code });
    match (flags, code) {
        (0, 0) => Ok(Packet::Connected { session: Session::Fresh, limits: limits(properties) }),
        (1, 0) => Ok(Packet::Connected { session: Session::Resume, limits: limits(properties) }),
        (0, code) => match RefusalReason::from_code(code) {
            Some(reason) => Ok(Packet::Refused(Refusal { reason, properties })),
            None => bad(at + 1, code),
        },
        (flags, _) => bad(at, flags),
    }
}

/// What is not said is not limited.
fn limits(properties: PropertySection<'_>) -> Limits {
    let unless = |said: Option<bool>| said.unwrap_or(true);
    Limits {
        receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX),
        maximum_packet_size: properties.maximum_packet_size().unwrap_or(u32::MAX),
        keep_alive_s: properties.server_keep_alive(),
        session_expiry_s: properties.session_expiry_interval(),
        topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
        maximum_qos: properties.maximum_qos().unwrap_or(Qos::AtLeastOnce),
        retain_available: unless(properties.retain_available()),
        wildcards_available: unless(properties.wildcard_subscription_available()),
        subscription_identifiers_available: unless(properties.subscription_identifiers_available()),
        shared_subscriptions_available: unless(properties.shared_subscription_available()),
    }
}

fn publish<'a>(
    fields: &mut Fields<'a>,
    flags: u8,
    sender: Sender,
    aliases: &'a mut Aliases,
) -> Result<Packet<'a>, WireError> {
    let packet = PacketType::Publish;
    let topic = fields.topic_or_nothing()?;
    let qos = qos(flags & Frame::QOS_1);
    let ack = match qos {
        Qos::AtMostOnce => None,
        Qos::AtLeastOnce => Some(fields.packet_id()?),
    };
    let (properties, present) = fields.properties_and_which(SectionOf::Publish)?;
    if present.has(SUBSCRIPTION_IDENTIFIER) && sender == Sender::Client {
        return Err(WireError::SubscriptionIdentifier { packet });
    }
    let alias = if present.has(TOPIC_ALIAS) { properties.topic_alias() } else { None };
    let topic = match alias {
        Some(alias) => aliases.resolve(topic, alias)?,
        None if topic.is_empty() => return Err(WireError::NoTopic { packet }),
        None => topic,
    };
    let publish = Publish {
        topic,
        properties,
        payload: fields.rest(),
        qos,
        retain: flags & Frame::RETAIN != 0,
        duplicate: flags & Frame::DUP != 0,
    };
    Ok(Packet::Publish { ack, publish })
}

fn puback<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    if fields.is_at_end() {
        return Ok(Packet::Ack { token, ack: Ack::SUCCESS });
    }
    let ack = outcome(fields, SectionOf::PubAck, reason::puback)?;
    Ok(Packet::Ack { token, ack })
}

fn disconnect<'a>(fields: &mut Fields<'a>, sender: Sender) -> Result<Packet<'a>, WireError> {
    if fields.is_at_end() {
        return Ok(Packet::Disconnect(Ack::SUCCESS));
    }
    let ack = outcome(fields, SectionOf::Disconnect, |code| reason::disconnect(sender, code))?;
    // How long a session lasts is the client's to say.
    if sender == Sender::Server && ack.properties.session_expiry_interval().is_some() {
        return Err(WireError::SessionExpiry);
    }
    Ok(Packet::Disconnect(ack))
}

fn auth<'a>(fields: &mut Fields<'a>, sender: Sender) -> Result<Packet<'a>, WireError> {
    let (packet, at) = (fields.packet(), fields.at());
    let (reason_code, properties) = if fields.is_at_end() {
        (Auth::RENEWED, PropertySection::EMPTY)
    } else {
        (fields.byte()?, fields.properties(SectionOf::Auth)?)
    };
    if !reason::auth(sender, reason_code) {
        return Err(WireError::BadReturnCode { packet, at, code: reason_code });
    }
    Ok(Packet::Auth(Auth { reason_code, properties }))
}

/// A reason code, and properties if there is anything behind it.
fn outcome<'a>(
    fields: &mut Fields<'a>,
    of: SectionOf,
    is_good: impl FnOnce(u8) -> bool,
) -> Result<Ack<'a>, WireError> {
    let (packet, at) = (fields.packet(), fields.at());
    let reason_code = fields.byte()?;
    if !is_good(reason_code) {
        return Err(WireError::BadReturnCode { packet, at, code: reason_code });
    }
    let properties = if fields.is_at_end() { PropertySection::EMPTY } else { fields.properties(of)? };
    Ok(Ack { reason_code, properties })
}

fn subscribe<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let packet = fields.packet();
    let token = fields.packet_id()?;
    if fields.properties(SectionOf::Subscribe)?.subscription_identifier().is_some() {
        return Err(WireError::SubscriptionIdentifier { packet });
    }
    let start = fields.at();
    let filters = filters(fields, Filters::from_subscribe)?;
    match bad_options(filters) {
        None => Ok(Packet::Subscribe { token, filters }),
        Some((at, BadOptions::Malformed)) => Err(WireError::BadFilters { packet, at: start + at as u32 }),
        Some((at, BadOptions::NotAllowed)) => {
            Err(WireError::FilterNotAllowed { packet, at: start + at as u32 })
        }
    }
}

fn unsubscribe<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    fields.properties(SectionOf::Unsubscribe)?;
    let filters = filters(fields, Filters::from_unsubscribe)?;
    Ok(Packet::Unsubscribe { token, filters })
}

/// Whether a filter is one of those that a hub has is the hub's to say, in SUBACK.
fn filters<'a>(
    fields: &mut Fields<'a>,
    read: impl FnOnce(&'a [u8]) -> Result<Filters<'a>, BadFilters>,
) -> Result<Filters<'a>, WireError> {
    let packet = fields.packet();
    let start = fields.at();
    let wire = fields.rest();
    let filters = read(wire).map_err(|BadFilters { at }| {
        let entry = wire.get(at..).unwrap_or_default();
        let at = start + at as u32;
        if is_not_allowed(entry, packet) {
            WireError::FilterNotAllowed { packet, at }
        } else {
            WireError::BadFilters { packet, at }
        }
    })?;
    // Of a SUBSCRIBE those that exceed the quota are refused one by one.
    if packet == PacketType::Unsubscribe && filters.iter().nth(Removed::MAX_LEN).is_some() {
        return Err(WireError::TooManyFilters { packet, max: Removed::MAX_LEN as u8 });
    }
    Ok(filters)
}

/// Whether an entry that could not be read can be read all the same, and is not allowed: there is none, it is empty,
/// or it asks for QoS 3.
fn is_not_allowed(entry: &[u8], packet: PacketType) -> bool {
    let Some((len, rest)) = entry.split_first_chunk() else { return entry.is_empty() };
    let Some((topic, options)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len))) else {
        return false;
    };
    let is_text = !topic.contains(&0) && core::str::from_utf8(topic).is_ok();
    let is_whole = packet == PacketType::Unsubscribe || !options.is_empty();
    is_text && is_whole
}

fn suback<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    fields.properties(SectionOf::SubAck)?;
    let mut granted = Granted::EMPTY;
    outcomes(fields, |code| {
        Some(granted.push(match code {
            0 => Ok(Qos::AtMostOnce),
            1 => Ok(Qos::AtLeastOnce),
            code => Err(FilterRefusal::from_code(code)?),
        }))
    })?;
    Ok(Packet::SubAck { token, granted })
}

fn unsuback<'a>(fields: &mut Fields<'a>) -> Result<Packet<'a>, WireError> {
    let token = fields.packet_id()?;
    fields.properties(SectionOf::UnsubAck)?;
    let mut removed = Removed::EMPTY;
    outcomes(fields, |code| {
        Some(removed.push(match code {
            0 => Ok(Removal::Gone),
            0x11 => Ok(Removal::NeverThere),
            // Only what could not be subscribed to has these.
            0x97.. => return None,
            code => Err(FilterRefusal::from_code(code)?),
        }))
    })?;
    Ok(Packet::UnsubAck { token, removed })
}

/// At least one code, each of which `keep` knows and has room for.
fn outcomes(fields: &mut Fields<'_>, mut keep: impl FnMut(u8) -> Option<bool>) -> Result<(), WireError> {
    let packet = fields.packet();
    let start = fields.at();
    let codes = fields.rest();
    if codes.is_empty() {
        return Err(WireError::Truncated { packet, at: start });
    }
    for (at, code) in (start..).zip(codes) {
        match keep(*code) {
            Some(true) => {}
            Some(false) => return Err(WireError::TooManyFilters { packet, max: Granted::MAX_LEN as u8 }),
            None => return Err(WireError::BadReturnCode { packet, at, code: *code }),
        }
    }
    Ok(())
}

const fn qos(bit: u8) -> Qos {
    if bit == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce }
}
