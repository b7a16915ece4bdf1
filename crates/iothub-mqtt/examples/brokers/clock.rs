use core::time::Duration;
use std::time::Instant;

/// The one place where the time is read.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets a broker that is starting do so.
pub(crate) fn pause() {
    std::thread::park_timeout(Duration::from_millis(10));
}
