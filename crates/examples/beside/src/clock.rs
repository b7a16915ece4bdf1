use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the clock of the measurements")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
