//! How events stand in rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use iothub_hub::{Event, EventKind, SystemProperties};
use iothub_proto::Timestamp;

use super::row::{Pieces, put_number, put_piece};

pub(super) fn put(out: &mut Vec<u8>, event: &Event) {
    let Event { kind, device, module, enqueued, system, properties, body } = event;
    out.push(match kind {
        EventKind::Telemetry => 0,
        EventKind::TwinChange => 1,
        EventKind::Lifecycle => 2,
        EventKind::ConnectionState => 3,
    });
    put_number(out, enqueued.as_millis());
    put_piece(out, device.as_bytes());
    // There is no module without a name.
    put_piece(out, module.as_deref().unwrap_or_default().as_bytes());
    put_number(out, system.len() as u64);
    for (name, value) in system.iter() {
        put_name(out, name);
        put_piece(out, value.as_bytes());
    }
    put_number(out, properties.len() as u64);
    for (name, value) in properties {
        put_piece(out, name.as_bytes());
        put_piece(out, value.as_bytes());
    }
    put_piece(out, body);
}

/// The event at the beginning of some pieces. `None` if there is none.
pub(super) fn take(pieces: &mut Pieces<'_>) -> Option<Event> {
    let kind = match pieces.number()? {
        0 => EventKind::Telemetry,
        1 => EventKind::TwinChange,
        2 => EventKind::Lifecycle,
        3 => EventKind::ConnectionState,
        _ => return None,
    };
    let enqueued = Timestamp::from_millis(pieces.number()?);
    let device = pieces.text()?.to_owned();
    let module = Some(pieces.text()?.to_owned()).filter(|module| !module.is_empty());
    let mut system = SystemProperties::new();
    for _ in 0..pieces.number()? {
        let name = take_name(pieces)?;
        system.insert(name, pieces.text()?);
    }
    let mut properties = BTreeMap::new();
    for _ in 0..pieces.number()? {
        let name = pieces.text()?.to_owned();
        properties.insert(name, pieces.text()?.to_owned());
    }
    let body = Bytes::copy_from_slice(pieces.piece()?);
    Some(Event { kind, device, module, enqueued, system, properties, body })
}

/// The number of a name from [`NAMES`], or 0 and the name.
fn put_name(out: &mut Vec<u8>, name: &str) {
    match NAMES.iter().position(|each| *each == name) {
        Some(at) => put_number(out, at as u64 + 1),
        None => {
            put_number(out, 0);
            put_piece(out, name.as_bytes());
        }
    }
}

fn take_name(pieces: &mut Pieces<'_>) -> Option<Cow<'static, str>> {
    match pieces.number()?.checked_sub(1) {
        None => Some(pieces.text()?.to_owned().into()),
        Some(at) => Some((*NAMES.get(usize::try_from(at).ok()?)?).into()),
    }
}

/// System properties that come often. Others may be added behind these.
const NAMES: [&str; 13] = [
    "iothub-connection-device-id",
    "iothub-connection-module-id",
    "iothub-connection-auth-method",
    "iothub-connection-auth-generation-id",
    "iothub-enqueuedtime",
    "iothub-message-source",
    "content-type",
    "content-encoding",
    "message-id",
    "correlation-id",
    "iothub-creation-time-utc",
    "dt-dataschema",
    "user-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_as_they_were_put() {
        let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let event = Event {
            kind: EventKind::Telemetry,
            device: "pump-7".into(),
            module: None,
            enqueued: Timestamp::from_millis(1_893_456_000_123),
            system: [("content-type", "a"), ("not-in-the-list", "b")].into_iter().collect(),
            properties: texts(&[("", ""), ("alert", "é")]),
            body: Bytes::from_static(b"\0\xFF"),
        };
        let kinds =
            [EventKind::Telemetry, EventKind::TwinChange, EventKind::Lifecycle, EventKind::ConnectionState];
        for kind in kinds {
            for module in [None, Some("camera".to_owned())] {
                let event = Event { kind, module, ..event.clone() };
                let mut row = Vec::new();
                put(&mut row, &event);
                put(&mut row, &event);
                let mut pieces = Pieces(&row);
                assert_eq!(take(&mut pieces), Some(event.clone()));
                assert_eq!(take(&mut pieces), Some(event));
                assert!(pieces.is_empty());
                for len in 0..row.len() / 2 {
                    assert_eq!(take(&mut Pieces(&row[..len])), None, "{len} bytes");
                }
            }
        }
    }
}
