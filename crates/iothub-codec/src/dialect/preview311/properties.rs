use super::{PLAIN, bad, missing, unknown};
use crate::dialect::envelope::Path;
use crate::dialect::row::{Kind, Presence, Row};
use crate::error::{DecodeError, EncodeError, Field};
use crate::pairs::pairs;
use crate::property::{Name, Properties, Property, SystemProperty};
use crate::text::Text;
use crate::write::Writer;

use Presence::{Never, Optional, Required};

/// The system properties. Any other name without a `@` is refused.
pub(super) const ROWS: &[Row] = &[
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

const fn row(
    property: SystemProperty,
    name: &'static str,
    kind: Kind,
    telemetry: Presence,
    command: Presence,
) -> Row {
    Row { property, name, kind, telemetry, command }
}

/// What carries properties of the application's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Telemetry,
    Command,
}

impl Carrier {
    pub(super) const fn of(path: Path<'_>) -> Option<Self> {
        match path {
            Path::Telemetry => Some(Self::Telemetry),
            Path::Command => Some(Self::Command),
            Path::Method(_) | Path::TwinGet(_) | Path::TwinPatch | Path::DesiredChanged | Path::Reply(_) => {
                None
            }
        }
    }

    const fn presence(self, row: &Row) -> Presence {
        match self {
            Self::Telemetry => row.telemetry,
            Self::Command => row.command,
        }
    }

    /// The row of a property that it carries, and the row's number.
    fn row(self, is: impl Fn(&Row) -> bool) -> Option<(usize, &'static Row)> {
        ROWS.iter().enumerate().find(|(_, row)| is(row) && self.presence(row) != Never)
    }

    /// One that must be there, and is not among those whose rows have a bit set.
    fn lacks(self, seen: u32) -> Option<Field> {
        let lacks = |(at, row): &(usize, &Row)| self.presence(row) == Required && seen & bit(*at) == 0;
        ROWS.iter().enumerate().find(lacks).map(|(_, row)| Field::Property(row.property))
    }
}

const _: () = assert!(ROWS.len() <= 32, "each row has a bit");

fn bit(at: usize) -> u32 {
    u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)).unwrap_or_default()
}

/// Whether the properties are of that message, and of the types that they must be of. They are read again when
/// somebody wants them.
pub(super) fn check(carrier: Carrier, topic: &str, list: &str) -> Result<(), DecodeError> {
    let mut seen = 0;
    for (name, value) in pairs(list) {
        if application(name).is_some() {
            continue;
        }
        let meant = Text::percent_encoded(name);
        let known = match meant.as_str() {
            Some(plain) => carrier.row(|row| row.name == plain),
            None => carrier.row(|row| meant == row.name),
        };
        let (at, row) = known.ok_or(unknown(topic, name))?;
        if row.check(Text::percent_encoded(value)).is_err() {
            return Err(bad(topic, value, Field::Property(row.property)));
        }
        seen |= bit(at);
    }
    carrier.lacks(seen).map_or(Ok(()), |field| Err(missing(topic, field)))
}

pub(super) fn put(carrier: Carrier, properties: &Properties<'_>, out: &mut Writer<'_>) {
    let mut seen = 0;
    let mut separator = "";
    for Property { name, value } in properties.iter() {
        out.put_str(separator);
        separator = "&";
        match name {
            Name::System(name) => match carrier.row(|row| row.property == name) {
                Some((at, row)) => {
                    if row.check(value).is_err() {
                        out.fail(EncodeError::BadValue(Field::Property(name)));
                    }
                    seen |= bit(at);
                    out.put_str(row.name);
                }
                None => out.fail(EncodeError::NotExpressible),
            },
            Name::Application(name) => {
                out.put_byte(b'@');
                out.put_encoded_but(PLAIN, name);
            }
        }
        out.put_byte(b'=');
        out.put_encoded_but(PLAIN, value);
    }
    if let Some(field) = carrier.lacks(seen) {
        out.fail(EncodeError::Missing(field));
    }
}

/// The name of a property, if it has one in this dialect.
pub(in crate::dialect) fn spelling(property: SystemProperty) -> Option<&'static str> {
    ROWS.iter().find(|row| row.property == property).map(|row| row.name)
}

pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    match application(name.raw()) {
        Some(name) => Name::Application(Text::percent_encoded(name)),
        // What is in no table was refused when the message was opened.
        None => ROWS
            .iter()
            .find(|row| name == row.name)
            .map_or(Name::Application(name), |row| Name::System(row.property)),
    }
}

/// The name of an application's property, which stands behind a `@`. Clients that encode everything encode that, too.
fn application(name: &str) -> Option<&str> {
    name.strip_prefix("@").or_else(|| name.strip_prefix("%40"))
}
