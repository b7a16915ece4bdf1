use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::commands::{ArrivedCommand, ArrivedInput};
use crate::desired::DesiredUpdate;
use crate::mailbox::Mailbox;
use crate::methods::ArrivedCall;

/// What has arrived for the application and was not fetched yet.
#[derive(Debug)]
pub(crate) struct Inboxes {
    pub(crate) calls: Mailbox<ArrivedCall>,
    pub(crate) commands: Mailbox<ArrivedCommand>,
    pub(crate) inputs: Mailbox<ArrivedInput>,
    /// `None` once the device is closed.
    desired: Mutex<Option<broadcast::Sender<DesiredUpdate>>>,
}

impl Inboxes {
    pub(crate) fn new(calls: usize, commands: usize, changes: usize) -> Self {
        Self {
            calls: Mailbox::new(calls),
            commands: Mailbox::new(commands),
            inputs: Mailbox::new(commands),
            desired: Mutex::new(Some(broadcast::Sender::new(changes.max(1)))),
        }
    }

    /// Tells whoever listens. One that lags behind notices, and asks for all of them.
    pub(crate) fn desired(&self, update: DesiredUpdate) {
        if let Some(sender) = &*self.desired.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody may be listening yet, or any longer.
            let _ = sender.send(update);
        }
    }

    /// `None` once the device is closed.
    pub(crate) fn listen(&self) -> Option<broadcast::Receiver<DesiredUpdate>> {
        let desired = self.desired.lock().unwrap_or_else(PoisonError::into_inner);
        desired.as_ref().map(broadcast::Sender::subscribe)
    }

    /// Forgets what can be answered on the old connection only: the hub gives up on a call, and delivers
    /// commands again.
    pub(crate) fn disconnected(&self) {
        self.calls.clear();
        self.commands.clear();
        self.inputs.clear();
    }

    pub(crate) fn close(&self) {
        self.calls.close();
        self.commands.close();
        self.inputs.close();
        self.desired.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
