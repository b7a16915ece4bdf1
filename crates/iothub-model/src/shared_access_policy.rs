use serde::{Deserialize, Serialize};

use crate::SymmetricKey;
use crate::word::null_is_default;

/// A shared access policy of a hub: two keys, and what they let their holder do. Named as in Azure's management API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedAccessPolicy {
    /// What tokens name in `skn`. In a request the address says it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub key_name: String,
    /// Its keys. In a request, those that are absent stay as they are, or are made by the hub if there is no such policy
    /// yet.
    #[serde(flatten)]
    pub keys: SymmetricKey,
    /// Its rights, by their names with commas between: `RegistryRead`, `RegistryWrite`, `ServiceConnect`,
    /// `DeviceConnect`. Absent in a request, they stay as they are.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rights: String,
}
