use core::fmt;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::Arc;

use iothub_codec::Identity;
use iothub_model::{Authentication, Capabilities, Etag, Status};
use iothub_proto::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commands::Queue;
use crate::configurations::Assigned;
use crate::presence::Presence;
use crate::restatement::Stated;
use crate::twin::Twin;

/// Names a device, or a module of one. Modules come right behind their device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The device.
    pub device: String,
    /// The module, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

impl From<Identity<'_>> for Key {
    fn from(identity: Identity<'_>) -> Self {
        Self {
            device: identity.device.as_str().into(),
            module: identity.module.map(|module| module.as_str().into()),
        }
    }
}

/// `device`, or `device/module`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.module {
            None => f.write_str(&self.device),
            Some(module) => write!(f, "{}/{module}", self.device),
        }
    }
}

/// What the registry keeps of an identity, apart from its twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Tells this identity from one of the same name that was deleted.
    pub generation_id: String,
    /// Names the present state of this record.
    pub etag: Etag,
    /// Whether it may connect.
    pub status: Status,
    /// Why it has this status.
    pub status_reason: Option<String>,
    /// When the status last changed, in milliseconds since 1970; 0 for never.
    pub status_updated_ms: u64,
    /// What it proves itself with.
    pub authentication: Authentication,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Who looks after a module.
    pub managed_by: Option<String>,
    /// Whose child it is.
    pub device_scope: Option<String>,
    /// The scopes of the devices above it.
    pub parent_scopes: Option<Vec<String>>,
}

/// All that a hub has of one device or module.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) twin: Twin,
    pub(crate) queue: Queue,
    /// The configurations that target it; none is `None`.
    pub(crate) assigned: Option<Arc<Assigned>>,
    pub(crate) presence: Presence,
}

/// The devices and modules of a hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// Boxed, as the tree keeps room for more than there is in each of its nodes.
    entries: BTreeMap<Key, Box<Entry>>,
    /// How many of them are devices, and how many of those may not connect.
    devices: u64,
    disabled: u64,
}

impl Registry {
    /// Most modules of one device.
    pub(crate) const MODULES_PER_DEVICE: usize = 50;
    /// Most devices and modules.
    pub(crate) const CAPACITY: usize = 1_000_000;

    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key).map(|entry| &**entry)
    }

    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.entries.get_mut(key).map(|entry| &mut **entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Devices, without their modules.
    pub(crate) const fn device_count(&self) -> u64 {
        self.devices
    }

    /// Devices that may not connect.
    pub(crate) const fn disabled_count(&self) -> u64 {
        self.disabled
    }

    /// Puts a record in; a new one comes with a twin of its own.
    pub(crate) fn set(&mut self, key: Key, record: Record, at: Timestamp) {
        let is_device = key.module.is_none();
        let disabled = |record: &Record| u64::from(is_device && record.status == Status::Disabled);
        self.disabled += disabled(&record);
        match self.entries.get_mut(&key) {
            Some(entry) => {
                self.disabled -= disabled(&entry.record);
                entry.record = record;
            }
            None => {
                self.devices += u64::from(is_device);
                let entry = Entry {
                    record,
                    twin: Twin::new(at),
                    queue: Queue::default(),
                    assigned: None,
                    presence: Presence::default(),
                };
                self.entries.insert(key, Box::new(entry));
            }
        }
    }

    /// Puts everything in as it was stated.
    pub(crate) fn restore(&mut self, key: Key, stated: Stated, assigned: Option<Arc<Assigned>>) {
        let Stated { record, twin, queue, assigned: _ } = stated;
        // So that everything is counted that is to be counted.
        self.set(key.clone(), record, Timestamp::default());
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.twin = twin;
            entry.queue = queue;
            entry.assigned = assigned;
        }
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        if key.module.is_none() {
            self.devices -= 1;
            self.disabled -= u64::from(entry.record.status == Status::Disabled);
        }
    }

    /// Devices and modules in order, from a name on.
    pub(crate) fn from(&self, first: Bound<Key>) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.range((first, Bound::Unbounded)).map(|(key, entry)| (key, &**entry))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key, &**entry))
    }

    /// The devices, without their modules, in the order of their names.
    pub(crate) fn devices(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.iter().filter(|(key, _)| key.module.is_none())
    }

    /// The modules of a device, in the order of their names.
    pub(crate) fn modules(&self, device: &str) -> impl Iterator<Item = (&Key, &Entry)> {
        let after = Key { device: device.into(), module: None };
        self.entries
            .range((Bound::Excluded(after), Bound::Unbounded))
            .map(|(key, entry)| (key, &**entry))
            .take_while(move |(key, _)| key.module.is_some() && key.device == device)
    }
}
