use std::time::{SystemTime, UNIX_EPOCH};

use iothub_proto::Timestamp;

/// Civil time, for the proofs that the server's devices present.
#[expect(clippy::disallowed_methods, reason = "this is the clock of an adapter")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
