use serde::{Deserialize, Serialize};

use crate::Date;

/// What a hub remembers of having refused a device something, or a back end something about it.
///
/// This is an extra of a local hub; Azure does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalRecord {
    /// The device, or `device/module`.
    pub who: String,
    /// What was refused, such as `CONNECT refused`.
    pub what: String,
    /// The rule that was broken, in a word.
    pub rule: String,
    /// What was presented, and what is wrong with it. Holds no secret.
    pub why: String,
    /// What to do about it.
    pub advice: String,
    /// When it first happened.
    pub first: Date,
    /// When it last happened.
    pub last: Date,
    /// How often it happened in a row.
    pub count: u64,
}
