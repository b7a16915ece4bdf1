use core::fmt::Write;
use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::shown;
use crate::terminal::printable;

/// Which properties of an event are shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Properties {
    /// Those of the system, such as content-type
    Sys,
    /// Those of the application
    App,
    /// Those that the hub has added, and where the event stands
    Anno,
    /// Each of these
    All,
}

/// What a line shows of an event. Whatever else is in it goes through to programs.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) device_id: String,
    module_id: Option<String>,
    enqueued_time: String,
    system_properties: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
    body_base64: Option<String>,
    /// How many events are missing, where the kind says so.
    pub(super) count: Option<u64>,
    partition: Option<u8>,
    sequence_number: Option<u64>,
}

impl Event {
    /// One line for a person, with those of its properties that are wanted.
    pub(super) fn line(&self, wanted: &[Properties]) -> String {
        let time = self.enqueued_time.parse().map_or_else(|_| self.enqueued_time.clone(), shown);
        let mut line = format!("{time}  {}", self.device_id);
        if let Some(module) = &self.module_id {
            line.push('/');
            line.push_str(module);
        }
        line.push_str("  ");
        line.push_str(&self.kind);
        match (&self.body, &self.body_base64) {
            (Some(body), _) => write!(line, "  {}", body.get()),
            (None, Some(bytes)) => write!(line, "  base64 {bytes}"),
            (None, None) => Ok(()),
        }
        .expect("a text takes every text");
        for (name, value) in self.shown(wanted) {
            write!(line, "  {name}={value}").expect("a text takes every text");
        }
        printable(&line).into_owned()
    }
    fn shown<'a>(&'a self, wanted: &[Properties]) -> Vec<(&'a str, String)> {
        let is_wanted = |set| wanted.contains(&set) || wanted.contains(&Properties::All);
        let mut shown = Vec::new();
        if is_wanted(Properties::Anno) {
            let place =
                [("partition", self.partition.map(u64::from)), ("sequenceNumber", self.sequence_number)];
            shown.extend(place.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))));
        }
        for (name, value) in &self.system_properties {
            let set = if name.starts_with("iothub-") { Properties::Anno } else { Properties::Sys };
            // What says most, where nothing was asked for.
            let usual = wanted.is_empty() && matches!(name.as_str(), "content-type" | "message-id");
            if is_wanted(set) || usual {
                shown.push((name, value.clone()));
            }
        }
        if wanted.is_empty() || is_wanted(Properties::App) {
            shown.extend(self.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_cannot_steer_the_terminal() {
        for (json, line) in [
            (
                r#"{"kind":"telemetry","deviceId":"pump-7","enqueuedTime":"2026-11-21T12:00:00Z","systemProperties":
                   {"content-type":"application/json","iothub-connection-device-id":"pump-7"},"properties":
                   {"room":"2b"},"body":{"t":21.50}}"#,
                "2026-11-21T12:00:00.000Z  pump-7  telemetry  {\"t\":21.50}  content-type=application/json  room=2b",
            ),
            (
                r#"{"kind":"telemetry","deviceId":"d","moduleId":"m","enqueuedTime":"t","properties":{"a":"\u001b[2J\n"},
                   "bodyBase64":"/w==","later":1}"#,
                "t  d/m  telemetry  base64 /w==  a=\\u{1b}[2J\\u{a}",
            ),
        ] {
            let event: Event = serde_json::from_str(json).unwrap();
            assert_eq!(event.line(&[]), line);
        }
    }

    #[test]
    fn properties_are_shown_as_asked_for() {
        let json = r#"{"kind":"telemetry","deviceId":"d","enqueuedTime":"t","systemProperties":{"content-type":"c",
            "correlation-id":"1","iothub-message-source":"Telemetry"},"properties":{"a":"b"},"partition":3,
            "sequenceNumber":17,"body":1}"#;
        let event: Event = serde_json::from_str(json).unwrap();
        for (wanted, shown) in [
            (&[][..], "content-type=c  a=b"),
            (&[Properties::Sys], "content-type=c  correlation-id=1"),
            (&[Properties::App], "a=b"),
            (&[Properties::Anno], "partition=3  sequenceNumber=17  iothub-message-source=Telemetry"),
            (&[Properties::Sys, Properties::App], "content-type=c  correlation-id=1  a=b"),
            (
                &[Properties::All],
                "partition=3  sequenceNumber=17  content-type=c  correlation-id=1  \
                 iothub-message-source=Telemetry  a=b",
            ),
        ] {
            assert_eq!(event.line(wanted), format!("t  d  telemetry  1  {shown}"), "{wanted:?}");
        }
    }
}
