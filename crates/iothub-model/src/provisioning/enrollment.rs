use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::etag::empty_is_absent;
use crate::word::{null_is_default, words};
use crate::{Attestation, Capabilities, Date, DeviceRegistrationState, Etag, Object};

words! {
    /// Whether devices may register by an enrollment.
    #[derive(Default)]
    pub enum ProvisioningStatus {
        /// They may.
        #[default]
        Enabled = "enabled",
        /// They may not.
        Disabled = "disabled",
    }
}

words! {
    /// How the hub of a device is chosen.
    #[derive(Default)]
    pub enum AllocationPolicy {
        /// Evenly, by the name of the device.
        #[default]
        Hashed = "hashed",
        /// By how near it is.
        GeoLatency = "geoLatency",
        /// The one that the enrollment names.
        Static = "static",
        /// By a function of the owner's.
        Custom = "custom",
    }
}

words! {
    /// What a bulk request does with each enrollment.
    pub enum BulkEnrollmentMode {
        /// Makes it.
        Create = "create",
        /// Changes it, whatever it is.
        Update = "update",
        /// Changes it if its etag is that of the entry.
        UpdateIfMatchEtag = "updateIfMatchETag",
        /// Deletes it.
        Delete = "delete",
    }
}

/// One device that may register.
///
/// In a request, only what is marked as the caller's choice counts; the service sets the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndividualEnrollment {
    /// The name under which the device registers: the caller's choice, once.
    pub registration_id: String,
    /// The name that it gets in its hub: the caller's choice. Without one, `registration_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// How its registration stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_state: Option<DeviceRegistrationState>,
    /// What its owner notes about it: the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional_device_information: Option<Object>,
    /// What it shares with groups.
    #[serde(flatten)]
    pub terms: EnrollmentTerms,
}

/// Devices that may register because they have proofs of the same origin.
///
/// In a request, only what is marked as the caller's choice counts; the service sets the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentGroup {
    /// Its name: the caller's choice, once.
    pub enrollment_group_id: String,
    /// What it shares with individual enrollments.
    #[serde(flatten)]
    pub terms: EnrollmentTerms,
}

/// On what terms devices may register, and what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnrollmentTerms {
    /// What they prove themselves with: the caller's choice. Keys that are left out are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// What they can do: the caller's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// The hub that they are assigned to: the caller's choice. A name for the only one of `iot_hubs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iot_hub_host_name: Option<String>,
    /// What their twins begin with: the caller's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_twin: Option<InitialTwin>,
    /// Names the present state of this document. In a request it is not a condition; `If-Match` is.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
    /// Whether they may: the caller's choice.
    #[serde(deserialize_with = "null_is_default")]
    pub provisioning_status: ProvisioningStatus,
    /// What happens to those that register again: the caller's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reprovision_policy: Option<ReprovisionPolicy>,
    /// When it was made.
    #[serde(deserialize_with = "null_is_default")]
    pub created_date_time_utc: Date,
    /// When it last changed.
    #[serde(deserialize_with = "null_is_default")]
    pub last_updated_date_time_utc: Date,
    /// How their hub is chosen: the caller's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_policy: Option<AllocationPolicy>,
    /// Among which: the caller's choice. Without any, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iot_hubs: Option<Vec<String>>,
    /// What is handed to each device that registers: the caller's choice. Only a local service has it. Azure's hands over
    /// what a function of the owner's returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// What a twin begins with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitialTwin {
    /// What back ends note about the device.
    #[serde(deserialize_with = "null_is_default")]
    pub tags: Object,
    /// What back ends want.
    #[serde(deserialize_with = "null_is_default")]
    pub properties: InitialTwinProperties,
}

/// What back ends want of a new device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitialTwinProperties {
    /// The desired properties.
    #[serde(deserialize_with = "null_is_default")]
    pub desired: Object,
}

/// What happens to a device that registers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReprovisionPolicy {
    /// Whether its hub is chosen anew. If not, it is told what it was told before.
    pub update_hub_assignment: bool,
    /// Whether its twin goes with it. If not, the twin begins anew.
    pub migrate_device_data: bool,
}

/// It goes where it belongs now, with its twin.
impl Default for ReprovisionPolicy {
    fn default() -> Self {
        Self { update_hub_assignment: true, migrate_device_data: true }
    }
}

/// What is to be done with many enrollments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkEnrollmentOperation {
    /// What.
    pub mode: BulkEnrollmentMode,
    /// With which.
    pub enrollments: Vec<IndividualEnrollment>,
}

/// What came of a [`BulkEnrollmentOperation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkEnrollmentResult {
    /// Whether everything was done.
    pub is_successful: bool,
    /// What was not, and why.
    #[serde(default, deserialize_with = "null_is_default")]
    pub errors: Vec<BulkEnrollmentError>,
}

/// Why nothing was done with an enrollment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkEnrollmentError {
    /// With which.
    pub registration_id: String,
    /// The number of the kind of problem.
    pub error_code: u32,
    /// Why, in words.
    pub error_status: String,
}
