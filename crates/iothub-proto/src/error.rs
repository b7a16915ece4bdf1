use iothub_codec::{DecodeError, EncodeError};

use crate::packet::PacketKind;

/// Why nothing was sent. Nothing has changed; trying again later, or with more room, is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not ready: it connects, subscribes, or is offline.
    #[error("not connected")]
    NotReady,
    /// As many requests as the session can remember await their answer.
    #[error("{limit} requests are already open")]
    TooManyOpen {
        /// How many that is.
        limit: usize,
    },
    /// As many QoS 1 messages as the other end takes await their acknowledgement.
    #[error("{limit} messages are already unacknowledged")]
    WindowFull {
        /// How many that is.
        limit: u16,
    },
    /// The message is longer than the other end takes.
    #[error("a packet of {size} bytes, where the other end takes {limit}")]
    TooLarge {
        /// How long its packet would be.
        size: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The other end takes no messages at QoS 1.
    #[error("the other end takes no messages at this QoS")]
    QosNotTaken,
    /// The device did not subscribe to this.
    #[error("not subscribed by the device")]
    NotSubscribed,
    /// Nothing of that name awaits it on this connection: no message to be settled, no AUTH to be answered.
    #[error("nothing awaits this")]
    NotAwaited,
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What the other end did wrong. The connection is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// A message whose topic or properties cannot be read.
    #[error("unreadable message: {0}")]
    Unreadable(#[from] DecodeError),
    /// A packet that must not come now.
    #[error("{packet} while {state}")]
    OutOfPlace {
        /// Which packet.
        packet: PacketKind,
        /// What the session was doing.
        state: StateKind,
    },
    /// A SUBACK with more or fewer outcomes than the SUBSCRIBE had filters.
    #[error("{outcomes} outcomes for {filters} filters")]
    WrongCount {
        /// How many came.
        outcomes: usize,
        /// How many were asked for.
        filters: usize,
    },
    /// A twin whose desired properties have no version, so that nobody could tell which changes it contains.
    #[error("a twin without the version of its desired properties")]
    NoVersion,
    /// More QoS 1 messages than the session lets the other end leave unacknowledged.
    #[error("more than {limit} unacknowledged messages")]
    WindowOverrun {
        /// How many it lets.
        limit: u16,
    },
}

/// What a session is doing, for errors and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// No connection.
    Offline,
    /// CONNECT is sent and not answered.
    Connecting,
    /// Connected, and SUBSCRIBE is to be answered.
    Subscribing,
    /// Connected, and everything is subscribed to.
    Ready,
}

impl core::fmt::Display for StateKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Subscribing => "subscribing",
            Self::Ready => "ready",
        })
    }
}
