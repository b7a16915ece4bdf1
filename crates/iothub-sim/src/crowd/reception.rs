use iothub_proto::Instant;

/// What a hub does with more connections than it takes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// So many wait for their turn, also those that were given up meanwhile; further ones do not come through.
    Waits {
        /// How many that is.
        backlog: u32,
    },
    /// It says that it is busy.
    Refused,
}

/// Takes connections, one after the other.
pub(super) struct Reception {
    /// Microseconds that each takes.
    each_us: u64,
    beyond: Beyond,
    /// When the next can be taken, in microseconds.
    free_us: u64,
    closed_until: Instant,
}

/// What becomes of somebody who arrives.
pub(super) enum Place {
    /// It is taken at that time.
    At(Instant),
    Refused,
    /// Nobody is there, or nobody else can wait.
    None,
}

impl Reception {
    pub(super) fn new(accepts_per_s: u32, beyond: Beyond) -> Self {
        let each_us = 1_000_000 / u64::from(accepts_per_s.max(1));
        Self { each_us, beyond, free_us: 0, closed_until: Instant::default() }
    }

    pub(super) const fn closed_until(&mut self, until: Instant) {
        self.closed_until = until;
    }

    pub(super) fn arrives(&mut self, now: Instant) -> Place {
        if now < self.closed_until {
            return Place::None;
        }
        let now_us = now.as_millis() * 1_000;
        let waiting = self.free_us.saturating_sub(now_us) / self.each_us;
        let full = match self.beyond {
            Beyond::Waits { backlog } if waiting >= u64::from(backlog) => return Place::None,
            Beyond::Waits { .. } => false,
            // Who comes a little early is not sent away.
            Beyond::Refused => waiting * self.each_us >= SLACK_US,
        };
        if full {
            return Place::Refused;
        }
        self.free_us = self.free_us.max(now_us) + self.each_us;
        Place::At(Instant::from_millis(self.free_us.div_ceil(1_000)))
    }
}

/// For how long a hub takes more than it can before it refuses.
const SLACK_US: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(beyond: Beyond, count: usize) -> (usize, usize, usize) {
        let mut reception = Reception::new(10, beyond);
        let mut counts = (0, 0, 0);
        for _ in 0..count {
            match reception.arrives(Instant::default()) {
                Place::At(_) => counts.0 += 1,
                Place::Refused => counts.1 += 1,
                Place::None => counts.2 += 1,
            }
        }
        counts
    }

    #[test]
    fn no_more_are_taken_than_there_is_time_for_and_the_others_wait_are_refused_or_turned_away() {
        assert_eq!(places(Beyond::Waits { backlog: 5 }, 8), (5, 0, 3));
        assert_eq!(places(Beyond::Refused, 15), (10, 5, 0));
        let mut reception = Reception::new(10, Beyond::Waits { backlog: 5 });
        for nth in 1..=3 {
            let Place::At(at) = reception.arrives(Instant::default()) else { panic!("there is room") };
            assert_eq!(at.as_millis(), 100 * nth);
        }
        reception.closed_until(Instant::from_millis(60_000));
        assert!(matches!(reception.arrives(Instant::from_millis(59_999)), Place::None));
        assert!(matches!(reception.arrives(Instant::from_millis(60_000)), Place::At(_)));
    }
}
