use crate::record::Entry;

/// A message that will not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The message, which is no longer in the file.
    pub entry: Entry,
    /// Why.
    pub reason: LossReason,
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossReason {
    /// To make room for another.
    Overflow,
    /// It has become older than [`OutboxOptions::age_max`](crate::OutboxOptions::age_max).
    TooOld,
    /// It was [settled](crate::Outbox::settle) so.
    Undeliverable,
}

/// How many messages were dropped since the file was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// To make room for others.
    pub overflow: u64,
    /// Because they were too old.
    pub too_old: u64,
    /// Because they could never be delivered.
    pub undeliverable: u64,
}

impl Losses {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.overflow + self.too_old + self.undeliverable
    }

    pub(crate) const fn count(&mut self, reason: LossReason) {
        match reason {
            LossReason::Overflow => self.overflow += 1,
            LossReason::TooOld => self.too_old += 1,
            LossReason::Undeliverable => self.undeliverable += 1,
        }
    }
}
