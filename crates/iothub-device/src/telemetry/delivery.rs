use core::pin::Pin;
use core::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::SendError;
use crate::message::Message;
use crate::metrics::Meter;
#[cfg(feature = "outbox")]
use crate::outbox::Ticket;

/// What becomes of one message, told once: a future.
///
/// Made by [`Device::enqueue`](crate::Device::enqueue) and [`Device::try_enqueue`](crate::Device::try_enqueue). It
/// resolves when the hub has acknowledged the message, or when it is known that it will not have in time; of a message
/// [at most once](Message::at_most_once), when it is on its way. Dropped, nobody is told, and the message goes out all
/// the same.
#[derive(Debug)]
#[must_use = "a message that is not delivered is told of here and nowhere else; drop it where that does not matter"]
pub struct Delivery(oneshot::Receiver<Result<(), SendError>>);

impl Future for Delivery {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Whoever is to tell says something, or is gone.
        Pin::new(&mut self.0).poll(cx).map(|told| told.unwrap_or(Err(SendError::Closed)))
    }
}

/// Where the outcome of a message is told. Dropped without one, the device was closed.
#[derive(Debug)]
pub(crate) struct Report {
    to: To,
    meter: Meter,
}

#[derive(Debug)]
enum To {
    Delivery {
        told: oneshot::Sender<Result<(), SendError>>,
        unheard: Unheard,
    },
    #[cfg(feature = "outbox")]
    Outbox(Ticket),
}

/// What happens to a message that has not gone out when nobody waits for its outcome any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    SentAllTheSame,
    GivenUp,
}

impl Report {
    pub(crate) fn new(unheard: Unheard, meter: Meter) -> (Self, Delivery) {
        let (told, delivery) = oneshot::channel();
        (Self { to: To::Delivery { told, unheard }, meter }, Delivery(delivery))
    }

    #[cfg(feature = "outbox")]
    pub(crate) fn to_outbox(ticket: Ticket, meter: Meter) -> Self {
        Self { to: To::Outbox(ticket), meter }
    }

    pub(crate) fn end(self, outcome: Result<(), SendError>) {
        if let Err(error) = &outcome {
            self.meter.tell(|metrics| metrics.message_failed(error));
        }
        match self.to {
            // Whoever has dropped the delivery is not told.
            To::Delivery { told, unheard: _ } => drop(told.send(outcome)),
            #[cfg(feature = "outbox")]
            To::Outbox(ticket) => ticket.end(outcome),
        }
    }

    /// Whether the message is kept elsewhere until it has an outcome, and comes again when this is dropped.
    pub(crate) fn is_kept(&self) -> bool {
        match &self.to {
            To::Delivery { .. } => false,
            #[cfg(feature = "outbox")]
            To::Outbox(_) => true,
        }
    }

    /// Whether the message need not go out.
    pub(crate) fn is_given_up(&self) -> bool {
        match &self.to {
            To::Delivery { told, unheard } => *unheard == Unheard::GivenUp && told.is_closed(),
            #[cfg(feature = "outbox")]
            To::Outbox(_) => false,
        }
    }
}

/// Why a message was not taken; it is given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// As many messages, or as many bytes, wait to be sent as may.
    #[error("too much waits to be sent")]
    Full(Message),
    /// The device was closed.
    #[error("the device is closed")]
    Closed(Message),
}

impl EnqueueError {
    /// The message.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }
}
