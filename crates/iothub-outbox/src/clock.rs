use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the date and time of messages come from.
#[derive(Clone)]
pub(crate) enum CivilClock {
    System,
    Given(Arc<dyn Fn() -> SystemTime + Send + Sync>),
}

impl CivilClock {
    /// In milliseconds since 1970, which is where a clock stands that was never set, or cannot be read.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
    pub(crate) fn now_ms(&self) -> u64 {
        let now = match self {
            Self::System => SystemTime::now(),
            Self::Given(read) => catch_unwind(AssertUnwindSafe(|| read())).unwrap_or_else(|_| {
                tracing::warn!(name: "outbox_untimed", "whoever is asked for the time has panicked");
                UNIX_EPOCH
            }),
        };
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// That long from now on.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
pub(crate) fn after(time: Duration) -> Instant {
    Instant::now() + time
}

/// How long it is until then.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
pub(crate) fn until(then: Instant) -> Duration {
    then.saturating_duration_since(Instant::now())
}
