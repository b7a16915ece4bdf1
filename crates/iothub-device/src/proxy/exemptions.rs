use core::net::IpAddr;

use crate::address::Address;

/// Who is reached without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exemptions {
    rules: Vec<Rule>,
    /// This machine as well.
    local: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Everybody,
    /// That name, and what is below it.
    Name(String),
    /// Addresses that have the first so many bits in common with this one.
    Network(IpAddr, u32),
}

impl Exemptions {
    /// Reads `NO_PROXY`. As everywhere, what cannot be read exempts nobody.
    pub(super) fn read(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_ascii_whitespace());
        let rules = entries.filter(|entry| !entry.is_empty()).filter_map(Rule::read).collect();
        Self { rules, local: false }
    }

    /// And whoever is reached by the name or address of this machine itself.
    pub(super) fn and_this_machine(self) -> Self {
        Self { local: true, ..self }
    }

    pub(super) fn covers(&self, to: &Address) -> bool {
        let ip = to.host().parse::<IpAddr>().ok();
        let is_local = ip.map_or(to.host().eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback());
        (self.local && is_local) || self.rules.iter().any(|rule| rule.covers(to, ip))
    }
}

impl Rule {
    fn read(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { whom: Whom::Everybody, port: None });
        }
        if let Some((ip, bits)) = entry.split_once('/') {
            let (ip, bits) = (ip.parse::<IpAddr>().ok()?, bits.parse().ok()?);
            return (bits <= width(ip)).then_some(Self { whom: Whom::Network(ip, bits), port: None });
        }
        let name = entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')).unwrap_or(entry);
        let address: Address = name.parse().ok()?;
        let whom = match address.host().parse::<IpAddr>() {
            Ok(ip) => Whom::Network(ip, width(ip)),
            Err(_) => Whom::Name(address.host().to_ascii_lowercase()),
        };
        Some(Self { whom, port: address.given_port() })
    }

    fn covers(&self, to: &Address, ip: Option<IpAddr>) -> bool {
        self.port.is_none_or(|port| port == to.port())
            && match &self.whom {
                Whom::Everybody => true,
                Whom::Name(name) => ip.is_none() && is_below(to.host(), name),
                Whom::Network(network, len) => ip.is_some_and(|ip| is_in(ip, *network, *len)),
            }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(name).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn is_in(ip: IpAddr, network: IpAddr, len: u32) -> bool {
    let other = width(ip) - len.min(width(ip));
    width(ip) == width(network) && (bits(ip) ^ bits(network)).checked_shr(other).unwrap_or(0) == 0
}

const fn width(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubs_are_exempted_by_name_address_and_network() {
        for (list, exempt, others) in [
            ("", "", "hub.example 10.0.0.1"),
            ("*", "hub.example 10.0.0.1 [::1]:1", ""),
            ("example", "example hub.example a.HUB.example:1", "notexample hub.example.org"),
            (".example, other", "hub.example other", "another"),
            ("*.example", "hub.example", "hub.example.org"),
            ("hub:8883", "hub hub:8883", "hub:443"),
            ("10.0.0.0/8", "10.255.0.1 10.0.0.1:443", "11.0.0.1 ::1 10.example"),
            ("10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2", "10.0.0.3"),
            ("0.0.0.0/0", "10.0.0.1", "::1 hub"),
            ("fd00::/8,[::1]:443", "fd12::1 [::1]:443", "[::1]:1 fe00::1"),
            ("10.0.0.0/33 a/b :x", "", "10.0.0.1 a"),
        ] {
            let exemptions = Exemptions::read(list);
            for (hosts, expected) in [(exempt, true), (others, false)] {
                for host in hosts.split_whitespace() {
                    assert_eq!(exemptions.covers(&host.parse().unwrap()), expected, "{host} with `{list}`");
                }
            }
        }
    }
}
