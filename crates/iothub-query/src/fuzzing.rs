//! The body of the fuzz target: a function of any bytes that panics when something is wrong with this crate.
//! Ordinary tests run it over the saved corpus. Not for use outside the workspace.

use serde_json::{Value, json};

use crate::{Condition, Message, ParseError, Query, Source};

/// A text as a query, as a condition on twins and as a condition on messages.
pub fn query(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let twin = twin();
    if let Some(query) = readable(text, Query::parse) {
        query.run([&twin]).expect("one document is in one group");
        if let Some(condition) = &query.condition {
            hold(condition, &twin);
        }
    }
    if let Some(condition) = readable(text, Condition::of_twins) {
        hold(&condition, &twin);
    }
    if let Some(condition) = readable(text, Condition::of_messages) {
        let application = [("level", "hot"), ("severity", "3"), ("$userId", "me"), ("a.b", "c")];
        let system = [("connectionDeviceId", "pump-7"), ("iothub-message-source", "Telemetry")];
        let message =
            Message { application: &application, system: &system, body: Some(&twin), twin: Some(&twin) };
        hold(&condition, &message);
    }
}

/// What is read is printed so that it is read back; what is not is pointed at.
fn readable<T: PartialEq + core::fmt::Debug + core::fmt::Display>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, ParseError>,
) -> Option<T> {
    match parse(text) {
        Ok(tree) => {
            let printed = tree.to_string();
            // Escapes and spaces make some texts longer than the one that was read.
            if printed.chars().count() <= Query::MAX_LEN {
                assert_eq!(parse(&printed).as_ref(), Ok(&tree), "{printed}");
            }
            Some(tree)
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at), "{error}");
            assert!(!error.to_string().is_empty(), "it says what is wrong");
            None
        }
    }
}

/// Where a condition holds, everything holds that follows from it.
fn hold(condition: &Condition, source: &dyn Source) {
    if condition.holds(source) {
        for constraint in condition.constraints() {
            assert!(constraint.admits(source), "{condition} holds, but not {constraint}");
        }
    }
}

fn twin() -> Value {
    json!({
        "deviceId": "pump-7",
        "status": "enabled",
        "version": 3,
        "tags": {"plant": "p1", "floor": 2, "spare": null, "on": true, "a-b": "c"},
        "properties": {
            "desired": {"rate": 60},
            "reported": {"rate": 59.5, "list": [1, "a", {"x": 2}], "$version": 4},
        },
        "a": 1,
        "b": "text",
    })
}
