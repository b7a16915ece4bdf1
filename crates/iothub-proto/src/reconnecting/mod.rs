//! What follows the end of a connection.

mod class;
mod policy;

pub use class::FailureClass;
pub use policy::{ByClass, Failure, Next, ReconnectPolicy};

use core::time::Duration;

use crate::backoff::Seed;
use crate::time::Instant;

/// Decides when to connect again: counts failures, asks a [`ReconnectPolicy`], and draws the wait.
///
/// Say [`Self::ready`] when the session is, and [`Self::failed`] when a connection or the attempt to make one has ended;
/// it answers with the next attempt. The count of failures begins anew only after a connection *held*: it was ready for
/// [`Self::HELD`] at least, and for twice the longest wait that led to it, though no more than [`Self::HELD_MAX`]. So a hub that accepts and closes at once is
/// not hurried, and neither do two clients with one identity hurry each other, whose connections each last as long as
/// the other waits.
///
/// ```
/// use iothub_proto::{ByClass, FailureClass, Instant, Reconnecting, Seed};
///
/// let mut reconnecting = Reconnecting::new(Seed::new(7));
/// let now = Instant::from_millis(1_000);
/// let setback = reconnecting.failed(now, FailureClass::Unreachable, &ByClass::DEFAULT);
/// let wait = setback.retry_in.expect("what is unreachable may be reached later");
/// assert!(wait <= core::time::Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reconnecting {
    seed: Seed,
    /// Since a connection last held.
    failures: u32,
    /// For how long the next connection has to be ready to count as one that held.
    hold: Duration,
    ready_since: Option<Instant>,
}

/// What came of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setback {
    /// What it was: [`FailureClass::ClosedEarly`] in place of [`FailureClass::Lost`] where the connection did not hold.
    pub class: FailureClass,
    /// How many failures there were in a row, this one included.
    pub failures: u32,
    /// How long to wait before the next attempt; `None` if there is to be none.
    pub retry_in: Option<Duration>,
}

impl Reconnecting {
    /// For how long a connection has to be ready at least to count as one that held.
    pub const HELD: Duration = Duration::from_secs(30);
    /// A connection that was ready for that long has held, however long the waits before it were.
    pub const HELD_MAX: Duration = Duration::from_secs(3_600);

    /// Without a failure yet. The seed should differ from device to device.
    pub const fn new(seed: Seed) -> Self {
        Self { seed, failures: 0, hold: Self::HELD, ready_since: None }
    }

    /// The connection is ready. Saying so again changes nothing.
    pub fn ready(&mut self, now: Instant) {
        self.ready_since.get_or_insert(now);
    }

    /// The connection ended and that is no failure: it is replaced by another at once.
    pub fn replaced(&mut self, now: Instant) {
        self.ended(now);
    }

    /// The connection, or the attempt to make one, has failed.
    pub fn failed<P: ReconnectPolicy + ?Sized>(
        &mut self,
        now: Instant,
        class: FailureClass,
        policy: &P,
    ) -> Setback {
        let (lasted, held) = self.ended(now);
        let class = if class == FailureClass::Lost && lasted.is_some() && !held {
            FailureClass::ClosedEarly
        } else {
            class
        };
        let failure = Failure { class, before: self.failures, lasted };
        self.failures = self.failures.saturating_add(1);
        let next = if class.is_hopeless() { Next::Never } else { policy.next(&failure) };
        let retry_in = match next {
            Next::Within(bound) => {
                self.hold_for(bound);
                Some(self.seed.wait(bound))
            }
            Next::After(wait) => {
                self.hold_for(wait);
                Some(wait)
            }
            Next::Never => None,
        };
        Setback { class, failures: self.failures, retry_in }
    }

    /// How many failures there were since a connection last held, not counting that one.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// After a wait of up to that long, the next connection has to last twice as long.
    fn hold_for(&mut self, wait: Duration) {
        self.hold = self.hold.max(wait.saturating_mul(2)).min(Self::HELD_MAX);
    }

    /// How long it was ready, and whether that was long enough.
    fn ended(&mut self, now: Instant) -> (Option<Duration>, bool) {
        let lasted = self.ready_since.take().map(|since| now.since(since));
        let held = lasted.is_some_and(|lasted| lasted >= self.hold);
        if held {
            (self.failures, self.hold) = (0, Self::HELD);
        }
        (lasted, held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;

    const SECOND: Duration = Duration::from_secs(1);

    fn fresh() -> Reconnecting {
        Reconnecting::new(Seed::new(7))
    }

    fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1_000)
    }

    #[test]
    fn the_count_begins_anew_only_after_a_connection_that_held() {
        // Ready for so long after so many failures, each of which may be followed by a wait of up to 5, 10, 20 … s.
        for (failures, lasted_s, begins_anew) in [
            (0, 29, false),
            (0, 30, true),
            (2, 29, false),
            (2, 30, true),
            (3, 39, false),
            (3, 40, true),
            (9, 119, false),
            (9, 120, true),
        ] {
            let mut reconnecting = fresh();
            for _ in 0..failures {
                reconnecting.failed(at(0), FailureClass::Unreachable, &ByClass::DEFAULT);
            }
            reconnecting.ready(at(0));
            let setback = reconnecting.failed(at(lasted_s), FailureClass::Lost, &ByClass::DEFAULT);
            let (count, class) =
                if begins_anew { (1, FailureClass::Lost) } else { (failures + 1, FailureClass::ClosedEarly) };
            assert_eq!((setback.failures, setback.class), (count, class), "{failures} and {lasted_s} s");
        }
    }

    #[test]
    fn what_never_was_ready_is_lost_and_not_closed_early() {
        let setback = fresh().failed(at(0), FailureClass::Lost, &ByClass::DEFAULT);
        assert_eq!(setback.class, FailureClass::Lost);
    }

    #[test]
    fn a_connection_is_ready_since_it_was_first() {
        let mut reconnecting = fresh();
        reconnecting.failed(at(0), FailureClass::Busy, &ByClass::DEFAULT);
        reconnecting.ready(at(0));
        reconnecting.ready(at(29));
        assert_eq!(reconnecting.failed(at(30), FailureClass::Lost, &ByClass::DEFAULT).failures, 1);
    }

    #[test]
    fn a_replaced_connection_is_no_failure_and_has_held_like_any_other() {
        let mut reconnecting = fresh();
        reconnecting.failed(at(0), FailureClass::Unreachable, &ByClass::DEFAULT);
        reconnecting.ready(at(0));
        reconnecting.replaced(at(10));
        assert_eq!(reconnecting.failures(), 1, "it was too short to tell anything");
        reconnecting.ready(at(10));
        reconnecting.replaced(at(40));
        assert_eq!(reconnecting.failures(), 0);
    }

    #[test]
    fn the_policy_is_told_what_happened_and_has_its_way() {
        struct Exactly;
        impl ReconnectPolicy for Exactly {
            fn next(&self, failure: &Failure) -> Next {
                match failure.lasted {
                    Some(lasted) => Next::After(lasted),
                    None if failure.class == FailureClass::Busy => Next::After(SECOND * (failure.before + 1)),
                    None => Next::Never,
                }
            }
        }
        let mut reconnecting = fresh();
        for (class, wait) in [
            (FailureClass::Busy, Some(SECOND)),
            (FailureClass::Busy, Some(2 * SECOND)),
            (FailureClass::NotAuthorized, None),
            (FailureClass::Busy, Some(4 * SECOND)),
        ] {
            assert_eq!(reconnecting.failed(at(0), class, &Exactly).retry_in, wait);
        }
        reconnecting.ready(at(0));
        assert_eq!(reconnecting.failed(at(77), FailureClass::Lost, &Exactly).retry_in, Some(77 * SECOND));
    }

    #[test]
    fn what_is_misconfigured_is_not_tried_again_whatever_the_policy_says() {
        struct Always;
        impl ReconnectPolicy for Always {
            fn next(&self, _: &Failure) -> Next {
                Next::After(SECOND)
            }
        }
        for class in FailureClass::ALL {
            let setback = fresh().failed(at(0), *class, &Always);
            assert_eq!(setback.retry_in.is_none(), *class == FailureClass::Misconfigured, "{class}");
        }
    }

    #[test]
    fn waits_stay_within_their_bound_and_use_all_of_it() {
        let backoff = Backoff { base: 8 * SECOND, longest: 64 * SECOND };
        let mut reconnecting = fresh();
        let waits: [Duration; 200] = core::array::from_fn(|_| {
            reconnecting.failed(at(0), FailureClass::Unreachable, &backoff).retry_in.unwrap()
        });
        assert!(waits.iter().enumerate().all(|(nth, wait)| *wait <= backoff.bound(nth as u32)));
        assert!(waits.iter().any(|wait| *wait < 8 * SECOND), "jitter reaches down");
        assert!(waits.iter().any(|wait| *wait > 56 * SECOND), "and up");
    }
}
