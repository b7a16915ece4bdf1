use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use iothub_proto::{Instant, Now, Timestamp};

/// The one reader of time.
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "somebody has to read the clock")]
    pub(crate) fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "somebody has to read the clock")]
    pub(crate) fn now_on_both(&self) -> Now {
        let civil = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { instant: self.now(), timestamp: Timestamp::from_secs(civil.as_secs()) }
    }

    /// Returns when that time has come; without one, never.
    pub(crate) async fn sleep_until(&self, at: Option<Instant>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.origin + Duration::from_millis(at.as_millis())).await,
            None => core::future::pending().await,
        }
    }
}
