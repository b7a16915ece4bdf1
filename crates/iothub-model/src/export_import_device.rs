use serde::{Deserialize, Deserializer, Serialize};

use crate::word::{null_is_default, words};
use crate::{Authentication, Capabilities, Etag, Object, Patch, Status};

words! {
    /// What a bulk request or an import is to do with one device or module.
    #[derive(Default)]
    pub enum ImportMode {
        /// Register it if it is not there, else change it, whatever its etag. What is meant where nothing is said.
        #[default]
        CreateOrUpdate = "createOrUpdate",
        /// Register it if it is not there, else change it if it has the given etag.
        CreateOrUpdateIfMatchETag = "createOrUpdateIfMatchETag",
        /// Register it; it must not be there.
        Create = "create",
        /// Change it, whatever its etag; it must be there.
        Update = "update",
        /// Change it if it has the given etag.
        UpdateIfMatchETag = "updateIfMatchETag",
        /// Change its twin by a merge patch, whatever the twin's etag.
        UpdateTwin = "updateTwin",
        /// Change its twin by a merge patch if the twin has the given etag.
        UpdateTwinIfMatchETag = "updateTwinIfMatchETag",
        /// Delete it, whatever its etag; it must be there.
        Delete = "delete",
        /// Delete it if it has the given etag.
        DeleteIfMatchETag = "deleteIfMatchETag",
    }
}

/// A device or module with its twin, as bulk requests, imports and exports have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportImportDevice {
    /// The device.
    pub id: String,
    /// The module of it, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The etag of the identity.
    #[serde(rename = "eTag", skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
    /// What is to be done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_mode: Option<ImportMode>,
    /// Whether it may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it has this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// What it proves itself with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// The etag of the twin.
    #[serde(rename = "twinETag", skip_serializing_if = "Option::is_none")]
    pub twin_etag: Option<Etag>,
    /// The tags of the twin.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub tags: Patch<Object>,
    /// The properties of the twin.
    #[serde(skip_serializing_if = "ImportedProperties::is_absent")]
    pub properties: ImportedProperties,
    /// What it can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whose child it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_scope: Option<String>,
    /// The scopes of the devices above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_scopes: Option<Vec<String>>,
    /// Who looks after a module. IoT Hub's own exports do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

/// The properties of an [`ExportImportDevice`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportedProperties {
    /// What back ends want.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub desired: Patch<Object>,
    /// What the device says.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub reported: Patch<Object>,
}

impl ImportedProperties {
    /// Whether neither section is mentioned.
    pub const fn is_absent(&self) -> bool {
        self.desired.is_absent() && self.reported.is_absent()
    }
}

impl<'de> Deserialize<'de> for ExportImportDevice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        Ok(Self {
            id: members.id,
            module_id: members.module_id.filter(|name| !name.is_empty()),
            etag: members.e_tag.or(members.etag),
            import_mode: members.import_mode,
            status: members.status,
            status_reason: members.status_reason,
            authentication: members.authentication,
            twin_etag: members.twin_etag,
            tags: members.tags,
            properties: members.properties,
            capabilities: members.capabilities,
            device_scope: members.device_scope,
            parent_scopes: members.parent_scopes,
            managed_by: members.managed_by,
        })
    }
}

/// Devices that were read one by one have `etag`, and are sent back in bulk as they are: both spellings count.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    id: String,
    #[serde(default)]
    module_id: Option<String>,
    #[serde(default, rename = "eTag", deserialize_with = "crate::etag::empty_is_absent")]
    e_tag: Option<Etag>,
    #[serde(default, deserialize_with = "crate::etag::empty_is_absent")]
    etag: Option<Etag>,
    #[serde(default)]
    import_mode: Option<ImportMode>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    status_reason: Option<String>,
    #[serde(default)]
    authentication: Option<Authentication>,
    #[serde(default, rename = "twinETag", deserialize_with = "crate::etag::empty_is_absent")]
    twin_etag: Option<Etag>,
    #[serde(default)]
    tags: Patch<Object>,
    #[serde(default, deserialize_with = "null_is_default")]
    properties: ImportedProperties,
    #[serde(default)]
    capabilities: Option<Capabilities>,
    #[serde(default)]
    device_scope: Option<String>,
    #[serde(default)]
    parent_scopes: Option<Vec<String>>,
    #[serde(default)]
    managed_by: Option<String>,
}
