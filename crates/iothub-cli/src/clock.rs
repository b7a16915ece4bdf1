use core::time::Duration;
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

/// So long from now.
pub(crate) fn date_in(duration: Duration) -> Date {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Date::from_millis(now_ms().saturating_add(millis))
}

/// A time as a person reads it: to the millisecond, which is all there is, or `never`.
pub(crate) fn shown(date: Date) -> String {
    if date == Date::NEVER {
        return "never".into();
    }
    let text = date.to_string();
    text.strip_suffix("0000Z").map_or(text.clone(), |text| format!("{text}Z"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_without_the_digits_that_are_always_0() {
        for (date, text) in [
            (Date::from_millis(0), "1970-01-01T00:00:00.000Z"),
            (Date::from_millis(1_893_456_000_120), "2030-01-01T00:00:00.120Z"),
            (Date::NEVER, "never"),
        ] {
            assert_eq!(shown(date), text);
        }
    }
}
