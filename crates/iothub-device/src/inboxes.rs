use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, watch};

use crate::commands::{ArrivedCommand, ArrivedInput};
use crate::listeners::Listeners;
use crate::mailbox::Mailbox;
use crate::methods::ArrivedCall;
use crate::twin::{Heard, Mirrored, Told};

/// What has arrived for the application and was not fetched yet.
#[derive(Debug)]
pub(crate) struct Inboxes {
    pub(crate) calls: Mailbox<ArrivedCall>,
    pub(crate) commands: Mailbox<ArrivedCommand>,
    pub(crate) inputs: Mailbox<ArrivedInput>,
    desired: Mutex<Listeners<Told>>,
    /// What replicas show.
    twin: watch::Sender<Mirrored>,
}

/// The driver's end. Dropped, also with a driver that panics, it ends everybody who waits.
#[derive(Debug)]
pub(crate) struct InboxesEnd(Arc<Inboxes>);

impl InboxesEnd {
    pub(crate) fn new(inboxes: &Arc<Inboxes>) -> Self {
        Self(Arc::clone(inboxes))
    }

    /// To be put into.
    pub(crate) fn inboxes(&self) -> Arc<Inboxes> {
        Arc::clone(&self.0)
    }
}

impl Drop for InboxesEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Inboxes {
    pub(crate) fn new(calls: usize, commands: usize, changes: usize) -> Self {
        Self {
            calls: Mailbox::new(calls),
            commands: Mailbox::new(commands),
            inputs: Mailbox::new(commands),
            desired: Mutex::new(Listeners::new(changes)),
            twin: watch::Sender::default(),
        }
    }

    /// Tells whoever listens. One that lags behind notices, and asks for all of them.
    pub(crate) fn desired(&self, told: Told) {
        self.desired.lock().unwrap_or_else(PoisonError::into_inner).tell(told);
    }

    /// `None` once the device is closed.
    pub(crate) fn listen(&self) -> Option<broadcast::Receiver<Told>> {
        self.desired.lock().unwrap_or_else(PoisonError::into_inner).listen()
    }

    /// From now on the copy of the twin is kept.
    pub(crate) fn look_at_twin(&self) -> watch::Receiver<Mirrored> {
        self.twin.subscribe()
    }

    /// Tells the copy of the twin something, and gives whether only the whole of it helps. While nobody looks at it there
    /// is none.
    pub(crate) fn mirror(&self, tell: impl FnOnce(&mut Mirrored) -> Heard) -> bool {
        let is_looked_at = self.twin.receiver_count() > 0;
        let mut heard = Heard::default();
        self.twin.send_if_modified(|copy| {
            if is_looked_at {
                heard = tell(copy);
            } else {
                copy.forget();
            }
            heard.is_news
        });
        heard.wants_whole
    }

    /// Forgets what can be answered on the old connection only: the hub gives up on a call, and delivers
    /// commands again.
    pub(crate) fn disconnected(&self) {
        self.calls.clear();
        self.commands.clear();
        self.inputs.clear();
    }

    fn close(&self) {
        self.calls.close();
        self.commands.close();
        self.inputs.close();
        self.desired.lock().unwrap_or_else(PoisonError::into_inner).close();
        self.twin.send_modify(|copy| copy.is_closed = true);
    }
}
