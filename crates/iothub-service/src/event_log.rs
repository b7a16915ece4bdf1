use core::time::Duration;

use iothub_model::{Checkpoint, ConsumerGroup, EventBatch, EventLogProperties, NewCheckpoint};
use serde_json::value::RawValue;

use crate::request::{Request, escaped};
use crate::{Error, EventPosition, Service};

/// Reads one partition of a local hub's event log, some events at a time. Comes from [`Service::event_reader`].
#[derive(Clone, Debug)]
pub struct EventReader {
    service: Service,
    partition: u8,
    position: EventPosition,
}

impl EventReader {
    /// Most events that are read at a time.
    pub const EVENTS_MAX: u16 = 1000;
    /// Longest time that a hub waits for an event.
    pub const WAIT_MAX: Duration = Duration::from_secs(60);

    /// Reads up to `most` events and goes on behind them; where there are none, the hub waits for one. Dropping it while
    /// it waits loses nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a position beyond the end of the partition, or for more than the limits above; see [`Error`]
    /// for others. It may be tried again.
    pub async fn read(&mut self, most: u16, wait: Duration) -> Result<EventBatch<Box<RawValue>>, Error> {
        let request = self.position.of(Request::get(format!("{PATH}/partitions/{}", self.partition)));
        let wait_s = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        let request = request.query("max", u32::from(most)).query("wait", wait_s);
        let deadline = self.service.usual_deadline().saturating_add(wait);
        let batch: EventBatch<_> = self.service.send(request.within(deadline)).await?;
        self.position = EventPosition::sequence(self.partition, batch.next);
        Ok(batch)
    }

    /// Has a consumer group's checkpoint say that everything was read until here.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GroupNotFound`; see [`Error`] for others.
    pub async fn checkpoint(&self, group: &str) -> Result<(), Error> {
        let EventPosition::Sequences(sequences) = &self.position else { return Ok(()) };
        match sequences.get(&self.partition) {
            Some(next) => self.service.put_checkpoint(group, self.partition, *next).await,
            None => Ok(()),
        }
    }

    /// From where it goes on.
    pub const fn position(&self) -> &EventPosition {
        &self.position
    }
}

/// # The event log of a local hub
///
/// Azure serves it by AMQP only. Takes the right ServiceConnect.
impl Service {
    /// Says where partitions begin and end, and how long events are kept.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn event_log(&self) -> Result<EventLogProperties, Error> {
        self.send(Request::get(format!("{PATH}/partitions"))).await
    }

    /// Prepares to read a partition. Nothing is sent yet.
    pub fn event_reader(&self, partition: u8, from: EventPosition) -> EventReader {
        EventReader { service: self.clone(), partition, position: from }
    }

    /// Lists the consumer groups, by name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn consumer_groups(&self) -> Result<Vec<ConsumerGroup>, Error> {
        self.send(Request::get(format!("{PATH}/consumerGroups"))).await
    }

    /// Makes a consumer group, if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a name that is none, and when there are 20; see [`Error`] for others.
    pub async fn create_consumer_group(&self, name: &str) -> Result<ConsumerGroup, Error> {
        self.send(Request::put(group_path(name)?)).await
    }

    /// Deletes a consumer group with its checkpoints.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GroupNotFound`, and for `$Default`; see [`Error`] for others.
    pub async fn delete_consumer_group(&self, name: &str) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(group_path(name)?)).await
    }

    /// Says how far a consumer group has read each partition.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GroupNotFound`; see [`Error`] for others.
    pub async fn checkpoints(&self, group: &str) -> Result<Vec<Checkpoint>, Error> {
        self.send(Request::get(format!("{}/checkpoints", group_path(group)?))).await
    }

    /// Puts down how far a consumer group has read a partition: `next` is the sequence number of the first event that
    /// it has not read. It may be less than before.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GroupNotFound`; see [`Error`] for others.
    pub async fn put_checkpoint(&self, group: &str, partition: u8, next: u64) -> Result<(), Error> {
        let path = format!("{}/checkpoints/{partition}", group_path(group)?);
        self.send_for_nothing(Request::put(path).json(&NewCheckpoint { next })).await
    }
}

fn group_path(name: &str) -> Result<String, Error> {
    Ok(format!("{PATH}/consumerGroups/{}", escaped(name)?))
}

const PATH: &str = "/$local/events";
