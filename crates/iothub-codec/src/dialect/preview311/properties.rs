use crate::dialect::row::{Kind, Presence, Row};
use crate::dialect::tables::{self, Wire};
use crate::property::{Name, SystemProperty};
use crate::text::Text;

use Presence::{Never, Optional, Required};

/// The system properties. Any other name without a `@` is refused.
pub(super) const PROPERTIES: &[Row; 13] = &[
    row(SystemProperty::MessageId, "mid", Kind::Text, Optional, Optional),
    row(SystemProperty::CorrelationId, "cid", Kind::Text, Optional, Optional),
    row(SystemProperty::UserId, "uid", Kind::Text, Optional, Optional),
    row(SystemProperty::ContentType, "ct", Kind::Text, Optional, Optional),
    row(SystemProperty::ContentEncoding, "ce", Kind::Text, Optional, Optional),
    row(SystemProperty::CreationTime, "crt", Kind::Time, Optional, Optional),
    row(SystemProperty::Component, "dts", Kind::Text, Optional, Never),
    row(SystemProperty::TraceParent, "traceparent", Kind::Text, Optional, Never),
    row(SystemProperty::TraceState, "tracestate", Kind::Text, Optional, Never),
    row(SystemProperty::SequenceNumber, "sn", Kind::U64, Never, Required),
    row(SystemProperty::Expiry, "et", Kind::Time, Never, Required),
    row(SystemProperty::EnqueuedTime, "ent", Kind::Time, Never, Required),
    row(SystemProperty::DeliveryCount, "dc", Kind::U32, Never, Required),
];

pub(super) static ROWS: [tables::Row; 13] = tables::properties(Wire::Topic, *PROPERTIES);

const fn row(
    property: SystemProperty,
    name: &'static str,
    kind: Kind,
    telemetry: Presence,
    command: Presence,
) -> Row {
    Row { property, name, kind, telemetry, command }
}

/// The name of a property, if it has one in this dialect.
pub(in crate::dialect) fn spelling(property: SystemProperty) -> Option<&'static str> {
    PROPERTIES.iter().find(|row| row.property == property).map(|row| row.name)
}

pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    tables::property_name(&ROWS, name)
}
