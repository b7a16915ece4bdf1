use core::fmt::Write;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::{Events, Kept, Limits, Logged, Position};
use crate::journal::JournalError;

/// Events as lines, one JSON object each: first those that were there, then others as they come.
///
/// Of each partition they come in their order, without gaps. What is still in memory is read there, in the order of all
/// partitions; a reader that is slower catches up on disk.
pub(crate) struct Follower {
    events: Arc<Events>,
    changed: watch::Receiver<Option<u64>>,
    /// Of each partition that is read, the sequence number of the event that comes next.
    next: BTreeMap<u8, u64>,
    /// What is before this one in memory was given, or is not wanted.
    number: u64,
    device: Option<String>,
}

enum Found {
    /// Those of them that are wanted, perhaps none.
    Some(Vec<Arc<Logged>>),
    /// The next event of this partition is not in memory any longer.
    Behind(u8),
    Nothing,
}

impl Follower {
    pub(super) fn new(events: &Arc<Events>, next: BTreeMap<u8, u64>, device: Option<String>) -> Self {
        Self { changed: events.next.subscribe(), events: Arc::clone(events), next, number: 0, device }
    }

    /// Of each partition that is read, the sequence number of the event that comes next: `0:17,1:4`.
    pub(crate) fn positions(&self) -> String {
        let mut text = String::new();
        for (partition, next) in &self.next {
            let comma = if text.is_empty() { "" } else { "," };
            write!(text, "{comma}{partition}:{next}").expect("a text takes every text");
        }
        text
    }

    /// The next lines; `None` when there will be none. May be dropped while it waits only with the follower.
    ///
    /// Where events are not kept any longer there is a line that says how many:
    /// `{"kind":"skipped","partition":0,"count":17}`. It counts events of all devices.
    ///
    /// # Errors
    ///
    /// [`JournalError`] if the disk cannot be read.
    pub(crate) async fn lines(&mut self) -> Option<Result<Bytes, JournalError>> {
        loop {
            let ended = self.changed.borrow_and_update().is_none();
            let mut lines = Vec::new();
            match self.look() {
                Found::Some(events) => events.iter().for_each(|event| put(&mut lines, event)),
                Found::Behind(partition) => match self.catch_up(partition, &mut lines).await {
                    Ok(()) => {}
                    Err(JournalError::Ended { .. }) => return None,
                    Err(error) => return Some(Err(error)),
                },
                Found::Nothing if ended || self.changed.changed().await.is_err() => return None,
                Found::Nothing => continue,
            }
            if !lines.is_empty() {
                return Some(Ok(lines.into()));
            }
            // Much may have to be looked at of which nothing is wanted.
            tokio::task::yield_now().await;
        }
    }

    fn look(&mut self) -> Found {
        let ring = self.events.ring();
        let is_behind =
            |(partition, next): &(&u8, &u64)| **next < ring.bounds[usize::from(**partition)].first;
        if let Some((partition, _)) = self.next.iter().find(is_behind) {
            return Found::Behind(*partition);
        }
        self.number = self.number.max(ring.first);
        let begin = usize::try_from(self.number - ring.first).unwrap_or(usize::MAX);
        if begin >= ring.events.len() {
            return Found::Nothing;
        }
        let (mut found, mut bytes) = (Vec::new(), 0);
        for Kept { logged: each, bytes: len } in ring.events.range(begin..).take(LOOKED_AT) {
            self.number += 1;
            // What was read on disk may still be in memory as well.
            let next = self.next.get_mut(&each.partition).filter(|next| **next <= each.sequence);
            let Some(next) = next else { continue };
            *next = each.sequence + 1;
            if self.device.as_ref().is_none_or(|device| *device == each.event.device) {
                bytes += len;
                found.push(Arc::clone(each));
            }
            if bytes > CHUNK_LEN {
                break;
            }
        }
        Found::Some(found)
    }

    async fn catch_up(&mut self, partition: u8, lines: &mut Vec<u8>) -> Result<(), JournalError> {
        let wanted = self.next.get(&partition).copied().unwrap_or_default();
        let limits = Limits { events: LOOKED_AT, bytes: CAUGHT_UP_LEN };
        let batch = self.events.read_aside(partition, Position::Sequence(wanted), limits).await?;
        let Some(batch) = batch else { return Ok(()) };
        if let Some(count) = batch.begin().checked_sub(wanted).filter(|count| *count > 0) {
            let skipped = serde_json::json!({"kind": "skipped", "partition": partition, "count": count});
            lines.extend_from_slice(format!("{skipped}\n").as_bytes());
        }
        let is_wanted =
            |logged: &&Logged| self.device.as_ref().is_none_or(|device| *device == logged.event.device);
        batch.events.iter().filter(is_wanted).for_each(|event| put(lines, event));
        self.next.insert(partition, batch.next);
        Ok(())
    }
}

fn put(lines: &mut Vec<u8>, event: &Logged) {
    let before = lines.len();
    match serde_json::to_writer(&mut *lines, event) {
        Ok(()) => lines.push(b'\n'),
        Err(error) => {
            lines.truncate(before);
            tracing::error!(%error, "event has no JSON");
        }
    }
}

/// Lines are given together up to about this many bytes, and one.
const CHUNK_LEN: usize = 32 * 1024;
/// Most events that are looked at in one go, and bytes of those that are read on disk.
const LOOKED_AT: usize = 1000;
const CAUGHT_UP_LEN: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use iothub_hub::{Event, EventKind};
    use serde_json::{Value, json};

    use super::super::{EVENTS_MAX, partition_of};
    use super::*;

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

    fn follow(events: &Arc<Events>, from: u64, device: Option<&str>) -> Follower {
        let next = (0..events.partitions).map(|partition| (partition, from)).collect();
        Follower::new(events, next, device.map(Into::into))
    }

    async fn next(follower: &mut Follower) -> Vec<Value> {
        let lines = follower.lines().await.unwrap().unwrap();
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn events_come_from_a_position_on_and_of_the_device_that_was_asked_for() {
        let events = Arc::new(Events::in_memory(4));
        for (device, body) in [("a", "0"), ("b", "1"), ("a", "2")] {
            events.append(event(device, body.as_bytes()));
        }
        let bodies = |lines: Vec<Value>| lines.iter().map(|line| line["body"].clone()).collect::<Vec<_>>();
        let (mut all, mut one) = (follow(&events, 0, None), follow(&events, 0, Some("b")));
        assert_eq!(bodies(next(&mut all).await), [0, 1, 2]);
        assert_eq!(bodies(next(&mut one).await), [1]);
        let partition = partition_of("a", 4);
        assert_ne!(partition, partition_of("b", 4));
        let from = BTreeMap::from([(partition, 1)]);
        let mut late = Follower::new(&events, from, None);
        assert_eq!(late.positions(), format!("{partition}:1"));
        events.append(event("b", b"3"));
        assert_eq!(bodies(next(&mut late).await), [2]);
        assert_eq!(bodies(next(&mut all).await), [3]);
        events.end();
        assert_eq!(bodies(next(&mut one).await), [3]);
        assert!(all.lines().await.is_none() && late.lines().await.is_none());
    }

    #[tokio::test]
    async fn an_event_says_where_it_stands() {
        let events = Arc::new(Events::in_memory(1));
        events.append(event("a", b"0"));
        events.append(event("a", b"1"));
        let lines = next(&mut follow(&events, 1, None)).await;
        let expected = json!({
            "kind": "telemetry",
            "deviceId": "a",
            "enqueuedTime": "1970-01-01T00:00:00.0000000Z",
            "systemProperties": {},
            "properties": {},
            "body": 1,
            "partition": 0,
            "sequenceNumber": 1,
            "offset": "1",
        });
        assert_eq!(lines, [expected]);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_missed() {
        let events = Arc::new(Events::in_memory(1));
        let mut follower = follow(&events, 0, None);
        for _ in 0..EVENTS_MAX + 7 {
            events.append(event("a", b"1"));
        }
        let lines = next(&mut follower).await;
        assert_eq!(lines[0], json!({"kind": "skipped", "partition": 0, "count": 7}));
        assert_eq!(lines[1]["sequenceNumber"], 7);
    }
}
