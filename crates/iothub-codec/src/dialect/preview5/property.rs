use crate::dialect::row::{Kind, Presence, Row};
use crate::dialect::tables::{self, Wire};
use crate::property::{Name, SystemProperty};
use crate::text::Text;

/// The system properties of messages. The first has a place of its own in MQTT 5; the others are user properties.
pub(super) const PROPERTIES: &[Row; 9] = &[
    optional(SystemProperty::ContentType, "Content Type", Kind::Text),
    optional(SystemProperty::MessageId, "message-id", Kind::Text),
    optional(SystemProperty::UserId, "user-id", Kind::Text),
    optional(SystemProperty::CorrelationId, "correlation-id", Kind::Text),
    optional(SystemProperty::CreationTime, "creation-time", Kind::Time),
    optional(SystemProperty::ContentEncoding, "content-encoding", Kind::Text),
    of_commands(SystemProperty::SequenceNumber, "sequence-no", Kind::U64),
    of_commands(SystemProperty::EnqueuedTime, "enqueued-time", Kind::Time),
    of_commands(SystemProperty::DeliveryCount, "delivery-count", Kind::U32),
];

const fn optional(property: SystemProperty, name: &'static str, kind: Kind) -> Row {
    Row { property, name, kind, telemetry: Presence::Optional, command: Presence::Optional }
}

const fn of_commands(property: SystemProperty, name: &'static str, kind: Kind) -> Row {
    Row { property, name, kind, telemetry: Presence::Never, command: Presence::Required }
}

pub(super) static ROWS: [tables::Row; 9] = tables::properties(Wire::Section, *PROPERTIES);

pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    tables::property_name(&ROWS, name)
}

pub(crate) fn spelling(property: SystemProperty) -> Option<&'static str> {
    PROPERTIES.iter().find(|row| row.property == property).map(|row| row.name)
}
