//! Everybody is looked at again when a configuration has changed: a slice at a time, with pauses for everything else.

use core::ops::Bound;
use core::time::Duration;
use std::collections::BTreeSet;

use iothub_proto::Now;

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::registry::{Key, Registry};
use crate::timers::Due;

/// Most devices and modules that are changed in one slice, and most effects that it may have on the way to there.
const CHANGED_MAX: usize = 200;
const EFFECTS_MAX: usize = 2_000;
/// Between two slices.
const PAUSE: Duration = Duration::from_millis(10);

/// How far everybody has been looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep {
    /// The last one that was.
    after: Option<Key>,
    /// Configurations that were deleted before this began: at its end nobody is assigned to them.
    retired: BTreeSet<u64>,
    /// Something has changed meanwhile, so that it has to begin anew at its end.
    again: bool,
}

impl Hub {
    /// A configuration has changed, or a hub begins to serve: everybody is to be looked at.
    pub(crate) fn sweep_anew(&mut self, now: Now) {
        if self.configurations.is_empty() {
            return;
        }
        match &mut self.configurations.sweep {
            Some(sweep) => sweep.again = true,
            None => self.begin_sweep(),
        }
        self.wake_configurations(now, Duration::ZERO);
    }

    fn begin_sweep(&mut self) {
        let retired = self.configurations.retired().map(|(number, _)| number).collect();
        self.configurations.sweep = Some(Sweep { after: None, retired, again: false });
    }

    /// Sees to it that [`Self::configurations_due`] is called, at the earliest after a pause.
    pub(super) fn wake_configurations(&mut self, now: Now, wait: Duration) {
        let at = now.instant.after(wait.max(PAUSE));
        if let Some(due) = self.configurations.due {
            if due <= at {
                return;
            }
            self.timers.cancel(due, Due::Configurations);
        }
        self.configurations.due = Some(at);
        self.timers.set(at, Due::Configurations);
    }

    /// Does the next slice of what there is to do.
    pub(crate) fn configurations_due(&mut self, now: Now, effects: &mut Effects) {
        self.configurations.due = None;
        if !self.has_room() {
            // It is gone on with when there is room.
            return;
        }
        if self.configurations.sweep.is_some() {
            self.sweep(now, effects);
            self.wake_configurations(now, Duration::ZERO);
        } else if let Some(wait) = self.count(now) {
            self.wake_configurations(now, wait);
        }
    }

    fn sweep(&mut self, now: Now, effects: &mut Effects) {
        let Some(sweep) = &self.configurations.sweep else { return };
        let first = sweep.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let keys_max = (Registry::LOOKED_AT_MAX / (1 + self.configurations.len())).max(1);
        let (mut concerned, mut last, mut count) = (Vec::new(), None, 0);
        for (key, _) in self.registry.from(first).take(keys_max) {
            if !self.verdicts(key).is_empty() {
                concerned.push(key.clone());
            }
            last = Some(key.clone());
            count += 1;
            if concerned.len() >= CHANGED_MAX {
                break;
            }
        }
        let at_end = count < keys_max && concerned.len() < CHANGED_MAX;
        let begin = effects.len();
        for key in concerned {
            for verdict in self.verdicts(&key) {
                self.carry_out(now, verdict, effects);
            }
            if effects.len() - begin >= EFFECTS_MAX {
                return self.swept_up_to(Some(key));
            }
        }
        if at_end { self.end_sweep(now, effects) } else { self.swept_up_to(last) }
    }

    fn swept_up_to(&mut self, key: Option<Key>) {
        if let Some(sweep) = &mut self.configurations.sweep {
            sweep.after = key;
        }
    }

    fn end_sweep(&mut self, now: Now, effects: &mut Effects) {
        let Some(sweep) = self.configurations.sweep.take() else { return };
        for number in sweep.retired {
            self.record(Change::ConfigurationForgotten { number }, effects);
        }
        if sweep.again {
            self.begin_sweep();
        }
        self.count_anew(now);
    }
}
