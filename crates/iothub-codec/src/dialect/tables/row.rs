use super::{Parameter, Wire};
use crate::dialect::row::{self, Kind, number};
use crate::dialect::spelling::Spelling;
use crate::error::Field;
use crate::property::SystemProperty;
use crate::section::id;
use crate::text::Text;

/// Something that a message says by a name. A message has a bit for each row of its table.
#[derive(Clone, Copy)]
pub(in crate::dialect) struct Row {
    name: Spelling,
    /// That of user properties, or of the property that MQTT has for it; in topics everything goes by its name.
    pub(super) id: u8,
    pub(super) says: Says,
    kind: Kind,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Parameter(Parameter),
    Property(SystemProperty),
}

impl Row {
    pub(super) fn name(&self) -> Text<'static> {
        Text::plain(self.name.as_str())
    }

    pub(super) fn is_called(&self, id: u8, name: Text<'_>) -> bool {
        id == self.id
            && (id != id::USER
                || name == self.name.as_str()
                || self.alias().is_some_and(|alias| name == alias.as_str()))
    }

    /// Those that answers have in common have short names in the reference of topics, and long ones in its companion.
    /// The long ones are only read there.
    fn alias(&self) -> Option<Spelling> {
        match self.says {
            Says::Parameter(Parameter::Said) => Some(const { Spelling::new(Parameter::Said.long()) }),
            Says::Parameter(Parameter::Reason) => Some(const { Spelling::new(Parameter::Reason.long()) }),
            Says::Parameter(Parameter::TraceId) => Some(const { Spelling::new(Parameter::TraceId.long()) }),
            Says::Parameter(_) | Says::Property(_) => None,
        }
    }

    /// The number that the value is, or 0 for what need not be one. `None` for what it cannot be.
    pub(super) fn number(&self, value: Text<'_>) -> Option<u64> {
        number(self.kind, value)
    }

    /// What it is called in errors.
    pub(super) const fn field(&self, wire: Wire) -> Field {
        match self.says {
            Says::Parameter(parameter) => parameter.field(wire),
            Says::Property(property) => Field::Property(property),
        }
    }
}

/// A table of the parameters that a preview has, in the order in which they are written.
pub(in crate::dialect) const fn parameters<const N: usize>(wire: Wire, all: [Parameter; N]) -> [Row; N] {
    let mut rows = [NONE; N];
    let mut at = 0;
    while at < N {
        let (parameter, says) = (all[at], Says::Parameter(all[at]));
        let name = Spelling::new(parameter.name(wire));
        rows[at] = Row { name, id: parameter.id(wire), says, kind: parameter.kind() };
        at += 1;
    }
    rows
}

/// A table of the system properties that a preview has.
pub(in crate::dialect) const fn properties<const N: usize>(wire: Wire, all: [row::Row; N]) -> [Row; N] {
    let mut rows = [NONE; N];
    let mut at = 0;
    while at < N {
        let row::Row { property, name, kind, .. } = all[at];
        let name = Spelling::new(name);
        rows[at] = Row { name, id: id_of(property, wire), says: Says::Property(property), kind };
        at += 1;
    }
    rows
}

/// What a table is filled with until it has its rows.
const NONE: Row = Row {
    name: Spelling::new(""),
    id: id::USER,
    says: Says::Parameter(Parameter::Request),
    kind: Kind::Text,
};

/// One has a place of its own in MQTT 5.
const fn id_of(property: SystemProperty, wire: Wire) -> u8 {
    match (wire, property) {
        #[cfg(feature = "preview5")]
        (Wire::Section, SystemProperty::ContentType) => id::CONTENT_TYPE,
        _ => id::USER,
    }
}
