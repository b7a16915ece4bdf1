use serde::{Deserialize, Serialize};

use crate::word::null_is_default;

/// What came of a bulk request: every entry was tried by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkRegistryOperationResult {
    /// Whether there are no errors.
    pub is_successful: bool,
    /// The entries that nothing was done about.
    #[serde(default, deserialize_with = "null_is_default")]
    pub errors: Vec<RegistryOperationError>,
    /// The entries that were not done in full.
    #[serde(default, deserialize_with = "null_is_default")]
    pub warnings: Vec<RegistryOperationWarning>,
}

/// Why nothing was done about an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryOperationError {
    /// The device, as the entry names it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub device_id: String,
    /// The module, as the entry names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The name of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: String,
    /// Why, for people.
    #[serde(default, deserialize_with = "null_is_default")]
    pub error_status: String,
    /// The [`ImportMode`](crate::ImportMode) of the entry, if it was readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// What was not done about an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryOperationWarning {
    /// The device.
    #[serde(default, deserialize_with = "null_is_default")]
    pub device_id: String,
    /// What it is called: [`Self::WITHOUT_TWIN`] is the only one that there is.
    pub warning_code: String,
    /// Why, for people.
    #[serde(default, deserialize_with = "null_is_default")]
    pub warning_status: String,
}

impl RegistryOperationWarning {
    /// The identity was registered, and the twin that came with it was not taken.
    pub const WITHOUT_TWIN: &str = "DeviceRegisteredWithoutTwin";
}
