use crate::dialect::spelling::Spelling;
use crate::error::EncodeError;
use crate::fast::FAST;
use crate::identity::Identity;
use crate::property::{Name, Properties, SystemProperty};
use crate::text::Text;
use crate::write::Writer;

/// The names of system properties, in the order of [`SystemProperty::ALL`]; the last of those have none. Clients write
/// the dollar plain or as `%24`; both are read, and `%24` is written, because the C client knows no other spelling.
pub(super) const NAMES: &[&str] = &[
    "$.mid",
    "$.cid",
    "$.uid",
    TO,
    "$.exp",
    "$.ct",
    "$.ce",
    "$.ctime",
    "$.sub",
    "$.on",
    "$.ifid",
    "$.schema",
    "$.cdid",
    "$.cmid",
    "$.diagid",
    "$.diagctx",
    "iothub-operation",
    "iothub-ack",
];
const TO: &str = "$.to";

static SPELLINGS: [Spelling; NAMES.len()] = {
    let mut spellings = [Spelling::new(TO); _];
    let mut at = 0;
    while at < NAMES.len() {
        spellings[at] = Spelling::new(NAMES[at]);
        at += 1;
    }
    spellings
};

pub(super) fn put_properties(properties: &Properties<'_>, is_first: bool, out: &mut Writer<'_>) {
    let mut is_first = is_first;
    // Texts that are nowhere encoded are most of what is sent, and less work than those that may be.
    let (others, application) = if FAST { properties.apart() } else { (*properties, &[][..]) };
    for property in others.iter() {
        put_separator(&mut is_first, out);
        match &property.name {
            Name::System(name) => match spelling(*name) {
                Some(spelling) => out.put_encoded(spelling),
                None => out.fail(EncodeError::NotExpressible),
            },
            Name::Application(name) => put_name(*name, out),
        }
        out.put_byte(b'=');
        out.put_encoded(property.value);
    }
    for (name, value) in application {
        put_separator(&mut is_first, out);
        put_name(Text::plain(name), out);
        out.put_byte(b'=');
        out.put_encoded(*value);
    }
}

#[inline]
fn put_separator(is_first: &mut bool, out: &mut Writer<'_>) {
    if !core::mem::replace(is_first, false) {
        out.put_byte(b'&');
    }
}

#[inline]
fn put_name(name: Text<'_>, out: &mut Writer<'_>) {
    // It would arrive as what it is not.
    if system_property(name).is_some() {
        out.fail(EncodeError::NotExpressible);
    }
    out.put_encoded(name);
}

/// A command always says whom it is for: one client cannot read a topic that ends before its properties.
pub(super) fn put_command_properties(
    identity: Identity<'_>,
    properties: &Properties<'_>,
    out: &mut Writer<'_>,
) {
    let is_addressed = properties.system(SystemProperty::To).is_some();
    if !is_addressed {
        out.put_encoded(TO);
        out.put_byte(b'=');
        let parts = ["/devices/", identity.device.as_str()];
        let module = identity.module.map_or(["", ""], |module| ["/modules/", module.as_str()]);
        for part in parts.into_iter().chain(module).chain(["/messages/devicebound"]) {
            out.put_encoded(part);
        }
    }
    put_properties(properties, is_addressed, out);
}

/// The name of a property, if it has one in this dialect.
pub(crate) fn spelling(name: SystemProperty) -> Option<&'static str> {
    SPELLINGS.get(name as usize).map(|spelling| spelling.as_str())
}

/// Names that no table has are the application's.
pub(super) fn property_name(name: Text<'_>) -> Name<'_> {
    system_property(name).map_or(Name::Application(name), Name::System)
}

#[inline]
fn system_property(name: Text<'_>) -> Option<SystemProperty> {
    match name.raw().as_bytes() {
        [b'$' | b'%' | b'i', ..] => listed(name.raw(), name.is_encoded()),
        _ => None,
    }
}

#[inline(never)]
fn listed(name: &str, is_encoded: bool) -> Option<SystemProperty> {
    let name = if is_encoded { Text::percent_encoded(name) } else { Text::plain(name) };
    let mut names = SPELLINGS.iter().zip(SystemProperty::ALL);
    if !FAST {
        return names.find(|(spelling, _)| name == spelling.as_str()).map(|(_, name)| *name);
    }
    let mut meant = [0; NAME_MAX];
    let meant = match name.as_str() {
        Some(plain) => plain.as_bytes(),
        None => name.decode(&mut meant).ok()?,
    };
    names.find(|(spelling, _)| spelling.as_str().as_bytes() == meant).map(|(_, name)| *name)
}

/// No name is longer.
const NAME_MAX: usize = 16;

const _: () = {
    let mut rest = NAMES;
    while let [name, after @ ..] = rest {
        assert!(name.len() <= NAME_MAX, "a name can be decoded");
        rest = after;
    }
};
