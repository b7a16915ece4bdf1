use super::{Reason, Said, TraceId, plain};
use crate::ack::{Ack, Detail, Outcome};
use crate::dialect::row::status;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, Field, Place};
use crate::section::{PropertySection, id, put_user};
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

pub(crate) fn encode_ack<'a>(
    outcome: &Outcome<'_>,
    detail: Detail,
    out: &'a mut [u8],
) -> Result<Ack<'a>, EncodeError> {
    let Outcome { status, reason, trace_id } = *outcome;
    let room = match detail {
        Detail::ReasonCode => 0,
        Detail::UpTo(room) => room,
    };
    let mut writer = Writer::new(out);
    put_outcome(status, reason, trace_id, room, &mut writer);
    let properties = PropertySection::written(writer.finish()?);
    Ok(Ack { reason_code: status.reason_code(), properties })
}

const STATUS: &str = Said.long();
const REASON: &str = Reason.long();
const TRACE_ID: &str = TraceId.long();

/// What became of something: nothing for what was done, and at most `room` bytes for what was not. The
/// last is left out first, and what the reference does not give to the status always.
fn put_outcome(
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

/// Properties that are none of ours are passed over: nobody could be told about them.
pub(crate) fn decode_ack<'a>(ack: &Ack<'a>) -> Result<Outcome<'a>, DecodeError> {
    let bad = |place| DecodeError { place, kind: DecodeErrorKind::BadValue(Field::Status) };
    let failed = ack.reason_code >= 0x80;
    let mut outcome = Outcome::new(from_reason_code(ack.reason_code));
    let mut words = None;
    for (at, raw) in ack.properties.raw() {
        let value = plain(raw.value);
        match (raw.id, plain(raw.name).raw()) {
            (id::USER, STATUS) => {
                let status = status(value).filter(|status| status.is_success() != failed);
                outcome.status = status.ok_or(bad(Place::Properties(at)))?;
            }
            (id::USER, REASON) => outcome.reason = Some(value),
            (id::USER, TRACE_ID) => outcome.trace_id = Some(value),
            (id::REASON_STRING, _) => words = Some(value),
            _ => {}
        }
    }
    outcome.reason = outcome.reason.or(words);
    Ok(outcome)
}

/// What a reason code says by itself. Where MQTT has a code that tells nothing, trying again is allowed: a command
/// that is delivered twice is better than one that is lost.
const fn from_reason_code(code: u8) -> Status {
    match code {
        0..=0x7F => Status::SUCCESS,
        0x81 | 0x82 | 0x94 | 0x95 | 0x99 => Status::BAD_REQUEST,
        0x86 | 0x87 | 0x8A | 0x8C => Status::NOT_AUTHORIZED,
        0x88 | 0x89 | 0x8B => Status::SERVER_BUSY,
        0x8E | 0x91 => Status::CONFLICT,
        0x8F | 0x90 => Status::NOT_FOUND,
        0x93 | 0x96 | 0x9F => Status::THROTTLED,
        0x97 => Status::QUOTA_EXCEEDED,
        0x9A | 0x9B | 0x9E | 0xA1 | 0xA2 => Status::NOT_ALLOWED,
        _ => Status::SERVER_ERROR,
    }
}
