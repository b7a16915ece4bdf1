use super::{COMMANDS, DESIRED, DESIRED_SLASH, METHOD, METHODS, ROOT, TWIN_GET_REPLY, TWIN_PATCH_REPLY};
use crate::channel::{Channels, Subscription, Variant};
use crate::dialect::name;
use crate::error::{DecodeError, DecodeErrorKind, Place};

/// What stands for the properties at the end of a topic. Which they always do there in what a hub sends.
const ANY: &str = "/+";

/// What follows the root in topics, and what they open.
const TOPICS: &[(&str, Channels, Variant)] = &[
    (COMMANDS, Channels::COMMANDS, Variant::Usual),
    (METHOD, Channels::METHODS, Variant::Usual),
    (TWIN_GET_REPLY, Channels::REPLIES, Variant::TwinGet),
    (TWIN_PATCH_REPLY, Channels::REPLIES, Variant::TwinPatch),
    (DESIRED, Channels::DESIRED, Variant::Usual),
    (DESIRED_SLASH, Channels::DESIRED, Variant::DesiredSlash),
];

/// A filter is a topic, or one with a `+` for its properties. The name of a method may be a `+`, too.
#[cfg_attr(feature = "fast", inline(never))]
pub(in crate::dialect) fn decode_filter(filter: &str) -> Result<Subscription<'_>, DecodeError> {
    // First as it is: `methods/+` is a topic already.
    let topics = [Some(filter), filter.strip_suffix(ANY)];
    topics
        .into_iter()
        .flatten()
        .find_map(|topic| subscription(topic.strip_prefix(ROOT)?))
        .ok_or(DecodeError { place: Place::Filter(0), kind: DecodeErrorKind::UnknownTopic })
}

fn subscription(topic: &str) -> Option<Subscription<'_>> {
    if let Some((_, channels, variant)) = TOPICS.iter().find(|(each, ..)| *each == topic) {
        return Some(Subscription { channels: *channels, method: None, variant: *variant });
    }
    let method = topic.strip_prefix(METHODS).filter(|method| name::is_method(method))?;
    Some(Subscription { channels: Channels::METHODS, method: Some(method), variant: Variant::Usual })
}
