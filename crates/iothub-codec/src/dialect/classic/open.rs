use super::number::{number, signed};
use super::own::{after_name, other, own};
use super::property::READING;
use super::status::from_http;
use super::{
    COMMANDS, DEVICES, EVENTS, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID, REQUEST_ID_FIRST, TWIN_DESIRED,
    TWIN_GET, TWIN_PATCH, TWIN_REPLY, VERSION, bad, place, unknown,
};
use crate::byte_set::ByteSet;
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::identity::Identity;
use crate::message::{
    Command, DesiredChanged, Input, MethodCall, Reply, Telemetry, ToDevice, ToHub, TwinGet, TwinPatch,
};
use crate::pairs::pairs;
use crate::property::Properties;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;
use crate::word::cut;

/// What the device sent.
pub(crate) fn open_to_hub<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
) -> Result<ToHub<'a>, DecodeError> {
    match publish.topic.strip_prefix(DEVICES) {
        Some(names) => message_to_hub(identity, publish, names),
        None => call_to_hub(publish.topic, publish.payload),
    }
}

/// What the hub sent.
pub(crate) fn open_to_device<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
) -> Result<ToDevice<'a>, DecodeError> {
    match publish.topic.strip_prefix(DEVICES) {
        Some(names) => message_to_device(identity, publish, names),
        None => call_to_device(publish),
    }
}

#[inline(never)]
fn message_to_hub<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
    names: &'a str,
) -> Result<ToHub<'a>, DecodeError> {
    let tail = own(identity, names, after_name).and_then(|tail| tail.strip_prefix(EVENTS));
    let list = tail.and_then(|tail| if tail.is_empty() { Some(tail) } else { tail.strip_prefix("/") });
    let Some(list) = list else { return Err(no_message(identity, publish.topic)) };
    let Publish { payload, qos, retain, .. } = *publish;
    Ok(ToHub::Telemetry(Telemetry { payload, properties: properties(list), qos, retain }))
}

#[inline(never)]
fn message_to_device<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
    names: &'a str,
) -> Result<ToDevice<'a>, DecodeError> {
    let command = own(identity, names, after_name).and_then(|tail| tail.strip_prefix(COMMANDS));
    let Some(list) = command else { return input_to_device(identity, publish) };
    let Publish { payload, qos, .. } = *publish;
    Ok(ToDevice::Command(Command { payload, properties: properties(list), qos }))
}

#[inline(never)]
fn input_to_device<'a>(identity: &Identity<'_>, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
    let Publish { topic, payload, qos, .. } = *publish;
    let names = topic.strip_prefix(DEVICES).filter(|_| identity.module.is_some());
    let tail = names.and_then(|names| own(identity, names, after_name));
    let input = tail.and_then(|tail| tail.strip_prefix(INPUTS)).and_then(|input| cut(input, b'/'));
    let Some((name, list)) = input else { return Err(no_message(identity, topic)) };
    if name.is_empty() {
        return Err(bad(topic, name, Field::InputName));
    }
    let name = Text::percent_encoded(name);
    Ok(ToDevice::Input(Input { name, payload, properties: properties(list), qos }))
}

/// Why a topic with the name of a device in it is not that of a message.
#[cold]
#[inline(never)]
fn no_message(identity: &Identity<'_>, topic: &str) -> DecodeError {
    let names = topic.strip_prefix(DEVICES).unwrap_or_default();
    match other(identity, names, after_name) {
        Some(at) => DecodeError { place: place(topic, at), kind: DecodeErrorKind::WrongDevice },
        None => unknown(),
    }
}

#[inline(never)]
fn call_to_hub<'a>(topic: &'a str, payload: &'a [u8]) -> Result<ToHub<'a>, DecodeError> {
    enum Call {
        TwinGet,
        TwinPatch,
        Reply(i32),
    }
    let (call, list) = if let Some(list) = topic.strip_prefix(TWIN_GET) {
        (Call::TwinGet, list)
    } else if let Some(list) = topic.strip_prefix(TWIN_PATCH) {
        (Call::TwinPatch, list)
    } else {
        let (code, list) = number_of_reply(topic, METHOD_REPLY)?;
        (Call::Reply(code), list)
    };
    let Parameters { request, version } = Parameters::read(topic, list)?;
    let request = request.ok_or(missing(Field::RequestId, topic))?;
    Ok(match call {
        Call::TwinGet => ToHub::TwinGet(TwinGet::new(request)),
        Call::TwinPatch => ToHub::TwinPatch(TwinPatch { request, patch: payload, if_version: version }),
        // A method's number is the device's own affair.
        Call::Reply(code) => {
            let reply = Reply::new(request, Status::SUCCESS);
            ToHub::Reply(Reply { code: Some(code), version, payload, ..reply })
        }
    })
}

#[inline(never)]
fn call_to_device<'a>(publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
    enum Call<'a> {
        Method(&'a str),
        DesiredChanged,
        Reply(i32),
    }
    let topic = publish.topic;
    let (call, list) = if let Some(rest) = topic.strip_prefix(METHOD) {
        let (name, list) = cut(rest, b'/').ok_or(unknown())?;
        if name.is_empty() {
            return Err(bad(topic, name, Field::MethodName));
        }
        (Call::Method(name), list)
    } else if let Some(list) = topic.strip_prefix(TWIN_DESIRED) {
        (Call::DesiredChanged, list)
    } else {
        let (code, list) = number_of_reply(topic, TWIN_REPLY)?;
        (Call::Reply(code), list)
    };
    let Parameters { request, version } = Parameters::read(topic, list)?;
    let request = request.ok_or(missing(Field::RequestId, topic));
    let Publish { payload, qos, .. } = *publish;
    Ok(match call {
        Call::Method(name) => ToDevice::Method(MethodCall::new(request?, name, payload)),
        Call::DesiredChanged => {
            let version = version.ok_or(missing(Field::Version, topic))?;
            ToDevice::DesiredChanged(DesiredChanged { version, patch: payload, qos })
        }
        Call::Reply(code) => {
            let reply = Reply::new(request?, from_http(code));
            ToDevice::Reply(Reply { code: Some(code), version, payload, ..reply })
        }
    })
}

fn properties(list: &str) -> Properties<'_> {
    // Documents show a question mark before the properties, and two clients write a slash behind them.
    let list = list.strip_prefix("?").unwrap_or(list);
    let list = list.strip_suffix("/").unwrap_or(list);
    Properties::from_tail(list, &READING)
}

/// The number of an answer, which stands behind `stem`, and what follows.
#[inline]
fn number_of_reply<'a>(topic: &'a str, stem: &str) -> Result<(i32, &'a str), DecodeError> {
    let (text, list) = topic.strip_prefix(stem).and_then(|rest| cut(rest, b'/')).ok_or(unknown())?;
    Ok((signed(text).ok_or(bad(topic, text, Field::Status))?, list))
}

struct Parameters<'a> {
    request: Option<RequestId<'a>>,
    version: Option<u64>,
}

impl<'a> Parameters<'a> {
    #[inline]
    fn read(topic: &str, list: &'a str) -> Result<Self, DecodeError> {
        // What clients write, without looking at it twice: the end of a request id is the first byte that cannot be
        // in one.
        if let Some(value) = list.strip_prefix(REQUEST_ID_FIRST) {
            let len = ByteSet::WORD.stranger(value.as_bytes()).unwrap_or(value.len());
            if len == value.len() {
                let request = RequestId::new(value.as_bytes()).ok_or(bad(topic, value, Field::RequestId))?;
                return Ok(Self { request: Some(request), version: None });
            }
        }
        Self::read_each(topic, list)
    }

    /// Whatever there is, in any order.
    #[inline(never)]
    fn read_each(topic: &str, list: &'a str) -> Result<Self, DecodeError> {
        let mut found = Self { request: None, version: None };
        let rest = match list.strip_prefix("?") {
            Some(rest) => rest,
            None if list.is_empty() => list,
            None => return Err(unknown()),
        };
        for (name, value) in pairs(rest) {
            match meant(name) {
                REQUEST_ID => {
                    // What could not be sent back is no request.
                    let request = RequestId::new(value.as_bytes()).filter(|id| id.is_word());
                    found.request = Some(request.ok_or(bad(topic, value, Field::RequestId))?);
                }
                VERSION => found.version = Some(number(value).ok_or(bad(topic, value, Field::Version))?),
                // Others may be added to the protocol at any time, and mean nothing here.
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Most clients escape nothing in a name.
fn meant(name: &str) -> &str {
    match name {
        REQUEST_ID | VERSION => name,
        _ => {
            let is_meant = |known: &&str| Text::percent_encoded(name) == *known;
            [REQUEST_ID, VERSION].into_iter().find(is_meant).unwrap_or(name)
        }
    }
}

const fn missing(field: Field, topic: &str) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}
