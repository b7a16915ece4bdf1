use serde::{Deserialize, Serialize};

use crate::word::null_is_default;
use crate::{Date, JobType, MethodInvocation, TwinUpdate};

/// What a back end sends to have something done to many devices.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRequest {
    /// Names the job: 1 to 64 ASCII letters, digits and `-`. Empty is what the address says.
    #[serde(default, deserialize_with = "null_is_default")]
    pub job_id: String,
    /// What it does: [`JobType::ScheduleDeviceMethod`] or [`JobType::ScheduleUpdateTwin`].
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: JobType,
    /// The call, if it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_to_device_method: Option<MethodInvocation>,
    /// The change, if it changes twins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_twin: Option<TwinUpdate>,
    /// Which devices: a condition of the query language without its `WHERE`, or `*` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_condition: Option<String>,
    /// The same as a list of names, as it was said in the service's earlier days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_ids: Option<Vec<String>>,
    /// When it begins; at once if absent or past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Date>,
    /// How long it may take from its start, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_execution_time_in_seconds: Option<i64>,
}
