use core::num::NonZeroU16;

use iothub_codec::{Ack, Auth, Connect, Filters, Publish, Qos};

use crate::outcomes::{Granted, Removed};
use crate::refusal::Refusal;

/// MQTT with everything removed that a session does not need. Both roles, both directions.
///
/// This is where a transport is attached: it turns what arrives into a `Packet` for a session's
/// `handle_packet`, and sends the ones a session hands out. PINGREQ and PINGRESP, remaining lengths and
/// the repeating of unacknowledged messages are the transport's own business. Borrows from the transport's
/// buffer or the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Device to hub: the first packet.
    Connect(Opening<'a>),
    /// Hub to device: CONNACK with success.
    Connected {
        /// What the hub still knows of an earlier connection.
        session: Session,
        /// What the hub lets the device do.
        limits: Limits,
    },
    /// Hub to device: CONNACK with anything but success. The hub closes the connection behind it.
    Refused(Refusal<'a>),
    /// Device to hub: SUBSCRIBE.
    Subscribe {
        /// Comes back in the [`Packet::SubAck`].
        token: AckToken,
        /// What is asked for.
        filters: Filters<'a>,
    },
    /// Hub to device: SUBACK.
    SubAck {
        /// The token of the [`Packet::Subscribe`] that is answered.
        token: AckToken,
        /// One outcome a filter.
        granted: Granted,
    },
    /// Device to hub: UNSUBSCRIBE.
    Unsubscribe {
        /// Comes back in the [`Packet::UnsubAck`].
        token: AckToken,
        /// What is given up.
        filters: Filters<'a>,
    },
    /// Hub to device: UNSUBACK.
    UnsubAck {
        /// The token of the [`Packet::Unsubscribe`] that is answered.
        token: AckToken,
        /// One outcome a filter; none over MQTT 3.1.1, which says nothing of them.
        removed: Removed,
    },
    /// Either way: an application message.
    Publish {
        /// There exactly when the message is at QoS 1.
        ack: Option<AckToken>,
        /// The message.
        publish: Publish<'a>,
    },
    /// Either way: PUBACK.
    Ack {
        /// The token of the [`Packet::Publish`] that is acknowledged.
        token: AckToken,
        /// What became of the message.
        ack: Ack<'a>,
    },
    /// Either way: DISCONNECT. MQTT 3.1.1 knows it from the device only, and with success only, which is a goodbye.
    Disconnect(Ack<'a>),
    /// Either way: AUTH, by which credentials are renewed while connected. Only MQTT 5 has it.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// Which packet this is, for logs and errors.
    pub const fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::Connected { .. } | Self::Refused(_) => PacketKind::ConnAck,
            Self::Subscribe { .. } => PacketKind::Subscribe,
            Self::SubAck { .. } => PacketKind::SubAck,
            Self::Unsubscribe { .. } => PacketKind::Unsubscribe,
            Self::UnsubAck { .. } => PacketKind::UnsubAck,
            Self::Publish { .. } => PacketKind::Publish,
            Self::Ack { .. } => PacketKind::PubAck,
            Self::Disconnect(_) => PacketKind::Disconnect,
            Self::Auth(_) => PacketKind::Auth,
        }
    }
}

/// The name of a packet, without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are MQTT's")]
pub enum PacketKind {
    Connect,
    ConnAck,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Publish,
    PubAck,
    Disconnect,
    Auth,
}

impl core::fmt::Display for PacketKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        })
    }
}

/// Names a packet that wants an acknowledgement, until that comes.
///
/// A transport uses it as the packet identifier. One connection's two directions number independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckToken(NonZeroU16);

impl AckToken {
    /// The first token of a connection.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The token with that packet identifier; `None` for 0, which MQTT does not allow.
    pub const fn new(packet_id: u16) -> Option<Self> {
        match NonZeroU16::new(packet_id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The packet identifier.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The token after this one; after the last comes [`Self::FIRST`].
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(id) => Self(id),
            None => Self::FIRST,
        }
    }
}

/// The first packet of a connection.
///
/// Over MQTT 3.1.1 what comes behind the will is not said. What MQTT 5 says beside it stands in the sections of
/// `connect` and `will`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Who connects, and with what proof.
    pub connect: Connect<'a>,
    /// [`Session::Resume`] is CleanSession 0, or Clean Start 0: subscriptions of an earlier connection go on.
    pub session: Session,
    /// Seconds within which the device promises to send something; 0 promises nothing.
    pub keep_alive_s: u16,
    /// What the hub publishes for the device when the connection ends without a DISCONNECT.
    pub will: Option<Publish<'a>>,
    /// Seconds for which the session outlives the connection, `u32::MAX` for ever. `None` is 0. MQTT 3.1.1 knows
    /// no end of what is not fresh.
    pub session_expiry_s: Option<u32>,
    /// Most QoS 1 messages that the device takes without having acknowledged them, from 1. `None` is 65 535.
    pub receive_maximum: Option<u16>,
    /// Longest packet that the device takes, in bytes, from 1. `None` is any.
    pub maximum_packet_size: Option<u32>,
}

impl<'a> Opening<'a> {
    /// A fresh session without keep-alive, will or anything else.
    pub const fn new(connect: Connect<'a>) -> Self {
        Self {
            connect,
            session: Session::Fresh,
            keep_alive_s: 0,
            will: None,
            session_expiry_s: None,
            receive_maximum: None,
            maximum_packet_size: None,
        }
    }
}

/// What becomes of the subscriptions and queues of an earlier connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// They go on.
    Resume,
    /// They are gone.
    Fresh,
}

/// What a hub lets a device do on one connection.
///
/// A CONNACK of MQTT 5 says it. One of MQTT 3.1.1 has no room for it: there both ends know it beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most QoS 1 messages without an acknowledgement at a time, from 1.
    pub receive_maximum: u16,
    /// Longest packet, in bytes, from 1; `u32::MAX` is any.
    pub maximum_packet_size: u32,
    /// Seconds that replace the keep-alive of the device's CONNECT.
    pub keep_alive_s: Option<u16>,
    /// Seconds that replace the session expiry of the device's CONNECT, `u32::MAX` for ever.
    pub session_expiry_s: Option<u32>,
    /// The highest topic alias that the device may use; 0 for none.
    pub topic_alias_maximum: u16,
    /// The highest QoS at which the device may publish.
    pub maximum_qos: Qos,
    /// Whether messages may have the RETAIN flag.
    pub retain_available: bool,
    /// Whether filters may have wildcards.
    pub wildcards_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_identifiers_available: bool,
    /// Whether subscriptions may be shared.
    pub shared_subscriptions_available: bool,
}

impl Limits {
    /// What holds for every connection over MQTT 3.1.1.
    pub const CLASSIC: Self = Self {
        receive_maximum: 16,
        maximum_packet_size: 256 * 1024,
        keep_alive_s: None,
        session_expiry_s: None,
        topic_alias_maximum: 0,
        maximum_qos: Qos::AtLeastOnce,
        retain_available: true,
        wildcards_available: true,
        subscription_identifiers_available: false,
        shared_subscriptions_available: false,
    };

    /// What IoT Hub announces over MQTT 5.
    pub const PREVIEW5: Self = Self { topic_alias_maximum: 10, retain_available: false, ..Self::CLASSIC };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_round_and_are_never_zero() {
        assert_eq!(AckToken::new(0), None);
        assert_eq!(AckToken::FIRST.next(), AckToken::new(2).unwrap());
        assert_eq!(AckToken::new(u16::MAX).unwrap().next(), AckToken::FIRST);
    }
}
