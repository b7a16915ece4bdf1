use std::collections::BTreeMap;

use iothub_codec::{DecodeErrorKind, Field, Publish, Qos, Status, SystemProperty, TwinPart};

use super::decoded;
use crate::plain::{Bytes, Pairs, Plain, PlainReply, Receiver};
use DecodeErrorKind::{BadQos, BadValue, Missing, UnknownProperty, UnknownTopic};

type Parameters = BTreeMap<&'static str, Bytes>;

pub(crate) fn read(receiver: Receiver, publish: &Publish<'_>) -> Result<Plain, DecodeErrorKind> {
    let (stem, list) = publish.topic.split_once("/?").unwrap_or((publish.topic, ""));
    let segments: Vec<&str> = stem.split('/').collect();
    let ["$az", "iot", rest @ ..] = &segments[..] else { return Err(UnknownTopic) };
    let (payload, qos, retain) = (publish.payload.to_vec(), publish.qos, publish.retain);
    // Requests and their answers are not acknowledged.
    let parameters = |optional: &[&'static str], required: &[&'static str]| {
        if qos == Qos::AtLeastOnce { Err(BadQos) } else { parameters(list, optional, required) }
    };
    let get = |part, optional: &[&'static str]| {
        let said = parameters(optional, &["rid"])?;
        Ok(Plain::TwinGet { request: said["rid"].clone(), part, known_version: number(&said, "iv") })
    };
    match (receiver, rest) {
        (Receiver::Hub, ["telemetry"]) => {
            Ok(Plain::Telemetry { bag: bag(list, &telemetry(), &[])?, payload, qos, retain })
        }
        (Receiver::Device, ["commands"]) => {
            let (optional, required) = commands();
            Ok(Plain::Command { bag: bag(list, &optional, &required)?, payload, qos })
        }
        (Receiver::Device, ["methods", name]) | (Receiver::Hub, ["methods", name, "response"])
            if !is_method(name) =>
        {
            Err(BadValue(Field::MethodName))
        }
        (Receiver::Device, ["methods", name]) => {
            let said = parameters(&["ct", "ce"], &["rid"])?;
            let content = [said.get("ct").cloned(), said.get("ce").cloned()];
            Ok(Plain::Method { request: said["rid"].clone(), name: (*name).to_owned(), content, payload })
        }
        (Receiver::Hub, ["methods", _, "response"]) => {
            reply(payload, &parameters(&["rc", "s", "r", "tid", "ct", "ce"], &["rid"])?, Some("rc"))
        }
        (Receiver::Hub, ["twin", "get"]) => get(TwinPart::Whole, &[]),
        (Receiver::Hub, ["twin", "get", "reported"]) => get(TwinPart::Reported, &["iv"]),
        (Receiver::Hub, ["twin", "get", "desired"]) => get(TwinPart::Desired, &["iv"]),
        (Receiver::Device, ["twin", "get", "response"]) => {
            reply(payload, &parameters(&["v", "s", "r", "tid"], &["rid"])?, None)
        }
        (Receiver::Hub, ["twin", "patch", "reported"]) => {
            let said = parameters(&["iv"], &["rid"])?;
            let (request, if_version) = (said["rid"].clone(), number(&said, "iv"));
            Ok(Plain::TwinPatch { request, if_version, patch: payload })
        }
        (Receiver::Device, ["twin", "patch", "response"]) => {
            reply(payload, &parameters(&["v", "s", "r", "tid"], &["rid"])?, Some("v"))
        }
        (
            Receiver::Device,
            ["twin", "events", "desired-changed"] | ["twin", "events", "desired", "changed"],
        ) => {
            let said = self::parameters(list, &[], &["v"])?;
            Ok(Plain::Desired { version: number(&said, "v").unwrap(), patch: payload, qos })
        }
        _ => Err(UnknownTopic),
    }
}

/// `needed` is what a success must say.
fn reply(payload: Bytes, said: &Parameters, needed: Option<&str>) -> Result<Plain, DecodeErrorKind> {
    let status = match said.get("s") {
        Some(digits) => {
            let digits = String::from_utf8(digits.clone()).unwrap();
            Status::from_code(u16::from_str_radix(&digits, 16).unwrap())
        }
        None => Status::SUCCESS,
    };
    match needed {
        Some("rc") if status.is_success() && !said.contains_key("rc") => return Err(Missing(Field::Status)),
        Some("v") if status.is_success() && !said.contains_key("v") => return Err(Missing(Field::Version)),
        _ => {}
    }
    Ok(Plain::Reply(PlainReply {
        request: said["rid"].clone(),
        status,
        code: number(said, "rc").map(|code| code.try_into().unwrap()),
        version: number(said, "v"),
        content: [said.get("ct").cloned(), said.get("ce").cloned()],
        reason: said.get("r").cloned(),
        trace_id: said.get("tid").cloned(),
        payload,
    }))
}

fn number(said: &Parameters, name: &str) -> Option<u64> {
    said.get(name).map(|digits| String::from_utf8(digits.clone()).unwrap().parse().unwrap())
}

fn parameters(
    list: &str,
    optional: &[&'static str],
    required: &[&'static str],
) -> Result<Parameters, DecodeErrorKind> {
    let mut said = Parameters::new();
    for (name, value) in pairs(list) {
        let name = match &name[..] {
            b"status" => &b"s"[..],
            b"reason" => b"r",
            b"trace-id" => b"tid",
            name => name,
        };
        let known = optional.iter().chain(required).find(|each| each.as_bytes() == name);
        let name = *known.ok_or(UnknownProperty)?;
        let field = match name {
            "rid" if value.is_empty() || value.len() > 32 => Some(Field::RequestId),
            "v" | "iv" if !is_number(&value, u64::MAX) => Some(Field::Version),
            "rc" if !is_number(&value, i32::MAX as u64) => Some(Field::Status),
            "s" if value.len() != 4 || !value.iter().all(u8::is_ascii_hexdigit) => Some(Field::Status),
            _ => None,
        };
        if let Some(field) = field {
            return Err(BadValue(field));
        }
        said.insert(name, value);
    }
    for name in required {
        if !said.contains_key(name) {
            return Err(Missing(if *name == "rid" { Field::RequestId } else { Field::Version }));
        }
    }
    Ok(said)
}

/// Names with what they are, and the largest number that they can be; none where they are texts.
type Row = (&'static str, SystemProperty, Option<u64>);

fn telemetry() -> Vec<Row> {
    let mut rows = commands().0;
    rows.extend([
        ("dts", SystemProperty::Component, None),
        ("traceparent", SystemProperty::TraceParent, None),
        ("tracestate", SystemProperty::TraceState, None),
    ]);
    rows
}

/// Those that may be there, and those that must.
fn commands() -> (Vec<Row>, Vec<Row>) {
    let may = vec![
        ("ct", SystemProperty::ContentType, None),
        ("ce", SystemProperty::ContentEncoding, None),
        ("mid", SystemProperty::MessageId, None),
        ("uid", SystemProperty::UserId, None),
        ("cid", SystemProperty::CorrelationId, None),
        ("crt", SystemProperty::CreationTime, Some(u64::MAX)),
    ];
    let must = vec![
        ("sn", SystemProperty::SequenceNumber, Some(u64::MAX)),
        ("et", SystemProperty::Expiry, Some(u64::MAX)),
        ("ent", SystemProperty::EnqueuedTime, Some(u64::MAX)),
        ("dc", SystemProperty::DeliveryCount, Some(u64::from(u32::MAX))),
    ];
    (may, must)
}

fn bag(list: &str, optional: &[Row], required: &[Row]) -> Result<Pairs, DecodeErrorKind> {
    let mut read = Vec::new();
    for (name, value) in pairs(list) {
        if let Some(application) = name.strip_prefix(b"@") {
            read.push((application.to_vec(), value));
            continue;
        }
        let known = optional.iter().chain(required).find(|(each, ..)| each.as_bytes() == name);
        let (_, property, max) = known.ok_or(UnknownProperty)?;
        if max.is_some_and(|max| !is_number(&value, max)) {
            return Err(BadValue(Field::Property(*property)));
        }
        read.push((format!("<{}>", property.event_name()).into_bytes(), value));
    }
    for (_, property, _) in required {
        let name = format!("<{}>", property.event_name()).into_bytes();
        if !read.iter().any(|(each, _)| *each == name) {
            return Err(Missing(Field::Property(*property)));
        }
    }
    Ok(read)
}

/// Names and values, decoded.
fn pairs(list: &str) -> Vec<(Bytes, Bytes)> {
    let mut read = Vec::new();
    for pair in list.split('&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, '=');
        let name = decoded(halves.next().unwrap_or_default());
        read.push((name, decoded(halves.next().unwrap_or_default())));
    }
    read
}

fn is_number(text: &[u8], max: u64) -> bool {
    let text = String::from_utf8_lossy(text);
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|number| number <= max)
}

fn is_method(name: &str) -> bool {
    let fits = |c: char| matches!(c, '!'..='~') && !"$()<>@,;:\\\"/[]?={}#+".contains(c);
    !name.is_empty() && name.chars().all(fits)
}
