use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use embedded::{Board, Fault};
use iothub_proto::{Instant, Timestamp};
use tokio::sync::mpsc;

/// A board that is this machine.
pub(crate) struct Desk {
    origin: tokio::time::Instant,
    faults: mpsc::UnboundedSender<Fault>,
}

impl Desk {
    /// It starts now. Why connections end is told.
    #[expect(clippy::disallowed_methods, reason = "somebody has to read the clock")]
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Fault>) {
        let (faults, told) = mpsc::unbounded_channel();
        (Self { origin: tokio::time::Instant::now(), faults }, told)
    }
}

impl Board for Desk {
    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "somebody has to read the clock")]
    fn date(&self) -> Timestamp {
        let civil = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_secs(civil.as_secs())
    }

    async fn sleep_until(&self, at: Instant) {
        tokio::time::sleep_until(self.origin + Duration::from_millis(at.as_millis())).await;
    }

    fn chance(&self) -> u64 {
        u64::from(std::process::id())
    }

    fn disconnected(&self, why: &Fault) {
        // A test may have seen enough.
        let _ = self.faults.send(*why);
    }
}
