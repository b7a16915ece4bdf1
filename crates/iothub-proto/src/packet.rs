use core::num::NonZeroU16;

use iothub_codec::{Connect, Filters, PropertySection, Publish, Qos};

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
        /// One outcome a filter, in the order of the filters.
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
        /// How many filters it had: MQTT 5 answers each.
        count: u8,
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
    /// Either way: DISCONNECT. MQTT 3.1.1 knows it from the device only.
    Disconnect(Farewell<'a>),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Who connects, and with what proof.
    pub connect: Connect<'a>,
    /// [`Session::Resume`] is CleanSession 0: subscriptions of an earlier connection go on.
    pub session: Session,
    /// Seconds within which the device promises to send something; 0 promises nothing.
    pub keep_alive_s: u16,
    /// What the hub publishes for the device when the connection ends without a DISCONNECT.
    pub will: Option<Publish<'a>>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most QoS 1 messages without an acknowledgement at a time.
    pub receive_maximum: u16,
    /// Longest packet, in bytes.
    pub maximum_packet_size: u32,
    /// Seconds that replace the keep-alive of the device's CONNECT.
    pub keep_alive_s: Option<u16>,
}

impl Limits {
    /// What holds for every connection over MQTT 3.1.1, whose CONNACK has no room to say it.
    pub const CLASSIC: Self =
        Self { receive_maximum: 16, maximum_packet_size: 256 * 1024, keep_alive_s: None };
}

/// Why a CONNECT was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The return code.
    pub reason: RefusalReason,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl Refusal<'_> {
    /// A refusal as MQTT 3.1.1 can say it.
    pub const fn new(reason: RefusalReason) -> Self {
        Self { reason, properties: PropertySection::EMPTY }
    }
}

/// The return code of a CONNACK that refuses: the five of MQTT 3.1.1, which MQTT 5 has under other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalReason {
    /// Code 1: this version of MQTT is not served.
    UnacceptableProtocol,
    /// Code 2: the client identifier is not acceptable.
    BadClientId,
    /// Code 3: not now.
    Unavailable,
    /// Code 4: the user name or password cannot be read.
    BadUserName,
    /// Code 5: not with this proof, or not this device.
    NotAuthorized,
}

impl RefusalReason {
    /// Whether connecting again in the same way can succeed.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

impl core::fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnacceptableProtocol => "unacceptable protocol version",
            Self::BadClientId => "client identifier rejected",
            Self::Unavailable => "hub unavailable",
            Self::BadUserName => "bad user name or password",
            Self::NotAuthorized => "not authorized",
        })
    }
}

/// The outcomes of one SUBSCRIBE, one a filter: a granted QoS, or a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    len: u8,
    outcomes: [Option<Qos>; Self::MAX_LEN],
}

impl Granted {
    /// Most filters in one SUBSCRIBE.
    pub const MAX_LEN: usize = 16;

    /// No outcomes yet.
    pub const EMPTY: Self = Self { len: 0, outcomes: [None; Self::MAX_LEN] };

    /// Adds the outcome for the next filter, `None` for a refusal. `false` when there is no room.
    #[must_use]
    pub const fn push(&mut self, outcome: Option<Qos>) -> bool {
        if (self.len as usize) < Self::MAX_LEN {
            self.outcomes[self.len as usize] = outcome;
            self.len += 1;
            true
        } else {
            false
        }
    }

    /// The outcomes, in the order of the filters.
    pub fn as_slice(&self) -> &[Option<Qos>] {
        &self.outcomes[..usize::from(self.len)]
    }
}

impl core::fmt::Debug for Granted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// What became of an acknowledged message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The MQTT 5 reason code; 0 over MQTT 3.1.1, which knows no other outcome.
    pub reason: u8,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl Ack<'_> {
    /// The message was accepted.
    pub const SUCCESS: Self = Self { reason: 0, properties: PropertySection::EMPTY };
}

/// The end of a connection, announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell<'a> {
    /// The MQTT 5 reason code; 0 over MQTT 3.1.1.
    pub reason: u8,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

impl Farewell<'_> {
    /// Goodbye, and forget the will.
    pub const NORMAL: Self = Self { reason: 0, properties: PropertySection::EMPTY };
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

    #[test]
    fn outcomes_are_kept_up_to_their_limit() {
        let mut granted = Granted::EMPTY;
        for _ in 0..Granted::MAX_LEN {
            assert!(granted.push(Some(Qos::AtLeastOnce)));
        }
        assert!(!granted.push(None));
        assert_eq!(granted.as_slice().len(), Granted::MAX_LEN);
    }
}
