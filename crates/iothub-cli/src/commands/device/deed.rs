use core::fmt;

use iothub_model::Date;
use serde::Serialize;
use serde_json::Value;

use crate::clock::shown;

/// Something that a simulated device did or that happened to it, as it is printed.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    /// When.
    pub(super) time: Date,
    #[serde(flatten)]
    pub(super) deed: &'a Deed,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Deed {
    Connected {
        device_id: String,
    },
    Disconnected {
        cause: String,
        retry_in_ms: u64,
    },
    /// The back end wants this.
    Desired {
        version: u64,
        properties: Value,
    },
    Reported {
        version: Option<u64>,
        properties: Value,
    },
    /// A report that was not taken over, or a message that did not arrive.
    Failed {
        what: &'static str,
        cause: String,
    },
    Method {
        name: String,
        payload: Value,
        status: i32,
        answer: Value,
    },
    Command {
        payload: String,
        properties: Vec<(String, String)>,
    },
    Telemetry {
        number: u64,
        body: Value,
    },
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", shown(self.time))?;
        match self.deed {
            Deed::Connected { device_id } => write!(f, "connected as {device_id}"),
            Deed::Disconnected { cause, retry_in_ms } => {
                write!(f, "disconnected: {cause} (again in {retry_in_ms} ms)")
            }
            Deed::Desired { version, properties } => write!(f, "desired   {properties} (version {version})"),
            Deed::Reported { version: Some(version), properties } => {
                write!(f, "reported  {properties} (version {version})")
            }
            Deed::Reported { version: None, properties } => write!(f, "reported  {properties}"),
            Deed::Failed { what, cause } => write!(f, "{what} failed: {cause}"),
            Deed::Method { name, payload, status, answer } => {
                write!(f, "method    {name} {payload} -> {status} {answer}")
            }
            Deed::Command { payload, properties } => {
                write!(f, "command   {payload}")?;
                properties.iter().try_for_each(|(name, value)| write!(f, "  {name}={value}"))
            }
            Deed::Telemetry { number, body } => write!(f, "telemetry {body} (number {number})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deed_is_a_line_or_an_object() {
        let time = Date::from_millis(0);
        for (deed, text, object) in [
            (
                Deed::Connected { device_id: "pump-7".into() },
                "connected as pump-7",
                json!({"event": "connected", "deviceId": "pump-7"}),
            ),
            (
                Deed::Method {
                    name: "reboot".into(),
                    payload: json!(null),
                    status: 200,
                    answer: json!({"a": 1}),
                },
                "method    reboot null -> 200 {\"a\":1}",
                json!({"event": "method", "name": "reboot", "payload": null, "status": 200, "answer": {"a": 1}}),
            ),
            (
                Deed::Command { payload: "x".into(), properties: vec![("k".into(), "v".into())] },
                "command   x  k=v",
                json!({"event": "command", "payload": "x", "properties": [["k", "v"]]}),
            ),
        ] {
            let entry = Entry { time, deed: &deed };
            assert_eq!(entry.to_string(), format!("1970-01-01T00:00:00.000Z  {text}"));
            let mut object = object;
            object["time"] = json!(time);
            assert_eq!(serde_json::to_value(&entry).unwrap(), object);
        }
    }
}
