//! Jobs that change twins.

use iothub_model::{ErrorCode, IfMatch, JobStatus};
use iothub_proto::Now;

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::jobs::limits::{BETWEEN, CHANGED_AT_A_TIME, PAUSE};
use crate::jobs::order::Work;
use crate::jobs::result::DeviceResult;
use crate::jobs::slots::Slots;
use crate::jobs::step::JobStep;
use crate::quota::{Excess, Operation};
use crate::registry::Key;
use crate::rest::merging;
use crate::twin::TwinEdit;

impl Hub {
    /// Changes the next twins. What was done to each is recorded with the changes.
    pub(super) fn change_twins(&mut self, now: Now, number: u64, effects: &mut Effects) {
        let Some(job) = self.jobs.get(number) else { return };
        let Work::Twin(update) = &job.order.work else { return };
        let (edit, etag, len) = (merging(update.patch.clone()), update.etag.clone(), job.order_len);
        let (mut slot, end) = (job.next, job.device_count());
        let mut results: Vec<(Slots, DeviceResult)> = Vec::new();
        let mut wait = BETWEEN;
        for _ in 0..CHANGED_AT_A_TIME {
            let Some(job) = self.jobs.get(number).filter(|_| slot < end) else { break };
            if job.devices.is_pending(slot) {
                let key = job.devices.key(slot);
                let result = match self.spend(now, Operation::JobDevice, Some(len)) {
                    Ok(()) => self.change_twin(now, &key, (&edit, &etag), effects),
                    Err(Excess::Rate { .. } | Excess::Wanted { .. }) => {
                        wait = PAUSE;
                        break;
                    }
                    Err(excess @ Excess::Day { .. }) => {
                        DeviceResult::failed(excess.code(), &excess.to_string())
                    }
                };
                match results.last_mut() {
                    Some((slots, last)) if *last == result => slots.push(slot),
                    Some(_) | None => results.push((Slots::one(slot), result)),
                }
            }
            slot += 1;
        }
        if !results.is_empty() {
            let at_ms = now.timestamp.as_millis();
            self.step(number, JobStep::Settled { at_ms, results }, effects);
        }
        if let Some(job) = self.jobs.get_mut(number) {
            job.next = slot;
        }
        if slot == end {
            self.end_job(now, number, (JobStatus::Completed, None), effects);
        } else {
            self.arm_job(now, number, wait);
        }
    }

    fn change_twin(
        &mut self,
        now: Now,
        key: &Key,
        (edit, condition): (&TwinEdit, &IfMatch),
        effects: &mut Effects,
    ) -> DeviceResult {
        let Some(entry) = self.registry.get(key) else { return gone() };
        let etag = entry.twin.etag();
        if !condition.is_met_by(&etag) {
            let why = format!("the etag of the twin is {} by now", etag.quoted());
            return DeviceResult::failed(ErrorCode::PreconditionFailed, &why);
        }
        let at_ms = now.timestamp.as_millis();
        match self.commit(Change::TwinEdited { key: key.clone(), edit: edit.clone(), at_ms }, effects) {
            Ok(told) => {
                self.twin_changed(now, key, ("updateTwin", told), effects);
                DeviceResult::Updated
            }
            Err(violation) => DeviceResult::failed(ErrorCode::ArgumentInvalid, &violation.to_string()),
        }
    }
}

/// It was there when the job looked for its devices.
pub(super) fn gone() -> DeviceResult {
    DeviceResult::failed(ErrorCode::DeviceNotFound, "it is not in the registry any longer")
}
