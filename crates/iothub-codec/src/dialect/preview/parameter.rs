use super::Wire;
use super::fields::Fields;
use crate::dialect::row::{decimal, status};
use crate::error::Field;
use crate::text::Text;

use Parameter::{Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version};

/// What stands beside the payload of requests, replies and changes of desired properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Parameter {
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

/// In topics and in sections.
const NAMES: [(&str, &str); 9] = [
    ("rid", "Correlation Data"),
    ("v", "version"),
    ("iv", "if-version"),
    ("rc", "response-code"),
    ("s", "status"),
    ("r", "reason"),
    ("tid", "trace-id"),
    ("ct", "Content Type"),
    ("ce", ""),
];

impl Parameter {
    pub(super) const ALL: &[Self] =
        &[Request, Version, IfVersion, Code, Said, Reason, TraceId, MediaType, Encoding];

    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// What it is called in topics.
    #[cfg(feature = "preview311")]
    pub(in crate::dialect) const fn short(self) -> &'static str {
        NAMES[self as usize].0
    }

    /// What it is called as a user property; those that are none have the names of MQTT's.
    pub(in crate::dialect) const fn long(self) -> &'static str {
        NAMES[self as usize].1
    }

    pub(super) const fn name(self, wire: Wire) -> &'static str {
        match wire {
            #[cfg(feature = "preview311")]
            Wire::Topic => self.short(),
            #[cfg(feature = "preview5")]
            Wire::Section => self.long(),
        }
    }

    /// Those that answers have in common have short names in the reference, and long ones in its companion. The
    /// long ones are only read there.
    pub(super) fn is_called(self, name: Text<'_>, wire: Wire) -> bool {
        match self {
            Said | Reason | TraceId => name == self.name(wire) || name == self.long(),
            #[cfg(feature = "preview5")]
            Request | MediaType | Encoding if wire == Wire::Section => false,
            Request | Version | IfVersion | Code | MediaType | Encoding => name == self.name(wire),
        }
    }

    /// What it is called in errors.
    pub(super) const fn field(self, wire: Wire) -> Field {
        match self {
            #[cfg(feature = "preview5")]
            Request if matches!(wire, Wire::Section) => Field::CorrelationData,
            Request => Field::RequestId,
            Version | IfVersion => Field::Version,
            Code | Said | Reason | TraceId => Field::Status,
            MediaType | Encoding => Field::ContentType,
        }
    }

    /// `None` for what it cannot be. Requests are not read here: they need not be text.
    pub(super) fn read<'a>(self, value: Text<'a>, fields: &mut Fields<'a>) -> Option<()> {
        match self {
            Request => return None,
            Version => fields.reply.version = Some(decimal(value)?),
            IfVersion => fields.if_version = Some(decimal(value)?),
            // Numbers above what HTTP and the other dialects can pass on are no answer.
            Code => fields.reply.code = Some(i32::try_from(decimal(value)?).ok()?),
            Said => fields.reply.status = status(value)?,
            Reason => fields.reply.reason = Some(value),
            TraceId => fields.reply.trace_id = Some(value),
            MediaType => fields.reply.content.media_type = Some(value),
            Encoding => fields.reply.content.encoding = Some(value),
        }
        Some(())
    }
}
