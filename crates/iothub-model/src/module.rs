use serde::{Deserialize, Serialize};

use crate::etag::empty_is_absent;
use crate::word::null_is_default;
use crate::{Authentication, ConnectionState, Date, Etag};

/// A module of a device as the registry knows it.
///
/// In a request, only what is marked as the caller's choice counts; the hub sets the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Its name, unique within the device: the caller's choice, once.
    pub module_id: String,
    /// Who looks after it, such as `iotEdge`: the caller's choice.
    #[serde(default)]
    pub managed_by: Option<String>,
    /// The device it belongs to: the caller's choice, once.
    pub device_id: String,
    /// Tells this module from one of the same name that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// Names the present state of this document. In a request it is not a condition; `If-Match` is.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
    /// Whether it is connected.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_state: ConnectionState,
    /// When `connection_state` last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_state_updated_time: Date,
    /// When it last connected, sent or received.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_activity_time: Date,
    /// Messages that wait for it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub cloud_to_device_message_count: u32,
    /// What it proves itself with: the caller's choice, and keys made by the hub if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
}
