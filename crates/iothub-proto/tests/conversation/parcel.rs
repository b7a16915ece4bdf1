//! Packets that are under way, and therefore own what they say.

use iothub_codec::{Ack, Connect, Filters, PropertySection, Publish, Qos, Version};
use iothub_proto::{AckToken, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removed, Session};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    Connect { client_id: String, username: String, session: Session },
    Connected { session: Session },
    Refused { reason: RefusalReason },
    Subscribe { token: AckToken, filters: Vec<u8> },
    SubAck { token: AckToken, granted: Granted },
    Unsubscribe { token: AckToken, filters: Vec<u8> },
    UnsubAck { token: AckToken, removed: Removed },
    Publish { ack: Option<AckToken>, topic: String, payload: Vec<u8>, duplicate: bool },
    Ack { token: AckToken },
    Disconnect,
}

impl Parcel {
    pub(crate) fn new(packet: &Packet<'_>) -> Self {
        match *packet {
            Packet::Connect(Opening { connect, session, .. }) => Self::Connect {
                client_id: connect.client_id.to_owned(),
                username: connect.username.unwrap_or_default().to_owned(),
                session,
            },
            Packet::Connected { session, .. } => Self::Connected { session },
            Packet::Refused(refusal) => Self::Refused { reason: refusal.reason },
            Packet::Subscribe { token, filters } => {
                Self::Subscribe { token, filters: filters.as_wire().to_vec() }
            }
            Packet::SubAck { token, granted } => Self::SubAck { token, granted },
            Packet::Unsubscribe { token, filters } => {
                Self::Unsubscribe { token, filters: filters.as_wire().to_vec() }
            }
            Packet::UnsubAck { token, removed } => Self::UnsubAck { token, removed },
            Packet::Publish { ack, publish } => {
                assert_eq!(ack.is_some(), publish.qos == Qos::AtLeastOnce, "tokens go with QoS 1");
                Self::Publish {
                    ack,
                    topic: publish.topic.to_owned(),
                    payload: publish.payload.to_vec(),
                    duplicate: publish.duplicate,
                }
            }
            Packet::Ack { token, .. } => Self::Ack { token },
            Packet::Disconnect(_) => Self::Disconnect,
            Packet::Auth(_) => panic!("no dialect here has AUTH"),
        }
    }

    pub(crate) fn packet(&self) -> Packet<'_> {
        match self {
            Self::Connect { client_id, username, session } => Packet::Connect(Opening {
                session: *session,
                keep_alive_s: 60,
                ..Opening::new(Connect {
                    version: Version::V311,
                    client_id,
                    username: Some(username),
                    password: None,
                    properties: PropertySection::EMPTY,
                })
            }),
            Self::Connected { session } => Packet::Connected { session: *session, limits: Limits::CLASSIC },
            Self::Refused { reason } => Packet::Refused(Refusal::new(*reason)),
            Self::Subscribe { token, filters } => {
                Packet::Subscribe { token: *token, filters: Filters::from_subscribe(filters).unwrap() }
            }
            Self::SubAck { token, granted } => Packet::SubAck { token: *token, granted: *granted },
            Self::Unsubscribe { token, filters } => {
                Packet::Unsubscribe { token: *token, filters: Filters::from_unsubscribe(filters).unwrap() }
            }
            Self::UnsubAck { token, removed } => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Publish { ack, topic, payload, duplicate } => {
                let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
                let publish = Publish { qos, duplicate: *duplicate, ..Publish::new(topic, payload) };
                Packet::Publish { ack: *ack, publish }
            }
            Self::Ack { token } => Packet::Ack { token: *token, ack: Ack::SUCCESS },
            Self::Disconnect => Packet::Disconnect(Ack::SUCCESS),
        }
    }

    /// Whether a link may lose or repeat it: what wants no acknowledgement.
    pub(crate) fn is_at_most_once(&self) -> bool {
        matches!(self, Self::Publish { ack: None, .. })
    }
}
