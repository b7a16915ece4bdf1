use crate::dialect::preview;
use crate::dialect::row::{Kind, Presence, Row};
use crate::property::{Name, SystemProperty};
use crate::text::Text;

/// The system properties of messages. The first has a place of its own in MQTT 5; the others are user properties.
pub(super) const ROWS: &[Row] = &[
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

/// Those that are user properties.
pub(super) const fn user_rows() -> &'static [Row] {
    match ROWS {
        [_, user @ ..] => user,
        [] => &[],
    }
}

pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    preview::property_name(user_rows(), name)
}

pub(crate) fn spelling(property: SystemProperty) -> Option<&'static str> {
    ROWS.iter().find(|row| row.property == property).map(|row| row.name)
}
