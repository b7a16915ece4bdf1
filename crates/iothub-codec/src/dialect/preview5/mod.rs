//! `$iothub/...` over MQTT 5: few topics, and all else in the property section.

mod ack;
mod catalogue;
mod connect;
mod filters;
mod property;

pub(super) use ack::{decode_ack, encode_ack};
pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{decode_auth, encode_auth, open_connect};
pub(super) use filters::decode_filter;
pub(super) use property::spelling;

use crate::dialect::spelling::Spelling;
use crate::dialect::tables::Parameter::{
    Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version,
};
use crate::dialect::tables::{Kind, Message, Parameter, Receiver, Row, Tables, Wire, parameters};
use crate::text::Text;
use Receiver::{Device, Hub};
use property::{PROPERTIES, property_name};

/// With what every topic of this dialect begins.
const ROOT: &str = "$iothub/";

/// What follows.
const TELEMETRY: &str = "telemetry";
const COMMANDS: &str = "commands";
/// In front of the name of a method.
const METHOD: &str = "methods/";
const METHODS: &str = "methods/+";
const TWIN_GET: &str = "twin/get";
const TWIN_PATCH: &str = "twin/patch/reported";
const TWIN_DESIRED: &str = "twin/patch/desired";
/// Answers of either end.
const RESPONSES: &str = "responses";

pub(super) static TABLES: Tables = Tables {
    wire: Wire::Section,
    root: Spelling::new(ROOT),
    messages: MESSAGES,
    parameters: &ROWS,
    properties: &property::ROWS,
    naming: property_name,
    request_max: 16,
    api_version: Spelling::new(connect::VERSION),
    sas: Spelling::new(connect::SAS),
    introduction: connect::INTRODUCTION,
};

/// All that stands in the tables, but for what is a part of something else.
pub(super) const SPELLINGS: &str = concat!(
    "$iothub/",
    "twin/patch/desired",
    "responses",
    "Correlation Data",
    "Content Type",
    "response-code",
    "if-version",
    "message-id",
    "user-id",
    "correlation-id",
    "creation-time",
    "content-encoding",
    "sequence-no",
    "enqueued-time",
    "delivery-count",
    "2020-10-01-preview",
    "api-version",
    "host",
    "sas-at",
    "sas-expiry",
    "sas-policy",
    "client-agent",
);

/// In the order in which they are written. An encoding is in no message.
const PARAMETERS: &[Parameter; 9] =
    &[MediaType, Request, Code, Version, IfVersion, Said, Reason, TraceId, Encoding];

static ROWS: [Row; 9] = parameters(Wire::Section, *PARAMETERS);

const MESSAGES: &[Message] = &[
    Message::new(Kind::Telemetry, Hub, TELEMETRY).carrying(PROPERTIES),
    Message::new(Kind::Command, Device, COMMANDS).carrying(PROPERTIES),
    Message::new(Kind::Method, Device, METHODS).with(PARAMETERS, &[Request], &[MediaType]),
    Message::new(Kind::MethodReply, Hub, RESPONSES).with(
        PARAMETERS,
        &[Request, Code],
        &[Said, Reason, TraceId, MediaType],
    ),
    Message::new(Kind::TwinGet, Hub, TWIN_GET).with(PARAMETERS, &[Request], &[]),
    Message::new(Kind::TwinPatch, Hub, TWIN_PATCH).with(PARAMETERS, &[Request], &[IfVersion]),
    // What is read is no more than an answer; what is written is known to be one or the other.
    Message::new(Kind::TwinReply, Device, RESPONSES).with(
        PARAMETERS,
        &[Request],
        &[Version, Said, Reason, TraceId, MediaType],
    ),
    Message::new(Kind::TwinGetReply, Device, RESPONSES).with(
        PARAMETERS,
        &[Request],
        &[Said, Reason, TraceId, MediaType],
    ),
    Message::new(Kind::TwinPatchReply, Device, RESPONSES).with(
        PARAMETERS,
        &[Request, Version],
        &[Said, Reason, TraceId, MediaType],
    ),
    Message::new(Kind::DesiredChanged, Device, TWIN_DESIRED).with(PARAMETERS, &[Version], &[]),
];

/// The text that bytes of a section are.
fn plain(bytes: &[u8]) -> Text<'_> {
    Text::plain(crate::section::text(bytes))
}
