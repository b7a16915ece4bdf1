use iothub_codec::{DecodeErrorKind, Field, Publish, Status, TwinPart};

use super::decoded;
use crate::plain::{Bytes, Pairs, Plain, PlainReply, Receiver};
use crate::sample::Who;
use DecodeErrorKind::{BadValue, Missing, UnknownTopic, WrongDevice};

const SYSTEM: [(&str, &str); 18] = [
    ("$.mid", "message-id"),
    ("$.cid", "correlation-id"),
    ("$.uid", "user-id"),
    ("$.to", "to"),
    ("$.exp", "absolute-expiry-time"),
    ("$.ct", "content-type"),
    ("$.ce", "content-encoding"),
    ("$.ctime", "iothub-creation-time-utc"),
    ("$.sub", "dt-subject"),
    ("$.on", "iothub-outputname"),
    ("$.ifid", "iothub-interface-id"),
    ("$.schema", "iothub-message-schema"),
    ("$.cdid", "iothub-connection-device-id"),
    ("$.cmid", "iothub-connection-module-id"),
    ("$.diagid", "Diagnostic-Id"),
    ("$.diagctx", "Correlation-Context"),
    ("iothub-operation", "iothub-operation"),
    ("iothub-ack", "iothub-ack"),
];

pub(crate) fn read(who: &Who, receiver: Receiver, publish: &Publish<'_>) -> Result<Plain, DecodeErrorKind> {
    let segments: Vec<&str> = publish.topic.split('/').collect();
    let plain = match segments[..] {
        ["devices", _, ..] => own(who, receiver, &segments, publish)?,
        ["$iothub", ref rest @ ..] => hub(receiver, rest, publish)?,
        _ => return Err(UnknownTopic),
    };
    let is_for = match plain {
        Plain::Telemetry { .. } | Plain::TwinGet { .. } | Plain::TwinPatch { .. } => Receiver::Hub,
        Plain::Command { .. } | Plain::Input { .. } | Plain::Method { .. } | Plain::Desired { .. } => {
            Receiver::Device
        }
        Plain::Reply(_) => receiver,
    };
    if is_for == receiver { Ok(plain) } else { Err(UnknownTopic) }
}

fn own(
    who: &Who,
    receiver: Receiver,
    segments: &[&str],
    publish: &Publish<'_>,
) -> Result<Plain, DecodeErrorKind> {
    if segments[1] != who.device {
        return Err(WrongDevice);
    }
    let names_a_module = segments.len() > 3 && segments[2] == "modules";
    let rest = match &who.module {
        None if names_a_module => return Err(WrongDevice),
        None => &segments[2..],
        Some(module) if names_a_module && segments[3] == *module => &segments[4..],
        Some(_) => return Err(WrongDevice),
    };
    let (payload, qos, retain) = (publish.payload.to_vec(), publish.qos, publish.retain);
    match rest {
        ["messages", "events", bag @ ..] => {
            Ok(Plain::Telemetry { bag: properties(bag), payload, qos, retain })
        }
        ["messages", "devicebound", bag @ ..] if !bag.is_empty() => {
            Ok(Plain::Command { bag: properties(bag), payload, qos })
        }
        ["inputs", name, bag @ ..]
            if receiver == Receiver::Device && who.module.is_some() && !bag.is_empty() =>
        {
            if name.is_empty() {
                return Err(BadValue(Field::InputName));
            }
            Ok(Plain::Input { name: decoded(name), bag: properties(bag), payload, qos })
        }
        _ => Err(UnknownTopic),
    }
}

fn hub(receiver: Receiver, rest: &[&str], publish: &Publish<'_>) -> Result<Plain, DecodeErrorKind> {
    let payload = publish.payload.to_vec();
    match (receiver, rest) {
        (Receiver::Hub, ["twin", "GET", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            let request = parameters.request()?;
            Ok(Plain::TwinGet { request, part: TwinPart::Whole, known_version: None })
        }
        (Receiver::Hub, ["twin", "PATCH", "properties", "reported", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            let request = parameters.request()?;
            Ok(Plain::TwinPatch { request, if_version: parameters.version, patch: payload })
        }
        (Receiver::Device, ["twin", "PATCH", "properties", "desired", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            let version = parameters.version.ok_or(Missing(Field::Version))?;
            Ok(Plain::Desired { version, patch: payload, qos: publish.qos })
        }
        (Receiver::Device, ["methods", "POST", name, tail @ ..]) if !tail.is_empty() => {
            if name.is_empty() {
                return Err(BadValue(Field::MethodName));
            }
            let parameters = parameters(tail)?;
            let request = parameters.request()?;
            Ok(Plain::Method { request, name: (*name).to_owned(), content: [None, None], payload })
        }
        (Receiver::Hub, ["methods", "res", code, tail @ ..])
        | (Receiver::Device, ["twin", "res", code, tail @ ..])
            if !tail.is_empty() =>
        {
            let digits = code.strip_prefix('-').unwrap_or(code);
            if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
                return Err(BadValue(Field::Status));
            }
            let code = code.parse().map_err(|_| BadValue(Field::Status))?;
            let parameters = parameters(tail)?;
            Ok(Plain::Reply(PlainReply {
                request: parameters.request()?,
                status: if receiver == Receiver::Hub { Status::SUCCESS } else { status(code) },
                code: Some(code),
                version: parameters.version,
                content: [None, None],
                reason: None,
                trace_id: None,
                payload,
            }))
        }
        _ => Err(UnknownTopic),
    }
}

#[derive(Default)]
struct Parameters {
    request: Option<Bytes>,
    version: Option<u64>,
}

impl Parameters {
    fn request(&self) -> Result<Bytes, DecodeErrorKind> {
        self.request.clone().ok_or(Missing(Field::RequestId))
    }
}

fn parameters(tail: &[&str]) -> Result<Parameters, DecodeErrorKind> {
    let tail = tail.join("/");
    let mut read = Parameters::default();
    if tail.is_empty() {
        return Ok(read);
    }
    if !tail.starts_with('?') {
        return Err(UnknownTopic);
    }
    for pair in tail[1..].split('&') {
        let mut halves = pair.splitn(2, '=');
        let name = decoded(halves.next().unwrap_or_default());
        let value = halves.next().unwrap_or_default();
        if name == b"$rid" {
            let legal = value.chars().all(|c| matches!(c, ' '..='~') && c != '#' && c != '+');
            if !legal || value.is_empty() || value.len() > 64 {
                return Err(BadValue(Field::RequestId));
            }
            read.request = Some(value.as_bytes().to_vec());
        }
        if name == b"$version" {
            if !value.chars().all(|c| c.is_ascii_digit()) {
                return Err(BadValue(Field::Version));
            }
            read.version = Some(value.parse().map_err(|_| BadValue(Field::Version))?);
        }
    }
    Ok(read)
}

fn properties(bag: &[&str]) -> Pairs {
    let bag = bag.join("/");
    let bag = bag.strip_prefix('?').unwrap_or(&bag);
    let bag = bag.strip_suffix('/').unwrap_or(bag);
    let mut read = Vec::new();
    for pair in bag.split('&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, '=');
        let name = decoded(halves.next().unwrap_or_default());
        let value = decoded(halves.next().unwrap_or_default());
        let system = SYSTEM.iter().find(|(wire, _)| wire.as_bytes() == name);
        let name = system.map_or(name, |(_, event)| format!("<{event}>").into_bytes());
        read.push((name, value));
    }
    read
}

/// What the number of a twin's answer says.
pub(crate) fn status(code: i32) -> Status {
    const NAMED: [(i32, Status); 11] = [
        (304, Status::NOT_MODIFIED),
        (401, Status::NOT_AUTHORIZED),
        (403, Status::QUOTA_EXCEEDED),
        (404, Status::NOT_FOUND),
        (405, Status::NOT_ALLOWED),
        (409, Status::CONFLICT),
        (412, Status::PRECONDITION_FAILED),
        (429, Status::THROTTLED),
        (502, Status::TARGET_FAILED),
        (503, Status::SERVER_BUSY),
        (504, Status::TIMEOUT),
    ];
    match (NAMED.iter().find(|(each, _)| *each == code), code.div_euclid(100)) {
        (Some((_, status)), _) => *status,
        (None, 2) => Status::SUCCESS,
        (None, 4) => Status::BAD_REQUEST,
        (None, _) => Status::SERVER_ERROR,
    }
}
