use iothub_codec::{
    Ack, EncodeError, PropertySection, Publish, Qos, SectionOf, SectionProperty, SectionWriter, UserProperty,
};
use iothub_proto::{AckToken, Granted, Limits, Packet, Refusal, RefusalReason, Session};

/// What has come from the hub, as this program owns it.
#[derive(Debug)]
pub(crate) enum Arrived {
    Connected { session_present: bool, limits: Limits },
    Refused(RefusalReason),
    Granted { token: AckToken, granted: Granted },
    Message(Message),
    Acknowledged { token: AckToken, reason_code: u8, section: Section },
}

/// What rumqttc tells of a connection.
#[derive(Debug)]
pub(crate) enum Heard {
    Arrived(Arrived),
    /// SUBACK.
    Granted(Granted),
    /// PUBACK for what rumqttc has sent under that packet id.
    Acknowledged {
        packet_id: u16,
        reason_code: u8,
        section: Section,
    },
    /// The next message at QoS 1 has got that packet id.
    Numbered(u16),
}

/// A message, which rumqttc has taken apart.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) section: Section,
    pub(crate) payload: Vec<u8>,
    pub(crate) packet_id: u16,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
}

/// The properties of MQTT 5 as they stand on the wire, which is how a session reads them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section(Vec<u8>);

impl Arrived {
    /// The packet that a session reads.
    pub(crate) fn as_packet(&self) -> Option<Packet<'_>> {
        Some(match self {
            Self::Connected { session_present, limits } => Packet::Connected {
                session: if *session_present { Session::Resume } else { Session::Fresh },
                limits: *limits,
            },
            Self::Refused(reason) => Packet::Refused(Refusal::new(*reason)),
            Self::Granted { token, granted } => Packet::SubAck { token: *token, granted: *granted },
            Self::Message(message) => Packet::Publish {
                ack: AckToken::new(message.packet_id),
                publish: Publish {
                    properties: message.section.read(SectionOf::Publish)?,
                    qos: message.qos,
                    retain: message.retain,
                    duplicate: message.duplicate,
                    ..Publish::new(&message.topic, &message.payload)
                },
            },
            Self::Acknowledged { token, reason_code, section } => {
                let properties = section.read(SectionOf::PubAck)?;
                Packet::Ack { token: *token, ack: Ack { reason_code: *reason_code, properties } }
            }
        })
    }
}

impl Section {
    /// As it stands in a packet.
    pub(crate) fn of(properties: PropertySection<'_>) -> Self {
        Self(properties.as_wire().to_vec())
    }

    /// Of such a packet; `None` if a property has a value that it may not have.
    pub(crate) fn write<'p>(
        of: SectionOf,
        properties: impl Iterator<Item = SectionProperty<'p>> + Clone,
    ) -> Option<Self> {
        let mut buffer = vec![0; 256];
        loop {
            let mut section = SectionWriter::new(of, &mut buffer);
            properties.clone().try_for_each(|property| section.put(property)).ok()?;
            let needed = match section.finish() {
                Ok(section) => return Some(Self::of(section)),
                Err(EncodeError::BufferTooSmall { needed }) => needed,
                Err(_) => return None,
            };
            if needed <= buffer.len() {
                return None;
            }
            buffer.resize(needed, 0);
        }
    }

    pub(crate) fn read(&self, of: SectionOf) -> Option<PropertySection<'_>> {
        PropertySection::from_wire(&self.0, of).ok()
    }
}

/// User properties as rumqttc has them.
pub(crate) fn user(pairs: &[(String, String)]) -> impl Iterator<Item = SectionProperty<'_>> + Clone {
    pairs.iter().map(|(name, value)| SectionProperty::User(UserProperty { name, value }))
}
