//! One device or module with its twin, as bulk requests and imports have it.

use iothub_codec::{DeviceId, ModuleId};
use iothub_model::{ErrorCode, Etag, ExportImportDevice, ImportMode, Patch, TwinPatch, Update, Violation};
use iothub_proto::Now;

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::registry::Key;
use crate::rest::Failure;
use crate::rest::identities::not_found;
use crate::rest::registration::already_exists;
use crate::rest::twins::merging;
use crate::rest::wish::Wish;
use crate::twin::{Twin, TwinEdit};

/// What becomes of a new identity whose twin breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadTwin {
    /// It is registered with an empty twin, which is worth a warning.
    Left,
    /// It is not registered.
    Refused,
}

impl Hub {
    /// Does what an entry asks for, in full or not at all, but for a twin that is [left](BadTwin::Left).
    pub(super) fn perform_entry(
        &mut self,
        now: Now,
        key: &Key,
        entry: ExportImportDevice,
        bad_twin: BadTwin,
        effects: &mut Effects,
    ) -> Result<Option<Violation>, Failure> {
        use ImportMode as Mode;

        let mode = entry.import_mode.unwrap_or_default();
        let etags = self.registry.get(key).map(|entry| (entry.record.etag.clone(), entry.twin.etag()));
        let etag = etags.as_ref().map(|(etag, _)| etag);
        let twin_etag = etags.as_ref().map(|(_, etag)| etag);
        match mode {
            Mode::Create => match etag {
                Some(_) => Err(already_exists(key)),
                None => self.create_entry(now, key, entry, bad_twin, effects),
            },
            Mode::CreateOrUpdate | Mode::CreateOrUpdateIfMatchETag => match etag {
                None => self.create_entry(now, key, entry, bad_twin, effects),
                Some(etag) => {
                    if mode == Mode::CreateOrUpdateIfMatchETag {
                        must_match("eTag", entry.etag.as_ref(), etag)?;
                    }
                    self.update_entry(now, key, entry, effects)
                }
            },
            Mode::Update | Mode::UpdateIfMatchETag => {
                let etag = etag.ok_or_else(|| not_found(key))?;
                if mode == Mode::UpdateIfMatchETag {
                    must_match("eTag", entry.etag.as_ref(), etag)?;
                }
                self.update_entry(now, key, entry, effects)
            }
            Mode::UpdateTwin | Mode::UpdateTwinIfMatchETag => {
                let etag = twin_etag.ok_or_else(|| not_found(key))?;
                if mode == Mode::UpdateTwinIfMatchETag {
                    must_match("twinETag", entry.twin_etag.as_ref(), etag)?;
                }
                let patch = TwinPatch { tags: entry.tags, desired: entry.properties.desired };
                self.edit_entry(now, key, "updateTwin", merging(patch), effects)
            }
            Mode::Delete | Mode::DeleteIfMatchETag => {
                let etag = etag.ok_or_else(|| not_found(key))?;
                if mode == Mode::DeleteIfMatchETag {
                    must_match("eTag", entry.etag.as_ref(), etag)?;
                }
                self.remove_all(now, key, effects);
                Ok(None)
            }
        }
    }

    /// Does what the provisioning service wants done with a device, in full or not at all.
    pub(crate) fn place_entry(
        &mut self,
        now: Now,
        key: &Key,
        entry: ExportImportDevice,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.perform_entry(now, key, entry, BadTwin::Refused, effects).map(drop)
    }

    fn create_entry(
        &mut self,
        now: Now,
        key: &Key,
        entry: ExportImportDevice,
        bad_twin: BadTwin,
        effects: &mut Effects,
    ) -> Result<Option<Violation>, Failure> {
        let wish = Wish::of_entry(&entry)?;
        let mut edit = whole(entry);
        let violation = Twin::new(now.timestamp).apply(edit.clone(), now.timestamp).err();
        if let Some(violation) = &violation {
            match bad_twin {
                BadTwin::Left => edit = TwinEdit::default(),
                BadTwin::Refused => return Err(broken(violation)),
            }
        }
        self.create(now, key, wish, edit, effects)?;
        Ok(violation)
    }

    /// What it does not mention of the twin stays; what it does takes the place of what was there.
    fn update_entry(
        &mut self,
        now: Now,
        key: &Key,
        entry: ExportImportDevice,
        effects: &mut Effects,
    ) -> Result<Option<Violation>, Failure> {
        let wish = Wish::of_entry(&entry)?;
        let record = self.updated(now, key, wish)?;
        let twin_etag = entry.twin_etag.clone();
        let edit = whole(entry);
        if let (Some(given), true) = (twin_etag, edit != TwinEdit::default()) {
            must_match("twinETag", Some(&given), &self.entry(key)?.twin.etag())?;
        }
        self.edit_entry(now, key, "replaceTwin", edit, effects)?;
        self.update(now, key, record, effects);
        Ok(None)
    }

    fn edit_entry(
        &mut self,
        now: Now,
        key: &Key,
        operation: &str,
        edit: TwinEdit,
        effects: &mut Effects,
    ) -> Result<Option<Violation>, Failure> {
        if edit != TwinEdit::default() {
            let change = Change::TwinEdited { key: key.clone(), edit, at_ms: now.timestamp.as_millis() };
            let told = self.commit(change, effects).map_err(|violation| broken(&violation))?;
            self.twin_changed(now, key, (operation, told), effects);
        }
        Ok(None)
    }
}

/// Whom an entry is about.
pub(super) fn key_of(entry: &ExportImportDevice) -> Result<Key, Failure> {
    let invalid = |member: &str, error: &dyn core::fmt::Display| {
        Failure::new(ErrorCode::ArgumentInvalid, format!("{member}: {error}"))
    };
    DeviceId::new(&entry.id).map_err(|error| invalid("id", &error))?;
    if let Some(module) = &entry.module_id {
        ModuleId::new(module).map_err(|error| invalid("moduleId", &error))?;
    }
    Ok(Key { device: entry.id.clone(), module: entry.module_id.clone() })
}

/// What an entry has of a twin, as the whole of it.
fn whole(entry: ExportImportDevice) -> TwinEdit {
    let whole = |part: Patch<_>| match part {
        Patch::Absent | Patch::Null => None,
        Patch::Value(members) => Some(Update::Replace(members)),
    };
    TwinEdit {
        tags: whole(entry.tags),
        desired: whole(entry.properties.desired),
        reported: whole(entry.properties.reported),
    }
}

fn must_match(member: &str, given: Option<&Etag>, current: &Etag) -> Result<(), Failure> {
    match given {
        Some(given) if given == current => Ok(()),
        Some(given) => Err(Failure::new(
            ErrorCode::PreconditionFailed,
            format!("{member} does not hold: it is {} by now, not {}.", current.quoted(), given.quoted()),
        )),
        None => Err(Failure::new(ErrorCode::ArgumentNull, format!("this mode takes {member}"))),
    }
}

fn broken(violation: &Violation) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, violation.to_string())
}
