//! `devices/...` and `$iothub/...` over MQTT 3.1.1.

#[cfg(any(feature = "preview311", feature = "preview5"))]
mod calls;
mod catalogue;
mod connect;
mod filters;
mod number;
mod open;
mod own;
mod property;
mod seal;
mod status;

#[cfg(any(feature = "preview311", feature = "preview5"))]
pub(super) use calls::{CALLS, SPELLINGS as CALL_SPELLINGS};
pub(super) use catalogue::OPERATIONS;
pub(super) use connect::{open_connect, put_introduction};
pub(super) use filters::{decode_filter, filters};
pub(super) use number::number;
#[cfg(any(feature = "preview311", feature = "preview5"))]
pub(super) use number::{put_signed, signed};
pub(super) use open::{open_to_device, open_to_hub};
pub(super) use property::spelling;
#[cfg(any(feature = "preview311", feature = "preview5"))]
pub(super) use seal::reply_code;
pub(super) use seal::{
    put_command, put_desired_changed, put_input, put_method, put_reply, put_telemetry, put_twin_get,
    put_twin_patch,
};
#[cfg(any(feature = "preview311", feature = "preview5"))]
pub(super) use status::from_http;
pub(crate) use status::http;

use crate::dialect::offset;
use crate::dialect::spelling::shared;
use crate::error::{DecodeError, DecodeErrorKind, Field, Place};

/// Topics without a device's name in them, up to their parameters.
const TWIN_GET: &str = "$iothub/twin/GET/";
const TWIN_PATCH: &str = "$iothub/twin/PATCH/properties/reported/";
const TWIN_DESIRED: &str = shared("$iothub/twin/PATCH/properties/desired/");
const TWIN_REPLY: &str = shared("$iothub/twin/res/");
const METHOD: &str = shared("$iothub/methods/POST/");
const METHOD_REPLY: &str = "$iothub/methods/res/";

/// In front of the name of a device.
const DEVICES: &str = "devices/";

/// What follows the name of a device or module.
const EVENTS: &str = "/messages/events";
/// The same up to the properties, as it is written.
const EVENTS_WRITTEN: &str = "/messages/events/";
const COMMANDS: &str = "/messages/devicebound/";
const INPUTS: &str = "/inputs/";

/// Their parameters.
pub(super) const REQUEST_ID: &str = "$rid";
pub(super) const VERSION: &str = "$version";
/// As clients and hubs write them: the request id, if there is one, and then the version.
const REQUEST_ID_FIRST: &str = "?$rid=";
const VERSION_FIRST: &str = "?$version=";
const VERSION_NEXT: &str = "&$version=";

/// What stands in tables, or in several places, but for what is a part of something else.
pub(super) const SPELLINGS: &str = concat!(
    "$.mid",
    "$.cid",
    "$.uid",
    "$.to",
    "$.exp",
    "$.ce",
    "$.ctime",
    "$.sub",
    "$.on",
    "$.ifid",
    "$.schema",
    "$.cdid",
    "$.cmid",
    "$.diagid",
    "$.diagctx",
    "iothub-operation",
    "iothub-ack",
    "$iothub/methods/POST/+/",
    "$iothub/twin/res/+/",
    "$iothub/twin/PATCH/properties/desired/",
);

fn place(topic: &str, part: &str) -> Place {
    Place::Topic(offset(topic, part))
}

pub(super) fn bad(topic: &str, part: &str, field: Field) -> DecodeError {
    DecodeError { place: place(topic, part), kind: DecodeErrorKind::BadValue(field) }
}

pub(super) const fn unknown() -> DecodeError {
    DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic }
}
