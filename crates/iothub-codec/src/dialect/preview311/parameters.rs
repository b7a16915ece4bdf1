use super::{PLAIN, bad, missing, unknown};
use crate::dialect::envelope::{Fields, Path};
use crate::dialect::row::{Presence, decimal};
use crate::error::{DecodeError, EncodeError, Field};
use crate::message::{Operation, TwinPart};
use crate::pairs::pairs;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;
use crate::write::Writer;

use Parameter::{Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version};
use Presence::{Optional, Required};

/// What stands in the topics of requests, replies and changes of desired properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Request,
    Version,
    IfVersion,
    Code,
    /// The status of an answer. Of a success nothing is said.
    Said,
    Reason,
    TraceId,
    MediaType,
    Encoding,
}

/// The parameters of a message, in the order in which they are written. What a success must say, a failure need not.
type Rows = &'static [(Parameter, Presence)];

const METHOD: Rows = &[(Request, Required), (MediaType, Optional), (Encoding, Optional)];
const METHOD_REPLY: Rows = &[
    (Request, Required),
    (Code, Required),
    (Said, Optional),
    (Reason, Optional),
    (TraceId, Optional),
    (MediaType, Optional),
    (Encoding, Optional),
];
const GET: Rows = &[(Request, Required)];
// The reference says that a section may be found not modified, and has no parameter for the version that is known
// already. The one of patches is taken.
const GET_SECTION: Rows = &[(Request, Required), (IfVersion, Optional)];
const GET_REPLY: Rows =
    &[(Request, Required), (Version, Optional), (Said, Optional), (Reason, Optional), (TraceId, Optional)];
const PATCH: Rows = &[(Request, Required), (IfVersion, Optional)];
const PATCH_REPLY: Rows =
    &[(Request, Required), (Version, Required), (Said, Optional), (Reason, Optional), (TraceId, Optional)];
const DESIRED: Rows = &[(Version, Required)];

/// Longest request id, in bytes that are meant.
const REQUEST_ID_MAX: usize = 32;

pub(super) fn read<'a>(path: Path<'_>, topic: &'a str, list: &'a str) -> Result<Fields<'a>, DecodeError> {
    let rows = rows(path);
    let mut fields = Fields::default();
    for (name, value) in pairs(list) {
        let meant = Text::percent_encoded(name);
        let (parameter, _) =
            rows.iter().find(|(parameter, _)| parameter.is_called(meant)).ok_or(unknown(topic, name))?;
        parameter.read(Text::percent_encoded(value), &mut fields).ok_or(bad(
            topic,
            value,
            parameter.field(),
        ))?;
    }
    lacking(path, &fields).map_or(Ok(fields), |parameter| Err(missing(topic, parameter.field())))
}

pub(super) fn put(path: Path<'_>, mut fields: Fields<'_>, out: &mut Writer<'_>) -> Result<(), EncodeError> {
    if let Path::Reply(Some(operation)) = path {
        as_answer(operation, &mut fields)?;
    }
    let fields = &fields;
    let rows = rows(path);
    let has_row = |parameter: &Parameter| rows.iter().any(|(each, _)| each == parameter);
    if Parameter::ALL.iter().any(|each| each.value(fields).is_some() && !has_row(each)) {
        return Err(EncodeError::NotExpressible);
    }
    if let Some(parameter) = lacking(path, fields) {
        return Err(EncodeError::Missing(parameter.field()));
    }
    let mut separator = "";
    for (parameter, _) in rows {
        let Some(value) = parameter.value(fields) else { continue };
        out.put_str(separator);
        separator = "&";
        out.put_str(parameter.name());
        out.put_str("=");
        value.put(out).ok_or(EncodeError::BadValue(parameter.field()))?;
    }
    Ok(())
}

/// What an answer says, without what goes without saying, and without what the reference does not give to its status.
fn as_answer(operation: Operation<'_>, fields: &mut Fields<'_>) -> Result<(), EncodeError> {
    let status = fields.status.unwrap_or(Status::SUCCESS);
    fields.code = match operation {
        Operation::Method(_) => fields.code.or(status.is_success().then_some(200)),
        Operation::TwinGet | Operation::TwinPatch => {
            // HTTP's number says the same as the status, or else is not the truth.
            if fields.code.is_some_and(|code| !status.is_http(code)) {
                return Err(EncodeError::BadValue(Field::Status));
            }
            None
        }
    };
    fields.status = (status != Status::SUCCESS).then_some(status);
    fields.reason = fields.reason.filter(|_| status.may_have_reason());
    fields.trace_id = fields.trace_id.filter(|_| status.may_have_trace_id());
    Ok(())
}

const fn rows(path: Path<'_>) -> Rows {
    match path {
        Path::Method(_) => METHOD,
        Path::TwinGet(TwinPart::Whole) => GET,
        Path::TwinGet(TwinPart::Reported | TwinPart::Desired) => GET_SECTION,
        Path::TwinPatch => PATCH,
        Path::DesiredChanged => DESIRED,
        Path::Reply(Some(Operation::Method(_))) => METHOD_REPLY,
        Path::Reply(Some(Operation::TwinGet)) => GET_REPLY,
        Path::Reply(Some(Operation::TwinPatch)) => PATCH_REPLY,
        Path::Reply(None) | Path::Telemetry | Path::Command => &[],
    }
}

/// The first parameter that must be there and is not.
fn lacking(path: Path<'_>, fields: &Fields<'_>) -> Option<Parameter> {
    let is_refused = fields.status.is_some_and(|status| !status.is_success());
    // That nothing goes without a request id is looked after where a message is made of this.
    let is_needed = |presence| presence == Required && !is_refused;
    rows(path)
        .iter()
        .find(|(each, presence)| is_needed(*presence) && each.value(fields).is_none())
        .map(|(parameter, _)| *parameter)
}

impl Parameter {
    const ALL: &[Self] = &[Request, Version, IfVersion, Code, Said, Reason, TraceId, MediaType, Encoding];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Request => "rid",
            Version => "v",
            IfVersion => "iv",
            Code => "rc",
            Said => "s",
            Reason => "r",
            TraceId => "tid",
            MediaType => "ct",
            Encoding => "ce",
        }
    }

    /// Those that answers have in common have short names in the reference, and long ones in its companion. The
    /// long ones are only read.
    fn is_called(self, name: Text<'_>) -> bool {
        name == self.name()
            || match self {
                Said => name == "status",
                Reason => name == "reason",
                TraceId => name == "trace-id",
                Request | Version | IfVersion | Code | MediaType | Encoding => false,
            }
    }

    /// What it is called in errors.
    const fn field(self) -> Field {
        match self {
            Request => Field::RequestId,
            Version | IfVersion => Field::Version,
            Code | Said | Reason | TraceId => Field::Status,
            MediaType | Encoding => Field::ContentType,
        }
    }

    /// `None` for what it cannot be.
    fn read<'a>(self, value: Text<'a>, fields: &mut Fields<'a>) -> Option<()> {
        match self {
            Request => {
                fields.request = Some(RequestId::encoded(value, REQUEST_ID_MAX)?);
            }
            Version => fields.version = Some(decimal(value)?),
            IfVersion => fields.if_version = Some(decimal(value)?),
            Code => fields.code = Some(i32::try_from(decimal(value)?).ok()?),
            Said => fields.status = Some(status(value)?),
            Reason => fields.reason = Some(value),
            TraceId => fields.trace_id = Some(value),
            MediaType => fields.content.media_type = Some(value),
            Encoding => fields.content.encoding = Some(value),
        }
        Some(())
    }

    fn value<'a>(self, fields: &'a Fields<'_>) -> Option<Value<'a>> {
        match self {
            Request => fields.request.map(Value::Request),
            Version => fields.version.map(Value::Number),
            IfVersion => fields.if_version.map(Value::Number),
            Code => fields.code.map(Value::Code),
            Said => fields.status.map(Value::Status),
            Reason => fields.reason.map(Value::Text),
            TraceId => fields.trace_id.map(Value::Text),
            MediaType => fields.content.media_type.map(Value::Text),
            Encoding => fields.content.encoding.map(Value::Text),
        }
    }
}

/// What a parameter says.
enum Value<'a> {
    Request(RequestId<'a>),
    Number(u64),
    Code(i32),
    Status(Status),
    Text(Text<'a>),
}

impl Value<'_> {
    /// `None` for what cannot be said.
    fn put(self, out: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Request(id) => {
                if id.len() > REQUEST_ID_MAX {
                    return None;
                }
                id.put(Some(PLAIN), out);
            }
            Self::Number(number) => out.put_number(number),
            Self::Code(code) => out.put_number(u64::try_from(code).ok()?),
            Self::Status(status) => out.put_hex(status.code()),
            Self::Text(text) => out.put_encoded_but(PLAIN, text),
        }
        Some(())
    }
}

/// Four hex digits.
fn status(text: Text<'_>) -> Option<Status> {
    let mut digits = text.bytes();
    let mut digit = || char::from(digits.next()?).to_digit(16);
    let code = [digit()?, digit()?, digit()?, digit()?].into_iter().fold(0, |code, digit| code << 4 | digit);
    match digits.next() {
        None => u16::try_from(code).ok().map(Status::from_code),
        Some(_) => None,
    }
}
