use core::pin::Pin;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use iothub_proto::{Instant, Now, Timestamp};

/// The one reader of time in this crate: milliseconds since it was made, and civil time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
    pub(crate) fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        let since = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Instant::from_millis(since)
    }

    /// Civil time as the system has it at this moment, so that a clock that was set right counts at once.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
    pub(crate) fn now_on_both(self) -> Now {
        // A clock before 1970 was never set; expiry dates made from it will be refused by the hub.
        let civil = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Where a test has stopped the runtime's time and turned it, the days go with it. Else there is no difference.
        let (system, runtime) = (std::time::Instant::now(), tokio::time::Instant::now().into_std());
        let civil = (civil + runtime.saturating_duration_since(system))
            .saturating_sub(system.saturating_duration_since(runtime));
        let millis = u64::try_from(civil.as_millis()).unwrap_or(u64::MAX);
        Now { instant: self.now(), timestamp: Timestamp::from_millis(millis) }
    }

    /// The same point on the clock of the runtime.
    pub(crate) fn on_runtime(self, at: Instant) -> tokio::time::Instant {
        self.origin + Duration::from_millis(at.as_millis())
    }

    /// Returns when that time has come; without one, never.
    pub(crate) async fn sleep_until(self, wake: Option<(Instant, &'static str)>) {
        match wake {
            Some((at, _)) => tokio::time::sleep_until(self.on_runtime(at)).await,
            None => core::future::pending().await,
        }
    }
}

/// The first of these times.
pub(crate) fn earliest<const N: usize>(times: [Option<Instant>; N]) -> Option<Instant> {
    times.into_iter().flatten().min()
}

/// A timer that is set again and again, mostly to a later time. That costs nothing: it rings too early then, and is set
/// to the later one.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// Boxed for as long as there are timers in it, which are not moved.
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// When it rings; nothing where it has rung.
    set_to: Option<Instant>,
}

impl Alarm {
    /// Returns when that time has come, or earlier; without one, never. Cancel-safe.
    pub(crate) async fn ring(&mut self, clock: Clock, wake: Option<Instant>) {
        let Some(at) = wake else { return core::future::pending().await };
        let is_late = self.set_to.is_none_or(|set_to| at < set_to);
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if is_late {
                    sleep.as_mut().reset(clock.on_runtime(at));
                }
                sleep
            }
            none => none.insert(Box::pin(tokio::time::sleep_until(clock.on_runtime(at)))),
        };
        if is_late {
            self.set_to = Some(at);
        }
        sleep.await;
        self.set_to = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_wakes_when_the_time_has_come_and_not_before() {
        let clock = Clock::start();
        let at = Instant::from_millis(5_000);
        clock.sleep_until(Some((at, "test"))).await;
        assert!(clock.now() >= at);
        let day = Duration::from_secs(24 * 3_600);
        let before = clock.now_on_both().timestamp;
        tokio::time::advance(day).await;
        let passed = clock.now_on_both().timestamp.since(before);
        assert!(passed >= day && passed < day + Duration::from_secs(60), "{passed:?}");
        let without = tokio::time::timeout(Duration::from_secs(3_600), clock.sleep_until(None)).await;
        assert!(without.is_err(), "without a time it waits for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_time_it_is_set_to_or_at_an_earlier_one_it_was() {
        let clock = Clock::start();
        let mut alarm = Alarm::default();
        let wake = |seconds: u64| Some(Instant::from_millis(seconds * 1_000));
        let soon = Duration::from_secs(1);
        for (set_to, rings) in
            [(10, false), (20, false), (5, false), (7, false), (7, true), (30, true), (30, true)]
        {
            let rang = tokio::time::timeout(soon, alarm.ring(clock, wake(set_to))).await;
            match rings {
                false => assert!(rang.is_err(), "set to {set_to} s"),
                true => {
                    if rang.is_err() {
                        alarm.ring(clock, wake(set_to)).await;
                    }
                }
            }
        }
        assert_eq!(clock.now(), Instant::from_millis(30_000), "it rings at the time it was set to at last");
    }
}
