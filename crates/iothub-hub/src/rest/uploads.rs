//! What a device asks that uploads a file: where to, and that it is done.

use iothub_model::{Date, ErrorCode, FileAccess, FileNotification, FileUploadCompletion, FileUploadRequest};
use iothub_proto::{Now, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::pickup::KeptRecord;
use crate::registry::Key;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};
use crate::uploads::{CONTAINER, FileSettings, Grant, KeptUpload, correlation_id, expiry_of};

impl Hub {
    /// Gives a device access for one file, and remembers that it uploads it.
    pub(super) fn begin_upload(
        &mut self,
        now: Now,
        (key, name): (&Key, Option<&str>),
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let settings = self.file_settings()?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => json::<FileUploadRequest>(request.body)?.blob_name,
        };
        let name = format!("{}/{}", key.device, checked(&name)?);
        if self.uploads.count_of(&key.device) >= FileSettings::UPLOADS_PER_DEVICE {
            let message = format!(
                "{} uploads of this device are open, which is the most: tell the end of one, or wait until it is over",
                FileSettings::UPLOADS_PER_DEVICE
            );
            return Err(Failure::new(ErrorCode::DeviceMaximumActiveFileUploadLimitExceeded, message));
        }
        if self.uploads.len() >= FileSettings::UPLOADS_MAX {
            let message = "too many devices upload files: try again later";
            return Err(Failure::gateway(ErrorCode::ServerBusy, message));
        }
        let host = host(request)?;
        // To the second, as the signature says it.
        let until = Timestamp::from_secs(now.timestamp.after(settings.access_ttl()).as_secs());
        let id = correlation_id(&self.source.correlation_id(), until);
        let access = self.access(host, &name, ("rw", until), id.clone())?;
        let upload = KeptUpload {
            device: key.device.clone(),
            name,
            host: host.into(),
            began_ms: now.timestamp.as_millis(),
            expires_ms: until.as_millis(),
        };
        self.watch_upload(now, id.clone(), upload.expires_ms);
        self.record(Change::UploadBegan { id, upload, is_restated: false }, effects);
        Ok(Outcome::json(200, &access, None))
    }

    /// Hears how an upload ended, and has back ends told if there is a file.
    pub(super) fn complete_upload(
        &mut self,
        now: Now,
        (key, id): (&Key, Option<&str>),
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.file_settings()?;
        let told: FileUploadCompletion = json(request.body)?;
        let id = id.or(told.correlation_id.as_deref()).unwrap_or_default();
        let upload = self.uploads.get(id).filter(|upload| upload.device == key.device).cloned();
        let expiry = expiry_of(id).filter(|expiry| *expiry <= now.timestamp);
        let Some(upload) = upload.filter(|_| expiry.is_none()) else {
            let unknown =
                "there is no upload of that correlationId for this device, or its end was told already";
            return Err(match expiry {
                Some(_) => Failure::new(
                    ErrorCode::ExpiredFileUploadCorrelationId,
                    "the time for this upload is over: begin another one",
                ),
                None => Failure::new(ErrorCode::InvalidFileUploadCorrelationId, unknown),
            });
        };
        let Some(is_success) = told.is_success else {
            let message = "isSuccess is missing: it says whether the file is there";
            return Err(Failure::new(ErrorCode::InvalidFileUploadCompletionStatus, message));
        };
        if is_success {
            self.announce_file(now, &upload, effects)?;
        }
        self.charge(now, 0);
        self.end_upload(id, effects);
        Ok(Outcome::empty(204))
    }

    fn announce_file(&mut self, now: Now, upload: &KeptUpload, effects: &mut Effects) -> Result<(), Failure> {
        let written = self.blobs.get(&upload.name).filter(|blob| blob.modified_ms >= upload.began_ms);
        let Some(blob) = written else {
            let message = "nothing was written since this upload began, so it cannot have been a success";
            return Err(Failure::new(ErrorCode::InvalidStorageEndpointOrBlob, message));
        };
        let settings = self.file_settings()?;
        let Some(ttl) = settings.notification_ttl() else { return Ok(()) };
        let record = FileNotification {
            device_id: upload.device.clone(),
            blob_uri: format!("https://{}/{CONTAINER}/{}", upload.host, in_path(&upload.name)),
            blob_name: upload.name.clone(),
            last_updated_time: Date::from_millis(blob.modified_ms),
            blob_size_in_bytes: blob.len,
            enqueued_time_utc: Date::from_millis(now.timestamp.as_millis()),
        };
        let expires_ms = now.timestamp.after(ttl).as_millis();
        let number = self.file_notifications.next_number();
        let notification = Box::new(KeptRecord { record, expires_ms });
        self.record(Change::FileNotificationAdded { number, notification }, effects);
        Ok(())
    }

    /// What opens the door to one file.
    pub(super) fn access(
        &self,
        host: &str,
        name: &str,
        (permissions, until): (&str, Timestamp),
        correlation_id: String,
    ) -> Result<FileAccess, Failure> {
        let key = self.uploads.key().ok_or_else(not_configured)?;
        Ok(FileAccess {
            correlation_id,
            host_name: host.into(),
            container_name: CONTAINER.into(),
            blob_name: name.into(),
            sas_token: Grant { name, permissions, until }.sign(key),
        })
    }

    pub(super) fn file_settings(&self) -> Result<FileSettings, Failure> {
        self.config.files.ok_or_else(not_configured)
    }
}

/// The hub as whoever asks calls it, who will find the files there as well.
pub(super) fn host<'a>(request: &RestRequest<'a>) -> Result<&'a str, Failure> {
    let host = request.header("host").unwrap_or_default();
    let is_one = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if (1..=HOST_MAX).contains(&host.len()) && host.bytes().all(is_one) {
        return Ok(host);
    }
    Err(Failure::new(ErrorCode::ArgumentInvalid, "the header Host does not name this hub"))
}

/// A name that an address can have: clients take `.` and `..` out of a path, and would reach something else.
fn checked(name: &str) -> Result<&str, Failure> {
    let unfit = |why: &str| Err(Failure::new(ErrorCode::ArgumentInvalid, format!("blobName: {why}")));
    if name.is_empty() || name.starts_with('/') {
        return unfit("it is missing, or begins with a slash");
    }
    if name.chars().nth(FileSettings::NAME_MAX).is_some() {
        return unfit(&format!("it has more than {} characters", FileSettings::NAME_MAX));
    }
    if name.chars().any(char::is_control) {
        return unfit("it has control characters");
    }
    if name.split(['/', '\\']).any(|part| part == "." || part == "..") {
        return unfit("a part of it is `.` or `..`, which addresses cannot have");
    }
    Ok(name)
}

fn in_path(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

fn not_configured() -> Failure {
    let message = "this hub keeps no files of devices";
    Failure::new(ErrorCode::DefaultStorageEndpointNotConfigured, message)
}

/// All but what every client leaves as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest name of a host with its port, in bytes.
const HOST_MAX: usize = 260;
