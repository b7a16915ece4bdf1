use core::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use iothub_proto::{Backoff, ByClass, Failure, Next, Now, ReconnectPolicy};

use super::Options;
use crate::civil_clock::CivilClock;
use crate::clock::Clock;

/// How the device stays connected.
impl Options {
    /// How long to wait before connecting again, the same for every failure that may pass. Otherwise
    /// [`ByClass::DEFAULT`] says it, by what has failed.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.reconnect_policy(backoff)
    }

    /// Takes the date and time from there, and not from the system's clock: for a device that knows them better, by a modem,
    /// a receiver or a protocol of its own, and may not or cannot set that clock. Proofs are made, and the certificates of
    /// others judged, by what it says; it is asked for each, and should answer at once. How long something takes is
    /// measured without it. A durable outbox is opened with a clock of its own.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # fn offset() -> Duration { Duration::ZERO }
    /// # fn set(options: iothub_device::Options) -> iothub_device::Options {
    /// options.clock(|| SystemTime::now() + offset())
    /// # }
    /// ```
    #[must_use]
    pub fn clock(mut self, read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.civil_clock = Some(CivilClock::new(read));
        self
    }

    pub(crate) fn now(&self, clock: Clock) -> Now {
        match &self.civil_clock {
            None => clock.now_on_both(),
            Some(civil) => Now { instant: clock.now(), timestamp: civil.now() },
        }
    }

    pub(crate) fn civil_clock(&self) -> Option<&CivilClock> {
        self.civil_clock.as_ref()
    }

    /// Decides whether and when to connect again: a [`ByClass`] of other numbers, or a [`ReconnectPolicy`] of the
    /// caller's own. It is asked by the device's task and should answer at once.
    #[must_use]
    pub fn reconnect_policy(mut self, policy: impl ReconnectPolicy + Send + Sync + 'static) -> Self {
        self.policy = Policy(Arc::new(policy));
        self
    }
}

/// What decides whether and when to connect again.
#[derive(Clone)]
pub(crate) struct Policy(Arc<dyn ReconnectPolicy + Send + Sync>);

impl Default for Policy {
    fn default() -> Self {
        Self(Arc::new(ByClass::DEFAULT))
    }
}

impl ReconnectPolicy for Policy {
    fn next(&self, failure: &Failure) -> Next {
        self.0.next(failure)
    }
}

/// Policies need not be shown.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policy(..)")
    }
}
