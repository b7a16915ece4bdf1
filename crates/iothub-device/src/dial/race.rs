use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use iothub_proto::Instant;

/// Which of several addresses of one name is tried when: RFC 8305, without the sockets.
///
/// The families take turns, and nobody waits for an address that does not answer: while one is being tried, the next
/// is begun. The first connection wins.
#[derive(Debug)]
pub(super) struct Race {
    waiting: VecDeque<SocketAddr>,
    /// When the next is begun; `None` at once.
    next_at: Option<Instant>,
}

impl Race {
    /// How long an attempt has before the next is begun beside it.
    pub(super) const HEAD_START: Duration = Duration::from_millis(250);
    /// Addresses of one name that are tried at most.
    pub(super) const ADDRESSES_MAX: usize = 16;

    /// The addresses as the resolver has sorted them.
    pub(super) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { waiting: by_turns(addresses), next_at: None }
    }

    /// An attempt to begin now.
    pub(super) fn poll_start(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.next_at.is_some_and(|at| now < at) {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.next_at = Some(now.after(Self::HEAD_START));
        Some(next)
    }

    /// An attempt failed: the next need not wait.
    pub(super) fn failed(&mut self) {
        self.next_at = None;
    }

    /// When to ask for an attempt again.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let next_at = self.next_at.filter(|_| !self.waiting.is_empty())?;
        Some((next_at, "another address is tried"))
    }
}

/// Each once, families by turns beginning with that of the first, and otherwise in the given order.
fn by_turns(addresses: impl IntoIterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut lanes: [VecDeque<SocketAddr>; 2] = Default::default();
    let mut first = None;
    for address in addresses {
        let is_v6 = family(address);
        let first = *first.get_or_insert(is_v6);
        let lane = &mut lanes[usize::from(is_v6 != first)];
        if !lane.contains(&address) {
            lane.push_back(address);
        }
    }
    let mut sorted = VecDeque::new();
    while sorted.len() < Race::ADDRESSES_MAX {
        let before = sorted.len();
        sorted.extend(lanes.iter_mut().filter_map(VecDeque::pop_front));
        if sorted.len() == before {
            break;
        }
    }
    sorted.truncate(Race::ADDRESSES_MAX);
    sorted
}

/// Whether it goes over IPv6: an address of IPv4 in the clothes of IPv6 does not.
fn family(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.to_ipv4_mapped().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        match text.parse() {
            Ok(ip) => SocketAddr::new(ip, 8883),
            Err(_) => panic!("{text}"),
        }
    }

    fn race(addresses: &str) -> Race {
        Race::new(addresses.split_whitespace().map(address))
    }

    #[test]
    fn families_take_turns() {
        for (resolved, tried) in [
            ("", ""),
            ("10.0.0.1", "10.0.0.1"),
            ("::1 ::2 10.0.0.1", "::1 10.0.0.1 ::2"),
            ("10.0.0.1 10.0.0.2 10.0.0.3 ::1", "10.0.0.1 ::1 10.0.0.2 10.0.0.3"),
            ("::1 ::1 10.0.0.1 10.0.0.1", "::1 10.0.0.1"),
            ("10.0.0.1 ::ffff:10.0.0.2 ::1", "10.0.0.1 ::1 ::ffff:10.0.0.2"),
        ] {
            let tried: Vec<_> = tried.split_whitespace().map(address).collect();
            assert_eq!(race(resolved).waiting, tried, "{resolved}");
        }
    }

    #[test]
    fn of_very_many_addresses_some_are_tried() {
        let many = (0..100).map(|n| SocketAddr::new([10, 0, 0, n].into(), 1));
        assert_eq!(Race::new(many).waiting.len(), Race::ADDRESSES_MAX);
    }

    /// What happens at which millisecond: `+` an attempt is begun, `!` one fails.
    #[test]
    fn an_attempt_has_a_head_start_and_a_failure_ends_it() {
        for (addresses, story) in [
            ("::1 10.0.0.1 ::2", "+0 +250 +500"),
            ("::1 10.0.0.1 ::2", "+0 !10 +10 +260"),
            ("::1 10.0.0.1 ::2", "+0 +250 !300 +300"),
            ("::1 10.0.0.1", "+0 !0 +0 !1"),
            ("::1", "+0 !1"),
        ] {
            let mut race = race(addresses);
            let mut now = Instant::default();
            for event in story.split_whitespace() {
                let (what, at) = event.split_at(1);
                let at = Instant::from_millis(at.parse().unwrap());
                if what == "!" {
                    now = at;
                    race.failed();
                    continue;
                }
                if now < at {
                    assert_eq!(race.poll_start(now), None, "{story}: {event}");
                    assert_eq!(race.poll_timeout().map(|(at, _)| at), Some(at), "{story}: {event}");
                }
                now = at;
                assert!(race.poll_start(now).is_some(), "{story}: {event}");
            }
            assert_eq!(race.poll_timeout(), None, "{story}: nobody is left");
            assert_eq!(race.poll_start(Instant::from_millis(u64::MAX)), None, "{story}");
        }
    }
}
