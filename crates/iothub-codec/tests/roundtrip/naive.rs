//! A second reader of topics: it splits everything at its separators first, keeps copies, and knows nothing of
//! the first one but the words that both answer with.

use iothub_codec::{DecodeErrorKind, Field};

use crate::sample::Who;
use DecodeErrorKind::{BadValue, Missing, UnknownTopic, WrongDevice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Hub,
    Device,
}

type Bytes = Vec<u8>;

/// A message, with each part as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Telemetry(Vec<(Bytes, Bytes)>),
    Command(Vec<(Bytes, Bytes)>),
    Input(Bytes, Vec<(Bytes, Bytes)>),
    TwinGet(Bytes),
    TwinPatch(Bytes, Option<u64>),
    Method(Bytes, String),
    Desired(u64),
    Reply(Bytes, i32, Option<u64>),
}

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

pub(crate) fn read(who: &Who, receiver: Receiver, topic: &str) -> Result<Plain, DecodeErrorKind> {
    let segments: Vec<&str> = topic.split('/').collect();
    let plain = match segments[..] {
        ["devices", _, ..] => own(who, &segments)?,
        ["$iothub", ref rest @ ..] => hub(receiver, rest)?,
        _ => return Err(UnknownTopic),
    };
    let is_for = match plain {
        Plain::Telemetry(_) | Plain::TwinGet(_) | Plain::TwinPatch(..) => Receiver::Hub,
        Plain::Command(_) | Plain::Input(..) | Plain::Method(..) | Plain::Desired(_) => Receiver::Device,
        Plain::Reply(..) => receiver,
    };
    if is_for == receiver { Ok(plain) } else { Err(UnknownTopic) }
}

fn own(who: &Who, segments: &[&str]) -> Result<Plain, DecodeErrorKind> {
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
    match rest {
        ["messages", "events", bag @ ..] => Ok(Plain::Telemetry(properties(bag))),
        ["messages", "devicebound", bag @ ..] if !bag.is_empty() => Ok(Plain::Command(properties(bag))),
        ["inputs", name, bag @ ..] if who.module.is_some() && !bag.is_empty() => {
            if name.is_empty() {
                return Err(BadValue(Field::InputName));
            }
            Ok(Plain::Input(decoded(name), properties(bag)))
        }
        _ => Err(UnknownTopic),
    }
}

fn hub(receiver: Receiver, rest: &[&str]) -> Result<Plain, DecodeErrorKind> {
    match (receiver, rest) {
        (_, ["twin", "GET", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            // What a device must not receive is not looked at for what it lacks.
            if receiver == Receiver::Device {
                return Err(UnknownTopic);
            }
            Ok(Plain::TwinGet(parameters.request()?))
        }
        (_, ["twin", "PATCH", "properties", "reported", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            if receiver == Receiver::Device {
                return Err(UnknownTopic);
            }
            Ok(Plain::TwinPatch(parameters.request()?, parameters.version))
        }
        (_, ["twin", "PATCH", "properties", "desired", tail @ ..]) if !tail.is_empty() => {
            let parameters = parameters(tail)?;
            if receiver == Receiver::Hub {
                return Err(UnknownTopic);
            }
            parameters.version.map(Plain::Desired).ok_or(Missing(Field::Version))
        }
        (_, ["methods", "POST", name, tail @ ..]) if !tail.is_empty() => {
            if name.is_empty() {
                return Err(BadValue(Field::MethodName));
            }
            let parameters = parameters(tail)?;
            if receiver == Receiver::Hub {
                return Err(UnknownTopic);
            }
            Ok(Plain::Method(parameters.request()?, (*name).to_owned()))
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
            Ok(Plain::Reply(parameters.request()?, code, parameters.version))
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
            let legal = value.chars().all(|c| !c.is_control() && c != '#' && c != '+');
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

fn properties(bag: &[&str]) -> Vec<(Bytes, Bytes)> {
    let bag = bag.join("/");
    let bag = bag.strip_prefix('?').unwrap_or(&bag);
    let bag = bag.strip_suffix('/').unwrap_or(bag);
    let mut read = Vec::new();
    for pair in bag.split('&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, '=');
        let name = decoded(halves.next().unwrap_or_default());
        let value = decoded(halves.next().unwrap_or_default());
        let system = SYSTEM.iter().find(|(wire, _)| wire.as_bytes() == name);
        // The mark keeps an application's `to` apart from the system's.
        let name = system.map_or(name, |(_, event)| format!("<{event}>").into_bytes());
        read.push((name, value));
    }
    read
}

fn decoded(text: &str) -> Bytes {
    let text = text.as_bytes();
    let digit = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((16 * high + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}
