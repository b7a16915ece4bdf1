use crate::connect::{Claim, Connect, Introduction, Proof};
use crate::dialect::{name::is_host, offset};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::pairs::pairs;
use crate::text::Text;
use crate::word::{cut, cut_last};
use crate::write::Writer;

/// What a device's CONNECT says it speaks.
const API_VERSION: &str = "/?api-version=2021-04-12";

/// Writes the user name, and gives the password.
#[inline]
pub(crate) fn put_introduction<'b>(
    identity: Identity<'_>,
    who: &Introduction<'_>,
    proof: &Proof<'b>,
    out: &mut Writer<'_>,
) -> Option<&'b [u8]> {
    let start = out.len();
    out.put_str(who.host);
    out.put_str("/");
    out.put_identity(identity);
    out.put_str(API_VERSION);
    put_parameter("&DeviceClientType=", who.client_agent, out);
    put_parameter("&model-id=", who.model_id, out);
    out.end_field(start, Field::UserName);
    proof.password(out)
}

fn put_parameter(name: &str, value: Option<&str>, out: &mut Writer<'_>) {
    if let Some(value) = value {
        out.put_str(name);
        out.put_encoded(value);
    }
}

pub(crate) fn open_connect<'a>(connect: &Connect<'a>) -> Result<Claim<'a>, DecodeError> {
    let missing = |field, place| DecodeError { place, kind: DecodeErrorKind::Missing(field) };
    let username = connect.username.ok_or(missing(Field::UserName, Place::Whole))?;
    let bad = |part: &str, at: usize, field| DecodeError {
        place: Place::UserName(offset(username, part).saturating_add(at)),
        kind: DecodeErrorKind::BadValue(field),
    };
    let (host, rest) =
        cut(username, b'/').ok_or(missing(Field::DeviceId, Place::UserName(username.len())))?;
    if !is_host(Text::plain(host)) {
        return Err(bad(host, 0, Field::Host));
    }
    let (names, parameters) = split_parameters(rest);
    let (device, module) = match cut(names, b'/') {
        Some((device, module)) => (device, Some(module)),
        None => (names, None),
    };
    let identity = Identity {
        device: DeviceId::new(device).map_err(|error| bad(device, error.at, Field::DeviceId))?,
        module: module
            .map(|name| ModuleId::new(name).map_err(|error| bad(name, error.at, Field::ModuleId)))
            .transpose()?,
    };
    if !identity.is(connect.client_id) {
        return Err(DecodeError { place: Place::ClientId, kind: DecodeErrorKind::WrongDevice });
    }
    let parameter = |wanted| pairs(parameters).first(wanted).map(Text::percent_encoded);
    let proof = connect.token()?;
    Ok(Claim {
        identity,
        host: Some(Text::plain(host)),
        api_version: parameter("api-version"),
        client_agent: parameter("DeviceClientType"),
        model_id: parameter("model-id"),
        content_type: None,
        proof,
    })
}

/// What stands behind the host in a user name: names, and parameters, which old clients write without the
/// question mark. As both signs of parameters may be part of a name, the last segment with one of them counts,
/// and never the first, which is the device's.
fn split_parameters(rest: &str) -> (&str, &str) {
    let mut names = rest;
    while let Some((before, segment)) = cut_last(names, b'/') {
        if segment.starts_with("?") || has_version(segment) {
            let parameters = rest.get(before.len() + 1..).unwrap_or_default();
            return (before, parameters.strip_prefix("?").unwrap_or(parameters));
        }
        names = before;
    }
    (rest.strip_suffix("/").unwrap_or(rest), "")
}

fn has_version(segment: &str) -> bool {
    let mut rest = segment;
    while let Some((name, after)) = cut(rest, b'=') {
        if name.ends_with("api-version") {
            return true;
        }
        rest = after;
    }
    false
}
