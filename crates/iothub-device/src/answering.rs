use core::time::Duration;

use tokio::sync::mpsc;

use crate::error::AnswerError;
use crate::lanes::{Answer, AnswerKind, ConnectionNumber};
use crate::outcome::operation;

/// The way from what arrived back to the connection that it came over.
#[derive(Clone, Debug)]
pub(crate) struct Answering {
    answers: mpsc::Sender<Box<Answer>>,
    timeout: Duration,
}

impl Answering {
    pub(crate) fn new(answers: mpsc::Sender<Box<Answer>>, timeout: Duration) -> Self {
        Self { answers, timeout }
    }

    pub(crate) async fn answer(
        &self,
        connection: ConnectionNumber,
        what: AnswerKind,
    ) -> Result<(), AnswerError> {
        let (done, outcome) = operation();
        let answer = Answer { connection, what, done };
        outcome.within(self.timeout, self.answers.send(Box::new(answer))).await
    }

    /// Answers without waiting for room or for the outcome: for those who cannot wait.
    pub(crate) fn answer_soon(&self, connection: ConnectionNumber, what: AnswerKind) {
        let (done, _) = operation();
        // Without room the caller at the back end waits for its own timeout, as it would without this.
        let _ = self.answers.try_send(Box::new(Answer { connection, what, done }));
    }
}
