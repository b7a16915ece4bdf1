//! The messages without a device's name in their topics, as tables: where size counts more than time they are read and
//! written as those of the previews are, which takes less than code of their own beside it.

use super::property::property_name;
use crate::dialect::spelling::Spelling;
use crate::dialect::tables::Parameter::{Encoding, IfVersion, MediaType, Request, Version};
use crate::dialect::tables::{Kind, Message, Parameter, Receiver, Row, Tables, Wire, parameters};
use crate::fast::FAST;
use crate::request::RequestId;
use Receiver::{Device, Hub};

/// With what every topic begins.
const ROOT: &str = "$iothub/";

/// What follows, up to the parameters, with a `+` for the name of a method or the number of an answer.
const METHOD: &str = "methods/POST/+/";
const METHOD_REPLY: &str = "methods/res/+/";
const TWIN_GET: &str = "twin/GET/";
const TWIN_PATCH: &str = "twin/PATCH/properties/reported/";
const TWIN_DESIRED: &str = "twin/PATCH/properties/desired/";
const TWIN_REPLY: &str = "twin/res/+/";

/// The tables, if they are used.
pub(in crate::dialect) const CALLS: Option<&Tables> = if FAST { None } else { Some(&TABLES) };

static TABLES: Tables = Tables {
    wire: Wire::Path,
    root: Spelling::new(ROOT),
    messages: MESSAGES,
    parameters: &ROWS,
    properties: &[],
    naming: property_name,
    request_max: RequestId::MAX_LEN as u8,
    api_version: Spelling::new(""),
    sas: Spelling::new(""),
    introduction: &[],
};

/// What stands in the tables and not in [`super::SPELLINGS`].
pub(in crate::dialect) const SPELLINGS: &str =
    concat!("methods/res/+/", "twin/GET/", "twin/PATCH/properties/reported/", "$rid", "$version");

/// In the order in which they are written. The last are in no message.
const PARAMETERS: &[Parameter; 5] = &[Request, Version, IfVersion, MediaType, Encoding];

static ROWS: [Row; 5] = parameters(Wire::Path, *PARAMETERS);

/// A version may stand in each, and must be one even where it means nothing.
const MESSAGES: &[Message] = &[
    Message::new(Kind::Method, Device, METHOD).with(PARAMETERS, &[Request], &[Version]),
    Message::new(Kind::MethodReply, Hub, METHOD_REPLY).with(PARAMETERS, &[Request], &[Version]),
    Message::new(Kind::TwinGet, Hub, TWIN_GET).with(PARAMETERS, &[Request], &[Version]),
    Message::new(Kind::TwinPatch, Hub, TWIN_PATCH).with(PARAMETERS, &[Request], &[IfVersion]),
    Message::new(Kind::TwinReply, Device, TWIN_REPLY).with(PARAMETERS, &[Request], &[Version]),
    Message::new(Kind::DesiredChanged, Device, TWIN_DESIRED).with(PARAMETERS, &[Version], &[Request]),
];
