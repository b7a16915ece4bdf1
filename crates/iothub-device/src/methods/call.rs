use bytes::Bytes;
use iothub_codec::{RequestIdBuf, Status};
use iothub_proto::Instant;
use serde::de::DeserializeOwned;

use super::MethodResponse;
use crate::answering::Answering;
use crate::error::AnswerError;
use crate::lanes::{AnswerKind, ConnectionNumber};

/// A direct method that the back end waits for.
///
/// Answer it with [`Self::reply`]. One that is dropped is answered with [`MethodResponse::FAILED`], and one that is still
/// open when the connection is closed with [`MethodResponse::CUT_OFF`], so that nobody waits in vain.
#[derive(Debug)]
pub struct MethodCall {
    /// Which method.
    pub name: String,
    /// The argument: JSON, or nothing, unless it is said to be something else.
    pub payload: Bytes,
    /// What it is, where the hub says so: in the previews it can.
    pub content_type: Option<String>,
    /// How text in it is encoded, or how it is packed, likewise: only in the `$az/iot` dialect.
    pub content_encoding: Option<String>,
    arrived: Instant,
    answer: Option<Owed>,
}

/// A call in the mailbox.
#[derive(Debug)]
pub(crate) struct ArrivedCall {
    pub(crate) connection: ConnectionNumber,
    pub(crate) request: RequestIdBuf,
    pub(crate) name: String,
    pub(crate) payload: Bytes,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) arrived: Instant,
}

#[derive(Debug)]
struct Owed {
    answering: Answering,
    connection: ConnectionNumber,
    request: RequestIdBuf,
}

impl MethodCall {
    pub(super) fn new(arrived: ArrivedCall, answering: Answering) -> Self {
        let ArrivedCall { connection, request, name, payload, content_type, content_encoding, arrived } =
            arrived;
        let answer = Some(Owed { answering, connection, request });
        Self { name, payload, content_type, content_encoding, arrived, answer }
    }

    /// The argument, read as JSON; no bytes are read as `null`.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or not what `T` reads.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read_argument(&self.payload)
    }

    /// Answers the call, and returns when the answer is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]. What cannot be sent, being [`AnswerError::TooLarge`] or [`AnswerError::NotExpressible`] (for what
    /// the dialect cannot say of a payload, and for a negative code in the previews), is
    /// [`MethodResponse::FAILED`] for the caller; else the caller gets no answer from this device.
    pub async fn reply(mut self, response: MethodResponse) -> Result<(), AnswerError> {
        let Some(Owed { answering, connection, request }) = &self.answer else { return Ok(()) };
        let answer = AnswerKind::Method { request: *request, name: self.name.clone(), response };
        let outcome = answering.answer(*connection, answer).await;
        match outcome {
            // Dropped with its answer owed, it is answered all the same.
            Err(
                AnswerError::TooLarge { .. } | AnswerError::NotExpressible(_) | AnswerError::Unwritable(_),
            ) => {}
            Ok(())
            | Err(
                AnswerError::Disconnected
                | AnswerError::TimedOut { .. }
                | AnswerError::NotAwaited
                | AnswerError::Answered
                | AnswerError::Closed,
            ) => self.answer = None,
        }
        outcome
    }

    /// Tells the caller that the method is not run, with a status that says why, such as
    /// [`Status::TARGET_UNAVAILABLE`]; returns when that is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]. With [`AnswerError::NotExpressible`], as always in the classic dialect, the call still awaits
    /// [`Self::reply`].
    pub async fn decline(&mut self, status: Status) -> Result<(), AnswerError> {
        let Some(Owed { answering, connection, request }) = &self.answer else { return Ok(()) };
        let decline = AnswerKind::Decline { request: *request, name: self.name.clone(), status };
        let outcome = answering.answer(*connection, decline).await;
        if !matches!(outcome, Err(AnswerError::NotExpressible(_))) {
            self.answer = None;
        }
        outcome
    }

    /// When it came.
    pub(super) fn arrived(&self) -> Instant {
        self.arrived
    }
}

impl Drop for MethodCall {
    fn drop(&mut self) {
        if let Some(Owed { answering, connection, request }) = self.answer.take() {
            let (name, response) = (core::mem::take(&mut self.name), MethodResponse::FAILED);
            answering.answer_soon(connection, AnswerKind::Method { request, name, response });
        }
    }
}

/// An argument without bytes is `null`.
pub(super) fn read_argument<T: DeserializeOwned>(payload: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(if payload.is_empty() { b"null" } else { payload })
}
