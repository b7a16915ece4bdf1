use tokio::time::Instant;

/// Virtual time: it goes on when nobody has anything to do.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
