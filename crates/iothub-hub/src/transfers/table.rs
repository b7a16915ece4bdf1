use std::collections::BTreeMap;

use iothub_model::{JobProperties, JobStatus};

use crate::registry::Key;

/// Imports and exports: one that runs, and those that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transfers {
    by_number: BTreeMap<u64, JobProperties>,
    last: u64,
    /// Not recorded: after a restart none runs.
    pub(super) running: Option<Running>,
}

/// How far the one that runs is.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    /// The last that was written.
    pub(super) after: Option<Key>,
    /// What is done: identities that were written, or bytes that were read.
    pub(super) done: u64,
    pub(super) all: u64,
    /// Lines that were read, and those of them that nothing was done about.
    pub(super) lines: u64,
    pub(super) failed: u64,
    /// There is nothing more to be read.
    pub(super) is_last: bool,
}

impl Transfers {
    /// Most that are kept; the oldest make room.
    pub(super) const KEPT_MAX: usize = 100;

    /// Puts one down, or forgets it.
    pub(crate) fn set(&mut self, number: u64, transfer: Option<&JobProperties>) {
        self.last = self.last.max(number);
        match transfer {
            Some(transfer) => drop(self.by_number.insert(number, transfer.clone())),
            None => drop(self.by_number.remove(&number)),
        }
    }

    pub(super) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(super) fn get(&self, number: u64) -> Option<&JobProperties> {
        self.by_number.get(&number)
    }

    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let named =
            |(number, job): (&u64, &JobProperties)| (job.job_id.as_deref() == Some(id)).then_some(*number);
        self.by_number.iter().find_map(named)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &JobProperties)> {
        self.by_number.iter().map(|(number, job)| (*number, job))
    }

    /// As back ends are told of it.
    pub(crate) fn told(&self, number: u64) -> Option<JobProperties> {
        let mut job = self.by_number.get(&number)?.clone();
        job.progress = match (&self.running, job.status) {
            (Some(running), _) if running.number == number => Some(running.percent()),
            (_, Some(JobStatus::Completed)) => Some(100),
            (_, _) => None,
        };
        Some(job)
    }

    /// The first of those that are too many.
    pub(super) fn outlived(&self) -> Option<u64> {
        let first = self.by_number.first_key_value().map(|(number, _)| *number);
        first.filter(|_| self.by_number.len() > Self::KEPT_MAX)
    }
}

impl Running {
    pub(super) const fn new(number: u64) -> Self {
        Self { number, after: None, done: 0, all: 0, lines: 0, failed: 0, is_last: false }
    }

    /// 100 only when it is done with.
    fn percent(&self) -> u32 {
        let percent = self.done.saturating_mul(100) / self.all.max(1);
        u32::try_from(percent.min(99)).unwrap_or(99)
    }
}
