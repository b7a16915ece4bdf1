use iothub_proto::Instant;

/// How much of an operation may be done now: it fills with time up to what may be done at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// In [`Self::ONE`]ths of an operation.
    level: u64,
    at: Instant,
}

impl Bucket {
    /// A minute in milliseconds, so that the level rises by the operations a minute each millisecond.
    const ONE: u64 = 60_000;
    /// What comes in this many seconds may come at once.
    const BURST_S: u64 = 10;

    /// Full.
    pub(crate) fn new(a_minute: u64, now: Instant) -> Self {
        Self { level: capacity(a_minute), at: now }
    }

    /// Takes `count` operations out, if there is one at least: what is large is done, and waited for afterwards.
    pub(crate) fn take(&mut self, a_minute: u64, count: u64, now: Instant) -> bool {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = now;
        self.level = self.level.saturating_add(passed.saturating_mul(a_minute)).min(capacity(a_minute));
        if self.level < Self::ONE {
            return false;
        }
        self.level = self.level.saturating_sub(count.saturating_mul(Self::ONE));
        true
    }
}

/// At least one operation.
fn capacity(a_minute: u64) -> u64 {
    a_minute.saturating_mul(Bucket::BURST_S * 1000).max(Bucket::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::new(60, at(0));
        let mut taken = |millis| (0..100).filter(|_| bucket.take(60, 1, at(millis))).count();
        assert_eq!(taken(0), 10, "what comes in ten seconds");
        assert_eq!(taken(999), 0);
        assert_eq!(taken(1_000), 1);
        assert_eq!(taken(4_500), 3);
        assert_eq!(taken(5_000), 1, "a half was left over");
        assert_eq!(taken(1_000_000), 10, "it does not fill for ever");
        assert_eq!(taken(999_999), 0, "time does not go back");
    }

    #[test]
    fn a_rate_of_less_than_one_in_ten_seconds_lets_one_through() {
        let mut bucket = Bucket::new(1, at(0));
        assert!(bucket.take(1, 1, at(0)));
        assert!(!bucket.take(1, 1, at(59_999)));
        assert!(bucket.take(1, 1, at(60_000)));
    }

    #[test]
    fn what_is_larger_than_a_burst_is_done_once() {
        let mut bucket = Bucket::new(60, at(0));
        assert!(bucket.take(60, 1_000, at(0)));
        assert!(!bucket.take(60, 1, at(999)));
        assert!(bucket.take(60, u64::MAX, at(1_000)));
    }
}
