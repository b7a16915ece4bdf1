use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CommandOutcome, Date};

/// A command as back ends see it: one that waits for its device, or one that came to nothing.
///
/// This is an extra of a local hub; Azure shows how many there are and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandDocument {
    /// Numbers the commands of one device, from 1.
    pub sequence_number: u64,
    /// When the hub took it in.
    pub enqueued_time_utc: Date,
    /// When it is dropped if it was not completed.
    pub expires_at_utc: Date,
    /// How often it was delivered and came to nothing.
    pub delivery_count: u32,
    /// Whether the device has it and has not settled it yet.
    #[serde(default)]
    pub delivered: bool,
    /// What became of it, if it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CommandOutcome>,
    /// When it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_lettered_time_utc: Option<Date>,
    /// System properties, by their names on the service's side.
    pub system_properties: BTreeMap<String, String>,
    /// The application's properties.
    pub properties: BTreeMap<String, String>,
    /// The body, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body in base64, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}
