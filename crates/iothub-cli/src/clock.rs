use std::time::{Instant, SystemTime, UNIX_EPOCH};

use iothub_model::Date;

/// Milliseconds since 1970-01-01T00:00:00Z; 0 where the clock is set before that.
#[expect(clippy::disallowed_methods, reason = "one of the two places where this program reads a clock")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970-01-01T00:00:00Z, for the expiry of tokens.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1000
}

/// Now, to be shown.
pub(crate) fn date() -> Date {
    Date::from_millis(now_ms())
}

/// Measures how long ago something began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "one of the two places where this program reads a clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Whole milliseconds since the start.
    pub(crate) fn elapsed_ms(self) -> u128 {
        self.0.elapsed().as_millis()
    }
}
