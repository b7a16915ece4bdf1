use serde::{Deserialize, Serialize};

use crate::word::null_is_default;
use crate::{Date, JobStatus, JobType, MethodInvocation, TwinUpdate};

/// A job as a hub tells of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResponse {
    /// Its name.
    pub job_id: String,
    /// What it does.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: JobType,
    /// How far it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: JobStatus,
    /// Which devices it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_condition: Option<String>,
    /// When it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<Date>,
    /// When it begins or began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Date>,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Date>,
    /// How long it may take from its start, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_execution_time_in_seconds: Option<i64>,
    /// The call, if it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_to_device_method: Option<MethodInvocation>,
    /// The change, if it changes twins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_twin: Option<TwinUpdate>,
    /// Why it failed, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// How far it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// How many devices are how far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_job_statistics: Option<DeviceJobStatistics>,
}

/// How many devices of a job are how far. The last four add up to the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceJobStatistics {
    /// Those that the job is about.
    pub device_count: u64,
    /// Those for which it went wrong, or which it did not come to before it ended.
    pub failed_count: u64,
    /// Those for which it went well.
    pub succeeded_count: u64,
    /// Those that are at it.
    pub running_count: u64,
    /// Those that it has not come to yet.
    pub pending_count: u64,
}

impl DeviceJobStatistics {
    /// Devices that are done with, well or not.
    pub const fn done_count(&self) -> u64 {
        self.failed_count + self.succeeded_count
    }
}
