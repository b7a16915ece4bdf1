//! The event log of a hub: what is in memory of it, and the way to what is on disk.

mod following;

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_hub::Event;
use iothub_proto::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::{Semaphore, watch};

use crate::journal::{EventReader, JournalError};
use crate::retention::Retention;

pub(crate) use following::Follower;

/// The event log: a fixed number of partitions, and in each its events in the order in which they came.
///
/// The latest are kept in memory for those who read them as they come. With a journal all of them are read from there,
/// as long as they are kept; without one there are no others.
pub(crate) struct Events {
    ring: Mutex<Ring>,
    disk: Option<EventReader>,
    /// How long it keeps events.
    retention: Option<Retention>,
    reads: Semaphore,
    partitions: u8,
    /// The number of the next event of all; `None` when there will be none.
    next: watch::Sender<Option<u64>>,
}

/// An event and where it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its partition: always the same for a device.
    pub partition: u8,
    /// Its number in the partition, from 0 on, without gaps. It is its offset as well.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// One JSON object: the event's, with `partition`, `sequenceNumber`, and `offset`, which is a text as in Event Hubs.
impl Serialize for Logged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            #[serde(flatten)]
            event: &'a Event,
            partition: u8,
            sequence_number: u64,
            offset: String,
        }
        let Self { partition, sequence, event } = self;
        let offset = sequence.to_string();
        Line { event, partition: *partition, sequence_number: *sequence, offset }.serialize(serializer)
    }
}

/// From where a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first event that is still there.
    Earliest,
    /// The event with that sequence number, or the next that is still there.
    Sequence(u64),
    /// The first event that was enqueued then or later.
    Enqueued(Timestamp),
    /// What comes from now on.
    Latest,
}

/// How much is read at a time: one event at least, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events.
    pub events: usize,
    /// Most bytes of them, roughly.
    pub bytes: usize,
}

/// Events of one partition that were read together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In their order.
    pub events: Vec<Logged>,
    /// The sequence number from which to go on.
    pub next: u64,
    /// The sequence number of the first event that is still there: whoever wanted an earlier one has missed some.
    pub first: u64,
}

/// What there is of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The sequence number of the first event that is still there; [`Self::next`] if there is none.
    pub first: u64,
    /// The sequence number of the next event.
    pub next: u64,
    /// The latest time at which one was enqueued, in milliseconds since 1970; 0 if there was none.
    pub latest_ms: u64,
}

struct Ring {
    events: VecDeque<Kept>,
    /// Number of the first in the ring, of all partitions.
    first: u64,
    bytes: usize,
    /// What of each partition is in the ring.
    bounds: Vec<Bounds>,
}

/// An event in the ring, and how many bytes it keeps there, roughly.
struct Kept {
    logged: Arc<Logged>,
    bytes: usize,
}

impl Events {
    /// Events that are kept in memory only.
    pub(crate) fn in_memory(partitions: u8) -> Self {
        Self::new(vec![0; usize::from(partitions)], None, None)
    }

    /// Events that are on disk when they are appended here; `next` are the sequence numbers of the first.
    pub(crate) fn on_disk(reader: EventReader, next: Vec<u64>, retention: Retention) -> Self {
        Self::new(next, Some(reader), Some(retention))
    }

    fn new(next: Vec<u64>, disk: Option<EventReader>, retention: Option<Retention>) -> Self {
        let partitions = u8::try_from(next.len()).unwrap_or(u8::MAX);
        let bounds = next.into_iter().map(|next| Bounds { first: next, next, latest_ms: 0 }).collect();
        let ring = Ring { events: VecDeque::new(), first: 0, bytes: 0, bounds };
        let (reads, next) = (Semaphore::new(READS_MAX), watch::Sender::new(Some(0)));
        Self { ring: Mutex::new(ring), disk, retention, reads, partitions, next }
    }

    /// Adds an event; the oldest make room. Who waits for it learns of it by [`Self::tell`].
    pub(crate) fn append(&self, event: Event) {
        let partition = partition_of(&event.device, self.partitions);
        self.ring().push(partition, event);
    }

    /// Tells who waits for events that there are some.
    pub(crate) fn tell(&self) {
        let next = self.ring().next();
        self.next.send_modify(|number| *number = number.map(|_| next));
    }

    /// Ends every [`Stream`] once it has given what is there.
    pub(crate) fn end(&self) {
        self.next.send_replace(None);
    }

    pub(crate) const fn partitions(&self) -> u8 {
        self.partitions
    }

    /// How long events are kept; nothing where only the latest are, in memory.
    pub(crate) const fn retention(&self) -> Option<Retention> {
        self.retention
    }

    /// The events from these sequence numbers on, by partition; only those of `device` if there is one.
    pub(crate) fn follow(self: &Arc<Self>, next: BTreeMap<u8, u64>, device: Option<String>) -> Follower {
        Follower::new(self, next, device)
    }

    /// The sequence numbers of what comes next.
    pub(crate) fn ends(&self, partitions: Range<u8>) -> BTreeMap<u8, u64> {
        let ring = self.ring();
        partitions.map(|partition| (partition, ring.bounds[usize::from(partition)].next)).collect()
    }

    /// Returns when there is an event of a partition with that sequence number or a later one, or when there will be no
    /// others at all.
    pub(crate) async fn reaches(&self, partition: u8, sequence: u64) {
        let mut changed = self.next.subscribe();
        loop {
            let ended = changed.borrow_and_update().is_none();
            if ended || self.ring().bounds[usize::from(partition)].next > sequence {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// [`Self::read`], for a task: it may wait for the disk without holding others up.
    pub(crate) async fn read_aside(
        self: &Arc<Self>,
        partition: u8,
        position: Position,
        limits: Limits,
    ) -> Result<Option<Batch>, JournalError> {
        self.aside(move |events| events.read(partition, position, limits)).await
    }

    pub(crate) async fn bounds_aside(
        self: &Arc<Self>,
        partition: u8,
    ) -> Result<Option<Bounds>, JournalError> {
        self.aside(move |events| events.bounds(partition)).await
    }

    /// Where each partition begins and ends.
    pub(crate) async fn all_bounds(self: &Arc<Self>) -> Result<Vec<(u8, Bounds)>, JournalError> {
        self.aside(|events| {
            let bounds = |partition| Ok((partition, events.bounds(partition)?.unwrap_or_default()));
            (0..events.partitions).map(bounds).collect()
        })
        .await
    }

    /// Has something done where it may wait for the disk, if there is one.
    async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let Some(disk) = &self.disk else { return work(self) };
        // Nobody closes it, and without a permit it is only less fair.
        let _permit = self.reads.acquire().await;
        let events = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&events)).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(disk.ended()),
            },
        }
    }

    fn bounds(&self, partition: u8) -> Result<Option<Bounds>, JournalError> {
        match &self.disk {
            Some(disk) => disk.bounds(partition),
            None => Ok(self.ring().bounds.get(usize::from(partition)).copied()),
        }
    }

    fn read(&self, partition: u8, position: Position, limits: Limits) -> Result<Option<Batch>, JournalError> {
        let ring = self.ring();
        let Some(bounds) = ring.bounds.get(usize::from(partition)).copied() else { return Ok(None) };
        let is_in_ring = match position {
            // Who has read on disk is perhaps ahead of what is in memory.
            Position::Sequence(sequence) => sequence >= bounds.first && sequence <= bounds.next,
            Position::Latest => true,
            Position::Earliest | Position::Enqueued(_) => false,
        };
        let first = match &self.disk {
            Some(disk) if is_in_ring => {
                // What the ring has lost may still be there.
                let batch = ring.read(partition, bounds, position, limits);
                drop(ring);
                return Ok(disk.bounds(partition)?.map(|there| batch.since(there.first)));
            }
            Some(disk) => {
                drop(ring);
                return disk.read(partition, position, limits);
            }
            None => bounds.first,
        };
        Ok(Some(ring.read(partition, bounds, position, limits).since(first)))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing in here can panic half-way.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, partition: u8, event: Event) {
        let bounds = &mut self.bounds[usize::from(partition)];
        let sequence = bounds.next;
        bounds.next += 1;
        bounds.latest_ms = bounds.latest_ms.max(event.enqueued.as_millis());
        let bytes = footprint(&event);
        self.bytes += bytes;
        self.events.push_back(Kept { logged: Arc::new(Logged { partition, sequence, event }), bytes });
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.bytes;
            self.first += 1;
            let Logged { partition, sequence, .. } = *oldest.logged;
            self.bounds[usize::from(partition)].first = sequence + 1;
        }
    }

    fn read(&self, partition: u8, bounds: Bounds, position: Position, limits: Limits) -> Batch {
        let from = match position {
            Position::Earliest | Position::Enqueued(_) => bounds.first,
            Position::Sequence(sequence) => sequence.clamp(bounds.first, bounds.next),
            Position::Latest => bounds.next,
        };
        let mut batch = Batch { events: Vec::new(), next: from, first: bounds.first };
        let mut bytes = 0;
        let is_wanted = |each: &Logged| each.partition == partition && each.sequence >= from;
        for Kept { logged: each, bytes: len } in self.events.iter().filter(|kept| is_wanted(&kept.logged)) {
            let is_early = matches!(position, Position::Enqueued(time) if each.event.enqueued < time);
            if batch.events.is_empty() && is_early {
                batch.next = each.sequence + 1;
                continue;
            }
            bytes += len;
            if !batch.events.is_empty() && (batch.events.len() == limits.events || bytes > limits.bytes) {
                break;
            }
            batch.next = each.sequence + 1;
            batch.events.push(Logged::clone(each));
        }
        batch
    }

    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

impl Batch {
    /// The sequence number of the first event that was read, or will be.
    pub(crate) fn begin(&self) -> u64 {
        self.events.first().map_or(self.next, |first| first.sequence)
    }

    pub(crate) fn since(self, first: u64) -> Self {
        Self { first, ..self }
    }
}

/// The event log of a hub that runs, for readers in the same process. Any number may read at a time.
#[derive(Clone)]
pub struct EventLog(Arc<Events>);

impl EventLog {
    pub(crate) const fn new(events: Arc<Events>) -> Self {
        Self(events)
    }

    /// How many partitions there are: they are numbered from 0 on.
    pub fn partitions(&self) -> u8 {
        self.0.partitions
    }

    /// What there is of a partition; `None` if there is no such partition.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the disk cannot be read.
    pub fn bounds(&self, partition: u8) -> Result<Option<Bounds>, JournalError> {
        self.0.bounds(partition)
    }

    /// Events of a partition from a position on; `None` if there is no such partition. It may read the disk, and
    /// does not wait: where there is nothing, [`Self::changed`] does.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the disk cannot be read, or holds what was not written so, or if the hub has ended.
    pub fn read(
        &self,
        partition: u8,
        position: Position,
        limits: Limits,
    ) -> Result<Option<Batch>, JournalError> {
        self.0.read(partition, position, limits)
    }

    /// Gives a number that changes with every event of any partition; `None` when there will be none.
    pub fn changed(&self) -> watch::Receiver<Option<u64>> {
        self.0.next.subscribe()
    }
}

impl core::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EventLog").field("partitions", &self.0.partitions).finish_non_exhaustive()
    }
}

/// The partition of a device: the same for ever, in every hub with as many partitions.
pub(crate) fn partition_of(device: &str, partitions: u8) -> u8 {
    // FNV-1a, as it is written down; its low bits are spread well enough for so few partitions.
    let hash = device.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    u8::try_from((hash ^ (hash >> 32)) % u64::from(partitions.max(1))).unwrap_or_default()
}

/// Roughly how many bytes an event keeps in memory.
pub(crate) fn footprint(event: &Event) -> usize {
    let texts = event.properties.iter().flat_map(|(name, value)| [name, value]);
    let texts = texts.map(|text| text.len() + size_of::<String>()).sum::<usize>();
    let system = event.system.iter().map(|(_, value)| value.len() + 2 * size_of::<String>()).sum::<usize>();
    size_of::<Event>() + event.body.len() + texts + system
}

/// Most events that are kept for readers who are slower than they come.
const EVENTS_MAX: usize = 10_000;
/// Most bytes of them.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most reads at a time that may wait for the disk.
const READS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use iothub_hub::EventKind;

    use super::*;
    use crate::journal::Journal;

    fn event(device: &str, body: &[u8]) -> Event {
        Event {
            kind: EventKind::Telemetry,
            device: device.into(),
            module: None,
            enqueued: iothub_proto::Timestamp::default(),
            system: Default::default(),
            properties: Default::default(),
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn long_events_make_room_as_well() {
        let events = Events::in_memory(4);
        for _ in 0..100 {
            events.append(event("a", &[b'x'; 256 * 1024]));
        }
        let ring = events.ring();
        assert!(ring.bytes <= BYTES_MAX && ring.events.len() < 64, "{} events", ring.events.len());
        assert_eq!(ring.first + ring.events.len() as u64, 100);
    }

    #[test]
    fn who_has_read_on_disk_what_is_not_in_memory_yet_is_not_sent_back() {
        let mut journal = Journal::in_memory();
        let events = Events::on_disk(journal.reader(), journal.next_sequences(), Retention::default());
        let partition = partition_of("a", events.partitions());
        let next = |from| {
            let batch = events.read(partition, Position::Sequence(from), Limits { events: 10, bytes: 1024 });
            batch.unwrap().unwrap().next
        };
        let effect = iothub_hub::Effect::Append(event("a", b"x"));
        journal.commit(iothub_proto::Timestamp::default(), &vec![effect]).unwrap();
        assert_eq!(next(1), 1, "it is on disk");
        events.append(event("a", b"x"));
        assert_eq!((next(0), next(1)), (1, 1));
        assert_eq!(next(9), 1, "who wants what there is not goes on at the end");
    }
}
