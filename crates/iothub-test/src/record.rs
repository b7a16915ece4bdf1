use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use iothub_server::{Event, EventLog, Position, ReadLimits};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::event::Received;

/// What a hub has told so far, across restarts: each event for one expectation.
#[derive(Debug)]
pub(crate) struct Record {
    entries: Mutex<VecDeque<Entry>>,
    /// How many there were.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) event: Received,
    /// An expectation was met by it.
    pub(crate) taken: bool,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Where each partition ends now.
    pub(crate) fn ends(log: &EventLog) -> Vec<u64> {
        let end = |partition| log.bounds(partition).ok().flatten().map_or(0, |bounds| bounds.next);
        (0..log.partitions()).map(end).collect()
    }

    /// Follows a hub's events until it stops, from those sequence numbers on.
    pub(crate) async fn follow(&self, log: EventLog, mut next: Vec<u64>) {
        let mut changed = log.changed();
        loop {
            let ended = changed.borrow_and_update().is_none();
            for (partition, next) in (0..).zip(&mut next) {
                while let Ok(Some(batch)) = log.read(partition, Position::Sequence(*next), LIMITS)
                    && !batch.events.is_empty()
                {
                    *next = batch.next;
                    self.add(batch.events.into_iter().map(|logged| logged.event));
                }
            }
            if ended || changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Looks at everything there is, now and after each event, until `look` finds something or it is too late.
    pub(crate) async fn until<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(&mut VecDeque<Entry>) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = look(&mut self.entries()) {
                return Some(found);
            }
            if !matches!(tokio::time::timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return None;
            }
        }
    }

    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, events: impl Iterator<Item = Event>) {
        let mut entries = self.entries();
        entries.extend(events.map(|event| Entry { event: Received(event), taken: false }));
        let surplus = entries.len().saturating_sub(ENTRIES_MAX);
        entries.drain(..surplus);
        drop(entries);
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Most events that are remembered; the oldest make room.
pub(crate) const ENTRIES_MAX: usize = 100_000;
const LIMITS: ReadLimits = ReadLimits { events: 1000, bytes: 1 << 20 };
