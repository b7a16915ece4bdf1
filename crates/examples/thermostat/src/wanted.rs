use core::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The desired properties; reported when they are kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// In degrees.
    pub(crate) target_temperature: f64,
    /// Seconds between two measurements, at least [`Self::INTERVAL_MIN`].
    interval: f64,
}

impl Wanted {
    const INTERVAL_MIN: f64 = 0.01;
    const INTERVAL_MAX: f64 = 86_400.0;

    /// Ticks when it is time to measure, for the first time at once.
    pub(crate) fn clock(&self) -> Interval {
        let seconds = self.interval.clamp(Self::INTERVAL_MIN, Self::INTERVAL_MAX);
        let mut clock = interval(Duration::from_secs_f64(seconds));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self { target_temperature: 20.0, interval: 5.0 }
    }
}
