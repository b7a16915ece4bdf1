use core::time::Duration;

use iothub_codec::{BadConnectionString, BadSharedKey, ConnectionPart};
use iothub_model::{ErrorCode, Refusal};

use crate::BadEndpoint;

/// Why an operation has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The hub answered, and did not do it.
    #[error("{message} (status {status}{})", code.map(|code| format!(", {code}")).unwrap_or_default())]
    Refused {
        /// The status of the HTTP response.
        status: u16,
        /// What kind of problem the hub sees, if it named one that is known.
        code: Option<ErrorCode>,
        /// What the hub says about it: one line, for people.
        message: String,
        /// By which the request is found in the hub's log.
        tracking_id: Option<String>,
    },
    /// There was no answer in time. The hub may or may not have done it, or be about to.
    #[error("no answer from {host} within {} s", after.as_secs())]
    TimedOut {
        /// The hub's name, and its port unless that is the usual one.
        host: String,
        /// How long the answer was waited for.
        after: Duration,
    },
    /// The hub could not be reached, or the connection broke. If it broke late, the hub may have done it.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// The hub's name, and its port unless that is the usual one.
        host: String,
        /// What went wrong, from the outside in.
        reason: String,
    },
    /// The hub did it, but answered with something that cannot be read.
    #[error("unreadable answer from {host}: {reason}")]
    Unreadable {
        /// The hub's name, and its port unless that is the usual one.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request cannot be written down in HTTP. Nothing has been sent.
    #[error("{what} cannot be sent over HTTP: {reason}")]
    NotExpressible {
        /// The part that is in the way.
        what: String,
        /// Why it is.
        reason: &'static str,
    },
}

impl Error {
    /// What kind of problem the hub sees, if it refused and named one that is known.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } => None,
        }
    }

    pub(crate) fn not_a_name(name: &str) -> Self {
        let shown: String = name.chars().take(128).collect();
        Self::NotExpressible {
            what: format!("{shown:?}"),
            reason: "it is not the name of a device or module",
        }
    }

    pub(crate) fn refused(status: u16, refusal: Refusal) -> Self {
        let Refusal { code, message, tracking_id } = refusal;
        let message = if message.is_empty() { "refused without a reason".into() } else { message };
        Self::Refused { status, code, message, tracking_id }
    }

    pub(crate) fn from_transport(host: String, after: Duration, error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { host, after };
        }
        // The URL only repeats the host and what was asked for.
        Self::Unreachable { host, reason: chain(&error.without_url()) }
    }
}

/// Why there is no [`Service`](crate::Service).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The connection string cannot be read.
    #[error(transparent)]
    ConnectionString(#[from] BadConnectionString),
    /// The connection string lacks a part that a back end needs.
    #[error("connection string: {0} is missing")]
    Missing(ConnectionPart),
    /// The key of the policy is none.
    #[error("SharedAccessKey: {0}")]
    Key(#[from] BadSharedKey),
    /// The connection string is that of a device. A back end needs the one of a policy of the hub.
    #[error("connection string: it is that of a device, not of a policy such as `service` or `iothubowner`")]
    OfDevice,
    /// The host cannot be connected to.
    #[error("HostName: {0}")]
    Endpoint(#[from] BadEndpoint),
    /// A certificate of the given authority cannot be read.
    #[error("CA certificate: {0}")]
    Ca(String),
    /// This machine trusts no authority, and none was given.
    #[error("no CA certificates on this machine; name the file of the hub's CA")]
    NoCa,
    /// The TLS or HTTP client cannot be set up.
    #[error("HTTPS: {0}")]
    Https(String),
}

/// The messages of an error and of those beneath it, on one line.
pub(crate) fn chain(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // Some wrappers repeat what they wrap.
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
