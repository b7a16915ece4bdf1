//! How a job goes on: each time it is due, by one part.

use core::time::Duration;

use iothub_model::{ErrorCode, JobStatus};
use iothub_proto::{Now, Timestamp};

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::jobs::job::Stage;
use crate::jobs::limits::{BETWEEN, KEPT, PAUSE};
use crate::jobs::order::{JobOrder, Work};
use crate::jobs::result::DeviceResult;
use crate::jobs::slots::Slots;
use crate::jobs::step::JobStep;
use crate::rest::Failure;
use crate::timers::Due;

impl Hub {
    /// Takes a job in. It begins when its time has come, but not at once: whoever asked for it is answered first.
    pub(crate) fn create_job(
        &mut self,
        now: Now,
        order: JobOrder,
        effects: &mut Effects,
    ) -> Result<u64, Failure> {
        if self.jobs.number(&order.id).is_some() {
            let message = format!("There is a job named {} already; jobs are kept for 30 days.", order.id);
            return Err(Failure::new(ErrorCode::JobAlreadyExists, message));
        }
        if !self.make_room_for_jobs((1, 0, order.len()), effects) {
            let message = "this hub has as many jobs as it can keep, and none has ended";
            return Err(Failure::new(ErrorCode::JobQuotaExceeded, message));
        }
        let number = self.jobs.next_number();
        let wait = until(now, order.from_ms);
        self.step(number, JobStep::Created { order: Box::new(order) }, effects);
        self.arm_job(now, number, wait);
        Ok(number)
    }

    /// Ends a job before it is done. One that has ended already is not concerned.
    pub(crate) fn cancel_job(&mut self, now: Now, number: u64, effects: &mut Effects) {
        if self.jobs.get(number).is_some_and(|job| job.stage() != Stage::Ended) {
            self.end_job(now, number, (JobStatus::Cancelled, None), effects);
        }
    }

    /// Jobs of the record go on. What was on its way to devices when the hub ended had no end, and gets none.
    pub(crate) fn resume_jobs(&mut self, now: Now, effects: &mut Effects) {
        let open: Vec<u64> = self.jobs.open().map(|(number, _)| number).collect();
        for number in open {
            let Some(job) = self.jobs.get(number) else { continue };
            let mut slots = Slots::default();
            job.devices.running().for_each(|slot| slots.push(slot));
            let wait = until(now, job.order.from_ms);
            if !slots.is_empty() {
                let why =
                    "The hub ended before the device answered; the device may have executed the method.";
                let result = DeviceResult::failed(ErrorCode::ServiceUnavailable, why);
                let at_ms = now.timestamp.as_millis();
                self.step(number, JobStep::Settled { at_ms, results: vec![(slots, result)] }, effects);
            }
            self.arm_job(now, number, wait);
        }
        self.watch_history(now);
    }

    pub(crate) fn job_due(&mut self, now: Now, number: u64, effects: &mut Effects) {
        let has_room = self.has_room();
        let Some(job) = self.jobs.get_mut(number) else { return };
        job.armed = None;
        let over = job.until_ms().is_some_and(|until_ms| until_ms <= now.timestamp.as_millis());
        match job.stage() {
            Stage::Ended => {}
            Stage::Waiting | Stage::Finding | Stage::Working if !has_room => self.arm_job(now, number, PAUSE),
            Stage::Waiting => self.start_jobs(now, effects),
            Stage::Finding | Stage::Working if over => {
                self.end_job(now, number, (JobStatus::Completed, None), effects);
            }
            Stage::Finding => self.find_devices(now, number, effects),
            Stage::Working => match job.order.work {
                Work::Twin(_) => self.change_twins(now, number, effects),
                Work::Method(_) => self.call_devices(now, number, effects),
            },
        }
    }

    /// Jobs whose time has come begin as long as there is room for them, in the order in which they were taken in.
    fn start_jobs(&mut self, now: Now, effects: &mut Effects) {
        let at_ms = now.timestamp.as_millis();
        let room = self.config.edition.jobs_at_a_time().saturating_sub(self.jobs.running().count());
        let is_next = |stage, from_ms| stage == Stage::Waiting && from_ms <= at_ms;
        let next: Vec<u64> = self
            .jobs
            .open()
            .filter(|(_, job)| is_next(job.stage(), job.order.from_ms))
            .map(|(number, _)| number)
            .take(room)
            .collect();
        for number in next {
            self.step(number, JobStep::Started { at_ms }, effects);
            self.arm_job(now, number, BETWEEN);
        }
    }

    /// Nothing more happens: what is on its way to devices is forgotten, and whatever waits may begin.
    pub(super) fn end_job(
        &mut self,
        now: Now,
        number: u64,
        (status, reason): (JobStatus, Option<String>),
        effects: &mut Effects,
    ) {
        self.forget_job_calls(number);
        let at_ms = now.timestamp.as_millis();
        self.step(number, JobStep::Ended { status, reason, at_ms }, effects);
        self.start_jobs(now, effects);
        self.watch_history(now);
    }

    /// Jobs that ended long ago are forgotten.
    pub(crate) fn history_due(&mut self, now: Now, effects: &mut Effects) {
        self.jobs.history = None;
        while let Some((number, end)) = self.jobs.first_ended() {
            if Timestamp::from_millis(end.at_ms).after(KEPT) > now.timestamp || !self.has_room() {
                break;
            }
            self.step(number, JobStep::Removed, effects);
        }
        self.watch_history(now);
    }

    fn watch_history(&mut self, now: Now) {
        let Some((_, end)) = self.jobs.first_ended() else { return };
        let left = Timestamp::from_millis(end.at_ms).after(KEPT).since(now.timestamp);
        let at = now.instant.after(left.max(PAUSE));
        if self.jobs.history.is_none_or(|armed| at < armed) {
            self.jobs.history = Some(at);
            self.timers.set(at, Due::JobHistory);
        }
    }

    /// Forgets ended jobs until there is room for so many more jobs, devices and bytes. Whether there is.
    pub(super) fn make_room_for_jobs(
        &mut self,
        (jobs, devices, bytes): (usize, usize, usize),
        effects: &mut Effects,
    ) -> bool {
        while !self.jobs.has_room(jobs, devices, bytes) {
            let Some((number, _)) = self.jobs.first_ended() else { return false };
            self.step(number, JobStep::Removed, effects);
        }
        true
    }

    /// Has a job looked at after that time, unless it is before; and in any case when its time is over.
    pub(super) fn arm_job(&mut self, now: Now, number: u64, wait: Duration) {
        let Some(job) = self.jobs.get_mut(number) else { return };
        let left = job.until_ms().map_or(wait, |until_ms| until(now, until_ms).max(BETWEEN));
        let at = now.instant.after(wait.min(left));
        if job.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        if let Some(later) = job.armed.replace(at) {
            self.timers.cancel(later, Due::Job(number));
        }
        self.timers.set(at, Due::Job(number));
    }

    pub(super) fn step(&mut self, number: u64, step: JobStep, effects: &mut Effects) {
        self.record(Change::Job { number, step }, effects);
    }
}

/// How long it is until then, in milliseconds since 1970.
fn until(now: Now, at_ms: u64) -> Duration {
    Duration::from_millis(at_ms.saturating_sub(now.timestamp.as_millis()))
}
