//! Which devices a job is about: the registry is looked through, a part at a time.

use core::ops::Bound;
use std::collections::BTreeSet;

use iothub_model::JobStatus;
use iothub_proto::Now;
use iothub_query::{Collection, Condition, ConstraintKind, Literal, Root};

use crate::effect::Effects;
use crate::hub::Hub;
use crate::jobs::limits::{BETWEEN, LOOKED_AT};
use crate::jobs::step::JobStep;
use crate::registry::{Entry, Key};
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
        let holds = |(key, entry): &(&Key, &Entry)| {
            key.module.is_some() == (from == Collection::Modules) && condition.holds(&Row { key, entry })
        };
        let name = |(key, _): (&Key, &Entry)| key.to_string();
        if let Some(devices) = named(condition) {
            let of_device = |device| {
                let key = Key { device, module: None };
                let modules = self.registry.modules(&key.device).map(|(key, _)| key.clone());
                let keys: Vec<Key> = core::iter::once(key.clone()).chain(modules).collect();
                keys
            };
            let keys: Vec<Key> = devices.into_iter().flat_map(of_device).collect();
            let entries = keys.iter().filter_map(|key| Some((key, self.registry.get(key)?)));
            return Found { names: entries.filter(holds).map(name).collect(), reached: None };
        }
        let first = after.map_or(Bound::Unbounded, |after| Bound::Excluded(key_of(after)));
        let mut entries = self.registry.from(first);
        let mut found = Found { names: Vec::new(), reached: None };
        let mut last = None;
        for entry in entries.by_ref().take(LOOKED_AT) {
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

/// The only devices of which the condition can hold, if it names them.
fn named(condition: &Condition) -> Option<BTreeSet<String>> {
    let text = |literal: Literal| match literal {
        Literal::Text(text) => Some(text),
        Literal::Null | Literal::Bool(_) | Literal::Number(_) => None,
    };
    condition.constraints().into_iter().find_map(|constraint| {
        match (constraint.path.root(), constraint.path.steps()) {
            (Root::Name(name), []) if name.as_str() == "deviceId" => match constraint.kind {
                ConstraintKind::Equal(literal) => Some(text(literal).into_iter().collect()),
                ConstraintKind::OneOf(literals) => Some(literals.into_iter().filter_map(text).collect()),
                ConstraintKind::Range { .. } | ConstraintKind::Prefix(_) | ConstraintKind::Defined => None,
            },
            _ => None,
        }
    })
}

/// As it was written for a record: `device` or `device/module`.
fn key_of(name: &str) -> Key {
    match name.split_once('/') {
        None => Key { device: name.into(), module: None },
        Some((device, module)) => Key { device: device.into(), module: Some(module.into()) },
    }
}
