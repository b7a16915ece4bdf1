use std::collections::BTreeMap;

use iothub_proto::Now;

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::ExchangeId;
use crate::notice::{Level, Notice};
use crate::response::Response;
use crate::uploads::blobs::KeptBlob;
use crate::uploads::door::BlobCondition;
use crate::uploads::problem::{BlobProblem, BlobRefusal};

/// A file that is whole and on the disk, and that nobody sees yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenBlob {
    /// The name of the blob, from [`BlobDoor`](crate::BlobDoor).
    pub name: String,
    /// What has the content.
    pub file: String,
    /// Its length, in bytes.
    pub len: u64,
    /// What was said of it: names of headers in lower case, and their values.
    pub headers: BTreeMap<String, String>,
    /// On what condition it takes its place.
    pub condition: BlobCondition,
}

/// What is to be done with the bytes of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStep {
    /// Nobody needs that content any longer.
    DropFile {
        /// What has it.
        file: String,
    },
    /// Nobody needs the parts any longer that were sent of a blob.
    DropParts {
        /// Its name.
        name: String,
    },
}

impl Hub {
    /// Has a file take its place.
    pub(crate) fn blob_written(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        written: WrittenBlob,
        effects: &mut Effects,
    ) {
        let WrittenBlob { name, file, len, headers, condition } = written;
        let before = self.blobs.get(&name).cloned();
        let refusal = if let Some(problem) = condition.problem(before.as_ref()) {
            Some((problem, "another one has been written meanwhile"))
        } else if !self.has_room() {
            Some((BlobProblem::ServerBusy, crate::recording::NO_ROOM))
        } else if self.config.files.is_none_or(|settings| len > self.room_for(&name, &settings)) {
            Some((
                BlobProblem::StorageQuotaExceeded,
                "others have been written meanwhile, and there is no room",
            ))
        } else {
            None
        };
        if let Some((problem, why)) = refusal {
            effects.push(Effect::Files(FileStep::DropFile { file }));
            return self.refuse_blob(exchange, &BlobRefusal::new(problem, why), effects);
        }
        let etag = format!("0x{:016X}", self.source.lock());
        let blob = KeptBlob { file, len, etag, modified_ms: now.timestamp.as_millis(), headers };
        let response = Response { status: 201, headers: blob.mark(), body: Vec::new() };
        self.record(Change::BlobSet { name, blob: Box::new(blob), is_restated: false }, effects);
        if let Some(before) = before {
            effects.push(Effect::Files(FileStep::DropFile { file: before.file }));
        }
        effects.push(Effect::Respond { exchange, response });
    }

    /// Removes a file.
    pub(crate) fn remove_blob(
        &mut self,
        exchange: ExchangeId,
        name: &str,
        condition: &BlobCondition,
        effects: &mut Effects,
    ) {
        let kept = self.blobs.get(name).cloned();
        let Some(blob) = kept else {
            let refusal = BlobRefusal::new(BlobProblem::BlobNotFound, "there is no such file");
            return self.refuse_blob(exchange, &refusal, effects);
        };
        if let Some(problem) = condition.problem(Some(&blob)) {
            let refusal = BlobRefusal::new(problem, "the file is another one");
            return self.refuse_blob(exchange, &refusal, effects);
        }
        self.record(Change::BlobRemoved { name: name.into() }, effects);
        effects.push(Effect::Files(FileStep::DropFile { file: blob.file }));
        let response = Response { status: 202, headers: Vec::new(), body: Vec::new() };
        effects.push(Effect::Respond { exchange, response });
    }

    /// Forgets files whose content is not there, as after a backup that has none was restored.
    pub(crate) fn lose_blobs(&mut self, names: &[String], effects: &mut Effects) {
        for name in names.iter().filter(|name| self.blobs.get(name).is_some()).cloned().collect::<Vec<_>>() {
            effects.push(Effect::Log(Notice {
                level: Level::Warn,
                peer: None,
                who: None,
                what: "file lost",
                rule: None,
                why: format!("the content of {name:.256} is not in the folder for the data"),
            }));
            self.record(Change::BlobRemoved { name }, effects);
        }
    }

    /// The files that there are, and what has the content of each.
    pub fn blob_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.blobs.behind(None).map(|(name, blob)| (name.as_str(), blob.file.as_str()))
    }

    /// The blobs that devices are writing.
    pub fn blobs_being_written(&self) -> impl Iterator<Item = &str> {
        self.uploads.behind(None).map(|(_, upload)| upload.name.as_str())
    }

    fn refuse_blob(&mut self, exchange: ExchangeId, refusal: &BlobRefusal, effects: &mut Effects) {
        let response = refusal.response(&self.source.tracking_id());
        effects.push(Effect::Respond { exchange, response });
    }
}
