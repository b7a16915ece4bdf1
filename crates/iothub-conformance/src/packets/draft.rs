use iothub_codec::{Ack, Auth, Dialect, Filters, PropertySection, Publish, Qos, SectionOf, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Packet, Refusal, RefusalReason, Removal, Removed, Session,
};

use super::{V311_REFUSALS, properties::section, read_code};
use crate::conversation::{Actor, Deed};
use crate::player::Trouble;

/// A packet that is made of words, and owns its bytes.
#[derive(Clone, Debug)]
pub(crate) enum Draft {
    Connected { session: Session, limits: Limits },
    Refused { reason: RefusalReason, section: Vec<u8> },
    Subscribe { token: AckToken, wire: Vec<u8> },
    SubAck { token: AckToken, granted: Granted },
    Unsubscribe { token: AckToken, wire: Vec<u8> },
    UnsubAck { token: AckToken, removed: Removed },
    Publish { ack: Option<AckToken>, topic: String, section: Vec<u8>, payload: Vec<u8>, marks: Marks },
    Ack { token: AckToken, reason_code: u8, section: Vec<u8> },
    Disconnect { reason_code: u8, section: Vec<u8> },
    Auth { reason_code: u8, section: Vec<u8> },
}

/// The flags of a PUBLISH.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    duplicate: bool,
    retain: bool,
}

impl Draft {
    /// The packet that a deed is. `token` is that of SUBSCRIBE, UNSUBSCRIBE and their answers, of which conversations
    /// do not speak.
    pub(crate) fn new(dialect: Dialect, actor: Actor, deed: &Deed, token: AckToken) -> Result<Self, Trouble> {
        let bad = || Trouble::new(format!("no packet: {} {deed}", actor.name()));
        let version = dialect.version();
        let fields = deed.fields.as_slice();
        Ok(match deed.verb.as_str() {
            "CONNACK" => connack(version, deed)?.ok_or_else(bad)?,
            "SUBSCRIBE" => {
                let (pairs, []) = deed.words.as_chunks::<2>() else { return Err(bad()) };
                let mut wire = Vec::new();
                for [filter, qos] in pairs {
                    put_filter(filter, &mut wire).ok_or_else(bad)?;
                    wire.push(qos.parse().map_err(|_| bad())?);
                }
                Filters::from_subscribe(&wire).map_err(|_| bad())?;
                Self::Subscribe { token, wire }
            }
            "UNSUBSCRIBE" => {
                let mut wire = Vec::new();
                for filter in &deed.words {
                    put_filter(filter, &mut wire).ok_or_else(bad)?;
                }
                Filters::from_unsubscribe(&wire).map_err(|_| bad())?;
                Self::Unsubscribe { token, wire }
            }
            "SUBACK" => {
                let mut granted = Granted::EMPTY;
                let all = deed.words.iter().all(|word| outcome(word).is_some_and(|one| granted.push(one)));
                all.then_some(Self::SubAck { token, granted }).ok_or_else(bad)?
            }
            "UNSUBACK" => {
                let mut removed = Removed::EMPTY;
                let all = deed.words.iter().all(|word| removal(word).is_some_and(|one| removed.push(one)));
                all.then_some(Self::UnsubAck { token, removed }).ok_or_else(bad)?
            }
            "PUBLISH" => publish(deed)?.ok_or_else(bad)?,
            "PUBACK" => Self::Ack {
                token: id(deed.at(0)).ok_or_else(bad)?,
                reason_code: reason(deed.at(1)).ok_or_else(bad)?,
                section: section(fields, SectionOf::PubAck)?,
            },
            "DISCONNECT" => Self::Disconnect {
                reason_code: reason(deed.at(0)).ok_or_else(bad)?,
                section: section(fields, SectionOf::Disconnect)?,
            },
            "AUTH" => Self::Auth {
                reason_code: reason(deed.at(0)).ok_or_else(bad)?,
                section: section(fields, SectionOf::Auth)?,
            },
            _ => return Err(bad()),
        })
    }

    /// The packet.
    pub(crate) fn as_packet(&self) -> Packet<'_> {
        match self {
            Self::Connected { session, limits } => Packet::Connected { session: *session, limits: *limits },
            Self::Refused { reason, section } => {
                Packet::Refused(Refusal { reason: *reason, properties: checked(section, SectionOf::ConnAck) })
            }
            Self::Subscribe { token, wire } => Packet::Subscribe {
                token: *token,
                filters: Filters::from_subscribe(wire).expect("read in `new`"),
            },
            Self::SubAck { token, granted } => Packet::SubAck { token: *token, granted: *granted },
            Self::Unsubscribe { token, wire } => Packet::Unsubscribe {
                token: *token,
                filters: Filters::from_unsubscribe(wire).expect("read in `new`"),
            },
            Self::UnsubAck { token, removed } => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Publish { ack, topic, section, payload, marks } => Packet::Publish {
                ack: *ack,
                publish: Publish {
                    topic,
                    properties: checked(section, SectionOf::Publish),
                    payload,
                    qos: if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce },
                    retain: marks.retain,
                    duplicate: marks.duplicate,
                },
            },
            Self::Ack { token, reason_code, section } => {
                let properties = checked(section, SectionOf::PubAck);
                Packet::Ack { token: *token, ack: Ack { reason_code: *reason_code, properties } }
            }
            Self::Disconnect { reason_code, section } => {
                let properties = checked(section, SectionOf::Disconnect);
                Packet::Disconnect(Ack { reason_code: *reason_code, properties })
            }
            Self::Auth { reason_code, section } => {
                let properties = checked(section, SectionOf::Auth);
                Packet::Auth(Auth { reason_code: *reason_code, properties })
            }
        }
    }
}

fn checked(section: &[u8], of: SectionOf) -> PropertySection<'_> {
    PropertySection::from_wire(section, of).expect("written as one of such a packet")
}

fn connack(version: Version, deed: &Deed) -> Result<Option<Draft>, Trouble> {
    let mut limits = match version {
        Version::V311 => Limits::CLASSIC,
        Version::V5 => Limits::PREVIEW5,
    };
    if let Some(most) = deed.get("receive-maximum") {
        limits.receive_maximum = most.parse().map_err(Trouble::new)?;
    }
    let session = match deed.at(0) {
        "fresh" => Session::Fresh,
        "resumed" => Session::Resume,
        "refused" => {
            let word = deed.at(1);
            let reason = match version {
                Version::V311 => V311_REFUSALS.iter().find(|(each, _)| *each == word).map(|(_, each)| *each),
                Version::V5 => read_code(word).and_then(RefusalReason::from_code),
            };
            let section = section(&deed.fields, SectionOf::ConnAck)?;
            return Ok(reason.map(|reason| Draft::Refused { reason, section }));
        }
        _ => return Ok(None),
    };
    Ok(Some(Draft::Connected { session, limits }))
}

fn publish(deed: &Deed) -> Result<Option<Draft>, Trouble> {
    let mut marks = Marks::default();
    let mut ack = None;
    let Some((topic, before)) = deed.words.split_last() else { return Ok(None) };
    for word in before {
        match word.as_str() {
            "dup" => marks.duplicate = true,
            "retain" => marks.retain = true,
            word => match id(word) {
                Some(token) => ack = Some(token),
                None => return Ok(None),
            },
        }
    }
    let section = section(&deed.fields, SectionOf::Publish)?;
    Ok(Some(Draft::Publish { ack, topic: topic.clone(), section, payload: deed.bytes().to_vec(), marks }))
}

fn id(word: &str) -> Option<AckToken> {
    AckToken::new(word.strip_prefix('@')?.parse().ok()?)
}

/// A reason code, which is 0 where it is not said.
fn reason(word: &str) -> Option<u8> {
    if word.is_empty() { Some(0) } else { read_code(word) }
}

fn outcome(word: &str) -> Option<Result<Qos, FilterRefusal>> {
    match word {
        "0" => Some(Ok(Qos::AtMostOnce)),
        "1" => Some(Ok(Qos::AtLeastOnce)),
        word => read_code(word).and_then(FilterRefusal::from_code).map(Err),
    }
}

fn removal(word: &str) -> Option<Result<Removal, FilterRefusal>> {
    match read_code(word)? {
        0 => Some(Ok(Removal::Gone)),
        0x11 => Some(Ok(Removal::NeverThere)),
        code => FilterRefusal::from_code(code).map(Err),
    }
}

fn put_filter(filter: &str, wire: &mut Vec<u8>) -> Option<()> {
    wire.extend(u16::try_from(filter.len()).ok()?.to_be_bytes());
    wire.extend(filter.bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::written;

    #[test]
    fn what_is_read_is_written_the_same() {
        let bare = |verb: &str, words: &str| Deed {
            words: words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            ..Deed::new(verb)
        };
        for (dialect, actor, deed) in [
            (Dialect::Classic, Actor::Hub, bare("CONNACK", "fresh")),
            (Dialect::Classic, Actor::Hub, bare("CONNACK", "refused 5")),
            (Dialect::Preview5, Actor::Hub, bare("CONNACK", "refused 0x8C").field("user status", "0101")),
            (Dialect::Classic, Actor::Device, bare("SUBSCRIBE", "a/# 1 b 0")),
            (Dialect::Classic, Actor::Device, bare("UNSUBSCRIBE", "a/# b")),
            (Dialect::Preview5, Actor::Hub, bare("SUBACK", "0 1 0x97")),
            (Dialect::Classic, Actor::Hub, bare("UNSUBACK", "")),
            (Dialect::Preview5, Actor::Hub, bare("UNSUBACK", "0x00 0x11")),
            (Dialect::Classic, Actor::Hub, bare("PUBLISH", "@7 dup a/b").payload(b"x y")),
            (Dialect::Classic, Actor::Device, bare("PUBLISH", "retain a/b")),
            (
                Dialect::Preview5,
                Actor::Hub,
                bare("PUBLISH", "a").field("correlation-data", "1").field("user version", "3"),
            ),
            (Dialect::Classic, Actor::Device, bare("PUBACK", "@3")),
            (Dialect::Preview5, Actor::Device, bare("PUBACK", "@3 0x83").field("user status", "0603")),
            (Dialect::Preview5, Actor::Hub, bare("DISCONNECT", "0x8E")),
            (Dialect::Preview5, Actor::Hub, bare("AUTH", "0x00").field("authentication-method", "SAS")),
        ] {
            let draft = Draft::new(dialect, actor, &deed, AckToken::FIRST).unwrap();
            assert_eq!(written(&draft.as_packet(), dialect.version(), Some(AckToken::FIRST)), deed);
        }
    }
}
