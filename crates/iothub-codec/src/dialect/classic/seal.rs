use super::number::put_signed;
use super::own::put_own;
use super::property::{put_command_properties, put_properties};
use super::status::http;
use super::{
    COMMANDS, EVENTS, INPUTS, METHOD, METHOD_REPLY, REQUEST_ID, TWIN_DESIRED, TWIN_GET, TWIN_PATCH,
    TWIN_REPLY, VERSION,
};
use crate::dialect::name;
use crate::error::{EncodeError, Field};
use crate::identity::Identity;
use crate::message::{Content, Message, Operation, Reply, TwinGet, TwinPart};
use crate::request::RequestId;
use crate::status::Status;
use crate::write::Writer;

pub(crate) fn seal(
    identity: Identity<'_>,
    message: Message<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let (request, version) = match message {
        Message::Telemetry(telemetry) => {
            put_own(identity, EVENTS, out)?;
            out.put_byte(b'/');
            return put_properties(telemetry.properties, true, out);
        }
        Message::Command(command) => {
            put_own(identity, COMMANDS, out)?;
            return put_command_properties(identity, command.properties, out);
        }
        Message::Input(input) => {
            if identity.module.is_none() {
                return Err(EncodeError::NotExpressible);
            }
            if input.name.is_empty() {
                return Err(EncodeError::BadValue(Field::InputName));
            }
            put_own(identity, INPUTS, out)?;
            out.put_encoded(input.name);
            out.put_byte(b'/');
            return put_properties(input.properties, true, out);
        }
        Message::Method(call) => {
            if !name::is_method(call.name) {
                return Err(EncodeError::BadValue(Field::MethodName));
            }
            must_be_json(call.content)?;
            out.put_str(METHOD);
            out.put_str(call.name);
            out.put_byte(b'/');
            (Some(call.request), None)
        }
        Message::TwinGet(TwinGet { request, part: TwinPart::Whole, known_version: None }) => {
            out.put_str(TWIN_GET);
            (Some(*request), None)
        }
        Message::TwinGet(_) => return Err(EncodeError::NotExpressible),
        Message::TwinPatch(patch) => {
            out.put_str(TWIN_PATCH);
            (Some(patch.request), patch.if_version)
        }
        Message::DesiredChanged(change) => {
            out.put_str(TWIN_DESIRED);
            (None, Some(change.version))
        }
        Message::Reply(operation, reply) => {
            must_be_json(reply.content)?;
            put_reply(operation, reply, out)?;
            (Some(reply.request), reply.version)
        }
    };
    put_parameters(request, version, out)
}

/// There is no place to say that a payload is anything else.
fn must_be_json(content: Content<'_>) -> Result<(), EncodeError> {
    match content {
        Content { media_type: None, encoding: None } => Ok(()),
        Content { .. } => Err(EncodeError::NotExpressible),
    }
}

fn put_reply(operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    let status = reply.status;
    let done = |code| if status == Status::SUCCESS { code } else { i32::from(http(status)) };
    let (stem, code) = match operation {
        Operation::Method(_) => {
            // A device has no other way to say that it cannot than a number of its own. And clients take everything
            // behind the request id for a part of it.
            let code = reply.code.or(status.is_success().then_some(200)).filter(|_| reply.version.is_none());
            (METHOD_REPLY, code.ok_or(EncodeError::NotExpressible)?)
        }
        Operation::TwinGet => (TWIN_REPLY, reply.code.unwrap_or(done(200))),
        Operation::TwinPatch => (TWIN_REPLY, reply.code.unwrap_or(done(204))),
    };
    // One client reads exactly three digits.
    if stem == TWIN_REPLY && !(100..=999).contains(&code) {
        return Err(EncodeError::BadValue(Field::Status));
    }
    out.put_str(stem);
    put_signed(code, out);
    out.put_byte(b'/');
    Ok(())
}

/// The request id stands first, because clients take everything behind it up to the next parameter.
fn put_parameters(
    request: Option<RequestId<'_>>,
    version: Option<u64>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let mut separator = b'?';
    if let Some(request) = request {
        if !request.is_word() {
            return Err(EncodeError::BadValue(Field::RequestId));
        }
        put_name(separator, REQUEST_ID, out);
        request.put(None, out);
        separator = b'&';
    }
    if let Some(version) = version {
        put_name(separator, VERSION, out);
        out.put_number(version);
    }
    Ok(())
}

fn put_name(separator: u8, name: &str, out: &mut Writer<'_>) {
    out.put_byte(separator);
    out.put_str(name);
    out.put_byte(b'=');
}
