use super::{COMMANDS, METHOD, RESPONSES, ROOT, TELEMETRY, TWIN_DESIRED, TWIN_GET, TWIN_PATCH};
use crate::channel::{Channels, Subscription, Variant};
use crate::error::{DecodeError, DecodeErrorKind, Place};
use crate::word;

/// The reference grants every topic that it defines, also those on which a hub never sends anything.
#[cfg_attr(feature = "fast", inline(never))]
pub(crate) fn decode_filter(filter: &str) -> Result<Subscription<'_>, DecodeError> {
    let refused = |at, kind| DecodeError { place: Place::Filter(at), kind };
    // Outside there is nothing that a wildcard could stand for.
    let topic = filter.strip_prefix(ROOT).ok_or(refused(0, DecodeErrorKind::UnknownTopic))?;
    let (channels, method) = match topic {
        COMMANDS => (Channels::COMMANDS, None),
        TWIN_DESIRED => (Channels::DESIRED, None),
        RESPONSES => (Channels::REPLIES, None),
        TELEMETRY | TWIN_GET | TWIN_PATCH => (Channels::NONE, None),
        _ => {
            match (topic.strip_prefix(METHOD), filter.bytes().position(|byte| matches!(byte, b'+' | b'#'))) {
                (Some("+"), _) => (Channels::METHODS, None),
                (_, Some(at)) => return Err(refused(at, DecodeErrorKind::Wildcard)),
                (Some(name), None) if !name.is_empty() && word::find(name.as_bytes(), b'/').is_none() => {
                    (Channels::METHODS, Some(name))
                }
                (Some(_) | None, None) => return Err(refused(0, DecodeErrorKind::UnknownTopic)),
            }
        }
    };
    Ok(Subscription { channels, method, variant: Variant::Usual })
}
