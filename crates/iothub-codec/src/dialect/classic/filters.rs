use super::own::{after_name, other, own, put_own};
use super::{COMMANDS, DEVICES, INPUTS, METHOD, TWIN_DESIRED, TWIN_REPLY};
use crate::channel::{Channels, Subscription, Variant};
use crate::dialect::{name, offset};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Place};
use crate::identity::Identity;
use crate::publish::Qos;
use crate::write::Writer;

/// What the filters begin with, in the order in which they are written. Those of messages are the ones behind a name.
const TOPICS: &[(Channels, &str)] = &[
    (Channels::COMMANDS, COMMANDS),
    (Channels::METHODS, METHOD),
    (Channels::REPLIES, TWIN_REPLY),
    (Channels::DESIRED, TWIN_DESIRED),
    (Channels::INPUTS, INPUTS),
];

pub(crate) fn filters(identity: Identity<'_>, channels: Channels, out: &mut Writer<'_>) {
    if channels.contains(Channels::INPUTS) && identity.module.is_none() {
        out.fail(EncodeError::NotExpressible);
    }
    for (channel, topic) in TOPICS.iter().filter(|(channel, _)| channels.contains(*channel)) {
        let start = out.begin_block();
        let qos = if Channels::COMMANDS.union(Channels::INPUTS).contains(*channel) {
            put_own(identity, topic, out);
            Qos::AtLeastOnce
        } else {
            out.put_str(topic);
            Qos::AtMostOnce
        };
        out.put_byte(b'#');
        out.end_block(start);
        out.put_byte(qos as u8);
    }
}

pub(crate) fn decode_filter<'f>(
    identity: Identity<'_>,
    filter: &'f str,
) -> Result<Subscription<'f>, DecodeError> {
    let whole = |channels| Ok(Subscription { channels, method: None, variant: Variant::Usual });
    let unknown = DecodeError { place: Place::Filter(0), kind: DecodeErrorKind::UnknownTopic };
    let Some(stem) = filter.strip_suffix("#").filter(|stem| stem.ends_with("/")) else { return Err(unknown) };
    match stem {
        METHOD => whole(Channels::METHODS),
        TWIN_REPLY => whole(Channels::REPLIES),
        TWIN_DESIRED => whole(Channels::DESIRED),
        _ => match (stem.strip_prefix(METHOD), stem.strip_prefix(DEVICES)) {
            (Some(name), _) => match name.strip_suffix("/") {
                Some(name) if name::is_method(name) => Ok(Subscription {
                    channels: Channels::METHODS,
                    method: Some(name),
                    variant: Variant::Usual,
                }),
                _ => Err(unknown),
            },
            (None, None) => Err(unknown),
            (None, Some(names)) => match (own(&identity, names, after_name_or_plus), identity.module) {
                (Some(COMMANDS), _) => whole(Channels::COMMANDS),
                (Some(INPUTS), Some(_)) => whole(Channels::INPUTS),
                // A module may ask for all that is sent to it at once.
                (Some("/"), Some(_)) => whole(Channels::COMMANDS | Channels::INPUTS),
                _ => Err(other(&identity, names, after_name_or_plus).map_or(unknown, |at| DecodeError {
                    place: Place::Filter(offset(filter, at)),
                    kind: DecodeErrorKind::WrongDevice,
                })),
            },
        },
    }
}

/// Some clients write `+` for their own name.
fn after_name_or_plus<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    after_name(text, name).or_else(|| after_name(text, "+"))
}
