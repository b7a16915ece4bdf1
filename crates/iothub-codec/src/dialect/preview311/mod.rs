//! `$az/iot/...` over MQTT 3.1.1.

mod catalogue;
mod connect;
mod filters;
mod parameters;
mod properties;
mod seal;

pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{encode_connect, is_meant, open_connect};
pub(super) use filters::{decode_filter, filters};
pub(super) use properties::spelling;
pub(super) use seal::{
    put_command, put_desired_changed, put_method, put_reply, put_telemetry, put_twin_get, put_twin_patch,
};

use crate::byte_set::ByteSet;
use crate::dialect::envelope::{Envelope, Fields, Path, Receiver};
use crate::dialect::{name, offset};
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{Operation, ToDevice, ToHub, TwinPart};
use crate::property::Properties;
use crate::publish::{Publish, Qos};
use crate::word;
use properties::Carrier;

/// Topics, up to the slash and the question mark of their properties.
const TELEMETRY: &str = "$az/iot/telemetry";
const COMMANDS: &str = "$az/iot/commands";
const METHODS: &str = "$az/iot/methods/";
const METHOD_REPLY: &str = "/response";
const TWIN_GET: &str = "$az/iot/twin/get";
const TWIN_GET_REPORTED: &str = "$az/iot/twin/get/reported";
const TWIN_GET_DESIRED: &str = "$az/iot/twin/get/desired";
const TWIN_GET_REPLY: &str = "$az/iot/twin/get/response";
const TWIN_PATCH: &str = "$az/iot/twin/patch/reported";
const TWIN_PATCH_REPLY: &str = "$az/iot/twin/patch/response";
// The reference spells it with a dash in its sample, and with a slash in its table. Both are read; the sample's is
// written, to all that did not subscribe to the other.
const DESIRED: &str = "$az/iot/twin/events/desired-changed";
const DESIRED_SLASH: &str = "$az/iot/twin/events/desired/changed";

/// What the device sent.
#[inline(never)]
pub(super) fn open_to_hub<'a>(publish: &Publish<'a>) -> Result<ToHub<'a>, DecodeError> {
    let mut fields = Fields::default();
    open(Receiver::Hub, publish, &mut fields)?.to_hub(&fields, publish)
}

/// What the hub sent.
#[inline(never)]
pub(super) fn open_to_device<'a>(publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
    let mut fields = Fields::default();
    open(Receiver::Device, publish, &mut fields)?.to_device(&fields, publish)
}

fn open<'a>(
    receiver: Receiver,
    publish: &Publish<'a>,
    fields: &mut Fields<'a>,
) -> Result<Envelope<'a>, DecodeError> {
    let topic = publish.topic;
    let (stem, list) = split(topic);
    let path = match receiver {
        Receiver::Hub => path_to_hub(stem),
        Receiver::Device => path_to_device(stem),
    }
    .ok_or(DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic })?;
    // The answer of a device has the name in its topic again, where no other could stand.
    if let Path::Method(name) | Path::Reply(Some(Operation::Method(name))) = path
        && !name::is_method(name)
    {
        return Err(bad(topic, name, Field::MethodName));
    }
    if publish.qos != Qos::AtMostOnce && is_of_a_request(path) {
        return Err(DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadQos });
    }
    let properties = match Carrier::of(path) {
        Some(carrier) => {
            properties::check(carrier, topic, list)?;
            Properties::from_tail(list, properties::property_name)
        }
        None => {
            parameters::read(path, topic, list, fields)?;
            Properties::default()
        }
    };
    Ok(Envelope { path, properties })
}

/// A topic, and the list of properties behind it. It may be missing, with all that stands in front of it.
fn split(topic: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(at) = word::find(topic.as_bytes().get(from..).unwrap_or_default(), b'?') {
        let parts = topic.split_at_checked(from + at);
        let parts =
            parts.and_then(|(before, list)| Some((before.strip_suffix("/")?, list.strip_prefix("?")?)));
        if let Some(parts) = parts {
            return parts;
        }
        from += at + 1;
    }
    (topic, end_of(topic))
}

fn path_to_hub(stem: &str) -> Option<Path<'_>> {
    Some(match stem {
        TELEMETRY => Path::Telemetry,
        TWIN_GET => Path::TwinGet(TwinPart::Whole),
        TWIN_GET_REPORTED => Path::TwinGet(TwinPart::Reported),
        TWIN_GET_DESIRED => Path::TwinGet(TwinPart::Desired),
        TWIN_PATCH => Path::TwinPatch,
        _ => {
            let name = segment(stem.strip_prefix(METHODS)?.strip_suffix(METHOD_REPLY)?)?;
            Path::Reply(Some(Operation::Method(name)))
        }
    })
}

fn path_to_device(stem: &str) -> Option<Path<'_>> {
    Some(match stem {
        COMMANDS => Path::Command,
        TWIN_GET_REPLY => Path::Reply(Some(Operation::TwinGet)),
        TWIN_PATCH_REPLY => Path::Reply(Some(Operation::TwinPatch)),
        DESIRED | DESIRED_SLASH => Path::DesiredChanged,
        _ => Path::Method(segment(stem.strip_prefix(METHODS)?)?),
    })
}

fn segment(text: &str) -> Option<&str> {
    word::find(text.as_bytes(), b'/').is_none().then_some(text)
}

/// Requests and replies go at QoS 0 only: who asked is told by the reply.
const fn is_of_a_request(path: Path<'_>) -> bool {
    match path {
        Path::Method(_) | Path::TwinGet(_) | Path::TwinPatch | Path::Reply(_) => true,
        Path::Telemetry | Path::Command | Path::DesiredChanged => false,
    }
}

/// What is not percent-encoded: unreserved characters, and `@`, which the reference's samples show.
const PLAIN: ByteSet = ByteSet::UNRESERVED_OR_AT;

/// Nothing, at the end of the text: that is where what is missing would have stood.
fn end_of(text: &str) -> &str {
    text.split_at_checked(text.len()).map_or("", |(_, end)| end)
}

fn bad(topic: &str, part: &str, field: Field) -> DecodeError {
    DecodeError { place: Place::Topic(offset(topic, part)), kind: DecodeErrorKind::BadValue(field) }
}

fn missing(topic: &str, field: Field) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}

fn unknown(topic: &str, part: &str) -> DecodeError {
    DecodeError { place: Place::Topic(offset(topic, part)), kind: DecodeErrorKind::UnknownProperty }
}
