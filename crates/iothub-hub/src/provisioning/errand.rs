use iothub_model::{ExportImportDevice, ImportMode, ImportedProperties, InitialTwin, Patch};
use iothub_proto::Now;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::registry::Key;

/// What the provisioning service has another hub do.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// For whose registration.
    pub registration: String,
    /// For which registering of it.
    pub operation: String,
    /// What is to be done.
    pub deed: Deed,
}

/// What can be had done in a hub. Doing it twice is as good as once.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Tell the twin of a device.
    Read {
        /// Its name.
        device: String,
    },
    /// Make a device, or see to it that it is as wanted.
    Place {
        /// The device. What is not mentioned of its twin stays.
        entry: Box<ExportImportDevice>,
        /// What the twin of a new one begins with.
        initial: Box<InitialTwin>,
    },
    /// Delete a device.
    Remove {
        /// Its name.
        device: String,
    },
}

/// What came of an [`Errand`].
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For whose registration.
    pub registration: String,
    /// For which registering of it.
    pub operation: String,
    /// What came of it.
    pub done: Done,
}

/// What came of a [`Deed`].
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// The twin, if the device was there.
    Read(Option<Box<ExportImportDevice>>),
    /// It is as wanted.
    Placed,
    /// It is not there any longer.
    Removed,
    /// Nothing was done.
    Failed {
        /// Why, in words.
        why: String,
    },
}

impl Errand {
    /// The report that nothing was done.
    pub fn failed(self, why: &str) -> Report {
        let Self { registration, operation, deed: _ } = self;
        Report { registration, operation, done: Done::Failed { why: why.into() } }
    }
}

impl Hub {
    /// Does what the provisioning service of another hub wants done here.
    pub(crate) fn run_errand(&mut self, now: Now, errand: &Errand, effects: &mut Effects) {
        let done = self.perform_deed(now, &errand.deed, effects);
        let Errand { registration, operation, deed: _ } = errand.clone();
        effects.push(Effect::Report(Report { registration, operation, done }));
    }

    pub(super) fn perform_deed(&mut self, now: Now, deed: &Deed, effects: &mut Effects) -> Done {
        if !self.has_room() {
            return Done::Failed { why: crate::recording::NO_ROOM.into() };
        }
        match deed {
            Deed::Read { device } => Done::Read(self.twin_of(device).map(Box::new)),
            Deed::Place { entry, initial } => self.place(now, entry, initial, effects),
            Deed::Remove { device } => {
                let key = Key { device: device.clone(), module: None };
                if self.registry.get(&key).is_some() {
                    self.remove_all(now, &key, effects);
                }
                Done::Removed
            }
        }
    }

    fn twin_of(&self, device: &str) -> Option<ExportImportDevice> {
        let key = Key { device: device.into(), module: None };
        let twin = &self.registry.get(&key)?.twin;
        Some(ExportImportDevice {
            id: device.into(),
            tags: Patch::Value(twin.tags().as_object().clone()),
            properties: ImportedProperties {
                desired: Patch::Value(twin.desired().properties().clone()),
                reported: Patch::Value(twin.reported().properties().clone()),
            },
            ..ExportImportDevice::default()
        })
    }

    fn place(
        &mut self,
        now: Now,
        entry: &ExportImportDevice,
        initial: &InitialTwin,
        effects: &mut Effects,
    ) -> Done {
        let key = Key { device: entry.id.clone(), module: None };
        let mut entry = ExportImportDevice { import_mode: Some(ImportMode::CreateOrUpdate), ..entry.clone() };
        let mentions_twin = !entry.tags.is_absent() || !entry.properties.is_absent();
        match self.registry.get(&key) {
            // Whoever registers at each start changes nothing by it.
            Some(there)
                if !mentions_twin && entry.authentication.as_ref() == Some(&there.record.authentication) =>
            {
                return Done::Placed;
            }
            Some(there) => {
                // What is not asked for here stays.
                entry.status_reason.clone_from(&there.record.status_reason);
                entry.device_scope.clone_from(&there.record.device_scope);
                entry.parent_scopes.clone_from(&there.record.parent_scopes);
            }
            None if mentions_twin => {}
            None => {
                entry.tags = Patch::Value(initial.tags.clone());
                entry.properties.desired = Patch::Value(initial.properties.desired.clone());
            }
        }
        match self.place_entry(now, &key, entry, effects) {
            Ok(()) => Done::Placed,
            Err(failure) => Done::Failed { why: failure.message().into() },
        }
    }
}
