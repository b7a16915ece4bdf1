use bytes::Bytes;
use iothub_codec::{Ack, PropertySection, Publish, Qos};
use iothub_proto::{AckToken, Granted, Limits, Packet, Refusal, RefusalReason, Removed, Session};

use crate::change::Change;
use crate::event::Event;
use crate::input::{ConnectionId, ExchangeId};
use crate::notice::Notice;
use crate::response::Response;

/// One thing to be done about what happened. Effects are carried out in order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// To be on disk before anything after it is carried out.
    Record(Change),
    /// To be appended to the event log before anything after it is carried out.
    Append(Event),
    /// A packet for a device. Without effect if the connection is gone.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The packet.
        packet: PacketBuf,
    },
    /// The response to an HTTP request.
    Respond {
        /// Which request.
        exchange: ExchangeId,
        /// The response.
        response: Response,
    },
    /// The response to an HTTP request is the stream of events from now on, one JSON object a line.
    Stream {
        /// Which request.
        exchange: ExchangeId,
        /// Only the events of this device.
        device: Option<String>,
    },
    /// Close a connection, after what was sent on it before.
    Close {
        /// Which connection.
        connection: ConnectionId,
    },
    /// A line for the log.
    Log(Notice),
}

/// The effects of one or more inputs, in order.
pub type Effects = Vec<Effect>;

/// A packet that owns its bytes, to be sent when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PacketBuf {
    /// CONNACK with success.
    Connected(Session, Limits),
    /// CONNACK with a refusal.
    Refused(RefusalReason),
    /// SUBACK.
    SubAck(AckToken, Granted),
    /// UNSUBACK.
    UnsubAck(AckToken, Removed),
    /// PUBACK with success.
    Ack(AckToken),
    /// PUBLISH: topic and payload in one piece.
    Publish {
        /// There exactly at QoS 1.
        ack: Option<AckToken>,
        /// The topic, then the payload.
        bytes: Bytes,
        /// Length of the topic.
        topic_len: usize,
        /// The DUP flag.
        duplicate: bool,
    },
}

impl PacketBuf {
    /// Copies a packet of those that a hub sends; `None` for those that only a device sends.
    pub fn new(packet: &Packet<'_>) -> Option<Self> {
        Some(match packet {
            Packet::Connected { session, limits } => Self::Connected(*session, *limits),
            Packet::Refused(refusal) => Self::Refused(refusal.reason),
            Packet::SubAck { token, granted } => Self::SubAck(*token, *granted),
            Packet::UnsubAck { token, removed } => Self::UnsubAck(*token, *removed),
            Packet::Ack { token, .. } => Self::Ack(*token),
            Packet::Publish { ack, publish } => Self::Publish {
                ack: *ack,
                bytes: [publish.topic.as_bytes(), publish.payload].concat().into(),
                topic_len: publish.topic.len(),
                duplicate: publish.duplicate,
            },
            Packet::Connect(_)
            | Packet::Subscribe { .. }
            | Packet::Unsubscribe { .. }
            | Packet::Disconnect(_)
            | Packet::Auth(_) => return None,
        })
    }

    /// The packet, borrowed.
    pub fn as_packet(&self) -> Packet<'_> {
        match self {
            Self::Connected(session, limits) => Packet::Connected { session: *session, limits: *limits },
            Self::Refused(reason) => Packet::Refused(Refusal::new(*reason)),
            Self::SubAck(token, granted) => Packet::SubAck { token: *token, granted: *granted },
            Self::UnsubAck(token, removed) => Packet::UnsubAck { token: *token, removed: *removed },
            Self::Ack(token) => Packet::Ack { token: *token, ack: Ack::SUCCESS },
            Self::Publish { ack, bytes, topic_len, duplicate } => {
                let (topic, payload) = bytes.split_at(*topic_len);
                Packet::Publish {
                    ack: *ack,
                    publish: Publish {
                        topic: core::str::from_utf8(topic).expect("copied from a string in `new`"),
                        properties: PropertySection::EMPTY,
                        payload,
                        qos: if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce },
                        retain: false,
                        duplicate: *duplicate,
                    },
                }
            }
        }
    }

    /// How many bytes it keeps in memory, roughly: what a queue of them is limited by.
    pub fn footprint(&self) -> usize {
        match self {
            Self::Publish { bytes, .. } => size_of::<Self>() + bytes.len(),
            Self::Connected(..) | Self::Refused(_) | Self::SubAck(..) | Self::UnsubAck(..) | Self::Ack(_) => {
                size_of::<Self>()
            }
        }
    }
}
