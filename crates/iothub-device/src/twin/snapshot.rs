use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A twin at one moment, without its `$version` members. Cheap to clone.
///
/// Made by [`Replica`](crate::Replica); it does not change any more.
#[derive(Clone, Debug, PartialEq)]
pub struct TwinSnapshot {
    pub(super) desired: Arc<Half>,
    pub(super) reported: Arc<Half>,
}

/// The desired or the reported properties.
#[derive(Debug, PartialEq)]
pub(super) struct Half {
    pub(super) version: u64,
    /// An object.
    pub(super) properties: Value,
}

impl TwinSnapshot {
    /// What the back end wants: a JSON object.
    pub fn desired(&self) -> &Value {
        &self.desired.properties
    }

    /// What the device has reported: a JSON object.
    pub fn reported(&self) -> &Value {
        &self.reported.properties
    }

    /// The version of the desired properties.
    pub fn desired_version(&self) -> u64 {
        self.desired.version
    }

    /// The version of the reported properties.
    pub fn reported_version(&self) -> u64 {
        self.reported.version
    }
}

/// Reads a value, or one in it.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(value)
}

/// `None` where there is nothing.
pub(super) fn read_at<T: DeserializeOwned>(
    properties: &Value,
    pointer: &str,
) -> Result<Option<T>, serde_json::Error> {
    properties.pointer(pointer).map(read).transpose()
}
