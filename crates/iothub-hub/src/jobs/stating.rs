//! All there is of jobs, for a record that begins anew.

use crate::change::Change;
use crate::jobs::devices::Progress;
use crate::jobs::job::Job;
use crate::jobs::limits::STATED_FOR_IDENTITY;
use crate::jobs::result::DeviceResult;
use crate::jobs::step::{JobStep, StatedDevice, StatedProgress};
use crate::jobs::table::Jobs;

/// How far the jobs of a hub are stated anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatingJobs {
    /// The job that was stated last.
    number: u64,
    /// How many of its devices were.
    devices: u32,
}

impl StatingJobs {
    pub(crate) const fn has_reached(&mut self, number: u64, step: &JobStep) {
        match step {
            JobStep::Stated { .. } => *self = Self { number, devices: 0 },
            JobStep::DevicesStated { first, devices, .. } => {
                let stated = *first as usize + devices.len();
                *self = Self { number, devices: stated as u32 };
            }
            JobStep::Created { .. }
            | JobStep::Started { .. }
            | JobStep::Found { .. }
            | JobStep::Began { .. }
            | JobStep::Settled { .. }
            | JobStep::Ended { .. }
            | JobStep::Removed => {}
        }
    }

    /// States what comes next, in the time that so many identities would take; `false` if that was all.
    pub(crate) fn state(&mut self, jobs: &Jobs, identities: usize, mut state: impl FnMut(Change)) -> bool {
        let mut room = identities.saturating_mul(STATED_FOR_IDENTITY);
        while room > 0 {
            let open = jobs.get(self.number).filter(|job| self.devices < job.device_count());
            let (number, step) = match open {
                Some(job) => (self.number, devices_of(job, self.devices, room)),
                None => match jobs.behind(self.number).next() {
                    Some((number, job)) => (number, JobStep::Stated { job: Box::new(job.stated()) }),
                    None => return false,
                },
            };
            let before = *self;
            self.has_reached(number, &step);
            let stated = if before.number == number { (self.devices - before.devices) as usize } else { 1 };
            room = room.saturating_sub(stated.max(1));
            state(Change::Job { number, step });
        }
        true
    }
}

fn devices_of(job: &Job, first: u32, most: usize) -> JobStep {
    let mut results: Vec<DeviceResult> = Vec::new();
    let mut number = |result: DeviceResult| {
        // Devices that are beside each other end alike as a rule.
        if results.last() != Some(&result) {
            results.push(result);
        }
        u32::try_from(results.len() - 1).expect("there are no more than devices")
    };
    let slots = (first..job.device_count()).take(most);
    let devices = slots
        .map(|slot| {
            let progress = match job.progress(slot) {
                Progress::Pending => StatedProgress::Pending,
                Progress::Running { began } => StatedProgress::Running(began),
                Progress::Done { began, ended, result } => StatedProgress::Done(began, ended, number(result)),
            };
            StatedDevice(job.devices.name(slot).to_owned(), progress)
        })
        .collect();
    JobStep::DevicesStated { first, results, devices }
}
