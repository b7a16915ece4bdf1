use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use iothub_hub::Event;
use tokio::sync::watch;

/// The latest events, for those who read them as they come.
pub(crate) struct Events {
    ring: Mutex<Ring>,
    /// The number of the next event; `None` when there will be none.
    next: watch::Sender<Option<u64>>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Number of the first in the ring.
    first: u64,
    bytes: usize,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { ring: Mutex::default(), next: watch::Sender::new(Some(0)) }
    }

    /// Adds an event; the oldest make room.
    pub(crate) fn append(&self, event: Event) {
        let mut ring = self.ring();
        ring.bytes += size(&event);
        ring.events.push_back(Arc::new(event));
        while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= size(&oldest);
            ring.first += 1;
        }
        let next = ring.first + ring.events.len() as u64;
        drop(ring);
        self.next.send_modify(|number| *number = number.map(|_| next));
    }

    /// Ends every [`Stream`] once it has given what is there.
    pub(crate) fn end(&self) {
        self.next.send_replace(None);
    }

    /// The events from now on; only those of `device` if there is one.
    pub(crate) fn stream(self: &Arc<Self>, device: Option<String>) -> Stream {
        let ring = self.ring();
        let number = ring.first + ring.events.len() as u64;
        drop(ring);
        Stream { next: self.next.subscribe(), events: Arc::clone(self), number, device }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing in here can panic half-way.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events as lines, one JSON object each.
pub(crate) struct Stream {
    events: Arc<Events>,
    next: watch::Receiver<Option<u64>>,
    /// Of the first event that was not given yet.
    number: u64,
    device: Option<String>,
}

impl Stream {
    /// The next lines; `None` when there will be none.
    ///
    /// A reader that is so slow that events have made room for later ones gets a line that says how many:
    /// `{"kind":"skipped","count":17}`. It counts events of all devices.
    pub(crate) async fn lines(&mut self) -> Option<Bytes> {
        loop {
            let ended = self.next.borrow_and_update().is_none();
            let lines = self.take();
            if !lines.is_empty() {
                return Some(lines.into());
            }
            if ended || self.next.changed().await.is_err() {
                return None;
            }
        }
    }

    fn take(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        while lines.len() < CHUNK_LEN {
            let ring = self.events.ring();
            if self.number < ring.first {
                let count = ring.first - self.number;
                self.number = ring.first;
                lines.extend_from_slice(format!("{{\"kind\":\"skipped\",\"count\":{count}}}\n").as_bytes());
            }
            let at = usize::try_from(self.number - ring.first).ok();
            let Some(event) = at.and_then(|at| ring.events.get(at)).cloned() else { break };
            drop(ring);
            self.number += 1;
            if self.device.as_ref().is_none_or(|device| *device == event.device) {
                match serde_json::to_writer(&mut lines, &*event) {
                    Ok(()) => lines.push(b'\n'),
                    Err(error) => tracing::error!(%error, "event has no JSON"),
                }
            }
        }
        lines
    }
}

/// Roughly how many bytes an event keeps in memory.
fn size(event: &Event) -> usize {
    let texts = event.system.values().chain(event.properties.iter().flat_map(|(name, value)| [name, value]));
    size_of::<Event>() + event.body.len() + texts.map(|text| text.len() + size_of::<String>()).sum::<usize>()
}

/// Most events that are kept for readers who are slower than they come.
const EVENTS_MAX: usize = 10_000;
/// Most bytes of them.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines are given together up to this many bytes, and one.
const CHUNK_LEN: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use iothub_hub::EventKind;

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

    async fn bodies(stream: &mut Stream) -> Vec<serde_json::Value> {
        let lines = stream.lines().await.unwrap();
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_stream_begins_now_and_gives_what_it_is_asked_for() {
        let events = Arc::new(Events::new());
        events.append(event("a", b"0"));
        let (mut all, mut one) = (events.stream(None), events.stream(Some("b".into())));
        events.append(event("a", b"1"));
        events.append(event("b", b"2"));
        let bodies_of = async |stream: &mut Stream| -> Vec<u64> {
            bodies(stream).await.iter().map(|line| line["body"].as_u64().unwrap()).collect()
        };
        assert_eq!(bodies_of(&mut all).await, [1, 2]);
        assert_eq!(bodies_of(&mut one).await, [2]);
        events.append(event("b", b"3"));
        events.end();
        assert_eq!(bodies_of(&mut all).await, [3]);
        assert_eq!(all.lines().await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_missed() {
        let events = Arc::new(Events::new());
        let mut stream = events.stream(None);
        for _ in 0..EVENTS_MAX + 7 {
            events.append(event("a", b"1"));
        }
        let lines = bodies(&mut stream).await;
        assert_eq!(lines[0], serde_json::json!({"kind": "skipped", "count": 7}));
        assert_eq!(lines[1]["kind"], "telemetry");
    }

    #[test]
    fn long_events_make_room_as_well() {
        let events = Events::new();
        for _ in 0..100 {
            events.append(event("a", &[b'x'; 256 * 1024]));
        }
        let ring = events.ring();
        assert!(ring.bytes <= BYTES_MAX && ring.events.len() < 64, "{} events", ring.events.len());
        assert_eq!(ring.first + ring.events.len() as u64, 100);
    }
}
