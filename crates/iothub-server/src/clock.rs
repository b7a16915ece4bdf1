use core::time::Duration;

use iothub_proto::{Instant, Now, Timestamp};

/// The hub's two clocks. The only place in the crate where time is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
    civil: Civil,
}

/// Where civil time comes from.
#[derive(Clone, Copy, Debug)]
enum Civil {
    /// The system: a clock that was set right counts at once.
    System,
    /// The system too, put right by as much as a test has turned the runtime's time.
    Runtime,
}

impl Clock {
    /// A clock whose monotonic half starts at zero, now.
    #[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
    pub(crate) fn start() -> Self {
        Self { origin: tokio::time::Instant::now(), civil: Civil::System }
    }

    /// The same for a runtime whose time a test may stop and turn: its days are those of the hub.
    pub(crate) fn start_with_runtime() -> Self {
        Self { civil: Civil::Runtime, ..Self::start() }
    }

    pub(crate) fn now(&self) -> Now {
        let waited = millis(self.origin.elapsed());
        let timestamp = match self.civil {
            Civil::System => millis(civil()),
            Civil::Runtime => millis(turned(civil())),
        };
        Now { instant: Instant::from_millis(waited), timestamp: Timestamp::from_millis(timestamp) }
    }

    /// Returns once [`Self::now`] has reached `at`; never if that is `None`.
    pub(crate) async fn reaches(&self, at: Option<Instant>) {
        let due = at.and_then(|at| self.origin.checked_add(Duration::from_millis(at.as_millis())));
        match due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => core::future::pending().await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
fn civil() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Civil time, put right by the difference between the runtime's clock and the system's: there is one where a test has
/// stopped the runtime's, and turned it.
#[expect(clippy::disallowed_methods, reason = "an adapter's clock")]
fn turned(civil: Duration) -> Duration {
    let (system, runtime) = (std::time::Instant::now(), tokio::time::Instant::now().into_std());
    (civil + runtime.saturating_duration_since(system))
        .saturating_sub(system.saturating_duration_since(runtime))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
