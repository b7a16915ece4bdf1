use std::path::PathBuf;
use std::sync::{Arc, Weak};

use iothub_hub::Event;
use redb::{Database, ReadOnlyTable, ReadableDatabase};

use super::error::{Failure, JournalError};
use super::partition::Row;
use super::quiet;
use super::tables::{BOUNDS, EVENTS, of_partition};
use crate::events::{Batch, Bounds, Limits, Logged, Position, footprint};

/// Reads the event log. Any number may at a time, and none holds up another or whoever writes.
#[derive(Clone)]
pub(crate) struct EventReader {
    /// Whoever reads does not keep the file of a hub that has ended.
    database: Weak<Database>,
    path: PathBuf,
    partitions: u8,
}

type Events = ReadOnlyTable<(u8, u64), &'static [u8]>;

impl EventReader {
    pub(super) fn new(database: &Arc<Database>, path: PathBuf, partitions: u8) -> Self {
        Self { database: Arc::downgrade(database), path, partitions }
    }

    /// What there is of a partition; nothing if there is no such partition.
    pub(crate) fn bounds(&self, partition: u8) -> Result<Option<Bounds>, JournalError> {
        self.within(partition, |database| {
            let bounds = database.begin_read()?.open_table(BOUNDS)?;
            let (first, next, _, latest_ms) =
                bounds.get(of_partition(partition))?.map(|row| row.value()).unwrap_or_default();
            Ok(Bounds { first, next, latest_ms })
        })
    }

    /// Events of a partition from a position on, within limits; nothing if there is no such partition.
    pub(crate) fn read(
        &self,
        partition: u8,
        position: Position,
        limits: Limits,
    ) -> Result<Option<Batch>, JournalError> {
        self.within(partition, |database| {
            let reading = database.begin_read()?;
            let (first, next, _, _) = reading
                .open_table(BOUNDS)?
                .get(of_partition(partition))?
                .map(|row| row.value())
                .unwrap_or_default();
            let table = reading.open_table(EVENTS)?;
            let from = match position {
                Position::Earliest => first,
                Position::Sequence(sequence) => sequence.clamp(first, next),
                Position::Enqueued(time) => {
                    let row = find_time(&table, partition, (first, next), time.as_millis())?;
                    let is_late = |event: &Event| event.enqueued >= time;
                    return gather(&table, partition, (row, next), limits, is_late)
                        .map(|batch| batch.since(first));
                }
                Position::Latest => next,
            };
            gather(&table, partition, (from, next), limits, |_| true).map(|batch| batch.since(first))
        })
    }

    /// That the hub has ended.
    pub(crate) fn ended(&self) -> JournalError {
        JournalError::Ended { path: self.path.clone() }
    }

    fn within<T>(
        &self,
        partition: u8,
        work: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<Option<T>, JournalError> {
        if partition >= self.partitions {
            return Ok(None);
        }
        let database = self.database.upgrade().ok_or_else(|| self.ended())?;
        quiet::catch(|| work(&database)).map(Some).map_err(|failure| failure.of(&self.path))
    }
}

/// The events from a sequence number on, beginning with the first that is wanted.
fn gather(
    table: &Events,
    partition: u8,
    (from, next): (u64, u64),
    limits: Limits,
    mut begins: impl FnMut(&Event) -> bool,
) -> Result<Batch, Failure> {
    let mut batch = Batch { events: Vec::new(), next: from, first: 0 };
    let Some(start) = row_of(table, partition, from)? else {
        return Ok(Batch { next, ..batch });
    };
    let mut bytes = 0;
    for row in table.range((partition, start)..=(partition, u64::MAX))? {
        let (key, row) = row?;
        let mut row = Row::open(partition, key.value().1, row.value())?;
        while let Some((sequence, event)) = row.next()? {
            if sequence < from || (batch.events.is_empty() && !begins(&event)) {
                batch.next = batch.next.max(sequence + 1);
                continue;
            }
            if sequence != batch.next {
                return Err(Failure::damaged(format!(
                    "event {} of partition {partition} is missing",
                    batch.next
                )));
            }
            bytes += footprint(&event);
            if !batch.events.is_empty() && (batch.events.len() == limits.events || bytes > limits.bytes) {
                return Ok(batch);
            }
            batch.next = sequence + 1;
            batch.events.push(Logged { partition, sequence, event });
        }
    }
    Ok(batch)
}

/// Where the row begins in which an event is.
fn row_of(table: &Events, partition: u8, sequence: u64) -> Result<Option<u64>, Failure> {
    let row = table.range((partition, 0)..=(partition, sequence))?.next_back();
    Ok(row.transpose()?.map(|(key, _)| key.value().1))
}

/// The sequence number of the first event of the first row in which the time is reached: times of rows never go back.
fn find_time(
    table: &Events,
    partition: u8,
    (mut low, mut high): (u64, u64),
    time_ms: u64,
) -> Result<u64, Failure> {
    // Everything before `low` is earlier, and everything from `high` on is not.
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(start) = row_of(table, partition, middle)? else { return Ok(high) };
        let Some(row) = table.get((partition, start))? else { return Ok(high) };
        let row = Row::open(partition, start, row.value())?;
        if row.latest_ms >= time_ms {
            high = start.max(low);
            if start <= low {
                return Ok(low);
            }
        } else {
            low = row.end;
        }
    }
    Ok(low)
}
