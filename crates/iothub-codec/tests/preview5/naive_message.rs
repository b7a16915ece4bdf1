//! A second reader of messages, simple enough to be obviously right: the tables of the reference written out, over
//! what the second reader of sections found. Which of several faults is told first is part of it.

use iothub_codec::{DecodeErrorKind, Field, Publish, Qos, Status, SystemProperty, TwinPart};

use crate::naive::Naive;
use crate::plain::{Bytes, Pairs, Plain, PlainReply, Receiver};
use DecodeErrorKind::{BadQos, BadValue, Missing, UnknownProperty, UnknownTopic};
use SystemProperty::{
    ContentEncoding, CorrelationId, CreationTime, DeliveryCount, EnqueuedTime, MessageId, SequenceNumber,
    UserId,
};

/// What is read of the message, given its properties.
pub(crate) fn read(
    receiver: Receiver,
    publish: &Publish<'_>,
    section: &[Naive],
) -> Result<Plain, DecodeErrorKind> {
    let is_hub = receiver == Receiver::Hub;
    let (payload, qos, retain) = (publish.payload.to_vec(), publish.qos, publish.retain);
    let once = || if qos == Qos::AtMostOnce { Ok(()) } else { Err(BadQos) };
    match (is_hub, publish.topic) {
        (true, "$iothub/telemetry") => {
            Ok(Plain::Telemetry { bag: bag(section, is_hub)?, payload, qos, retain })
        }
        (false, "$iothub/commands") => Ok(Plain::Command { bag: bag(section, is_hub)?, payload, qos }),
        (true, "$iothub/twin/get") => {
            once()?;
            let said = Said::new(section, true, &[])?;
            Ok(Plain::TwinGet { request: said.request()?, part: TwinPart::Whole, known_version: None })
        }
        (true, "$iothub/twin/patch/reported") => {
            once()?;
            let said = Said::new(section, true, &["if-version"])?;
            let request = said.request()?;
            Ok(Plain::TwinPatch { request, if_version: said.number("if-version"), patch: payload })
        }
        (false, "$iothub/twin/patch/desired") => {
            let said = Said::new(section, false, &["version"])?;
            let version = said.number("version").ok_or(Missing(Field::Version))?;
            Ok(Plain::Desired { version, patch: payload, qos })
        }
        (_, "$iothub/responses") => reply(section, is_hub, payload).map(Plain::Reply),
        (false, topic) if topic.starts_with("$iothub/methods/") => {
            let name = topic.replacen("$iothub/methods/", "", 1);
            if name.is_empty() {
                return Err(BadValue(Field::MethodName));
            }
            if name.contains('/') {
                return Err(UnknownTopic);
            }
            once()?;
            let said = Said::new(section, true, &[])?;
            Ok(Plain::Method {
                request: said.request()?,
                name,
                content: [said.media_type.clone(), None],
                payload,
            })
        }
        _ => Err(UnknownTopic),
    }
}

fn reply(section: &[Naive], is_hub: bool, payload: Bytes) -> Result<PlainReply, DecodeErrorKind> {
    let own = if is_hub { "response-code" } else { "version" };
    let said = Said::new(section, true, &[own, "status", "reason", "trace-id"])?;
    let request = said.request()?;
    let code = said.number("response-code").map(|code| i32::try_from(code).expect("checked"));
    let status = said.text("status").map(|text| {
        let text = String::from_utf8(text).expect("checked");
        Status::from_code(u16::from_str_radix(&text, 16).expect("checked"))
    });
    if is_hub && code.is_none() && status.is_none_or(|status| status.is_success()) {
        return Err(Missing(Field::Status));
    }
    Ok(PlainReply {
        request,
        status: status.unwrap_or(Status::SUCCESS),
        code,
        version: said.number("version"),
        content: [said.media_type.clone(), None],
        reason: said.text("reason"),
        trace_id: said.text("trace-id"),
        payload,
    })
}

/// What stands in the section of a message that has no properties of an application's.
struct Said {
    correlation: Option<Bytes>,
    media_type: Option<Bytes>,
    named: Vec<(String, Bytes)>,
}

impl Said {
    /// Only these names are known.
    fn new(section: &[Naive], is_correlated: bool, known: &[&str]) -> Result<Self, DecodeErrorKind> {
        let mut said = Self { correlation: None, media_type: None, named: Vec::new() };
        for (id, parts) in section {
            match id {
                0x03 => said.media_type = Some(parts[0].clone()),
                0x09 if is_correlated && !(1..=16).contains(&parts[0].len()) => {
                    return Err(BadValue(Field::CorrelationData));
                }
                0x09 => said.correlation = Some(parts[0].clone()),
                0x26 => {
                    let name = String::from_utf8(parts[0].clone()).expect("checked");
                    if !known.contains(&name.as_str()) {
                        return Err(UnknownProperty);
                    }
                    check(&name, &parts[1])?;
                    said.named.push((name, parts[1].clone()));
                }
                _ => {}
            }
        }
        Ok(said)
    }

    fn request(&self) -> Result<Bytes, DecodeErrorKind> {
        self.correlation.clone().ok_or(Missing(Field::CorrelationData))
    }

    fn text(&self, name: &str) -> Option<Bytes> {
        self.named.iter().rev().find(|(each, _)| each == name).map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).map(|value| decimal(&value).expect("checked"))
    }
}

fn check(name: &str, value: &[u8]) -> Result<(), DecodeErrorKind> {
    let number = decimal(value);
    match name {
        "version" | "if-version" if number.is_none() => Err(BadValue(Field::Version)),
        "response-code" if number.is_none_or(|number| number >= 1 << 31) => Err(BadValue(Field::Status)),
        "status" if value.len() != 4 || !value.iter().all(u8::is_ascii_hexdigit) => {
            Err(BadValue(Field::Status))
        }
        _ => Ok(()),
    }
}

/// The properties of telemetry or of a command.
fn bag(section: &[Naive], is_telemetry: bool) -> Result<Pairs, DecodeErrorKind> {
    let mut bag = Pairs::new();
    let mut required = vec![SequenceNumber, EnqueuedTime, DeliveryCount];
    required.retain(|_| !is_telemetry);
    for (id, parts) in section {
        let (name, value) = match id {
            0x03 => {
                bag.push((b"<content-type>".to_vec(), parts[0].clone()));
                continue;
            }
            0x26 => (String::from_utf8(parts[0].clone()).expect("checked"), parts[1].clone()),
            _ => continue,
        };
        if let Some(name) = name.strip_prefix('@') {
            bag.push((name.as_bytes().to_vec(), value));
            continue;
        }
        let number = decimal(&value);
        let (property, good) = match (name.as_str(), is_telemetry) {
            ("content-encoding", _) => (ContentEncoding, true),
            ("message-id", _) => (MessageId, true),
            ("user-id", _) => (UserId, true),
            ("correlation-id", _) => (CorrelationId, true),
            ("creation-time", _) => (CreationTime, number.is_some()),
            ("sequence-no", false) => (SequenceNumber, number.is_some()),
            ("enqueued-time", false) => (EnqueuedTime, number.is_some()),
            ("delivery-count", false) => (DeliveryCount, number.is_some_and(|number| number < 1 << 32)),
            _ => return Err(UnknownProperty),
        };
        if !good {
            return Err(BadValue(Field::Property(property)));
        }
        required.retain(|each| *each != property);
        bag.push((format!("<{}>", property.event_name()).into_bytes(), value));
    }
    match required.first() {
        Some(property) => Err(Missing(Field::Property(*property))),
        None => Ok(bag),
    }
}

/// Digits only, and not more than 64 bits.
fn decimal(value: &[u8]) -> Option<u64> {
    let text = String::from_utf8(value.to_vec()).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}
