use super::number::put_signed;
use super::own::put_own;
use super::property::{put_command_properties, put_properties};
use super::status::{http, says};
use super::{
    COMMANDS, EVENTS_WRITTEN, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID_FIRST, TWIN_DESIRED, TWIN_GET,
    TWIN_PATCH, TWIN_REPLY, VERSION_FIRST, VERSION_NEXT,
};
use crate::dialect::name;
use crate::error::{EncodeError, Field};
use crate::identity::Identity;
use crate::message::{
    Command, Content, DesiredChanged, Input, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPart,
    TwinPatch,
};
use crate::request::RequestId;
use crate::status::Status;
use crate::write::Writer;

pub(crate) fn put_telemetry(identity: Identity<'_>, telemetry: &Telemetry<'_>, out: &mut Writer<'_>) {
    put_own(identity, EVENTS_WRITTEN, out);
    put_properties(&telemetry.properties, true, out);
}

pub(crate) fn put_command(identity: Identity<'_>, command: &Command<'_>, out: &mut Writer<'_>) {
    put_own(identity, COMMANDS, out);
    put_command_properties(identity, &command.properties, out);
}

pub(crate) fn put_input(identity: Identity<'_>, input: &Input<'_>, out: &mut Writer<'_>) {
    if identity.module.is_none() {
        out.fail(EncodeError::NotExpressible);
    }
    if input.name.is_empty() {
        out.fail(EncodeError::BadValue(Field::InputName));
    }
    put_own(identity, INPUTS, out);
    out.put_encoded(input.name);
    out.put_byte(b'/');
    put_properties(&input.properties, true, out);
}

pub(crate) fn put_method(call: &MethodCall<'_>, out: &mut Writer<'_>) {
    if !name::is_method(call.name) {
        out.fail(EncodeError::BadValue(Field::MethodName));
    }
    must_be_json(&call.content, out);
    out.put_str(METHOD);
    out.put_str(call.name);
    out.put_byte(b'/');
    put_request(call.request, out);
}

pub(crate) fn put_twin_get(get: &TwinGet<'_>, out: &mut Writer<'_>) {
    if get.part != TwinPart::Whole || get.known_version.is_some() {
        out.fail(EncodeError::NotExpressible);
    }
    out.put_str(TWIN_GET);
    put_request(get.request, out);
}

pub(crate) fn put_twin_patch(patch: &TwinPatch<'_>, out: &mut Writer<'_>) {
    out.put_str(TWIN_PATCH);
    put_request(patch.request, out);
    put_version(patch.if_version, out);
}

pub(crate) fn put_desired_changed(change: &DesiredChanged<'_>, out: &mut Writer<'_>) {
    out.put_str(TWIN_DESIRED);
    out.put_str(VERSION_FIRST);
    out.put_number(change.version);
}

pub(crate) fn put_reply(operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) {
    let code = reply_code(operation, reply, out);
    out.put_str(if let Operation::Method(_) = operation { METHOD_REPLY } else { TWIN_REPLY });
    put_signed(code, out);
    out.put_byte(b'/');
    put_request(reply.request, out);
    put_version(reply.version, out);
}

/// The number of an answer, which has to say it all.
#[inline]
pub(in crate::dialect) fn reply_code(
    operation: Operation<'_>,
    reply: &Reply<'_>,
    out: &mut Writer<'_>,
) -> i32 {
    must_be_json(&reply.content, out);
    let code = match (operation, reply.status) {
        (Operation::TwinPatch, Status::SUCCESS) => 204,
        // Of a method that was done; the number of one that was not is the device's to say.
        (Operation::Method(_), _) => 200,
        (Operation::TwinGet | Operation::TwinPatch, status) => i32::from(http(status)),
    };
    let code = reply.code.unwrap_or(code);
    if let Operation::Method(_) = operation {
        // A device has no other way to say that it cannot than a number of its own. And clients take everything behind
        // the request id for a part of it.
        if reply.version.is_some() || (reply.code.is_none() && !reply.status.is_success()) {
            out.fail(EncodeError::NotExpressible);
        }
    } else if !(100..=999).contains(&code) || !says(code, reply.status) {
        // One client reads exactly three digits. And the number is all that is told of the status.
        out.fail(EncodeError::BadValue(Field::Status));
    }
    code
}

/// There is no place to say that a payload is anything else.
fn must_be_json(content: &Content<'_>, out: &mut Writer<'_>) {
    if content.media_type.is_some() || content.encoding.is_some() {
        out.fail(EncodeError::NotExpressible);
    }
}

/// It stands first, because clients take everything behind it up to the next parameter.
#[inline]
fn put_request(request: RequestId<'_>, out: &mut Writer<'_>) {
    if !request.is_word() {
        out.fail(EncodeError::BadValue(Field::RequestId));
    }
    out.put_str(REQUEST_ID_FIRST);
    request.put(None, out);
}

#[inline]
fn put_version(version: Option<u64>, out: &mut Writer<'_>) {
    if let Some(version) = version {
        out.put_str(VERSION_NEXT);
        out.put_number(version);
    }
}
