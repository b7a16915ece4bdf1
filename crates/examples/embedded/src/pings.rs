use core::time::Duration;

use iothub_proto::Instant;

use crate::fault::Fault;

/// Asks the hub for a sign of life from time to time: so the hub knows that the device is there, and the device notices
/// when the hub is not.
pub(crate) struct Pings {
    next: Instant,
    unanswered: bool,
}

impl Pings {
    /// What the device promises in its CONNECT: that not so many seconds pass without a packet of it. The hub ends the
    /// connection after half as long again.
    pub(crate) const KEEP_ALIVE_S: u16 = 120;
    /// A ping has this long to be answered, then the next is due.
    const EVERY: Duration = Duration::from_secs(60);

    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now.after(Self::EVERY), unanswered: false }
    }

    /// Whether to send a PINGREQ now.
    pub(crate) fn is_due(&mut self, now: Instant) -> Result<bool, Fault> {
        if now < self.next {
            return Ok(false);
        }
        if self.unanswered {
            return Err(Fault::Silent);
        }
        *self = Self { next: now.after(Self::EVERY), unanswered: true };
        Ok(true)
    }

    /// PINGRESP came.
    pub(crate) fn answered(&mut self) {
        self.unanswered = false;
    }

    pub(crate) fn next(&self) -> Instant {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_does_not_answer_is_silent_by_the_time_of_the_next_ping() {
        let at = Instant::from_millis;
        let mut pings = Pings::new(at(0));
        assert_eq!((pings.is_due(at(59_999)), pings.next()), (Ok(false), at(60_000)));
        assert_eq!(pings.is_due(at(60_000)), Ok(true));
        pings.answered();
        assert_eq!(pings.is_due(at(120_000)), Ok(true));
        assert_eq!(pings.is_due(at(179_999)), Ok(false));
        assert_eq!(pings.is_due(at(180_000)), Err(Fault::Silent));
    }
}
