use super::own::{after_name, own, put_own};
use super::{COMMANDS, DEVICES, INPUTS, METHOD, TWIN_DESIRED, TWIN_REPLY};
use crate::channel::{Channels, Subscription, Variant};
use crate::dialect::{name, offset};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Place};
use crate::identity::Identity;
use crate::publish::Qos;
use crate::write::Writer;

/// What the filters begin with, in the order of [`Channels::each`]. Those of messages are the ones behind a name.
const TOPICS: [&str; 5] = [COMMANDS, METHOD, TWIN_REPLY, TWIN_DESIRED, INPUTS];

pub(crate) fn filters(identity: Identity<'_>, channels: Channels, out: &mut Writer<'_>) {
    if channels.contains(Channels::INPUTS) && identity.module.is_none() {
        out.fail(EncodeError::NotExpressible);
    }
    for (topic, channel) in TOPICS.iter().zip(Channels::each()) {
        if !channels.contains(channel) {
            continue;
        }
        let start = out.begin_block();
        let is_behind_name = topic.starts_with("/");
        if is_behind_name {
            put_own(identity, topic, out);
        } else {
            out.put_str(topic);
        }
        out.put_byte(b'#');
        out.end_block(start);
        let qos = if is_behind_name { Qos::AtLeastOnce } else { Qos::AtMostOnce };
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
                (Ok(COMMANDS), _) => whole(Channels::COMMANDS),
                (Ok(INPUTS), Some(_)) => whole(Channels::INPUTS),
                // A module may ask for all that is sent to it at once.
                (Ok("/"), Some(_)) => whole(Channels::COMMANDS | Channels::INPUTS),
                (Ok(_), _) => Err(unknown),
                (Err(at), _) => Err(DecodeError {
                    place: Place::Filter(offset(filter, at)),
                    kind: DecodeErrorKind::WrongDevice,
                }),
            },
        },
    }
}

/// Some clients write `+` for their own name.
fn after_name_or_plus<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    after_name(text, name).or_else(|| after_name(text, "+"))
}
