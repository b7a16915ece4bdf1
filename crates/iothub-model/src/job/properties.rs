use serde::{Deserialize, Serialize};

use crate::word::{null_is_default, words};
use crate::{Date, JobStatus, JobType};

words! {
    /// How a hub proves to a store who it is.
    pub enum StorageAuthentication {
        /// By what the address has in it.
        KeyBased = "keyBased",
        /// By an identity of its own.
        IdentityBased = "identityBased",
    }
}

/// An import or export of devices: what is asked for, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobProperties {
    /// Names it. A hub chooses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// [`JobType::Import`] or [`JobType::Export`].
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: JobType,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time_utc: Option<Date>,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time_utc: Option<Date>,
    /// How much of it is done, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u32>,
    /// Why it failed, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Where an import reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_blob_container_uri: Option<String>,
    /// What it reads there; `devices.txt` unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_blob_name: Option<String>,
    /// Where an export writes, and an import what it could not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_blob_container_uri: Option<String>,
    /// What it writes there; `devices.txt` unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_blob_name: Option<String>,
    /// Whether an export is without keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_keys_in_export: Option<bool>,
    /// How the hub proves to the store who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_authentication_type: Option<StorageAuthentication>,
    /// The identity by which it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<JobIdentity>,
    /// Whether configurations are imported or exported too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_configurations: Option<bool>,
    /// What they are read from or written to; `configurations.txt` unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations_blob_name: Option<String>,
}

/// An identity that a hub proves itself by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobIdentity {
    /// The resource id of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_assigned_identity: Option<String>,
}
