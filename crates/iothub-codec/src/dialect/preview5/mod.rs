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

use crate::channel::Variant;
use crate::dialect::preview::Parameter::{
    Code, IfVersion, MediaType, Reason, Request, Said, TraceId, Version,
};
use crate::dialect::preview::{Kind, Message, Preview, Receiver, Wire};
use crate::message::TwinPart;
use crate::text::Text;
use Receiver::{Device, Hub};
use property::{property_name, user_rows};

const TELEMETRY: &str = "$iothub/telemetry";
const COMMANDS: &str = "$iothub/commands";
/// In front of the name of a method.
const METHOD: &str = "$iothub/methods/";
const METHODS: &str = "$iothub/methods/+";
const TWIN_GET: &str = "$iothub/twin/get";
const TWIN_PATCH: &str = "$iothub/twin/patch/reported";
const TWIN_DESIRED: &str = "$iothub/twin/patch/desired";
/// Answers of either end.
const RESPONSES: &str = "$iothub/responses";

pub(super) static PREVIEW: Preview = Preview {
    wire: Wire::Section,
    messages: MESSAGES,
    rows: user_rows(),
    naming: property_name,
    request_max: 16,
    version: crate::connect::Version::V5,
    api_version: connect::VERSION,
    sas: connect::SAS,
    introduction: connect::INTRODUCTION,
};

const MESSAGES: &[Message] = &[
    Message::new(Kind::Telemetry, Hub, TELEMETRY).carrying(user_rows()),
    Message::new(Kind::Command, Device, COMMANDS).carrying(user_rows()),
    Message::new(Kind::Method, Device, METHODS).with(&[Request], &[MediaType]),
    Message::new(Kind::MethodReply, Hub, RESPONSES)
        .with(&[Request, Code], &[Said, Reason, TraceId, MediaType]),
    Message::new(Kind::TwinGet(TwinPart::Whole), Hub, TWIN_GET).with(&[Request], &[]),
    Message::new(Kind::TwinPatch, Hub, TWIN_PATCH).with(&[Request], &[IfVersion]),
    // What is read is no more than an answer; what is written is known to be one or the other.
    Message::new(Kind::TwinReply, Device, RESPONSES)
        .with(&[Request], &[Version, Said, Reason, TraceId, MediaType]),
    Message::new(Kind::TwinGetReply, Device, RESPONSES).with(&[Request], &[Said, Reason, TraceId, MediaType]),
    Message::new(Kind::TwinPatchReply, Device, RESPONSES)
        .with(&[Request, Version], &[Said, Reason, TraceId, MediaType]),
    Message::new(Kind::DesiredChanged(Variant::Usual), Device, TWIN_DESIRED).with(&[Version], &[]),
];

/// The text that bytes of a section are.
fn plain(bytes: &[u8]) -> Text<'_> {
    Text::plain(crate::section::text(bytes))
}
