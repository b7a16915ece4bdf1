use core::time::Duration;
use std::sync::Arc;

use iothub_codec::SystemProperty;
use iothub_outbox::{Entry, Key, Settlement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, warn};

use super::{Outbox, depth, letter};
use crate::error::SendError;
use crate::message::Message;
use crate::metrics::Meter;
use crate::status::{ConnectionStatus, StatusWatch};
use crate::telemetry::{LaneEntry, Outgoing, Report};

/// The task that takes messages out of an outbox for a device. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Feeder(JoinHandle<()>);

/// A message of an outbox on its way. Dropped without an outcome, it stays in the outbox.
#[derive(Debug)]
pub(crate) struct Ticket {
    outbox: Outbox,
    key: Key,
    is_settled: bool,
    _place: OwnedSemaphorePermit,
}

/// How long a message waits that the hub refuses for the time being.
const REFUSED_FOR: Duration = Duration::from_secs(5);

impl Feeder {
    /// Begins to feed the lane while the device is connected, with up to `places` messages at a time.
    pub(crate) fn start(
        outbox: Outbox,
        (lane, places): (LaneEntry, usize),
        status: StatusWatch,
        meter: Meter,
        span: &Span,
    ) -> Self {
        let depth = meter.is_there().then(|| depth::tell(outbox.clone(), meter.clone()));
        let feeding = feed(outbox, lane, Arc::new(Semaphore::new(places)), status, meter);
        let both = async move {
            match depth {
                Some(depth) => {
                    tokio::join!(feeding, depth);
                }
                None => feeding.await,
            }
        };
        Self(tokio::spawn(both.instrument(span.clone())))
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn feed(
    outbox: Outbox,
    lane: LaneEntry,
    places: Arc<Semaphore>,
    mut status: StatusWatch,
    meter: Meter,
) {
    // Without a connection all stay where they can be overtaken, and dropped for others or because of their age.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await
        && let ConnectionStatus::Connected = status.connected_or_closed().await
        && let Some(entry) = outbox.0.next().await
    {
        let ticket = Ticket { outbox: outbox.clone(), key: entry.key, is_settled: false, _place: place };
        let message = match message(&outbox, &entry) {
            Ok(message) => message,
            Err(why) => {
                warn!(name: "outbox_illegible", %why, key = ?entry.key, "what is in the outbox cannot be read");
                ticket.settle(Settlement::Undeliverable);
                continue;
            }
        };
        let Some(room) = lane.reserve(message.size()).await else { return };
        // It may have waited for long.
        if !matches!(status.current(), ConnectionStatus::Connected) {
            continue;
        }
        room.put(Outgoing { message, report: Report::to_outbox(ticket, meter.clone()), deadline: None });
    }
}

/// The message, with a name that is the same whenever it is sent.
fn message(outbox: &Outbox, entry: &Entry) -> Result<Message, letter::Illegible> {
    let message = letter::open(&entry.record)?;
    Ok(match message.properties.system(SystemProperty::MessageId) {
        Some(_) => message,
        None => message.message_id(format!("{}-{}", outbox.0.id(), entry.key.sequence())),
    })
}

impl Ticket {
    /// Takes the outcome.
    pub(crate) fn end(self, outcome: Result<(), SendError>) {
        match outcome {
            Ok(()) => self.settle(Settlement::Delivered),
            Err(SendError::Closed | SendError::TimedOut { .. }) => self.settle(Settlement::Returned),
            // It keeps its place meanwhile, so that a hub that refuses everything is not hurried.
            Err(SendError::Refused(refusal)) if refusal.is_retryable() => {
                warn!(name: "outbox_delayed", %refusal, key = ?self.key, "a message of the outbox is sent again later");
                tokio::spawn(async move {
                    tokio::time::sleep(REFUSED_FOR).await;
                    self.settle(Settlement::Returned);
                });
            }
            Err(
                why @ (SendError::Refused(_)
                | SendError::TooLarge { .. }
                | SendError::NotExpressible(_)
                | SendError::QosNotTaken
                | SendError::Unwritable(_)),
            ) => {
                warn!(name: "outbox_undeliverable", %why, key = ?self.key, "a message of the outbox can never be sent");
                self.settle(Settlement::Undeliverable);
            }
        }
    }

    fn settle(mut self, settlement: Settlement) {
        self.is_settled = true;
        self.outbox.0.settle(self.key, settlement);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_settled {
            self.outbox.0.settle(self.key, Settlement::Returned);
        }
    }
}
