use std::time::Instant;

/// The time now, for measuring how long something takes.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the measurements")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
