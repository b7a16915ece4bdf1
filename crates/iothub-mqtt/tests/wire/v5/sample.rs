//! Any packet that MQTT 5 allows, made up.

use iothub_codec::{Ack, Auth, Connect, Filters, PropertySection, Publish, Qos, SectionOf, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removal, Removed,
    Session,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::ends::written;
use crate::connection::End;
use crate::sample::{any_filter, any_qos, any_session, any_text, any_token, any_topic, prefixed};

pub(super) const LIMITS: Limits = Limits { retain_available: true, ..Limits::PREVIEW5 };

/// A packet that owns what it says.
#[derive(Clone, Debug)]
pub(super) enum Sample {
    Connect {
        client_id: String,
        username: Option<String>,
        password: Option<Vec<u8>>,
        section: Vec<u8>,
        session: Session,
        keep_alive_s: u16,
        will: Option<Message>,
    },
    Connected(Session, Limits),
    Refused(RefusalReason, Vec<u8>),
    Subscribe(AckToken, Vec<u8>),
    SubAck(AckToken, Granted),
    Unsubscribe(AckToken, Vec<u8>),
    UnsubAck(AckToken, Removed),
    Publish(AckToken, Message),
    Ack(AckToken, u8, Vec<u8>),
    Disconnect(End, u8, Vec<u8>),
    Auth(End, u8, Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    topic: String,
    section: Vec<u8>,
    payload: Vec<u8>,
    qos: Qos,
    retain: bool,
    duplicate: bool,
}

impl Sample {
    pub(super) fn lend(&self) -> Packet<'_> {
        match self {
            Self::Connect { client_id, username, password, section, session, keep_alive_s, will } => {
                let properties = lent(section, SectionOf::Connect);
                Packet::Connect(Opening {
                    session: *session,
                    keep_alive_s: *keep_alive_s,
                    will: will
                        .as_ref()
                        .map(|will| Publish { duplicate: false, ..will.lend(SectionOf::Will) }),
                    session_expiry_s: properties.session_expiry_interval(),
                    receive_maximum: properties.receive_maximum(),
                    maximum_packet_size: properties.maximum_packet_size(),
                    ..Opening::new(Connect {
                        version: Version::V5,
                        client_id,
                        username: username.as_deref(),
                        password: password.as_deref(),
                        properties,
                    })
                })
            }
            Self::Connected(session, limits) => Packet::Connected { session: *session, limits: *limits },
            Self::Refused(reason, section) => {
                Packet::Refused(Refusal { reason: *reason, properties: lent(section, SectionOf::ConnAck) })
            }
            Self::Subscribe(token, wire) => {
                Packet::Subscribe { token: *token, filters: Filters::from_subscribe(wire).unwrap() }
            }
            Self::SubAck(token, granted) => Packet::SubAck { token: *token, granted: *granted },
            Self::Unsubscribe(token, wire) => {
                Packet::Unsubscribe { token: *token, filters: Filters::from_unsubscribe(wire).unwrap() }
            }
            Self::UnsubAck(token, removed) => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Publish(token, message) => Packet::Publish {
                ack: (message.qos == Qos::AtLeastOnce).then_some(*token),
                publish: Publish {
                    duplicate: message.duplicate && message.qos == Qos::AtLeastOnce,
                    ..message.lend(SectionOf::Publish)
                },
            },
            Self::Ack(token, code, section) => {
                Packet::Ack { token: *token, ack: outcome(*code, section, SectionOf::PubAck) }
            }
            Self::Disconnect(_, code, section) => {
                Packet::Disconnect(outcome(*code, section, SectionOf::Disconnect))
            }
            Self::Auth(_, code, section) => {
                Packet::Auth(Auth { reason_code: *code, properties: lent(section, SectionOf::Auth) })
            }
        }
    }

    /// Who sends it; of what both send, the device.
    pub(super) fn sender(&self) -> End {
        match self {
            Self::Connected(..) | Self::Refused(..) | Self::SubAck(..) | Self::UnsubAck(..) => End::Hub,
            Self::Disconnect(sender, ..) | Self::Auth(sender, ..) => *sender,
            Self::Connect { .. }
            | Self::Subscribe(..)
            | Self::Unsubscribe(..)
            | Self::Publish(..)
            | Self::Ack(..) => End::Device,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        written(self.sender(), &self.lend(), LIMITS)
    }
}

impl Message {
    fn lend(&self, of: SectionOf) -> Publish<'_> {
        Publish {
            topic: &self.topic,
            properties: lent(&self.section, of),
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
            duplicate: self.duplicate,
        }
    }
}

fn lent(section: &[u8], of: SectionOf) -> PropertySection<'_> {
    PropertySection::from_wire(section, of).unwrap()
}

fn outcome(reason_code: u8, section: &[u8], of: SectionOf) -> Ack<'_> {
    Ack { reason_code, properties: lent(section, of) }
}

pub(super) fn any_sample() -> impl Strategy<Value = Sample> {
    let outcome = prop_oneof![any_qos().prop_map(Ok), select(FilterRefusal::ALL.to_vec()).prop_map(Err)];
    let removal = prop_oneof![
        select(vec![Removal::Gone, Removal::NeverThere]).prop_map(Ok),
        select(FilterRefusal::ALL[..5].to_vec()).prop_map(Err)
    ];
    let acks = select(vec![0, 0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
    prop_oneof![
        any_connect(),
        (any_session(), any_limits()).prop_map(|(session, limits)| Sample::Connected(session, limits)),
        (select(RefusalReason::ALL.to_vec()), any_section(SectionOf::ConnAck))
            .prop_map(|(reason, section)| Sample::Refused(reason, section)),
        (any_token(), vec((any_filter(), options()), 1..=50)).prop_map(|(token, filters)| {
            let entry = |(filter, options): &(String, u8)| [prefixed(filter), vec![*options]].concat();
            Sample::Subscribe(token, filters.iter().flat_map(entry).collect())
        }),
        (any_token(), vec(outcome, 1..=50)).prop_map(|(token, outcomes)| {
            let mut granted = Granted::EMPTY;
            assert!(outcomes.into_iter().all(|outcome| granted.push(outcome)));
            Sample::SubAck(token, granted)
        }),
        (any_token(), vec(any_filter(), 1..=50)).prop_map(|(token, filters)| {
            Sample::Unsubscribe(token, filters.iter().flat_map(|filter| prefixed(filter)).collect())
        }),
        (any_token(), vec(removal, 1..=50)).prop_map(|(token, outcomes)| {
            let mut removed = Removed::EMPTY;
            assert!(outcomes.into_iter().all(|outcome| removed.push(outcome)));
            Sample::UnsubAck(token, removed)
        }),
        (any_token(), any_message(SectionOf::Publish, 64))
            .prop_map(|(token, message)| Sample::Publish(token, message)),
        (any_token(), any_message(SectionOf::Publish, 20_000))
            .prop_map(|(token, message)| Sample::Publish(token, message)),
        (any_token(), acks, any_section(SectionOf::PubAck))
            .prop_map(|(token, code, section)| Sample::Ack(token, code, section)),
        (select(vec![0, 4, 0x81, 0x99]), any_section(SectionOf::Disconnect))
            .prop_map(|(code, section)| Sample::Disconnect(End::Device, code, section)),
        (select(vec![0, 0x87, 0x8e, 0x9f]), any_entries(&[0x1c, 0x1f, 0x26]))
            .prop_map(|(code, section)| Sample::Disconnect(End::Hub, code, section)),
        any_section(SectionOf::Auth).prop_map(|section| Sample::Auth(End::Device, 0x19, section)),
        (select(vec![0, 0x18]), any_section(SectionOf::Auth)).prop_map(|(code, section)| Sample::Auth(
            End::Hub,
            code,
            section
        )),
    ]
}

fn any_connect() -> impl Strategy<Value = Sample> {
    let login = (option::of(any_text()), option::of(vec(any::<u8>(), 0..40)));
    let will = option::of(any_message(SectionOf::Will, 64));
    (any_text(), login, any_section(SectionOf::Connect), any_session(), any::<u16>(), will)
        .prop_filter("authentication data wants a method", |(_, _, section, ..)| {
            let section = lent(section, SectionOf::Connect);
            section.authentication_data().is_none() || section.authentication_method().is_some()
        })
        .prop_map(|(client_id, (username, password), section, session, keep_alive_s, will)| Sample::Connect {
            client_id,
            username,
            password,
            section,
            session,
            keep_alive_s,
            will,
        })
}

/// As a hub announces them, one of which has no subscription identifiers.
fn any_limits() -> impl Strategy<Value = Limits> {
    let flags = any::<[bool; 3]>();
    (
        1..=u16::MAX,
        1..=u32::MAX,
        option::of(any::<u16>()),
        option::of(any::<u32>()),
        any::<u16>(),
        any_qos(),
        flags,
    )
        .prop_map(
            |(receive_maximum, maximum_packet_size, keep_alive_s, expiry, aliases, maximum_qos, flags)| {
                let [retain_available, wildcards_available, shared_subscriptions_available] = flags;
                Limits {
                    receive_maximum,
                    maximum_packet_size,
                    keep_alive_s,
                    session_expiry_s: expiry,
                    topic_alias_maximum: aliases,
                    maximum_qos,
                    retain_available,
                    wildcards_available,
                    subscription_identifiers_available: false,
                    shared_subscriptions_available,
                }
            },
        )
}

fn any_message(of: SectionOf, payload_len_max: usize) -> impl Strategy<Value = Message> {
    let payload = vec(any::<u8>(), 0..payload_len_max);
    (any_topic(), any_section(of), payload, any_qos(), any::<bool>(), any::<bool>()).prop_map(
        |(topic, section, payload, qos, retain, duplicate)| Message {
            topic,
            section,
            payload,
            qos,
            retain,
            duplicate,
        },
    )
}

/// QoS, No Local, Retain As Published and a retain handling.
fn options() -> impl Strategy<Value = u8> {
    (0..3_u8, 0..4_u8, 0..3_u8).prop_map(|(qos, flags, handling)| qos | flags << 2 | handling << 4)
}

fn any_section(of: SectionOf) -> BoxedStrategy<Vec<u8>> {
    any_entries(match of {
        SectionOf::Connect => &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27],
        SectionOf::Will => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26],
        SectionOf::ConnAck => &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
            0x2a,
        ],
        SectionOf::Publish => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x26],
        SectionOf::Disconnect => &[0x11, 0x1c, 0x1f, 0x26],
        SectionOf::Auth => &[0x15, 0x16, 0x1f, 0x26],
        SectionOf::PubAck
        | SectionOf::Subscribe
        | SectionOf::SubAck
        | SectionOf::Unsubscribe
        | SectionOf::UnsubAck => &[0x1f, 0x26],
    })
}

/// Some of these properties, in any order, and user properties any number of times.
fn any_entries(ids: &'static [u8]) -> BoxedStrategy<Vec<u8>> {
    vec(select(ids).prop_flat_map(|id| (Just(id), any_value(id))), 0..6)
        .prop_map(|entries| {
            let mut seen = Vec::new();
            let mut section = Vec::new();
            for (id, value) in entries {
                if id == 0x26 || !seen.contains(&id) {
                    seen.push(id);
                    section.push(id);
                    section.extend(value);
                }
            }
            section
        })
        .boxed()
}

fn any_value(id: u8) -> BoxedStrategy<Vec<u8>> {
    let text = || any_text().prop_map(|text| prefixed(&text));
    match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => {
            (0..2_u8).prop_map(|flag| vec![flag]).boxed()
        }
        0x13 | 0x21 | 0x22 | 0x23 => (1..=u16::MAX).prop_map(|number| number.to_be_bytes().to_vec()).boxed(),
        0x02 | 0x11 | 0x18 | 0x27 => (1..=u32::MAX).prop_map(|number| number.to_be_bytes().to_vec()).boxed(),
        0x09 | 0x16 => vec(any::<u8>(), 0..40)
            .prop_map(|bytes| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat())
            .boxed(),
        0x08 => any_topic().prop_map(|topic| prefixed(&topic)).boxed(),
        0x26 => (text(), text()).prop_map(|(name, value)| [name, value].concat()).boxed(),
        _ => text().boxed(),
    }
}
