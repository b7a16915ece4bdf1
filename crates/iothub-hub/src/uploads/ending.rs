use core::time::Duration;

use iothub_proto::{Now, Timestamp};

use crate::change::Change;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::timers::Due;
use crate::uploads::writing::FileStep;

impl Hub {
    /// Sees to it that uploads end in time: for a hub that begins with some from its record.
    pub(crate) fn watch_uploads(&mut self, now: Now) {
        let open = self.uploads.behind(None).map(|(id, upload)| (id.clone(), upload.expires_ms));
        for (id, expires_ms) in open.collect::<Vec<_>>() {
            self.watch_upload(now, id, expires_ms);
        }
    }

    pub(crate) fn watch_upload(&mut self, now: Now, id: String, expires_ms: u64) {
        // The clock of dates may be set meanwhile: then it is looked at once more.
        let left = Timestamp::from_millis(expires_ms).since(now.timestamp).max(Duration::from_millis(1));
        self.timers.set(now.instant.after(left), Due::Upload(id));
    }

    pub(crate) fn upload_due(&mut self, now: Now, id: String, effects: &mut Effects) {
        let Some(expires_ms) = self.uploads.get(&id).map(|upload| upload.expires_ms) else { return };
        if Timestamp::from_millis(expires_ms) > now.timestamp {
            return self.watch_upload(now, id, expires_ms);
        }
        self.end_upload(&id, effects);
    }

    /// Forgets an upload, and the parts that were sent if nobody else writes the same blob.
    pub(crate) fn end_upload(&mut self, id: &str, effects: &mut Effects) {
        let Some(upload) = self.uploads.get(id).cloned() else { return };
        self.record(Change::UploadEnded { id: id.into() }, effects);
        if !self.uploads.is_written(&upload.device, &upload.name) {
            effects.push(Effect::Files(FileStep::DropParts { name: upload.name }));
        }
    }
}
