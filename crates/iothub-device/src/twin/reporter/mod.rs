mod difference;
mod pending;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_model::Object;
use iothub_proto::Backoff;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tracing::{Instrument, debug, warn};

use self::difference::difference;
use self::pending::{Part, Pending};
use super::Twin;
use super::mirror::Mirrored;
use crate::chance;
use crate::error::{ReportError, TwinError};
use crate::outcome::{Done, operation};

/// Reports properties of the device, several changes at once where they come faster than the hub acknowledges them.
///
/// Made by [`Twin::reporter`] or [`Replica::reporter`](crate::Replica::reporter); cheap to clone, and keeps the device
/// connected. One report is under way at a time. What is set meanwhile, or while the device is offline, is merged and goes
/// out next, so the latest value always arrives. A report of which nobody knows whether it has arrived is sent again: it
/// says how things are, not how they change. What the hub puts off is sent again later, and what it refuses is told to
/// whoever has reported that: a patch that was refused together with others goes out alone.
///
/// When the last of its handles is dropped, what was set by then is still reported, unless the device is closed first, or
/// the hub takes it not within [`Options::operation_timeout`](crate::Options::operation_timeout) from then on.
#[derive(Clone, Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    /// Tells the task when the last one is gone.
    _handle: Arc<Handle>,
}

impl Reporter {
    /// Most bytes of JSON that wait to be reported.
    pub const WAITING_MAX: usize = Pending::<Waiter>::BYTES_MAX;

    pub(super) fn new(twin: Twin, copy: Option<watch::Receiver<Mirrored>>) -> Self {
        let inner = Inner { pending: Pending::new(), refusal: None, is_left: false, is_closed: false };
        let timeout = twin.timeout();
        let shared =
            Arc::new(Shared { inner: Mutex::new(inner), work: Notify::new(), left: Notify::new(), timeout });
        let span = twin.span().clone();
        tokio::spawn(run(twin, Arc::clone(&shared), copy).instrument(span));
        Self { _handle: Arc::new(Handle(Arc::clone(&shared))), shared }
    }

    /// Changes the reported properties, and returns their new version, where the hub says it, when the hub has
    /// acknowledged that.
    ///
    /// `patch` is a JSON merge patch: members that are `null` are removed. Dropped before it returns, it is reported all
    /// the same.
    ///
    /// # Errors
    ///
    /// [`ReportError`].
    pub async fn report(&self, patch: &impl Serialize) -> Result<Option<u64>, ReportError> {
        let (done, outcome) = operation();
        self.shared.add(patch, Some(Waiter::Version(done)))?;
        outcome.within(self.shared.timeout, core::future::ready(Ok::<(), ()>(()))).await
    }

    /// As [`Self::report`], without waiting: the outcome is told by [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`ReportError::NotAnObject`], [`ReportError::Full`] and [`ReportError::Closed`]: it will not be reported.
    pub fn set(&self, patch: &impl Serialize) -> Result<(), ReportError> {
        self.shared.add(patch, None)
    }

    /// Waits until all that was set so far is acknowledged. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`ReportError::Failed`] if something was refused that was [set](Self::set) since this was asked last; the rest
    /// has arrived. [`ReportError::TimedOut`] and [`ReportError::Closed`].
    pub async fn flush(&self) -> Result<(), ReportError> {
        let (done, outcome) = operation();
        self.shared.wait(done)?;
        outcome.within(self.shared.timeout, core::future::ready(Ok::<(), ()>(()))).await
    }
}

/// Who waits for an acknowledgement.
#[derive(Debug)]
enum Waiter {
    Version(Done<Option<u64>, ReportError>),
    /// For all that was set before.
    Flush(Done<(), ReportError>),
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    work: Notify,
    /// Tells that nobody can add anything any more.
    left: Notify,
    timeout: core::time::Duration,
}

#[derive(Debug)]
struct Inner {
    pending: Pending<Waiter>,
    /// What was refused and told to nobody yet.
    refusal: Option<ReportError>,
    /// Nobody can add anything any more.
    is_left: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().is_left = true;
        self.0.work.notify_one();
        self.0.left.notify_one();
    }
}

impl Shared {
    fn add(&self, patch: &impl Serialize, waiter: Option<Waiter>) -> Result<(), ReportError> {
        let patch = match serde_json::to_value(patch) {
            Ok(Value::Object(patch)) => patch,
            Ok(_) => return Err(ReportError::not_an_object("it is another JSON value")),
            Err(error) => return Err(ReportError::not_an_object(&error.to_string())),
        };
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(ReportError::Closed);
        }
        inner.pending.forget(Waiter::is_gone, Waiter::has_reported);
        let added = inner.pending.add(Part::new(patch, waiter));
        added.map_err(|_| ReportError::Full { limit: Reporter::WAITING_MAX })?;
        drop(inner);
        self.work.notify_one();
        Ok(())
    }

    fn wait(&self, done: Done<(), ReportError>) -> Result<(), ReportError> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(ReportError::Closed);
        }
        inner.pending.forget(Waiter::is_gone, Waiter::has_reported);
        if let Err(waiter) = inner.pending.wait(Waiter::Flush(done)) {
            waiter.end(&Ok(None), &mut inner.refusal);
        }
        Ok(())
    }

    /// Waits for something to be sent; `None` when there will be nothing.
    async fn next(&self) -> Option<Object> {
        loop {
            let work = self.work.notified();
            {
                let mut inner = self.lock();
                if let Some(patch) = inner.pending.next() {
                    return Some(patch);
                }
                if inner.is_left {
                    return None;
                }
            }
            work.await;
        }
    }

    /// When nobody has been able to add anything for as long as a report may take.
    async fn overstayed(&self) {
        self.left.notified().await;
        tokio::time::sleep(self.timeout).await;
    }

    /// Settles what is under way.
    fn settle(&self, outcome: &Settled) {
        let mut inner = self.lock();
        let Inner { pending, refusal, is_closed, .. } = &mut *inner;
        let (parts, outcome) = match outcome {
            Settled::Done(version) => (pending.done(), Ok(*version)),
            Settled::Again => return pending.again(),
            Settled::Refused(error) => (pending.refused().into_iter().collect(), Err(error.clone())),
            Settled::Closed => {
                *is_closed = true;
                (pending.clear(), Err(ReportError::Closed))
            }
        };
        for part in parts {
            if let (Err(error), true) = (&outcome, part.is_unheard) {
                refusal.get_or_insert_with(|| error.clone());
            }
            for waiter in part.waiters {
                waiter.end(&outcome, refusal);
            }
        }
    }

    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn has_reported(&self) -> bool {
        matches!(self, Self::Version(_))
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Version(done) => done.is_given_up(),
            Self::Flush(done) => done.is_given_up(),
        }
    }

    fn end(self, outcome: &Result<Option<u64>, ReportError>, refusal: &mut Option<ReportError>) {
        match (self, outcome) {
            (Self::Version(done), outcome) => done.end(outcome.clone()),
            (Self::Flush(done), Err(ReportError::Closed)) => done.end(Err(ReportError::Closed)),
            (Self::Flush(done), _) if done.is_given_up() => {}
            // What was refused of others was told to them.
            (Self::Flush(done), _) => done.end(refusal.take().map_or(Ok(()), Err)),
        }
    }
}

/// What became of a report.
enum Settled {
    Done(Option<u64>),
    /// Nobody knows, or the hub wants it later.
    Again,
    Refused(ReportError),
    Closed,
}

async fn run(twin: Twin, shared: Arc<Shared>, copy: Option<watch::Receiver<Mirrored>>) {
    tokio::select! {
        () = report_all(&twin, &shared, copy) => {}
        // The device would be kept for as long as the hub cannot be reached.
        () = shared.overstayed() => {
            warn!(name: "report_given_up", "what is left to be reported when nobody reports any more takes too long");
        }
    }
}

async fn report_all(twin: &Twin, shared: &Shared, copy: Option<watch::Receiver<Mirrored>>) {
    let (mut failures, mut seed) = (0, chance::seed("reports"));
    // Whether the hub may have done what is sent again, of which the copy may not know yet.
    let mut is_unsure = false;
    while let Some(patch) = shared.next().await {
        let copy = copy.as_ref().filter(|_| !is_unsure);
        let patch = match copy.map(|copy| what_differs(&copy.borrow(), &patch)) {
            None => patch,
            Some(Differs::By(patch)) => patch,
            Some(Differs::Not { version }) => {
                shared.settle(&Settled::Done(Some(version)));
                continue;
            }
        };
        let settled = match twin.report(&patch).await {
            Ok(version) => Settled::Done(version),
            Err(TwinError::TimedOut { .. } | TwinError::Disconnected) => Settled::Again,
            Err(TwinError::Closed) => Settled::Closed,
            Err(TwinError::Refused { refusal, .. }) if refusal.is_retryable() => {
                debug!(name: "report_delayed", %refusal, "reported again later");
                let wait = Backoff::DEFAULT.base + Backoff::DEFAULT.delay(failures, &mut seed);
                failures = failures.saturating_add(1);
                tokio::select! {
                    // What is set meanwhile goes out with it.
                    () = tokio::time::sleep(wait) => Settled::Again,
                    () = twin.closed() => Settled::Closed,
                }
            }
            Err(error) => {
                warn!(name: "report_failed", %error, "a report came to nothing");
                Settled::Refused(ReportError::Failed(Arc::new(error)))
            }
        };
        shared.settle(&settled);
        match settled {
            Settled::Done(_) | Settled::Refused(_) => (failures, is_unsure) = (0, false),
            Settled::Again => is_unsure = true,
            Settled::Closed => return,
        }
    }
}

enum Differs {
    By(Object),
    Not { version: u64 },
}

/// While it is not known what the hub has, everything may differ.
fn what_differs(copy: &Mirrored, patch: &Object) -> Differs {
    match &copy.twin {
        Some(twin) if copy.is_certain() => match difference(twin.reported(), patch) {
            Some(patch) => Differs::By(patch),
            None => Differs::Not { version: twin.reported_version() },
        },
        Some(_) | None => Differs::By(patch.clone()),
    }
}
