use core::time::Duration;

use tokio::time::Instant;

/// Virtual time.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets virtual time pass while sockets are in use, `step` at a time.
///
/// tokio lets time jump to the next timer whenever no task can go on, even when bytes have just arrived for one. With
/// somebody who always has something to do soon, it cannot jump far, and bytes have many turns before it does.
pub(crate) async fn pass(step: Duration) {
    const TURNS: u32 = 10;

    loop {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(step).await;
    }
}
