use super::DEVICES;
use crate::error::EncodeError;
use crate::identity::Identity;
use crate::word;
use crate::write::Writer;

/// What follows the own name. `after` takes a name off.
#[inline]
pub(super) fn own<'t>(
    identity: &Identity<'_>,
    names: &'t str,
    after: fn(&'t str, &str) -> Option<&'t str>,
) -> Option<&'t str> {
    let behind = after(names, identity.device.as_str())?;
    match identity.module {
        None => Some(behind),
        Some(module) => after(behind.strip_prefix(MODULES)?, module.as_str()),
    }
}

/// The part where another name stands than the own one; `None` if there is no other.
#[cold]
#[inline(never)]
pub(super) fn other<'t>(
    identity: &Identity<'_>,
    names: &'t str,
    after: fn(&'t str, &str) -> Option<&'t str>,
) -> Option<&'t str> {
    let behind = after(names, identity.device.as_str()).filter(|behind| ends_name(behind));
    let Some(behind) = behind else { return Some(names) };
    match (identity.module, behind.strip_prefix(MODULES)) {
        (None, None) => None,
        (Some(module), Some(name)) if after(name, module.as_str()).is_some_and(ends_name) => None,
        (Some(_), Some(name)) => Some(name),
        (None, Some(_)) | (Some(_), None) => Some(behind.strip_prefix("/").unwrap_or(behind)),
    }
}

fn ends_name(behind: &str) -> bool {
    matches!(behind.as_bytes(), [] | [b'/', ..])
}

/// What follows a name.
#[inline]
pub(super) fn after_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.strip_prefix(name)
}

/// Between the names of a device and a module.
const MODULES: &str = "/modules/";

/// Names may contain MQTT's wildcards, topics may not: such a device has its twin and methods, and no messages.
pub(super) fn put_own(identity: Identity<'_>, what: &str, out: &mut Writer<'_>) {
    let is_in_module = identity.module.is_some_and(|module| has_wildcard(module.as_str()));
    if has_wildcard(identity.device.as_str()) || is_in_module {
        out.fail(EncodeError::NotExpressible);
    }
    out.put_str(DEVICES);
    out.put_str(identity.device.as_str());
    if let Some(module) = identity.module {
        out.put_str(MODULES);
        out.put_str(module.as_str());
    }
    out.put_str(what);
}

fn has_wildcard(name: &str) -> bool {
    word::find(name.as_bytes(), b'+').is_some() || word::find(name.as_bytes(), b'#').is_some()
}
