use bytes::Bytes;
use iothub_proto::{AckToken, Verdict};

use super::in_hand::InHand;
use crate::answering::Answering;
use crate::error::AnswerError;
use crate::lanes::{AnswerKind, ConnectionNumber};
use crate::properties::Properties;

/// A message from the cloud.
///
/// The hub keeps it until [`Self::complete`] or [`Self::reject`]. Dropped without that it is not acknowledged, and the
/// hub delivers it again with the next connection. Until then it is one of those that may be unacknowledged at a time:
/// when there are so many, the hub sends no others.
#[derive(Debug)]
pub struct Command {
    /// The bytes.
    pub payload: Bytes,
    /// The properties of the message.
    pub properties: Properties,
    pub(super) receipt: Receipt,
}

impl Command {
    pub(super) fn new(arrived: ArrivedCommand, answering: Answering) -> Self {
        let ArrivedCommand { connection, payload, properties, ack, in_hand } = arrived;
        Self {
            payload,
            properties,
            receipt: Receipt { answering, connection, ack, _in_hand: in_hand.taken() },
        }
    }

    /// Tells the hub that the command was dealt with, and returns when that is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; then the hub delivers the command again.
    pub async fn complete(self) -> Result<(), AnswerError> {
        self.receipt.settle(Verdict::Complete).await
    }

    /// Gives the command back, for the hub to deliver it again soon, and returns when that is on its way. Each delivery
    /// counts, and a hub gives up after so many.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; outside of `Dialect::Preview5` it is [`AnswerError::NotExpressible`], and the hub delivers the
    /// command again with the next connection.
    pub async fn abandon(self) -> Result<(), AnswerError> {
        self.receipt.settle(Verdict::Abandon).await
    }

    /// Tells the hub that the command can never be dealt with, and returns when that is on its way. It is not delivered
    /// again, and whoever sent it may learn of it.
    ///
    /// # Errors
    ///
    /// As for [`Self::abandon`].
    pub async fn reject(self) -> Result<(), AnswerError> {
        self.receipt.settle(Verdict::Reject).await
    }
}

/// A message for an input of this module. Completed as a [`Command`] is.
#[derive(Debug)]
pub struct InputMessage {
    /// Which input.
    pub input: String,
    /// The bytes.
    pub payload: Bytes,
    /// The properties of the message.
    pub properties: Properties,
    pub(super) receipt: Receipt,
}

impl InputMessage {
    pub(super) fn new(arrived: ArrivedInput, answering: Answering) -> Self {
        let ArrivedInput { connection, input, payload, properties, ack, in_hand } = arrived;
        let receipt = Receipt { answering, connection, ack, _in_hand: in_hand.taken() };
        Self { input, payload, properties, receipt }
    }

    /// Tells the hub that the message was dealt with, and returns when that is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; then the hub delivers the message again.
    pub async fn complete(self) -> Result<(), AnswerError> {
        self.receipt.settle(Verdict::Complete).await
    }
}

/// What the hub waits for.
#[derive(Debug)]
pub(super) struct Receipt {
    answering: Answering,
    connection: ConnectionNumber,
    /// There at QoS 1.
    ack: Option<AckToken>,
    /// Tells the driver that somebody deals with it, for as long as it is there.
    _in_hand: InHand,
}

impl Receipt {
    pub(super) async fn settle(self, verdict: Verdict) -> Result<(), AnswerError> {
        match (self.ack, verdict) {
            (Some(token), _) => {
                self.answering.answer(self.connection, AnswerKind::Settle { token, verdict }).await
            }
            (None, Verdict::Complete) => Ok(()),
            (None, Verdict::Abandon | Verdict::Reject) => Err(AnswerError::NotAwaited),
        }
    }

    /// The same for those who cannot wait for the outcome.
    pub(super) fn settle_soon(self, verdict: Verdict) {
        if let Some(token) = self.ack {
            self.answering.answer_soon(self.connection, AnswerKind::Settle { token, verdict });
        }
    }
}

/// A command in the mailbox.
#[derive(Debug)]
pub(crate) struct ArrivedCommand {
    pub(crate) connection: ConnectionNumber,
    pub(crate) payload: Bytes,
    pub(crate) properties: Properties,
    pub(crate) ack: Option<AckToken>,
    pub(crate) in_hand: InHand,
}

/// A message for an input in the mailbox.
#[derive(Debug)]
pub(crate) struct ArrivedInput {
    pub(crate) connection: ConnectionNumber,
    pub(crate) input: String,
    pub(crate) payload: Bytes,
    pub(crate) properties: Properties,
    pub(crate) ack: Option<AckToken>,
    pub(crate) in_hand: InHand,
}
