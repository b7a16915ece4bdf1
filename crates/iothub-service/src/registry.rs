use iothub_model::{BulkRegistryOperationResult, ExportImportDevice, ImportMode, ImportReport};

use crate::pages::CONTINUATION;
use crate::request::Request;
use crate::{Error, Service};

/// # Many identities at once
///
/// All of it takes the right RegistryWrite. Exports and imports are served by hubs of this project only; Azure's does
/// them with files in its storage.
impl Service {
    /// Most entries of one [`Self::bulk`].
    pub const BULK_MAX: usize = 100;
    /// Most lines of one [`Self::import`].
    pub const IMPORT_LINES_MAX: usize = 1000;
    /// Most bytes of one [`Self::import`].
    pub const IMPORT_LEN_MAX: usize = 1024 * 1024;

    /// Does what each entry says, and tells what came of them: one that fails does not keep others from being done.
    ///
    /// # Errors
    ///
    /// See [`Error`]. That entries failed is none.
    pub async fn bulk(&self, entries: &[ExportImportDevice]) -> Result<BulkRegistryOperationResult, Error> {
        self.send_despite(Request::post("/devices".into()).json(&entries), 400).await
    }

    /// Gives a page of all devices and modules with their twins, in the order of their names.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn export(
        &self,
        keys: ExportedKeys,
        after: Option<&ExportPosition>,
    ) -> Result<ExportPage, Error> {
        let mut request = Request::get("/$local/registry".into());
        request = match keys {
            ExportedKeys::Included => request,
            ExportedKeys::Excluded => request.choice("keys", "exclude"),
        };
        if let Some(ExportPosition(after)) = after {
            request = request.header(CONTINUATION, after)?;
        }
        let answer = self.exchange(request).await?;
        let next = answer.text(&CONTINUATION).map(|next| ExportPosition(next.into()));
        let lines = String::from_utf8(answer.body).map_err(|_| self.unreadable("not UTF-8".into()))?;
        Ok(ExportPage { lines, next })
    }

    /// Does what each line says, in the mode `mode` where it names none, and tells which were not done. Lines are JSON,
    /// an [`ExportImportDevice`] each, at most [`Self::IMPORT_LINES_MAX`] and [`Self::IMPORT_LEN_MAX`] bytes.
    ///
    /// # Errors
    ///
    /// See [`Error`]. That lines were not done is none.
    pub async fn import(&self, lines: String, mode: ImportMode) -> Result<ImportReport, Error> {
        let request = Request::post("/$local/registry".into()).choice("mode", mode.as_str());
        self.send(request.lines(lines)).await
    }
}

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPage {
    /// JSON, an [`ExportImportDevice`] a line.
    pub lines: String,
    /// Where the next page begins, if there is one.
    pub next: Option<ExportPosition>,
}

/// A place in an export, as the hub names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPosition(String);

/// Whether an export has the keys of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedKeys {
    /// It has: whoever reads it can connect as each of them.
    Included,
    /// It has not, and an import makes new ones for new devices.
    Excluded,
}
