//! The whole registry, page by page: out of a hub, and into one. IoT Hub does it by jobs and files in its storage; this
//! is local.

use core::ops::Bound;

use iothub_codec::{DeviceId, ModuleId};
use iothub_model::{
    Authentication, ErrorCode, ExportImportDevice, ImportMode, ImportReport, ImportedProperties, LineError,
    Patch, SymmetricKey,
};
use iothub_proto::Now;
use serde_json::value::RawValue;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::registry::{Entry, Key};
use crate::response::Response;
use crate::rest::bulk::{error_of, notice_of};
use crate::rest::entry::{BadTwin, key_of};
use crate::rest::path::Path;
use crate::rest::registration::{json, unreadable};
use crate::rest::{Failure, Outcome};

/// Most lines that are taken or given at once: a hub does nothing else meanwhile.
const LINES_MAX: usize = 1000;
/// A page of an export ends behind the line that makes it longer than this.
const PAGE_LEN: usize = 512 * 1024;

impl Hub {
    /// Gives devices and modules with their twins, one a line, from behind the one that `x-ms-continuation` names.
    /// While there are more, the response has that header as well.
    pub(super) fn export(&self, path: &Path, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        let after = request.header("x-ms-continuation").filter(|name| !name.is_empty());
        let from = match after {
            None => Bound::Unbounded,
            Some(name) => Bound::Excluded(continuation(name)?),
        };
        let keys = match path.parameter("keys").as_deref() {
            None | Some("include") => Keys::Included,
            Some("exclude") => Keys::Excluded,
            Some(other) => {
                let message = format!("keys is {other:.64?}, and must be include or exclude");
                return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
            }
        };
        let mut lines = Lines::default();
        let mut entries = self.registry.from(from).peekable();
        let mut last = None;
        for (key, entry) in entries.by_ref().take(LINES_MAX) {
            lines.push(key, entry, keys);
            last = Some(key);
            if lines.0.len() >= PAGE_LEN {
                break;
            }
        }
        let mut headers = vec![("content-type".into(), "application/x-ndjson".to_owned())];
        if let (Some(last), true) = (last, entries.peek().is_some()) {
            headers.push(("x-ms-continuation".into(), last.to_string()));
        }
        Ok(Outcome::Done(Response { status: 200, headers, body: lines.into_bytes() }))
    }

    /// Does what each line asks for, one after the other, and reports those that it did nothing about.
    pub(super) fn import(
        &mut self,
        now: Now,
        path: &Path,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let mode = path.parameter("mode").map(|word| word.parse::<ImportMode>()).transpose();
        let mode =
            mode.map_err(|error| Failure::new(ErrorCode::ArgumentInvalid, format!("mode: {error}")))?;
        let lines = request.body.split(|byte| *byte == b'\n');
        let len = lines.filter(|line| !line.trim_ascii().is_empty()).count();
        if len > LINES_MAX {
            let code = ErrorCode::TooManyDevices;
            return Err(Failure::new(
                code,
                format!("{len} lines, and at most {LINES_MAX} are taken at once"),
            ));
        }
        Ok(Outcome::json(200, &self.import_lines(now, (request.body, 0), mode, effects), None))
    }

    /// Does what each line asks for; `before` of them there were others.
    pub(crate) fn import_lines(
        &mut self,
        now: Now,
        (lines, before): (&[u8], u64),
        mode: Option<ImportMode>,
        effects: &mut Effects,
    ) -> ImportReport {
        let mut report = ImportReport::default();
        let lines = lines.split(|byte| *byte == b'\n').enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            match self.import_line(now, line, mode, effects) {
                Ok(()) => report.done += 1,
                Err((raw, failure)) => {
                    let raw = raw.unwrap_or(RawValue::NULL);
                    effects.push(Effect::Log(notice_of(raw, &failure)));
                    let error = error_of(raw, failure);
                    report.errors.push(LineError { line: before + at as u64 + 1, error });
                }
            }
        }
        report
    }

    fn import_line<'a>(
        &mut self,
        now: Now,
        line: &'a [u8],
        mode: Option<ImportMode>,
        effects: &mut Effects,
    ) -> Result<(), (Option<&'a RawValue>, Failure)> {
        let raw: &RawValue = serde_json::from_slice(line).map_err(|error| (None, unreadable(&error)))?;
        let mut perform = || {
            let mut entry: ExportImportDevice = json(raw.get().as_bytes())?;
            let key = key_of(&entry)?;
            entry.import_mode = entry.import_mode.or(mode);
            self.perform_entry(now, &key, entry, BadTwin::Refused, effects)
        };
        perform().map(drop).map_err(|failure| (Some(raw), failure))
    }
}

/// Whether an export has the keys of devices, with which whoever reads it can connect as them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Included,
    Excluded,
}

/// What is exported, one line each.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    pub(crate) fn push(&mut self, key: &Key, entry: &Entry, keys: Keys) {
        serde_json::to_writer(&mut self.0, &line(key, entry, keys)).expect("documents have text for keys");
        self.0.push(b'\n');
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What an importing hub needs to make the same identity and twin. It counts its own etags and versions.
fn line(key: &Key, entry: &Entry, keys: Keys) -> ExportImportDevice {
    let Entry { record, twin, .. } = entry;
    let authentication = match keys {
        Keys::Included => record.authentication.clone(),
        Keys::Excluded => {
            Authentication { symmetric_key: SymmetricKey::default(), ..record.authentication.clone() }
        }
    };
    let device = key.module.is_none();
    ExportImportDevice {
        id: key.device.clone(),
        module_id: key.module.clone(),
        etag: Some(record.etag.clone()),
        import_mode: None,
        status: device.then_some(record.status),
        status_reason: record.status_reason.clone(),
        authentication: Some(authentication),
        twin_etag: None,
        tags: Patch::Value(twin.tags().as_object().clone()),
        properties: ImportedProperties {
            desired: Patch::Value(twin.desired().service_view()),
            reported: Patch::Value(twin.reported().service_view()),
        },
        capabilities: device.then_some(record.capabilities),
        device_scope: record.device_scope.clone(),
        parent_scopes: record.parent_scopes.clone(),
        managed_by: record.managed_by.clone(),
    }
}

/// Where an export goes on: `device` or `device/module`, as no name contains a slash.
fn continuation(name: &str) -> Result<Key, Failure> {
    let (device, module) = match name.split_once('/') {
        None => (name, None),
        Some((device, module)) => (device, Some(module)),
    };
    let known = DeviceId::new(device).is_ok() && module.is_none_or(|module| ModuleId::new(module).is_ok());
    if !known {
        let message = format!("x-ms-continuation is not of this hub's making: {name:.64?}");
        return Err(Failure::new(ErrorCode::ArgumentInvalid, message));
    }
    Ok(Key { device: device.into(), module: module.map(Into::into) })
}
