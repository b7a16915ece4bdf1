//! Many identities, a hundred a request.

mod chunks;
mod outcome;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use iothub_model::{BulkRegistryOperationResult, ExportImportDevice, ImportMode};
use tokio::task::{JoinError, JoinSet};

use crate::request::{Repeat, Request};
use crate::{Backoff, Error, RetryPolicy, Service};
use chunks::{Chunk, Chunks};

pub use outcome::{BulkChunk, BulkFailure, BulkProgress, BulkStopped, OpenEntries};

/// # Many identities at once, continued
impl Service {
    /// Prepares to do what each entry says, however many they are. Nothing is sent before [`Bulk::next`] or
    /// [`Bulk::run`]. Takes the right RegistryWrite, and works with the real service.
    ///
    /// ```no_run
    /// use iothub_model::{ExportImportDevice, ImportMode};
    /// # async fn create(service: &iothub_service::Service) -> Result<(), iothub_service::BulkStopped> {
    /// let pumps = (0..5000).map(|n| ExportImportDevice { id: format!("pump-{n}"), ..ExportImportDevice::default() });
    /// let mut bulk = service.bulk_all(pumps).mode(ImportMode::Create);
    /// let total = bulk.run(|chunk, so_far| {
    ///     for failure in &chunk.failures {
    ///         eprintln!("{}: {}", failure.error.device_id, failure.error.error_status);
    ///     }
    ///     println!("{} of 5000, {} failed", so_far.settled, so_far.failed);
    /// }).await?;
    /// # Ok(()) }
    /// ```
    pub fn bulk_all<I: IntoIterator<Item = ExportImportDevice>>(&self, entries: I) -> Bulk<I::IntoIter> {
        Bulk::new(self, entries.into_iter())
    }
}

/// Creates, changes and deletes devices and modules, [`Service::BULK_MAX`] a request and some requests at a time. Comes
/// from [`Service::bulk_all`].
///
/// Entries are taken from the iterator when their turn comes, so that it may be longer than the memory. Entries about
/// the same device are done in their order: while a request is under way, no other one is about its devices.
///
/// A request that is refused because the hub is busy, or that could not be sent, is sent again after a pause. One that
/// fails otherwise ends [`Self::next`] with an error that says what was done. The bulk still has all that was not: to go
/// on, call it again. Dropping it ends requests that are under way; the hub may still do them.
#[derive(Debug)]
pub struct Bulk<I> {
    service: Service,
    chunks: Chunks<I>,
    /// Tried without success, in order.
    failed: VecDeque<Chunk>,
    running: JoinSet<(Chunk, Result<BulkRegistryOperationResult, Error>)>,
    /// The devices that requests under way are about.
    busy: BTreeSet<String>,
    at_a_time: NonZeroUsize,
    progress: BulkProgress,
    stopped: Option<Error>,
}

impl<I: Iterator<Item = ExportImportDevice>> Bulk<I> {
    /// Requests at a time, unless something else is said.
    pub const AT_A_TIME: NonZeroUsize = NonZeroUsize::new(4).expect("four is not none");
    /// Longest request, in bytes, unless it has only one entry.
    pub const CHUNK_LEN_MAX: usize = 512 * 1024;
    /// How long a request may take with all its attempts, unless [`Service::within`] says something else.
    pub const CHUNK_DEADLINE: Duration = Duration::from_secs(300);
    /// How requests are sent again, unless something else is said: for longer than others, since it is for a bulk that a
    /// hub throttles its clients.
    pub const RETRIES: Backoff =
        Backoff { attempts_max: 12, first: Duration::from_millis(500), longest: Duration::from_secs(30) };

    fn new(service: &Service, entries: I) -> Self {
        Self {
            service: service.retrying(Self::RETRIES),
            chunks: Chunks::new(entries),
            failed: VecDeque::new(),
            running: JoinSet::new(),
            busy: BTreeSet::new(),
            at_a_time: Self::AT_A_TIME,
            progress: BulkProgress::default(),
            stopped: None,
        }
    }

    /// Does with entries that do not say it themselves what `mode` says.
    pub fn mode(mut self, mode: ImportMode) -> Self {
        self.chunks.mode = Some(mode);
        self
    }

    /// Has up to so many requests under way.
    pub fn at_a_time(self, at_a_time: NonZeroUsize) -> Self {
        Self { at_a_time, ..self }
    }

    /// Sends requests again as `policy` says, in the place of [`Self::RETRIES`].
    pub fn retries(self, policy: impl RetryPolicy + 'static) -> Self {
        Self { service: self.service.retrying(policy), ..self }
    }

    /// Waits until the next request is done with, in any order, and says what came of its entries. `None` when all are.
    /// May be dropped while it waits, without losing anything.
    ///
    /// # Errors
    ///
    /// [`BulkStopped`] when a request came to nothing, after those that were under way at the time. That single entries
    /// were not done is none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn next(&mut self) -> Result<Option<BulkChunk>, BulkStopped> {
        loop {
            self.fill();
            let Some(joined) = self.running.join_next().await else { break };
            let (chunk, result) = joined.unwrap_or_else(|error| rethrow(error));
            for name in &chunk.names {
                self.busy.remove(&name.device);
            }
            match result {
                Ok(result) => {
                    let done = BulkChunk::new(&chunk, result);
                    self.progress.add(&done);
                    return Ok(Some(done));
                }
                Err(error) => {
                    self.keep(chunk, &error);
                    self.stopped.get_or_insert(error);
                }
            }
        }
        match self.stopped.take() {
            None => Ok(None),
            Some(error) => {
                let open = self.failed.iter().map(Chunk::open).collect();
                Err(BulkStopped { error, open, untried: self.chunks.taken() })
            }
        }
    }

    /// Does all of it, and tells `on_chunk` about each request and how much is done by then.
    ///
    /// # Errors
    ///
    /// As for [`Self::next`]. It goes on when it is called again.
    pub async fn run(
        &mut self,
        mut on_chunk: impl FnMut(&BulkChunk, BulkProgress),
    ) -> Result<BulkProgress, BulkStopped> {
        while let Some(chunk) = self.next().await? {
            on_chunk(&chunk, self.progress);
        }
        Ok(self.progress)
    }

    /// How much is done.
    pub const fn progress(&self) -> BulkProgress {
        self.progress
    }

    /// Begins as many requests as there may be.
    fn fill(&mut self) {
        while self.stopped.is_none() && self.running.len() < self.at_a_time.get() {
            // What was tried before comes first: entries behind it may be about the same devices.
            let next = match self.failed.pop_front() {
                Some(chunk) => Some(chunk),
                None => self.chunks.next(&self.busy),
            };
            let Some(chunk) = next else { return };
            self.busy.extend(chunk.names.iter().map(|name| name.device.clone()));
            let service = self.service.clone();
            let request = Request::post("/devices".into())
                .json_bytes(chunk.body.clone())
                .within(Self::CHUNK_DEADLINE)
                .repeated(Repeat::IfNotDone);
            self.running.spawn(async move {
                let result = service.send_despite(request, 400).await;
                (chunk, result)
            });
        }
    }

    fn keep(&mut self, mut chunk: Chunk, error: &Error) {
        chunk.is_unclear |= error.may_have_been_done();
        let at = self.failed.partition_point(|other| other.first < chunk.first);
        self.failed.insert(at, chunk);
    }
}

/// A panic of ours goes on where it can be seen; nothing else ends a request early.
fn rethrow(error: JoinError) -> ! {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => panic!("a request of a bulk has ended by itself: {error}"),
    }
}
