//! `devices/...` and `$iothub/...` over MQTT 3.1.1.

mod catalogue;
mod connect;
mod filters;

pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{encode_connect, open_connect};
pub(super) use filters::{decode_filter, filters};

use crate::dialect::row::decimal;
use crate::dialect::{name, offset};
use crate::envelope::{Envelope, Fields, Path};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::identity::{Identity, ModuleId};
use crate::message::{Operation, TwinPart};
use crate::pairs::pairs;
use crate::property::{Name, Properties, Reading, SystemProperty};
use crate::publish::Publish;
use crate::request::RequestRef;
use crate::status::Status;
use crate::text::Text;
use crate::word::{self, cut};
use crate::write::Writer;

/// Topics without a device's name in them, up to their parameters.
const TWIN_GET: &str = "$iothub/twin/GET/";
const TWIN_PATCH: &str = "$iothub/twin/PATCH/properties/reported/";
const TWIN_DESIRED: &str = "$iothub/twin/PATCH/properties/desired/";
const TWIN_REPLY: &str = "$iothub/twin/res/";
const METHOD: &str = "$iothub/methods/POST/";
const METHOD_REPLY: &str = "$iothub/methods/res/";

/// What follows the name of a device or module.
const EVENTS: &str = "messages/events";
const COMMANDS: &str = "messages/devicebound/";
const INPUTS: &str = "inputs/";

const REQUEST_ID: &str = "$rid";
const VERSION: &str = "$version";

const TO: &str = "$.to";

/// The names of system properties. Clients write the dollar plain or as `%24`; both are read, and `%24` is
/// written, because the C client knows no other spelling.
const NAMES: &[(SystemProperty, &str)] = &[
    (SystemProperty::MessageId, "$.mid"),
    (SystemProperty::CorrelationId, "$.cid"),
    (SystemProperty::UserId, "$.uid"),
    (SystemProperty::To, TO),
    (SystemProperty::Expiry, "$.exp"),
    (SystemProperty::ContentType, "$.ct"),
    (SystemProperty::ContentEncoding, "$.ce"),
    (SystemProperty::CreationTime, "$.ctime"),
    (SystemProperty::Component, "$.sub"),
    (SystemProperty::OutputName, "$.on"),
    (SystemProperty::InterfaceId, "$.ifid"),
    (SystemProperty::Schema, "$.schema"),
    (SystemProperty::ConnectionDeviceId, "$.cdid"),
    (SystemProperty::ConnectionModuleId, "$.cmid"),
    (SystemProperty::DiagnosticId, "$.diagid"),
    (SystemProperty::DiagnosticContext, "$.diagctx"),
    (SystemProperty::Operation, "iothub-operation"),
    (SystemProperty::Ack, "iothub-ack"),
];

/// What the device sent.
#[inline]
pub(super) fn open_to_hub<'a>(
    identity: Identity<'_>,
    publish: &Publish<'a>,
) -> Result<Envelope<'a>, DecodeError> {
    let topic = publish.topic;
    if let Some(rest) = topic.strip_prefix("devices/") {
        let rest = behind_own(identity, topic, rest)?;
        let tail = rest.strip_prefix(EVENTS).ok_or(unknown())?;
        if !tail.is_empty() && !tail.starts_with("/") {
            return Err(unknown());
        }
        return Ok(with_properties(Path::Telemetry, tail.strip_prefix("/").unwrap_or(tail), publish));
    }
    let (path, code, parameters) = if let Some(parameters) = topic.strip_prefix(TWIN_GET) {
        (Path::TwinGet(TwinPart::Whole), None, parameters)
    } else if let Some(parameters) = topic.strip_prefix(TWIN_PATCH) {
        (Path::TwinPatch, None, parameters)
    } else {
        let (code, parameters) = code(topic, topic.strip_prefix(METHOD_REPLY))?;
        (Path::Reply(None), Some(code), parameters)
    };
    let Parameters { request, version } = read_parameters(topic, parameters)?;
    let (version, if_version) = if path == Path::TwinPatch { (None, version) } else { (version, None) };
    // A method's number is the device's own affair.
    let status = code.map(|_| Status::SUCCESS);
    let fields = Fields { request, version, if_version, code, status, ..Fields::default() };
    Ok(Envelope { fields, ..bare(path, publish) })
}

/// What the hub sent.
#[inline]
pub(super) fn open_to_device<'a>(
    identity: Identity<'_>,
    publish: &Publish<'a>,
) -> Result<Envelope<'a>, DecodeError> {
    let topic = publish.topic;
    if let Some(rest) = topic.strip_prefix("devices/") {
        let rest = behind_own(identity, topic, rest)?;
        if let Some(tail) = rest.strip_prefix(COMMANDS) {
            return Ok(with_properties(Path::Command, tail, publish));
        }
        let input = rest.strip_prefix(INPUTS).filter(|_| identity.module.is_some());
        let (input, tail) = input.and_then(|input| cut(input, b'/')).ok_or(unknown())?;
        if input.is_empty() {
            return Err(bad(topic, input, Field::InputName));
        }
        return Ok(with_properties(Path::Input(Text::percent_encoded(input)), tail, publish));
    }
    let (path, code, parameters) = if let Some(rest) = topic.strip_prefix(METHOD) {
        let (name, parameters) = cut(rest, b'/').ok_or(unknown())?;
        if name.is_empty() {
            return Err(bad(topic, name, Field::MethodName));
        }
        (Path::Method(name), None, parameters)
    } else if let Some(parameters) = topic.strip_prefix(TWIN_DESIRED) {
        (Path::DesiredChanged, None, parameters)
    } else {
        let (code, parameters) = code(topic, topic.strip_prefix(TWIN_REPLY))?;
        (Path::Reply(None), Some(code), parameters)
    };
    let Parameters { request, version } = read_parameters(topic, parameters)?;
    let fields = Fields { request, version, code, status: code.map(from_http), ..Fields::default() };
    Ok(Envelope { fields, ..bare(path, publish) })
}

/// What follows the own name in a topic that begins with one.
fn behind_own<'a>(identity: Identity<'_>, topic: &'a str, rest: &'a str) -> Result<&'a str, DecodeError> {
    own(identity, rest, after_name)
        .map_err(|at| DecodeError { place: place(topic, at), kind: DecodeErrorKind::WrongDevice })
}

#[inline]
fn with_properties<'a>(path: Path<'a>, tail: &'a str, publish: &Publish<'a>) -> Envelope<'a> {
    // Documents show a question mark before the properties, and two clients write a slash behind them.
    let tail = tail.strip_prefix("?").unwrap_or(tail);
    let tail = tail.strip_suffix("/").unwrap_or(tail);
    Envelope { properties: Properties::from_tail(tail, &READING), ..bare(path, publish) }
}

#[inline]
fn bare<'a>(path: Path<'a>, publish: &Publish<'a>) -> Envelope<'a> {
    Envelope { qos: publish.qos, retain: publish.retain, ..Envelope::new(path, publish.payload) }
}

/// What follows the own name; otherwise the part where another name stands. `after` takes a name off.
fn own<'t>(
    identity: Identity<'_>,
    rest: &'t str,
    after: fn(&'t str, &str) -> Option<&'t str>,
) -> Result<&'t str, &'t str> {
    let behind = after(rest, identity.device.as_str()).ok_or(rest)?;
    match (identity.module, behind.strip_prefix("modules/")) {
        (None, None) => Ok(behind),
        (Some(module), Some(name)) => after(name, module.as_str()).ok_or(name),
        (None, Some(_)) | (Some(_), None) => Err(behind),
    }
}

/// What follows a name and the slash behind it.
fn after_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let behind = text.strip_prefix(name)?;
    if behind.is_empty() { Some(behind) } else { behind.strip_prefix("/") }
}

/// The number of an answer, and what follows it.
fn code<'a>(topic: &str, rest: Option<&'a str>) -> Result<(i32, &'a str), DecodeError> {
    let (text, parameters) = rest.and_then(|rest| cut(rest, b'/')).ok_or(unknown())?;
    Ok((signed(text).ok_or(bad(topic, text, Field::Status))?, parameters))
}

struct Parameters<'a> {
    request: Option<RequestRef<'a>>,
    version: Option<u64>,
}

fn read_parameters<'a>(topic: &str, parameters: &'a str) -> Result<Parameters<'a>, DecodeError> {
    let mut found = Parameters { request: None, version: None };
    let Some(list) = parameters.strip_prefix("?") else {
        return if parameters.is_empty() { Ok(found) } else { Err(unknown()) };
    };
    for (name, value) in pairs(list) {
        if is_called(name, REQUEST_ID) {
            // What could not be sent back is no request.
            let request = RequestRef::new(value.as_bytes()).filter(RequestRef::is_word);
            found.request = Some(request.ok_or(bad(topic, value, Field::RequestId))?);
        } else if is_called(name, VERSION) {
            found.version = Some(number(value).ok_or(bad(topic, value, Field::Version))?);
        }
        // Other parameters may be added to the protocol at any time and mean nothing here.
    }
    Ok(found)
}

/// Most clients escape nothing in a name.
#[inline]
fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || (word::find(name.as_bytes(), b'%').is_some() && Text::percent_encoded(name) == wanted)
}

pub(super) fn seal(
    identity: Identity<'_>,
    envelope: &Envelope<'_>,
    out: &mut Writer<'_>,
) -> Result<usize, EncodeError> {
    let fields = &envelope.fields;
    if fields.content.media_type.is_some() || fields.content.encoding.is_some() {
        return Err(EncodeError::NotExpressible);
    }
    match envelope.path {
        Path::Telemetry => {
            put_own(identity, out)?;
            out.put_str(EVENTS);
            out.put_str("/");
            put_properties(envelope.properties, true, out)?;
        }
        Path::Command => {
            put_own(identity, out)?;
            out.put_str(COMMANDS);
            put_command_properties(identity, envelope.properties, out)?;
        }
        Path::Input(name) => {
            if identity.module.is_none() {
                return Err(EncodeError::NotExpressible);
            }
            if name.is_empty() {
                return Err(EncodeError::BadValue(Field::InputName));
            }
            put_own(identity, out)?;
            out.put_str(INPUTS);
            out.put_encoded(name);
            out.put_str("/");
            put_properties(envelope.properties, true, out)?;
        }
        Path::Method(name) => {
            if !name::is_method(name) {
                return Err(EncodeError::BadValue(Field::MethodName));
            }
            out.put_str(METHOD);
            out.put_str(name);
            out.put_byte(b'/');
            put_parameters(fields.request, None, out)?;
        }
        Path::TwinGet(TwinPart::Desired | TwinPart::Reported) => return Err(EncodeError::NotExpressible),
        Path::TwinGet(TwinPart::Whole) => {
            out.put_str(TWIN_GET);
            put_parameters(fields.request, None, out)?;
        }
        Path::TwinPatch => {
            out.put_str(TWIN_PATCH);
            put_parameters(fields.request, fields.if_version, out)?;
        }
        Path::DesiredChanged => {
            out.put_str(TWIN_DESIRED);
            put_parameters(None, fields.version, out)?;
        }
        Path::Reply(None) => return Err(EncodeError::NotExpressible),
        Path::Reply(Some(operation)) => seal_reply(operation, fields, out)?,
    }
    Ok(out.len())
}

fn seal_reply(
    operation: Operation<'_>,
    fields: &Fields<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let status = fields.status.unwrap_or(Status::SUCCESS);
    let done = |code| if status == Status::SUCCESS { code } else { i32::from(http(status)) };
    match operation {
        Operation::Method(_) => {
            // A device has no other way to say that it cannot than a number of its own.
            let code = fields.code.or(status.is_success().then_some(200));
            // Clients take everything behind the request id for a part of it.
            if fields.version.is_some() {
                return Err(EncodeError::NotExpressible);
            }
            out.put_str(METHOD_REPLY);
            put_signed(code.ok_or(EncodeError::NotExpressible)?, out);
        }
        Operation::TwinGet | Operation::TwinPatch => {
            let code = fields.code.unwrap_or(match operation {
                Operation::TwinPatch => done(204),
                Operation::TwinGet | Operation::Method(_) => done(200),
            });
            // One client reads exactly three digits.
            if !(100..=999).contains(&code) {
                return Err(EncodeError::BadValue(Field::Status));
            }
            out.put_str(TWIN_REPLY);
            put_signed(code, out);
        }
    }
    out.put_byte(b'/');
    put_parameters(fields.request, fields.version, out)
}

/// Names may contain MQTT's wildcards, topics may not: such a device has its twin and methods, and no messages.
fn put_own(identity: Identity<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    let module = identity.module.map_or("", ModuleId::as_str);
    if has_wildcard(identity.device.as_str()) || has_wildcard(module) {
        return Err(EncodeError::NotExpressible);
    }
    out.put_str("devices/");
    out.put_str(identity.device.as_str());
    if let Some(module) = identity.module {
        out.put_str("/modules/");
        out.put_str(module.as_str());
    }
    out.put_byte(b'/');
    Ok(())
}

/// The request id stands first, because clients take everything behind it up to the next parameter.
fn put_parameters(
    request: Option<RequestRef<'_>>,
    version: Option<u64>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    out.put_byte(b'?');
    if let Some(request) = request {
        if !request.is_word() {
            return Err(EncodeError::BadValue(Field::RequestId));
        }
        out.put_str(REQUEST_ID);
        out.put_str("=");
        out.put(request.as_bytes());
    }
    if let Some(version) = version {
        if request.is_some() {
            out.put_byte(b'&');
        }
        out.put_str(VERSION);
        out.put_str("=");
        out.put_number(version);
    }
    Ok(())
}

fn put_properties(
    properties: Properties<'_>,
    mut first: bool,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    for property in properties.iter() {
        if !first {
            out.put_byte(b'&');
        }
        first = false;
        match property.name {
            Name::System(name) => {
                out.put_encoded(spelling(name).ok_or(EncodeError::NotExpressible)?);
            }
            // It would arrive as what it is not.
            Name::Application(name) if system_property(name).is_some() => {
                return Err(EncodeError::NotExpressible);
            }
            Name::Application(name) => out.put_encoded(name),
        }
        out.put_byte(b'=');
        out.put_encoded(property.value);
    }
    Ok(())
}

/// A command always says whom it is for: one client cannot read a topic that ends before its properties.
fn put_command_properties(
    identity: Identity<'_>,
    properties: Properties<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let addressed = properties.system(SystemProperty::To).is_some();
    if !addressed {
        out.put_encoded(TO);
        out.put_str("=");
        let parts = ["/devices/", identity.device.as_str()];
        let module = identity.module.map_or(["", ""], |module| ["/modules/", module.as_str()]);
        for part in parts.into_iter().chain(module).chain(["/messages/devicebound"]) {
            out.put_encoded(part);
        }
    }
    put_properties(properties, addressed, out)
}

/// The name of a property, if it has one in this dialect.
pub(super) fn spelling(name: SystemProperty) -> Option<&'static str> {
    NAMES.iter().find(|(each, _)| *each == name).map(|(_, spelling)| *spelling)
}

pub(super) const READING: Reading = Reading {
    next: |wire| wire.next_of_list(property_name),
    next_back: Some(|wire| wire.last_of_list(property_name)),
};

/// Names that no table has are the application's.
fn property_name(name: Text<'_>) -> Name<'_> {
    system_property(name).map_or(Name::Application(name), Name::System)
}

fn system_property(name: Text<'_>) -> Option<SystemProperty> {
    let raw = name.raw();
    if !matches!(raw.as_bytes(), [b'$' | b'%' | b'i', ..]) {
        return None;
    }
    let named = |is: &dyn Fn(&str) -> bool| NAMES.iter().find(|row| is(row.1)).map(|row| row.0);
    let escaped = raw.strip_prefix("%24").filter(|stem| word::find(stem.as_bytes(), b'%').is_none());
    match (name.as_str(), escaped) {
        (Some(plain), _) => named(&|spelling| spelling == plain),
        (None, Some(stem)) => named(&|spelling| spelling.strip_prefix("$") == Some(stem)),
        // Other characters may be escaped, too.
        (None, None) => named(&|spelling| name == spelling),
    }
}

fn has_wildcard(name: &str) -> bool {
    word::find(name.as_bytes(), b'+').is_some() || word::find(name.as_bytes(), b'#').is_some()
}

/// The number of HTTP that says the same.
pub(crate) const fn http(status: Status) -> u16 {
    match status {
        Status::NOT_MODIFIED => 304,
        Status::BAD_REQUEST => 400,
        Status::NOT_AUTHORIZED => 401,
        Status::QUOTA_EXCEEDED | Status::RESOURCE_EXHAUSTED => 403,
        Status::NOT_FOUND | Status::TARGET_UNAVAILABLE => 404,
        Status::NOT_ALLOWED => 405,
        Status::CONFLICT => 409,
        Status::PRECONDITION_FAILED => 412,
        Status::THROTTLED => 429,
        Status::TARGET_FAILED => 502,
        Status::SERVER_BUSY => 503,
        Status::TIMEOUT | Status::TARGET_TIMEOUT => 504,
        _ if status.is_success() => 200,
        _ if status.is_client_error() => 400,
        _ => 500,
    }
}

/// The status that a number of HTTP says.
const fn from_http(code: i32) -> Status {
    match code {
        200..=299 => Status::SUCCESS,
        304 => Status::NOT_MODIFIED,
        401 => Status::NOT_AUTHORIZED,
        403 => Status::QUOTA_EXCEEDED,
        404 => Status::NOT_FOUND,
        405 => Status::NOT_ALLOWED,
        409 => Status::CONFLICT,
        412 => Status::PRECONDITION_FAILED,
        429 => Status::THROTTLED,
        400..=499 => Status::BAD_REQUEST,
        503 => Status::SERVER_BUSY,
        504 => Status::TIMEOUT,
        _ => Status::SERVER_ERROR,
    }
}

/// A number as it stands in a topic. Whatever else is encoded, numbers are not.
pub(super) fn number(text: &str) -> Option<u64> {
    decimal(Text::plain(text))
}

/// The same, perhaps with a minus in front.
fn signed(text: &str) -> Option<i32> {
    let number = |text| number(text).and_then(|number| i64::try_from(number).ok());
    let signed = match text.strip_prefix("-") {
        Some(digits) => number(digits).map(i64::wrapping_neg),
        None => number(text),
    };
    i32::try_from(signed?).ok()
}

fn put_signed(number: i32, out: &mut Writer<'_>) {
    if number < 0 {
        out.put_byte(b'-');
    }
    out.put_number(u64::from(number.unsigned_abs()));
}

fn place(topic: &str, part: &str) -> Place {
    Place::Topic(offset(topic, part))
}

pub(super) fn bad(topic: &str, part: &str, field: Field) -> DecodeError {
    DecodeError { place: place(topic, part), kind: DecodeErrorKind::BadValue(field) }
}

pub(super) const fn unknown() -> DecodeError {
    DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic }
}
