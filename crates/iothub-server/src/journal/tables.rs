use core::ops::RangeInclusive;

use redb::TableDefinition;

/// Numbers about the journal as a whole.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Rows of changes, by their numbers, without gaps.
pub(super) const RECORD: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("record");
/// Rows of events: by partition and the sequence number of the first.
pub(super) const EVENTS: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("events");
/// Where the record begins and ends ([`OF_RECORD`]), and each partition ([`of_partition`]).
pub(super) const BOUNDS: TableDefinition<'_, u8, Bounds> = TableDefinition::new("bounds");

/// In a copy: files that lay beside the journal, by their names.
pub(super) const FILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("files");

/// The first row or event, the one behind the last, the bytes of the rows; and of the record the first row that is
/// still of use, of a partition the latest time of an event.
pub(super) type Bounds = (u64, u64, u64, u64);

pub(super) const OF_RECORD: u8 = 0;

pub(super) const fn of_partition(index: u8) -> u8 {
    index + 1
}

/// What this program reads. The first kept one row a change, in JSON.
pub(super) const FORMAT: u64 = 2;
/// How many partitions there may be.
pub(super) const PARTITIONS: RangeInclusive<u8> = 1..=32;
