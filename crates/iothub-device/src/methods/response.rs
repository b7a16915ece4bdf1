use bytes::Bytes;
use iothub_codec::{Content, Text};
use serde::Serialize;
use serde_json::{Value, json};

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
    /// The answer for a method that has no handler.
    pub const UNKNOWN: Self = Self::fixed(404, br#"{"message":"no such method"}"#);
    /// The answer for calls that the application dropped, or whose handler panicked.
    pub const FAILED: Self = Self::fixed(500, br#"{"message":"the call was given up"}"#);
    /// The answer while the device does not listen to methods.
    pub const NOT_SERVED: Self = Self::fixed(501, br#"{"message":"no methods here"}"#);
    /// The answer while too many calls wait for the application.
    pub const BUSY: Self = Self::fixed(503, br#"{"message":"too many calls are waiting"}"#);
    /// The answer for calls that are still open when the device closes the connection.
    pub const CUT_OFF: Self = Self::fixed(503, br#"{"message":"the connection is being closed"}"#);
    /// The answer for calls whose handler has taken longer than
    /// [`Options::call_timeout`](crate::Options::call_timeout).
    pub const OVERRUN: Self = Self::fixed(504, br#"{"message":"the handler took too long"}"#);

    /// Most characters of what is wrong with an argument that are told to the caller.
    const REASON_MAX: usize = 256;

    /// An answer with a JSON value.
    pub fn new(code: i32, body: Value) -> Self {
        // Written by the value's own formatter, which cannot be refused.
        Self::raw(code, body.to_string())
    }

    /// An answer with text that is JSON already, or with nothing.
    pub fn raw(code: i32, payload: impl Into<Bytes>) -> Self {
        Self { code, payload: payload.into(), content_type: None, content_encoding: None }
    }

    /// What a typed handler has given.
    pub(super) fn of(result: &impl Serialize) -> Self {
        match serde_json::to_vec(result) {
            Ok(payload) => Self::raw(200, payload),
            Err(error) => Self::with_reason(500, "the result is no JSON", &error),
        }
    }

    /// The answer to an argument that a typed handler cannot take.
    pub(super) fn bad_argument(error: &serde_json::Error) -> Self {
        Self::with_reason(400, "the argument is not what the method takes", error)
    }

    /// What is said of the payload.
    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            media_type: self.content_type.as_deref().map(Text::plain),
            encoding: self.content_encoding.as_deref().map(Text::plain),
        }
    }

    fn with_reason(code: i32, what: &str, error: &serde_json::Error) -> Self {
        // It may repeat what the caller has sent.
        let reason: String = error.to_string().chars().take(Self::REASON_MAX).collect();
        Self::new(code, json!({ "message": format!("{what}: {reason}") }))
    }

    const fn fixed(code: i32, json: &'static [u8]) -> Self {
        Self { code, payload: Bytes::from_static(json), content_type: None, content_encoding: None }
    }
}
