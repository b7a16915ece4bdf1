use serde::{Deserialize, Serialize};

use crate::etag::empty_is_absent;
use crate::word::{null_is_default, words};
use crate::{Authentication, Date, Etag};

words! {
    /// Whether a device may connect.
    #[derive(Default)]
    pub enum Status {
        /// It may.
        #[default]
        Enabled = "enabled",
        /// It may not.
        Disabled = "disabled",
    }
}

words! {
    /// Whether a device is connected, as far as the hub knows.
    #[derive(Default)]
    pub enum ConnectionState {
        /// It is not, or uses a protocol without connections.
        #[default]
        Disconnected = "Disconnected",
        /// It is.
        Connected = "Connected",
    }
}

/// A device as the registry knows it.
///
/// In a request, only what is marked as the caller's choice counts; the hub sets the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Its name: the caller's choice, once.
    pub device_id: String,
    /// Tells this device from one of the same name that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// Names the present state of this document. In a request it is not a condition; `If-Match` is.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
    /// Whether it is connected.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_state: ConnectionState,
    /// Whether it may connect: the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it has this status, at most 128 characters: the caller's choice.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// When `connection_state` last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_state_updated_time: Date,
    /// When `status` last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status_updated_time: Date,
    /// When it last connected, sent or received.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_activity_time: Date,
    /// Messages that wait for it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub cloud_to_device_message_count: u32,
    /// What it proves itself with: the caller's choice, and keys made by the hub if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// What it can do: the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whose child it is: the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_scope: Option<String>,
    /// The scopes of the devices above it: the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_scopes: Option<Vec<String>>,
}

/// What a device can do beyond being a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// Run modules and stand in for a hub to other devices.
    #[serde(deserialize_with = "null_is_default")]
    pub iot_edge: bool,
}
