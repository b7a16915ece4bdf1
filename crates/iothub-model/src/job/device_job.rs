use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::word::{null_is_default, words};
use crate::{Date, JobType, MethodResult};

words! {
    /// How far a job is with one device.
    #[derive(Default)]
    pub enum DeviceJobStatus {
        /// Its turn has not come.
        #[default]
        Pending = "pending",
        /// Its turn comes when the job begins.
        Scheduled = "scheduled",
        /// It is at it.
        Running = "running",
        /// It went well.
        Completed = "completed",
        /// It went wrong.
        Failed = "failed",
        /// The job was cancelled before.
        Canceled = "canceled" | "cancelled",
    }
}

/// How far a job is with one device, as a row of `devices.jobs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceJob {
    /// The device.
    pub device_id: String,
    /// The module of it, if the job is about modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The job.
    pub job_id: String,
    /// What the job does.
    #[serde(default, deserialize_with = "null_is_default")]
    pub job_type: JobType,
    /// How far it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: DeviceJobStatus,
    /// When it began with this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time_utc: Option<Date>,
    /// When it ended with this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time_utc: Option<Date>,
    /// When the device became one of the job's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date_time_utc: Option<Date>,
    /// When something last happened with this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_date_time_utc: Option<Date>,
    /// What came of it, if it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DeviceJobOutcome>,
    /// Why it went wrong, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DeviceJobError>,
}

/// What came of a job with one device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceJobOutcome {
    /// What the device answered, if it was called.
    pub device_method_response: Option<MethodResult>,
}

/// Why it went wrong with one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceJobError {
    /// The name of an [`ErrorCode`](crate::ErrorCode), or its number.
    #[serde(deserialize_with = "text_or_number")]
    pub code: String,
    /// The same in a sentence.
    #[serde(deserialize_with = "null_is_default")]
    pub description: String,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(serde::de::Error::custom("`code` is neither a text nor a number"))
        }
    }
}
