//! Work on many devices at once, as back ends ask for it and are told of it.

mod device_job;
mod properties;
mod request;
mod response;
mod twin_update;

use crate::word::words;

pub use device_job::{DeviceJob, DeviceJobError, DeviceJobOutcome, DeviceJobStatus};
pub use properties::{JobIdentity, JobProperties, StorageAuthentication};
pub use request::JobRequest;
pub use response::{DeviceJobStatistics, JobResponse};
pub use twin_update::TwinUpdate;

words! {
    /// What a job does. Older pages have other names for two of them, which are understood.
    #[derive(Default)]
    pub enum JobType {
        /// Not said.
        #[default]
        Unknown = "unknown",
        /// Calls a method of each device.
        ScheduleDeviceMethod = "scheduleDeviceMethod" | "scheduledDeviceMethod" | "scheduleDirectRequest",
        /// Changes the twin of each device.
        ScheduleUpdateTwin = "scheduleUpdateTwin" | "scheduledUpdateTwin" | "scheduleTwinUpdate",
        /// Writes the registry to a file.
        Export = "export",
        /// Creates, changes and deletes devices as a file says.
        Import = "import",
        /// Copies the hub.
        Backup = "backup",
        /// Of the service's earlier days.
        ReadDeviceProperties = "readDeviceProperties",
        /// Of the service's earlier days.
        WriteDeviceProperties = "writeDeviceProperties",
        /// Of the service's earlier days.
        UpdateDeviceConfiguration = "updateDeviceConfiguration",
        /// Of the service's earlier days.
        RebootDevice = "rebootDevice",
        /// Of the service's earlier days.
        FactoryResetDevice = "factoryResetDevice",
        /// Of the service's earlier days.
        FirmwareUpdate = "firmwareUpdate",
        /// Makes a hub of a copy.
        RestoreFromBackup = "restoreFromBackup",
        /// Copies what a hub elsewhere needs to take over.
        FailoverDataCopy = "failoverDataCopy",
    }
}

words! {
    /// How far a job is.
    #[derive(Default)]
    pub enum JobStatus {
        /// Not said.
        #[default]
        Unknown = "unknown",
        /// Taken in; it begins as soon as there is room among those that run.
        Queued = "queued",
        /// The same, of an import or export.
        Enqueued = "enqueued",
        /// It begins when its time has come.
        Scheduled = "scheduled",
        /// Under way.
        Running = "running",
        /// All devices are done with, however it went with each of them.
        Completed = "completed",
        /// It could not be done.
        Failed = "failed",
        /// Somebody has ended it before it was done.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// Whether nothing happens to the job any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Unknown | Self::Queued | Self::Enqueued | Self::Scheduled | Self::Running => false,
        }
    }
}
