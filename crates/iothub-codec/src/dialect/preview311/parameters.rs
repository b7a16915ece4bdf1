use super::seal::REQUEST_ID_MAX;
use super::{bad, missing, unknown};
use crate::dialect::envelope::{Fields, Path};
use crate::dialect::row::{decimal, status};
use crate::error::{DecodeError, Field};
use crate::message::{Operation, TwinPart};
use crate::pairs::pairs;
use crate::request::RequestId;
use crate::text::Text;

use Parameter::{Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version};

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

/// The parameters of a message. What a success must say, a failure need not.
struct Rows {
    required: u16,
    optional: u16,
}

const METHOD: Rows = rows_of(&[Request], &[MediaType, Encoding]);
const METHOD_REPLY: Rows = rows_of(&[Request, Code], &[Said, Reason, TraceId, MediaType, Encoding]);
const GET: Rows = rows_of(&[Request], &[]);
// The reference says that a section may be found not modified, and has no parameter for the version that is known
// already. The one of patches is taken.
const GET_SECTION: Rows = rows_of(&[Request], &[IfVersion]);
const GET_REPLY: Rows = rows_of(&[Request], &[Version, Said, Reason, TraceId]);
const PATCH: Rows = rows_of(&[Request], &[IfVersion]);
const PATCH_REPLY: Rows = rows_of(&[Request, Version], &[Said, Reason, TraceId]);
const DESIRED: Rows = rows_of(&[Version], &[]);

const fn rows_of(required: &[Parameter], optional: &[Parameter]) -> Rows {
    Rows { required: bits(required), optional: bits(optional) }
}

const fn bits(parameters: &[Parameter]) -> u16 {
    let (mut bits, mut rest) = (0, parameters);
    while let [first, after @ ..] = rest {
        bits |= first.bit();
        rest = after;
    }
    bits
}

pub(super) fn read<'a>(
    path: Path<'_>,
    topic: &'a str,
    list: &'a str,
    fields: &mut Fields<'a>,
) -> Result<(), DecodeError> {
    let Rows { required, optional } = *rows(path);
    let mut lacking = required;
    for (name, value) in pairs(list) {
        let meant = Text::percent_encoded(name);
        let parameter = Parameter::ALL.iter().find(|each| each.is_called(meant));
        let parameter = parameter.filter(|each| (required | optional) & each.bit() != 0);
        let parameter = parameter.ok_or(unknown(topic, name))?;
        let read = parameter.read(Text::percent_encoded(value), fields);
        read.ok_or(bad(topic, value, parameter.field()))?;
        lacking &= !parameter.bit();
    }
    // That nothing goes without a request id is looked after where a message is made of this.
    let is_refused = fields.status.is_some_and(|status| !status.is_success());
    match Parameter::ALL.iter().find(|each| lacking & each.bit() != 0) {
        Some(parameter) if !is_refused => Err(missing(topic, parameter.field())),
        _ => Ok(()),
    }
}

const fn rows(path: Path<'_>) -> &'static Rows {
    match path {
        Path::Method(_) => &METHOD,
        Path::TwinGet(TwinPart::Whole) => &GET,
        Path::TwinGet(TwinPart::Reported | TwinPart::Desired) => &GET_SECTION,
        Path::TwinPatch => &PATCH,
        Path::DesiredChanged => &DESIRED,
        Path::Reply(Some(Operation::Method(_))) => &METHOD_REPLY,
        Path::Reply(Some(Operation::TwinGet)) => &GET_REPLY,
        Path::Reply(Some(Operation::TwinPatch)) => &PATCH_REPLY,
        Path::Reply(None) | Path::Telemetry | Path::Command => &Rows { required: 0, optional: 0 },
    }
}

impl Parameter {
    const ALL: &[Self] = &[Request, Version, IfVersion, Code, Said, Reason, TraceId, MediaType, Encoding];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

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
}
