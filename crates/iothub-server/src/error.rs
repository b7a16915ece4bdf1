use core::fmt;
use core::net::SocketAddr;
use std::io;
use std::path::PathBuf;

use crate::journal::JournalError;

/// Why a hub does not start. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", advice(*address, *port, source))]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What for.
        port: Port,
        /// Why.
        source: io::Error,
    },
    /// The folder for the data cannot be used.
    #[error("cannot keep data in {}: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another hub uses the folder for the data.
    #[error("cannot keep data in {}: another hub does (stop it, or use another folder)", path.display())]
    DataInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The journal in the folder for the data cannot be used.
    #[error("cannot use the journal: {0}")]
    Journal(#[from] JournalError),
    /// The folder in which running hubs are found cannot be used.
    #[error("cannot use {}: {source} (set XDG_RUNTIME_DIR to a folder of your own)", path.display())]
    Runtime {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate: a host name is none, or what is kept cannot be read.
    #[error("cannot make the hub's certificate: {why}")]
    Certificate {
        /// Why.
        why: String,
    },
    /// The device that is to be there from the beginning cannot be.
    #[error("cannot have a device {name:?}: {why}")]
    ReadyDevice {
        /// The name.
        name: String,
        /// Why.
        why: String,
    },
    /// The provisioning service cannot have that id scope.
    #[error("cannot have that id scope: {why}")]
    IdScope {
        /// Why.
        why: String,
    },
    /// A further hub cannot have that name.
    #[error("cannot have a hub {name:?}: {why}")]
    FurtherHub {
        /// The name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The folder for imports and exports cannot be used.
    #[error("cannot import and export in {}: {source}", path.display())]
    TransferFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system has no chance to give.
    #[error("cannot get random bytes: {0}")]
    Chance(getrandom::Error),
    /// The operating system has no thread to give.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The runtime ends before the hub has begun.
    #[error("the runtime ends")]
    Interrupted,
}

impl StartError {
    pub(crate) fn certificate(why: impl fmt::Display) -> Self {
        Self::Certificate { why: why.to_string() }
    }
}

/// What is listened for on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// MQTT over TLS.
    Mqtt,
    /// HTTPS and MQTT over WebSocket.
    Https,
}

impl Port {
    /// The option of the command line that sets it.
    const fn option(self) -> &'static str {
        match self {
            Self::Mqtt => "--mqtt-port",
            Self::Https => "--https-port",
        }
    }

    /// A port that needs no privilege, to suggest.
    const fn suggestion(self) -> u16 {
        match self {
            Self::Mqtt => 18883,
            Self::Https => 8443,
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mqtt => "MQTT",
            Self::Https => "HTTPS",
        })
    }
}

fn advice(address: SocketAddr, port: Port, source: &io::Error) -> String {
    let (option, other, number) = (port.option(), port.suggestion(), address.port());
    if source.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "permission denied; use {option} {other}, or allow it with \
             `sudo sysctl net.ipv4.ip_unprivileged_port_start={number}`"
        )
    } else if source.kind() == io::ErrorKind::AddrInUse && number == other {
        format!("port {number} is taken; stop what listens there, or use {option} 0, which picks a free one")
    } else if source.kind() == io::ErrorKind::AddrInUse {
        format!(
            "port {number} is taken; stop what listens there, or use {option} {other} ({option} 0 picks a free one)"
        )
    } else {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_be_had_is_one_line_that_says_what_to_do() {
        let rows = [
            (
                "127.0.0.1:443",
                Port::Https,
                io::ErrorKind::PermissionDenied,
                "cannot listen on 127.0.0.1:443: permission denied; use --https-port 8443, or allow it with \
                 `sudo sysctl net.ipv4.ip_unprivileged_port_start=443`",
            ),
            (
                "127.0.0.1:8883",
                Port::Mqtt,
                io::ErrorKind::AddrInUse,
                "cannot listen on 127.0.0.1:8883: port 8883 is taken; stop what listens there, or use \
                 --mqtt-port 18883 (--mqtt-port 0 picks a free one)",
            ),
            (
                "127.0.0.1:18883",
                Port::Mqtt,
                io::ErrorKind::AddrInUse,
                "cannot listen on 127.0.0.1:18883: port 18883 is taken; stop what listens there, or use \
                 --mqtt-port 0, which picks a free one",
            ),
        ];
        for (address, port, kind, line) in rows {
            let error = StartError::Listen { address: address.parse().unwrap(), port, source: kind.into() };
            assert_eq!(error.to_string(), line);
        }
    }
}
