use core::fmt;
use std::collections::BTreeMap;

use iothub_server::{Event, EventKind};
use serde_json::Value;

/// Something that the hub has told back ends: telemetry, a change, a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Received(pub(crate) Event);

/// A message of a device that has arrived.
pub type Telemetry = Received;

impl Received {
    /// The device it comes from or is about.
    pub fn device(&self) -> &str {
        &self.0.device
    }

    /// The module, if it is one's.
    pub fn module(&self) -> Option<&str> {
        self.0.module.as_deref()
    }

    /// What sort of event.
    pub const fn kind(&self) -> EventKind {
        self.0.kind
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as JSON, if it is that.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.0.body).ok()
    }

    /// The application's properties.
    pub const fn properties(&self) -> &BTreeMap<String, String> {
        &self.0.properties
    }

    /// A property of the system's, by the name that Event Hubs gives it, such as `message-id`.
    pub fn system_property(&self, name: &str) -> Option<&str> {
        self.0.system.get(name)
    }
}

/// As a line, for a message that says what was seen.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.0.kind.name(), self.0.device)?;
        if let Some(module) = &self.0.module {
            write!(f, "/{module}")?;
        }
        let body = String::from_utf8_lossy(&self.0.body);
        match body.char_indices().nth(SHOWN_MAX) {
            Some((at, _)) => write!(f, ": {}…", &body[..at])?,
            None => write!(f, ": {body}")?,
        }
        if !self.0.properties.is_empty() {
            write!(f, " {:?}", self.0.properties)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Characters of a body that are shown.
const SHOWN_MAX: usize = 200;
