//! The thread that keeps the file: it does together what has come together.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::clock;
use crate::error::{Failure, StoreError};
use crate::loss::{Loss, LossReason};
use crate::options::OutboxOptions;
use crate::outbox::{Hall, Settlement};
use crate::quiet;
use crate::record::{Key, Record};
use crate::store::{Done, Store, Work};

/// How the file is opened, and opened again when it has failed.
pub(crate) type Open = Box<dyn Fn() -> Result<Store, Failure> + Send>;

/// Where the outcome of storing a message is told.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) told: oneshot::Sender<Result<Key, StoreError>>,
    /// What the message takes up of what may wait for the disk.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What callers want.
#[derive(Debug)]
pub(crate) enum Command {
    Store { record: Record, done: Stored },
    Settle { key: Key, settlement: Settlement },
    ReadOn,
    Close { done: oneshot::Sender<()> },
}

/// Settled messages that are removed together, at the latest.
pub(crate) const REMOVED_TOGETHER: usize = 256;
/// How long they wait for that.
const REMOVED_WITHIN: Duration = Duration::from_secs(1);
/// Most messages, and about how many bytes, that are stored in one commit.
const STORED_TOGETHER: usize = 4096;
pub(crate) const BYTES_TOGETHER: u64 = 4 * 1024 * 1024;
/// How long after it could not be read the file is tried again, if nobody asks before.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked for what is too old.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(60);

struct Keeper {
    open: Open,
    /// `None` after it has failed, until it is opened again.
    store: Option<Store>,
    options: OutboxOptions,
    hall: Arc<Hall>,
    settled: Vec<(Key, Option<LossReason>)>,
    /// When they are removed, if nothing else is written before.
    remove_at: Option<Instant>,
    sweep_at: Option<Instant>,
    /// When it is read again after it could not be.
    read_at: Option<Instant>,
}

/// What has come together.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    tell: Vec<Stored>,
    bytes: u64,
    returned: Vec<Key>,
    close: Option<oneshot::Sender<()>>,
}

/// Begins to keep the file.
pub(crate) fn start(
    open: Open,
    store: Store,
    options: OutboxOptions,
    hall: Arc<Hall>,
) -> Result<Sender<Command>, Failure> {
    let (said, commands) = channel();
    let sweep_at = options.age_max.map(|_| clock::after(Duration::ZERO));
    let end = End(Arc::clone(&hall));
    let (settled, remove_at, read_at) = (Vec::new(), None, None);
    let keeper = Keeper { open, store: Some(store), options, hall, settled, remove_at, sweep_at, read_at };
    let thread = thread::Builder::new().name("outbox".to_owned());
    let run = move || {
        let _end = end;
        keeper.run(&commands);
    };
    thread.spawn(run).map_err(Failure::io)?;
    Ok(said)
}

/// Ends everybody who waits, whatever has ended the keeper.
struct End(Arc<Hall>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.wake();
    }
}

impl Keeper {
    fn run(mut self, commands: &Receiver<Command>) {
        self.read_on();
        let closing = loop {
            let mut batch = Batch::default();
            if !self.gather(commands, &mut batch) {
                break None;
            }
            self.work(&mut batch);
            if batch.close.is_some() {
                break batch.close;
            }
        };
        // What is settled and not removed is given out again.
        if let Err(failure) = self.write(Vec::new()) {
            tracing::warn!(name: "outbox_unwritten", %failure, "settled messages stay in the outbox");
        }
        self.hall.state().closed = true;
        self.hall.wake();
        // Whoever is told can open the file.
        drop(self.store);
        if let Some(done) = closing {
            // Whoever has given up waiting is not told.
            let _ = done.send(());
        }
    }

    /// Waits for something to do, and takes all that has come; `false` when nobody is left.
    fn gather(&mut self, commands: &Receiver<Command>, batch: &mut Batch) -> bool {
        let wake = [self.remove_at, self.sweep_at, self.read_at].into_iter().flatten().min();
        let first = match wake {
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => commands.recv_timeout(clock::until(at)),
        };
        match first {
            Ok(command) => self.take(command, batch),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while batch.has_room()
            && let Ok(command) = commands.try_recv()
        {
            self.take(command, batch);
        }
        true
    }

    fn take(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::Store { record, done } => {
                batch.bytes += record.size();
                batch.records.push(record);
                batch.tell.push(done);
            }
            Command::Settle { key, settlement } => {
                if !self.hall.state().window.settle(key) {
                    return;
                }
                match settlement {
                    Settlement::Delivered => self.settled.push((key, None)),
                    Settlement::Undeliverable => self.settled.push((key, Some(LossReason::Undeliverable))),
                    Settlement::Returned => batch.returned.push(key),
                }
            }
            Command::ReadOn => {}
            Command::Close { done } => batch.close = Some(done),
        }
    }

    fn work(&mut self, batch: &mut Batch) {
        // Before what is new: somebody who waits gets the first of all.
        for key in core::mem::take(&mut batch.returned) {
            self.put_back(key);
        }
        let is_sweep_due = self.sweep_at.is_some_and(|at| clock::until(at).is_zero());
        let is_removal_due = self.remove_at.is_some_and(|at| clock::until(at).is_zero());
        let records = core::mem::take(&mut batch.records);
        let is_due = is_sweep_due || is_removal_due || self.settled.len() >= REMOVED_TOGETHER;
        if !records.is_empty() || is_due {
            self.store_all(records, core::mem::take(&mut batch.tell));
        } else if !self.settled.is_empty() && self.remove_at.is_none() {
            self.remove_at = Some(clock::after(REMOVED_WITHIN));
        }
        self.read_on();
    }

    /// Stores messages, and removes what was settled.
    fn store_all(&mut self, records: Vec<Record>, tell: Vec<Stored>) {
        match self.write(records) {
            Ok(Done { stored, lost, is_more_old: _ }) => {
                // Those who are told before others can ask find that it is so.
                let outcomes: Vec<_> = {
                    let mut state = self.hall.state();
                    let put = |outcome: Result<crate::record::Entry, _>| {
                        outcome.map(|entry| {
                            let key = entry.key;
                            state.window.put(entry);
                            key
                        })
                    };
                    stored.into_iter().map(put).collect()
                };
                self.hall.wake();
                for (stored, outcome) in tell.into_iter().zip(outcomes) {
                    // Whoever has given up waiting is not told.
                    let _ = stored.told.send(outcome);
                }
                self.tell_of(&lost);
            }
            Err(failure) => {
                tracing::warn!(name: "outbox_unwritten", %failure, "the outbox could not be written");
                for stored in tell {
                    let _ = stored.told.send(Err(failure.clone().storing()));
                }
            }
        }
    }

    /// Writes, in one commit.
    fn write(&mut self, records: Vec<Record>) -> Result<Done, Failure> {
        self.sweep_at = self.options.age_max.map(|_| clock::after(BETWEEN_SWEEPS));
        // What fails is tried again then.
        self.remove_at = (!self.settled.is_empty()).then(|| clock::after(REMOVED_WITHIN));
        let settled = core::mem::take(&mut self.settled);
        let (options, hall) = (self.options.clone(), Arc::clone(&self.hall));
        let work = Work { now_ms: options.clock.now_ms(), settled: &settled, records };
        let is_out = |key| hall.state().window.is_handed(key);
        let dropping = |key| hall.state().window.forget(key);
        let done = self.on_file(|store| store.commit(&options, work, &is_out, &dropping));
        match &done {
            Ok(done) => {
                self.remove_at = None;
                if done.is_more_old {
                    self.sweep_at = Some(clock::after(Duration::ZERO));
                }
            }
            Err(_) => self.settled = settled,
        }
        if let Some(store) = &self.store {
            self.hall.state().totals = store.totals;
        }
        done
    }

    /// A message that was given out waits again.
    fn put_back(&mut self, key: Key) {
        match self.on_file(|store| store.get(key)) {
            Ok(Some(entry)) => self.hall.state().window.put(entry),
            Ok(None) => {}
            // With the rest of what is known of the file it is read anew.
            Err(failure) => self.unread(&failure),
        }
        self.hall.wake();
    }

    /// Reads what is to be given out next, as far as it fits into memory.
    fn read_on(&mut self) {
        self.hall.state().asked_for_more = false;
        self.read_at = None;
        if self.store.is_none()
            && let Err(failure) = self.on_file(|_| Ok(()))
        {
            return self.unread(&failure);
        }
        let Some(from) = self.hall.state().window.wants() else { return };
        let hall = Arc::clone(&self.hall);
        let gone: Vec<Key> = self.settled.iter().map(|(key, _)| *key).collect();
        let read = self.on_file(|store| {
            // What is settled waits for nothing but its removal.
            store.read(from, |entry| gone.contains(&entry.key) || hall.state().window.append(entry))
        });
        match read {
            Ok(true) => self.hall.state().window.complete(),
            Ok(false) => {}
            Err(failure) => self.unread(&failure),
        }
        self.hall.wake();
    }

    /// It is tried again: somebody may wait for what is in the file, and ask for nothing more.
    fn unread(&mut self, failure: &Failure) {
        tracing::warn!(name: "outbox_unread", %failure, "the outbox could not be read");
        self.read_at = Some(clock::after(READ_AGAIN));
    }

    /// Does something with the file, which is opened again if it has failed before.
    fn on_file<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => {
                let store = quiet::catch(&*self.open)?;
                // What was written last may or may not be in it.
                self.hall.state().window.reset();
                store
            }
        };
        let outcome = quiet::catch(|| work(&mut store));
        if outcome.is_ok() {
            self.store = Some(store);
        } else {
            quiet::drop_of(store);
        }
        outcome
    }

    fn tell_of(&self, lost: &[Loss]) {
        for loss in lost {
            let (key, reason) = (loss.entry.key, loss.reason);
            tracing::debug!(name: "outbox_lost", ?key, ?reason, "a message is dropped from the outbox");
            if let Some(told) = &self.options.on_loss
                && catch_unwind(AssertUnwindSafe(|| told(loss))).is_err()
            {
                tracing::warn!(name: "outbox_loss_untold", ?key, "whoever is told of losses has panicked");
            }
        }
    }
}

impl Batch {
    fn has_room(&self) -> bool {
        self.records.len() < STORED_TOGETHER && self.bytes < BYTES_TOGETHER && self.close.is_none()
    }
}

#[cfg(test)]
mod tests;
