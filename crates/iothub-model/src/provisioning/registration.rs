use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::etag::empty_is_absent;
use crate::word::{null_is_default, words};
use crate::{Date, Etag};

words! {
    /// How a registration stands.
    #[derive(Default)]
    pub enum RegistrationStatus {
        /// Nothing has happened yet.
        #[default]
        Unassigned = "unassigned",
        /// A hub is being chosen, and the device made there.
        Assigning = "assigning",
        /// The device has a hub and can connect there.
        Assigned = "assigned",
        /// It came to nothing.
        Failed = "failed",
        /// The device may not register.
        Disabled = "disabled" | "blacklisted",
    }
}

words! {
    /// What led to the present assignment.
    pub enum RegistrationSubstatus {
        /// The device registered for the first time.
        InitialAssignment = "initialAssignment",
        /// It has another hub than before, and its twin went with it.
        DeviceDataMigrated = "deviceDataMigrated",
        /// Its twin has begun anew.
        DeviceDataReset = "deviceDataReset",
        /// It registered again, and everything is as it was.
        ReprovisionedToInitialAssignment = "reprovisionedToInitialAssignment",
    }
}

/// How the registration of a device stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRegistrationState {
    /// The name under which it registers.
    pub registration_id: String,
    /// When it first did.
    #[serde(default, deserialize_with = "null_is_default")]
    pub created_date_time_utc: Date,
    /// The host name of its hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_hub: Option<String>,
    /// Its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// How it stands.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: RegistrationStatus,
    /// What led to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substatus: Option<RegistrationSubstatus>,
    /// What is wrong, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// When it last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_updated_date_time_utc: Date,
    /// Names the present state of this document.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
    /// What the service hands to the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The group by which it registered, if by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
    /// What the device said about itself when it last registered. Only a local service tells back ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_payload: Option<Value>,
}

/// The answer of the service to a device that registers, or asks what became of that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationOperation {
    /// By which to ask again.
    #[serde(default, deserialize_with = "null_is_default")]
    pub operation_id: String,
    /// How it stands.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: RegistrationStatus,
    /// The rest, as far as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_state: Option<DeviceRegistrationState>,
}

/// What a device says when it registers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationRequest {
    /// The name under which it registers; some clients leave it to their connection to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<String>,
    /// What it says about itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}
