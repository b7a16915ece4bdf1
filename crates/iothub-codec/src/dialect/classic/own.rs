use super::DEVICES;
use crate::byte_set::ByteSet;
use crate::error::EncodeError;
use crate::identity::Identity;
use crate::write::Writer;

/// What follows the own name, or the part where another one stands. `after` takes a name off.
#[inline]
pub(super) fn own<'t>(
    identity: &Identity<'_>,
    names: &'t str,
    after: fn(&'t str, &str) -> Option<&'t str>,
) -> Result<&'t str, &'t str> {
    let behind = after(names, identity.device.as_str()).filter(|behind| ends_name(behind)).ok_or(names)?;
    match (identity.module, behind.strip_prefix(MODULES)) {
        (None, None) => Ok(behind),
        (Some(module), Some(name)) => {
            after(name, module.as_str()).filter(|behind| ends_name(behind)).ok_or(name)
        }
        (None, Some(_)) | (Some(_), None) => Err(behind.strip_prefix("/").unwrap_or(behind)),
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
    out.put_names(identity, MODULES);
    out.put_str(what);
}

/// They are all that may be in a name and in no word.
fn has_wildcard(name: &str) -> bool {
    ByteSet::WORD.stranger(name.as_bytes()).is_some()
}
