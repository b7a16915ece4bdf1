use core::fmt;
use std::collections::BTreeMap;

use iothub_codec::Status;
use iothub_model::ErrorCode;
use iothub_proto::{Now, Timestamp};

use crate::quota::bucket::Bucket;
use crate::quota::edition::{Edition, Operation};
use crate::rule::Rule;

/// Counts what is done, and says when it is too much.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    buckets: BTreeMap<Operation, Bucket>,
    used: Used,
    /// How many operations of devices are refused whatever the edition allows.
    throttled: u32,
}

/// Messages of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    /// Days since 1970.
    day: u64,
    messages: u64,
    /// How many of them are recorded.
    recorded: u64,
}

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Of one operation in a time.
    Rate { operation: Operation, a_minute: u64, edition: Edition },
    /// Of messages in a day.
    Day { messages: u64, edition: Edition },
    /// Nothing is: a test wants to see what comes of it.
    Wanted { operation: Operation },
}

impl Meter {
    /// The count of messages is recorded at every so many of them: a hub that is killed forgets fewer.
    const RECORDED_EACH: u64 = 64;

    /// Whether that may be done now. `len` is what is charged for by its length, in bytes; `None` is free.
    pub(crate) fn allow(
        &mut self,
        now: Now,
        edition: Edition,
        operation: Operation,
        len: Option<usize>,
    ) -> Result<(), Excess> {
        let messages = len.map_or(0, |len| edition.messages(len));
        if messages > 0 {
            self.allow_more_today(now.timestamp, edition)?;
        }
        if let Some(a_minute) = edition.a_minute(operation) {
            let bucket = self.buckets.entry(operation).or_insert_with(|| Bucket::new(a_minute, now.instant));
            let count = match (operation, len) {
                (Operation::Method, Some(len)) => len.div_ceil(Edition::BLOCK).max(1) as u64,
                (_, _) => 1,
            };
            if !bucket.take(a_minute, count, now.instant) {
                return Err(Excess::Rate { operation, a_minute, edition });
            }
        }
        self.charge(now.timestamp, edition, messages);
        Ok(())
    }

    /// The same for a device's or module's own doing, of which some may have to be refused.
    pub(crate) fn allow_device(
        &mut self,
        now: Now,
        edition: Edition,
        operation: Operation,
        len: usize,
    ) -> Result<(), Excess> {
        match self.throttled.checked_sub(1) {
            Some(left) => {
                self.throttled = left;
                Err(Excess::Wanted { operation })
            }
            None => self.allow(now, edition, operation, Some(len)),
        }
    }

    /// So many of the next operations of devices are refused.
    pub(crate) const fn throttle(&mut self, operations: u32) {
        self.throttled = operations;
    }

    /// Whether the messages of the day are not used up. For what is counted when it is known how much it was.
    pub(crate) fn allow_more_today(&mut self, now: Timestamp, edition: Edition) -> Result<(), Excess> {
        match edition.messages_a_day() {
            Some(max) if self.today(now).messages >= max => Err(Excess::Day { messages: max, edition }),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts what is not refused any longer, such as the answer to a method call.
    pub(crate) fn charge(&mut self, now: Timestamp, edition: Edition, messages: u64) {
        if edition.messages_a_day().is_some() {
            let used = self.today(now);
            used.messages = used.messages.saturating_add(messages);
        }
    }

    /// Day and count of messages, when it is time to record them again.
    pub(crate) fn unrecorded(&mut self) -> Option<(u64, u64)> {
        let used = &mut self.used;
        if used.messages - used.recorded < Self::RECORDED_EACH {
            return None;
        }
        used.recorded = used.messages;
        Some((used.day, used.messages))
    }

    /// Day and count of messages as they are now, if any were counted.
    pub(crate) fn counted(&mut self) -> Option<(u64, u64)> {
        let used = &mut self.used;
        used.recorded = used.messages;
        (used.messages > 0).then_some((used.day, used.messages))
    }

    /// As it was recorded.
    pub(crate) fn set(&mut self, day: u64, messages: u64) {
        self.used = Used { day, messages, recorded: messages };
    }

    /// What was used since midnight UTC.
    fn today(&mut self, now: Timestamp) -> &mut Used {
        let day = now.as_secs() / (24 * 60 * 60);
        if self.used.day != day {
            self.used = Used { day, ..Used::default() };
        }
        &mut self.used
    }
}

impl Excess {
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Rate { .. } | Self::Wanted { .. } => Status::THROTTLED,
            Self::Day { .. } => Status::QUOTA_EXCEEDED,
        }
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Rate { .. } | Self::Wanted { .. } => ErrorCode::ThrottlingException,
            Self::Day { .. } => ErrorCode::IotHubQuotaExceeded,
        }
    }

    pub(crate) const fn rule(&self) -> Rule {
        match self {
            Self::Rate { .. } | Self::Wanted { .. } => Rule::Throttled,
            Self::Day { .. } => Rule::QuotaExceeded,
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { operation, a_minute, edition } => {
                write!(f, "more than {a_minute} {operation} a minute, which is the limit of {edition}")
            }
            Self::Wanted { operation } => write!(f, "the next {operation} are refused, as a test wants it"),
            Self::Day { messages, edition } => {
                write!(
                    f,
                    "the {messages} messages that {edition} may have a day are used up until midnight UTC"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;
    use core::time::Duration;

    use super::*;
    use crate::quota::Sku;

    fn free() -> Edition {
        Edition::new(Sku::F1, NonZeroU16::MIN).unwrap()
    }

    #[test]
    fn the_day_is_used_up_by_length_and_begins_at_midnight() {
        let mut meter = Meter::default();
        let mut now = Now { timestamp: Timestamp::from_secs(1_893_456_000), ..Now::default() };
        let mut send = |now: Now, len| meter.allow(now, free(), Operation::Telemetry, Some(len)).is_ok();
        for _ in 0..999 {
            now.instant = now.instant.after(Duration::from_secs(1));
            assert!(send(now, 8 * 512));
        }
        assert!(send(now, 7 * 512), "7999 of 8000");
        assert!(send(now, 100 * 512), "the last one is not cut");
        assert!(!send(now, 0));
        now.timestamp = Timestamp::from_secs(1_893_456_000 + 24 * 60 * 60 - 1);
        assert!(!send(now, 0));
        now.timestamp = now.timestamp.after(Duration::from_secs(1));
        assert!(send(now, 0));
    }

    #[test]
    fn what_is_free_goes_on_when_the_day_is_used_up() {
        let mut meter = Meter::default();
        let now = Now::default();
        meter.charge(now.timestamp, free(), 8_000);
        assert!(meter.allow(now, free(), Operation::Registry, None).is_ok());
        let refused = meter.allow(now, free(), Operation::TwinRead, Some(1)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the 8000 messages that 1 unit of F1 may have a day are used up until midnight UTC"
        );
    }

    #[test]
    fn a_rate_is_of_one_operation() {
        let mut meter = Meter::default();
        let now = Now::default();
        let burst =
            (0..100).take_while(|_| meter.allow(now, free(), Operation::Registry, None).is_ok()).count();
        assert_eq!(burst, 16, "ten seconds of 100 a minute");
        assert!(meter.allow(now, free(), Operation::TwinRead, Some(1)).is_ok());
        let refused = meter.allow(now, free(), Operation::Registry, None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "more than 100 registry operations a minute, which is the limit of 1 unit of F1"
        );
    }

    #[test]
    fn the_count_is_recorded_now_and_then_and_goes_on_from_there() {
        let mut meter = Meter::default();
        let now = Now { timestamp: Timestamp::from_secs(24 * 60 * 60), ..Now::default() };
        meter.charge(now.timestamp, free(), 63);
        assert_eq!(meter.unrecorded(), None);
        meter.charge(now.timestamp, free(), 2);
        assert_eq!(meter.unrecorded(), Some((1, 65)));
        assert_eq!(meter.unrecorded(), None);
        let mut after = Meter::default();
        after.set(1, 7_999);
        assert!(after.allow(now, free(), Operation::Telemetry, Some(1)).is_ok());
        assert!(after.allow(now, free(), Operation::Telemetry, Some(1)).is_err());
    }

    #[test]
    fn a_hub_without_limits_counts_nothing() {
        let mut meter = Meter::default();
        for _ in 0..1_000 {
            assert!(meter.allow(Now::default(), Edition::UNLIMITED, Operation::Telemetry, Some(1)).is_ok());
        }
        assert!(meter.buckets.is_empty() && meter.unrecorded().is_none());
    }
}
