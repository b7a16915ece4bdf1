//! What the previews have in common: the same messages with the same fields. One writes them into the topic, and the
//! other into the property section of MQTT 5. Each is a table of messages and one of properties.

mod connect;
mod fields;
mod filters;
mod message;
mod open;
mod parameter;
mod seal;
mod wire;

pub(super) use connect::{Said, X509};
#[cfg(feature = "preview5")]
pub(super) use connect::{put_code, put_method};
pub(super) use message::{Kind, Message, Receiver};
pub(super) use parameter::Parameter;
pub(super) use wire::{Wire, property_name};

use super::row::Row;
use crate::connect::Version;
use crate::property::Naming;

/// One of the previews.
pub(super) struct Preview {
    pub(super) wire: Wire,
    /// Of several with the same topic, the first is read.
    pub(super) messages: &'static [Message],
    /// The system properties that are called by a name.
    pub(super) rows: &'static [Row],
    pub(super) naming: Naming,
    /// Longest request id, in bytes that are meant.
    pub(super) request_max: usize,
    pub(super) version: Version,
    /// What a device's CONNECT says it speaks.
    pub(super) api_version: &'static str,
    /// The authentication method of a device that signs.
    pub(super) sas: &'static str,
    /// What a CONNECT says in its list or section, and under which names.
    pub(super) introduction: &'static [(Said, &'static str)],
}
