use iothub_hub::Event;
use iothub_proto::Timestamp;
use redb::{ReadOnlyTable, ReadableTable, Table};

use super::error::Failure;
use super::event;
use super::row::{self, Pieces, ROW_LEN, put_number};
use super::tables::{Bounds, of_partition};
use crate::retention::Retention;

/// One partition of the event log, from the side that writes.
///
/// A row holds the events that were committed together: the latest time of an event until its end, which never goes
/// back, how many there are, and the events one behind the other.
pub(super) struct Partition {
    index: u8,
    first: u64,
    next: u64,
    bytes: u64,
    latest_ms: u64,
    /// The time of the first row, once it is known.
    oldest_ms: Option<u64>,
    /// Rows to be written, and the sequence number of the first event of each.
    rows: Vec<(u64, Vec<u8>)>,
    pending: Vec<u8>,
    pending_from: u64,
}

impl Partition {
    /// Where a partition begins and ends, as far as that fits what is there.
    pub(super) fn find(
        index: u8,
        table: &ReadOnlyTable<(u8, u64), &'static [u8]>,
        bounds: &ReadOnlyTable<u8, Bounds>,
    ) -> Result<Self, Failure> {
        let (first, next, bytes, latest_ms) =
            bounds.get(of_partition(index))?.map(|row| row.value()).unwrap_or_default();
        let mut rows = table.range((index, 0)..=(index, u64::MAX))?;
        let begin = rows.next().transpose()?.map(|(key, _)| key.value().1);
        if begin.unwrap_or(next) != first {
            return Err(Failure::damaged(format!("events of partition {index} from {first} on are missing")));
        }
        if let Some(last) = rows.next_back().or(table.range((index, 0)..=(index, u64::MAX))?.next_back()) {
            let (key, row) = last?;
            let from = key.value().1;
            if Row::open(index, from, row.value())?.end != next {
                return Err(Failure::damaged(format!(
                    "events of partition {index} before {next} are missing"
                )));
            }
        }
        Ok(Self {
            index,
            first,
            next,
            bytes,
            latest_ms,
            oldest_ms: None,
            rows: Vec::new(),
            pending: Vec::new(),
            pending_from: next,
        })
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Has an event written with the next [`Self::write`].
    pub(super) fn add(&mut self, event: &Event) {
        event::put(&mut self.pending, event);
        self.latest_ms = self.latest_ms.max(event.enqueued.as_millis());
        self.next += 1;
        if self.pending.len() >= ROW_LEN {
            self.end_row();
        }
    }

    pub(super) const fn has_pending(&self) -> bool {
        !self.pending.is_empty() || !self.rows.is_empty()
    }

    /// Writes what was added, and removes some of what need not be kept any longer.
    pub(super) fn write(
        &mut self,
        now: Timestamp,
        retention: &Retention,
        table: &mut Table<'_, (u8, u64), &[u8]>,
        bounds: &mut Table<'_, u8, Bounds>,
    ) -> Result<(), Failure> {
        if !self.pending.is_empty() {
            self.end_row();
        }
        let mut added = 0;
        for (from, payload) in self.rows.drain(..) {
            let row = row::seal(&name(self.index), from, &payload);
            table.insert((self.index, from), &row[..])?;
            added += row.len() as u64;
        }
        self.bytes += added;
        self.remove(now, retention, table, added * REMOVED_FOR_ADDED + REMOVED_MIN)?;
        bounds.insert(of_partition(self.index), (self.first, self.next, self.bytes, self.latest_ms))?;
        Ok(())
    }

    /// Removes some of what need not be kept any longer, if there is such.
    pub(super) fn trim(
        &mut self,
        now: Timestamp,
        retention: &Retention,
        table: &mut Table<'_, (u8, u64), &[u8]>,
        bounds: &mut Table<'_, u8, Bounds>,
    ) -> Result<bool, Failure> {
        let first = self.first;
        self.remove(now, retention, table, TRIMMED_MAX)?;
        if self.first == first {
            return Ok(false);
        }
        bounds.insert(of_partition(self.index), (self.first, self.next, self.bytes, self.latest_ms))?;
        Ok(true)
    }

    /// Removes rows from the beginning, until there are `removable` bytes fewer or nothing is too old or too much.
    fn remove(
        &mut self,
        now: Timestamp,
        retention: &Retention,
        table: &mut Table<'_, (u8, u64), &[u8]>,
        mut removable: u64,
    ) -> Result<(), Failure> {
        while removable > 0 && self.has_too_much(now, retention, table)? {
            let Some(row) = table.remove((self.index, self.first))? else { break };
            let len = row.value().len() as u64;
            self.first = Row::open(self.index, self.first, row.value())?.end;
            self.bytes -= len.min(self.bytes);
            self.oldest_ms = None;
            removable = removable.saturating_sub(len);
        }
        Ok(())
    }

    /// Whether the first row has to go.
    fn has_too_much(
        &mut self,
        now: Timestamp,
        retention: &Retention,
        table: &Table<'_, (u8, u64), &[u8]>,
    ) -> Result<bool, Failure> {
        if self.bytes > retention.partition_bytes() {
            return Ok(true);
        }
        let oldest = match self.oldest_ms {
            Some(oldest) => oldest,
            None => {
                let Some(row) = table.get((self.index, self.first))? else { return Ok(false) };
                let latest = Row::open(self.index, self.first, row.value())?.latest_ms;
                *self.oldest_ms.insert(latest)
            }
        };
        Ok(oldest < retention.oldest_kept_ms(now))
    }

    fn end_row(&mut self) {
        let mut row = Vec::with_capacity(self.pending.len() + 16);
        put_number(&mut row, self.latest_ms);
        put_number(&mut row, self.next - self.pending_from);
        row.append(&mut self.pending);
        self.rows.push((self.pending_from, row));
        self.pending_from = self.next;
    }
}

/// A row of events, from the side that reads.
pub(super) struct Row<'a> {
    pub(super) partition: u8,
    pub(super) from: u64,
    /// The sequence number behind that of its last event.
    pub(super) end: u64,
    /// The latest time of an event until its end.
    pub(super) latest_ms: u64,
    events: Pieces<'a>,
}

impl<'a> Row<'a> {
    pub(super) fn open(partition: u8, from: u64, row: &'a [u8]) -> Result<Self, Failure> {
        let mut events = Pieces(row::open(&name(partition), from, row)?);
        let mut number = || events.number().ok_or_else(|| unreadable(partition, from));
        let (latest_ms, count) = (number()?, number()?);
        Ok(Self { partition, from, end: from + count, latest_ms, events })
    }

    /// The next event and its sequence number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Event)>, Failure> {
        if self.from == self.end {
            return Ok(None);
        }
        let event = event::take(&mut self.events).ok_or_else(|| unreadable(self.partition, self.from))?;
        let sequence = self.from;
        self.from += 1;
        Ok(Some((sequence, event)))
    }
}

fn unreadable(partition: u8, from: u64) -> Failure {
    Failure::damaged(format!("event {from} of partition {partition} cannot be read"))
}

/// What rows of a partition are sealed with.
fn name(partition: u8) -> String {
    format!("partition {partition}")
}

/// Bytes removed for each byte added, and at least, where there is something to remove.
const REMOVED_FOR_ADDED: u64 = 2;
const REMOVED_MIN: u64 = 64 * 1024;
/// Bytes removed at a time where nothing is added.
const TRIMMED_MAX: u64 = 16 * 1024 * 1024;
