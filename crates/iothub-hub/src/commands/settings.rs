use core::ops::RangeInclusive;
use core::time::Duration;

/// How long commands and feedback about them are kept, and how often they are handed out. The limits and what holds
/// without a choice are those of IoT Hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandSettings {
    ttl: Duration,
    deliveries_max: u32,
    feedback_ttl: Duration,
    feedback_lock: Duration,
    feedback_deliveries_max: u32,
}

/// A setting is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {given}, and must be {min} to {max}")]
pub struct SettingOutOfRange {
    what: &'static str,
    given: String,
    min: &'static str,
    max: &'static str,
}

const DAY_S: u64 = 24 * 60 * 60;
const TTL_S: RangeInclusive<u64> = 60..=2 * DAY_S;
const DELIVERIES: RangeInclusive<u32> = 1..=100;
const FEEDBACK_LOCK_S: RangeInclusive<u64> = 5..=300;

impl CommandSettings {
    /// How long a device that fetches commands one by one may take to settle each.
    pub(crate) const LOCK: Duration = Duration::from_secs(60);

    /// How long a command waits that does not say it itself: one minute to two days.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_ttl(self, ttl: Duration) -> Result<Self, SettingOutOfRange> {
        check_ttl("the time to live of commands", ttl)?;
        Ok(Self { ttl, ..self })
    }

    /// How often a command is delivered that its device gives back: 1 to 100 times.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_deliveries_max(self, deliveries_max: u32) -> Result<Self, SettingOutOfRange> {
        check_deliveries("the number of deliveries of a command", deliveries_max)?;
        Ok(Self { deliveries_max, ..self })
    }

    /// How long feedback waits for somebody to read it: one minute to two days.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_feedback_ttl(self, feedback_ttl: Duration) -> Result<Self, SettingOutOfRange> {
        check_ttl("the time to live of feedback", feedback_ttl)?;
        Ok(Self { feedback_ttl, ..self })
    }

    /// How long feedback that was read is kept from others until it is completed: 5 to 300 seconds.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_feedback_lock(self, feedback_lock: Duration) -> Result<Self, SettingOutOfRange> {
        within("the lock of feedback", feedback_lock, &FEEDBACK_LOCK_S, ("5 s", "300 s"))?;
        Ok(Self { feedback_lock, ..self })
    }

    /// How often feedback is handed out that nobody completes: 1 to 100 times.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_feedback_deliveries_max(
        self,
        feedback_deliveries_max: u32,
    ) -> Result<Self, SettingOutOfRange> {
        check_deliveries("the number of deliveries of feedback", feedback_deliveries_max)?;
        Ok(Self { feedback_deliveries_max, ..self })
    }

    pub(crate) const fn ttl(&self) -> Duration {
        self.ttl
    }

    pub(crate) const fn deliveries_max(&self) -> u32 {
        self.deliveries_max
    }

    pub(crate) const fn feedback_ttl(&self) -> Duration {
        self.feedback_ttl
    }

    pub(crate) const fn feedback_lock(&self) -> Duration {
        self.feedback_lock
    }

    pub(crate) const fn feedback_deliveries_max(&self) -> u32 {
        self.feedback_deliveries_max
    }
}

impl Default for CommandSettings {
    /// One hour and ten deliveries of either; feedback is locked for a minute.
    fn default() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self {
            ttl: hour,
            deliveries_max: 10,
            feedback_ttl: hour,
            feedback_lock: Duration::from_secs(60),
            feedback_deliveries_max: 10,
        }
    }
}

fn check_ttl(what: &'static str, ttl: Duration) -> Result<(), SettingOutOfRange> {
    within(what, ttl, &TTL_S, ("1 min", "2 days"))
}

/// Whether a time is as long as it may be, in seconds.
pub(crate) fn within(
    what: &'static str,
    time: Duration,
    range: &RangeInclusive<u64>,
    (min, max): (&'static str, &'static str),
) -> Result<(), SettingOutOfRange> {
    if range.contains(&time.as_secs()) && time <= Duration::from_secs(*range.end()) {
        return Ok(());
    }
    Err(SettingOutOfRange { what, given: format!("{time:?}"), min, max })
}

pub(crate) fn check_deliveries(what: &'static str, count: u32) -> Result<(), SettingOutOfRange> {
    if DELIVERIES.contains(&count) {
        return Ok(());
    }
    Err(SettingOutOfRange { what, given: count.to_string(), min: "1", max: "100" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_iot_hub() {
        let settings = CommandSettings::default();
        let seconds = Duration::from_secs;
        for (set, good) in [
            (settings.with_ttl(seconds(59)), false),
            (settings.with_ttl(seconds(60)), true),
            (settings.with_ttl(seconds(2 * DAY_S)), true),
            (settings.with_ttl(seconds(2 * DAY_S + 1)), false),
            (settings.with_deliveries_max(0), false),
            (settings.with_deliveries_max(100), true),
            (settings.with_deliveries_max(101), false),
            (settings.with_feedback_ttl(seconds(1)), false),
            (settings.with_feedback_lock(seconds(4)), false),
            (settings.with_feedback_lock(seconds(300)), true),
            (settings.with_feedback_lock(seconds(301)), false),
            (settings.with_feedback_deliveries_max(0), false),
        ] {
            assert_eq!(set.is_ok(), good, "{set:?}");
        }
        let error = settings.with_feedback_lock(seconds(4)).unwrap_err();
        assert_eq!(error.to_string(), "the lock of feedback is 4s, and must be 5 s to 300 s");
    }
}
