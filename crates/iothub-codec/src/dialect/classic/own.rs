use crate::error::EncodeError;
use crate::identity::{Identity, ModuleId};
use crate::word;
use crate::write::Writer;

/// What follows the own name; otherwise the part where another name stands. `after` takes a name off.
pub(super) fn own<'t>(
    identity: Identity<'_>,
    rest: &'t str,
    after: fn(&'t str, &str) -> Option<&'t str>,
) -> Result<&'t str, &'t str> {
    let behind = after(rest, identity.device.as_str()).ok_or(rest)?;
    match (identity.module, behind.strip_prefix("modules/")) {
        (None, None) => Ok(behind),
        (Some(module), Some(name)) => after(name, module.as_str()).ok_or(name),
        (None, Some(_)) | (Some(_), None) => Err(behind),
    }
}

/// What follows a name and the slash behind it.
pub(super) fn after_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let behind = text.strip_prefix(name)?;
    if behind.is_empty() { Some(behind) } else { behind.strip_prefix("/") }
}

/// Names may contain MQTT's wildcards, topics may not: such a device has its twin and methods, and no messages.
pub(super) fn put_own(identity: Identity<'_>, what: &str, out: &mut Writer<'_>) {
    let module = identity.module.map_or("", ModuleId::as_str);
    if has_wildcard(identity.device.as_str()) || has_wildcard(module) {
        out.fail(EncodeError::NotExpressible);
    }
    out.put_str("devices/");
    out.put_str(identity.device.as_str());
    if let Some(module) = identity.module {
        out.put_str("/modules/");
        out.put_str(module.as_str());
    }
    out.put_byte(b'/');
    out.put_str(what);
}

fn has_wildcard(name: &str) -> bool {
    word::find(name.as_bytes(), b'+').is_some() || word::find(name.as_bytes(), b'#').is_some()
}
