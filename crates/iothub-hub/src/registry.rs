use core::fmt;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::Arc;

use iothub_codec::Identity;
use iothub_model::{Authentication, Capabilities, Etag, Status, Violation};
use iothub_proto::Timestamp;
use iothub_query::Collection;
use serde::{Deserialize, Serialize};

use crate::commands::Queue;
use crate::configurations::Assigned;
use crate::index::Index;
use crate::input::ConnectionId;
use crate::presence::Presence;
use crate::restatement::Stated;
use crate::twin::{Told, Twin, TwinEdit};

/// Names a device, or a module of one. Modules come right behind their device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The device.
    pub device: String,
    /// The module, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

impl Key {
    /// Among which rows of a query it is.
    pub(crate) const fn collection(&self) -> Collection {
        match self.module {
            None => Collection::Devices,
            Some(_) => Collection::Modules,
        }
    }
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

/// All that a hub has of one device or module. What an index has of it is changed through the registry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) twin: Twin,
    pub(crate) queue: Queue,
    /// The configurations that target it; none is `None`.
    pub(crate) assigned: Option<Arc<Assigned>>,
    /// The one connection of the device.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) presence: Presence,
}

/// An entry of which may be changed what no index has.
#[derive(Debug)]
pub(crate) struct EntryMut<'r> {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) queue: &'r mut Queue,
    pub(crate) assigned: &'r mut Option<Arc<Assigned>>,
    pub(crate) presence: &'r mut Presence,
}

/// The devices and modules of a hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    names: BTreeMap<Arc<Key>, u32>,
    /// By slot. Boxed, as a vector that grows would copy them.
    seats: Vec<Option<Box<Seat>>>,
    /// Slots of those that are gone.
    free: Vec<u32>,
    index: Index,
    /// How many of them are devices, and how many of those may not connect.
    devices: u64,
    disabled: u64,
}

#[derive(Clone, Debug)]
struct Seat {
    key: Arc<Key>,
    entry: Entry,
}

impl Registry {
    /// Most modules of one device.
    pub(crate) const MODULES_PER_DEVICE: usize = 50;
    /// Most devices and modules.
    pub(crate) const CAPACITY: usize = 1_000_000;
    /// Most devices and modules that are looked at in one go: a hub does nothing else meanwhile. What is about more of
    /// them goes on a little later.
    pub(crate) const LOOKED_AT_MAX: usize = 10_000;

    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        let slot = *self.names.get(key)?;
        self.at(slot).map(|(_, entry)| entry)
    }

    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<EntryMut<'_>> {
        let slot = *self.names.get(key)?;
        let Entry { queue, assigned, connection, presence, .. } = &mut seat_mut(&mut self.seats, slot)?.entry;
        Some(EntryMut { connection: *connection, queue, assigned, presence })
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
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
        match self.names.get(&key).and_then(|slot| Some((*slot, seat_mut(&mut self.seats, *slot)?))) {
            Some((slot, seat)) => {
                let disabled =
                    |record: &Record| u64::from(key.module.is_none() && record.status == Status::Disabled);
                self.disabled += disabled(&record);
                self.disabled -= disabled(&seat.entry.record);
                self.index.set_status(slot, record.status);
                seat.entry.record = record;
            }
            None => self.insert(
                key,
                Stated { record, twin: Twin::new(at), queue: Queue::default(), assigned: None },
                None,
            ),
        }
    }

    /// Puts everything in as it was stated.
    pub(crate) fn restore(&mut self, key: Key, stated: Stated, assigned: Option<Arc<Assigned>>) {
        self.remove(&key);
        self.insert(key, stated, assigned);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(slot) = self.names.remove(key) else { return };
        let Some(seat) = self.seats.get_mut(slot as usize).and_then(Option::take) else { return };
        self.free.push(slot);
        self.index.remove(slot, key, &seat.entry.twin);
        if key.module.is_none() {
            self.devices -= 1;
            self.disabled -= u64::from(seat.entry.record.status == Status::Disabled);
        }
    }

    /// Changes a twin; `None` if there is none.
    pub(crate) fn edit(
        &mut self,
        key: &Key,
        edit: TwinEdit,
        at: Timestamp,
    ) -> Option<Result<Told, Violation>> {
        let slot = *self.names.get(key)?;
        let twin = &mut seat_mut(&mut self.seats, slot)?.entry.twin;
        Some(self.index.follow(slot, twin, edit, |twin, edit| twin.apply(edit, at)))
    }

    /// A device has that connection from now on, or none.
    pub(crate) fn set_connection(&mut self, key: &Key, connection: Option<ConnectionId>) {
        let Some(slot) = self.names.get(key) else { return };
        let Some(seat) = seat_mut(&mut self.seats, *slot) else { return };
        self.index.set_connected(*slot, connection.is_some());
        seat.entry.connection = connection;
    }

    /// Devices and modules in order, from a name on.
    pub(crate) fn from(&self, first: Bound<Key>) -> impl Iterator<Item = (&Key, &Entry)> {
        self.seats_from(first).map(|(_, key, entry)| (key, entry))
    }

    /// The same with their slots.
    pub(crate) fn seats_from(&self, first: Bound<Key>) -> impl Iterator<Item = (u32, &Key, &Entry)> {
        self.names.range((first, Bound::Unbounded)).filter_map(|(_, slot)| {
            let (key, entry) = self.at(*slot)?;
            Some((*slot, key, entry))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.names.values().filter_map(|slot| self.at(*slot))
    }

    /// The devices, without their modules, in the order of their names.
    pub(crate) fn devices(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.iter().filter(|(key, _)| key.module.is_none())
    }

    /// The modules of a device, in the order of their names.
    pub(crate) fn modules(&self, device: &str) -> impl Iterator<Item = (&Key, &Entry)> {
        let after = Key { device: device.into(), module: None };
        self.from(Bound::Excluded(after))
            .take_while(move |(key, _)| key.module.is_some() && key.device == device)
    }

    /// Who has a slot.
    pub(crate) fn at(&self, slot: u32) -> Option<(&Key, &Entry)> {
        let seat = self.seats.get(slot as usize)?.as_deref()?;
        Some((&seat.key, &seat.entry))
    }

    /// Names and slots in the order of names, from that of a device on.
    pub(crate) fn slots_from(&self, device: &str) -> impl Iterator<Item = (&Key, u32)> {
        let first = Key { device: device.into(), module: None };
        self.names.range(first..).map(|(key, slot)| (&**key, *slot))
    }

    /// The slots of a device and its modules.
    pub(crate) fn slots_of(&self, device: &str) -> impl Iterator<Item = u32> {
        self.slots_from(device).take_while(move |(key, _)| key.device == device).map(|(_, slot)| slot)
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) const fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Reads some more identities into the index that is being made, if one is.
    pub(crate) fn read_into_index(&mut self, identities: usize) {
        let seats = &self.seats;
        self.index.read(|from| {
            let seats = seats.get(from as usize..).unwrap_or_default();
            let twins =
                (from..).zip(seats).filter_map(|(slot, seat)| Some((slot, &seat.as_deref()?.entry.twin)));
            twins.take(identities)
        });
    }

    fn insert(&mut self, key: Key, stated: Stated, assigned: Option<Arc<Assigned>>) {
        let Stated { record, twin, queue, assigned: _ } = stated;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            u32::try_from(self.seats.len() - 1).expect("there are fewer identities than u32 has numbers")
        });
        if key.module.is_none() {
            self.devices += 1;
            self.disabled += u64::from(record.status == Status::Disabled);
        }
        self.index.add(slot, &key, record.status, &twin);
        let key = Arc::new(key);
        self.names.insert(Arc::clone(&key), slot);
        let entry = Entry { record, twin, queue, assigned, connection: None, presence: Presence::default() };
        self.seats[slot as usize] = Some(Box::new(Seat { key, entry }));
    }
}

fn seat_mut(seats: &mut [Option<Box<Seat>>], slot: u32) -> Option<&mut Seat> {
    seats.get_mut(slot as usize)?.as_deref_mut()
}
