use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Content, RequestIdBuf, Status, Text};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::answering::Answering;
use crate::error::AnswerError;
use crate::inboxes::Inboxes;
use crate::lanes::{AnswerKind, ConnectionNumber};

/// The direct methods that the back end calls, as they come.
///
/// Made by [`Device::methods`](crate::Device::methods). It does not keep the device connected: when the
/// last [`Device`](crate::Device) is gone, [`Self::next`] says so. Of several, each call reaches one.
#[derive(Clone, Debug)]
pub struct Methods {
    inboxes: Arc<Inboxes>,
    answering: Answering,
}

impl Methods {
    pub(crate) fn new(inboxes: Arc<Inboxes>, answering: Answering) -> Self {
        Self { inboxes, answering }
    }

    /// Waits for the next call; `None` when the device is closed. Cancel-safe.
    ///
    /// Calls of a connection that is gone are not given out, because the hub has given up on them. While
    /// as many calls wait as [`Options::waiting_calls`](crate::Options::waiting_calls) allows, further
    /// ones are answered with [`MethodResponse::BUSY`].
    pub async fn next(&mut self) -> Option<MethodCall> {
        let ArrivedCall { connection, request, name, payload, content_type, content_encoding } =
            self.inboxes.calls.next().await?;
        let answer = Some(Owed { answering: self.answering.clone(), connection, request });
        Some(MethodCall { name, payload, content_type, content_encoding, answer })
    }

    /// Answers calls with `handler` until the device is closed, at most [`AT_ONCE`] at a time.
    pub(crate) async fn serve<F, A>(mut self, handler: F)
    where
        F: Fn(String, Bytes) -> A + Send + Sync + 'static,
        A: Future<Output = MethodResponse> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let mut running = JoinSet::new();
        while let Some(mut call) = self.next().await {
            let handler = Arc::clone(&handler);
            // A handler that panics, at its first step or later, drops the call, which answers it.
            running.spawn(async move {
                // The answer wants the name as well.
                let (name, payload) = (call.name.clone(), core::mem::take(&mut call.payload));
                let response = handler(name, payload).await;
                let _ = call.reply(response).await;
            });
            while running.try_join_next().is_some() {}
            if running.len() >= AT_ONCE {
                running.join_next().await;
            }
        }
    }
}

/// Handlers of [`Device::on_method`](crate::Device::on_method) that run at a time.
const AT_ONCE: usize = 8;

/// A call in the mailbox.
#[derive(Debug)]
pub(crate) struct ArrivedCall {
    pub(crate) connection: ConnectionNumber,
    pub(crate) request: RequestIdBuf,
    pub(crate) name: String,
    pub(crate) payload: Bytes,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
}

/// A direct method that the back end waits for.
///
/// Answer it with [`Self::reply`]. One that is dropped is answered with [`MethodResponse::FAILED`], so
/// that nobody waits in vain.
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
    answer: Option<Owed>,
}

#[derive(Debug)]
struct Owed {
    answering: Answering,
    connection: ConnectionNumber,
    request: RequestIdBuf,
}

impl MethodCall {
    /// The argument, read as JSON; no bytes are read as `null`.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or not what `T` reads.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let text: &[u8] = if self.payload.is_empty() { b"null" } else { &self.payload };
        serde_json::from_slice(text)
    }

    /// Answers the call, and returns when the answer is on its way.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; then the caller gets no answer from this device. [`AnswerError::NotExpressible`] for what the
    /// dialect cannot say of a payload, and for a negative code in the previews.
    pub async fn reply(mut self, response: MethodResponse) -> Result<(), AnswerError> {
        let Some(Owed { answering, connection, request }) = self.answer.take() else {
            return Ok(());
        };
        let name = core::mem::take(&mut self.name);
        answering.answer(connection, AnswerKind::Method { request, name, response }).await
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
}

impl Drop for MethodCall {
    fn drop(&mut self) {
        if let Some(Owed { answering, connection, request }) = self.answer.take() {
            let (name, response) = (core::mem::take(&mut self.name), MethodResponse::FAILED);
            answering.answer_soon(connection, AnswerKind::Method { request, name, response });
        }
    }
}

/// What a device answers to a method call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResponse {
    /// The device's own number, by custom one of HTTP's: 200 for success.
    pub code: i32,
    /// JSON, or nothing, unless it is said to be something else.
    pub payload: Bytes,
    /// What the payload is, if that is to be said: the previews can.
    pub content_type: Option<String>,
    /// How text in it is encoded, or how it is packed, likewise: only the `$az/iot` dialect can.
    pub content_encoding: Option<String>,
}

impl MethodResponse {
    /// The answer for calls that the application dropped.
    pub const FAILED: Self = Self::fixed(500, br#"{"message":"the call was given up"}"#);
    /// The answer while the device does not listen to methods.
    pub const NOT_SERVED: Self = Self::fixed(501, br#"{"message":"no methods here"}"#);
    /// The answer while too many calls wait for the application.
    pub const BUSY: Self = Self::fixed(503, br#"{"message":"too many calls are waiting"}"#);

    /// An answer with a JSON value.
    pub fn new(code: i32, body: Value) -> Self {
        // Written by the value's own formatter, which cannot be refused.
        Self::raw(code, body.to_string())
    }

    /// An answer with text that is JSON already, or with nothing.
    pub fn raw(code: i32, payload: impl Into<Bytes>) -> Self {
        Self { code, payload: payload.into(), content_type: None, content_encoding: None }
    }

    /// What is said of the payload.
    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            media_type: self.content_type.as_deref().map(Text::plain),
            encoding: self.content_encoding.as_deref().map(Text::plain),
        }
    }

    const fn fixed(code: i32, json: &'static [u8]) -> Self {
        Self { code, payload: Bytes::from_static(json), content_type: None, content_encoding: None }
    }
}
