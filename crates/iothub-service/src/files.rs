use bytes::Bytes;
use iothub_model::{FileAccess, FileAccessRequest, FileNotification, Refusal, StoredFile};
use reqwest::header::ETAG;
use reqwest::{Method, Response};

use crate::pages::CONTINUATION;
use crate::request::{Repeat, Request, percent};
use crate::{Error, Service};

/// That a device has uploaded a file. Comes from [`Service::receive_file_notification`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNotice {
    /// Which file, and where it is.
    pub record: FileNotification,
    lock: String,
}

/// The content of a file, as it comes. From [`Service::download_file`].
pub struct Download {
    response: Response,
    service: Service,
}

/// # Files that devices have uploaded
///
/// The hub hands out each notification to one reader, for as long as its lock lasts: a minute, unless it was told
/// otherwise. Azure serves notifications by AMQP, and keeps files in a storage account that has keys of its own. Takes the
/// right ServiceConnect.
impl Service {
    /// Receives a notification, if there is one.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn receive_file_notification(&self) -> Result<Option<FileNotice>, Error> {
        let answer = self.exchange(Request::get(NOTIFICATIONS.into()).repeated(Repeat::IfNotDone)).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        let record = self.document(&answer.body)?;
        let lock = answer.text(&ETAG);
        let lock = lock.ok_or_else(|| self.unreadable("a notification without a lock".into()))?;
        Ok(Some(FileNotice { record, lock: lock.trim_matches('"').into() }))
    }

    /// Says that a notification was read: nobody gets it again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceMessageLockLost` when its lock has ended; see [`Error`] for others.
    pub async fn complete_file_notification(&self, notice: &FileNotice) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(format!("{NOTIFICATIONS}/{}", notice.lock))).await
    }

    /// Gives a notification back, for another reader.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceMessageLockLost` when its lock has ended; see [`Error`] for others.
    pub async fn abandon_file_notification(&self, notice: &FileNotice) -> Result<(), Error> {
        self.send_for_nothing(Request::post(format!("{NOTIFICATIONS}/{}/abandon", notice.lock))).await
    }

    /// Lists files by their names, of those whose names begin like that: `{device}/` for those of one device.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_files(&self, prefix: &str) -> Result<Vec<StoredFile>, Error> {
        let mut files: Vec<StoredFile> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut request = Request::get("/$local/files".into()).text("prefix", prefix);
            if let Some(after) = &after {
                request = request.header(CONTINUATION, after)?;
            }
            let answer = self.exchange(request).await?;
            files.extend(self.document::<Vec<StoredFile>>(&answer.body)?);
            after = answer.text(&CONTINUATION).map(Into::into);
            if after.is_none() {
                return Ok(files);
            }
        }
    }

    /// Gives access to one file, to fetch and to remove it: for clients of Azure's storage.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GenericNotFound` if there is no such file; see [`Error`] for others.
    pub async fn file_access(&self, blob_name: &str) -> Result<FileAccess, Error> {
        let asked = FileAccessRequest { blob_name: blob_name.into() };
        let request = Request::post("/$local/files/access".into()).json(&asked);
        self.send(request.repeated(Repeat::Freely)).await
    }

    /// Fetches a file.
    ///
    /// # Errors
    ///
    /// As [`Self::file_access`].
    pub async fn download_file(&self, blob_name: &str) -> Result<Download, Error> {
        let access = self.file_access(blob_name).await?;
        let response = self.ask_storage(Method::GET, &access).await?;
        Ok(Download { response, service: self.clone() })
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As [`Self::file_access`].
    pub async fn delete_file(&self, blob_name: &str) -> Result<(), Error> {
        let access = self.file_access(blob_name).await?;
        self.ask_storage(Method::DELETE, &access).await.map(drop)
    }

    async fn ask_storage(&self, method: Method, access: &FileAccess) -> Result<Response, Error> {
        let FileAccess { host_name, container_name, blob_name, sas_token, .. } = access;
        let url =
            format!("https://{host_name}/{}/{}{sas_token}", percent(container_name), percent(blob_name));
        let response = self.open_url(method, &url).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok());
        Err(Error::refused(response.status().as_u16(), Refusal::read(code, b""), None))
    }
}

impl Download {
    /// Its length, in bytes, where that is said.
    pub fn content_len(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`Error`] if the connection breaks, or if nothing comes for as long as a request may take.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let (host, after) = (self.service.reached(), self.service.usual_deadline());
        let piece = tokio::time::timeout(after, self.response.chunk()).await;
        let piece = piece.map_err(|_| Error::TimedOut { host, after })?;
        // In the address is what opens the door.
        piece.map_err(|error| self.service.transport(&error.without_url()))
    }

    /// All of it, in memory.
    ///
    /// # Errors
    ///
    /// As [`Self::next`].
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }
}

/// Without the address, which opens the door to the file.
impl core::fmt::Debug for Download {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Download").field("content_len", &self.content_len()).finish_non_exhaustive()
    }
}

const NOTIFICATIONS: &str = "/messages/serviceBound/filenotifications";
