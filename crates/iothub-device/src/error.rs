use core::time::Duration;
use std::io;

use iothub_codec::{EncodeError, Status};
use iothub_mqtt::{WireError, WriteError};
use iothub_proto::{PeerError, RefusalReason};

use crate::outcome::Missing;

/// Why there is no connection to the hub.
///
/// [`Device::connect`](crate::Device::connect) returns it for the first connection; for those that follow
/// it is the cause in a [`ConnectionStatus`](crate::ConnectionStatus).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host name has no address, or nothing listens there.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// Where the connection should have gone.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS did not come about: most often a certificate that is not trusted, or not for this host name.
    #[error("no TLS with {name}: {source}")]
    Tls {
        /// The name that the certificate has to be for.
        name: String,
        /// What TLS said.
        source: io::Error,
    },
    /// There are no certificates to trust: what was given as a CA cannot be read, or the platform has none.
    #[error("no trusted certificates: {reason}")]
    NoRoots {
        /// What is wrong with them.
        reason: String,
    },
    /// The host name can be in no certificate.
    #[error("`{name}` is no name that a certificate can be for")]
    BadServerName {
        /// The name.
        name: String,
    },
    /// The hub did not accept the device.
    #[error("refused by the hub: {reason}")]
    Refused {
        /// Why.
        reason: RefusalReason,
    },
    /// The connection was not ready in time.
    #[error("not connected within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The hub closed the connection, as it does when a token has expired, the same device connects again,
    /// or a message is not acceptable.
    #[error("closed by the hub")]
    ClosedByHub,
    /// The connection broke.
    #[error("connection broken: {0}")]
    Broken(#[source] io::Error),
    /// The hub does not speak MQTT as it should, or has fallen silent.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The hub does not keep to the rules of the conversation.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The first packet cannot be written from these options.
    #[error("cannot introduce the device: {0}")]
    Unwritable(#[from] iothub_proto::SendError),
    /// A packet that had to be sent cannot be.
    #[error(transparent)]
    Unsendable(#[from] WriteError),
}

impl ConnectError {
    /// Whether connecting again in the same way, later, can succeed.
    ///
    /// Of the refusals, [`RefusalReason::NotAuthorized`] counts as such: keys are rotated and devices
    /// enabled without the device's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { reason } => reason.is_retryable() || *reason == RefusalReason::NotAuthorized,
            Self::NoRoots { .. } | Self::BadServerName { .. } | Self::Unwritable(_) => false,
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::ClosedByHub
            | Self::Broken(_)
            | Self::Wire(_)
            | Self::Peer(_)
            | Self::Unsendable(_) => true,
        }
    }
}

/// Why a message was not delivered, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Not acknowledged in time. If it was on its way it still is, and may arrive later.
    #[error("not acknowledged within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// Longer than a hub takes; never sent.
    #[error("message of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// The size of the message, or of the packet it would be in, in bytes.
        size: usize,
        /// How much a hub takes, in bytes.
        limit: usize,
    },
    /// Cannot be said in this dialect; never sent.
    #[error(transparent)]
    Unwritable(EncodeError),
    /// The device was closed. A message that was not acknowledged by then may have arrived.
    #[error("the device is closed")]
    Closed,
}

/// Why there is no answer to a twin request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwinError {
    /// No answer came in time. A report may have been taken over nevertheless.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke before the answer. A report may have been taken over nevertheless.
    #[error("disconnected before the answer")]
    Disconnected,
    /// The hub said no. Nothing has changed.
    #[error("refused by the hub: {status}")]
    Refused {
        /// Why.
        status: Status,
        /// The number that stood in the answer, where there was one: in the classic dialect, HTTP's.
        code: Option<i32>,
    },
    /// The hub does not let the device listen for answers.
    #[error("subscription refused by the hub")]
    SubscriptionRefused,
    /// Longer than a hub takes; never sent.
    #[error("patch of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// The size of the patch, in bytes.
        size: usize,
        /// How much a hub takes, in bytes.
        limit: usize,
    },
    /// What was to be reported cannot be written as JSON, or the twin that came cannot be read as such.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Cannot be said in this dialect; never sent.
    #[error(transparent)]
    Unwritable(EncodeError),
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

/// Why a method's answer or a command's completion did not reach the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The connection that it belongs to is gone. The hub has given up on a method call, and delivers a
    /// command again.
    #[error("disconnected since")]
    Disconnected,
    /// The connection did not take it in time.
    #[error("not sent within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// Longer than a hub takes; never sent.
    #[error("answer of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// The size of the payload, in bytes.
        size: usize,
        /// How much a hub takes, in bytes.
        limit: usize,
    },
    /// Cannot be said in this dialect; never sent.
    #[error(transparent)]
    Unwritable(EncodeError),
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

/// Why the device does not listen to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The hub did not grant the subscription.
    #[error("subscription refused by the hub")]
    Refused,
    /// There is no such channel for this identity, or in this dialect: only modules have inputs.
    #[error("there is no such channel for this device")]
    NotExpressible,
    /// The hub did not answer in time. The subscription is asked for again with every connection.
    #[error("not subscribed within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

impl From<Missing> for SendError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::TimedOut { after } => Self::TimedOut { after },
            Missing::Closed => Self::Closed,
        }
    }
}

impl From<Missing> for TwinError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::TimedOut { after } => Self::TimedOut { after },
            Missing::Closed => Self::Closed,
        }
    }
}

impl From<Missing> for AnswerError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::TimedOut { after } => Self::TimedOut { after },
            Missing::Closed => Self::Closed,
        }
    }
}

impl From<Missing> for SubscribeError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::TimedOut { after } => Self::TimedOut { after },
            Missing::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_second_attempt_can_mend_is_not_retried() {
        for (reason, retryable) in [
            (RefusalReason::UnacceptableProtocol, false),
            (RefusalReason::BadClientId, false),
            (RefusalReason::Unavailable, true),
            (RefusalReason::BadUserName, false),
            (RefusalReason::NotAuthorized, true),
        ] {
            assert_eq!(ConnectError::Refused { reason }.is_retryable(), retryable, "{reason}");
        }
        assert!(ConnectError::ClosedByHub.is_retryable());
        assert!(!ConnectError::BadServerName { name: "?".to_owned() }.is_retryable());
    }
}
