use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The runtime's time, which a test may have stopped. The only place in the crate where time is read.
#[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, as the system has them.
#[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
pub(crate) fn civil_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
