use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::etag::empty_is_absent;
use crate::word::null_is_default;
use crate::{Date, Etag, Object};

/// What a hub is to set, by itself and from then on, in the twins of all devices or modules that meet a condition.
///
/// In a request, only what is marked as the caller's choice counts; the hub sets the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// Its name: the caller's choice, once.
    pub id: String,
    /// The version of this document's shape, `1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<String>,
    /// What its owner notes about it: the caller's choice.
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// What is to be set: the caller's choice, once.
    #[serde(default, deserialize_with = "null_is_default")]
    pub content: ConfigurationContent,
    /// What kind of content it is, for clients that want to know: `assignment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// A condition of the query language, `*` for all, or nothing for none: the caller's choice. One about modules begins
    /// with `FROM devices.modules WHERE`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub target_condition: String,
    /// Of several that target the same, the one of the greatest number applies: the caller's choice.
    #[serde(default, deserialize_with = "null_is_default")]
    pub priority: u32,
    /// When it was made.
    #[serde(default, deserialize_with = "null_is_default")]
    pub created_time_utc: Date,
    /// When it last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_updated_time_utc: Date,
    /// What the hub counts of every configuration.
    #[serde(default, deserialize_with = "null_is_default")]
    pub system_metrics: ConfigurationMetrics,
    /// What its owner wants counted: the queries are the caller's choice.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metrics: ConfigurationMetrics,
    /// Names the present state of this document. In a request it is not a condition; `If-Match` is.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_absent")]
    pub etag: Option<Etag>,
}

/// What a configuration sets: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationContent {
    /// In the twins of devices: values by their places, such as `properties.desired.fan.speed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_content: Option<Object>,
    /// In the twins of the modules of Edge devices: values by their places, by the names of the modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules_content: Option<BTreeMap<String, Object>>,
    /// In the twins of modules: values by their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_content: Option<Object>,
}

/// Queries and how many devices or modules each of them finds, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigurationMetrics {
    /// How many were found.
    #[serde(deserialize_with = "null_is_default")]
    pub results: BTreeMap<String, u64>,
    /// What was asked.
    #[serde(deserialize_with = "null_is_default")]
    pub queries: BTreeMap<String, String>,
}

/// The condition and the queries of a configuration that is still to be made, to have them looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigurationQueries {
    /// As in [`Configuration::target_condition`].
    #[serde(deserialize_with = "null_is_default")]
    pub target_condition: String,
    /// As in [`Configuration::metrics`].
    #[serde(deserialize_with = "null_is_default")]
    pub custom_metric_queries: BTreeMap<String, String>,
}

/// What is wrong with [`ConfigurationQueries`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigurationQueryErrors {
    /// With the condition; empty if nothing is.
    #[serde(deserialize_with = "null_is_default")]
    pub target_condition_error: String,
    /// With those queries that are not right.
    #[serde(deserialize_with = "null_is_default")]
    pub custom_metric_query_errors: BTreeMap<String, String>,
}
