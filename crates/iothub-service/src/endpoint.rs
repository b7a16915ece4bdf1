use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a hub is, and by which name it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The name that tokens are signed for and certificates are checked against; without a port.
    pub(crate) name: String,
    /// What stands in a URL: the name, and the port unless it is the usual one.
    pub(crate) authority: String,
    /// Whether no other machine is meant.
    pub(crate) is_loopback: bool,
}

impl Endpoint {
    /// Takes apart the `HostName` of a connection string: a name or an address, and perhaps a port, which
    /// only says where to connect.
    pub(crate) fn new(host_name: &str) -> Result<Self, BadEndpoint> {
        let (name, port) = split_port(host_name)?;
        let address = address(name);
        if address.is_none() && !is_name(name) {
            return Err(BadEndpoint);
        }
        let is_loopback = match address {
            Some(address) => address.is_loopback(),
            None => name.eq_ignore_ascii_case("localhost"),
        };
        let authority = match port {
            None | Some(443) => name.to_owned(),
            Some(port) => format!("{name}:{port}"),
        };
        Ok(Self { name: name.to_owned(), authority, is_loopback })
    }

    /// The same hub by the same name, reached at `address` whatever its name resolves to.
    ///
    /// A hub that goes by an address has no name to resolve: its other address is its name as well.
    pub(crate) fn reached_at(self, reached: SocketAddr) -> Result<Self, BadEndpoint> {
        match address(&self.name) {
            // The HTTP client takes the port from the address if the URL has none.
            None => {
                Ok(Self { authority: self.name.clone(), is_loopback: reached.ip().is_loopback(), ..self })
            }
            Some(own) if own == reached.ip() => Self::new(&format!("{}:{}", self.name, reached.port())),
            Some(_) => Err(BadEndpoint),
        }
    }
}

/// A `HostName` that is neither a name nor an address, with or without a port from 1 to 65535; or another
/// address for a hub that goes by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a host, or its address, with or without a port")]
pub struct BadEndpoint;

fn split_port(text: &str) -> Result<(&str, Option<u16>), BadEndpoint> {
    let name_end = match text.rfind(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at(name_end);
    let Some(digits) = rest.strip_prefix(':') else {
        return if rest.is_empty() { Ok((name, None)) } else { Err(BadEndpoint) };
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadEndpoint);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(BadEndpoint),
        Ok(port) => Ok((name, Some(port))),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse::<core::net::Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_says_where_to_connect_and_is_no_part_of_the_name() {
        for (host_name, name, authority, is_loopback) in [
            ("hub1.azure-devices.net", "hub1.azure-devices.net", "hub1.azure-devices.net", false),
            ("hub1.azure-devices.net:443", "hub1.azure-devices.net", "hub1.azure-devices.net", false),
            ("localhost:8443", "localhost", "localhost:8443", true),
            ("LocalHost", "LocalHost", "LocalHost", true),
            ("127.0.0.1:8443", "127.0.0.1", "127.0.0.1:8443", true),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7", false),
            ("[::1]:8443", "[::1]", "[::1]:8443", true),
            ("[2001:db8::7]", "[2001:db8::7]", "[2001:db8::7]", false),
        ] {
            let endpoint = Endpoint { name: name.into(), authority: authority.into(), is_loopback };
            assert_eq!(Endpoint::new(host_name), Ok(endpoint), "{host_name}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for bad in [
            "",
            ":443",
            "hub:",
            "hub:0",
            "hub:65536",
            "hub:+1",
            "hub:8443/path",
            "hub/path",
            "https://hub",
            "user@hub",
            "hub..net",
            "hub name",
            "::1",
            "[::1",
            "[::1]8443",
            "[hub]",
            "hüb",
        ] {
            assert_eq!(Endpoint::new(bad), Err(BadEndpoint), "{bad}");
        }
    }

    #[test]
    fn an_address_replaces_the_port_and_leaves_the_name() {
        let reached = "127.0.0.9:18443".parse().expect("an address");
        for (host_name, outcome) in [
            ("hub1.example.net", Ok(("hub1.example.net", "hub1.example.net"))),
            ("hub1.example.net:8443", Ok(("hub1.example.net", "hub1.example.net"))),
            ("127.0.0.9", Ok(("127.0.0.9", "127.0.0.9:18443"))),
            ("127.0.0.1", Err(BadEndpoint)),
        ] {
            let endpoint = Endpoint::new(host_name).and_then(|endpoint| endpoint.reached_at(reached));
            let endpoint = endpoint.as_ref().map(|e| (e.name.as_str(), e.authority.as_str())).map_err(|e| *e);
            assert_eq!(endpoint, outcome, "{host_name}");
        }
    }
}
