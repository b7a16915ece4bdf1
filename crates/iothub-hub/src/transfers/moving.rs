use core::ops::Bound;

use iothub_model::{ErrorCode, JobProperties, JobStatus, JobType};
use iothub_proto::Now;

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::recording::NO_ROOM;
use crate::rest::{Failure, Keys, Lines};
use crate::transfers::progress::ImportProgress;
use crate::transfers::step::{TransferPlace, TransferResumed, TransferStep, Transferred};
use crate::transfers::table::Running;
use crate::twin::date;

/// Where what an import could not do is told, a line each.
const ERRORS: &str = "importErrors.log";
/// The file of devices, if nobody names another.
const DEVICES: &str = "devices.txt";
/// Identities that are written in one go: a hub does nothing else meanwhile.
const WRITTEN_AT_A_TIME: usize = 250;

impl Hub {
    /// Begins an import or export that was checked.
    pub(crate) fn begin_transfer(
        &mut self,
        now: Now,
        mut job: JobProperties,
        effects: &mut Effects,
    ) -> Result<u64, Failure> {
        if self.transfers.running.is_some() {
            let message = "an import or export is running, and there is one at a time";
            return Err(Failure::new(ErrorCode::JobQuotaExceeded, message));
        }
        let number = self.transfers.next_number();
        job.job_id = Some(self.source.correlation_id());
        job.status = Some(JobStatus::Running);
        job.start_time_utc = Some(date(now.timestamp));
        let (from, to) = places(&job);
        let is_import = job.kind == JobType::Import;
        self.transfers.running = Some(Running::new(number));
        self.set_transfer(number, job, effects);
        if is_import {
            self.set_progress(number, ImportProgress::default(), effects);
        }
        effects.push(Effect::Transfer { number, step: TransferStep::Begin { from, to, resumed: None } });
        Ok(number)
    }

    /// Leaves off. One that has ended is not concerned.
    pub(crate) fn cancel_transfer(&mut self, now: Now, number: u64, effects: &mut Effects) {
        if self.transfers.running.as_ref().is_some_and(|running| running.number == number) {
            effects.push(Effect::Transfer { number, step: TransferStep::Abandon });
            self.end_transfer(now, (JobStatus::Cancelled, None), effects);
        }
    }

    /// What ran when the hub ended goes on, if somebody still has the files.
    pub(crate) fn resume_transfer(&mut self, now: Now, effects: &mut Effects) {
        let Some((number, job)) = self.transfers.interrupted() else { return };
        let (from, to) = places(job);
        let progress = self.transfers.progress_of(number);
        let can_go_on = self.config.transfers && (job.kind == JobType::Export || progress.is_some());
        let resumed = progress.filter(|progress| progress.read > 0).map(|progress| TransferResumed {
            read: progress.read,
            len: progress.len,
            written: progress.written,
        });
        let (done, all) = resumed.map_or((0, 0), |resumed| (resumed.read, resumed.len));
        self.transfers.running = Some(Running { done, all, ..Running::new(number) });
        if !can_go_on {
            let why = "the hub ended before all was done, and cannot go on; what was imported stays so";
            return self.end_transfer(now, (JobStatus::Failed, Some(why.into())), effects);
        }
        effects.push(Effect::Transfer { number, step: TransferStep::Begin { from, to, resumed } });
    }

    pub(crate) fn transferred(&mut self, now: Now, number: u64, outcome: Transferred, effects: &mut Effects) {
        if self.transfers.running.as_ref().is_none_or(|running| running.number != number) {
            // It was cancelled meanwhile.
            return;
        }
        let progress = self.transfers.progress_of(number);
        match (outcome, progress) {
            (Transferred::Begun { len }, Some(progress)) => {
                // After a restart, errors of the last lines that were done are still to be written.
                let step = progress.step();
                if let Some(running) = &mut self.transfers.running {
                    running.all = len;
                }
                effects.push(Effect::Transfer { number, step });
            }
            (Transferred::Written, Some(progress)) => {
                effects.push(Effect::Transfer { number, step: progress.step_behind_errors() });
            }
            (Transferred::Lines { lines, is_last }, Some(_)) => {
                self.take_lines(now, number, (&lines, is_last), effects);
            }
            (Transferred::Begun { .. } | Transferred::Written | Transferred::Lines { .. }, None) => {
                self.write_next(number, effects);
            }
            (Transferred::Finished, _) => self.transfer_finished(now, effects),
            (Transferred::Failed { why }, _) => {
                self.end_transfer(now, (JobStatus::Failed, Some(why)), effects);
            }
        }
    }

    fn write_next(&mut self, number: u64, effects: &mut Effects) {
        let excluded = self.transfers.get(number).and_then(|job| job.exclude_keys_in_export);
        let keys = if excluded == Some(true) { Keys::Excluded } else { Keys::Included };
        let all = self.registry.len() as u64;
        let Some(running) = &mut self.transfers.running else { return };
        let first = running.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut lines = Lines::default();
        for (key, entry) in self.registry.from(first).take(WRITTEN_AT_A_TIME) {
            lines.push(key, entry, keys);
            running.after = Some(key.clone());
            running.done += 1;
        }
        running.all = all;
        let step = match lines.is_empty() {
            true => TransferStep::Finish,
            false => TransferStep::Write { lines: lines.into_bytes() },
        };
        effects.push(Effect::Transfer { number, step });
    }

    /// Does what lines ask for. Those that nothing was done about are told in a file beside.
    fn take_lines(&mut self, now: Now, number: u64, (lines, is_last): (&[u8], bool), effects: &mut Effects) {
        if !self.has_room() {
            effects.push(Effect::Transfer { number, step: TransferStep::Abandon });
            return self.end_transfer(now, (JobStatus::Failed, Some(NO_ROOM.to_owned())), effects);
        }
        let before = self.transfers.progress_of(number).cloned().unwrap_or_default();
        let report = self.import_lines(now, (lines, before.lines), None, effects);
        let Some(running) = &mut self.transfers.running else { return };
        running.done += lines.len() as u64;
        let mut unwritten = String::new();
        for error in &report.errors {
            unwritten += &serde_json::to_string(error).expect("errors have text for keys, all that can fail");
            unwritten.push('\n');
        }
        let progress = ImportProgress {
            read: running.done,
            len: running.all,
            lines: before.lines + lines.split_inclusive(|byte| *byte == b'\n').count() as u64,
            failed: before.failed + report.errors.len() as u64,
            written: before.written + before.unwritten.len() as u64,
            unwritten,
            is_last,
        };
        let step = progress.step();
        // Among the changes that the lines have made: either all of that is on disk or nothing.
        self.set_progress(number, progress, effects);
        effects.push(Effect::Transfer { number, step });
    }

    fn transfer_finished(&mut self, now: Now, effects: &mut Effects) {
        let number = self.transfers.running.as_ref().map_or(0, |running| running.number);
        let failed = self.transfers.progress_of(number).map_or(0, |progress| progress.failed);
        let why = (failed > 0).then(|| format!("{failed} lines were not done: {ERRORS} says why"));
        self.end_transfer(now, (JobStatus::Completed, why), effects);
    }

    fn end_transfer(
        &mut self,
        now: Now,
        (status, reason): (JobStatus, Option<String>),
        effects: &mut Effects,
    ) {
        let Some(running) = self.transfers.running.take() else { return };
        let Some(mut job) = self.transfers.get(running.number).cloned() else { return };
        job.status = Some(status);
        job.end_time_utc = Some(date(now.timestamp));
        job.failure_reason = reason;
        self.set_transfer(running.number, job, effects);
    }

    fn set_progress(&mut self, number: u64, progress: ImportProgress, effects: &mut Effects) {
        self.record(Change::ImportProgressed { number, progress: Box::new(progress) }, effects);
    }

    fn set_transfer(&mut self, number: u64, job: JobProperties, effects: &mut Effects) {
        self.record(Change::Transfer { number, job: Some(Box::new(job)) }, effects);
        while let Some(number) = self.transfers.outlived() {
            self.record(Change::Transfer { number, job: None }, effects);
        }
    }
}

/// What is read, and what is written: the devices, or what could not be done about them.
fn places(job: &JobProperties) -> (Option<TransferPlace>, TransferPlace) {
    let place = |container: Option<&String>, name: Option<&String>| TransferPlace {
        container: container.cloned().unwrap_or_default(),
        name: name.cloned().unwrap_or_else(|| DEVICES.to_owned()),
    };
    let (input, output) = (job.input_blob_container_uri.as_ref(), job.output_blob_container_uri.as_ref());
    if job.kind == JobType::Import {
        let errors = TransferPlace { name: ERRORS.into(), ..place(output.or(input), None) };
        (Some(place(input, job.input_blob_name.as_ref())), errors)
    } else {
        (None, place(output, job.output_blob_name.as_ref()))
    }
}
