use core::fmt;

use embedded_io_async::{Error, ErrorKind};
use iothub_proto::{PacketKind, PeerError, RefusalReason, SendError};

/// Why a connection ended. All of them are mended, if at all, by another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The stream broke, or did not come about.
    Stream(ErrorKind),
    /// The hub closed the connection.
    Closed,
    /// The hub did not answer in time.
    Silent,
    /// What came is no packet of MQTT 3.1.1 that a hub may send.
    Malformed,
    /// A packet does not fit into the memory that is set aside for it.
    TooLong,
    /// This client does not have that packet.
    NotOurs(PacketKind),
    /// There is no signature, and so no proof of who the device is.
    Unsigned,
    /// The hub did not accept the connection.
    Refused(RefusalReason),
    /// The hub broke the rules of the conversation.
    Peer(PeerError),
    /// The session did not write a packet. With buffers that are large enough it always does.
    Unsent(SendError),
}

impl Fault {
    /// What happened to the stream.
    pub fn stream(error: impl Error) -> Self {
        Self::Stream(error.kind())
    }
}

impl From<PeerError> for Fault {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

impl From<SendError> for Fault {
    fn from(error: SendError) -> Self {
        Self::Unsent(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(kind) => write!(f, "connection broken: {kind:?}"),
            Self::Closed => f.write_str("closed by the hub"),
            Self::Silent => f.write_str("no answer from the hub"),
            Self::Malformed => f.write_str("not MQTT 3.1.1"),
            Self::TooLong => f.write_str("packet too long for its buffer"),
            Self::NotOurs(kind) => write!(f, "{kind} is not served"),
            Self::Unsigned => f.write_str("no signature"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Peer(error) => write!(f, "the hub: {error}"),
            Self::Unsent(error) => write!(f, "not sent: {error}"),
        }
    }
}
