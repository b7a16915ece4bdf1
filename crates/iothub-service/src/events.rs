use std::collections::BTreeMap;

use iothub_model::Date;
use reqwest::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lines::Lines;
use crate::request::Request;
use crate::{Error, Service};

/// From where events are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EventPosition {
    /// From the first that is still there.
    Earliest,
    /// From now on.
    #[default]
    Latest,
    /// From the first that was enqueued then or later.
    Enqueued(Date),
    /// From these sequence numbers on, by partition; of partitions without one, from the first that is still there.
    Sequences(BTreeMap<u8, u64>),
    /// From where that consumer group has come to; of partitions without a checkpoint, from the first that is still
    /// there.
    Checkpoint(String),
}

impl EventPosition {
    /// From one sequence number of one partition on.
    pub fn sequence(partition: u8, sequence: u64) -> Self {
        Self::Sequences(BTreeMap::from([(partition, sequence)]))
    }

    pub(crate) fn of(&self, request: Request) -> Request {
        match self {
            Self::Earliest => request.choice("from", "earliest"),
            Self::Latest => request.choice("from", "latest"),
            Self::Enqueued(time) => request.text("from", &time.to_string()),
            Self::Sequences(sequences) => {
                let pairs: Vec<_> =
                    sequences.iter().map(|(partition, sequence)| format!("{partition}:{sequence}")).collect();
                match pairs.is_empty() {
                    true => request.choice("from", "earliest"),
                    false => request.text("from", &pairs.join(",")),
                }
            }
            Self::Checkpoint(group) => request.choice("from", "checkpoint").text("group", group),
        }
    }
}

/// Which events are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsWanted {
    /// From where.
    pub from: EventPosition,
    /// Of one partition only.
    pub partition: Option<u8>,
    /// Of one device and its modules only.
    pub device: Option<String>,
}

/// # Extras of a local hub
///
/// Azure serves these by AMQP only.
impl Service {
    /// Begins to follow what happens in a local hub from now on: telemetry, connections, changes. Takes the right
    /// ServiceConnect.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a hub that is not a local one; see [`Error`] for others.
    pub async fn events(&self) -> Result<Events, Error> {
        self.follow_events(EventsWanted::default()).await
    }

    /// The same of some events, or from another position on: first those that are there, then others as they come.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a hub that is not a local one, and for a position beyond the end of a partition; see
    /// [`Error`] for others.
    pub async fn follow_events(&self, wanted: EventsWanted) -> Result<Events, Error> {
        let response = self.open(wanted.request(&wanted.from)).await?;
        let positions = positions(&response).unwrap_or_default();
        Ok(Events { service: self.clone(), wanted, response, lines: Lines::default(), positions })
    }
}

impl EventsWanted {
    fn request(&self, from: &EventPosition) -> Request {
        let mut request = from.of(Request::get("/$local/events".into()));
        if let Some(partition) = self.partition {
            request = request.query("partition", u32::from(partition));
        }
        if let Some(device) = &self.device {
            request = request.text("device", device);
        }
        request
    }
}

/// What happens in a hub, as it happens. Comes from [`Service::follow_events`]; dropping it ends the connection.
#[derive(Debug)]
pub struct Events {
    service: Service,
    wanted: EventsWanted,
    response: Response,
    lines: Lines,
    positions: BTreeMap<u8, u64>,
}

impl Events {
    /// Longest event, in bytes. A message has up to 256 KiB, of which JSON may take six bytes for one.
    pub const EVENT_MAX: usize = 2 * 1024 * 1024;

    /// Waits for the next event: one JSON object. `None` when the hub has ended the stream, as it does when
    /// it stops. May be dropped while it waits, without losing an event.
    ///
    /// Where events are not kept any longer that were wanted, there is an object of the kind `skipped` with their
    /// `partition` and `count`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] when the connection broke, and [`Error::Unreadable`] for what is no event. There
    /// is no use in going on after either, but with [`Self::reconnect`].
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, Error> {
        loop {
            if let Some(line) = self.lines.next() {
                let unreadable = |error: serde_json::Error| self.service.unreadable(error.to_string());
                let event: Box<RawValue> = serde_json::from_slice(&line).map_err(unreadable)?;
                let place: Place = serde_json::from_str(event.get()).map_err(unreadable)?;
                place.pass(&mut self.positions);
                return Ok(Some(event));
            }
            if self.lines.unfinished() > Self::EVENT_MAX {
                let reason = format!("an event of more than {} bytes", Self::EVENT_MAX);
                return Err(self.service.unreadable(reason));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.lines.push(&chunk),
                Ok(None) if self.lines.unfinished() == 0 => return Ok(None),
                Ok(None) => return Err(self.service.unreadable("the last event is cut short".into())),
                Err(error) => return Err(self.service.transport(&error)),
            }
        }
    }

    /// Of each partition that is followed, the sequence number of the event behind the last that [`Self::next`] gave.
    pub const fn positions(&self) -> &BTreeMap<u8, u64> {
        &self.positions
    }

    /// Follows again, after an end or an error, what [`Self::next`] has not given yet: nothing is lost that the hub
    /// keeps, and nothing comes twice.
    ///
    /// # Errors
    ///
    /// As for [`Service::follow_events`]. It may be tried again.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        let from = EventPosition::Sequences(self.positions.clone());
        self.response = self.service.open(self.wanted.request(&from)).await?;
        self.lines = Lines::default();
        Ok(())
    }
}

/// Where an event stands, or what is missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    partition: Option<u8>,
    sequence_number: Option<u64>,
    count: Option<u64>,
}

impl Place {
    fn pass(&self, positions: &mut BTreeMap<u8, u64>) {
        let Some(next) = self.partition.and_then(|partition| positions.get_mut(&partition)) else { return };
        match (self.sequence_number, self.count) {
            (Some(sequence), _) => *next = sequence + 1,
            (None, Some(count)) => *next += count,
            (None, None) => {}
        }
    }
}

/// Where a stream begins, as its head says: `0:17,1:4`.
fn positions(response: &Response) -> Option<BTreeMap<u8, u64>> {
    let text = response.headers().get("iothub-positions")?.to_str().ok()?;
    let pair = |pair: &str| {
        let (partition, sequence) = pair.split_once(':')?;
        Some((partition.parse().ok()?, sequence.parse().ok()?))
    };
    text.split(',').map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_parameter() {
        let sequences = |pairs: &[(u8, u64)]| EventPosition::Sequences(pairs.iter().copied().collect());
        for (from, query) in [
            (EventPosition::Earliest, "from=earliest"),
            (EventPosition::Latest, "from=latest"),
            (
                EventPosition::Enqueued(Date::from_millis(1_893_456_000_000)),
                "from=2030-01-01T00%3A00%3A00.0000000Z",
            ),
            (sequences(&[(0, 17), (3, 4)]), "from=0%3A17%2C3%3A4"),
            (sequences(&[]), "from=earliest"),
            (EventPosition::Checkpoint("$Default".into()), "from=checkpoint&group=%24Default"),
        ] {
            let url = from.of(Request::get("/e".into())).url("h");
            assert_eq!(url, format!("https://h/e?api-version=2021-04-12&{query}"));
        }
    }

    #[test]
    fn what_came_and_what_is_missing_both_move_the_position() {
        let mut positions = BTreeMap::from([(0, 3), (1, 5)]);
        for (line, expected) in [
            (r#"{"kind":"telemetry","partition":0,"sequenceNumber":3}"#, (4, 5)),
            (r#"{"kind":"skipped","partition":1,"count":7}"#, (4, 12)),
            (r#"{"kind":"telemetry","partition":9,"sequenceNumber":3}"#, (4, 12)),
            (r#"{"kind":"other"}"#, (4, 12)),
        ] {
            let place: Place = serde_json::from_str(line).expect("a line of a hub");
            place.pass(&mut positions);
            assert_eq!((positions[&0], positions[&1]), expected, "{line}");
        }
    }
}
