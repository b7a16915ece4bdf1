use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use iothub_model::FileAccess;
use iothub_proto::{Backoff, Instant};
use tokio::task::{JoinError, JoinSet};

use crate::chance::seed;
use crate::clock::Clock;
use crate::uploads::error::UploadError;
use crate::uploads::exchange::{End, block_id, renewal};
use crate::uploads::https::{Failed, Https};
use crate::uploads::plan::{Plan, Step, Verdict};
use crate::uploads::source::Reader;
use crate::uploads::state::{Blocks, UploadState};
use crate::uploads::upload::{Stage, UploadProgress};

/// One upload that is under way. Dropped before its end, the hub is told that it failed, unless it is to be resumed.
pub(super) struct Running<'p> {
    pub(super) https: Arc<Https>,
    pub(super) clock: Clock,
    pub(super) state: UploadState,
    pub(super) content_type: Option<String>,
    pub(super) is_resumable: bool,
    pub(super) report: &'p mut (dyn FnMut(&UploadProgress<'_>) + Send),
    /// What the hub has not been told the end of.
    pub(super) open: bool,
    /// It was, perhaps: the answer did not come.
    pub(super) was_told: bool,
    /// What went wrong last.
    pub(super) last: Option<String>,
}

/// What came of a block.
type Sent = (u32, Result<(), Failed>);

impl Running<'_> {
    /// Gives the length of the file.
    pub(super) async fn run(&mut self, reader: &mut Reader, parallel: usize) -> Result<u64, UploadError> {
        let done = self.state.done.to_set();
        let mut plan = Plan::new(parallel, self.state.access.is_some(), done, seed(&self.state.name));
        plan.renew_at(self.renew_at());
        let mut flying: JoinSet<Sent> = JoinSet::new();
        // Blocks that were read and are not acknowledged.
        let mut held: BTreeMap<u32, Bytes> = BTreeMap::new();
        loop {
            match plan.next(self.clock.now()) {
                Step::Ask => self.ask(&mut plan).await?,
                Step::Send(block) => match self.block(&mut held, reader, block).await? {
                    Some(bytes) => self.send(&mut flying, block, bytes),
                    None => plan.ends_before(block),
                },
                Step::Commit(count) => self.commit(&mut plan, count).await?,
                Step::Tell => self.tell(&mut plan).await?,
                Step::Wait(until) => {
                    if let Some((block, result)) = self.wait(&mut flying, until).await {
                        self.settle(&mut plan, &mut held, block, result)?;
                        self.tell_progress(&plan, reader);
                    }
                }
                Step::Done => return Ok(reader.len_so_far()),
            }
        }
    }

    fn renew_at(&self) -> Option<Instant> {
        renewal(self.state.access.as_ref()?, self.https.options.now(self.clock))
    }

    fn begin_of(&self, block: u32) -> u64 {
        u64::from(block) * self.state.block_len as u64
    }

    /// The bytes of a block, if the file has it.
    async fn block(
        &mut self,
        held: &mut BTreeMap<u32, Bytes>,
        reader: &mut Reader,
        block: u32,
    ) -> Result<Option<Bytes>, UploadError> {
        if let Some(bytes) = held.get(&block) {
            return Ok(Some(bytes.clone()));
        }
        let begin = self.begin_of(block);
        if reader.len.is_some_and(|len| begin >= len) {
            return Ok(None);
        }
        if block >= BLOCKS_MAX {
            return Err(UploadError::TooLong { blocks_max: BLOCKS_MAX });
        }
        let bytes = reader.read(begin, self.state.block_len).await.map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotSeekable {
                return UploadError::BlocksLost;
            }
            UploadError::Source(error)
        })?;
        let wanted = reader.len.map(|len| (len - begin).min(self.state.block_len as u64));
        if wanted.is_some_and(|wanted| wanted != bytes.len() as u64) {
            return Err(UploadError::SourceChanged);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        held.insert(block, bytes.clone());
        Ok(Some(bytes))
    }

    fn send(&self, flying: &mut JoinSet<Sent>, block: u32, bytes: Bytes) {
        let (https, access) = (Arc::clone(&self.https), self.state.access.clone());
        let id = block_id(self.state.tag, block);
        flying.spawn(async move {
            let result = match &access {
                Some(access) => https.put_block(access, &id, bytes).await,
                None => Err(Failed::passing(UploadError::Unreadable("no access".into()))),
            };
            (block, result)
        });
    }

    /// Waits for a block that is under way, or until that time.
    async fn wait(&mut self, flying: &mut JoinSet<Sent>, until: Option<Instant>) -> Option<Sent> {
        let wake = until.map(|at| (at, "a block is sent again"));
        tokio::select! {
            Some(sent) = flying.join_next() => match sent.map_err(JoinError::try_into_panic) {
                Ok(sent) => Some(sent),
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // The runtime ends, and this with it.
                Err(Err(_)) => core::future::pending().await,
            },
            () = self.clock.sleep_until(wake) => None,
        }
    }

    fn settle(
        &mut self,
        plan: &mut Plan,
        held: &mut BTreeMap<u32, Bytes>,
        block: u32,
        result: Result<(), Failed>,
    ) -> Result<(), UploadError> {
        match result {
            Ok(()) => {
                held.remove(&block);
                plan.sent(block);
                self.state.done = Blocks::from(plan.done());
            }
            Err(Failed { trouble, error }) => {
                self.last = Some(error.to_string());
                if plan.block_failed(self.clock.now(), block, trouble) == Verdict::GiveUp {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, plan: &mut Plan) -> Result<(), UploadError> {
        match self.https.ask(self.clock, &self.state.name).await {
            Ok(access) => {
                let before = self.state.access.replace(access);
                self.open = true;
                plan.opened(self.renew_at());
                // Its place is free for another upload. If the hub does not hear it, it ends by itself.
                if let Some(before) = before {
                    let told = self.https.tell(self.clock, &before, End::Failure).await;
                    self.last = told.err().map(|failed| failed.error.to_string()).or(self.last.take());
                }
                Ok(())
            }
            Err(failed) => self.judge(plan, failed).map(drop),
        }
    }

    async fn commit(&mut self, plan: &mut Plan, count: u32) -> Result<(), UploadError> {
        let Some(access) = self.state.access.clone() else { return Err(UploadError::BlocksLost) };
        let tag = self.state.tag;
        let ids = (0..count).map(|block| block_id(tag, block));
        match self.https.put_block_list(&access, ids, self.content_type.as_deref()).await {
            Ok(()) => {
                plan.committed();
                Ok(())
            }
            Err(failed) => {
                if self.judge(plan, failed)? == Verdict::Restart {
                    self.state.done = Blocks::default();
                }
                Ok(())
            }
        }
    }

    async fn tell(&mut self, plan: &mut Plan) -> Result<(), UploadError> {
        let Some(access) = self.state.access.clone() else { return Err(UploadError::BlocksLost) };
        if let Err(failed) = self.https.tell(self.clock, &access, End::Success).await {
            // It was heard the first time, and the answer did not come.
            if !(self.was_told && is_unknown(&failed.error)) {
                self.was_told |= !matches!(failed.error, UploadError::Refused { .. });
                return self.judge(plan, failed).map(drop);
            }
        }
        self.open = false;
        plan.told();
        Ok(())
    }

    fn judge(&mut self, plan: &mut Plan, failed: Failed) -> Result<Verdict, UploadError> {
        self.last = Some(failed.error.to_string());
        match plan.failed(self.clock.now(), failed.trouble) {
            Verdict::GiveUp => Err(failed.error),
            verdict @ (Verdict::GoOn | Verdict::Restart) => Ok(verdict),
        }
    }

    fn tell_progress(&mut self, plan: &Plan, reader: &Reader) {
        let blocks = plan.done().len() as u64;
        let sent = (blocks * self.state.block_len as u64).min(reader.len_so_far());
        let progress = UploadProgress { sent, len: reader.len, stage: Stage::Sending, state: &self.state };
        (self.report)(&progress);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.open || self.is_resumable {
            return;
        }
        if let Some(access) = self.state.access.take() {
            tell_failure(Arc::clone(&self.https), self.clock, access);
        }
    }
}

/// Tells the hub that an upload failed, by a task of its own: nobody waits for it.
fn tell_failure(https: Arc<Https>, clock: Clock, access: FileAccess) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        let mut seed = seed(&access.correlation_id);
        let mut failures = 0;
        while let Err(Failed { trouble, error }) = https.tell(clock, &access, End::Failure).await {
            // It was heard before, and the answer did not come.
            if failures > 0 && is_unknown(&error) {
                return;
            }
            let Some(wait) = trouble.passes_in().filter(|_| failures < TOLD_AGAIN_MAX) else {
                tracing::debug!(name: "upload_unannounced", %error, "the hub was not told that an upload failed: it ends by itself");
                return;
            };
            // Where the network was what failed, it fails now as well.
            tokio::time::sleep(wait.max(Backoff::DEFAULT.delay(failures, &mut seed))).await;
            failures += 1;
        }
    });
}

/// How often the hub is told again that an upload failed; the waits between are a quarter of a minute together at most, if the
/// hub wants none that is longer.
const TOLD_AGAIN_MAX: u32 = 4;

fn is_unknown(error: &UploadError) -> bool {
    matches!(error, UploadError::Refused { code, .. } if code == "InvalidFileUploadCorrelationId")
}

/// Most blocks of a file. The storage of Azure has five times as many, the local hub's just these.
pub(super) const BLOCKS_MAX: u32 = 10_000;
