use core::time::Duration;
use std::collections::BTreeMap;

use iothub_proto::Timestamp;

use crate::consumer_group::Checkpoint;

/// What a back end is to read of the event log. The log is not the hub's: its server has it. That the back end may, and
/// that there are such partitions, is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Events as they come, one JSON object a line.
    Stream {
        /// Of one partition only.
        partition: Option<u8>,
        /// Of one device only.
        device: Option<String>,
        /// From where.
        from: Start,
    },
    /// Some events of one partition, in one document.
    Batch {
        /// Which one.
        partition: u8,
        /// From where. Where it names partitions, it names this one or none.
        from: Start,
        /// Most events.
        events: usize,
        /// How long to wait for one.
        wait: Duration,
    },
    /// Where partitions begin and end.
    Partitions,
    /// How far a consumer group has read each partition.
    Checkpoints(BTreeMap<u8, Checkpoint>),
}

/// From where events are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first that are still there.
    Earliest,
    /// Those that come from now on.
    Latest,
    /// Those that were enqueued then or later.
    Enqueued(Timestamp),
    /// Those from a sequence number on, by partition; in partitions without one, the first that are still there.
    Sequences(BTreeMap<u8, u64>),
}
