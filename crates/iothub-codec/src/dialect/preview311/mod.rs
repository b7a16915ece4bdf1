//! `$az/iot/...` over MQTT 3.1.1.

mod catalogue;
mod connect;
mod filters;
mod properties;

pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{is_meant, open_connect};
pub(super) use filters::decode_filter;
pub(super) use properties::spelling;

use crate::dialect::spelling::Spelling;
use crate::dialect::tables::Parameter::{
    Code, Encoding, IfVersion, MediaType, Reason, Request, Said, TraceId, Version,
};
use crate::dialect::tables::{Kind, Message, Parameter, Receiver, Row, Tables, Wire, parameters};
use Receiver::{Device, Hub};
use properties::{PROPERTIES, property_name};

/// With what every topic of this dialect begins.
const ROOT: &str = "$az/iot/";

/// What follows, up to the slash and the question mark of the properties.
const TELEMETRY: &str = "telemetry";
const COMMANDS: &str = "commands";
const METHOD: &str = "methods/+";
const METHOD_REPLY: &str = "methods/+/response";
const TWIN_GET: &str = "twin/get";
const TWIN_GET_REPORTED: &str = "twin/get/reported";
const TWIN_GET_DESIRED: &str = "twin/get/desired";
const TWIN_GET_REPLY: &str = "twin/get/response";
const TWIN_PATCH: &str = "twin/patch/reported";
const TWIN_PATCH_REPLY: &str = "twin/patch/response";
// The reference spells it with a dash in its sample, and with a slash in its table. Both are read; the sample's is
// written, to all that did not subscribe to the other.
const DESIRED: &str = "twin/events/desired-changed";
const DESIRED_SLASH: &str = "twin/events/desired/changed";

/// In front of the name of a method.
const METHODS: &str = "methods/";

pub(super) static TABLES: Tables = Tables {
    wire: Wire::Topic,
    root: Spelling::new(ROOT),
    messages: MESSAGES,
    parameters: &ROWS,
    properties: &properties::ROWS,
    naming: property_name,
    request_max: 32,
    api_version: Spelling::new(connect::API_VERSION),
    sas: Spelling::new(connect::SAS_BASE64),
    introduction: connect::INTRODUCTION,
};

/// All that stands in the tables, but for what is a part of something else.
pub(super) const SPELLINGS: &str = concat!(
    "$az/iot/",
    "twin/get/reported",
    "twin/get/desired",
    "twin/patch/response",
    "twin/events/desired-changed",
    "twin/events/desired/changed",
    "rid",
    "tid",
    "iv",
    "rc",
    "mid",
    "cid",
    "uid",
    "ct",
    "ce",
    "crt",
    "dts",
    "traceparent",
    "tracestate",
    "sn",
    "ent",
    "dc",
    "did",
    "av",
    "am",
    "se",
    "sa",
    "sp",
    "ca",
    "dtmi",
    "2021-06-30-preview",
);

/// In the order in which they are written.
const PARAMETERS: &[Parameter; 9] =
    &[Request, Code, Version, IfVersion, Said, Reason, TraceId, MediaType, Encoding];

static ROWS: [Row; 9] = parameters(Wire::Topic, *PARAMETERS);

const MESSAGES: &[Message] = &[
    Message::new(Kind::Telemetry, Hub, TELEMETRY).carrying(PROPERTIES),
    Message::new(Kind::Command, Device, COMMANDS).carrying(PROPERTIES),
    Message::new(Kind::Method, Device, METHOD).with(PARAMETERS, &[Request], &[MediaType, Encoding]),
    Message::new(Kind::MethodReply, Hub, METHOD_REPLY).with(
        PARAMETERS,
        &[Request, Code],
        &[Said, Reason, TraceId, MediaType, Encoding],
    ),
    Message::new(Kind::TwinGet, Hub, TWIN_GET).with(PARAMETERS, &[Request], &[]),
    // The reference says that a section may be found not modified, and has no parameter for the version that is known
    // already. The one of patches is taken.
    Message::new(Kind::TwinGetReported, Hub, TWIN_GET_REPORTED).with(PARAMETERS, &[Request], &[IfVersion]),
    Message::new(Kind::TwinGetDesired, Hub, TWIN_GET_DESIRED).with(PARAMETERS, &[Request], &[IfVersion]),
    Message::new(Kind::TwinGetReply, Device, TWIN_GET_REPLY).with(
        PARAMETERS,
        &[Request],
        &[Version, Said, Reason, TraceId],
    ),
    Message::new(Kind::TwinPatch, Hub, TWIN_PATCH).with(PARAMETERS, &[Request], &[IfVersion]),
    Message::new(Kind::TwinPatchReply, Device, TWIN_PATCH_REPLY).with(
        PARAMETERS,
        &[Request, Version],
        &[Said, Reason, TraceId],
    ),
    Message::new(Kind::DesiredChanged, Device, DESIRED).with(PARAMETERS, &[Version], &[]),
    Message::new(Kind::DesiredSlash, Device, DESIRED_SLASH).with(PARAMETERS, &[Version], &[]),
];
