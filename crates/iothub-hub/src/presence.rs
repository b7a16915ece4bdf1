use iothub_proto::{Subscriptions, Timestamp};

/// Whether a device is there, as far as the hub knows. Not recorded: after a restart nobody is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence {
    /// When it last connected or disconnected.
    pub(crate) changed: Option<Timestamp>,
    /// When it last connected, sent or received.
    pub(crate) active: Option<Timestamp>,
    /// What it was subscribed to when its connection ended, if its session outlives that.
    pub(crate) kept: Option<Box<Subscriptions>>,
    /// The model that it said it follows.
    pub(crate) model_id: String,
}

/// Numbers the events about connections. They increase for as long as the hub's record is kept.
///
/// Recording each would double what a connection writes, so that many are recorded ahead, and what a hub has not used
/// of them when it ends is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PresenceNumbers {
    last: u64,
    /// What may be used is below this.
    below: u64,
}

impl PresenceNumbers {
    /// Up to where numbers have to be recorded before the next is used, if they have to be.
    pub(crate) const fn runs_out(&self) -> Option<u64> {
        if self.last + 1 < self.below { None } else { Some(self.last + 1 + RECORDED_AHEAD) }
    }

    /// Numbers below this may be in use from now on.
    pub(crate) const fn reserve(&mut self, below: u64) {
        self.below = below;
    }

    /// What was recorded before may have been used.
    pub(crate) const fn resume(&mut self) {
        self.last = self.below.saturating_sub(1);
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// What is recorded.
    pub(crate) fn reserved(&self) -> Option<u64> {
        Some(self.below).filter(|below| *below > 0)
    }
}

/// Numbers that are recorded at a time.
const RECORDED_AHEAD: u64 = 1000;
