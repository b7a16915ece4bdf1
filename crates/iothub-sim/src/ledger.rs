use std::collections::VecDeque;

use iothub_proto::Instant;

use crate::fault::{Fault, Faults};

/// What must hold in every schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// What begins ends exactly once: requests, calls, messages at QoS 1.
    EndsOnce,
    /// An acknowledged telemetry message was received.
    Received,
    /// Telemetry at QoS 1 arrives in the order in which it was sent, whatever is repeated.
    InOrder,
    /// No command is completed twice, or lost, or completed without the device's word.
    CommandOnce,
    /// What is answered is what was asked.
    OwnAnswer,
    /// Versions of a twin never go back at who observes it.
    Forward,
    /// Desired changes are neither missed nor applied out of order.
    Desired,
    /// Nothing grows without bound, and room that was used is given back.
    Bounded,
    /// Once the link is good, a device is soon ready.
    Reconnects,
    /// Neither end breaks the rules of the other, and what is handed out can be sent.
    Rules,
    /// What is due is dealt with when it is.
    OnTime,
}

impl Property {
    /// What a table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndsOnce => "ends-once",
            Self::Received => "received",
            Self::InOrder => "in-order",
            Self::CommandOnce => "command-once",
            Self::OwnAnswer => "own-answer",
            Self::Forward => "forward",
            Self::Desired => "desired",
            Self::Bounded => "bounded",
            Self::Reconnects => "reconnects",
            Self::Rules => "rules",
            Self::OnTime => "on-time",
        }
    }
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub property: Property,
    /// When, where and how.
    pub what: String,
}

/// What is written down of one schedule.
#[derive(Debug)]
pub(crate) struct Ledger {
    now: Instant,
    pub(crate) faults: Faults,
    pub(crate) packets: u64,
    /// The first property that did not hold.
    pub(crate) broken: Option<Broken>,
    /// The last steps, if they are wanted: to write them takes longer than to make them.
    trace: Option<VecDeque<String>>,
}

impl Ledger {
    pub(crate) fn new(traced: bool) -> Self {
        Self {
            now: Instant::default(),
            faults: Faults::default(),
            packets: 0,
            broken: None,
            trace: traced.then(VecDeque::new),
        }
    }

    pub(crate) const fn at(&mut self, now: Instant) {
        self.now = now;
    }

    pub(crate) fn note(&mut self, who: &str, what: impl FnOnce() -> String) {
        let Some(trace) = &mut self.trace else { return };
        if trace.len() == Self::STEPS_MAX {
            trace.pop_front();
        }
        trace.push_back(format!("{:>9} {who}: {}", self.now.as_millis(), what()));
    }

    pub(crate) fn fault(&mut self, who: &str, fault: Fault) {
        self.faults.happened(fault);
        self.note(who, || format!("fault: {}", fault.name()));
    }

    /// Writes down that a property does not hold, unless one did not before.
    pub(crate) fn breaks(&mut self, who: &str, property: Property, what: impl FnOnce() -> String) {
        if self.broken.is_none() {
            let what = format!("{} ms, {who}: {}", self.now.as_millis(), what());
            self.note(who, || format!("broken: {}: {what}", property.name()));
            self.broken = Some(Broken { property, what });
        }
    }

    pub(crate) fn into_trace(self) -> Vec<String> {
        self.trace.unwrap_or_default().into()
    }

    /// Most steps that are kept.
    const STEPS_MAX: usize = 4000;
}
