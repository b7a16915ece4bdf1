use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::word::words;

/// A page of what a query answers, and how its rows were found.
///
/// This is an extra of a local hub; Azure does not tell.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ExplainedRows {
    /// How they were found.
    pub plan: QueryPlan,
    /// The rows.
    pub rows: Vec<Value>,
}

/// How a hub has found the rows of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPlan {
    /// Which devices and modules it looked at.
    pub access: QueryAccess,
    /// What indexes have said, in the order of the query.
    pub indexes: Vec<IndexUse>,
    /// Why it is not by index that they were found, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many devices and modules are looked at for all pages together, if that is known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<u64>,
    /// How many were looked at for this page.
    pub looked_at: u64,
    /// How many there are.
    pub identities: u64,
}

/// What an index has said about a part of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexUse {
    /// The part, as a query says it.
    pub constraint: String,
    /// For how many devices and modules it can be so.
    pub identities: u64,
}

words! {
    /// Which devices and modules are looked at for a query.
    #[derive(Default)]
    pub enum QueryAccess {
        /// No twins.
        #[default]
        None = "none",
        /// Those that indexes have named.
        Index = "index",
        /// Those whose names can be meant.
        Names = "names",
        /// All.
        All = "all",
    }
}
