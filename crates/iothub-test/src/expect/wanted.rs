use core::fmt;

use serde_json::Value;

use crate::event::Received;

/// Something that is wanted of a message.
pub(super) enum Wanted {
    Module(String),
    Json(Value),
    JsonAt(String, Value),
    Body(Vec<u8>),
    Property(String, String),
    SystemProperty(String, String),
    Where(String, Box<dyn Fn(&Received) -> bool + Send + Sync>),
}

impl Wanted {
    /// What is there instead.
    pub(super) fn mismatch(&self, event: &Received) -> Option<String> {
        let named = |what: &str, is: Option<&str>| match is {
            Some(is) => format!("{what} is {is:?}"),
            None => format!("{what} is not there"),
        };
        match self {
            Self::Module(name) => (event.module() != Some(name)).then(|| named("its module", event.module())),
            Self::Json(wanted) => match event.json() {
                Some(body) if body == *wanted => None,
                Some(_) => Some("its body is another".into()),
                None => Some("its body is not JSON".into()),
            },
            Self::JsonAt(pointer, wanted) => {
                let body = event.json().unwrap_or_default();
                match body.pointer(pointer) {
                    Some(value) if value == wanted => None,
                    Some(value) => Some(format!("{pointer} is {value}")),
                    None => Some(format!("{pointer} is not there")),
                }
            }
            Self::Body(bytes) => (event.body() != bytes).then(|| "its body is another".into()),
            Self::Property(name, wanted) => {
                let value = event.properties().get(name).map(String::as_str);
                (value != Some(wanted)).then(|| named(&format!("the property {name}"), value))
            }
            Self::SystemProperty(name, wanted) => {
                let value = event.system_property(name);
                (value != Some(wanted)).then(|| named(&format!("the system property {name}"), value))
            }
            Self::Where(what, holds) => (!holds(event)).then(|| format!("not {what}")),
        }
    }
}

/// Behind `expected telemetry of d`.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(name) => write!(f, " by its module {name}"),
            Self::Json(value) => write!(f, " with the body {value}"),
            Self::JsonAt(pointer, value) => write!(f, " with {value} at {pointer}"),
            Self::Body(bytes) => write!(f, " with the body {:?}", String::from_utf8_lossy(bytes)),
            Self::Property(name, value) => write!(f, " with the property {name}={value}"),
            Self::SystemProperty(name, value) => write!(f, " with the system property {name}={value}"),
            Self::Where(what, _) => write!(f, ", {what}"),
        }
    }
}
