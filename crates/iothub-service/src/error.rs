use core::time::Duration;

use iothub_codec::{BadConnectionString, BadSharedKey, ConnectionPart};
use iothub_model::{ErrorCode, Refusal};

use crate::BadEndpoint;

/// Why an operation has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The hub answered, and did not do it. With status 500, 502 and 504 it may have begun to.
    #[error("{message} (status {status}{})", named(*code, *number))]
    Refused {
        /// The status of the HTTP response.
        status: u16,
        /// What kind of problem the hub sees, if it named one that is known.
        code: Option<ErrorCode>,
        /// The number of the code, if the hub gave one or it follows from the code: also of one that is not known.
        number: Option<u32>,
        /// What the hub says about it: one line, for people.
        message: String,
        /// By which the request is found in the hub's log.
        tracking_id: Option<String>,
        /// How long the hub asks to be left alone, by `Retry-After`.
        retry_after: Option<Duration>,
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
        /// How far it came.
        failure: ConnectionFailure,
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
    /// Whoever was to give a token gave none. Nothing has been sent.
    #[error("no token: {reason}")]
    NoToken {
        /// Why there is none.
        reason: String,
    },
    /// A job has not ended in the time that was waited for it. It goes on.
    #[error("job {job} is not done after {} s", after.as_secs())]
    Unfinished {
        /// Its name.
        job: String,
        /// How long it was waited for.
        after: Duration,
    },
}

/// How far a connection came that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// There was none: nothing has been sent.
    NotConnected,
    /// Nobody who is believed says that this is the hub: nothing has been sent.
    NotTrusted,
    /// It broke, perhaps after the hub had done what was asked for.
    Broken,
}

impl Error {
    /// What kind of problem the hub sees, if it refused and named one that is known.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => None,
        }
    }

    /// The number of what the hub sees, if it refused and gave one: also one that this crate does not know.
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Refused { number, .. } => *number,
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => None,
        }
    }

    /// The status of the HTTP response, if the hub refused.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => None,
        }
    }

    /// By which the request is found in the hub's log, if it refused and says so.
    pub fn tracking_id(&self) -> Option<&str> {
        match self {
            Self::Refused { tracking_id, .. } => tracking_id.as_deref(),
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => None,
        }
    }

    /// How long the hub asks to be left alone, if it refused and says so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => None,
        }
    }

    /// Whether the same may succeed later without anybody changing anything: the hub was too busy, or in trouble, or
    /// out of reach. It says nothing about whether doing it twice would do harm; [`Self::may_have_been_done`] does.
    pub fn is_retryable(&self) -> bool {
        match self {
            // A job that was cancelled stays so, although its number begins with 500.
            Self::Refused { code: Some(ErrorCode::JobCancelled), .. } => false,
            Self::Refused { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::TimedOut { .. } | Self::Unfinished { .. } => true,
            Self::Unreachable { failure, .. } => match failure {
                ConnectionFailure::NotConnected | ConnectionFailure::Broken => true,
                ConnectionFailure::NotTrusted => false,
            },
            Self::Unreadable { .. } | Self::NotExpressible { .. } | Self::NoToken { .. } => false,
        }
    }

    /// Whether the hub may have done what was asked for, or be about to: it did not answer, or what did was something
    /// before it.
    pub const fn may_have_been_done(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 500 | 502 | 504),
            Self::TimedOut { .. } | Self::Unreadable { .. } => true,
            Self::Unreachable { failure, .. } => match failure {
                ConnectionFailure::NotConnected | ConnectionFailure::NotTrusted => false,
                ConnectionFailure::Broken => true,
            },
            Self::NotExpressible { .. } | Self::NoToken { .. } | Self::Unfinished { .. } => false,
        }
    }

    pub(crate) fn not_a_name(name: &str) -> Self {
        let shown: String = name.chars().take(128).collect();
        Self::NotExpressible {
            what: format!("{shown:?}"),
            reason: "it is not the name of a device or module",
        }
    }

    pub(crate) fn refused(status: u16, refusal: Refusal, retry_after: Option<Duration>) -> Self {
        let Refusal { code, number, message, tracking_id } = refusal;
        let message = if message.is_empty() { "refused without a reason".into() } else { message };
        Self::Refused { status, code, number, message, tracking_id, retry_after }
    }

    pub(crate) fn no_token(error: &dyn core::error::Error) -> Self {
        Self::NoToken { reason: chain(error) }
    }

    pub(crate) fn from_transport(host: String, error: &reqwest::Error) -> Self {
        let failure = match error.is_connect() {
            true if is_about_trust(error) => ConnectionFailure::NotTrusted,
            true => ConnectionFailure::NotConnected,
            false => ConnectionFailure::Broken,
        };
        // What the outermost one says besides is the URL, which only repeats the host and what was asked for.
        let reason = core::error::Error::source(error).map_or_else(|| error.to_string(), chain);
        Self::Unreachable { host, failure, reason }
    }
}

/// Whether TLS found somebody else than the hub, or something that is not TLS.
fn is_about_trust(error: &(dyn core::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(each) = error {
        if each.is::<rustls::Error>() {
            return true;
        }
        // What is wrapped as an error of input or output is not called its source.
        let wrapped = each.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        error = match wrapped {
            Some(inner) => Some(inner),
            None => each.source(),
        };
    }
    false
}

fn named(code: Option<ErrorCode>, number: Option<u32>) -> String {
    match (code, number) {
        (Some(code), _) => format!(", {code}"),
        (None, Some(number)) => format!(", {number}"),
        (None, None) => String::new(),
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
    /// The name of the program cannot stand in a header.
    #[error("the name of the program contains a control character")]
    UserAgent,
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
