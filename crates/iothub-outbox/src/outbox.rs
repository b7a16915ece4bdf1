use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, oneshot};

use crate::error::{OpenError, StoreError};
use crate::keeper::{self, Command, Stored};
use crate::loss::Losses;
use crate::options::OutboxOptions;
use crate::record::{Entry, Key, OutboxId, Record};
use crate::store::Totals;
use crate::window::Window;

/// A durable queue of messages. Cheap to clone; the file is closed with the last of them, or with [`Self::close`].
#[derive(Clone, Debug)]
pub struct Outbox {
    entrance: Arc<Entrance>,
}

#[derive(Debug)]
struct Entrance {
    id: OutboxId,
    commands: Sender<Command>,
    /// Bytes that may still wait for the disk.
    room: Arc<Semaphore>,
    hall: Arc<Hall>,
}

/// What callers and the keeper of the file share.
#[derive(Debug)]
pub(crate) struct Hall {
    state: Mutex<State>,
    arrived: Notify,
    /// Something else is in the file, or nothing more will be.
    changed: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) window: Window,
    pub(crate) totals: Totals,
    /// The keeper has been asked for more, and has not come to it.
    pub(crate) asked_for_more: bool,
    pub(crate) closed: bool,
}

/// What became of a message that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was delivered, and is removed.
    Delivered,
    /// It was not delivered, and is given out again, in its old place.
    Returned,
    /// It can never be delivered: it is removed, and counts as lost.
    Undeliverable,
}

/// What an outbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How many messages, with those that are given out.
    pub messages: u64,
    /// Their [sizes](Record::size) together, in bytes.
    pub bytes: u64,
    /// How many were dropped since the file was made.
    pub lost: Losses,
}

impl Outbox {
    /// How much of what waits is in memory, in bytes.
    pub const READ_AHEAD: u64 = 128 * 1024;
    /// How many settled messages may be given out again after a crash. It takes no longer than a second until a message
    /// is none of them.
    pub const UNSETTLED: usize = keeper::REMOVED_TOGETHER;

    /// How much waits for the disk, in bytes, until whoever stores more waits for room.
    pub const WAITING: u64 = keeper::BYTES_TOGETHER;

    /// Opens the outbox in that file, or begins one, and looks at all of it: this takes time and blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: impl AsRef<Path>, options: OutboxOptions) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let open = {
            let path = path.clone();
            move || crate::store::Store::open(&path)
        };
        Self::with(Box::new(open), options).map_err(|failure| failure.opening(&path))
    }

    pub(crate) fn with(open: keeper::Open, options: OutboxOptions) -> Result<Self, crate::error::Failure> {
        let store = crate::quiet::catch(&*open)?;
        let state = State {
            window: Window::new(Self::READ_AHEAD),
            totals: store.totals,
            asked_for_more: false,
            closed: false,
        };
        let (id, hall) = (
            store.id,
            Arc::new(Hall { state: Mutex::new(state), arrived: Notify::new(), changed: Notify::new() }),
        );
        let commands = keeper::start(open, store, options, Arc::clone(&hall))?;
        let room = Arc::new(Semaphore::new(room_of(Self::WAITING) as usize));
        Ok(Self { entrance: Arc::new(Entrance { id, commands, room, hall }) })
    }

    /// Stores a message, and returns when it is durable. Dropped before it returns, the message may or may not be.
    ///
    /// Any number of callers may do so at a time; they share commits. While [`Self::WAITING`] bytes wait for a slow disk,
    /// this waits for room. How long a disk takes nobody knows: who cannot wait that long stops, as with
    /// `tokio::time::timeout`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]. Of the disk's errors it is not known whether the message was stored nevertheless; it is not
    /// half stored.
    pub async fn store(&self, record: Record) -> Result<Key, StoreError> {
        let room = Arc::clone(&self.entrance.room).acquire_many_owned(room_of(record.size())).await;
        let (told, stored) = oneshot::channel();
        // Nobody closes it: a keeper that is gone gives it back.
        let Ok(_room) = room else { return Err(StoreError::Closed) };
        self.say(Command::Store { record, done: Stored { told, _room } });
        stored.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Gives out the first message that waits, once there is one; `None` when the outbox is closed. Cancel-safe.
    ///
    /// Whoever gets it says what became of it: [`Self::settle`]. Until then nobody gets it again, until the file is
    /// opened again.
    pub async fn next(&self) -> Option<Entry> {
        loop {
            // Made before looking, so that what arrives in between is not slept through.
            let arrived = self.entrance.hall.arrived.notified();
            tokio::pin!(arrived);
            // The end is told to those who wait by then.
            arrived.as_mut().enable();
            {
                let mut state = self.entrance.hall.state();
                if state.closed {
                    return None;
                }
                let first = state.window.pop();
                if state.window.wants().is_some() && !state.asked_for_more {
                    state.asked_for_more = true;
                    self.say(Command::ReadOn);
                }
                if first.is_some() {
                    // Of several who wait one was woken.
                    if !state.window.is_empty() {
                        self.entrance.hall.arrived.notify_one();
                    }
                    return first;
                }
            }
            arrived.await;
        }
    }

    /// Says what became of a message that was given out. One that was settled before, or not given out, is nothing.
    ///
    /// It does not wait for the file: see [`Self::UNSETTLED`].
    pub fn settle(&self, key: Key, settlement: Settlement) {
        self.say(Command::Settle { key, settlement });
    }

    /// Waits until nothing is left in the file, or the outbox is closed. Cancel-safe.
    pub async fn emptied(&self) {
        let mut contents = self.contents();
        while contents.messages > 0 {
            let Some(next) = self.changed_from(contents).await else { return };
            contents = next;
        }
    }

    /// What it holds, as of the last commit.
    pub fn contents(&self) -> Contents {
        self.entrance.hall.state().contents()
    }

    /// Waits until it holds something else than that, and says what; `None` when the outbox is closed. Cancel-safe.
    pub async fn changed_from(&self, contents: Contents) -> Option<Contents> {
        loop {
            let changed = self.entrance.hall.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.entrance.hall.state();
                if state.closed {
                    return None;
                }
                let now = state.contents();
                if now != contents {
                    return Some(now);
                }
            }
            changed.await;
        }
    }

    /// Which outbox it is.
    pub fn id(&self) -> OutboxId {
        self.entrance.id
    }

    /// Removes what was settled, closes the file, and returns when others can open it. All other clones of it are
    /// closed as well.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        self.say(Command::Close { done });
        // Somebody else may have closed it before.
        let _ = closed.await;
    }

    /// A keeper that is gone has closed the outbox; what is said to it is dropped, which its callers notice.
    fn say(&self, command: Command) {
        let _ = self.entrance.commands.send(command);
    }
}

impl Hall {
    /// Nothing panics while holding the lock, so a poisoned one is as good as any.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for a message, if there is one or never will be, and whoever looks at how many there are.
    pub(crate) fn wake(&self) {
        let state = self.state();
        self.changed.notify_waiters();
        if state.closed {
            self.arrived.notify_waiters();
        } else if !state.window.is_empty() {
            self.arrived.notify_one();
        }
    }
}

impl State {
    fn contents(&self) -> Contents {
        let Totals { messages, bytes, lost, .. } = self.totals;
        Contents { messages, bytes, lost }
    }
}

/// Of the bytes that may wait for the disk: one that is longer than all of them gets all.
fn room_of(size: u64) -> u32 {
    u32::try_from(size.min(Outbox::WAITING)).unwrap_or(u32::MAX)
}
