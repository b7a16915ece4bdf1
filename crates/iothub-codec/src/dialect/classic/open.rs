use super::number::{number, signed};
use super::own::{after_name, own};
use super::property::property_name;
use super::status::from_http;
use super::{
    COMMANDS, DEVICES, EVENTS, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID, REQUEST_ID_FIRST, TWIN_DESIRED,
    TWIN_GET, TWIN_PATCH, TWIN_REPLY, VERSION, bad, place, unknown,
};
use crate::byte_set::ByteSet;
use crate::entries::Entries;
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::fast::FAST;
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
        None => call_to_hub(publish),
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
    let tail = own(identity, names, after_name).map_err(|at| wrong_device(publish.topic, at))?;
    let list = tail.strip_prefix(EVENTS).ok_or(unknown())?;
    let list = if list.is_empty() { list } else { list.strip_prefix("/").ok_or(unknown())? };
    let Publish { payload, qos, retain, .. } = *publish;
    Ok(ToHub::Telemetry(Telemetry { payload, properties: properties(list), qos, retain }))
}

#[inline(never)]
fn message_to_device<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
    names: &'a str,
) -> Result<ToDevice<'a>, DecodeError> {
    // With nothing between the own name and the rest there can be no other.
    if FAST
        && let Identity { device, module: None } = *identity
        && let Some(tail) = after_name(names, device.as_str())
        && let Some(list) = tail.strip_prefix(COMMANDS)
    {
        let Publish { payload, qos, .. } = *publish;
        return Ok(ToDevice::Command(Command { payload, properties: properties(list), qos }));
    }
    named_to_device(identity, publish, names)
}

/// Whatever has the name of a device in its topic.
#[cfg_attr(feature = "fast", cold, inline(never))]
fn named_to_device<'a>(
    identity: &Identity<'_>,
    publish: &Publish<'a>,
    names: &'a str,
) -> Result<ToDevice<'a>, DecodeError> {
    let Publish { topic, payload, qos, .. } = *publish;
    // To keep them until here costs the way that most messages take.
    let names = if FAST { topic.get(DEVICES.len()..).unwrap_or_default() } else { names };
    let tail = own(identity, names, after_name).map_err(|at| wrong_device(topic, at))?;
    if let Some(list) = tail.strip_prefix(COMMANDS) {
        return Ok(ToDevice::Command(Command { payload, properties: properties(list), qos }));
    }
    let input = tail.strip_prefix(INPUTS).filter(|_| identity.module.is_some());
    let (name, list) = input.and_then(|input| cut(input, b'/')).ok_or(unknown())?;
    if name.is_empty() {
        return Err(bad(topic, name, Field::InputName));
    }
    let name = Text::percent_encoded(name);
    Ok(ToDevice::Input(Input { name, payload, properties: properties(list), qos }))
}

#[cold]
#[cfg_attr(feature = "fast", inline(never))]
fn wrong_device(topic: &str, at: &str) -> DecodeError {
    DecodeError { place: place(topic, at), kind: DecodeErrorKind::WrongDevice }
}

#[cfg_attr(any(feature = "fast", not(any(feature = "preview311", feature = "preview5"))), inline(never))]
fn call_to_hub<'a>(publish: &Publish<'a>) -> Result<ToHub<'a>, DecodeError> {
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    if let Some(calls) = super::CALLS {
        return calls.open_to_hub(publish);
    }
    let Publish { topic, payload, .. } = *publish;
    if let Some(list) = topic.strip_prefix(TWIN_GET) {
        let request = Parameters::read(topic, list)?.request(topic)?;
        return Ok(ToHub::TwinGet(TwinGet::new(request)));
    }
    if let Some(list) = topic.strip_prefix(TWIN_PATCH) {
        let parameters = Parameters::read(topic, list)?;
        let request = parameters.request(topic)?;
        return Ok(ToHub::TwinPatch(TwinPatch { request, patch: payload, if_version: parameters.version }));
    }
    // A method's number is the device's own affair.
    reply(topic, METHOD_REPLY, |_| Status::SUCCESS, payload).map(ToHub::Reply)
}

#[cfg_attr(any(feature = "fast", not(any(feature = "preview311", feature = "preview5"))), inline(never))]
fn call_to_device<'a>(publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
    #[cfg(any(feature = "preview311", feature = "preview5"))]
    if let Some(calls) = super::CALLS {
        return calls.open_to_device(publish);
    }
    let Publish { topic, payload, .. } = *publish;
    if let Some(rest) = topic.strip_prefix(METHOD) {
        return method(topic, rest, payload);
    }
    if let Some(list) = topic.strip_prefix(TWIN_DESIRED) {
        return desired_changed(publish, list);
    }
    reply(topic, TWIN_REPLY, from_http, payload).map(ToDevice::Reply)
}

#[cfg_attr(feature = "fast", inline(never))]
fn method<'a>(topic: &str, rest: &'a str, payload: &'a [u8]) -> Result<ToDevice<'a>, DecodeError> {
    let (name, list) = cut(rest, b'/').ok_or(unknown())?;
    if name.is_empty() {
        return Err(bad(topic, name, Field::MethodName));
    }
    let request = Parameters::read(topic, list)?.request(topic)?;
    Ok(ToDevice::Method(MethodCall::new(request, name, payload)))
}

#[cfg_attr(feature = "fast", inline(never))]
fn desired_changed<'a>(publish: &Publish<'a>, list: &'a str) -> Result<ToDevice<'a>, DecodeError> {
    let Publish { topic, payload, qos, .. } = *publish;
    let version = Parameters::read(topic, list)?.version.ok_or(missing(Field::Version, topic))?;
    Ok(ToDevice::DesiredChanged(DesiredChanged { version, patch: payload, qos }))
}

/// An answer, whose number stands behind `stem`. Which status that says is the operation's affair.
#[inline]
fn reply<'a>(
    topic: &'a str,
    stem: &str,
    status: fn(i32) -> Status,
    payload: &'a [u8],
) -> Result<Reply<'a>, DecodeError> {
    let (text, list) = topic.strip_prefix(stem).and_then(|rest| cut(rest, b'/')).ok_or(unknown())?;
    let code = signed(text).ok_or(bad(topic, text, Field::Status))?;
    let parameters = Parameters::read(topic, list)?;
    let reply = Reply::new(parameters.request(topic)?, status(code));
    Ok(Reply { code: Some(code), version: parameters.version, payload, ..reply })
}

fn properties(list: &str) -> Properties<'_> {
    // Documents show a question mark before the properties, and two clients write a slash behind them.
    let list = list.strip_prefix("?").unwrap_or(list);
    let list = list.strip_suffix("/").unwrap_or(list);
    Properties::from_wire(Entries::List(pairs(list)), property_name)
}

struct Parameters<'a> {
    request: Option<RequestId<'a>>,
    version: Option<u64>,
}

impl<'a> Parameters<'a> {
    #[cfg_attr(feature = "fast", inline(always))]
    fn read(topic: &str, list: &'a str) -> Result<Self, DecodeError> {
        // What clients write, without looking at it twice: the end of a request id is the first byte that cannot be
        // in one.
        if FAST && let Some(value) = list.strip_prefix(REQUEST_ID_FIRST) {
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
            let (is_good, field) = if means(name, REQUEST_ID) {
                // What could not be sent back is no request.
                found.request = RequestId::new(value.as_bytes()).filter(|id| id.is_word());
                (found.request.is_some(), Field::RequestId)
            } else if means(name, VERSION) {
                found.version = number(value);
                (found.version.is_some(), Field::Version)
            } else {
                // Others may be added to the protocol at any time, and mean nothing here.
                continue;
            };
            if !is_good {
                return Err(bad(topic, value, field));
            }
        }
        Ok(found)
    }

    fn request(&self, topic: &str) -> Result<RequestId<'a>, DecodeError> {
        self.request.ok_or(missing(Field::RequestId, topic))
    }
}

/// Most clients escape nothing in a name.
fn means(name: &str, known: &str) -> bool {
    match name {
        REQUEST_ID | VERSION if FAST => name == known,
        _ => Text::percent_encoded(name) == *known,
    }
}

const fn missing(field: Field, topic: &str) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}
