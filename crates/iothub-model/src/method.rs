use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::NotJson;
use crate::payload::{compacted, kept, null, read};

/// A call of a method of a device or module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodInvocation {
    /// Which method.
    pub method_name: String,
    /// The argument. A device is told nothing if it is absent, and `null` if it is `null`; members keep
    /// their order. What has been read from JSON is compact, and reaches the device so.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "kept")]
    pub payload: Option<Box<RawValue>>,
    /// How long the device may take to answer, as the caller put it: see [`Self::response_timeout`].
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "timeoutInSeconds")]
    pub response_timeout_in_seconds: Option<i64>,
    /// How long to wait for the device to connect, as the caller put it: see [`Self::connect_timeout`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout_in_seconds: Option<i64>,
}

impl MethodInvocation {
    /// A call without an argument, and with the hub's timeouts.
    pub fn new(method_name: impl Into<String>) -> Self {
        Self {
            method_name: method_name.into(),
            payload: None,
            response_timeout_in_seconds: None,
            connect_timeout_in_seconds: None,
        }
    }

    /// How long the device may take to answer: 30 s unless stated, and brought into the range of 5 to 300 s.
    pub fn response_timeout(&self) -> Duration {
        seconds(self.response_timeout_in_seconds.unwrap_or(30).clamp(5, 300))
    }

    /// How long to wait for the device to connect: not at all unless stated, and at most 300 s.
    pub fn connect_timeout(&self) -> Duration {
        seconds(self.connect_timeout_in_seconds.unwrap_or(0).clamp(0, 300))
    }
}

/// Arguments are equal if they are written alike.
impl PartialEq for MethodInvocation {
    fn eq(&self, other: &Self) -> bool {
        let Self { method_name, payload, response_timeout_in_seconds, connect_timeout_in_seconds } = self;
        *method_name == other.method_name
            && payload.as_deref().map(RawValue::get) == other.payload.as_deref().map(RawValue::get)
            && *response_timeout_in_seconds == other.response_timeout_in_seconds
            && *connect_timeout_in_seconds == other.connect_timeout_in_seconds
    }
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.unsigned_abs())
}

/// What a device answered to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodResult {
    /// The device's own number, often modelled on HTTP.
    pub status: i32,
    /// The device's answer, `null` if it gave none.
    #[serde(default = "null", deserialize_with = "compacted")]
    pub payload: Box<RawValue>,
}

impl MethodResult {
    /// Takes over what came from the device. No bytes at all are `null`.
    ///
    /// # Errors
    ///
    /// [`NotJson`] if the bytes are not one JSON value.
    pub fn from_reply(status: i32, payload: &[u8]) -> Result<Self, NotJson> {
        Ok(Self { status, payload: read(payload)? })
    }
}
