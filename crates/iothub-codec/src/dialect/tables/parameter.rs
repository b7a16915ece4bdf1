use super::Wire;
use crate::dialect::classic;
use crate::dialect::row::Kind;
use crate::error::Field;
use crate::section::id;

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
            Wire::Path => match self {
                Request => classic::REQUEST_ID,
                Version | IfVersion => classic::VERSION,
                Code | Said | Reason | TraceId | MediaType | Encoding => "",
            },
        }
    }

    /// The property of MQTT's own that it is, or that of all others.
    pub(super) const fn id(self, wire: Wire) -> u8 {
        match (wire, self) {
            #[cfg(feature = "preview5")]
            (Wire::Section, Request) => id::CORRELATION_DATA,
            #[cfg(feature = "preview5")]
            (Wire::Section, MediaType) => id::CONTENT_TYPE,
            _ => id::USER,
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Request | Reason | TraceId | MediaType | Encoding => Kind::Text,
            Version | IfVersion => Kind::U64,
            Code => Kind::U32,
            Said => Kind::Status,
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
}
