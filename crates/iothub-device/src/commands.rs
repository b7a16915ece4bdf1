use std::sync::Arc;

use bytes::Bytes;
use iothub_proto::{AckToken, Verdict};

use crate::answering::Answering;
use crate::error::AnswerError;
use crate::inboxes::Inboxes;
use crate::lanes::{AnswerKind, ConnectionNumber};
use crate::properties::Properties;

/// The commands that the back end queues for the device, as they come.
///
/// Made by [`Device::commands`](crate::Device::commands). It does not keep the device connected: when the
/// last [`Device`](crate::Device) is gone, [`Self::next`] says so. Of several, each command reaches one.
#[derive(Clone, Debug)]
pub struct Commands {
    inboxes: Arc<Inboxes>,
    answering: Answering,
}

impl Commands {
    pub(crate) fn new(inboxes: Arc<Inboxes>, answering: Answering) -> Self {
        Self { inboxes, answering }
    }

    /// Waits for the next command; `None` when the device is closed. Cancel-safe.
    ///
    /// Commands of a connection that is gone are not given out: the hub delivers them again.
    pub async fn next(&mut self) -> Option<Command> {
        let ArrivedCommand { connection, payload, properties, ack } = self.inboxes.commands.next().await?;
        let receipt = Receipt { answering: self.answering.clone(), connection, ack };
        Some(Command { payload, properties, receipt })
    }
}

/// The messages that the routes of an Edge device send to the inputs of this module, as they come.
///
/// Made by [`Device::inputs`](crate::Device::inputs); otherwise as [`Commands`].
#[derive(Clone, Debug)]
pub struct Inputs {
    inboxes: Arc<Inboxes>,
    answering: Answering,
}

impl Inputs {
    pub(crate) fn new(inboxes: Arc<Inboxes>, answering: Answering) -> Self {
        Self { inboxes, answering }
    }

    /// Waits for the next message; `None` when the device is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<InputMessage> {
        let ArrivedInput { connection, input, payload, properties, ack } = self.inboxes.inputs.next().await?;
        let receipt = Receipt { answering: self.answering.clone(), connection, ack };
        Some(InputMessage { input, payload, properties, receipt })
    }
}

/// A message from the cloud.
///
/// The hub keeps it until [`Self::complete`] or [`Self::reject`]. Dropped without that it is not acknowledged, and the
/// hub delivers it again with the next connection.
#[derive(Debug)]
pub struct Command {
    /// The bytes.
    pub payload: Bytes,
    /// The properties of the message.
    pub properties: Properties,
    receipt: Receipt,
}

impl Command {
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
    receipt: Receipt,
}

impl InputMessage {
    /// Tells the hub that the message was dealt with, and returns when that is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; then the hub delivers the message again.
    pub async fn complete(self) -> Result<(), AnswerError> {
        self.receipt.settle(Verdict::Complete).await
    }
}

#[derive(Debug)]
struct Receipt {
    answering: Answering,
    connection: ConnectionNumber,
    /// There at QoS 1.
    ack: Option<AckToken>,
}

impl Receipt {
    async fn settle(self, verdict: Verdict) -> Result<(), AnswerError> {
        match (self.ack, verdict) {
            (Some(token), _) => {
                self.answering.answer(self.connection, AnswerKind::Settle { token, verdict }).await
            }
            (None, Verdict::Complete) => Ok(()),
            (None, Verdict::Abandon | Verdict::Reject) => Err(AnswerError::NotAwaited),
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
}

/// A message for an input in the mailbox.
#[derive(Debug)]
pub(crate) struct ArrivedInput {
    pub(crate) connection: ConnectionNumber,
    pub(crate) input: String,
    pub(crate) payload: Bytes,
    pub(crate) properties: Properties,
    pub(crate) ack: Option<AckToken>,
}
