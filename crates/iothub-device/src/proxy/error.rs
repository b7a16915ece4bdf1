use core::time::Duration;
use std::io;

/// Not the address of a proxy. What was read is left out, because a password may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadProxy {
    /// Neither `http` nor `https`.
    #[error("a proxy of another kind than http:// and https://")]
    Scheme,
    /// No host name or IP address, with or without a port.
    #[error("no `host` or `host:port` of a proxy")]
    Address,
    /// Not a name and a password: a colon in the name, control characters, or not UTF-8.
    #[error("a user name or password that no proxy takes")]
    Credentials,
}

/// Why a proxy does not connect a device to its hub.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy's name has no address, or nothing listens there.
    #[error("cannot be reached: {0}")]
    Unreachable(#[source] io::Error),
    /// TLS with the proxy itself did not come about.
    #[error("no TLS with it: {0}")]
    Tls(#[source] io::Error),
    /// 407: it wants a name and a password, or others.
    #[error("{}: {status_line}", if *.given { "does not accept the name and password" } else { "wants a name and a password" })]
    Unauthorized {
        /// Whether it was given some.
        given: bool,
        /// What it said, such as `407 Proxy Authentication Required`.
        status_line: String,
    },
    /// It said no.
    #[error("does not connect to {target}: {status_line}")]
    Refused {
        /// Where it should have connected to.
        target: String,
        /// HTTP's number for why.
        status: u16,
        /// What it said, such as `502 Bad Gateway`; of a long text so much.
        status_line: String,
    },
    /// What it says is no answer of HTTP's.
    #[error("no answer of a proxy: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: &'static str,
    },
    /// Its answer does not end.
    #[error("an answer of more than {limit} bytes")]
    TooLong {
        /// How much is read, in bytes.
        limit: usize,
    },
    /// It did not answer in time.
    #[error("no answer within {after:?}")]
    NoAnswer {
        /// How long was waited.
        after: Duration,
    },
    /// The connection to it broke, or it closed it instead of an answer.
    #[error("connection broken before the answer: {0}")]
    Broken(#[source] io::Error),
}
