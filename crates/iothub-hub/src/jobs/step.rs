use serde::{Deserialize, Serialize};

use crate::jobs::order::JobOrder;
use crate::jobs::result::DeviceResult;
use crate::jobs::slots::Slots;
use iothub_model::JobStatus;

/// One step of a job, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JobStep {
    /// It was taken in.
    Created {
        /// What is to be done.
        order: Box<JobOrder>,
    },
    /// Its time has come, and there was room for it: from now on its devices are looked for.
    Started {
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// A part of the registry was looked through.
    Found {
        /// The place of the first of these in the job.
        first: u32,
        /// The devices found, or modules as `device/module`.
        names: Vec<String>,
        /// The last that was looked at; `None` when all were.
        reached: Option<String>,
    },
    /// Calls are on their way, or would have been if the hub had not ended.
    Began {
        /// To these devices.
        slots: Slots,
        /// Since when, in milliseconds since 1970.
        at_ms: u64,
    },
    /// Devices are done with.
    Settled {
        /// When, in milliseconds since 1970.
        at_ms: u64,
        /// Which devices, and what came of it.
        results: Vec<(Slots, DeviceResult)>,
    },
    /// Nothing more happens: devices that are not done with are not begun with any more.
    Ended {
        /// How.
        status: JobStatus,
        /// Why, if it failed.
        reason: Option<String>,
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// It is forgotten.
    Removed,
    /// All there is of it but for its devices. Changes nothing in the hub that records it.
    Stated {
        /// All of that.
        job: Box<StatedJob>,
    },
    /// Some of its devices. Changes nothing in the hub that records it.
    DevicesStated {
        /// The place of the first.
        first: u32,
        /// What came of some of these.
        results: Vec<DeviceResult>,
        /// The devices.
        devices: Vec<StatedDevice>,
    },
}

/// A job without its devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatedJob {
    pub(crate) order: JobOrder,
    pub(crate) started_ms: Option<u64>,
    /// Whether its devices are all found.
    pub(crate) found: bool,
    pub(crate) reached: Option<String>,
    pub(crate) ended: Option<JobEnd>,
}

/// How a job has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobEnd {
    pub(crate) status: JobStatus,
    pub(crate) reason: Option<String>,
    pub(crate) at_ms: u64,
}

/// A device of a job: its name and how far the job is with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedDevice(pub(crate) String, pub(crate) StatedProgress);

/// Times are in milliseconds since the job began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StatedProgress {
    #[serde(rename = "p")]
    Pending,
    #[serde(rename = "r")]
    Running(u32),
    /// Began, ended, and which of the results.
    #[serde(rename = "d")]
    Done(u32, u32, u32),
}

impl JobStep {
    /// Whether it says again what is so already.
    pub const fn is_restated(&self) -> bool {
        match self {
            Self::Stated { .. } | Self::DevicesStated { .. } => true,
            Self::Created { .. }
            | Self::Started { .. }
            | Self::Found { .. }
            | Self::Began { .. }
            | Self::Settled { .. }
            | Self::Ended { .. }
            | Self::Removed => false,
        }
    }
}
