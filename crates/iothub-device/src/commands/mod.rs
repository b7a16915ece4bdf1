mod command;
mod handling;
mod in_hand;

use std::sync::Arc;

use crate::answering::Answering;
use crate::inboxes::Inboxes;

pub use command::{Command, InputMessage};
pub use handling::Undone;

pub(crate) use command::{ArrivedCommand, ArrivedInput};
pub(crate) use in_hand::MessagesInHand;

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
        let arrived = self.inboxes.commands.next().await?;
        Some(Command::new(arrived, self.answering.clone()))
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
        let arrived = self.inboxes.inputs.next().await?;
        Some(InputMessage::new(arrived, self.answering.clone()))
    }
}
