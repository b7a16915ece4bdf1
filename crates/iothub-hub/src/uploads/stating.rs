use crate::change::Change;
use crate::uploads::blobs::Blobs;
use crate::uploads::table::Uploads;

/// How far uploads and files are stated anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatingUploads {
    /// The upload that was stated last.
    upload: Option<String>,
    /// The file that was stated last. Files come behind all uploads.
    blob: Option<String>,
}

/// So many of either are stated in the time that one identity takes.
const STATED_FOR_IDENTITY: usize = 8;

impl StatingUploads {
    pub(crate) fn has_reached_upload(&mut self, id: &str) {
        self.upload = Some(id.into());
    }

    pub(crate) fn has_reached_blob(&mut self, name: &str) {
        self.blob = Some(name.into());
    }

    /// States what comes next, in the time that so many identities would take; `false` if that was all.
    pub(crate) fn state(
        &mut self,
        (uploads, blobs): (&Uploads, &Blobs),
        identities: usize,
        mut state: impl FnMut(Change),
    ) -> bool {
        let mut room = identities.saturating_mul(STATED_FOR_IDENTITY);
        // Files are reached when all uploads were stated; those that begin afterwards are recorded as they begin.
        if self.blob.is_none() {
            let after = self.upload.clone();
            for (id, upload) in uploads.behind(after.as_deref()).take(room) {
                self.has_reached_upload(id);
                room -= 1;
                state(Change::UploadBegan { id: id.clone(), upload: upload.clone(), is_restated: true });
            }
        }
        let after = self.blob.clone();
        for (name, blob) in blobs.behind(after.as_deref()).take(room) {
            self.has_reached_blob(name);
            room -= 1;
            state(Change::BlobSet { name: name.clone(), blob: Box::new(blob.clone()), is_restated: true });
        }
        room == 0
    }
}
