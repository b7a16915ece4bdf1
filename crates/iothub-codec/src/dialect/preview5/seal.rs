use super::property::{APPLICATION, ROWS};
use super::{
    COMMANDS, IF_VERSION, METHOD, REASON, REQUEST_MAX, RESPONSE_CODE, RESPONSES, STATUS, TELEMETRY, TRACE_ID,
    TWIN_DESIRED, TWIN_GET, TWIN_PATCH, VERSION,
};
use crate::dialect::name;
use crate::dialect::row::{Presence, Row};
use crate::error::{DecodeErrorKind, EncodeError, Field};
use crate::message::{Content, Message, Operation, Reply, Telemetry, TwinGet, TwinPart};
use crate::property::{Name, Properties, SystemProperty};
use crate::request::RequestId;
use crate::section::{id, put_decimal, put_text, put_user};
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

/// Writes the topic and then the section, and gives the length of the topic.
pub(crate) fn seal(message: Message<'_>, out: &mut Writer<'_>) -> Result<usize, EncodeError> {
    let topic_len = put_topic(message, out)?;
    match message {
        Message::Telemetry(telemetry) => put_properties(telemetry.properties, |row| row.telemetry, out)?,
        Message::Command(command) => put_properties(command.properties, |row| row.command, out)?,
        Message::DesiredChanged(change) => put_decimal(VERSION, change.version, out)?,
        Message::TwinGet(get) => put_request(get.request, Content::JSON, out)?,
        Message::Method(call) => put_request(call.request, call.content, out)?,
        Message::TwinPatch(patch) => {
            put_request(patch.request, Content::JSON, out)?;
            if let Some(version) = patch.if_version {
                put_decimal(IF_VERSION, version, out)?;
            }
        }
        Message::Reply(operation, reply) => {
            put_request(reply.request, reply.content, out)?;
            put_answer(operation, reply, out)?;
        }
        Message::Input(_) => return Err(EncodeError::NotExpressible),
    }
    Ok(topic_len)
}

fn put_topic(message: Message<'_>, out: &mut Writer<'_>) -> Result<usize, EncodeError> {
    let topic = match message {
        // A hub of this dialect announces that it retains nothing, and closes the connection on who asks for it.
        Message::Telemetry(Telemetry { retain: true, .. }) | Message::Input(_) => {
            return Err(EncodeError::NotExpressible);
        }
        Message::Telemetry(_) => TELEMETRY,
        Message::Command(_) => COMMANDS,
        Message::TwinGet(TwinGet { part: TwinPart::Whole, known_version: None, .. }) => TWIN_GET,
        Message::TwinGet(_) => return Err(EncodeError::NotExpressible),
        Message::TwinPatch(_) => TWIN_PATCH,
        Message::DesiredChanged(_) => TWIN_DESIRED,
        Message::Reply(..) => RESPONSES,
        Message::Method(call) => {
            if !name::is_method(call.name) {
                return Err(EncodeError::BadValue(Field::MethodName));
            }
            out.put_str(METHOD);
            call.name
        }
    };
    out.put_str(topic);
    Ok(out.len())
}

/// What the payload is, and which request this is or answers.
fn put_request(
    request: RequestId<'_>,
    content: Content<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    // Encodings are a user property, and requests and answers have none of that name.
    if content.encoding.is_some() {
        return Err(EncodeError::NotExpressible);
    }
    if let Some(media_type) = content.media_type {
        put_content_type(media_type, out)?;
    }
    if request.len() > REQUEST_MAX {
        return Err(EncodeError::BadValue(Field::RequestId));
    }
    out.put(&[id::CORRELATION_DATA]);
    let block = out.begin_block();
    request.put(None, out);
    out.end_block(block)
}

fn put_answer(operation: Operation<'_>, reply: &Reply<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    let status = reply.status;
    match operation {
        Operation::Method(_) => {
            if let Some(code) = reply.code.or(status.is_success().then_some(200)) {
                let code = u32::try_from(code).map_err(|_| EncodeError::BadValue(Field::Status))?;
                put_decimal(RESPONSE_CODE, u64::from(code), out)?;
            }
        }
        // The number of a twin's answer is left out: the status says the same, or else is not the truth.
        Operation::TwinGet | Operation::TwinPatch => {
            if reply.code.is_some_and(|code| !status.is_http(code)) {
                return Err(EncodeError::BadValue(Field::Status));
            }
        }
    }
    match (operation, reply.version) {
        (Operation::TwinPatch, version) if status == Status::SUCCESS => {
            put_decimal(VERSION, version.ok_or(EncodeError::Missing(Field::Version))?, out)?;
        }
        (_, None) => {}
        (_, Some(_)) => return Err(EncodeError::NotExpressible),
    }
    put_outcome(status, reply.reason, reply.trace_id, usize::MAX, out)
}

/// What became of something: nothing for what was done, and at most `room` bytes for what was not. The last is left
/// out first, and what the reference does not give to the status always.
pub(super) fn put_outcome(
    status: Status,
    reason: Option<Text<'_>>,
    trace_id: Option<Text<'_>>,
    room: usize,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let reason = reason.filter(|_| status.may_have_reason());
    let trace_id = trace_id.filter(|_| status.may_have_trace_id());
    if status == Status::SUCCESS {
        return Ok(());
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
        put_user("", Text::plain(name), value, out)?;
    }
    Ok(())
}

fn put_content_type(media_type: Text<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    out.put(&[id::CONTENT_TYPE]);
    put_text("", media_type, out)
}

fn put_properties(
    properties: Properties<'_>,
    presence: fn(&Row) -> Presence,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    // A bit for each of `ROWS` that is there.
    let mut found = 0_u16;
    for property in properties.iter() {
        let (name, value) = match property.name {
            Name::Application(name) => {
                put_user(APPLICATION, name, property.value, out)?;
                continue;
            }
            Name::System(name) => (name, property.value),
        };
        let known = ROWS.iter().zip(0..).find(|(row, _)| row.property == name);
        let (row, bit) = known
            .filter(|(row, _)| presence(row) != Presence::Never)
            .map(|(row, number)| (row, 1_u16.wrapping_shl(number)))
            .ok_or(EncodeError::NotExpressible)?;
        row.check(value).map_err(|_: DecodeErrorKind| EncodeError::BadValue(Field::Property(name)))?;
        if name != SystemProperty::ContentType {
            put_user("", Text::plain(row.name), value, out)?;
        } else if found & bit == 0 {
            put_content_type(value, out)?;
        } else {
            // MQTT has room for one.
            return Err(EncodeError::NotExpressible);
        }
        found |= bit;
    }
    let is_missing =
        |row: &Row, bit| presence(row) == Presence::Required && found & 1_u16.wrapping_shl(bit) == 0;
    match ROWS.iter().zip(0..).find(|(row, bit)| is_missing(row, *bit)) {
        Some((row, _)) => Err(EncodeError::Missing(Field::Property(row.property))),
        None => Ok(()),
    }
}
