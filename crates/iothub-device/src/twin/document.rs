use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// Both halves of a twin, with their `$version` members.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TwinDocument {
    /// What the back end wants.
    pub desired: Value,
    /// What the device has reported.
    pub reported: Value,
}

impl TwinDocument {
    /// The version of the desired properties, to be compared with
    /// [`DesiredUpdate::version`](crate::DesiredUpdate::version).
    pub fn desired_version(&self) -> Option<u64> {
        self.desired.get("$version").and_then(Value::as_u64)
    }

    /// The version of the reported properties.
    pub fn reported_version(&self) -> Option<u64> {
        self.reported.get("$version").and_then(Value::as_u64)
    }
}

/// One half of a twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinSection {
    /// Its version, where the hub said it.
    pub version: Option<u64>,
    /// The properties, without their version.
    pub properties: Value,
}

/// One half of a twin as it came.
#[derive(Debug)]
pub(crate) struct RawSection {
    pub(crate) version: Option<u64>,
    pub(crate) json: Bytes,
}
