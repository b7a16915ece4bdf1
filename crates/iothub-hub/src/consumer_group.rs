use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a hub keeps of a consumer group: how far it has read each partition of the event log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsumerGroup {
    pub(crate) checkpoints: BTreeMap<u8, Checkpoint>,
}

/// How far a consumer group has read a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The sequence number of the first event that it has not read.
    pub next: u64,
    /// When that was put down, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The consumer groups of a hub: one is always there.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerGroups(BTreeMap<String, ConsumerGroup>);

impl ConsumerGroup {
    /// The group that every hub has.
    pub const DEFAULT: &'static str = "$Default";
    /// Most groups of a hub, [`Self::DEFAULT`] among them.
    pub(crate) const MAX: usize = 20;
    /// Longest name, in bytes.
    pub(crate) const NAME_MAX: usize = 50;

    /// Whether a group can have that name: letters, digits, `-`, `.` and `_`, of which the first is a letter or digit.
    pub(crate) fn may_be_called(name: &str) -> bool {
        let fit = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        fit && begins && name.len() <= Self::NAME_MAX
    }
}

impl ConsumerGroups {
    pub(crate) fn get(&self, name: &str) -> Option<&ConsumerGroup> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &ConsumerGroup)> {
        self.0.iter()
    }

    pub(crate) fn set(&mut self, name: String, group: ConsumerGroup) {
        self.0.insert(name, group);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Puts a checkpoint down, or takes it away.
    pub(crate) fn put(&mut self, name: &str, partition: u8, checkpoint: Option<Checkpoint>) {
        if let Some(group) = self.0.get_mut(name) {
            match checkpoint {
                Some(checkpoint) => drop(group.checkpoints.insert(partition, checkpoint)),
                None => drop(group.checkpoints.remove(&partition)),
            }
        }
    }
}

impl Default for ConsumerGroups {
    fn default() -> Self {
        Self(BTreeMap::from([(ConsumerGroup::DEFAULT.into(), ConsumerGroup::default())]))
    }
}
