use super::{Kind, Message};
use crate::error::{DecodeError, DecodeErrorKind, Place};
use crate::message::{
    Command, DesiredChanged, MethodCall, Reply, Telemetry, ToDevice, ToHub, TwinGet, TwinPatch,
};
use crate::property::Properties;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::status::Status;

/// The parts of a message. What an answer has is most of it, and is kept as one: it need not be taken apart and put
/// together again.
pub(super) struct Fields<'a> {
    /// Of a method.
    pub(super) name: &'a str,
    pub(super) properties: Properties<'a>,
    /// The version that something must have, or is known to have.
    pub(super) if_version: Option<u64>,
    /// With a request that is none, until one has been read.
    pub(super) reply: Reply<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        let reply = Reply { payload, ..Reply::new(RequestId::from_u32(0), Status::SUCCESS) };
        Self { name: "", properties: Properties::default(), if_version: None, reply }
    }

    /// The message that a hub receives. That everything is there that must be has been seen.
    pub(super) fn message_to_hub(
        &self,
        message: &Message,
        publish: &Publish<'a>,
    ) -> Result<ToHub<'a>, DecodeError> {
        let Self { name: _, properties, if_version, reply } = self;
        let Publish { payload, qos, retain, .. } = *publish;
        Ok(match message.kind {
            Kind::Telemetry => ToHub::Telemetry(Telemetry { payload, properties: *properties, qos, retain }),
            Kind::TwinGet(part) => {
                ToHub::TwinGet(TwinGet { request: reply.request, part, known_version: *if_version })
            }
            Kind::TwinPatch => ToHub::TwinPatch(TwinPatch {
                request: reply.request,
                patch: payload,
                if_version: *if_version,
            }),
            Kind::MethodReply => ToHub::Reply(*reply),
            Kind::Command
            | Kind::Method
            | Kind::DesiredChanged(_)
            | Kind::TwinGetReply
            | Kind::TwinPatchReply
            | Kind::TwinReply => return Err(UNKNOWN),
        })
    }

    /// The message that a device receives, likewise.
    pub(super) fn message_to_device(
        &self,
        message: &Message,
        publish: &Publish<'a>,
    ) -> Result<ToDevice<'a>, DecodeError> {
        let Self { name, properties, if_version: _, reply } = self;
        let Publish { payload, qos, .. } = *publish;
        Ok(match message.kind {
            Kind::Command => ToDevice::Command(Command { payload, properties: *properties, qos }),
            Kind::Method => {
                ToDevice::Method(MethodCall { request: reply.request, name, payload, content: reply.content })
            }
            Kind::DesiredChanged(_) => ToDevice::DesiredChanged(DesiredChanged {
                version: reply.version.unwrap_or_default(),
                patch: payload,
                qos,
            }),
            Kind::TwinGetReply | Kind::TwinPatchReply | Kind::TwinReply => ToDevice::Reply(*reply),
            Kind::Telemetry | Kind::TwinGet(_) | Kind::TwinPatch | Kind::MethodReply => return Err(UNKNOWN),
        })
    }
}

pub(super) const UNKNOWN: DecodeError =
    DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic };
