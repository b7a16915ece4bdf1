use core::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::auth::Gate;
use crate::change::Change;
use crate::commands::Queue;
use crate::configurations::Assigned;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::jobs::StatingJobs;
use crate::provisioning::StatingProvisioning;
use crate::registry::{Entry, Key, Record};
use crate::twin::Twin;
use crate::uploads::StatingUploads;

/// All that is recorded of a device or module, in one piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    pub(crate) record: Record,
    pub(crate) twin: Twin,
    #[serde(default, skip_serializing_if = "Queue::is_as_new")]
    pub(crate) queue: Queue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assigned: Option<Assigned>,
}

/// How far a hub has come that states everything anew, a part at a time.
///
/// The record of a hub would grow for ever, as each change is added to it. So its owner has all of it stated anew from
/// time to time, among the changes that go on; once that is done, nothing is needed of what is older. What was stated
/// is in the record like everything else: a hub that is restored goes on where it had come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restatement {
    /// The last identity that was stated. Those behind it are still to be.
    after: Option<Key>,
    /// Jobs come before.
    pub(crate) jobs: StatingJobs,
    /// And so do uploads and files.
    pub(crate) uploads: StatingUploads,
    /// So do enrollments and registrations, behind jobs.
    pub(crate) provisioning: StatingProvisioning,
}

impl Restatement {
    pub(crate) fn has_reached(&mut self, key: &Key) {
        self.after = Some(key.clone());
    }
}

impl From<&Entry> for Stated {
    fn from(entry: &Entry) -> Self {
        // Who is connected is not state; a new member of an entry has to be stated, or named here.
        let Entry { record, twin, queue, assigned, connection: _, presence: _ } = entry;
        let assigned = assigned.as_deref().cloned();
        Self { record: record.clone(), twin: twin.clone(), queue: queue.clone(), assigned }
    }
}

impl Hub {
    /// States some identities anew, from where this had come to, or begins.
    pub(crate) fn restate(&mut self, identities: usize, effects: &mut Effects) {
        // A new member of a hub has to be stated below if it is changed by changes, or named here.
        let Self {
            registry,
            gate: Gate { policies, authorities, clock_skew: _ },
            meter,
            feedback,
            dead_letters,
            groups,
            configurations,
            jobs,
            transfers,
            uploads,
            blobs,
            file_notifications,
            provisioning,
            restatement,
            config: _,
            partitions: _,
            source: _,
            connections: _,
            calls: _,
            timers: _,
            presence_numbers,
            diary: _,
            latest_time: _,
            recording: _,
            groupings: _,
            scratch: _,
        } = self;
        // These are recorded and not performed: they say what is so already, but for what lasts as long as a connection.
        let mut state = |change| effects.push(Effect::Record(change));
        let reached = match restatement {
            Some(reached) => reached,
            None => {
                state(Change::RestatementBegan);
                for (name, policy) in policies {
                    state(Change::PolicySet { name: name.clone(), policy: policy.clone() });
                }
                for (name, authority) in authorities {
                    state(Change::AuthoritySet { name: name.clone(), authority: authority.clone() });
                }
                if let Some((day, messages)) = meter.counted() {
                    state(Change::MessagesCounted { day, messages });
                }
                for (name, group) in groups.iter() {
                    state(Change::ConsumerGroupSet { name: name.clone(), group: group.clone() });
                }
                for (number, job) in transfers.iter() {
                    state(Change::Transfer { number, job: Some(Box::new(job.clone())) });
                }
                if let Some((number, progress)) = transfers.progress() {
                    state(Change::ImportProgressed { number: *number, progress: Box::new(progress.clone()) });
                }
                for step in provisioning.few() {
                    state(Change::Provisioning { step });
                }
                if let Some(below) = presence_numbers.reserved() {
                    state(Change::PresenceNumbered { below });
                }
                for (number, content) in configurations.retired() {
                    state(Change::ConfigurationRetired { number, content: Box::new(content.clone()) });
                }
                for (id, active) in configurations.iter() {
                    let configuration = Box::new(active.kept.clone());
                    state(Change::ConfigurationSet { id: id.clone(), configuration });
                }
                for (number, kept) in feedback.iter() {
                    state(Change::FeedbackAdded { number, feedback: kept.clone() });
                }
                if let Some(key) = uploads.key_text() {
                    state(Change::FileKeySet { key: key.into() });
                }
                for (number, kept) in file_notifications.iter() {
                    state(Change::FileNotificationAdded { number, notification: Box::new(kept.clone()) });
                }
                for (number, letter) in dead_letters.iter() {
                    state(Change::DeadLettered { number, letter: Box::new(letter.clone()) });
                }
                restatement.insert(Restatement::default())
            }
        };
        if reached.after.is_none() && reached.jobs.state(jobs, identities, &mut state) {
            return;
        }
        if reached.after.is_none() && reached.uploads.state((uploads, blobs), identities, &mut state) {
            return;
        }
        let mut provisioned = |step| state(Change::Provisioning { step });
        if reached.after.is_none() && reached.provisioning.state(provisioning, identities, &mut provisioned) {
            return;
        }
        let first = reached.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut count = 0;
        for (key, entry) in registry.from(first).take(identities) {
            state(Change::IdentityStated { key: key.clone(), entry: Box::new(entry.into()) });
            last = Some(key);
            count += 1;
        }
        if count < identities {
            state(Change::RestatementEnded);
            *restatement = None;
        } else if let Some(last) = last {
            reached.has_reached(last);
        }
    }
}
