use bytes::Bytes;
use iothub_codec::{Ack, Auth, PropertySection, Publish, Qos, SectionOf};
use iothub_proto::{AckToken, Granted, Limits, Packet, Refusal, RefusalReason, Removed, Session};

/// A packet that owns its bytes, to be sent when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PacketBuf {
    /// CONNACK with success.
    Connected(Session, Limits),
    /// CONNACK with a refusal, and what MQTT 5 says beside it.
    Refused(RefusalReason, SectionBuf),
    /// SUBACK.
    SubAck(AckToken, Granted),
    /// UNSUBACK.
    UnsubAck(AckToken, Removed),
    /// PUBACK.
    Ack(AckToken, AckBuf),
    /// PUBLISH: topic, MQTT 5 properties and payload in one piece.
    Publish {
        /// There exactly at QoS 1.
        ack: Option<AckToken>,
        /// The topic, then the properties, then the payload.
        bytes: Bytes,
        /// Length of the topic.
        topic_len: usize,
        /// Length of the properties; 0 over MQTT 3.1.1.
        properties_len: usize,
        /// The DUP flag.
        duplicate: bool,
    },
    /// DISCONNECT: only over MQTT 5.
    Disconnect(AckBuf),
    /// AUTH: only over MQTT 5.
    Auth(AckBuf),
}

/// A reason code of MQTT 5, and what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckBuf {
    /// 0 is success, and all that MQTT 3.1.1 can say.
    pub reason_code: u8,
    /// The rest.
    pub properties: SectionBuf,
}

/// MQTT 5 properties that own their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionBuf(Bytes);

impl PacketBuf {
    /// Copies a packet of those that a hub sends; `None` for those that only a device sends.
    pub fn new(packet: &Packet<'_>) -> Option<Self> {
        Some(match packet {
            Packet::Connected { session, limits } => Self::Connected(*session, *limits),
            Packet::Refused(refusal) => Self::Refused(refusal.reason, SectionBuf::new(refusal.properties)),
            Packet::SubAck { token, granted } => Self::SubAck(*token, *granted),
            Packet::UnsubAck { token, removed } => Self::UnsubAck(*token, *removed),
            Packet::Ack { token, ack } => Self::Ack(*token, AckBuf::new(ack)),
            Packet::Publish { ack, publish } => {
                let properties = publish.properties.as_wire();
                Self::Publish {
                    ack: *ack,
                    bytes: [publish.topic.as_bytes(), properties, publish.payload].concat().into(),
                    topic_len: publish.topic.len(),
                    properties_len: properties.len(),
                    duplicate: publish.duplicate,
                }
            }
            Packet::Disconnect(ack) => Self::Disconnect(AckBuf::new(ack)),
            Packet::Auth(auth) => Self::Auth(AckBuf {
                reason_code: auth.reason_code,
                properties: SectionBuf::new(auth.properties),
            }),
            Packet::Connect(_) | Packet::Subscribe { .. } | Packet::Unsubscribe { .. } => return None,
        })
    }

    /// The packet, borrowed.
    pub fn as_packet(&self) -> Packet<'_> {
        match self {
            Self::Connected(session, limits) => Packet::Connected { session: *session, limits: *limits },
            Self::Refused(reason, properties) => {
                let properties = properties.as_section(SectionOf::ConnAck);
                Packet::Refused(Refusal { reason: *reason, properties })
            }
            Self::SubAck(token, granted) => Packet::SubAck { token: *token, granted: *granted },
            Self::UnsubAck(token, removed) => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Ack(token, ack) => Packet::Ack { token: *token, ack: ack.as_ack(SectionOf::PubAck) },
            Self::Publish { ack, bytes, topic_len, properties_len, duplicate } => {
                let (topic, rest) = bytes.split_at(*topic_len);
                let (properties, payload) = rest.split_at(*properties_len);
                Packet::Publish {
                    ack: *ack,
                    publish: Publish {
                        topic: core::str::from_utf8(topic).expect("copied from a string in `new`"),
                        properties: section(properties, SectionOf::Publish),
                        payload,
                        qos: if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce },
                        retain: false,
                        duplicate: *duplicate,
                    },
                }
            }
            Self::Disconnect(ack) => Packet::Disconnect(ack.as_ack(SectionOf::Disconnect)),
            Self::Auth(auth) => Packet::Auth(Auth {
                reason_code: auth.reason_code,
                properties: auth.properties.as_section(SectionOf::Auth),
            }),
        }
    }

    /// How many bytes it keeps in memory, roughly: what a queue of them is limited by.
    pub fn footprint(&self) -> usize {
        let kept = match self {
            Self::Publish { bytes, .. } => bytes.len(),
            Self::Refused(_, properties) => properties.0.len(),
            Self::Ack(_, ack) | Self::Disconnect(ack) | Self::Auth(ack) => ack.properties.0.len(),
            Self::Connected(..) | Self::SubAck(..) | Self::UnsubAck(..) => 0,
        };
        size_of::<Self>() + kept
    }
}

impl AckBuf {
    /// It was done.
    pub const SUCCESS: Self = Self { reason_code: 0, properties: SectionBuf::EMPTY };

    /// Copies what an acknowledgement or a DISCONNECT says.
    pub fn new(ack: &Ack<'_>) -> Self {
        Self { reason_code: ack.reason_code, properties: SectionBuf::new(ack.properties) }
    }

    fn as_ack(&self, of: SectionOf) -> Ack<'_> {
        Ack { reason_code: self.reason_code, properties: self.properties.as_section(of) }
    }
}

impl SectionBuf {
    /// No properties.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Copies properties.
    pub fn new(section: PropertySection<'_>) -> Self {
        Self(Bytes::copy_from_slice(section.as_wire()))
    }

    /// The properties, borrowed; none if they may not stand in such a packet.
    pub fn as_section(&self, of: SectionOf) -> PropertySection<'_> {
        section(&self.0, of)
    }
}

/// Bytes that were copied from a section of the same kind of packet are one again.
fn section(wire: &[u8], of: SectionOf) -> PropertySection<'_> {
    PropertySection::from_wire(wire, of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use iothub_codec::SectionProperty;
    use iothub_codec::SectionWriter;

    use super::*;

    #[test]
    fn a_packet_comes_back_as_it_was() {
        let mut room = [0; 64];
        let mut sections = [SectionOf::ConnAck, SectionOf::PubAck, SectionOf::Disconnect].map(|of| {
            let mut writer = SectionWriter::new(of, &mut room);
            writer.put(SectionProperty::ReasonString("because")).unwrap();
            writer.finish().unwrap().as_wire().to_vec()
        });
        let [connack, puback, disconnect] = &mut sections;
        let token = AckToken::FIRST;
        let ack = |wire, of| Ack { reason_code: 131, properties: section(wire, of) };
        let mut writer = SectionWriter::new(SectionOf::Publish, &mut room);
        writer.put(SectionProperty::ContentType("text/plain")).unwrap();
        let properties = writer.finish().unwrap();
        assert!(!properties.is_empty());
        let publish = Publish { properties, qos: Qos::AtLeastOnce, ..Publish::new("a/b", b"payload") };
        for packet in [
            Packet::Refused(Refusal {
                reason: RefusalReason::NotAuthorized,
                properties: section(connack, SectionOf::ConnAck),
            }),
            Packet::Ack { token, ack: ack(puback, SectionOf::PubAck) },
            Packet::Disconnect(ack(disconnect, SectionOf::Disconnect)),
            Packet::Publish { ack: Some(token), publish },
        ] {
            let copy = PacketBuf::new(&packet).unwrap();
            assert_eq!(copy.as_packet(), packet);
            assert!(copy.footprint() > size_of::<PacketBuf>(), "{packet:?}");
        }
    }
}
