use core::time::Duration;

/// The state of a small generator of chance, begun with a number of the caller's.
///
/// For spreading things in time. Nothing secret may be made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// Begins with that number; the same number gives the same chance.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        }
    }

    /// A wait of chance from nothing to `bound`, in whole milliseconds.
    pub(crate) fn wait(&mut self, bound: Duration) -> Duration {
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.up_to(bound_ms))
    }

    /// The next number: SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// How long to wait before trying again: exponential, with full jitter.
///
/// The wait before attempt *n* is chance between zero and `base` × 2ⁿ, at most `longest`, so that devices
/// which lost the same hub at the same moment do not come back at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub base: Duration,
    /// The bound of every wait.
    pub longest: Duration,
}

impl Backoff {
    /// Up to a second at first, up to a minute at last.
    pub const DEFAULT: Self = Self { base: Duration::from_secs(1), longest: Duration::from_secs(60) };

    /// The wait before the attempt after `failures` failed ones.
    pub fn delay(self, failures: u32, seed: &mut Seed) -> Duration {
        seed.wait(self.bound(failures))
    }

    /// The longest that [`Self::delay`] gives after `failures` failed attempts.
    pub fn bound(self, failures: u32) -> Duration {
        self.base.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_use_all_of_it() {
        let backoff = Backoff::DEFAULT;
        assert_eq!([0, 1, 5, 6, 40].map(|n| backoff.bound(n).as_secs()), [1, 2, 32, 60, 60]);
        let mut seed = Seed::new(7);
        for failures in [0, 3, 40] {
            let bound = backoff.bound(failures);
            let waits = core::array::from_fn::<_, 200, _>(|_| backoff.delay(failures, &mut seed));
            assert!(waits.iter().all(|wait| *wait <= bound));
            assert!(waits.iter().any(|wait| *wait < bound / 4), "jitter reaches down");
            assert!(waits.iter().any(|wait| *wait > bound * 3 / 4), "and up");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let mut one = Seed::new(1);
        let mut other = Seed::new(1);
        for failures in 0..10 {
            assert_eq!(
                Backoff::DEFAULT.delay(failures, &mut one),
                Backoff::DEFAULT.delay(failures, &mut other)
            );
        }
    }
}
