use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z, for the expiry of tokens. 0 where the clock is set before that:
/// every token is then refused, and the hub says why.
#[expect(clippy::disallowed_methods, reason = "the one place where this adapter reads the clock")]
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
