use std::collections::BTreeMap;

use bytes::Bytes;
use iothub_model::Date;
use iothub_proto::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::system_properties::SystemProperties;

/// What a back end reads: telemetry, and what happened to devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What sort of event.
    pub kind: EventKind,
    /// The device it comes from or is about.
    pub device: String,
    /// The module, if it is one's.
    pub module: Option<String>,
    /// When the hub took it in.
    pub enqueued: Timestamp,
    /// What the hub knows about it.
    pub system: SystemProperties,
    /// The application's properties.
    pub properties: BTreeMap<String, String>,
    /// The body.
    pub body: Bytes,
}

/// The sorts of [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A message of a device.
    Telemetry,
    /// A twin was changed.
    TwinChange,
    /// A device or module was created or deleted.
    Lifecycle,
    /// A device connected or disconnected.
    ConnectionState,
}

impl EventKind {
    /// The name in the JSON of the event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::TwinChange => "twinChange",
            Self::Lifecycle => "deviceLifecycle",
            Self::ConnectionState => "connectionState",
        }
    }

    /// The value of the system property `iothub-message-source`.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::TwinChange => "twinChangeEvents",
            Self::Lifecycle => "deviceLifecycleEvents",
            Self::ConnectionState => "deviceConnectionStateEvents",
        }
    }
}

/// One JSON object. The body is a JSON value when it is one, else text, else base64 in `bodyBase64`.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.name())?;
        map.serialize_entry("deviceId", &self.device)?;
        if let Some(module) = &self.module {
            map.serialize_entry("moduleId", module)?;
        }
        map.serialize_entry("enqueuedTime", &Date::from_millis(self.enqueued.as_millis()))?;
        map.serialize_entry("systemProperties", &self.system)?;
        map.serialize_entry("properties", &self.properties)?;
        match core::str::from_utf8(&self.body) {
            Ok(text) => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(value) => map.serialize_entry("body", &value)?,
                Err(_) => map.serialize_entry("body", text)?,
            },
            Err(_) => map.serialize_entry("bodyBase64", &crate::key::to_base64(&self.body))?,
        }
        map.end()
    }
}
