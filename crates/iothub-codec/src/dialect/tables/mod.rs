//! Dialects that are written down as tables, one of messages and one of properties, and read and written by them.
//!
//! The previews are: the same messages with the same fields, which one writes into the topic, and the other into the
//! property section of MQTT 5. Where size counts more than time, the requests of the classic dialect, their answers, and
//! changes of desired properties are such tables, too, and nothing else of it.

mod connect;
mod fields;
mod filters;
mod message;
mod open;
mod parameter;
mod row;
mod seal;
mod wire;

pub(super) use connect::{Statement, X509};
#[cfg(feature = "preview5")]
pub(super) use connect::{put_code, put_method};
pub(super) use message::{Kind, Message, Receiver};
pub(super) use parameter::Parameter;
pub(super) use row::{Row, parameters, properties};
pub(super) use wire::{Wire, property_name};

use crate::dialect::spelling::Spelling;
use crate::property::Naming;

/// One of the previews, or the calls of the classic dialect.
pub(super) struct Tables {
    pub(super) wire: Wire,
    /// With what every topic begins.
    pub(super) root: Spelling,
    /// Of several with the same topic, the first is read.
    pub(super) messages: &'static [Message],
    /// What messages say that carry no properties.
    pub(super) parameters: &'static [Row],
    /// The system properties.
    pub(super) properties: &'static [Row],
    pub(super) naming: Naming,
    /// Longest request id, in bytes that are meant.
    pub(super) request_max: u8,
    /// What a device's CONNECT says it speaks.
    pub(super) api_version: Spelling,
    /// The authentication method of a device that signs.
    pub(super) sas: Spelling,
    /// What a CONNECT says in its list or section, as which property of MQTT's, and under which name.
    pub(super) introduction: &'static [(Statement, u8, Spelling)],
}

/// What stands in the tables of both, but for what is a part of something else.
pub(super) const SPELLINGS: &str = concat!(
    "telemetry",
    "commands",
    "methods/+/response",
    "twin/get/response",
    "twin/patch/reported",
    "status",
    "reason",
    "trace-id",
    "SASb64",
);
