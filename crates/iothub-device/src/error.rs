use core::time::Duration;
use std::sync::Arc;

use iothub_codec::EncodeError;

use crate::not_expressible::NotExpressible;
use crate::outcome::Missing;
use crate::refusal::Refusal;

/// Why a message was not delivered, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Not acknowledged in time. If it was on its way it may arrive all the same, as it may have arrived already; when the
    /// connection breaks it is not sent again.
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
    /// The hub refused the message: only over MQTT 5. A hub that speaks MQTT 3.1.1 closes the connection instead, and the
    /// message goes out again over the next one.
    #[error("refused by the hub: {0}")]
    Refused(Refusal),
    /// A property that this dialect does not have; never sent.
    #[error(transparent)]
    NotExpressible(NotExpressible),
    /// The hub takes only messages that are sent [at most once](crate::Message::at_most_once); never sent.
    #[error("the hub acknowledges no messages (send it at most once)")]
    QosNotTaken,
    /// Cannot be written; never sent.
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
    #[error("refused by the hub: {refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The number that stood in the answer, where there was one: in the classic dialect, HTTP's.
        code: Option<i32>,
    },
    /// The hub does not let the device listen for answers.
    #[error("subscription refused by the hub")]
    SubscriptionRefused,
    /// Longer than a hub takes; never sent.
    #[error("patch of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// The size of the patch, or of the packet it would be in, in bytes.
        size: usize,
        /// How much a hub takes, in bytes.
        limit: usize,
    },
    /// What was to be reported cannot be written as JSON, or the twin that came cannot be read as such.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Cannot be said in this dialect; never sent.
    #[error(transparent)]
    NotExpressible(NotExpressible),
    /// Cannot be written; never sent.
    #[error(transparent)]
    Unwritable(EncodeError),
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

/// Why a [`Reporter`](crate::Reporter) has not reported something, as far as is known.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// What is to be reported is no JSON object; it will not be.
    #[error("not a JSON object: {reason}")]
    NotAnObject {
        /// What it is instead.
        reason: String,
    },
    /// As much as may wait for the hub does already; this will not be reported.
    #[error("more than {limit} bytes wait to be reported")]
    Full {
        /// How much may wait, in bytes of JSON.
        limit: usize,
    },
    /// The hub has not acknowledged it in time. It still will be reported.
    #[error("not acknowledged within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The hub said no, or it cannot be sent. It will not be reported.
    #[error("{0}")]
    Failed(#[source] Arc<TwinError>),
    /// The device was closed. What was not acknowledged by then may have been reported.
    #[error("the device is closed")]
    Closed,
}

impl ReportError {
    pub(crate) fn not_an_object(reason: &str) -> Self {
        Self::NotAnObject { reason: reason.to_owned() }
    }
}

impl From<Missing> for ReportError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::TimedOut { after } => Self::TimedOut { after },
            Missing::Closed => Self::Closed,
        }
    }
}

/// Why a method's answer or a command's completion did not reach the hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
        /// The size of the packet it would be in, in bytes.
        size: usize,
        /// How much a hub takes, in bytes.
        limit: usize,
    },
    /// Cannot be said in this dialect; never sent.
    #[error(transparent)]
    NotExpressible(NotExpressible),
    /// The message came at QoS 0: the hub took it for dealt with when it had sent it.
    #[error("it came without a delivery to be given back (QoS 0)")]
    NotAwaited,
    /// The call has another answer already, from somebody who did not wait for its outcome; never sent.
    #[error("answered before")]
    Answered,
    /// Cannot be written; never sent.
    #[error(transparent)]
    Unwritable(EncodeError),
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

/// Why the device does not listen to a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The hub did not grant the subscription. It is asked for again with every connection.
    #[error("subscription refused by the hub")]
    Refused,
    /// There is no such channel for this identity, or in this dialect: only modules have inputs.
    #[error(transparent)]
    NotExpressible(NotExpressible),
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

/// Why something cannot be sent over a connection at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeverSent {
    TooLarge { size: usize, limit: usize },
    QosNotTaken,
    Unwritable(EncodeError),
}

impl From<NeverSent> for SendError {
    fn from(error: NeverSent) -> Self {
        match error {
            NeverSent::TooLarge { size, limit } => Self::TooLarge { size, limit },
            NeverSent::QosNotTaken => Self::QosNotTaken,
            NeverSent::Unwritable(error) => Self::Unwritable(error),
        }
    }
}

impl From<NeverSent> for TwinError {
    fn from(error: NeverSent) -> Self {
        match error {
            NeverSent::TooLarge { size, limit } => Self::TooLarge { size, limit },
            // Requests go out at QoS 0, which every hub takes.
            NeverSent::QosNotTaken => Self::Disconnected,
            NeverSent::Unwritable(error) => Self::Unwritable(error),
        }
    }
}

impl From<NeverSent> for AnswerError {
    fn from(error: NeverSent) -> Self {
        match error {
            NeverSent::TooLarge { size, limit } => Self::TooLarge { size, limit },
            // Answers do, too.
            NeverSent::QosNotTaken => Self::Disconnected,
            NeverSent::Unwritable(error) => Self::Unwritable(error),
        }
    }
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
