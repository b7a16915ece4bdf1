use core::time::Duration;

use iothub_codec::{Codec, Detail, EncodeError, Operation, Outcome, Reply, Status};
use iothub_proto::Verdict;

use crate::error::{AnswerError, NeverSent};
use crate::lanes::{Answer, AnswerKind, ConnectionNumber, Entry};
use crate::not_expressible::NotExpressible;
use crate::outcome::operation;

/// The way from what arrived back to the connection that it came over.
#[derive(Clone, Debug)]
pub(crate) struct Answering {
    answers: Entry<Answer>,
    timeout: Duration,
}

impl Answering {
    pub(crate) fn new(answers: Entry<Answer>, timeout: Duration) -> Self {
        Self { answers, timeout }
    }

    pub(crate) async fn answer(
        &self,
        connection: ConnectionNumber,
        what: AnswerKind,
    ) -> Result<(), AnswerError> {
        let (done, outcome) = operation();
        let answer = Answer { connection, what, done };
        outcome.within(self.timeout, self.answers.send(answer)).await
    }

    /// Answers without waiting for room or for the outcome: for those who cannot wait.
    pub(crate) fn answer_soon(&self, connection: ConnectionNumber, what: AnswerKind) {
        let (done, _) = operation();
        // There is room, unless the hub has more open than a session takes; then the caller waits for its own timeout.
        self.answers.try_send(Answer { connection, what, done });
    }
}

impl AnswerKind {
    /// Why this cannot be sent.
    pub(crate) fn never_sent(&self, codec: Codec<'_>, error: NeverSent) -> AnswerError {
        if error != NeverSent::Unwritable(EncodeError::NotExpressible) {
            return error.into();
        }
        let settle = |what, outcome: Outcome<'_>| {
            NotExpressible::new(what, codec, |codec, out| {
                codec.encode_ack(&outcome, Detail::FULL, out).map(drop)
            })
        };
        AnswerError::NotExpressible(match self {
            AnswerKind::Settle { verdict: Verdict::Abandon, .. } => {
                settle("that a command is abandoned", Outcome::ABANDONED)
            }
            AnswerKind::Settle { verdict: Verdict::Reject, .. } => {
                settle("that a command is rejected", Outcome::REJECTED)
            }
            AnswerKind::Decline { request, name, status } => {
                let reply = Reply::new(request.as_id(), *status);
                NotExpressible::new("that a method is declined", codec, |codec, out| {
                    codec.encode_reply(Operation::Method(name), &reply, out).map(drop)
                })
            }
            AnswerKind::Method { request, name, response } => {
                let (code, content) = (Some(response.code), response.content());
                let reply = Reply { code, content, ..Reply::new(request.as_id(), Status::SUCCESS) };
                NotExpressible::new("such an answer to a method", codec, |codec, out| {
                    codec.encode_reply(Operation::Method(name), &reply, out).map(drop)
                })
            }
            AnswerKind::Settle { verdict: Verdict::Complete, .. } => return error.into(),
        })
    }
}
