use core::fmt;
use std::sync::{Mutex, PoisonError};

/// What a connection waits for while it comes about: where it has stuck, in a [`ConnectError::TimedOut`](crate::ConnectError).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStage {
    /// A [`Transport`](crate::Transport) that says nothing more about it.
    #[default]
    Transport,
    /// The addresses of a name: of the hub, or the proxy.
    Lookup,
    /// TCP to what listens at one of the addresses: the hub, or the proxy.
    Tcp,
    /// The proxy: TLS with it, if it wants that, and its leave.
    Proxy,
    /// TLS with the hub.
    Tls,
    /// The hub's answer to the request for a WebSocket.
    WebSocket,
    /// The hub's answer to MQTT's CONNECT.
    Admission,
    /// The hub's answer to MQTT's SUBSCRIBE.
    Subscription,
}

/// Where somebody has come to, for others to look at.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<ConnectStage>);

impl Progress {
    pub(crate) fn reach(&self, stage: ConnectStage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    pub(crate) fn stage(&self) -> ConnectStage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transport => "the transport",
            Self::Lookup => "the lookup of the name",
            Self::Tcp => "TCP",
            Self::Proxy => "the proxy",
            Self::Tls => "TLS",
            Self::WebSocket => "the WebSocket",
            Self::Admission => "the answer to CONNECT",
            Self::Subscription => "the answer to SUBSCRIBE",
        })
    }
}
