use core::time::Duration;

use iothub_model::Status;
use iothub_proto::Now;

use crate::hub::Hub;
use crate::registry::Key;
use crate::uploads::CONTAINER;
use crate::uploads::blobs::{KeptBlob, device_of};
use crate::uploads::problem::{BlobProblem, BlobRefusal};
use crate::uploads::settings::FileSettings;
use crate::uploads::signature::{Permission, check};

/// The head of a request about a file.
#[derive(Clone, Copy, Debug)]
pub struct BlobRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, still percent-encoded. Begins with [`CONTAINER`].
    pub path: &'a str,
    /// What follows the question mark, still percent-encoded.
    pub query: Option<&'a str>,
}

/// What somebody may do who has shown that they may do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDoor {
    /// The name of the blob: `{device}/{name}`.
    pub name: String,
    /// The parameters of the address, names in lower case.
    pub parameters: Vec<(String, String)>,
    /// What there is already.
    pub kept: Option<KeptBlob>,
    /// Most bytes that the file may have.
    pub len_max: u64,
    /// Most bytes, beside those of the files that there are, that may be on the way at a time.
    pub staged_max: u64,
    /// The same for one device.
    pub device_staged_max: u64,
    /// How long the access lasts: what takes longer is too late.
    pub ends_in: Duration,
}

impl BlobDoor {
    /// The value of a parameter of the address.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

/// On what condition something is done: the headers `If-Match` and `If-None-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobCondition {
    /// Etags of which one must be that of the file, or `*` for any.
    pub matches: Option<String>,
    /// Etags of which none may be, or `*` for any.
    pub differs: Option<String>,
}

impl BlobCondition {
    /// Which problem there is with the file that is there.
    pub fn problem(&self, kept: Option<&KeptBlob>) -> Option<BlobProblem> {
        let names = |list: &str| {
            let etags = list.split(',').map(|etag| etag.trim().trim_matches('"'));
            kept.is_some_and(|kept| etags.clone().any(|etag| etag == "*" || etag == kept.etag))
        };
        if self.matches.as_deref().is_some_and(|list| !names(list)) {
            return Some(BlobProblem::ConditionNotMet);
        }
        let list = self.differs.as_deref().filter(|list| names(list))?;
        let any = list.trim() == "*";
        Some(if any { BlobProblem::BlobAlreadyExists } else { BlobProblem::NotModified })
    }
}

impl Hub {
    /// Whether whoever makes a request about a file may make it, and what there is about it.
    ///
    /// # Errors
    ///
    /// [`BlobRefusal`], which is to be answered.
    pub fn open_blob(&self, now: Now, request: &BlobRequest<'_>) -> Result<BlobDoor, BlobRefusal> {
        let Some(settings) = self.config.files else {
            let why = "this hub keeps no files";
            return Err(BlobRefusal::new(BlobProblem::AuthenticationFailed, why));
        };
        let name = name_in(request.path)?;
        let parameters = parameters_in(request.query.unwrap_or_default())?;
        let permission = match request.method {
            "GET" | "HEAD" => Permission::Read,
            "PUT" => Permission::Write,
            "DELETE" => Permission::Delete,
            other => {
                let why = format!("{other:.16} is not served for files");
                return Err(BlobRefusal::new(BlobProblem::UnsupportedHttpVerb, why));
            }
        };
        let refused = |why| Err(BlobRefusal::new(BlobProblem::AuthenticationFailed, why));
        let Some(key) = self.uploads.key() else { return refused("this hub has given no signatures") };
        let until = check(key, (&name, permission), &parameters, now.timestamp)?;
        let device = Key { device: device_of(&name).into(), module: None };
        // A back end may fetch and remove files of devices that are gone.
        let may_write =
            self.registry.get(&device).is_some_and(|entry| entry.record.status == Status::Enabled);
        if permission == Permission::Write && !may_write {
            return refused("the device is not registered, or disabled");
        }
        let of =
            |name: &str| parameters.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
        let is_part = permission == Permission::Write
            && of("comp").is_some_and(|component| component.eq_ignore_ascii_case("block"));
        // Parts go with the end of their upload: there is nobody to remove those that come behind it.
        if is_part && !self.is_being_written(&name) {
            return refused("the upload is over: ask the hub for another one");
        }
        if permission != Permission::Read && !self.has_room() {
            return Err(BlobRefusal::new(BlobProblem::ServerBusy, crate::recording::NO_ROOM));
        }
        let kept = self.blobs.get(&name).cloned();
        let len_max = self.room_for(&name, &settings);
        let (staged_max, device_staged_max) = (settings.hub_len_max(), settings.device_len_max());
        let ends_in = until.since(now.timestamp);
        Ok(BlobDoor { name, parameters, kept, len_max, staged_max, device_staged_max, ends_in })
    }

    /// Whether a device has an upload of that blob open. If not, no part of it is to be kept.
    pub fn is_being_written(&self, name: &str) -> bool {
        self.uploads.is_written(device_of(name), name)
    }

    /// Most bytes that a file of that name may have.
    pub(super) fn room_for(&self, name: &str, settings: &FileSettings) -> u64 {
        let replaced = self.blobs.get(name).map_or(0, |blob| blob.len);
        let (of_hub, of_device) = self.blobs.bytes(device_of(name));
        let left = |most: u64, taken: u64| most.saturating_sub(taken.saturating_sub(replaced));
        let room = left(settings.hub_len_max(), of_hub).min(left(settings.device_len_max(), of_device));
        let is_one_too_many = self.blobs.get(name).is_none() && self.blobs.len() >= FileSettings::FILES_MAX;
        if is_one_too_many { 0 } else { room.min(settings.file_len_max()) }
    }
}

/// The name of the blob, which is what is behind the container.
fn name_in(path: &str) -> Result<String, BlobRefusal> {
    let bad = || BlobRefusal::new(BlobProblem::InvalidUri, "the path is not that of a file");
    let rest = path.trim_start_matches('/').strip_prefix(CONTAINER).and_then(|rest| rest.strip_prefix('/'));
    let name = decoded(rest.ok_or_else(bad)?).ok_or_else(bad)?;
    if name.split_once('/').is_some_and(|(device, file)| !device.is_empty() && !file.is_empty()) {
        return Ok(name);
    }
    Err(bad())
}

fn parameters_in(query: &str) -> Result<Vec<(String, String)>, BlobRefusal> {
    let bad = || {
        BlobRefusal::new(BlobProblem::InvalidQueryParameterValue, "a parameter of the address cannot be read")
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(bad)?.to_ascii_lowercase();
            Ok((name, decoded(value).ok_or_else(bad)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_name_is_what_is_behind_the_container_however_it_is_written() {
        for (path, name) in [
            ("/iothub-files/d/f", Some("d/f")),
            ("/iothub-files/d%2Ff", Some("d/f")),
            ("//iothub-files/d/a%20b/%C3%A4.txt", Some("d/a b/ä.txt")),
            ("/iothub-files/d/%2e%2e/x", Some("d/../x")),
            ("/iothub-files/d/100%25", Some("d/100%")),
            ("/iothub-files/d", None),
            ("/iothub-files/d/", None),
            ("/iothub-files//f", None),
            ("/iothub-files", None),
            ("/iothub-filesd/f", None),
            ("/iothub-files/d/%ff", None),
        ] {
            assert_eq!(name_in(path).ok().as_deref(), name, "{path}");
        }
    }

    #[test]
    fn conditions_are_about_the_file_that_is_there() {
        use BlobProblem::{BlobAlreadyExists as Exists, ConditionNotMet as NotMet, NotModified as Same};

        let kept = KeptBlob {
            file: String::new(),
            len: 1,
            etag: "e1".into(),
            modified_ms: 0,
            headers: BTreeMap::new(),
        };
        for (matches, differs, there, gone) in [
            (None, None, None, None),
            (Some("*"), None, None, Some(NotMet)),
            (Some("\"e1\""), None, None, Some(NotMet)),
            (Some("\"e0\", \"e1\""), None, None, Some(NotMet)),
            (Some("\"e2\""), None, Some(NotMet), Some(NotMet)),
            (None, Some("*"), Some(Exists), None),
            (None, Some("\"e1\""), Some(Same), None),
            (None, Some("\"e2\""), None, None),
        ] {
            let condition =
                BlobCondition { matches: matches.map(Into::into), differs: differs.map(Into::into) };
            assert_eq!(condition.problem(Some(&kept)), there, "{condition:?}");
            assert_eq!(condition.problem(None), gone, "{condition:?}");
        }
    }
}
