use super::messages::{arrived_at_device, arrived_at_hub, encode_to_device, encode_to_hub, size};
use super::{INPUT_MAX, ROOM, sized};
use crate::channel::Channels;
use crate::dialect::{Codec, Dialect};
use crate::error::{EncodeError, Field, Place};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::message::{MethodCall, Operation, Reply, ToDevice, ToHub};
use crate::publish::{Publish, Qos};

/// Topics and filters of each dialect, read at both ends by a device and by a module; what is read is written and read
/// again. Over MQTT 5 there is a NUL behind the topic, which no topic may have, and the properties behind that.
pub fn topic(data: &[u8]) {
    let device = DeviceId::new("d").expect("a letter is a name");
    let module = ModuleId::new("m").expect("a letter is a name");
    for dialect in Dialect::ALL {
        let Some(publish) = publish(*dialect, data) else { continue };
        for identity in [Identity::device(device), Identity::module(device, module)] {
            let codec = Codec::new(*dialect, identity);
            filter(codec, publish.topic);
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
                at_hub(codec, &Publish { qos, ..publish });
                at_device(codec, &Publish { qos, ..publish });
            }
        }
    }
}

fn publish(dialect: Dialect, data: &[u8]) -> Option<Publish<'_>> {
    #[cfg(feature = "preview5")]
    if dialect == Dialect::Preview5 {
        use crate::section::{PropertySection, SectionOf};

        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        let (topic, section) = data.split_at(end);
        let section = PropertySection::from_wire(section.get(1..).unwrap_or_default(), SectionOf::Publish);
        let topic = core::str::from_utf8(topic).ok()?;
        return Some(Publish { properties: section.ok()?, ..Publish::new(topic, b"{}") });
    }
    Some(Publish::new(core::str::from_utf8(data).ok()?, b"{}"))
}

/// What a filter opens, the filters that are written for it open, too: all but what is open anyway.
fn filter(codec: Codec<'_>, topic: &str) {
    let channels = match codec.decode_filter(topic) {
        Ok(granted) if granted.channels.is_empty() => return,
        Ok(granted) => granted.channels,
        Err(error) => return is_in(topic, error.place),
    };
    let _ = sized(|out| codec.filters(channels, out).map(|filters| filters.as_wire().len()));
    let mut out = [0; ROOM];
    let filters = codec.filters(channels, &mut out).expect("they can be asked for");
    let opened = filters.iter().map(|filter| codec.decode_filter(filter.topic).map(|opened| opened.channels));
    let opened = opened.fold(Channels::NONE, |all, each| all | each.expect("what was written is granted"));
    assert!(opened == channels || opened == channels.difference(Channels::REPLIES), "{topic}");
}

fn at_hub(codec: Codec<'_>, publish: &Publish<'_>) {
    let message = match codec.decode_to_hub(publish) {
        Ok(message) => message,
        Err(error) => return is_in(publish.topic, error.place),
    };
    if publish.topic.len() > INPUT_MAX {
        return;
    }
    let operation = Operation::Method("m");
    let _ = sized(|out| encode_to_hub(codec, operation, &message, out).map(size));
    let mut out = [0; ROOM];
    match encode_to_hub(codec, operation, &message, &mut out) {
        Ok(written) => {
            let again = codec.decode_to_hub(&written).expect("what was written can be read");
            arrived_at_hub(codec.dialect(), operation, &message, &again);
        }
        Err(error) => {
            let ToHub::Reply(reply) = &message else { panic!("{error}: {message:?}") };
            assert!(is_only_read(codec.dialect(), operation, reply, error), "{error}: {message:?}");
        }
    }
}

fn at_device(codec: Codec<'_>, publish: &Publish<'_>) {
    let message = match codec.decode_to_device(publish) {
        Ok(message) => message,
        Err(error) => return is_in(publish.topic, error.place),
    };
    if publish.topic.len() > INPUT_MAX {
        return;
    }
    // Which of the two is answered is not always said.
    for operation in [Operation::TwinGet, Operation::TwinPatch] {
        let _ = sized(|out| encode_to_device(codec, operation, &message, out).map(size));
        let mut out = [0; ROOM];
        match encode_to_device(codec, operation, &message, &mut out) {
            Ok(written) => {
                let again = codec.decode_to_device(&written).expect("what was written can be read");
                arrived_at_device(codec.dialect(), operation, &message, &again);
            }
            Err(error) => {
                let is_known = match &message {
                    ToDevice::Method(call) => !MethodCall::is_name(call.name),
                    ToDevice::Reply(reply) => is_only_read(codec.dialect(), operation, reply, error),
                    ToDevice::Command(_) | ToDevice::Input(_) | ToDevice::DesiredChanged(_) => false,
                };
                assert!(is_known, "{error}: {message:?}");
            }
        }
    }
}

/// Whether the answer is one that is read all the same, but not written in that dialect as an answer to that.
fn is_only_read(dialect: Dialect, operation: Operation<'_>, reply: &Reply<'_>, error: EncodeError) -> bool {
    let is_done = reply.status.is_success();
    match (operation, error) {
        (Operation::Method(_), EncodeError::NotExpressible) => reply.version.is_some(),
        (Operation::TwinGet | Operation::TwinPatch, EncodeError::BadValue(Field::Status)) => {
            dialect == Dialect::Classic && reply.code.is_some_and(|code| !(100..=999).contains(&code))
        }
        (Operation::TwinGet | Operation::TwinPatch, EncodeError::NotExpressible) => {
            dialect != Dialect::Classic && reply.version.is_some()
        }
        // It was the answer to something else.
        (Operation::TwinPatch, EncodeError::Missing(Field::Version)) => is_done && reply.version.is_none(),
        _ => false,
    }
}

/// A place in the topic is one where a character begins, or its end.
fn is_in(topic: &str, place: Place) {
    match place {
        Place::Topic(at) | Place::Filter(at) => assert!(topic.is_char_boundary(at), "{at} in {topic}"),
        Place::UserName(_) | Place::ClientId | Place::Password => panic!("{place} of a message"),
        Place::Properties(_) | Place::Whole => {}
    }
}
