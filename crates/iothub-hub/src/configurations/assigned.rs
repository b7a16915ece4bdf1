use std::collections::BTreeMap;

use iothub_model::Object;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The configurations that target a device or module, by their names.
pub type Assigned = BTreeMap<String, Assignment>;

/// What a configuration means for one device or module that it targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Which configuration of that name: they are numbered, and none has the number of another.
    pub number: u64,
    /// Its priority then.
    pub priority: u32,
    /// Whether it has any effect.
    pub status: AssignmentStatus,
}

/// Whether a configuration has any effect on what it targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AssignmentStatus {
    /// Not any: others of a higher priority set all that it would.
    Targeted,
    /// What it has to set is set, at least in part.
    Applied,
}

impl AssignmentStatus {
    /// As twins have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Targeted => "Targeted",
            Self::Applied => "Applied",
        }
    }
}

/// The member `configurations` of a twin.
pub(crate) fn document(assigned: &Assigned) -> Object {
    let each = |(id, assignment): (&String, &Assignment)| {
        (id.clone(), json!({"status": assignment.status.as_str()}))
    };
    assigned.iter().map(each).collect()
}
