//! Packets that are under way, and therefore own what they say.

use iothub_codec::{Ack, Auth, Connect, Filters, PropertySection, Publish, Qos, SectionOf, Version};
use iothub_proto::{AckToken, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removed, Session};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    Connect(Greeting),
    Connected { session: Session, limits: Limits },
    Refused { reason: RefusalReason, properties: Vec<u8> },
    Subscribe { token: AckToken, filters: Vec<u8> },
    SubAck { token: AckToken, granted: Granted },
    Unsubscribe { token: AckToken, filters: Vec<u8> },
    UnsubAck { token: AckToken, removed: Removed },
    Publish { ack: Option<AckToken>, topic: String, properties: Vec<u8>, payload: Vec<u8>, duplicate: bool },
    Ack { token: AckToken, reason_code: u8, properties: Vec<u8> },
    Disconnect { reason_code: u8, properties: Vec<u8> },
    Auth { reason_code: u8, properties: Vec<u8> },
}

/// What a CONNECT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    version: Version,
    client_id: String,
    username: Option<String>,
    password: Option<Vec<u8>>,
    properties: Vec<u8>,
    session: Session,
    session_expiry_s: Option<u32>,
    receive_maximum: Option<u16>,
    maximum_packet_size: Option<u32>,
}

impl Parcel {
    pub(crate) fn new(packet: &Packet<'_>) -> Self {
        let own = |section: PropertySection<'_>| section.as_wire().to_vec();
        match *packet {
            Packet::Connect(opening) => Self::Connect(Greeting::new(&opening)),
            Packet::Connected { session, limits } => Self::Connected { session, limits },
            Packet::Refused(Refusal { reason, properties }) => {
                Self::Refused { reason, properties: own(properties) }
            }
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
                    properties: own(publish.properties),
                    payload: publish.payload.to_vec(),
                    duplicate: publish.duplicate,
                }
            }
            Packet::Ack { token, ack: Ack { reason_code, properties } } => {
                Self::Ack { token, reason_code, properties: own(properties) }
            }
            Packet::Disconnect(Ack { reason_code, properties }) => {
                Self::Disconnect { reason_code, properties: own(properties) }
            }
            Packet::Auth(Auth { reason_code, properties }) => {
                Self::Auth { reason_code, properties: own(properties) }
            }
        }
    }

    pub(crate) fn packet(&self) -> Packet<'_> {
        match self {
            Self::Connect(greeting) => Packet::Connect(greeting.opening()),
            Self::Connected { session, limits } => Packet::Connected { session: *session, limits: *limits },
            Self::Refused { reason, properties } => {
                Packet::Refused(Refusal { reason: *reason, properties: read(properties, SectionOf::ConnAck) })
            }
            Self::Subscribe { token, filters } => {
                Packet::Subscribe { token: *token, filters: Filters::from_subscribe(filters).unwrap() }
            }
            Self::SubAck { token, granted } => Packet::SubAck { token: *token, granted: *granted },
            Self::Unsubscribe { token, filters } => {
                Packet::Unsubscribe { token: *token, filters: Filters::from_unsubscribe(filters).unwrap() }
            }
            Self::UnsubAck { token, removed } => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Publish { ack, topic, properties, payload, duplicate } => {
                let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
                let properties = read(properties, SectionOf::Publish);
                let publish =
                    Publish { qos, duplicate: *duplicate, properties, ..Publish::new(topic, payload) };
                Packet::Publish { ack: *ack, publish }
            }
            Self::Ack { token, reason_code, properties } => {
                let properties = read(properties, SectionOf::PubAck);
                Packet::Ack { token: *token, ack: Ack { reason_code: *reason_code, properties } }
            }
            Self::Disconnect { reason_code, properties } => {
                let properties = read(properties, SectionOf::Disconnect);
                Packet::Disconnect(Ack { reason_code: *reason_code, properties })
            }
            Self::Auth { reason_code, properties } => {
                let properties = read(properties, SectionOf::Auth);
                Packet::Auth(Auth { reason_code: *reason_code, properties })
            }
        }
    }

    /// Whether a link may lose or repeat it: what wants no acknowledgement.
    pub(crate) fn is_at_most_once(&self) -> bool {
        matches!(self, Self::Publish { ack: None, .. })
    }

    /// The same, marked as repeated.
    pub(crate) fn again(&self) -> Self {
        let mut again = self.clone();
        if let Self::Publish { duplicate, .. } = &mut again {
            *duplicate = true;
        }
        again
    }
}

impl Greeting {
    fn new(opening: &Opening<'_>) -> Self {
        let connect = opening.connect;
        Self {
            version: connect.version,
            client_id: connect.client_id.to_owned(),
            username: connect.username.map(str::to_owned),
            password: connect.password.map(<[u8]>::to_vec),
            properties: connect.properties.as_wire().to_vec(),
            session: opening.session,
            session_expiry_s: opening.session_expiry_s,
            receive_maximum: opening.receive_maximum,
            maximum_packet_size: opening.maximum_packet_size,
        }
    }

    fn opening(&self) -> Opening<'_> {
        let connect = Connect {
            version: self.version,
            client_id: &self.client_id,
            username: self.username.as_deref(),
            password: self.password.as_deref(),
            properties: read(&self.properties, SectionOf::Connect),
        };
        Opening {
            session: self.session,
            keep_alive_s: 60,
            session_expiry_s: self.session_expiry_s,
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size,
            ..Opening::new(connect)
        }
    }
}

/// What was written is a section of that packet.
fn read(wire: &[u8], of: SectionOf) -> PropertySection<'_> {
    PropertySection::from_wire(wire, of).unwrap()
}
