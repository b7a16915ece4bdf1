use super::property::{APPLICATION, ROWS};
use super::{
    COMMANDS, IF_VERSION, METHOD, REASON, REQUEST_MAX, RESPONSE_CODE, RESPONSES, STATUS, TELEMETRY, TRACE_ID,
    TWIN_DESIRED, TWIN_GET, TWIN_PATCH, VERSION,
};
use crate::dialect::name;
use crate::dialect::row::{Presence, Row};
use crate::envelope::{Envelope, Fields, Path};
use crate::error::{DecodeErrorKind, EncodeError, Field};
use crate::message::{Operation, TwinPart};
use crate::property::{Name, Properties, SystemProperty};
use crate::section::{id, put_bytes, put_decimal, put_text, put_user};
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

/// Writes the topic and then the section, and gives the length of the topic.
pub(crate) fn seal(envelope: &Envelope<'_>, out: &mut Writer<'_>) -> Result<usize, EncodeError> {
    // A hub of this dialect announces that it retains nothing, and closes the connection on who asks for it.
    if envelope.retain {
        return Err(EncodeError::NotExpressible);
    }
    put_topic(envelope, out)?;
    let topic_len = out.len();
    let fields = &envelope.fields;
    match envelope.path {
        Path::Telemetry => put_properties(envelope.properties, |row| row.telemetry, out)?,
        Path::Command => put_properties(envelope.properties, |row| row.command, out)?,
        Path::DesiredChanged => put_version(fields, out)?,
        Path::TwinGet(_) | Path::Method(_) => put_request(fields, out)?,
        Path::TwinPatch => {
            put_request(fields, out)?;
            if let Some(version) = fields.if_version {
                put_decimal(IF_VERSION, version, out)?;
            }
        }
        Path::Reply(operation) => {
            put_request(fields, out)?;
            put_answer(operation.ok_or(EncodeError::NotExpressible)?, fields, out)?;
        }
        Path::Input(_) => return Err(EncodeError::NotExpressible),
    }
    Ok(topic_len)
}

fn put_topic(envelope: &Envelope<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    let topic = match envelope.path {
        Path::Telemetry => TELEMETRY,
        Path::Command => COMMANDS,
        Path::TwinGet(TwinPart::Whole) if envelope.fields.if_version.is_none() => TWIN_GET,
        Path::TwinGet(_) | Path::Input(_) => return Err(EncodeError::NotExpressible),
        Path::TwinPatch => TWIN_PATCH,
        Path::DesiredChanged => TWIN_DESIRED,
        Path::Reply(_) => RESPONSES,
        Path::Method(name) if !name::is_method(name) => {
            return Err(EncodeError::BadValue(Field::MethodName));
        }
        Path::Method(_) => METHOD,
    };
    out.put_str(topic);
    if let Path::Method(name) = envelope.path {
        out.put_str(name);
    }
    Ok(())
}

/// What the payload is, and which request this is or answers.
fn put_request(fields: &Fields<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    // Encodings are a user property, and requests and answers have none of that name.
    if fields.content.encoding.is_some() {
        return Err(EncodeError::NotExpressible);
    }
    if let Some(media_type) = fields.content.media_type {
        put_content_type(media_type, out)?;
    }
    let request = fields.request.ok_or(EncodeError::Missing(Field::RequestId))?;
    if request.as_bytes().len() > REQUEST_MAX {
        return Err(EncodeError::BadValue(Field::RequestId));
    }
    out.put(&[id::CORRELATION_DATA]);
    put_bytes(request.as_bytes(), out)
}

fn put_version(fields: &Fields<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    put_decimal(VERSION, fields.version.ok_or(EncodeError::Missing(Field::Version))?, out)
}

fn put_answer(
    operation: Operation<'_>,
    fields: &Fields<'_>,
    out: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let status = fields.status.unwrap_or(Status::SUCCESS);
    match operation {
        Operation::Method(_) => {
            if let Some(code) = fields.code.or(status.is_success().then_some(200)) {
                let code = u32::try_from(code).map_err(|_| EncodeError::BadValue(Field::Status))?;
                put_decimal(RESPONSE_CODE, u64::from(code), out)?;
            }
        }
        // The number of a twin's answer is left out: the status says the same, or else is not the truth.
        Operation::TwinGet | Operation::TwinPatch => {
            if fields.code.is_some_and(|code| !status.is_http(code)) {
                return Err(EncodeError::BadValue(Field::Status));
            }
        }
    }
    match (operation, fields.version) {
        (Operation::TwinPatch, _) if status == Status::SUCCESS => put_version(fields, out)?,
        (_, None) => {}
        (_, Some(_)) => return Err(EncodeError::NotExpressible),
    }
    put_outcome(status, fields.reason, fields.trace_id, usize::MAX, out)
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
