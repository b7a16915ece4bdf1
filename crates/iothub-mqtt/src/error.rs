use iothub_codec::Version;
use iothub_proto::{AckToken, PacketKind};

use crate::frame::PacketType;

/// What the other end did wrong. The connection is of no further use; the same error comes again if it is
/// asked for more.
///
/// `at` is a position in the packet, in bytes from its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A packet type that this version of MQTT does not have.
    #[error("reserved packet type in first byte {first:#04x}")]
    ReservedType {
        /// The first byte of the packet.
        first: u8,
    },
    /// Flags in the first byte that this type of packet does not have.
    #[error("bad flags in first byte {first:#04x}")]
    BadFlags {
        /// The first byte of the packet.
        first: u8,
    },
    /// The length of a section of properties that takes more than four bytes, or more than it need.
    #[error("badly written length in {packet} at byte {at}")]
    BadLength {
        /// Which packet.
        packet: PacketType,
        /// Where the length stands.
        at: u32,
    },
    /// A remaining length of more than four bytes, or longer than it need be.
    #[error("badly written remaining length of {packet}")]
    BadRemainingLength {
        /// Which packet.
        packet: PacketType,
    },
    /// A packet longer than the limit of this end. Known from its header: its body was not waited for.
    #[error("{packet} of {len} bytes, where {max} are allowed")]
    PacketTooLong {
        /// Which packet.
        packet: PacketType,
        /// Its length in bytes, header included.
        len: u32,
        /// Longest packet allowed, in bytes.
        max: u32,
    },
    /// A packet that only the other end may send, or that belongs to QoS 2, which a hub does not have.
    #[error("{packet} is not for this end to receive")]
    WrongEnd {
        /// Which packet.
        packet: PacketType,
    },
    /// A packet at the wrong time: anything before CONNECT or CONNACK, those a second time, or anything
    /// after the end.
    #[error("{packet} out of place")]
    OutOfPlace {
        /// Which packet.
        packet: PacketType,
    },
    /// A message or a will at QoS 2.
    #[error("{packet} at QoS 2")]
    QosNotSupported {
        /// PUBLISH, or CONNECT for a will.
        packet: PacketType,
    },
    /// A field that would go on behind the end of its packet.
    #[error("{packet} ends within the field at byte {at}")]
    Truncated {
        /// Which packet.
        packet: PacketType,
        /// Where the field begins.
        at: u32,
    },
    /// Bytes behind the last field.
    #[error("{packet} goes on behind its last field, from byte {at}")]
    TrailingBytes {
        /// Which packet.
        packet: PacketType,
        /// The first byte too many.
        at: u32,
    },
    /// A text that is not UTF-8 or contains NUL.
    #[error("unreadable text in {packet} at byte {at}")]
    BadText {
        /// Which packet.
        packet: PacketType,
        /// Where the text's length stands.
        at: u32,
    },
    /// The empty topic name in MQTT 3.1.1 or of a will, or one with a wildcard.
    #[error("bad topic name in {packet} at byte {at}")]
    BadTopic {
        /// PUBLISH, or CONNECT for a will.
        packet: PacketType,
        /// Where the topic's length stands.
        at: u32,
    },
    /// Neither a topic name nor an alias that was given one before.
    #[error("{packet} without a topic")]
    NoTopic {
        /// PUBLISH.
        packet: PacketType,
    },
    /// A topic alias of 0, or above the highest that this end has announced.
    #[error("topic alias {alias}")]
    TopicAlias {
        /// Which.
        alias: u16,
    },
    /// More topics to remember for their aliases than this end does.
    #[error("topics of more than {max} bytes with aliases")]
    TopicAliasesTooLong {
        /// Most bytes of topics, all together.
        max: usize,
    },
    /// More QoS 1 messages without an acknowledgement than this end has announced to take.
    #[error("more than {max} unacknowledged messages")]
    ReceiveMaximumExceeded {
        /// How many it takes.
        max: u16,
    },
    /// A message that is to be retained, where this end has announced that none is.
    #[error("message to be retained")]
    RetainNotSupported,
    /// A number that does not belong in what a client sends: in a PUBLISH, or in a SUBSCRIBE to a hub that has no use
    /// for them.
    #[error("{packet} with a subscription identifier")]
    SubscriptionIdentifier {
        /// PUBLISH or SUBSCRIBE.
        packet: PacketType,
    },
    /// A property that MQTT 5 does not have, or not in such a packet, or that cannot be read.
    #[error("unreadable property in {packet} at byte {at}")]
    BadProperty {
        /// Which packet.
        packet: PacketType,
        /// Where the property begins.
        at: u32,
    },
    /// A property a second time, with a value that it may not have, or without one that has to go with it.
    #[error("property out of place in {packet} at byte {at}")]
    PropertyNotAllowed {
        /// Which packet.
        packet: PacketType,
        /// Where the property begins, or the section if one is missing.
        at: u32,
    },
    /// A DISCONNECT that prolongs a session which was to end with the connection, or that comes from the hub and
    /// says at all how long one lasts.
    #[error("DISCONNECT with a session expiry")]
    SessionExpiry,
    /// Packet identifier 0.
    #[error("{packet} with packet identifier 0")]
    ZeroPacketId {
        /// Which packet.
        packet: PacketType,
    },
    /// A topic filter that cannot be read, or with options that do not exist; over MQTT 3.1.1 also what
    /// [`WireError::FilterNotAllowed`] is over MQTT 5.
    #[error("bad topic filter in {packet} at byte {at}")]
    BadFilters {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet: PacketType,
        /// Where the entry begins.
        at: u32,
    },
    /// No topic filter, an empty one, one at QoS 3, or with options that must not go together.
    #[error("topic filter out of place in {packet} at byte {at}")]
    FilterNotAllowed {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet: PacketType,
        /// Where the entry begins, or would.
        at: u32,
    },
    /// More filters to give up than [`Removed::MAX_LEN`](iothub_proto::Removed::MAX_LEN), or outcomes of filters than
    /// were asked for.
    #[error("{packet} of more than {max} filters")]
    TooManyFilters {
        /// UNSUBSCRIBE, SUBACK or UNSUBACK.
        packet: PacketType,
        /// How many are allowed.
        max: u8,
    },
    /// A CONNECT that does not say that it is MQTT.
    #[error("CONNECT of a protocol other than MQTT")]
    UnknownProtocol,
    /// A CONNECT of a version of MQTT that is neither 3.1.1 nor 5.
    #[error("MQTT protocol level {level}")]
    ProtocolLevel {
        /// 3 is MQTT 3.1.
        level: u8,
    },
    /// Flags of a CONNECT that contradict each other, or a reserved one.
    #[error("bad CONNECT flags {flags:#04x}")]
    BadConnectFlags {
        /// The flags.
        flags: u8,
    },
    /// A code that has no meaning in such a packet, or not from this peer.
    #[error("bad code {code:#04x} in {packet} at byte {at}")]
    BadReturnCode {
        /// Which packet.
        packet: PacketType,
        /// Where it stands.
        at: u32,
        /// What stands there.
        code: u8,
    },
    /// Nothing was heard for too long.
    #[error("nothing heard for {seconds} s")]
    Silent {
        /// How long, in whole seconds.
        seconds: u32,
    },
    /// The peer asks and asks, and does not read the answers.
    #[error("{limit} bytes of answers are waiting to be read")]
    NotReading {
        /// Most bytes that wait to be sent.
        limit: usize,
    },
}

impl WireError {
    /// The reason code with which MQTT 5 ends a connection because of this.
    ///
    /// [`Server`](crate::Server) and [`Client`](crate::Client) say it themselves, if it is still to be said and
    /// theirs to say.
    pub const fn reason_code(&self) -> u8 {
        match self {
            Self::ReservedType { .. }
            | Self::BadFlags { .. }
            | Self::BadLength { .. }
            | Self::BadRemainingLength { .. }
            | Self::Truncated { .. }
            | Self::TrailingBytes { .. }
            | Self::BadText { .. }
            | Self::BadProperty { .. }
            | Self::BadFilters { .. }
            | Self::BadConnectFlags { .. } => MALFORMED_PACKET,
            Self::WrongEnd { .. }
            | Self::OutOfPlace { .. }
            | Self::NoTopic { .. }
            | Self::SubscriptionIdentifier { packet: PacketType::Publish }
            | Self::PropertyNotAllowed { .. }
            | Self::SessionExpiry
            | Self::ZeroPacketId { .. }
            | Self::FilterNotAllowed { .. }
            | Self::BadReturnCode { .. } => PROTOCOL_ERROR,
            Self::UnknownProtocol | Self::ProtocolLevel { .. } => 0x84,
            Self::Silent { .. } => 0x8D,
            Self::BadTopic { .. } => 0x90,
            Self::ReceiveMaximumExceeded { .. } => 0x93,
            Self::TopicAlias { .. } => 0x94,
            Self::PacketTooLong { .. } => 0x95,
            Self::TopicAliasesTooLong { .. } | Self::TooManyFilters { .. } | Self::NotReading { .. } => 0x97,
            Self::RetainNotSupported => 0x9A,
            Self::QosNotSupported { .. } => 0x9B,
            Self::SubscriptionIdentifier { .. } => 0xA1,
        }
    }
}

const MALFORMED_PACKET: u8 = 0x81;
/// MQTT 5 has it for everything that no other code is for.
pub(crate) const PROTOCOL_ERROR: u8 = 0x82;

/// Why a packet was not sent. Nothing was written and nothing has changed; the connection is as good as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Only the other end sends this.
    #[error("{packet} is not for this end to send")]
    WrongEnd {
        /// Which packet.
        packet: PacketKind,
    },
    /// The connection is not, not yet or no longer in a state for this packet.
    #[error("{packet} out of place")]
    OutOfPlace {
        /// Which packet.
        packet: PacketKind,
    },
    /// Messages are kept for the next connection that were written for this version of MQTT, and the CONNECT is of the
    /// other. [`Session::Fresh`](iothub_proto::Session::Fresh) forgets them.
    #[error("messages of {version:?} await their acknowledgement")]
    OtherVersion {
        /// The version of the messages.
        version: Version,
    },
    /// The hub takes no messages at QoS 1.
    #[error("the hub takes no messages at QoS 1")]
    QosNotSupported,
    /// The hub retains no messages.
    #[error("the hub retains no messages")]
    RetainNotSupported,
    /// This version of MQTT has no way to say this. MQTT 3.1.1: properties, most reasons, a password without a user
    /// name. MQTT 5: properties or a reason of another packet, topic aliases, what contradicts itself. Both: a SUBACK
    /// without outcomes.
    #[error("{packet} says what MQTT cannot")]
    NotExpressible {
        /// Which packet.
        packet: PacketKind,
    },
    /// A token without QoS 1, or QoS 1 without a token.
    #[error("a message has a token exactly when it is at QoS 1")]
    TokenMismatch,
    /// That token names a message that has not been acknowledged yet.
    #[error("token {} is in use", .token.get())]
    TokenInUse {
        /// The token.
        token: AckToken,
    },
    /// As many messages are unacknowledged as the other end allows.
    #[error("{limit} messages are already unacknowledged")]
    WindowFull {
        /// How many it allows.
        limit: u16,
    },
    /// A text with NUL.
    #[error("text with NUL in {packet}")]
    BadText {
        /// Which packet.
        packet: PacketKind,
    },
    /// The empty topic name, or one with a wildcard or NUL.
    #[error("bad topic name in {packet}")]
    BadTopic {
        /// PUBLISH, or CONNECT for a will.
        packet: PacketKind,
    },
    /// No filters, those of the other packet's layout, with options that this version does not have, or more than
    /// [`Granted::MAX_LEN`](iothub_proto::Granted::MAX_LEN).
    #[error("bad topic filters in {packet}")]
    BadFilters {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet: PacketKind,
    },
    /// A field longer than its two-byte length can say.
    #[error("field of {len} bytes in {packet}, where {} are the most", u16::MAX)]
    FieldTooLong {
        /// Which packet.
        packet: PacketKind,
        /// Length of the field in bytes.
        len: usize,
    },
    /// A packet longer than the limit of this connection.
    #[error("{packet} of {len} bytes, where {max} are allowed")]
    PacketTooLong {
        /// Which packet.
        packet: PacketKind,
        /// Its length in bytes, header included.
        len: usize,
        /// Longest packet allowed, in bytes.
        max: u32,
    },
    /// The peer does not read: what waits to be sent has reached its limit.
    #[error("no room for a {packet}: up to {limit} bytes wait to be sent")]
    Backlog {
        /// Which packet.
        packet: PacketKind,
        /// Most bytes that wait to be sent.
        limit: usize,
    },
}

const _: () = assert!(size_of::<WireError>() <= 16, "returned from every call");
