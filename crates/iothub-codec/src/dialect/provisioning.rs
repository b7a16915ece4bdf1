//! `$dps/...` over MQTT 3.1.1: the topics of the Device Provisioning Service, which is no hub.

use super::classic::{bad, number, unknown};
use super::offset;
use crate::connect::{Connect, Proof, Version};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::filters::Filters;
use crate::pairs::pairs;
use crate::provisioning::{ProvisioningReply, Register, RegistrationStatus, ToProvisioning};
use crate::publish::{Publish, Qos};
use crate::registration::{IdScope, Registration, RegistrationClaim, RegistrationId};
use crate::request::RequestId;
use crate::section::PropertySection;
use crate::text::Text;
use crate::word::cut;
use crate::write::Writer;

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/";
const STATUS: &str = "$dps/registrations/GET/iotdps-get-operationstatus/";
const REPLY: &str = "$dps/registrations/res/";
const FILTER: &str = "$dps/registrations/res/#";

/// [`FILTER`] as a SUBSCRIBE has it.
pub(crate) const FILTERS: Filters<'static> = Filters::written(b"\0\x18$dps/registrations/res/#\x01");

const REQUEST_ID: &str = "$rid";
const OPERATION_ID: &str = "operationId";
const RETRY_AFTER: &str = "retry-after";

/// What stands between scope and name in a user name and in the resource of a token.
pub(crate) const REGISTRATIONS: &str = "registrations";
const API_VERSION: &str = "2019-03-31";

pub(crate) fn seal_register<'a>(
    message: &Register<'a>,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    let mut writer = Writer::new(out);
    writer.put_str(REGISTER);
    put_request(message.request, &mut writer)?;
    publish(writer, message.payload)
}

pub(crate) fn seal_status<'b>(
    message: &RegistrationStatus<'_>,
    out: &'b mut [u8],
) -> Result<Publish<'b>, EncodeError> {
    if message.operation.is_empty() {
        return Err(EncodeError::BadValue(Field::OperationId));
    }
    let mut writer = Writer::new(out);
    writer.put_str(STATUS);
    put_request(message.request, &mut writer)?;
    writer.put_str("&");
    writer.put_str(OPERATION_ID);
    writer.put_str("=");
    writer.put_encoded(message.operation);
    publish(writer, &[])
}

pub(crate) fn seal_reply<'a>(
    message: &ProvisioningReply<'a>,
    out: &'a mut [u8],
) -> Result<Publish<'a>, EncodeError> {
    if !(100..=999).contains(&message.code) {
        return Err(EncodeError::BadValue(Field::Status));
    }
    let mut writer = Writer::new(out);
    writer.put_str(REPLY);
    writer.put_number(u64::from(message.code));
    writer.put_str("/");
    put_request(message.request, &mut writer)?;
    if let Some(seconds) = message.retry_after_s {
        writer.put_str("&");
        writer.put_str(RETRY_AFTER);
        writer.put_str("=");
        writer.put_number(u64::from(seconds));
    }
    publish(writer, message.payload)
}

pub(crate) fn open_request<'a>(publish: &Publish<'a>) -> Result<ToProvisioning<'a>, DecodeError> {
    let topic = publish.topic;
    if let Some(parameters) = topic.strip_prefix(REGISTER) {
        let Parameters { request, .. } = Parameters::read(topic, parameters)?;
        return Ok(ToProvisioning::Register(Register { request, payload: publish.payload }));
    }
    if let Some(parameters) = topic.strip_prefix(STATUS) {
        let Parameters { request, operation, .. } = Parameters::read(topic, parameters)?;
        let operation = operation.ok_or(missing(topic, Field::OperationId))?;
        return Ok(ToProvisioning::Status(RegistrationStatus { request, operation }));
    }
    Err(unknown())
}

pub(crate) fn open_reply<'a>(publish: &Publish<'a>) -> Result<ProvisioningReply<'a>, DecodeError> {
    let topic = publish.topic;
    let (code, parameters) = topic.strip_prefix(REPLY).and_then(|rest| cut(rest, b'/')).ok_or(unknown())?;
    let number: Option<u16> =
        number(code).and_then(|code| u16::try_from(code).ok()).filter(|code| (100..=999).contains(code));
    let number = number.ok_or(bad(topic, code, Field::Status))?;
    let Parameters { request, retry_after_s, .. } = Parameters::read(topic, parameters)?;
    Ok(ProvisioningReply { request, code: number, retry_after_s, payload: publish.payload })
}

pub(crate) fn open_filter(topic: &str) -> Result<(), DecodeError> {
    match topic {
        FILTER => Ok(()),
        _ => Err(DecodeError { place: Place::Filter(0), kind: DecodeErrorKind::UnknownTopic }),
    }
}

struct Parameters<'a> {
    request: RequestId<'a>,
    operation: Option<Text<'a>>,
    retry_after_s: Option<u32>,
}

impl<'a> Parameters<'a> {
    fn read(topic: &'a str, parameters: &'a str) -> Result<Self, DecodeError> {
        let list = match parameters.strip_prefix("?") {
            Some(list) => list,
            None if parameters.is_empty() => parameters,
            None => return Err(unknown()),
        };
        let mut request = None;
        let mut operation = None;
        let mut retry_after_s = None;
        for (name, value) in pairs(list) {
            let name = Text::percent_encoded(name);
            if name == REQUEST_ID {
                // What could not be sent back is no request.
                let id = RequestId::new(value.as_bytes()).filter(|id| id.is_word());
                request = Some(id.ok_or(bad(topic, value, Field::RequestId))?);
            } else if name == OPERATION_ID {
                if value.is_empty() {
                    return Err(bad(topic, value, Field::OperationId));
                }
                operation = Some(Text::percent_encoded(value));
            } else if name.raw().eq_ignore_ascii_case(RETRY_AFTER) {
                let seconds = number(value).and_then(|seconds| u32::try_from(seconds).ok());
                retry_after_s = Some(seconds.ok_or(bad(topic, value, Field::RetryAfter))?);
            }
            // Other parameters may be added to the protocol at any time and mean nothing here.
        }
        let request = request.ok_or(missing(topic, Field::RequestId))?;
        Ok(Self { request, operation, retry_after_s })
    }
}

/// The request id stands first: clients look for it there.
fn put_request(request: RequestId<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    if !request.is_word() {
        return Err(EncodeError::BadValue(Field::RequestId));
    }
    out.put_str("?");
    out.put_str(REQUEST_ID);
    out.put_str("=");
    request.put(None, out);
    Ok(())
}

/// Both ends want to know that their messages have arrived.
fn publish<'a>(mut writer: Writer<'a>, payload: &'a [u8]) -> Result<Publish<'a>, EncodeError> {
    writer.finish_publish(payload, Qos::AtLeastOnce, false)
}

pub(crate) fn encode_connect<'b>(
    registration: Registration<'_>,
    client_agent: Option<&str>,
    proof: &Proof<'b>,
    out: &'b mut [u8],
) -> Result<Connect<'b>, EncodeError> {
    let Registration { scope, id } = registration;
    let mut writer = Writer::new(out);
    let password = proof.password(&mut writer);
    writer.put_str(id.as_str());
    for part in [scope.as_str(), "/", REGISTRATIONS, "/", id.as_str(), "/api-version=", API_VERSION] {
        writer.put_str(part);
    }
    if let Some(agent) = client_agent {
        writer.put_str("&ClientVersion=");
        writer.put_encoded(agent);
    }
    writer.end_field(id.as_str().len(), Field::UserName);
    let (client_id, username) = writer.finish_str()?.split_at_checked(id.as_str().len()).unwrap_or_default();
    let properties = PropertySection::EMPTY;
    Ok(Connect { version: Version::V311, client_id, username: Some(username), password, properties })
}

pub(crate) fn open_connect<'a>(connect: &Connect<'a>) -> Result<RegistrationClaim<'a>, DecodeError> {
    let missing = |field, place| DecodeError { place, kind: DecodeErrorKind::Missing(field) };
    let username = connect.username.ok_or(missing(Field::UserName, Place::Whole))?;
    let end = Place::UserName(username.len());
    let bad = |part: &str, at: usize, field| DecodeError {
        place: Place::UserName(offset(username, part) + at),
        kind: DecodeErrorKind::BadValue(field),
    };
    let (scope, rest) = cut(username, b'/').ok_or(missing(Field::RegistrationId, end))?;
    let (word, rest) = cut(rest, b'/').ok_or(missing(Field::RegistrationId, end))?;
    if word != REGISTRATIONS {
        return Err(bad(word, 0, Field::UserName));
    }
    let (id, parameters) = cut(rest, b'/').unwrap_or((rest, ""));
    let scope = IdScope::new(scope).map_err(|error| bad(scope, error.at, Field::IdScope))?;
    let id = RegistrationId::new(id).map_err(|error| bad(id, error.at, Field::RegistrationId))?;
    if !id.as_str().eq_ignore_ascii_case(connect.client_id) {
        return Err(DecodeError { place: Place::ClientId, kind: DecodeErrorKind::WrongDevice });
    }
    // User names of hubs have a question mark in this place, and are the better known ones.
    let parameters = parameters.strip_prefix("?").unwrap_or(parameters);
    let parameter = |wanted| pairs(parameters).first(wanted).map(Text::percent_encoded);
    let proof = connect.token()?;
    Ok(RegistrationClaim {
        registration: Registration { scope, id },
        api_version: parameter("api-version"),
        client_agent: parameter("ClientVersion"),
        proof,
    })
}

const fn missing(topic: &str, field: Field) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}
