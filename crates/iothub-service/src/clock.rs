use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Seconds since 1970-01-01T00:00:00Z, for the expiry of tokens. 0 where the clock is set before that:
/// every token is then refused, and the hub says why.
pub(crate) fn now_s() -> u64 {
    civil().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Civil time, for what a hub says of dates.
#[expect(clippy::disallowed_methods, reason = "the one place where this adapter reads the clock")]
pub(crate) fn civil() -> SystemTime {
    SystemTime::now()
}

/// For deadlines and pauses.
#[expect(clippy::disallowed_methods, reason = "the one place where this adapter reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// When that time will have passed. For ever is a year.
pub(crate) fn later(after: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now() + after.min(YEAR)
}
