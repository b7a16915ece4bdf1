use serde::{Deserialize, Serialize};

use crate::transfers::step::TransferStep;

/// How far an import is, recorded with what its lines have changed: a hub that begins anew goes on behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportProgress {
    /// Bytes that were read and are done with.
    pub(super) read: u64,
    /// Bytes of the whole file.
    pub(super) len: u64,
    /// Lines that were read, and those of them that nothing was done about.
    pub(super) lines: u64,
    pub(super) failed: u64,
    /// Bytes of errors that are in their file.
    pub(super) written: u64,
    /// The errors behind them, which are to be written yet.
    pub(super) unwritten: String,
    /// There is nothing more to be read.
    pub(super) is_last: bool,
}

impl ImportProgress {
    /// What comes when this is recorded.
    pub(super) fn step(&self) -> TransferStep {
        match self.unwritten.is_empty() {
            true => self.step_behind_errors(),
            false => TransferStep::Write { lines: self.unwritten.clone().into_bytes() },
        }
    }

    /// What comes when all errors are in their file.
    pub(super) const fn step_behind_errors(&self) -> TransferStep {
        if self.is_last { TransferStep::Finish } else { TransferStep::Read }
    }
}
