use core::cmp::Ordering;

use iothub_model::DeviceJobStatistics;

use crate::jobs::result::DeviceResult;
use crate::jobs::results::Results;
use crate::registry::Key;

/// The devices of a job, and how far it is with each.
///
/// A job may have as many as the registry and keeps them when those are gone, so that they are kept small: names stand
/// end to end in the order of the registry, and each device takes 20 bytes beside its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    names: String,
    ends: Vec<u32>,
    states: Vec<State>,
    results: Results,
    pending: u32,
    running: u32,
    succeeded: u32,
    failed: u32,
}

/// How far a job is with one device, and since when: in milliseconds since the job began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    stage: Stage,
    began: u32,
    ended: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    Running,
    Done { result: u32 },
}

/// How far a job is with one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its turn has not come.
    Pending,
    /// It was begun with, that many milliseconds after the job.
    Running { began: u32 },
    /// It is done with.
    Done { began: u32, ended: u32, result: DeviceResult },
}

impl Devices {
    /// Puts one behind the others.
    pub(super) fn push(&mut self, name: &str) {
        self.names.push_str(name);
        let end = u32::try_from(self.names.len()).expect("a million names of 257 bytes are less");
        self.ends.push(end);
        self.states.push(State { stage: Stage::Pending, began: 0, ended: 0 });
        self.pending += 1;
    }

    /// Its turn has come.
    pub(super) fn begin(&mut self, slot: u32, began: u32) {
        if let Some(state) = self.states.get_mut(slot as usize)
            && state.stage == Stage::Pending
        {
            *state = State { stage: Stage::Running, began, ended: 0 };
            self.pending -= 1;
            self.running += 1;
        }
    }

    /// It is done with; what is done with stays so.
    pub(super) fn settle(&mut self, slot: u32, ended: u32, result: &DeviceResult) {
        let Some(state) = self.states.get_mut(slot as usize) else { return };
        let began = match state.stage {
            Stage::Pending => {
                self.pending -= 1;
                ended
            }
            Stage::Running => {
                self.running -= 1;
                state.began
            }
            Stage::Done { .. } => return,
        };
        *state = State { stage: Stage::Done { result: self.results.add(result) }, began, ended };
        if result.is_success() {
            self.succeeded += 1;
        } else {
            self.failed += 1;
        }
    }

    /// No more come.
    pub(super) fn shrink(&mut self) {
        self.names.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.states.shrink_to_fit();
        self.results.shrink();
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.states.len()).expect("each has a place, and those are counted so")
    }

    /// Those that are not done with.
    pub(super) const fn open(&self) -> u32 {
        self.pending + self.running
    }

    pub(super) fn results_len(&self) -> usize {
        self.results.len()
    }

    pub(super) fn statistics(&self) -> DeviceJobStatistics {
        DeviceJobStatistics {
            device_count: u64::from(self.len()),
            failed_count: u64::from(self.failed),
            succeeded_count: u64::from(self.succeeded),
            running_count: u64::from(self.running),
            pending_count: u64::from(self.pending),
        }
    }

    /// The name of a device, or of a module as `device/module`.
    pub(super) fn name(&self, slot: u32) -> &str {
        let slot = slot as usize;
        let begin = slot.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.names[begin..self.ends[slot] as usize]
    }

    pub(super) fn key(&self, slot: u32) -> Key {
        let (device, module) = parts(self.name(slot));
        Key { device: device.into(), module: module.map(Into::into) }
    }

    pub(super) fn progress(&self, slot: u32) -> Progress {
        let State { stage, began, ended } = self.states[slot as usize];
        match stage {
            Stage::Pending => Progress::Pending,
            Stage::Running => Progress::Running { began },
            Stage::Done { result } => Progress::Done { began, ended, result: self.results.get(result) },
        }
    }

    pub(super) fn is_pending(&self, slot: u32) -> bool {
        self.states.get(slot as usize).is_some_and(|state| state.stage == Stage::Pending)
    }

    /// Those that were begun with and are not done with. Few, as there is a limit.
    pub(super) fn running(&self) -> impl Iterator<Item = u32> {
        let is_running = |state: &State| state.stage == Stage::Running;
        (0..).zip(&self.states).filter(move |(_, state)| is_running(state)).map(|(slot, _)| slot)
    }

    /// The place of a device or module, if it is among them.
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        let at = self.lower_bound(key);
        (at < self.len() && compare(parts(self.name(at)), key) == Ordering::Equal).then_some(at)
    }

    /// The first place of which the name does not come before this one.
    pub(super) fn lower_bound(&self, key: &Key) -> u32 {
        let (mut first, mut end) = (0, self.len());
        while first < end {
            let middle = first + (end - first) / 2;
            match compare(parts(self.name(middle)), key) {
                Ordering::Less => first = middle + 1,
                Ordering::Equal | Ordering::Greater => end = middle,
            }
        }
        first
    }
}

/// No name of a device or module has a slash.
fn parts(name: &str) -> (&str, Option<&str>) {
    name.split_once('/').map_or((name, None), |(device, module)| (device, Some(module)))
}

/// In the order of the registry.
fn compare((device, module): (&str, Option<&str>), key: &Key) -> Ordering {
    (device, module).cmp(&(key.device.as_str(), key.module.as_deref()))
}

const _: () = assert!(size_of::<State>() == 16, "a job may have a million devices");

#[cfg(test)]
mod tests {
    use iothub_model::ErrorCode;

    use super::*;

    fn key(name: &str) -> Key {
        let (device, module) = parts(name);
        Key { device: device.into(), module: module.map(Into::into) }
    }

    #[test]
    fn names_are_found_in_the_order_of_the_registry() {
        // A minus comes before a slash, and `a-b` nevertheless behind the modules of `a`.
        let names = ["a", "a/m", "a/n", "a-b", "b"];
        let mut devices = Devices::default();
        names.iter().for_each(|name| devices.push(name));
        for (slot, name) in (0..).zip(names) {
            assert_eq!((devices.name(slot), devices.find(&key(name))), (name, Some(slot)));
            assert_eq!(devices.key(slot), key(name));
        }
        for name in ["", "a/a", "a/z", "aa", "c"] {
            assert_eq!(devices.find(&key(name)), None, "{name}");
        }
    }

    #[test]
    fn each_device_counts_once_and_ends_once() {
        let mut devices = Devices::default();
        (0..4).for_each(|slot| devices.push(&format!("d{slot}")));
        devices.begin(0, 5);
        devices.begin(1, 5);
        devices.settle(0, 9, &DeviceResult::Updated);
        devices.settle(0, 10, &DeviceResult::failed(ErrorCode::GenericTimeout, "late"));
        devices.begin(0, 11);
        devices.settle(2, 9, &DeviceResult::failed(ErrorCode::DeviceNotFound, "gone"));
        devices.settle(9, 9, &DeviceResult::Updated);
        let counts = devices.statistics();
        assert_eq!((counts.device_count, counts.succeeded_count, counts.failed_count), (4, 1, 1));
        assert_eq!((counts.running_count, counts.pending_count), (1, 1));
        let first = Progress::Done { began: 5, ended: 9, result: DeviceResult::Updated };
        assert_eq!(devices.progress(0), first);
        assert_eq!(devices.running().collect::<Vec<_>>(), [1]);
    }
}
