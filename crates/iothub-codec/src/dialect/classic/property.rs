use crate::error::EncodeError;
use crate::identity::Identity;
use crate::property::{Name, Properties, Reading, SystemProperty};
use crate::text::Text;
use crate::word;
use crate::write::Writer;

const TO: &str = "$.to";

/// The names of system properties. Clients write the dollar plain or as `%24`; both are read, and `%24` is
/// written, because the C client knows no other spelling.
pub(super) const NAMES: &[(SystemProperty, &str)] = &[
    (SystemProperty::MessageId, "$.mid"),
    (SystemProperty::CorrelationId, "$.cid"),
    (SystemProperty::UserId, "$.uid"),
    (SystemProperty::To, TO),
    (SystemProperty::Expiry, "$.exp"),
    (SystemProperty::ContentType, "$.ct"),
    (SystemProperty::ContentEncoding, "$.ce"),
    (SystemProperty::CreationTime, "$.ctime"),
    (SystemProperty::Component, "$.sub"),
    (SystemProperty::OutputName, "$.on"),
    (SystemProperty::InterfaceId, "$.ifid"),
    (SystemProperty::Schema, "$.schema"),
    (SystemProperty::ConnectionDeviceId, "$.cdid"),
    (SystemProperty::ConnectionModuleId, "$.cmid"),
    (SystemProperty::DiagnosticId, "$.diagid"),
    (SystemProperty::DiagnosticContext, "$.diagctx"),
    (SystemProperty::Operation, "iothub-operation"),
    (SystemProperty::Ack, "iothub-ack"),
];

pub(super) fn put_properties(
    properties: Properties<'_>,
    mut first: bool,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    for property in properties.iter() {
        if !first {
            out.put_byte(b'&');
        }
        first = false;
        match property.name {
            Name::System(name) => {
                out.put_encoded(spelling(name).ok_or(EncodeError::NotExpressible)?);
            }
            // It would arrive as what it is not.
            Name::Application(name) if system_property(name).is_some() => {
                return Err(EncodeError::NotExpressible);
            }
            Name::Application(name) => out.put_encoded(name),
        }
        out.put_byte(b'=');
        out.put_encoded(property.value);
    }
    Ok(())
}

/// A command always says whom it is for: one client cannot read a topic that ends before its properties.
pub(super) fn put_command_properties(
    identity: Identity<'_>,
    properties: Properties<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let addressed = properties.system(SystemProperty::To).is_some();
    if !addressed {
        out.put_encoded(TO);
        out.put_str("=");
        let parts = ["/devices/", identity.device.as_str()];
        let module = identity.module.map_or(["", ""], |module| ["/modules/", module.as_str()]);
        for part in parts.into_iter().chain(module).chain(["/messages/devicebound"]) {
            out.put_encoded(part);
        }
    }
    put_properties(properties, addressed, out)
}

/// The name of a property, if it has one in this dialect.
pub(crate) fn spelling(name: SystemProperty) -> Option<&'static str> {
    NAMES.iter().find(|(each, _)| *each == name).map(|(_, spelling)| *spelling)
}

pub(super) const READING: Reading = Reading {
    next: |wire| wire.next_of_list(property_name),
    next_back: Some(|wire| wire.last_of_list(property_name)),
};

/// Names that no table has are the application's.
fn property_name(name: Text<'_>) -> Name<'_> {
    system_property(name).map_or(Name::Application(name), Name::System)
}

fn system_property(name: Text<'_>) -> Option<SystemProperty> {
    let raw = name.raw();
    if !matches!(raw.as_bytes(), [b'$' | b'%' | b'i', ..]) {
        return None;
    }
    let named = |is: &dyn Fn(&str) -> bool| NAMES.iter().find(|row| is(row.1)).map(|row| row.0);
    let escaped = raw.strip_prefix("%24").filter(|stem| word::find(stem.as_bytes(), b'%').is_none());
    match (name.as_str(), escaped) {
        (Some(plain), _) => named(&|spelling| spelling == plain),
        (None, Some(stem)) => named(&|spelling| spelling.strip_prefix("$") == Some(stem)),
        // Other characters may be escaped, too.
        (None, None) => named(&|spelling| name == spelling),
    }
}
