//! Many devices and modules in one request.

use std::collections::BTreeSet;

use iothub_model::{
    BulkRegistryOperationResult, ErrorCode, ExportImportDevice, RegistryOperationError,
    RegistryOperationWarning,
};
use iothub_proto::Now;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::notice::{Level, Notice};
use crate::registry::Key;
use crate::rest::entry::{BadTwin, key_of};
use crate::rest::registration::{json, unreadable};
use crate::rest::{Failure, Outcome};
use crate::rule::Rule;

/// Most entries of one request.
const ENTRIES_MAX: usize = 100;
/// Most characters of a name that are repeated in an answer.
const SHOWN_MAX: usize = 128;

impl Hub {
    /// Does what each entry asks for, one after the other; one that fails does not keep others from being done.
    pub(super) fn bulk(
        &mut self,
        now: Now,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let entries: Vec<&RawValue> =
            serde_json::from_slice(request.body).map_err(|error| unreadable(&error))?;
        if entries.len() > ENTRIES_MAX {
            let (len, code) = (entries.len(), ErrorCode::TooManyDevices);
            return Err(Failure::new(code, format!("{len} entries, and at most {ENTRIES_MAX} are taken")));
        }
        let mut result = BulkRegistryOperationResult::default();
        let mut seen = BTreeSet::new();
        for raw in entries {
            match self.bulk_entry(now, raw, &mut seen, effects) {
                Ok(None) => {}
                Ok(Some(warning)) => result.warnings.push(warning),
                Err(failure) => {
                    effects.push(Effect::Log(notice_of(raw, &failure)));
                    result.errors.push(error_of(raw, failure));
                }
            }
        }
        result.is_successful = result.errors.is_empty();
        Ok(match result.errors.first() {
            None => Outcome::json(200, &result, None),
            Some(_) => {
                effects.push(Effect::Log(Notice {
                    level: Level::Warn,
                    peer: None,
                    who: None,
                    what: "bulk request not done in full",
                    rule: Some(Rule::Request(ErrorCode::BulkRegistryOperationFailure)),
                    why: format!("{} entries failed", result.errors.len()),
                }));
                Outcome::failed(ErrorCode::BulkRegistryOperationFailure, &result)
            }
        })
    }

    fn bulk_entry(
        &mut self,
        now: Now,
        raw: &RawValue,
        seen: &mut BTreeSet<Key>,
        effects: &mut Effects,
    ) -> Result<Option<RegistryOperationWarning>, Failure> {
        let entry: ExportImportDevice = json(raw.get().as_bytes())?;
        let key = key_of(&entry)?;
        if !seen.insert(key.clone()) {
            let message = format!("{key} is in this request more than once; only its first entry counts");
            return Err(Failure::new(ErrorCode::DeviceDefinedMultipleTimes, message));
        }
        let violation = self.perform_entry(now, &key, entry, BadTwin::Left, effects)?;
        Ok(violation.map(|violation| RegistryOperationWarning {
            device_id: key.device,
            warning_code: RegistryOperationWarning::WITHOUT_TWIN.into(),
            warning_status: violation.to_string(),
        }))
    }
}

/// The line of the log about an entry that failed, under the name of whom it is about if that can be read.
pub(super) fn notice_of(raw: &RawValue, failure: &Failure) -> Notice {
    let key = json::<ExportImportDevice>(raw.get().as_bytes()).and_then(|entry| key_of(&entry));
    let (number, name) = (failure.code.number(), failure.code.name());
    Notice {
        level: Level::Warn,
        peer: None,
        who: key.ok().map(|key| key.to_string()),
        what: "entry refused",
        rule: Some(Rule::Request(failure.code)),
        why: format!("{number} {name}: {}", failure.message),
    }
}

/// What is told of an entry that failed; of one that cannot be read, as much as can be.
pub(super) fn error_of(raw: &RawValue, failure: Failure) -> RegistryOperationError {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let text = |name: &str| {
        let text = value.get(name).and_then(Value::as_str)?;
        Some(text.chars().take(SHOWN_MAX).collect::<String>()).filter(|text| !text.is_empty())
    };
    RegistryOperationError {
        device_id: text("id").unwrap_or_default(),
        module_id: text("moduleId"),
        error_code: failure.code.name().into(),
        error_status: failure.message,
        operation: text("importMode"),
    }
}
