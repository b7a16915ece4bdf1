use super::parameters::Parameter;
use super::properties::{self, Carrier};
use super::{
    COMMANDS, DESIRED, DESIRED_SLASH, METHOD_REPLY, METHODS, PLAIN, TELEMETRY, TWIN_GET, TWIN_GET_DESIRED,
    TWIN_GET_REPLY, TWIN_GET_REPORTED, TWIN_PATCH, TWIN_PATCH_REPLY,
};
use crate::channel::Variant;
use crate::dialect::name;
use crate::error::{EncodeError, Field};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPart, TwinPatch,
};
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

/// Longest request id, in bytes that are meant.
pub(super) const REQUEST_ID_MAX: usize = 32;

pub(crate) fn put_telemetry(telemetry: &Telemetry<'_>, out: &mut Writer<'_>) {
    if telemetry.retain {
        out.fail(EncodeError::NotExpressible);
    }
    put_topic(TELEMETRY, out);
    properties::put(Carrier::Telemetry, &telemetry.properties, out);
}

pub(crate) fn put_command(command: &Command<'_>, out: &mut Writer<'_>) {
    put_topic(COMMANDS, out);
    properties::put(Carrier::Command, &command.properties, out);
}

pub(crate) fn put_method(call: &MethodCall<'_>, out: &mut Writer<'_>) {
    put_method_name(call.name, out);
    put_topic("", out);
    put_request(call.request, out);
    put_content(&call.content, out);
}

pub(crate) fn put_twin_get(get: &TwinGet<'_>, out: &mut Writer<'_>) {
    let topic = match get.part {
        TwinPart::Whole => TWIN_GET,
        TwinPart::Reported => TWIN_GET_REPORTED,
        TwinPart::Desired => TWIN_GET_DESIRED,
    };
    if get.part == TwinPart::Whole && get.known_version.is_some() {
        out.fail(EncodeError::NotExpressible);
    }
    put_topic(topic, out);
    put_request(get.request, out);
    put_number(Parameter::IfVersion, get.known_version, out);
}

pub(crate) fn put_twin_patch(patch: &TwinPatch<'_>, out: &mut Writer<'_>) {
    put_topic(TWIN_PATCH, out);
    put_request(patch.request, out);
    put_number(Parameter::IfVersion, patch.if_version, out);
}

pub(crate) fn put_desired_changed(variant: Variant, change: &DesiredChanged<'_>, out: &mut Writer<'_>) {
    put_topic(if variant == Variant::DesiredSlash { DESIRED_SLASH } else { DESIRED }, out);
    out.put_str(Parameter::Version.name());
    out.put_byte(b'=');
    out.put_number(change.version);
}

pub(crate) fn put_reply(operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) {
    let status = reply.status;
    let is_json = reply.content == Content::JSON;
    match operation {
        Operation::Method(name) => {
            let code = reply.code.or(status.is_success().then_some(200));
            if reply.version.is_some() {
                out.fail(EncodeError::NotExpressible);
            }
            put_method_name(name, out);
            put_topic(METHOD_REPLY, out);
            put_request(reply.request, out);
            let code =
                code.map(|code| u64::try_from(code).map_err(|_| out.fail(BAD_STATUS)).unwrap_or_default());
            put_number(Parameter::Code, code, out);
        }
        Operation::TwinGet | Operation::TwinPatch => {
            // HTTP's number says the same as the status, or else is not the truth.
            if reply.code.is_some_and(|code| !status.is_http(code)) {
                out.fail(BAD_STATUS);
            }
            let is_patch = operation == Operation::TwinPatch;
            if !is_json {
                out.fail(EncodeError::NotExpressible);
            }
            if is_patch && status.is_success() && reply.version.is_none() {
                out.fail(EncodeError::Missing(Field::Version));
            }
            put_topic(if is_patch { TWIN_PATCH_REPLY } else { TWIN_GET_REPLY }, out);
            put_request(reply.request, out);
            put_number(Parameter::Version, reply.version, out);
        }
    }
    // What goes without saying is not said, nor what the reference does not give to the status.
    if status != Status::SUCCESS {
        put_name(Parameter::Said, out);
        out.put_hex(u32::from(status.code()), 4, b'A');
        put_text(Parameter::Reason, reply.reason.filter(|_| status.may_have_reason()), out);
        put_text(Parameter::TraceId, reply.trace_id.filter(|_| status.may_have_trace_id()), out);
    }
    put_content(&reply.content, out);
}

const BAD_STATUS: EncodeError = EncodeError::BadValue(Field::Status);

/// A topic always ends in a list of properties, perhaps an empty one: clients subscribe to filters that end in `/+`.
fn put_topic(topic: &str, out: &mut Writer<'_>) {
    out.put_str(topic);
    out.put_str("/?");
}

fn put_method_name(name: &str, out: &mut Writer<'_>) {
    if !name::is_method(name) {
        out.fail(EncodeError::BadValue(Field::MethodName));
    }
    out.put_str(METHODS);
    out.put_str(name);
}

/// It is the first parameter of all that have one.
fn put_request(request: RequestId<'_>, out: &mut Writer<'_>) {
    if request.len() > REQUEST_ID_MAX {
        out.fail(EncodeError::BadValue(Field::RequestId));
    }
    out.put_str(Parameter::Request.name());
    out.put_byte(b'=');
    request.put_encoded(PLAIN, out);
}

fn put_content(content: &Content<'_>, out: &mut Writer<'_>) {
    put_text(Parameter::MediaType, content.media_type, out);
    put_text(Parameter::Encoding, content.encoding, out);
}

fn put_number(parameter: Parameter, number: Option<u64>, out: &mut Writer<'_>) {
    if let Some(number) = number {
        put_name(parameter, out);
        out.put_number(number);
    }
}

fn put_text(parameter: Parameter, text: Option<Text<'_>>, out: &mut Writer<'_>) {
    if let Some(text) = text {
        put_name(parameter, out);
        out.put_encoded_but(PLAIN, text);
    }
}

/// Of a parameter behind others.
fn put_name(parameter: Parameter, out: &mut Writer<'_>) {
    out.put_byte(b'&');
    out.put_str(parameter.name());
    out.put_byte(b'=');
}
