use iothub_codec::SystemProperty;
use iothub_outbox::{Priority, Record};
use serde::{Deserialize, Serialize};

use crate::message::Message;

/// What is said about a message, in the file.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Head {
    /// By the names under which back ends read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    system: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    application: Vec<(String, String)>,
}

/// Why a record is no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum Illegible {
    /// What is wrong there may repeat what is said of the message.
    #[error("its head is not what this version reads, from column {} on", .0.column())]
    NotJson(#[from] serde_json::Error),
    #[error("there is no system property {0}")]
    NoSuchProperty(String),
}

/// The message as it is stored.
pub(super) fn seal(message: Message, priority: Priority) -> Record {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let head = Head {
        system: message
            .properties
            .iter_system()
            .map(|(name, value)| owned((name.event_name(), value)))
            .collect(),
        application: message.properties.iter().map(owned).collect(),
    };
    let is_empty = head.system.is_empty() && head.application.is_empty();
    let head = if is_empty { Vec::new() } else { serde_json::to_vec(&head).expect("texts are JSON") };
    Record::new(message.payload).head(head).priority(priority)
}

/// The message that was stored.
pub(super) fn open(record: &Record) -> Result<Message, Illegible> {
    let mut message = Message::new(record.body.clone());
    if record.head.is_empty() {
        return Ok(message);
    }
    let Head { system, application } = serde_json::from_slice(&record.head)?;
    for (name, value) in system {
        let property = SystemProperty::ALL.iter().find(|property| property.event_name() == name);
        message = message.system(*property.ok_or(Illegible::NoSuchProperty(name))?, value);
    }
    Ok(application.into_iter().fold(message, |message, (name, value)| message.property(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back_with_all_that_is_said_of_it() {
        let all = SystemProperty::ALL
            .iter()
            .fold(Message::new("x"), |message, name| message.system(*name, format!("{name:?} \"ä\"")));
        for message in
            [Message::new(vec![0, 255]), Message::new("x").property("", "=&").property("ä", ""), all]
        {
            let record = seal(message.clone(), Priority(7));
            assert_eq!(record.priority, Priority(7));
            let read = open(&record).unwrap();
            assert_eq!((read.payload, read.properties), (message.payload, message.properties));
        }
        assert!(seal(Message::new("x"), Priority(7)).head.is_empty());
    }

    #[test]
    fn what_this_version_does_not_know_is_not_sent_as_something_else() {
        for head in ["{", "[]x", r#"{"system":[["iothub-color","red"]]}"#] {
            let record = Record::new("x").head(head);
            assert!(open(&record).is_err(), "{head}");
        }
    }
}
