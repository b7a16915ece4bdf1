use std::collections::BTreeMap;

use iothub_model::{ConfigurationContent, Etag};
use serde::{Deserialize, Serialize};

/// What is recorded of a configuration, beside its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptConfiguration {
    /// Tells it from another of the same name. One that was made later has a greater number.
    pub number: u64,
    /// Names its present state.
    pub etag: Etag,
    /// The version of the document's shape, as its owner put it.
    pub schema_version: String,
    /// What its owner notes.
    pub labels: BTreeMap<String, String>,
    /// What it sets. Never changes.
    pub content: ConfigurationContent,
    /// Whom it is for.
    pub target_condition: String,
    /// Which of several is stronger.
    pub priority: u32,
    /// What its owner wants counted, by names.
    pub queries: BTreeMap<String, String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: u64,
}
