use clap::builder::{PossibleValuesParser, TypedValueParser};
use iothub_codec::{Dialect, Version};

/// Which dialects something is done in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialects {
    One(Dialect),
    All,
}

/// Reads the name of a dialect.
pub(crate) fn dialect() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(names()).map(known)
}

/// Reads the name of a dialect, or the word for all of them.
pub(crate) fn dialects() -> impl TypedValueParser<Value = Dialects> {
    PossibleValuesParser::new(names().chain([ALL])).map(|name| match &*name {
        ALL => Dialects::All,
        _ => Dialects::One(known(name)),
    })
}

/// The version of MQTT that it is spoken over.
pub(crate) const fn mqtt(dialect: Dialect) -> &'static str {
    match dialect.version() {
        Version::V311 => "MQTT 3.1.1",
        Version::V5 => "MQTT 5",
    }
}

const ALL: &str = "all";

fn names() -> impl Iterator<Item = &'static str> {
    Dialect::ALL.iter().map(|dialect| dialect.name())
}

fn known(name: String) -> Dialect {
    Dialect::from_name(&name).expect("the parser lets nothing pass but the names of dialects")
}
