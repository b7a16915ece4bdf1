//! Which devices a job is about: the registry is looked through, a part at a time.

use core::ops::Bound;
use std::collections::BTreeMap;

use iothub_model::JobStatus;
use iothub_proto::Now;
use iothub_query::{Collection, Condition};

use crate::effect::Effects;
use crate::hub::Hub;
use crate::jobs::limits::BETWEEN;
use crate::jobs::step::JobStep;
use crate::registry::{Entry, Key, Registry};
use crate::rest::row::Row;

/// Some of the devices of a job, and the last that was looked at for them if there are more.
struct Found {
    names: Vec<String>,
    reached: Option<String>,
}

impl Hub {
    pub(super) fn find_devices(&mut self, now: Now, number: u64, effects: &mut Effects) {
        let Some(job) = self.jobs.get(number) else { return };
        let (first, reached) = (job.device_count(), job.reached.clone());
        let found = match Condition::of_targets(&job.order.condition) {
            Ok((from, condition)) => self.look_through(from, &condition, reached.as_deref()),
            Err(error) => {
                let reason = format!("queryCondition: {error}");
                return self.end_job(now, number, (JobStatus::Failed, Some(reason)), effects);
            }
        };
        if !self.make_room_for_jobs((0, found.names.len(), 0), effects) {
            let reason = "the jobs of this hub are about more devices than it can keep".to_owned();
            return self.end_job(now, number, (JobStatus::Failed, Some(reason)), effects);
        }
        let Found { names, reached } = found;
        self.step(number, JobStep::Found { first, names, reached }, effects);
        self.arm_job(now, number, BETWEEN);
    }

    fn look_through(&self, from: Collection, condition: &Condition, after: Option<&str>) -> Found {
        let holds =
            |(key, entry): &(&Key, &Entry)| key.collection() == from && condition.holds(&Row { key, entry });
        let name = |(key, _): (&Key, &Entry)| key.to_string();
        // Slots are not recorded, so that what is found by them has to be found in one go.
        let slots = if after.is_none() { self.registry.plan(Some(condition), from).slots } else { None };
        if let Some(slots) = slots.filter(|slots| slots.len() <= Registry::LOOKED_AT_MAX as u64) {
            let entries = slots.iter().filter_map(|slot| self.registry.at(slot));
            let found: BTreeMap<&Key, &Entry> = entries.filter(holds).collect();
            return Found { names: found.into_iter().map(name).collect(), reached: None };
        }
        let first = after.map_or(Bound::Unbounded, |after| Bound::Excluded(key_of(after)));
        let mut entries = self.registry.from(first);
        let mut found = Found { names: Vec::new(), reached: None };
        let mut last = None;
        for entry in entries.by_ref().take(Registry::LOOKED_AT_MAX) {
            last = Some(entry.0);
            if holds(&entry) {
                found.names.push(name(entry));
            }
        }
        if entries.next().is_some() {
            found.reached = last.map(ToString::to_string);
        }
        found
    }
}

/// As it was written for a record: `device` or `device/module`.
fn key_of(name: &str) -> Key {
    match name.split_once('/') {
        None => Key { device: name.into(), module: None },
        Some((device, module)) => Key { device: device.into(), module: Some(module.into()) },
    }
}
