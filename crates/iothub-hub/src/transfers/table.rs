use std::collections::BTreeMap;

use iothub_model::{JobProperties, JobStatus};

use crate::registry::Key;
use crate::transfers::progress::ImportProgress;

/// Imports and exports: one that runs, and those that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transfers {
    by_number: BTreeMap<u64, JobProperties>,
    last: u64,
    /// Not recorded: one that ran is resumed.
    pub(super) running: Option<Running>,
    /// Of the import that runs, and its number.
    progress: Option<(u64, ImportProgress)>,
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
        if transfer.is_none_or(|job| job.status != Some(JobStatus::Running)) {
            self.progress.take_if(|(of, _)| *of == number);
        }
    }

    pub(crate) fn set_progress(&mut self, number: u64, progress: &ImportProgress) {
        self.progress = Some((number, progress.clone()));
    }

    pub(super) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(super) fn get(&self, number: u64) -> Option<&JobProperties> {
        self.by_number.get(&number)
    }

    pub(crate) const fn progress(&self) -> Option<&(u64, ImportProgress)> {
        self.progress.as_ref()
    }

    pub(super) fn progress_of(&self, number: u64) -> Option<&ImportProgress> {
        self.progress.as_ref().filter(|(of, _)| *of == number).map(|(_, progress)| progress)
    }

    /// The one that ran when the hub ended.
    pub(super) fn interrupted(&self) -> Option<(u64, &JobProperties)> {
        self.iter().find(|(_, job)| job.status == Some(JobStatus::Running))
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
        Self { number, after: None, done: 0, all: 0 }
    }

    /// 100 only when it is done with.
    fn percent(&self) -> u32 {
        let percent = self.done.saturating_mul(100) / self.all.max(1);
        u32::try_from(percent.min(99)).unwrap_or(99)
    }
}
