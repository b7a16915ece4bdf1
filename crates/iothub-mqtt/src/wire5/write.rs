use iothub_codec::{
    Ack, Auth, Connect, Filters, PropertySection, Publish, Qos, SectionOf, SectionProperty, SectionWriter,
    Version,
};
use iothub_proto::{Granted, Limits, Opening, Packet, Removal, Removed, Session};

use super::{SUBSCRIPTION_IDENTIFIER, Sender, TOPIC_ALIAS, bad_options, reason};
use crate::error::WriteError;
use crate::frame::Frame;
use crate::writer::{Writer, length_len, section_len};
use crate::{connect_flags, protocol};

/// Appends one packet of at most `max` bytes that `sender` sends to `out`. After an error there may be a part of it.
///
/// Where MQTT lets the length of an empty section be left out behind a reason, it is written: there are clients that
/// wait for it.
pub(crate) fn write(
    packet: &Packet<'_>,
    sender: Sender,
    out: &mut Vec<u8>,
    max: u32,
) -> Result<(), WriteError> {
    let mut writer = Writer::new(packet.kind(), out, max);
    let out = &mut writer;
    match packet {
        Packet::Connect(opening) => connect(opening, out),
        Packet::Connected { session, limits } => connected(*session, limits, out),
        Packet::Refused(refusal) => connack(0, &refusal.as_ack(), out),
        Packet::Subscribe { token, filters: asked } => {
            let good =
                Filters::from_subscribe(asked.as_wire()) == Ok(*asked) && bad_options(*asked).is_none();
            filters(0x82, token.get(), *asked, good, out)
        }
        Packet::SubAck { token, granted } => suback(token.get(), granted, out),
        Packet::Unsubscribe { token, filters: given_up } => {
            let good = Filters::from_unsubscribe(given_up.as_wire()) == Ok(*given_up);
            filters(0xa2, token.get(), *given_up, good, out)
        }
        Packet::UnsubAck { token, removed } => unsuback(token.get(), removed, out),
        Packet::Publish { ack, publish: message } => {
            publish(ack.map(|token| token.get()), message, sender, out)
        }
        Packet::Ack { token, ack } => puback(token.get(), ack, out),
        Packet::Disconnect(ack) => disconnect(ack, sender, out),
        Packet::Auth(step) => auth(step, sender, out),
    }
}

fn connect(opening: &Opening<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    let Connect { version: _, client_id, username, password, properties } = opening.connect;
    let mut buffer = [0; ANNOUNCED_LEN_MAX];
    let announced = announced(opening, &mut buffer, out)?;
    out.section(properties, SectionOf::Connect)?;
    let is_proof_of_nothing =
        properties.authentication_data().is_some() && properties.authentication_method().is_none();
    out.expressible(!is_proof_of_nothing)?;
    out.text(client_id)?;
    out.text(username.unwrap_or_default())?;
    let mut will_len = 0;
    if let Some(will) = &opening.will {
        out.section(will.properties, SectionOf::Will)?;
        out.topic(will.topic)?;
        will_len = section_len(will.properties) + 2 + will.topic.len() + 2 + will.payload.len();
    }
    let section = announced.as_wire().len() + properties.as_wire().len();
    let login = || [username.map(str::as_bytes), password].into_iter().flatten();
    let login_len: usize = login().map(|field| 2 + field.len()).sum();
    out.header(
        0x10,
        FIXED_CONNECT_LEN + length_len(section) + section + 2 + client_id.len() + will_len + login_len,
    )?;
    out.field(protocol::NAME)?;
    out.put(&[protocol::level(Version::V5), connect_flags::of(opening)]);
    out.put(&opening.keep_alive_s.to_be_bytes());
    out.length(section);
    out.put(announced.as_wire());
    out.put(properties.as_wire());
    out.field(client_id.as_bytes())?;
    if let Some(will) = &opening.will {
        out.properties(will.properties);
        out.field(will.topic.as_bytes())?;
        out.field(will.payload)?;
    }
    login().try_for_each(|field| out.field(field))
}

/// What an [`Opening`] says beside its section. What stands there already is not said twice.
fn announced<'b>(
    opening: &Opening<'_>,
    buffer: &'b mut [u8],
    out: &Writer<'_>,
) -> Result<PropertySection<'b>, WriteError> {
    let said = opening.connect.properties;
    let Opening { session_expiry_s, receive_maximum, maximum_packet_size, .. } = *opening;
    let (expiry, receive, size) =
        (said.session_expiry_interval(), said.receive_maximum(), said.maximum_packet_size());
    out.expressible(
        agree(session_expiry_s, expiry)
            && agree(receive_maximum, receive)
            && agree(maximum_packet_size, size),
    )?;
    let properties = [
        session_expiry_s.filter(|_| expiry.is_none()).map(SectionProperty::SessionExpiryInterval),
        receive_maximum.filter(|_| receive.is_none()).map(SectionProperty::ReceiveMaximum),
        maximum_packet_size.filter(|_| size.is_none()).map(SectionProperty::MaximumPacketSize),
    ];
    section(SectionOf::Connect, properties.into_iter().flatten(), buffer, out)
}

/// Whether two places do not say different things.
fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn connected(session: Session, limits: &Limits, out: &mut Writer<'_>) -> Result<(), WriteError> {
    let not_available = |available: bool| if available { None } else { Some(false) };
    let properties = [
        limits.session_expiry_s.map(SectionProperty::SessionExpiryInterval),
        limits.keep_alive_s.map(SectionProperty::ServerKeepAlive),
        Some(limits.receive_maximum).filter(|most| *most != u16::MAX).map(SectionProperty::ReceiveMaximum),
        Some(SectionProperty::MaximumQos(limits.maximum_qos)),
        not_available(limits.retain_available).map(SectionProperty::RetainAvailable),
        Some(limits.maximum_packet_size)
            .filter(|longest| *longest != u32::MAX)
            .map(SectionProperty::MaximumPacketSize),
        Some(limits.topic_alias_maximum)
            .filter(|highest| *highest > 0)
            .map(SectionProperty::TopicAliasMaximum),
        not_available(limits.wildcards_available).map(SectionProperty::WildcardSubscriptionAvailable),
        not_available(limits.subscription_identifiers_available)
            .map(SectionProperty::SubscriptionIdentifiersAvailable),
        not_available(limits.shared_subscriptions_available)
            .map(SectionProperty::SharedSubscriptionAvailable),
    ];
    let mut buffer = [0; LIMITS_LEN_MAX];
    let properties = section(SectionOf::ConnAck, properties.into_iter().flatten(), &mut buffer, out)?;
    let flags = if session == Session::Resume { 1 } else { 0 };
    connack(flags, &Ack { reason_code: 0, properties }, out)
}

fn connack(flags: u8, ack: &Ack<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.section(ack.properties, SectionOf::ConnAck)?;
    out.header(0x20, 2 + section_len(ack.properties))?;
    out.put(&[flags, ack.reason_code]);
    out.properties(ack.properties);
    Ok(())
}

fn section<'b, 'p>(
    of: SectionOf,
    properties: impl Iterator<Item = SectionProperty<'p>>,
    buffer: &'b mut [u8],
    out: &Writer<'_>,
) -> Result<PropertySection<'b>, WriteError> {
    let mut section = SectionWriter::new(of, buffer);
    let mut good = true;
    for property in properties {
        good &= section.put(property).is_ok();
    }
    out.expressible(good)?;
    section.finish().map_err(|_| WriteError::NotExpressible { packet: out.packet() })
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
    out.header(first, 2 + 1 + filters.as_wire().len())?;
    out.put(&packet_id.to_be_bytes());
    out.properties(PropertySection::EMPTY);
    out.put(filters.as_wire());
    Ok(())
}

fn suback(packet_id: u16, granted: &Granted, out: &mut Writer<'_>) -> Result<(), WriteError> {
    let codes = granted.iter().map(|outcome| match outcome {
        Ok(Qos::AtMostOnce) => 0,
        Ok(Qos::AtLeastOnce) => 1,
        Err(refusal) => refusal.code(),
    });
    outcomes(0x90, packet_id, codes, out)
}

fn unsuback(packet_id: u16, removed: &Removed, out: &mut Writer<'_>) -> Result<(), WriteError> {
    // The others are for what could not be subscribed to.
    out.expressible(removed.iter().flat_map(Result::err).all(|refusal| refusal.code() < 0x97))?;
    let codes = removed.iter().map(|outcome| match outcome {
        Ok(Removal::Gone) => 0,
        Ok(Removal::NeverThere) => 0x11,
        Err(refusal) => refusal.code(),
    });
    outcomes(0xb0, packet_id, codes, out)
}

fn outcomes(
    first: u8,
    packet_id: u16,
    codes: impl ExactSizeIterator<Item = u8>,
    out: &mut Writer<'_>,
) -> Result<(), WriteError> {
    out.expressible(codes.len() > 0)?;
    out.header(first, 2 + 1 + codes.len())?;
    out.put(&packet_id.to_be_bytes());
    out.properties(PropertySection::EMPTY);
    codes.for_each(|code| out.put(&[code]));
    Ok(())
}

fn publish(
    packet_id: Option<u16>,
    publish: &Publish<'_>,
    sender: Sender,
    out: &mut Writer<'_>,
) -> Result<(), WriteError> {
    // The section was checked when it was made, if perhaps for another packet. No alias is ever given, so that
    // none can be used.
    let present = publish.properties.present();
    let numbered = sender == Sender::Client && present.has(SUBSCRIPTION_IDENTIFIER);
    out.expressible(present.suit(SectionOf::Publish) && !present.has(TOPIC_ALIAS) && !numbered)?;
    out.topic(publish.topic)?;
    let first = Frame::publish_first(publish, packet_id)?;
    let id_len = if packet_id.is_some() { 2 } else { 0 };
    let section = section_len(publish.properties);
    out.header(first, 2 + publish.topic.len() + id_len + section + publish.payload.len())?;
    out.field(publish.topic.as_bytes())?;
    if let Some(packet_id) = packet_id {
        out.put(&packet_id.to_be_bytes());
    }
    out.properties(publish.properties);
    out.put(publish.payload);
    Ok(())
}

fn puback(packet_id: u16, ack: &Ack<'_>, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(reason::puback(ack.reason_code))?;
    out.section(ack.properties, SectionOf::PubAck)?;
    if *ack == Ack::SUCCESS {
        return out.pair(0x40, packet_id.to_be_bytes());
    }
    out.header(0x40, 2 + 1 + section_len(ack.properties))?;
    out.put(&packet_id.to_be_bytes());
    out.put(&[ack.reason_code]);
    out.properties(ack.properties);
    Ok(())
}

fn disconnect(ack: &Ack<'_>, sender: Sender, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(reason::disconnect(sender, ack.reason_code))?;
    out.section(ack.properties, SectionOf::Disconnect)?;
    // How long a session lasts is the client's to say.
    out.expressible(sender == Sender::Client || ack.properties.session_expiry_interval().is_none())?;
    if *ack == Ack::SUCCESS {
        return out.header(0xe0, 0);
    }
    out.header(0xe0, 1 + section_len(ack.properties))?;
    out.put(&[ack.reason_code]);
    out.properties(ack.properties);
    Ok(())
}

fn auth(auth: &Auth<'_>, sender: Sender, out: &mut Writer<'_>) -> Result<(), WriteError> {
    out.expressible(reason::auth(sender, auth.reason_code))?;
    out.section(auth.properties, SectionOf::Auth)?;
    out.header(0xf0, 1 + section_len(auth.properties))?;
    out.put(&[auth.reason_code]);
    out.properties(auth.properties);
    Ok(())
}

/// Protocol name, level, flags and keep-alive of a CONNECT.
const FIXED_CONNECT_LEN: usize = 2 + protocol::NAME.len() + 1 + 1 + 2;
/// Session expiry, receive maximum and maximum packet size.
const ANNOUNCED_LEN_MAX: usize = 5 + 3 + 5;
/// Three numbers of four bytes and three of two, five flags: more than a CONNACK announces.
const LIMITS_LEN_MAX: usize = 3 * 5 + 3 * 3 + 5 * 2;
