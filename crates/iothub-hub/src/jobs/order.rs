use iothub_model::{JobType, MethodInvocation, TwinUpdate};
use serde::{Deserialize, Serialize};

/// What a back end wants to have done to many devices, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobOrder {
    /// The name of the job.
    pub id: String,
    /// What is done to each device.
    pub work: Work,
    /// Which devices.
    pub condition: String,
    /// When it was taken in, in milliseconds since 1970.
    pub created_ms: u64,
    /// From when on it may begin, in milliseconds since 1970.
    pub from_ms: u64,
    /// How long it may take from its beginning, in seconds.
    pub time_s: u64,
}

/// What a job does to each device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Calls a method.
    Method(MethodInvocation),
    /// Changes the twin.
    Twin(TwinUpdate),
}

impl JobOrder {
    pub(crate) const fn kind(&self) -> JobType {
        match self.work {
            Work::Method(_) => JobType::ScheduleDeviceMethod,
            Work::Twin(_) => JobType::ScheduleUpdateTwin,
        }
    }

    /// What it takes of what a hub keeps of jobs, in bytes.
    pub(crate) fn len(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |json| json.len())
    }
}
