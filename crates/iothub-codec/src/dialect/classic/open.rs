use super::number::{number, signed};
use super::own::{after_name, own};
use super::property::READING;
use super::status::from_http;
use super::{
    COMMANDS, EVENTS, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID, TWIN_DESIRED, TWIN_GET, TWIN_PATCH,
    TWIN_REPLY, VERSION, bad, place, unknown,
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
use crate::word::{self, cut};

/// What the device sent.
pub(crate) fn open_to_hub<'a>(
    identity: Identity<'_>,
    publish: &Publish<'a>,
) -> Result<ToHub<'a>, DecodeError> {
    let Publish { topic, payload, qos, retain, properties: _, duplicate: _ } = *publish;
    if let Some(rest) = topic.strip_prefix("devices/") {
        let tail = behind_own(identity, topic, rest)?.strip_prefix(EVENTS).ok_or(unknown())?;
        let list = if tail.is_empty() { tail } else { tail.strip_prefix("/").ok_or(unknown())? };
        return Ok(ToHub::Telemetry(Telemetry { payload, properties: properties(list), qos, retain }));
    }
    if let Some(list) = topic.strip_prefix(TWIN_GET) {
        let Parameters { request, version: _ } = Parameters::read(topic, list)?;
        return Ok(ToHub::TwinGet(TwinGet::new(request.ok_or(missing(Field::RequestId, topic))?)));
    }
    if let Some(list) = topic.strip_prefix(TWIN_PATCH) {
        let Parameters { request, version } = Parameters::read(topic, list)?;
        let request = request.ok_or(missing(Field::RequestId, topic))?;
        return Ok(ToHub::TwinPatch(TwinPatch { request, patch: payload, if_version: version }));
    }
    // A method's number is the device's own affair.
    reply(topic, METHOD_REPLY, payload, |_| Status::SUCCESS).map(ToHub::Reply)
}

/// What the hub sent.
pub(crate) fn open_to_device<'a>(
    identity: Identity<'_>,
    publish: &Publish<'a>,
) -> Result<ToDevice<'a>, DecodeError> {
    let Publish { topic, payload, qos, retain: _, properties: _, duplicate: _ } = *publish;
    if let Some(rest) = topic.strip_prefix("devices/") {
        let rest = behind_own(identity, topic, rest)?;
        if let Some(list) = rest.strip_prefix(COMMANDS) {
            return Ok(ToDevice::Command(Command { payload, properties: properties(list), qos }));
        }
        let input = rest.strip_prefix(INPUTS).filter(|_| identity.module.is_some());
        let (name, list) = input.and_then(|input| cut(input, b'/')).ok_or(unknown())?;
        if name.is_empty() {
            return Err(bad(topic, name, Field::InputName));
        }
        let name = Text::percent_encoded(name);
        return Ok(ToDevice::Input(Input { name, payload, properties: properties(list), qos }));
    }
    if let Some(rest) = topic.strip_prefix(METHOD) {
        let (name, list) = cut(rest, b'/').ok_or(unknown())?;
        if name.is_empty() {
            return Err(bad(topic, name, Field::MethodName));
        }
        let Parameters { request, version: _ } = Parameters::read(topic, list)?;
        let request = request.ok_or(missing(Field::RequestId, topic))?;
        return Ok(ToDevice::Method(MethodCall::new(request, name, payload)));
    }
    if let Some(list) = topic.strip_prefix(TWIN_DESIRED) {
        let Parameters { request: _, version } = Parameters::read(topic, list)?;
        let version = version.ok_or(missing(Field::Version, topic))?;
        return Ok(ToDevice::DesiredChanged(DesiredChanged { version, patch: payload, qos }));
    }
    reply(topic, TWIN_REPLY, payload, from_http).map(ToDevice::Reply)
}

/// What follows the own name in a topic that begins with one.
fn behind_own<'a>(identity: Identity<'_>, topic: &'a str, rest: &'a str) -> Result<&'a str, DecodeError> {
    own(identity, rest, after_name)
        .map_err(|at| DecodeError { place: place(topic, at), kind: DecodeErrorKind::WrongDevice })
}

fn properties(list: &str) -> Properties<'_> {
    // Documents show a question mark before the properties, and two clients write a slash behind them.
    let list = list.strip_prefix("?").unwrap_or(list);
    Properties::from_tail(list.strip_suffix("/").unwrap_or(list), &READING)
}

/// A topic with the number of an answer behind `stem`.
fn reply<'a>(
    topic: &'a str,
    stem: &str,
    payload: &'a [u8],
    status: fn(i32) -> Status,
) -> Result<Reply<'a>, DecodeError> {
    let (text, list) = topic.strip_prefix(stem).and_then(|rest| cut(rest, b'/')).ok_or(unknown())?;
    let code = signed(text).ok_or(bad(topic, text, Field::Status))?;
    let Parameters { request, version } = Parameters::read(topic, list)?;
    let reply = Reply::new(request.ok_or(missing(Field::RequestId, topic))?, status(code));
    Ok(Reply { code: Some(code), version, payload, ..reply })
}

struct Parameters<'a> {
    request: Option<RequestId<'a>>,
    version: Option<u64>,
}

impl<'a> Parameters<'a> {
    fn read(topic: &str, list: &'a str) -> Result<Self, DecodeError> {
        let mut found = Parameters { request: None, version: None };
        let mut rest = match list.strip_prefix("?") {
            Some(rest) => rest,
            None if list.is_empty() => list,
            None => return Err(unknown()),
        };
        // What clients write, without looking at it twice: the end of a request id is the first byte that cannot be
        // in one.
        if let Some(value) = rest.strip_prefix(REQUEST_ID).and_then(|rest| rest.strip_prefix("=")) {
            let len = ByteSet::WORD.stranger(value.as_bytes()).unwrap_or(value.len());
            if let Some((id, after)) = value.split_at_checked(len)
                && matches!(after.as_bytes(), [] | [b'&', ..])
            {
                let request = RequestId::new(id.as_bytes());
                found.request = Some(request.ok_or(bad(topic, value, Field::RequestId))?);
                rest = after;
            }
        }
        for (name, value) in pairs(rest) {
            if is_called(name, REQUEST_ID) {
                // What could not be sent back is no request.
                let request = RequestId::new(value.as_bytes()).filter(|id| id.is_word());
                found.request = Some(request.ok_or(bad(topic, value, Field::RequestId))?);
            } else if is_called(name, VERSION) {
                found.version = Some(number(value).ok_or(bad(topic, value, Field::Version))?);
            }
            // Other parameters may be added to the protocol at any time and mean nothing here.
        }
        Ok(found)
    }
}

/// Most clients escape nothing in a name.
fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || (word::find(name.as_bytes(), b'%').is_some() && Text::percent_encoded(name) == wanted)
}

const fn missing(field: Field, topic: &str) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}
