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
    /// A packet type that MQTT 3.1.1 does not have.
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
    /// A remaining length of more than four bytes, or longer than it need be.
    #[error("badly written remaining length of a {packet}")]
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
    #[error("unreadable text in a {packet} at byte {at}")]
    BadText {
        /// Which packet.
        packet: PacketType,
        /// Where the text's length stands.
        at: u32,
    },
    /// The empty topic name, or one with a wildcard.
    #[error("bad topic name in a {packet} at byte {at}")]
    BadTopic {
        /// PUBLISH, or CONNECT for a will.
        packet: PacketType,
        /// Where the topic's length stands.
        at: u32,
    },
    /// Packet identifier 0.
    #[error("{packet} with packet identifier 0")]
    ZeroPacketId {
        /// Which packet.
        packet: PacketType,
    },
    /// No topic filter, or one that cannot be read or asks for what does not exist.
    #[error("bad topic filter in a {packet} at byte {at}")]
    BadFilters {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet: PacketType,
        /// Where the entry begins.
        at: u32,
    },
    /// More filters, or outcomes of filters, than [`Granted::MAX_LEN`](iothub_proto::Granted::MAX_LEN).
    #[error("{packet} of more than {max} filters")]
    TooManyFilters {
        /// SUBSCRIBE, SUBACK or UNSUBSCRIBE.
        packet: PacketType,
        /// How many are allowed.
        max: u8,
    },
    /// A CONNECT that does not say that it is MQTT.
    #[error("CONNECT of a protocol other than MQTT")]
    UnknownProtocol,
    /// A CONNECT of another version of MQTT. A hub answers with
    /// [`RefusalReason::UnacceptableProtocol`](iothub_proto::RefusalReason::UnacceptableProtocol), which
    /// [`Server::send`](crate::Server::send) still takes, and closes.
    #[error("MQTT protocol level {level}")]
    ProtocolLevel {
        /// 3 is MQTT 3.1, 5 is MQTT 5.
        level: u8,
    },
    /// Flags of a CONNECT that contradict each other, or a reserved one.
    #[error("bad CONNECT flags {flags:#04x}")]
    BadConnectFlags {
        /// The flags.
        flags: u8,
    },
    /// A CONNACK or SUBACK that says what MQTT 3.1.1 has no meaning for.
    #[error("bad return code {code:#04x} in a {packet} at byte {at}")]
    BadReturnCode {
        /// CONNACK or SUBACK.
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
    /// A version of MQTT that is not spoken here.
    #[error("{version:?} is not spoken here")]
    UnservedVersion {
        /// The version of the CONNECT.
        version: Version,
    },
    /// MQTT 3.1.1 has no way to say this: MQTT 5 properties, a reason other than success, a password
    /// without a user name, a SUBACK without outcomes.
    #[error("{packet} says what MQTT 3.1.1 cannot")]
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
    /// As many messages are unacknowledged as the hub allows.
    #[error("{limit} messages are already unacknowledged")]
    WindowFull {
        /// How many the hub allows.
        limit: u16,
    },
    /// A text with NUL.
    #[error("text with NUL in a {packet}")]
    BadText {
        /// Which packet.
        packet: PacketKind,
    },
    /// The empty topic name, or one with a wildcard or NUL.
    #[error("bad topic name in a {packet}")]
    BadTopic {
        /// PUBLISH, or CONNECT for a will.
        packet: PacketKind,
    },
    /// Filters of the other packet's layout, with options of MQTT 5, or more than [`Granted::MAX_LEN`](iothub_proto::Granted::MAX_LEN).
    #[error("bad topic filters in a {packet}")]
    BadFilters {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet: PacketKind,
    },
    /// A field longer than its two-byte length can say.
    #[error("field of {len} bytes in a {packet}, where {} are the most", u16::MAX)]
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
