use core::fmt;
use core::str::FromStr;

/// Where a connection goes: a host name or IP address, and a port.
///
/// Read from `name`, `name:port`, `127.0.0.1:port`, `::1` or `[::1]:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: Option<u16>,
}

/// The port of MQTT over TLS.
const MQTT_TLS_PORT: u16 = 8883;
/// Longest host name, in bytes: DNS allows no more.
const HOST_LEN_MAX: usize = 253;

impl Address {
    /// A server of that name, at that port.
    #[cfg(feature = "upload")]
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, BadAddress> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{host}:{port}").parse()
    }

    #[cfg(any(feature = "upload", feature = "websocket"))]
    pub(crate) fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 8883 where none was given.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(MQTT_TLS_PORT)
    }

    /// The port, if one was given.
    pub(crate) fn given_port(&self) -> Option<u16> {
        self.port
    }

    /// The same with that port, if none was given.
    pub(crate) fn or_port(self, port: u16) -> Self {
        Self { port: self.port.or(Some(port)), ..self }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (host, port) = split(text).ok_or(BadAddress)?;
        let port = port.map(str::parse).transpose().map_err(|_| BadAddress)?;
        let acceptable = |b: u8| b.is_ascii_alphanumeric() || b"-._:%".contains(&b);
        if host.is_empty() || host.len() > HOST_LEN_MAX || !host.bytes().all(acceptable) || port == Some(0) {
            return Err(BadAddress);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// The host and, where it is given, the port.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port())
        } else {
            write!(f, "{}:{}", self.host, self.port())
        }
    }
}

/// Not a host name or IP address, with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host name with or without `:port`")]
pub struct BadAddress;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_comes_with_or_without_a_port() {
        for (text, host, port, written) in [
            ("hub1.azure-devices.net", "hub1.azure-devices.net", 8883, "hub1.azure-devices.net:8883"),
            ("localhost:18883", "localhost", 18883, "localhost:18883"),
            ("127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"),
            ("::1", "::1", 8883, "[::1]:8883"),
            ("[::1]", "::1", 8883, "[::1]:8883"),
            ("[fe80::1%eth0]:443", "fe80::1%eth0", 443, "[fe80::1%eth0]:443"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.to_string(), written);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a".repeat(HOST_LEN_MAX + 1);
        for text in
            ["", ":1", "a:", "a:0", "a:65536", "a:x", "[::1", "[::1]x", "[]:1", "a b", "a/b", "ä", &long]
        {
            assert_eq!(text.parse::<Address>(), Err(BadAddress), "{text}");
        }
    }
}
