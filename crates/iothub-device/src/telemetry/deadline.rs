use core::time::Duration;

use iothub_proto::Instant;

use crate::error::SendError;

/// Until when the outcome of something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// How long that was when it began.
    after: Duration,
}

impl Deadline {
    /// That long from now on.
    pub(crate) fn new(now: Instant, after: Duration) -> Self {
        Self { at: now.after(after), after }
    }

    pub(crate) fn is_over(self, now: Instant) -> bool {
        self.at <= now
    }

    /// What is told when it is over.
    pub(crate) fn outcome(self) -> SendError {
        SendError::TimedOut { after: self.after }
    }
}

/// The earliest of many deadlines that come and go, without looking at all of them each time.
///
/// It may be too early, when what it belonged to is gone, and is never too late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earliest(Option<Instant>);

impl Earliest {
    pub(crate) fn add(&mut self, deadline: Option<Deadline>) {
        if let Some(deadline) = deadline {
            self.0 = Some(self.0.map_or(deadline.at, |earliest| earliest.min(deadline.at)));
        }
    }

    pub(crate) fn get(self) -> Option<Instant> {
        self.0
    }

    /// Whether it is worth looking for something that is over.
    pub(crate) fn is_over(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }
}

impl FromIterator<Option<Deadline>> for Earliest {
    fn from_iter<I: IntoIterator<Item = Option<Deadline>>>(deadlines: I) -> Self {
        deadlines.into_iter().fold(Self::default(), |mut earliest, deadline| {
            earliest.add(deadline);
            earliest
        })
    }
}
