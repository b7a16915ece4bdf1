use std::collections::BTreeSet;

use iothub_proto::{Instant, Ticket};

use crate::input::{ConnectionId, ExchangeId};
use crate::registry::Key;

/// What is due when. An entry that has lost its meaning by its time does no harm.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, Due)>,
}

/// What there is to be done when the time has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The proof that a connection began with is no good any longer.
    Credentials(ConnectionId),
    /// A device has had its time to answer a call.
    Answer(ConnectionId, Ticket),
    /// A caller has waited long enough for a device to connect.
    Connect(ExchangeId),
    /// Commands have waited long enough for their device.
    Command(Key),
    /// Devices are to be looked at, or counted, for configurations.
    Configurations,
    /// A job goes on.
    Job(u64),
    /// An upload is over.
    Upload(String),
    /// A job has been kept long enough.
    JobHistory,
    /// A query has more twins to look at.
    Grouping(ExchangeId),
    /// An index has more twins to be read into it.
    Index,
}

impl Due {
    /// For the log.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials expire",
            Self::Answer(..) => "the answer to a method call is due",
            Self::Connect(_) => "a device was to connect for a method call",
            Self::Command(_) => "a command expires",
            Self::Configurations => "devices are looked at for configurations",
            Self::Job(_) => "a job goes on",
            Self::Upload(_) => "an upload is over",
            Self::JobHistory => "a job is forgotten",
            Self::Grouping(_) => "a query goes on",
            Self::Index => "an index is made",
        }
    }
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, due: Due) {
        self.by_time.insert((at, due));
    }

    pub(crate) fn cancel(&mut self, at: Instant, due: Due) {
        self.by_time.remove(&(at, due));
    }

    /// One thing whose time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        self.by_time.pop_first().map(|(_, due)| due)
    }

    pub(crate) fn next(&self) -> Option<(Instant, &'static str)> {
        self.by_time.first().map(|(at, due)| (*at, due.reason()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_fall_due_in_order_and_once() {
        let at = Instant::from_millis;
        let mut timers = Timers::default();
        timers.set(at(20), Due::Connect(ExchangeId(2)));
        timers.set(at(10), Due::Connect(ExchangeId(1)));
        timers.set(at(10), Due::Connect(ExchangeId(1)));
        timers.set(at(5), Due::Connect(ExchangeId(0)));
        timers.cancel(at(5), Due::Connect(ExchangeId(0)));
        assert_eq!(timers.next().unwrap().0, at(10));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(30)), Some(Due::Connect(ExchangeId(1))));
        assert_eq!(timers.pop(at(30)), Some(Due::Connect(ExchangeId(2))));
        assert_eq!(timers.pop(at(30)), None);
    }
}
