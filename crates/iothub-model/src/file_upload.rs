use serde::{Deserialize, Serialize};

use crate::Date;

/// What a device asks before it uploads a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileUploadRequest {
    /// The name of the file, without that of the device: slashes may divide it.
    pub blob_name: String,
}

/// Where a file goes, or is found, and what opens the door there. `Debug` does not show that.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAccess {
    /// Names the upload when its end is told; empty where nothing is uploaded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    /// The host of the storage, with its port where that is not 443.
    pub host_name: String,
    /// The container in it.
    pub container_name: String,
    /// The name of the blob: `{device}/{name}`.
    pub blob_name: String,
    /// What is appended to the address: `?sv=…&sig=…`. A secret for as long as it lasts.
    pub sas_token: String,
}

impl core::fmt::Debug for FileAccess {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FileAccess")
            .field("correlation_id", &self.correlation_id)
            .field("host_name", &self.host_name)
            .field("container_name", &self.container_name)
            .field("blob_name", &self.blob_name)
            .finish_non_exhaustive()
    }
}

/// How an upload ended, as its device tells the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileUploadCompletion {
    /// Which upload; some clients name it in the path instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Whether the file is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_success: Option<bool>,
    /// What the storage answered, or a number of the device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i64>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_description: Option<String>,
}

/// Tells a back end that a device has uploaded a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileNotification {
    /// Which device.
    pub device_id: String,
    /// Where the file is, without what opens the door there.
    pub blob_uri: String,
    /// The name of the blob: `{device}/{name}`.
    pub blob_name: String,
    /// When it was written.
    pub last_updated_time: Date,
    /// Its length, in bytes.
    pub blob_size_in_bytes: u64,
    /// When the device told its end.
    pub enqueued_time_utc: Date,
}

/// A file that a device has uploaded to a hub of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFile {
    /// The name of the blob: `{device}/{name}`.
    pub blob_name: String,
    /// Whose it is.
    pub device_id: String,
    /// Its length, in bytes.
    pub length: u64,
    /// What is in it, if whoever wrote it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The MD5 of its content in base64, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_md5: Option<String>,
    /// Becomes another one whenever it is written.
    pub etag: String,
    /// When it was written.
    pub last_modified: Date,
}

/// For which file a back end asks for access, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAccessRequest {
    /// The name of the blob: `{device}/{name}`.
    pub blob_name: String,
}
