//! `$iothub/...` over MQTT 5: few topics, and all else in the property section.

mod ack;
mod catalogue;
mod connect;
mod filters;
mod open;
mod property;
mod seal;

pub(super) use ack::{decode_ack, encode_ack};
pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{decode_auth, encode_auth, encode_connect, open_connect};
pub(super) use filters::{decode_filter, filters};
pub(super) use open::{open_to_device, open_to_hub};
pub(super) use property::spelling;
pub(super) use seal::{
    put_command, put_desired_changed, put_method, put_reply, put_telemetry, put_twin_get, put_twin_patch,
};

use crate::text::Text;

const TELEMETRY: &str = "$iothub/telemetry";
const COMMANDS: &str = "$iothub/commands";
/// In front of the name of a method.
const METHOD: &str = "$iothub/methods/";
const TWIN_GET: &str = "$iothub/twin/get";
const TWIN_PATCH: &str = "$iothub/twin/patch/reported";
const TWIN_DESIRED: &str = "$iothub/twin/patch/desired";
/// Answers of either end.
const RESPONSES: &str = "$iothub/responses";

/// The names of user properties that are no system properties.
const STATUS: &str = "status";
const REASON: &str = "reason";
const TRACE_ID: &str = "trace-id";
const VERSION: &str = "version";
const IF_VERSION: &str = "if-version";
const RESPONSE_CODE: &str = "response-code";

/// Longest correlation data, in bytes.
const REQUEST_MAX: usize = 16;

/// The text that bytes of a section are.
fn plain(bytes: &[u8]) -> Text<'_> {
    Text::plain(crate::section::text(bytes))
}
