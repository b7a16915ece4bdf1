use super::property::{APPLICATION, ROWS};
use super::{
    COMMANDS, IF_VERSION, METHOD, REASON, REQUEST_MAX, RESPONSE_CODE, RESPONSES, STATUS, TELEMETRY, TRACE_ID,
    TWIN_DESIRED, TWIN_GET, TWIN_PATCH, VERSION,
};
use crate::dialect::name;
use crate::dialect::row::{Presence, Row};
use crate::error::{EncodeError, Field};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Operation, Reply, Telemetry, TwinGet, TwinPart, TwinPatch,
};
use crate::property::{Name, Properties, Property, SystemProperty};
use crate::request::RequestId;
use crate::section::{id, put_decimal, put_text, put_user};
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

pub(crate) fn put_telemetry(telemetry: &Telemetry<'_>, out: &mut Writer<'_>) {
    // A hub of this dialect announces that it retains nothing, and closes the connection on who asks for it.
    if telemetry.retain {
        out.fail(EncodeError::NotExpressible);
    }
    put_topic(TELEMETRY, out);
    put_properties(&telemetry.properties, |row| row.telemetry, out);
}

pub(crate) fn put_command(command: &Command<'_>, out: &mut Writer<'_>) {
    put_topic(COMMANDS, out);
    put_properties(&command.properties, |row| row.command, out);
}

pub(crate) fn put_method(call: &MethodCall<'_>, out: &mut Writer<'_>) {
    if !name::is_method(call.name) {
        out.fail(EncodeError::BadValue(Field::MethodName));
    }
    out.put_str(METHOD);
    put_topic(call.name, out);
    put_request(call.request, &call.content, out);
}

pub(crate) fn put_twin_get(get: &TwinGet<'_>, out: &mut Writer<'_>) {
    if get.part != TwinPart::Whole || get.known_version.is_some() {
        out.fail(EncodeError::NotExpressible);
    }
    put_topic(TWIN_GET, out);
    put_request(get.request, &Content::JSON, out);
}

pub(crate) fn put_twin_patch(patch: &TwinPatch<'_>, out: &mut Writer<'_>) {
    put_topic(TWIN_PATCH, out);
    put_request(patch.request, &Content::JSON, out);
    if let Some(version) = patch.if_version {
        put_decimal(IF_VERSION, version, out);
    }
}

pub(crate) fn put_desired_changed(change: &DesiredChanged<'_>, out: &mut Writer<'_>) {
    put_topic(TWIN_DESIRED, out);
    put_decimal(VERSION, change.version, out);
}

pub(crate) fn put_reply(operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) {
    put_topic(RESPONSES, out);
    put_request(reply.request, &reply.content, out);
    let status = reply.status;
    match operation {
        Operation::Method(_) => {
            if let Some(code) = reply.code.or(status.is_success().then_some(200)) {
                let code = u32::try_from(code).map_err(|_| out.fail(EncodeError::BadValue(Field::Status)));
                put_decimal(RESPONSE_CODE, u64::from(code.unwrap_or_default()), out);
            }
        }
        // The number of a twin's answer is left out: the status says the same, or else is not the truth.
        Operation::TwinGet | Operation::TwinPatch => {
            if reply.code.is_some_and(|code| !status.is_http(code)) {
                out.fail(EncodeError::BadValue(Field::Status));
            }
        }
    }
    match (operation, reply.version) {
        (Operation::TwinPatch, Some(version)) if status == Status::SUCCESS => {
            put_decimal(VERSION, version, out);
        }
        (Operation::TwinPatch, None) if status == Status::SUCCESS => {
            out.fail(EncodeError::Missing(Field::Version));
        }
        (_, None) => {}
        (_, Some(_)) => out.fail(EncodeError::NotExpressible),
    }
    put_outcome(status, reply.reason, reply.trace_id, usize::MAX, out);
}

fn put_topic(topic: &str, out: &mut Writer<'_>) {
    out.put_str(topic);
    out.end_topic();
}

/// What the payload is, and which request this is or answers.
fn put_request(request: RequestId<'_>, content: &Content<'_>, out: &mut Writer<'_>) {
    // Encodings are a user property, and requests and answers have none of that name.
    if content.encoding.is_some() {
        out.fail(EncodeError::NotExpressible);
    }
    if let Some(media_type) = content.media_type {
        put_content_type(media_type, out);
    }
    if request.len() > REQUEST_MAX {
        out.fail(EncodeError::BadValue(Field::RequestId));
    }
    out.put_byte(id::CORRELATION_DATA);
    let block = out.begin_block();
    request.put(out);
    out.end_block(block);
}

/// What became of something: nothing for what was done, and at most `room` bytes for what was not. The last is left
/// out first, and what the reference does not give to the status always.
pub(super) fn put_outcome(
    status: Status,
    reason: Option<Text<'_>>,
    trace_id: Option<Text<'_>>,
    room: usize,
    out: &mut Writer<'_>,
) {
    let reason = reason.filter(|_| status.may_have_reason());
    let trace_id = trace_id.filter(|_| status.may_have_trace_id());
    if status == Status::SUCCESS {
        return;
    }
    let digit = |shift: u16| b"0123456789ABCDEF".get(usize::from(status.code() >> shift & 0xF)).copied();
    let digits = [12, 8, 4, 0].map(|shift| digit(shift).unwrap_or_default());
    let code = Text::plain(core::str::from_utf8(&digits).unwrap_or_default());
    let start = out.len();
    for (name, value) in [(STATUS, Some(code)), (REASON, reason), (TRACE_ID, trace_id)] {
        let Some(value) = value else { continue };
        let len = name.len().saturating_add(value.len()).saturating_add(5);
        if out.len().saturating_sub(start).saturating_add(len) > room {
            break;
        }
        put_user("", Text::plain(name), value, out);
    }
}

fn put_content_type(media_type: Text<'_>, out: &mut Writer<'_>) {
    out.put_byte(id::CONTENT_TYPE);
    put_text("", media_type, out);
}

fn put_properties(properties: &Properties<'_>, presence: fn(&Row) -> Presence, out: &mut Writer<'_>) {
    // A bit for each of `ROWS` that is there.
    let mut found = 0_u16;
    for Property { name, value } in properties.iter() {
        let name = match name {
            Name::Application(name) => {
                put_user(APPLICATION, name, value, out);
                continue;
            }
            Name::System(name) => name,
        };
        let known =
            ROWS.iter().zip(0..).find(|(row, _)| row.property == name && presence(row) != Presence::Never);
        let Some((row, bit)) = known.map(|(row, number)| (row, 1_u16.wrapping_shl(number))) else {
            out.fail(EncodeError::NotExpressible);
            continue;
        };
        if row.check(value).is_err() {
            out.fail(EncodeError::BadValue(Field::Property(name)));
        }
        if name != SystemProperty::ContentType {
            put_user("", Text::plain(row.name), value, out);
        } else if found & bit == 0 {
            put_content_type(value, out);
        } else {
            // MQTT has room for one.
            out.fail(EncodeError::NotExpressible);
        }
        found |= bit;
    }
    let is_missing =
        |row: &Row, bit| presence(row) == Presence::Required && found & 1_u16.wrapping_shl(bit) == 0;
    if let Some((row, _)) = ROWS.iter().zip(0..).find(|(row, bit)| is_missing(row, *bit)) {
        out.fail(EncodeError::Missing(Field::Property(row.property)));
    }
}
