use core::future::IntoFuture;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use crate::clock::Clock;
use crate::uploads::error::{UploadError, UploadFailed};
use crate::uploads::https::Https;
use crate::uploads::running::{BLOCKS_MAX, Running};
use crate::uploads::source::{Reader, Source};
use crate::uploads::state::UploadState;

/// An upload that is about to begin: await it.
///
/// Made by [`Device::upload`](crate::Device::upload) and [`Uploads`](crate::Uploads). Dropped while it is awaited, it ends, and a
/// task of its own tells the hub that it failed, up to five times where it cannot be reached; so does every failure. A
/// [resumable](Self::resumable) one is left open instead.
#[must_use = "an upload does nothing unless it is awaited"]
pub struct Upload {
    pub(super) https: Arc<Https>,
    pub(super) state: UploadState,
    pub(super) source: Source,
    pub(super) parallel: usize,
    pub(super) deadline: Duration,
    pub(super) content_type: Option<String>,
    pub(super) is_resumable: bool,
    pub(super) report: Box<dyn FnMut(&UploadProgress<'_>) + Send>,
}

/// How far an upload has come.
#[derive(Debug)]
#[non_exhaustive]
pub struct UploadProgress<'a> {
    /// Bytes that the storage has.
    pub sent: u64,
    /// All bytes, where that is known beforehand.
    pub len: Option<u64>,
    /// What is under way.
    pub stage: Stage,
    /// From where it can be resumed.
    pub state: &'a UploadState,
}

/// What of an upload is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Blocks are sent.
    Sending,
    /// The hub has been told: all is done.
    Done,
}

/// A file that the storage has, and that back ends are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// What the storage calls it: `{device}/{name}`.
    pub blob_name: String,
    /// Its length, in bytes.
    pub len: u64,
}

impl Upload {
    /// How long a block is, in bytes: 4 MiB unless this says otherwise, at least 1 and at most 100 MiB. Two of them are in
    /// memory at a time, or as many as [`Self::parallel`] says. A file has at most 10 000. What is resumed keeps its own.
    pub fn block_len(mut self, bytes: usize) -> Self {
        if self.state.done.to_set().is_empty() {
            self.state.block_len = bytes.clamp(1, BLOCK_LEN_MAX);
        }
        self
    }

    /// How many blocks are sent at a time: 2 unless this says otherwise, at least 1 and at most 16.
    pub fn parallel(mut self, blocks: usize) -> Self {
        self.parallel = blocks.clamp(1, PARALLEL_MAX);
        self
    }

    /// How long it may take in all, broken connections and waiting included: an hour unless this says otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// What is in the file, such as `text/plain`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Is told after each block, and at the end. It should return at once.
    pub fn on_progress(mut self, report: impl FnMut(&UploadProgress<'_>) + Send + 'static) -> Self {
        self.report = Box::new(report);
        self
    }

    /// Does not tell the hub of a failure, or of being dropped: what was sent stays, and
    /// [`Uploads::resume`](crate::Uploads::resume) goes on from there. Until then, or until it is
    /// [given up](crate::Uploads::give_up) or its time is over, it is one of the ten uploads that a device may have open.
    pub fn resumable(mut self) -> Self {
        self.is_resumable = true;
        self
    }

    async fn run(mut self) -> Result<Uploaded, UploadFailed> {
        if self.https.options.identity().module.is_some() {
            return Err(UploadFailed { error: UploadError::NotADevice, state: None });
        }
        let mut reader = match open(self.source, &self.state).await {
            Ok(reader) => reader,
            // What was begun stays as it was.
            Err(error) => {
                let state = self.state.access.is_some().then(|| Box::new(self.state));
                return Err(UploadFailed { error, state });
            }
        };
        self.state.len = reader.len;
        let mut running = Running {
            https: self.https,
            clock: Clock::start(),
            open: self.state.access.is_some(),
            was_told: false,
            state: self.state,
            content_type: self.content_type,
            is_resumable: self.is_resumable,
            report: &mut *self.report,
            last: None,
        };
        let outcome = tokio::time::timeout(self.deadline, running.run(&mut reader, self.parallel)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let last = running.last.take().unwrap_or_else(|| "nothing".into());
            Err(UploadError::TimedOut { after: self.deadline, last })
        });
        match outcome {
            Ok(len) => {
                let state = &running.state;
                (running.report)(&UploadProgress { sent: len, len: Some(len), stage: Stage::Done, state });
                let blob_name = state.access.as_ref().map(|access| access.blob_name.clone());
                Ok(Uploaded { blob_name: blob_name.unwrap_or_default(), len })
            }
            Err(error) => {
                let state = running.is_resumable.then(|| Box::new(running.state.clone()));
                Err(UploadFailed { error, state })
            }
        }
    }
}

/// Opens what is to be uploaded, if that can be what the state is of.
async fn open(source: Source, state: &UploadState) -> Result<Reader, UploadError> {
    let reader = source.open().await.map_err(UploadError::Source)?;
    if state.len.is_some() && state.len != reader.len {
        return Err(UploadError::SourceChanged);
    }
    let len_max = u64::from(BLOCKS_MAX) * state.block_len as u64;
    if reader.len.is_some_and(|len| len > len_max) {
        return Err(UploadError::TooLong { blocks_max: BLOCKS_MAX });
    }
    Ok(reader)
}

impl IntoFuture for Upload {
    type Output = Result<Uploaded, UploadFailed>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl core::fmt::Debug for Upload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Upload")
            .field("state", &self.state)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

pub(super) const BLOCK_LEN: usize = 4 * 1024 * 1024;
const BLOCK_LEN_MAX: usize = 100 * 1024 * 1024;
pub(super) const PARALLEL: usize = 2;
const PARALLEL_MAX: usize = 16;
pub(super) const DEADLINE: Duration = Duration::from_secs(60 * 60);
