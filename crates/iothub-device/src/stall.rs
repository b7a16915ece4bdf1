use core::time::Duration;

use iothub_proto::Instant;

/// Notices that a socket takes nothing any longer, also while the hub goes on talking: a ping that is never written is
/// never missed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    /// `None` never notices.
    limit: Option<Duration>,
    since: Option<Instant>,
}

impl Stall {
    /// With the keep-alive of the connection, half as long again of which is waited; with 0, for ever.
    pub(crate) fn new(keep_alive_s: u16) -> Self {
        let limit = (keep_alive_s > 0).then(|| Duration::from_secs(keep_alive_s.into()) * 3 / 2);
        Self { limit, since: None }
    }

    /// Takes note of whether bytes wait to be written, and whether some were written since this was said last. Gives how
    /// long they have waited once that is too long.
    pub(crate) fn observe(&mut self, now: Instant, waiting: bool, moved: bool) -> Option<Duration> {
        if !waiting {
            self.since = None;
            return None;
        }
        if moved || self.since.is_none() {
            self.since = Some(now);
        }
        let waited = now.since(self.since?);
        self.limit.filter(|limit| waited >= *limit).map(|_| waited)
    }

    /// When to look again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.since?.after(self.limit?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1_000)
    }

    #[test]
    fn what_waits_without_moving_for_half_as_long_again_as_the_keep_alive_has_stalled() {
        let mut stall = Stall::new(60);
        for (secs, waiting, moved, stalled) in [
            (0, false, false, None),
            (10, true, false, None),
            (99, true, false, None),
            // A byte is enough.
            (100, true, true, None),
            (189, true, false, None),
            (190, true, false, Some(90)),
            (191, false, true, None),
            (192, true, false, None),
        ] {
            let expected = stalled.map(Duration::from_secs);
            assert_eq!(stall.observe(at(secs), waiting, moved), expected, "after {secs} s");
        }
        assert_eq!(stall.poll_timeout(), Some(at(282)));
    }

    #[test]
    fn without_a_keep_alive_nothing_is_noticed() {
        let mut stall = Stall::new(0);
        assert_eq!(stall.observe(at(0), true, false), None);
        assert_eq!(stall.observe(at(1 << 30), true, false), None);
        assert_eq!(stall.poll_timeout(), None);
    }
}
