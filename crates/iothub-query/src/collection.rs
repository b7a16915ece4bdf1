use core::fmt;

/// What a query is about: the word behind `FROM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// The twins of devices.
    Devices,
    /// The twins of modules.
    Modules,
    /// What jobs did with each device.
    Jobs,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 3] = [Self::Devices, Self::Modules, Self::Jobs];

    /// The names that stand at the root of its documents. Queries write these in any case.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Devices | Self::Modules => TWIN_COLUMNS,
            Self::Jobs => JOB_COLUMNS,
        }
    }

    /// The name of that column as documents spell it.
    pub(crate) fn column(self, name: &str) -> Option<&'static str> {
        // An example of the published reference has this name, its table of fields the other.
        let name = match self {
            Self::Jobs if name.eq_ignore_ascii_case("createdTimeUtc") => "createdDateTimeUtc",
            Self::Jobs | Self::Devices | Self::Modules => name,
        };
        self.columns().iter().copied().find(|column| column.eq_ignore_ascii_case(name))
    }
}

/// As a query says it.
impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Devices => "devices",
            Self::Modules => "devices.modules",
            Self::Jobs => "devices.jobs",
        })
    }
}

const TWIN_COLUMNS: &[&str] = &[
    "deviceId",
    "moduleId",
    "etag",
    "deviceEtag",
    "status",
    "statusReason",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "modelId",
    "version",
    "tags",
    "properties",
    "capabilities",
    "deviceScope",
    "parentScopes",
    "configurations",
];

const JOB_COLUMNS: &[&str] = &[
    "deviceId",
    "moduleId",
    "jobId",
    "jobType",
    "status",
    "startTimeUtc",
    "endTimeUtc",
    "createdDateTimeUtc",
    "lastUpdatedDateTimeUtc",
    "outcome",
    "error",
];
