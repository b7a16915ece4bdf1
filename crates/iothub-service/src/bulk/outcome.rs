use core::ops::Range;

use iothub_model::{BulkRegistryOperationResult, RegistryOperationError, RegistryOperationWarning};

use super::chunks::Chunk;
use crate::Error;

/// What came of the entries of one request. Comes from [`Bulk::next`](super::Bulk::next).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkChunk {
    /// The numbers of the entries, from 0 for the first that the iterator gave.
    pub entries: Range<u64>,
    /// Those that nothing was done about.
    pub failures: Vec<BulkFailure>,
    /// Those that were not done in full.
    pub warnings: Vec<RegistryOperationWarning>,
}

/// An entry that nothing was done about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkFailure {
    /// Its number, if the hub named an entry of the request.
    pub entry: Option<u64>,
    /// Whom it is about, and why.
    pub error: RegistryOperationError,
}

/// How much of a bulk is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkProgress {
    /// Entries that the hub has said something about, in whatever order: those that were done and those that failed.
    pub settled: u64,
    /// Of these, those that nothing was done about.
    pub failed: u64,
    /// Of these, those that were not done in full.
    pub warned: u64,
}

/// Why a bulk stands still, and how far it came. Calling [`Bulk::next`](super::Bulk::next) again goes on with it; in
/// another process, whoever leaves out what is settled can.
#[derive(Debug, thiserror::Error)]
#[error("{error} (entries from number {untried} on have not been tried)")]
#[non_exhaustive]
pub struct BulkStopped {
    /// What the first request ended with that came to nothing.
    #[source]
    pub error: Error,
    /// The entries of requests without an answer, in order.
    pub open: Vec<OpenEntries>,
    /// The number of the first entry that has not been in a request. All before it that are not open are settled.
    pub untried: u64,
}

/// Entries, by their numbers, that a hub has said nothing about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenEntries {
    /// Nothing was done about them.
    NotDone(Range<u64>),
    /// Each may have been done or not. Doing it again does no harm but for what must not be there, or has to have an
    /// etag: such entries fail, then.
    Unclear(Range<u64>),
}

impl BulkChunk {
    pub(super) fn new(chunk: &Chunk, result: BulkRegistryOperationResult) -> Self {
        let number = |error: &RegistryOperationError| {
            let is_meant = |name: &super::chunks::Name| {
                name.device == error.device_id && name.module.as_deref() == error.module_id.as_deref()
            };
            let at = chunk.names.iter().position(is_meant)?;
            Some(chunk.first + at as u64)
        };
        let failures = result.errors.into_iter().map(|error| BulkFailure { entry: number(&error), error });
        Self { entries: chunk.entries(), failures: failures.collect(), warnings: result.warnings }
    }
}

impl BulkProgress {
    pub(super) fn add(&mut self, chunk: &BulkChunk) {
        self.settled += chunk.entries.end - chunk.entries.start;
        self.failed += chunk.failures.len() as u64;
        self.warned += chunk.warnings.len() as u64;
    }
}
