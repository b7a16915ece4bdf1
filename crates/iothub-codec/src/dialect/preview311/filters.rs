use super::{COMMANDS, DESIRED, DESIRED_SLASH, METHOD, METHODS, TWIN_GET_REPLY, TWIN_PATCH_REPLY};
use crate::channel::{Channels, Subscription, Variant};
use crate::dialect::name;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Place};
use crate::publish::Qos;
use crate::write::Writer;

/// What stands for the properties at the end of a topic. Which they always do there in what a hub sends.
const ANY: &str = "/+";

/// Topics and what they open, in the order in which they are written.
const TOPICS: &[(&str, Channels, Variant, Qos)] = &[
    (COMMANDS, Channels::COMMANDS, Variant::Usual, Qos::AtLeastOnce),
    (METHOD, Channels::METHODS, Variant::Usual, Qos::AtMostOnce),
    (TWIN_GET_REPLY, Channels::REPLIES, Variant::TwinGet, Qos::AtMostOnce),
    (TWIN_PATCH_REPLY, Channels::REPLIES, Variant::TwinPatch, Qos::AtMostOnce),
    (DESIRED, Channels::DESIRED, Variant::Usual, Qos::AtMostOnce),
    (DESIRED_SLASH, Channels::DESIRED, Variant::DesiredSlash, Qos::AtMostOnce),
];

pub(in crate::dialect) fn filters(channels: Channels, out: &mut Writer<'_>) {
    if channels.contains(Channels::INPUTS) {
        out.fail(EncodeError::NotExpressible);
    }
    for (topic, channel, variant, qos) in TOPICS {
        if !channels.contains(*channel) || *variant == Variant::DesiredSlash {
            continue;
        }
        let start = out.begin_block();
        out.put_str(topic);
        out.put_str(ANY);
        out.end_block(start);
        out.put_byte(*qos as u8);
    }
}

/// A filter is a topic, or one with a `+` for its properties. The name of a method may be a `+`, too.
pub(in crate::dialect) fn decode_filter(filter: &str) -> Result<Subscription<'_>, DecodeError> {
    // First as it is: `methods/+` is a topic already.
    let topics = [Some(filter), filter.strip_suffix(ANY)];
    topics
        .into_iter()
        .flatten()
        .find_map(subscription)
        .ok_or(DecodeError { place: Place::Filter(0), kind: DecodeErrorKind::UnknownTopic })
}

fn subscription(topic: &str) -> Option<Subscription<'_>> {
    if let Some((_, channels, variant, _)) = TOPICS.iter().find(|(each, ..)| *each == topic) {
        return Some(Subscription { channels: *channels, method: None, variant: *variant });
    }
    let method = topic.strip_prefix(METHODS).filter(|method| name::is_method(method))?;
    Some(Subscription { channels: Channels::METHODS, method: Some(method), variant: Variant::Usual })
}
