use std::collections::{BTreeMap, BTreeSet};

use iothub_proto::Instant;

use crate::jobs::job::{Job, Stage};
use crate::jobs::limits::{BYTES_MAX, DEVICES_MAX, JOBS_MAX};
use crate::jobs::step::{JobEnd, JobStep, StatedDevice, StatedProgress};
use crate::registry::Key;

/// The jobs of a hub, by numbers in the order in which they were taken in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs {
    by_number: BTreeMap<u64, Job>,
    numbers: BTreeMap<String, u64>,
    last: u64,
    /// What is kept of all of them.
    devices: usize,
    bytes: usize,
    /// Calls that are on their way. Not recorded: after a restart none is.
    pub(super) calls: u32,
    /// When the job that ended first is looked at. Not recorded either.
    pub(super) history: Option<Instant>,
    /// Those that have not ended.
    open: BTreeSet<u64>,
}

impl Jobs {
    /// Makes a step. What is about a job or a device that is not there concerns nobody: it will be stated as it is then.
    pub(crate) fn apply(&mut self, number: u64, step: &JobStep) {
        self.last = self.last.max(number);
        let before = self.by_number.get(&number).map_or((0, 0), size);
        match step {
            JobStep::Created { order } => self.insert(number, Job::new((**order).clone())),
            JobStep::Stated { job } => {
                if !self.by_number.contains_key(&number) {
                    self.insert(number, Job::new(job.order.clone()));
                }
                if let Some(there) = self.by_number.get_mut(&number) {
                    there.set((**job).clone());
                }
            }
            JobStep::Removed => {
                if let Some(job) = self.by_number.remove(&number) {
                    self.numbers.remove(&job.order.id);
                }
            }
            JobStep::Started { .. }
            | JobStep::Found { .. }
            | JobStep::Began { .. }
            | JobStep::Settled { .. }
            | JobStep::Ended { .. }
            | JobStep::DevicesStated { .. } => {
                if let Some(job) = self.by_number.get_mut(&number) {
                    job.apply(step);
                }
            }
        }
        match self.by_number.get(&number).map(Job::stage) {
            Some(Stage::Waiting | Stage::Finding | Stage::Working) => self.open.insert(number),
            Some(Stage::Ended) | None => self.open.remove(&number),
        };
        let after = self.by_number.get(&number).map_or((0, 0), size);
        self.devices = self.devices + after.0 - before.0;
        self.bytes = self.bytes + after.1 - before.1;
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Job> {
        self.by_number.get_mut(&number)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Job> {
        self.by_number.get(&number)
    }

    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    /// The jobs behind that number, in the order in which they were taken in.
    pub(crate) fn behind(&self, number: u64) -> impl Iterator<Item = (u64, &Job)> {
        self.by_number.range(number.saturating_add(1)..).map(|(number, job)| (*number, job))
    }

    pub(super) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// Jobs that have not ended, in the order in which they were taken in.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, &Job)> {
        self.open.iter().filter_map(|number| Some((*number, self.by_number.get(number)?)))
    }

    /// Jobs whose devices are looked for or gone through.
    pub(super) fn running(&self) -> impl Iterator<Item = (u64, &Job)> {
        self.open().filter(|(_, job)| matches!(job.stage(), Stage::Finding | Stage::Working))
    }

    /// The job that ended first.
    pub(super) fn first_ended(&self) -> Option<(u64, &JobEnd)> {
        let ended = self.by_number.iter().filter_map(|(number, job)| Some((*number, job.ended.as_ref()?)));
        ended.min_by_key(|(number, end)| (end.at_ms, *number))
    }

    /// Whether there is room for so much more.
    pub(super) fn has_room(&self, jobs: usize, devices: usize, bytes: usize) -> bool {
        self.by_number.len() + jobs <= JOBS_MAX
            && self.devices + devices <= DEVICES_MAX
            && self.bytes + bytes <= BYTES_MAX
    }

    fn insert(&mut self, number: u64, job: Job) {
        self.numbers.insert(job.order.id.clone(), number);
        self.by_number.insert(number, job);
    }
}

fn size(job: &Job) -> (usize, usize) {
    (job.devices.len() as usize, job.len())
}

impl Job {
    fn apply(&mut self, step: &JobStep) {
        match step {
            JobStep::Started { at_ms } => self.started_ms = Some(*at_ms),
            JobStep::Found { first, names, reached } => {
                if *first == self.devices.len() {
                    names.iter().for_each(|name| self.devices.push(name));
                }
                self.reached.clone_from(reached);
                self.found = reached.is_none();
            }
            JobStep::Began { slots, at_ms } => {
                let elapsed = self.elapsed(*at_ms);
                slots.iter().for_each(|slot| self.devices.begin(slot, elapsed));
            }
            JobStep::Settled { at_ms, results } => {
                let elapsed = self.elapsed(*at_ms);
                for (slots, result) in results {
                    slots.iter().for_each(|slot| self.devices.settle(slot, elapsed, result));
                }
            }
            JobStep::Ended { status, reason, at_ms } => {
                self.ended = Some(JobEnd { status: *status, reason: reason.clone(), at_ms: *at_ms });
                self.devices.shrink();
            }
            JobStep::DevicesStated { first, results, devices } => {
                for (slot, StatedDevice(name, progress)) in (*first..).zip(devices) {
                    if slot == self.devices.len() {
                        self.devices.push(name);
                    }
                    match progress {
                        StatedProgress::Pending => {}
                        StatedProgress::Running(began) => self.devices.begin(slot, *began),
                        StatedProgress::Done(began, ended, result) => {
                            self.devices.begin(slot, *began);
                            if let Some(result) = results.get(*result as usize) {
                                self.devices.settle(slot, *ended, result);
                            }
                        }
                    }
                }
            }
            // The table makes these.
            JobStep::Created { .. } | JobStep::Stated { .. } | JobStep::Removed => {}
        }
    }

    /// Whether it is for this job that a device is connected, or is removed.
    pub(super) fn waits_for(&self, key: &Key) -> Option<u32> {
        let slot = self.devices.find(key)?;
        self.devices.is_pending(slot).then_some(slot)
    }
}
