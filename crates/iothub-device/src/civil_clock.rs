use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use iothub_proto::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Civil time as the application knows it, rather than the system.
#[derive(Clone)]
pub(crate) struct CivilClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl CivilClock {
    pub(crate) fn new(read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from(self.since_1970().as_millis()).unwrap_or(u64::MAX))
    }

    /// Before 1970 nothing was ever signed.
    fn since_1970(&self) -> Duration {
        (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// For the dates in certificates.
impl TimeProvider for CivilClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.since_1970()))
    }
}

impl fmt::Debug for CivilClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CivilClock(..)")
    }
}
