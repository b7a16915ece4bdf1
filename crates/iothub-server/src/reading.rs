//! What back ends read of the event log over HTTPS.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use iothub_hub::{Checkpoint as Kept, Reading, Start};
use iothub_model::{Checkpoint, Date, EventBatch, EventLogProperties, PartitionProperties};

use crate::events::{Bounds, Events, Follower, Limits, Logged, Position, partition_of};
use crate::journal::JournalError;

/// What a request to read is answered with.
pub(crate) enum Answer {
    /// One JSON document.
    Document(Vec<u8>),
    /// Lines of JSON, for as long as there are any.
    Lines(Follower),
}

/// Why events cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// There is no such position.
    #[error(
        "partition {partition} ends before {end}, and there is no {wanted} yet: the position is one of another log, or of \
         one that was lost since; read from earliest, or from a time"
    )]
    BeyondEnd { partition: u8, wanted: u64, end: u64 },
    /// The disk cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What was read cannot be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Reads what the hub has allowed.
pub(crate) async fn read(events: &Arc<Events>, reading: Reading) -> Result<Answer, Unread> {
    let document = match reading {
        Reading::Stream { partition, device, from } => {
            return follow(events, partition, device, &from).await.map(Answer::Lines);
        }
        Reading::Batch { partition, from, events: most, wait } => {
            serde_json::to_vec(&batch(events, partition, &from, most, wait).await?)
        }
        Reading::Partitions => serde_json::to_vec(&properties(events).await?),
        Reading::Checkpoints(kept) => serde_json::to_vec(&checkpoints(events, &kept).await?),
    };
    Ok(Answer::Document(document?))
}

async fn follow(
    events: &Arc<Events>,
    partition: Option<u8>,
    device: Option<String>,
    from: &Start,
) -> Result<Follower, Unread> {
    let only =
        partition.or_else(|| device.as_deref().map(|device| partition_of(device, events.partitions())));
    let partitions = only.map_or(0..events.partitions(), |only| only..only + 1);
    if *from == Start::Latest {
        return Ok(events.follow(events.ends(partitions), device));
    }
    let mut next = BTreeMap::new();
    for partition in partitions {
        let position = position(events, partition, from).await?;
        let begin = match position {
            Position::Sequence(sequence) => sequence,
            Position::Earliest | Position::Enqueued(_) | Position::Latest => {
                let one = Limits { events: 1, bytes: 1 };
                let batch = events.read_aside(partition, position, one).await?.unwrap_or_default();
                batch.begin()
            }
        };
        next.insert(partition, begin);
    }
    Ok(events.follow(next, device))
}

async fn batch(
    events: &Arc<Events>,
    partition: u8,
    from: &Start,
    most: usize,
    wait: Duration,
) -> Result<EventBatch<Logged>, Unread> {
    let position = position(events, partition, from).await?;
    let limits = Limits { events: most, bytes: BATCH_LEN };
    let mut batch = events.read_aside(partition, position, limits).await?.unwrap_or_default();
    let missed = match position {
        Position::Sequence(wanted) => batch.begin().saturating_sub(wanted),
        Position::Earliest | Position::Enqueued(_) | Position::Latest => 0,
    };
    // Whoever has missed some is told at once.
    if batch.events.is_empty() && missed == 0 && !wait.is_zero() {
        // Too late is not too bad: then there is nothing to be read.
        let _ = tokio::time::timeout(wait, events.reaches(partition, batch.next)).await;
        let position = Position::Sequence(batch.next);
        batch = events.read_aside(partition, position, limits).await?.unwrap_or_default();
    }
    Ok(EventBatch { partition, next: batch.next, missed, events: batch.events })
}

async fn properties(events: &Arc<Events>) -> Result<EventLogProperties, JournalError> {
    let bounds = events.all_bounds().await?;
    let retention = events.retention();
    let partitions = bounds.into_iter().map(|(partition, bounds)| {
        let Bounds { first, next, latest_ms } = bounds;
        PartitionProperties {
            partition,
            beginning_sequence_number: first,
            last_enqueued_sequence_number: next.checked_sub(1),
            last_enqueued_time: if latest_ms == 0 { Date::NEVER } else { Date::from_millis(latest_ms) },
            is_empty: first == next,
        }
    });
    Ok(EventLogProperties {
        partition_count: events.partitions(),
        retention_seconds: retention.map(|retention| retention.time.as_secs()),
        retention_bytes: retention.map(|retention| retention.bytes),
        partitions: partitions.collect(),
    })
}

async fn checkpoints(
    events: &Arc<Events>,
    kept: &BTreeMap<u8, Kept>,
) -> Result<Vec<Checkpoint>, JournalError> {
    let bounds = events.all_bounds().await?;
    let document = |(partition, bounds): (u8, Bounds)| {
        let kept = kept.get(&partition);
        let next = kept.map(|kept| kept.next);
        let begin = next.unwrap_or_default().max(bounds.first);
        Checkpoint {
            partition,
            next,
            time: kept.map_or(Date::NEVER, |kept| Date::from_millis(kept.at_ms)),
            waiting: bounds.next.saturating_sub(begin),
            missed: next.map_or(0, |next| bounds.first.saturating_sub(next)),
        }
    };
    Ok(bounds.into_iter().map(document).collect())
}

/// Where to begin in a partition, if it is not beyond its end.
async fn position(events: &Arc<Events>, partition: u8, from: &Start) -> Result<Position, Unread> {
    let sequences = match from {
        Start::Earliest => return Ok(Position::Earliest),
        Start::Latest => return Ok(Position::Latest),
        Start::Enqueued(time) => return Ok(Position::Enqueued(*time)),
        Start::Sequences(sequences) => sequences,
    };
    let Some(wanted) = sequences.get(&partition).copied() else { return Ok(Position::Earliest) };
    let end = events.bounds_aside(partition).await?.unwrap_or_default().next;
    if wanted > end {
        return Err(Unread::BeyondEnd { partition, wanted, end });
    }
    Ok(Position::Sequence(wanted))
}

/// Most bytes of the events of a batch, roughly: one is given in any case.
const BATCH_LEN: usize = 1024 * 1024;
