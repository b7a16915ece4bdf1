use core::time::Duration;

use iothub_proto::{Instant, Now, Timestamp};

/// The hub's two clocks. The only place in the crate where time is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose monotonic half starts at zero, now.
    #[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
    pub(crate) fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    #[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
    pub(crate) fn now(&self) -> Now {
        let waited = std::time::Instant::now().saturating_duration_since(self.origin);
        let civil = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Now {
            instant: Instant::from_millis(millis(waited)),
            timestamp: Timestamp::from_millis(millis(civil)),
        }
    }

    /// Returns once [`Self::now`] has reached `at`; never if that is `None`.
    pub(crate) async fn reaches(&self, at: Option<Instant>) {
        let due = at.and_then(|at| self.origin.checked_add(Duration::from_millis(at.as_millis())));
        match due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => core::future::pending().await,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
