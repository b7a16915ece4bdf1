//! Any packet that MQTT 3.1.1 allows, made up.

use iothub_codec::{Ack, Connect, Filters, PropertySection, Publish, Qos, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removed, Session,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::connection::{End, written};

/// A packet that owns what it says.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Connect {
        client_id: String,
        user: Option<User>,
        session: Session,
        keep_alive_s: u16,
        will: Option<Message>,
    },
    Connected {
        session: Session,
    },
    Refused {
        reason: RefusalReason,
    },
    Subscribe {
        token: AckToken,
        wire: Vec<u8>,
    },
    SubAck {
        token: AckToken,
        granted: Granted,
    },
    Unsubscribe {
        token: AckToken,
        wire: Vec<u8>,
    },
    UnsubAck {
        token: AckToken,
    },
    Publish {
        token: AckToken,
        message: Message,
    },
    Ack {
        token: AckToken,
    },
    Disconnect,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    name: String,
    password: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    topic: String,
    payload: Vec<u8>,
    qos: Qos,
    retain: bool,
    duplicate: bool,
}

impl Sample {
    pub(crate) fn lend(&self) -> Packet<'_> {
        match self {
            Self::Connect { client_id, user, session, keep_alive_s, will } => Packet::Connect(Opening {
                session: *session,
                keep_alive_s: *keep_alive_s,
                will: will.as_ref().map(|will| Publish { duplicate: false, ..will.lend() }),
                ..Opening::new(Connect {
                    version: Version::V311,
                    client_id,
                    username: user.as_ref().map(|user| user.name.as_str()),
                    password: user.as_ref().and_then(|user| user.password.as_deref()),
                    properties: PropertySection::EMPTY,
                })
            }),
            Self::Connected { session } => Packet::Connected { session: *session, limits: Limits::CLASSIC },
            Self::Refused { reason } => Packet::Refused(Refusal::new(*reason)),
            Self::Subscribe { token, wire } => {
                Packet::Subscribe { token: *token, filters: Filters::from_subscribe(wire).unwrap() }
            }
            Self::SubAck { token, granted } => Packet::SubAck { token: *token, granted: *granted },
            Self::Unsubscribe { token, wire } => {
                Packet::Unsubscribe { token: *token, filters: Filters::from_unsubscribe(wire).unwrap() }
            }
            Self::UnsubAck { token } => Packet::UnsubAck { token: *token, removed: Removed::EMPTY },
            Self::Publish { token, message } => Packet::Publish {
                ack: (message.qos == Qos::AtLeastOnce).then_some(*token),
                publish: Publish {
                    duplicate: message.duplicate && message.qos == Qos::AtLeastOnce,
                    ..message.lend()
                },
            },
            Self::Ack { token } => Packet::Ack { token: *token, ack: Ack::SUCCESS },
            Self::Disconnect => Packet::Disconnect(Ack::SUCCESS),
        }
    }

    /// Who sends it; of what both send, the device.
    pub(crate) fn sender(&self) -> End {
        match self {
            Self::Connected { .. } | Self::Refused { .. } | Self::SubAck { .. } | Self::UnsubAck { .. } => {
                End::Hub
            }
            Self::Connect { .. }
            | Self::Subscribe { .. }
            | Self::Unsubscribe { .. }
            | Self::Publish { .. }
            | Self::Ack { .. }
            | Self::Disconnect => End::Device,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        written(self.sender(), &self.lend(), Limits::CLASSIC)
    }
}

impl Message {
    fn lend(&self) -> Publish<'_> {
        Publish {
            topic: &self.topic,
            properties: PropertySection::EMPTY,
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
            duplicate: self.duplicate,
        }
    }
}

pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        (any_text(), option::of(any_user()), any_session(), any::<u16>(), option::of(any_message(64)))
            .prop_map(|(client_id, user, session, keep_alive_s, will)| Sample::Connect {
                client_id,
                user,
                session,
                keep_alive_s,
                will
            }),
        any_session().prop_map(|session| Sample::Connected { session }),
        any_reason().prop_map(|reason| Sample::Refused { reason }),
        (any_token(), vec((any_filter(), 0..3_u8), 1..=16)).prop_map(|(token, filters)| {
            let entry = |(filter, qos): &(String, u8)| [prefixed(filter), vec![*qos]].concat();
            Sample::Subscribe { token, wire: filters.iter().flat_map(entry).collect() }
        }),
        (any_token(), vec(option::of(any_qos()), 1..=16)).prop_map(|(token, outcomes)| {
            let mut granted = Granted::EMPTY;
            assert!(outcomes.into_iter().all(|qos| granted.push(qos.ok_or(FilterRefusal::Unspecified))));
            Sample::SubAck { token, granted }
        }),
        (any_token(), vec(any_filter(), 1..=16)).prop_map(|(token, filters)| {
            let wire = filters.iter().flat_map(|filter| prefixed(filter)).collect();
            Sample::Unsubscribe { token, wire }
        }),
        any_token().prop_map(|token| Sample::UnsubAck { token }),
        (any_token(), any_message(64)).prop_map(|(token, message)| Sample::Publish { token, message }),
        (any_token(), any_message(20_000)).prop_map(|(token, message)| Sample::Publish { token, message }),
        any_token().prop_map(|token| Sample::Ack { token }),
        Just(Sample::Disconnect),
    ]
}

pub(crate) fn prefixed(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn any_user() -> impl Strategy<Value = User> {
    (any_text(), option::of(vec(any::<u8>(), 0..40))).prop_map(|(name, password)| User { name, password })
}

fn any_message(payload_len_max: usize) -> impl Strategy<Value = Message> {
    (any_topic(), vec(any::<u8>(), 0..payload_len_max), any_qos(), any::<bool>(), any::<bool>()).prop_map(
        |(topic, payload, qos, retain, duplicate)| Message { topic, payload, qos, retain, duplicate },
    )
}

pub(crate) fn any_token() -> impl Strategy<Value = AckToken> {
    (1..=u16::MAX).prop_map(|id| AckToken::new(id).unwrap())
}

pub(crate) fn any_qos() -> impl Strategy<Value = Qos> {
    prop_oneof![Just(Qos::AtMostOnce), Just(Qos::AtLeastOnce)]
}

pub(crate) fn any_session() -> impl Strategy<Value = Session> {
    prop_oneof![Just(Session::Resume), Just(Session::Fresh)]
}

fn any_reason() -> impl Strategy<Value = RefusalReason> {
    prop_oneof![
        Just(RefusalReason::UnacceptableProtocol),
        Just(RefusalReason::BadClientId),
        Just(RefusalReason::Unavailable),
        Just(RefusalReason::BadUserName),
        Just(RefusalReason::NotAuthorized),
    ]
}

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    text_of(|c| c != '\0', 0..24)
}

pub(crate) fn any_topic() -> impl Strategy<Value = String> {
    text_of(|c| !matches!(c, '\0' | '+' | '#'), 1..24)
}

pub(crate) fn any_filter() -> impl Strategy<Value = String> {
    text_of(|c| c != '\0', 1..24)
}

fn text_of(allowed: impl Fn(char) -> bool, len: core::ops::Range<usize>) -> impl Strategy<Value = String> {
    let character = prop_oneof![4 => proptest::char::range(' ', '~'), 1 => any::<char>()];
    let put = move |c| if allowed(c) { c } else { '_' };
    vec(character, len).prop_map(move |text| text.into_iter().map(&put).collect())
}
