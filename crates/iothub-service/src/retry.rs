use core::fmt;
use core::time::Duration;

use crate::Error;

/// Decides whether and when a request that failed is sent again.
///
/// It is asked only about requests that may be sent again, and about failures after which that is safe:
///
/// | request | is sent again after |
/// |---|---|
/// | GET, a query, and PUT with `If-Match: *` | status 429, 500 and 503; no connection, and a broken one |
/// | another PUT, PATCH, and DELETE | status 429 and 503; no connection |
/// | POST, and with it every method call | nothing |
///
/// The second row is for what has another answer when it is done twice: whoever deletes the same thing again is told
/// that it is not there. However long the pauses are, the deadline of the call holds for all of it, and where a pause
/// would go beyond it, the failure is given at once.
pub trait RetryPolicy: fmt::Debug + Send + Sync {
    /// How long to wait before the next attempt. `None` ends the call with the error of the last.
    fn pause(&self, failed: &FailedAttempt<'_>) -> Option<Duration>;
}

/// An attempt that a [`RetryPolicy`] is asked about.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedAttempt<'a> {
    /// How many attempts have been made: 1 after the first.
    pub number: u32,
    /// Why the last one has no result.
    pub error: &'a Error,
}

impl<'a> FailedAttempt<'a> {
    /// The `number`th attempt, from 1, that ended with `error`.
    pub const fn new(number: u32, error: &'a Error) -> Self {
        Self { number, error }
    }
}

/// Pauses that double, each shortened by chance so that clients which failed together do not come back together, and
/// never shorter than the hub asks for by `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Most attempts, with the first: 1 is never to try again.
    pub attempts_max: u32,
    /// The longest that the first pause can be.
    pub first: Duration,
    /// The longest that any pause can be, other than one that the hub asks for.
    pub longest: Duration,
}

impl Backoff {
    /// Each request is sent once.
    pub const NONE: Self = Self { attempts_max: 1, ..Self::USUAL };
    /// What a [`Service`](crate::Service) does unless it is told otherwise: 4 attempts, with pauses of up to 0.2, 0.4
    /// and 0.8 s.
    pub const USUAL: Self =
        Self { attempts_max: 4, first: Duration::from_millis(200), longest: Duration::from_secs(10) };

    /// Between half of the `number`th pause and all of it, as `chance` has it.
    pub(crate) fn shortened(&self, number: u32, chance: u16) -> Duration {
        let doublings = number.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        half + half * u32::from(chance) / u32::from(u16::MAX)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::USUAL
    }
}

impl RetryPolicy for Backoff {
    fn pause(&self, failed: &FailedAttempt<'_>) -> Option<Duration> {
        if failed.number >= self.attempts_max {
            return None;
        }
        let pause = self.shortened(failed.number, chance());
        Some(failed.error.retry_after().map_or(pause, |asked| asked.max(pause)))
    }
}

/// Anything, as often as anything else. Where the machine has no chance to give, half.
pub(crate) fn chance() -> u16 {
    getrandom::u32().map_or(u16::MAX / 2, |random| u16::try_from(random >> 16).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use iothub_model::Refusal;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_chance_takes_at_most_half() {
        let backoff = Backoff {
            attempts_max: 9,
            first: Duration::from_millis(200),
            longest: Duration::from_millis(1000),
        };
        for (number, chance, millis) in [
            (1, u16::MAX, 200),
            (1, 0, 100),
            (2, u16::MAX, 400),
            (2, 0, 200),
            (3, u16::MAX, 800),
            (4, u16::MAX, 1000),
            (4, 0, 500),
            (u32::MAX, u16::MAX, 1000),
        ] {
            assert_eq!(backoff.shortened(number, chance).as_millis(), millis, "{number} {chance}");
        }
    }

    #[test]
    fn the_attempts_are_counted_and_the_hub_may_ask_for_longer_pauses() {
        let asked = |retry_after| Error::refused(429, Refusal::default(), retry_after);
        let backoff = Backoff { attempts_max: 3, ..Backoff::USUAL };
        for (number, retry_after_s, pauses_s) in [
            (1, None, Some(0..=1)),
            (2, None, Some(0..=1)),
            (3, None, None),
            (1, Some(7), Some(7..=7)),
            (2, Some(0), Some(0..=1)),
            (3, Some(7), None),
        ] {
            let error = asked(retry_after_s.map(Duration::from_secs));
            let pause = backoff.pause(&FailedAttempt::new(number, &error));
            let as_expected = match (&pause, &pauses_s) {
                (Some(pause), Some(expected)) => expected.contains(&pause.as_secs()),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(as_expected, "{number} {retry_after_s:?}: {pause:?}");
        }
        assert_eq!(Backoff::NONE.pause(&FailedAttempt::new(1, &asked(None))), None);
    }

    #[test]
    fn chance_differs() {
        let chances: std::collections::BTreeSet<u16> = (0..64).map(|_| chance()).collect();
        assert!(chances.len() > 32, "{chances:?}");
    }
}
