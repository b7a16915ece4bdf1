use std::sync::Arc;

use bytes::Bytes;
use iothub_proto::Verdict;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, debug, warn};

use super::command::Receipt;
use super::{Commands, Inputs};
use crate::error::AnswerError;
use crate::properties::Properties;
use crate::spans;

/// Why a handler did not deal with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// Not this time: the command is [abandoned](crate::Command::abandon), and the hub delivers it again soon.
    #[error("to be tried again")]
    Again,
    /// It never can be: the command is [rejected](crate::Command::reject).
    #[error("never to be tried again")]
    Never,
}

impl Commands {
    /// Has `handler` deal with commands until the device is closed.
    pub(crate) async fn serve<F, A>(mut self, at_once: usize, handler: F)
    where
        F: Fn(Bytes, Properties) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), Undone>> + Send + 'static,
    {
        let (inboxes, handler) = (Arc::clone(&self.inboxes), Arc::new(handler));
        let begin = async move || {
            let command = self.next().await?;
            let handler = Arc::clone(&handler);
            let span = spans::command(&command.properties);
            Some((command.receipt, span, move || handler(command.payload, command.properties)))
        };
        serve(at_once, begin, inboxes.commands.closed()).await;
    }
}

impl Inputs {
    /// Has `handler` deal with messages until the device is closed.
    pub(crate) async fn serve<F, A>(mut self, at_once: usize, handler: F)
    where
        F: Fn(String, Bytes, Properties) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), Undone>> + Send + 'static,
    {
        let (inboxes, handler) = (Arc::clone(&self.inboxes), Arc::new(handler));
        let begin = async move || {
            let message = self.next().await?;
            let handler = Arc::clone(&handler);
            let span = spans::input(&message.input, &message.properties);
            Some((message.receipt, span, move || handler(message.input, message.payload, message.properties)))
        };
        serve(at_once, begin, inboxes.inputs.closed()).await;
    }
}

/// Waits for what is `next`, a receipt, the span to handle it in, and how to begin with that, and handles so many at once.
async fn serve<B, A>(
    at_once: usize,
    mut next: impl AsyncFnMut() -> Option<(Receipt, Span, B)>,
    closed: impl Future<Output = ()>,
) where
    B: FnOnce() -> A + Send + 'static,
    A: Future<Output = Result<(), Undone>> + Send + 'static,
{
    let mut running = JoinSet::new();
    tokio::pin!(closed);
    loop {
        let has_room = running.len() < at_once.max(1);
        tokio::select! {
            arrived = next(), if has_room => match arrived {
                Some((receipt, span, begin)) => drop(running.spawn(handle(receipt, begin).instrument(span))),
                None => return,
            },
            Some(ended) = running.join_next() => if let Err(error) = ended {
                warn!(name: "command_panicked", %error, "the handler of a command");
            },
            () = &mut closed => return,
        }
    }
}

/// Says what became of it when the handler is done, and not before.
async fn handle<A>(receipt: Receipt, begin: impl FnOnce() -> A)
where
    A: Future<Output = Result<(), Undone>>,
{
    let mut unsettled = Unsettled(Some(receipt));
    let verdict = match begin().await {
        Ok(()) => Verdict::Complete,
        Err(Undone::Again) => Verdict::Abandon,
        Err(Undone::Never) => Verdict::Reject,
    };
    let Some(receipt) = unsettled.0.take() else { return };
    match receipt.settle(verdict).await {
        Ok(()) => debug!(name: "command_settled", ?verdict, "settled"),
        Err(AnswerError::Closed) => {}
        Err(error) => warn!(name: "command_unsettled", %error, ?verdict, "the hub delivers a command again"),
    }
}

/// A command whose handler is not done. A handler that panics gives it back.
struct Unsettled(Option<Receipt>);

impl Drop for Unsettled {
    fn drop(&mut self) {
        if let Some(receipt) = self.0.take() {
            receipt.settle_soon(Verdict::Abandon);
        }
    }
}
