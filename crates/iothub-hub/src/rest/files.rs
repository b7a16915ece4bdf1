//! The files that devices have uploaded, for back ends. Azure has them in a storage account of its own, with its keys.

use iothub_model::{ErrorCode, FileAccessRequest};
use iothub_proto::{Now, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::hub::Hub;
use crate::input::RestRequest;
use crate::rest::path::Path;
use crate::rest::registration::json;
use crate::rest::uploads::host;
use crate::rest::{Failure, Outcome};

/// Most files in one answer.
const PAGE: usize = 1000;

impl Hub {
    /// Lists files by their names, of those whose names begin with the parameter `prefix`. While there are more, the
    /// response has the header `x-ms-continuation`.
    pub(super) fn list_files(&self, path: &Path, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        self.file_settings()?;
        let after = request.header("x-ms-continuation").unwrap_or_default();
        let after = percent_decode_str(after).decode_utf8_lossy();
        let page = self.blobs.page(&path.parameter("prefix").unwrap_or_default(), &after, PAGE);
        let last = page.last().filter(|_| page.len() == PAGE);
        let more = last.map(|file| utf8_percent_encode(&file.blob_name, NON_ALPHANUMERIC).to_string());
        let mut outcome = Outcome::json(200, &page, None);
        if let (Outcome::Done(response), Some(more)) = (&mut outcome, more) {
            response.headers.push(("x-ms-continuation".into(), more));
        }
        Ok(outcome)
    }

    /// Gives a back end access to one file, to fetch and to remove it.
    pub(super) fn open_file(&self, now: Now, request: &RestRequest<'_>) -> Result<Outcome, Failure> {
        let settings = self.file_settings()?;
        let asked: FileAccessRequest = json(request.body)?;
        if self.blobs.get(&asked.blob_name).is_none() {
            let message = format!("there is no file named {:.256}", asked.blob_name);
            return Err(Failure::new(ErrorCode::GenericNotFound, message));
        }
        let until = Timestamp::from_secs(now.timestamp.after(settings.access_ttl()).as_secs());
        let access = self.access(host(request)?, &asked.blob_name, ("rd", until), String::new())?;
        Ok(Outcome::json(200, &access, None))
    }
}
