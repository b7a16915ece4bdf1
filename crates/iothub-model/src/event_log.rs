use serde::{Deserialize, Serialize};

use crate::Date;

/// What there is of a hub's event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLogProperties {
    /// How many partitions there are: they are numbered from 0 on.
    pub partition_count: u8,
    /// How long events are kept, in seconds; absent where only the latest are, in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_seconds: Option<u64>,
    /// How many bytes on disk they may take, all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_bytes: Option<u64>,
    /// Each of them, in their order.
    pub partitions: Vec<PartitionProperties>,
}

/// What there is of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionProperties {
    /// Its number.
    pub partition: u8,
    /// The sequence number of the first event that is still there, and of the next that comes if there is none.
    pub beginning_sequence_number: u64,
    /// The sequence number of the latest event, if there ever was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_enqueued_sequence_number: Option<u64>,
    /// When that was enqueued.
    #[serde(default)]
    pub last_enqueued_time: Date,
    /// Whether no event is there.
    pub is_empty: bool,
}

impl PartitionProperties {
    /// The sequence number of the next event that comes.
    pub fn next_sequence_number(&self) -> u64 {
        self.last_enqueued_sequence_number.map_or(self.beginning_sequence_number, |last| last + 1)
    }
}

/// Events of one partition that were read together. `E` is an event: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBatch<E> {
    /// Of which partition.
    pub partition: u8,
    /// The sequence number from which to go on.
    pub next: u64,
    /// How many of the events that were asked for are not kept any longer.
    pub missed: u64,
    /// In their order.
    pub events: Vec<E>,
}

/// A view of the event log, with checkpoints of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroup {
    /// Its name. There is always a `$Default`.
    pub name: String,
}

/// How far a consumer group has read a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Which partition.
    pub partition: u8,
    /// The sequence number of the first event that it has not read; absent where there is no checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// When that was put down.
    #[serde(default)]
    pub time: Date,
    /// How many events there are for it to read.
    pub waiting: u64,
    /// How many events it has not read that are not kept any longer.
    pub missed: u64,
}

/// A checkpoint that is to be put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCheckpoint {
    /// The sequence number of the first event that is not read yet.
    pub next: u64,
}
