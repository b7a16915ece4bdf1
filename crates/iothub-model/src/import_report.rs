use serde::{Deserialize, Serialize};

use crate::RegistryOperationError;

/// What came of an import: every line was tried by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// How many lines were done, in full.
    pub done: u64,
    /// The lines that nothing was done about, in order.
    pub errors: Vec<LineError>,
}

/// Why nothing was done about a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineError {
    /// Which line of the request, from 1; empty lines count.
    pub line: u64,
    /// The device it is about, and why.
    #[serde(flatten)]
    pub error: RegistryOperationError,
}
