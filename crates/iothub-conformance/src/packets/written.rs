use iothub_codec::{Qos, Version};
use iothub_proto::{AckToken, FilterRefusal, Limits, Packet, RefusalReason, Removal, Session};

use super::{V311_REFUSALS, code, properties::with_fields};
use crate::conversation::Deed;

/// What a packet is in words. `awaited` is the token of the SUBSCRIBE or UNSUBSCRIBE that is to be answered: an answer
/// to it does not repeat it, and any other shows what it answers.
pub(crate) fn written(packet: &Packet<'_>, version: Version, awaited: Option<AckToken>) -> Deed {
    let deed = Deed::new(&packet.kind().to_string());
    let answer =
        |token: AckToken| if awaited == Some(token) { deed.clone() } else { deed.clone().word(id(token)) };
    match packet {
        Packet::Connect(opening) => deed.word(match opening.session {
            Session::Fresh => "fresh",
            Session::Resume => "resume",
        }),
        Packet::Connected { session, limits } => {
            let deed = deed.word(match session {
                Session::Fresh => "fresh",
                Session::Resume => "resumed",
            });
            if version == Version::V5 { with_limits(deed, limits) } else { deed }
        }
        Packet::Refused(refusal) => {
            let deed = deed.word("refused").word(refused(version, refusal.reason));
            with_fields(deed, refusal.properties)
        }
        Packet::Subscribe { filters, .. } => {
            filters.iter().fold(deed, |deed, filter| deed.word(filter.topic).word(number(filter.qos)))
        }
        Packet::SubAck { token, granted } => {
            granted.iter().fold(answer(*token), |deed, outcome| match outcome {
                Ok(qos) => deed.word(number(qos)),
                // MQTT 3.1.1 has one refusal for all.
                Err(_) if version == Version::V311 => deed.word(code(FilterRefusal::Unspecified.code())),
                Err(refusal) => deed.word(code(refusal.code())),
            })
        }
        Packet::Unsubscribe { filters, .. } => filters.iter().fold(deed, |deed, each| deed.word(each.topic)),
        Packet::UnsubAck { token, removed } => {
            removed.iter().fold(answer(*token), |deed, outcome| match outcome {
                // MQTT 3.1.1 says nothing of outcomes.
                _ if version == Version::V311 => deed,
                Ok(Removal::Gone) => deed.word(code(0)),
                Ok(Removal::NeverThere) => deed.word(code(0x11)),
                Err(refusal) => deed.word(code(refusal.code())),
            })
        }
        Packet::Publish { ack, publish } => {
            let marks = [("dup", publish.duplicate), ("retain", publish.retain)];
            let deed = ack.map_or(deed.clone(), |token| deed.word(id(token)));
            let deed = marks.iter().filter(|(_, set)| *set).fold(deed, |deed, (mark, _)| deed.word(mark));
            with_fields(deed.word(publish.topic).payload(publish.payload), publish.properties)
        }
        Packet::Ack { token, ack } => {
            let deed = deed.word(id(*token));
            let deed = if ack.reason_code == 0 { deed } else { deed.word(code(ack.reason_code)) };
            with_fields(deed, ack.properties)
        }
        Packet::Disconnect(ack) => {
            let deed = if ack.reason_code == 0 { deed } else { deed.word(code(ack.reason_code)) };
            with_fields(deed, ack.properties)
        }
        Packet::Auth(auth) => with_fields(deed.word(code(auth.reason_code)), auth.properties),
    }
}

/// What a CONNACK of MQTT 5 says, in the names of its properties.
fn with_limits(deed: Deed, limits: &Limits) -> Deed {
    let flag = |flag: bool| u8::from(flag);
    let deed = deed
        .field("receive-maximum", limits.receive_maximum)
        .field("maximum-packet-size", limits.maximum_packet_size)
        .field("maximum-qos", number(limits.maximum_qos))
        .field("topic-alias-maximum", limits.topic_alias_maximum)
        .field("retain-available", flag(limits.retain_available))
        .field("subscription-identifiers-available", flag(limits.subscription_identifiers_available))
        .field("shared-subscription-available", flag(limits.shared_subscriptions_available));
    let deed = limits.keep_alive_s.map_or(deed.clone(), |s| deed.field("server-keep-alive", s));
    limits.session_expiry_s.map_or(deed.clone(), |s| deed.field("session-expiry", s))
}

fn refused(version: Version, reason: RefusalReason) -> String {
    match version {
        Version::V5 => code(reason.code()),
        Version::V311 => V311_REFUSALS
            .iter()
            .find(|(_, each)| *each == reason)
            .map_or_else(|| code(reason.code()), |(number, _)| (*number).to_owned()),
    }
}

fn number(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
    }
}

fn id(token: AckToken) -> String {
    format!("@{}", token.get())
}
