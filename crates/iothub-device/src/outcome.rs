use core::time::Duration;

use tokio::sync::oneshot;

/// Where somebody waits for the one outcome of an operation. Dropped without one, the device was closed.
#[derive(Debug)]
pub(crate) struct Done<T, E>(oneshot::Sender<Result<T, E>>);

/// The end that waits.
#[derive(Debug)]
pub(crate) struct Outcome<T, E>(oneshot::Receiver<Result<T, E>>);

/// Why there is no outcome.
pub(crate) enum Missing {
    TimedOut { after: Duration },
    Closed,
}

/// Both ends of an operation.
pub(crate) fn operation<T, E>() -> (Done<T, E>, Outcome<T, E>) {
    let (done, outcome) = oneshot::channel();
    (Done(done), Outcome(outcome))
}

impl<T, E> Done<T, E> {
    /// Ends the operation. Whoever has given up waiting does not hear of it.
    pub(crate) fn end(self, outcome: Result<T, E>) {
        let _ = self.0.send(outcome);
    }

    /// Whether nobody waits any longer.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T, E: From<Missing>> Outcome<T, E> {
    /// The outcome, within that time; `begin` hands the operation to the driver, and fails when there is
    /// none.
    pub(crate) async fn within<F>(
        self,
        after: Duration,
        begin: impl Future<Output = Result<(), F>>,
    ) -> Result<T, E> {
        let operation = async {
            begin.await.map_err(|_| Missing::Closed)?;
            self.0.await.map_err(|_| Missing::Closed)?
        };
        match tokio::time::timeout(after, operation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Missing::TimedOut { after }.into()),
        }
    }
}
