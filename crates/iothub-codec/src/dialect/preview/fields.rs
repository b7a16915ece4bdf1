use super::{Kind, Message};
use crate::error::{DecodeError, DecodeErrorKind, Place};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Reply, Telemetry, ToDevice, ToHub, TwinGet, TwinPatch,
};
use crate::property::Properties;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;

/// The named parts of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    /// Of a method.
    pub(super) name: &'a str,
    pub(super) properties: Properties<'a>,
    pub(super) request: Option<RequestId<'a>>,
    pub(super) version: Option<u64>,
    /// The version that something must have, or is known to have.
    pub(super) if_version: Option<u64>,
    pub(super) status: Option<Status>,
    pub(super) code: Option<i32>,
    pub(super) content: Content<'a>,
    pub(super) reason: Option<Text<'a>>,
    pub(super) trace_id: Option<Text<'a>>,
}

impl<'a> Fields<'a> {
    /// The message that a hub receives. That everything is there that must be has been seen.
    pub(super) fn message_to_hub(
        &self,
        message: &Message,
        publish: &Publish<'a>,
    ) -> Result<ToHub<'a>, DecodeError> {
        let Publish { payload, qos, retain, .. } = *publish;
        Ok(match message.kind {
            Kind::Telemetry => {
                ToHub::Telemetry(Telemetry { payload, properties: self.properties, qos, retain })
            }
            Kind::TwinGet(part) => ToHub::TwinGet(TwinGet {
                request: self.request.ok_or(UNKNOWN)?,
                part,
                known_version: self.if_version,
            }),
            Kind::TwinPatch => ToHub::TwinPatch(TwinPatch {
                request: self.request.ok_or(UNKNOWN)?,
                patch: payload,
                if_version: self.if_version,
            }),
            Kind::MethodReply => ToHub::Reply(self.reply(payload)?),
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
        let Publish { payload, qos, .. } = *publish;
        let Self { name, properties, content, .. } = *self;
        Ok(match message.kind {
            Kind::Command => ToDevice::Command(Command { payload, properties, qos }),
            Kind::Method => {
                let request = self.request.ok_or(UNKNOWN)?;
                ToDevice::Method(MethodCall { request, name, payload, content })
            }
            Kind::DesiredChanged(_) => {
                let version = self.version.ok_or(UNKNOWN)?;
                ToDevice::DesiredChanged(DesiredChanged { version, patch: payload, qos })
            }
            Kind::TwinGetReply | Kind::TwinPatchReply | Kind::TwinReply => {
                ToDevice::Reply(self.reply(payload)?)
            }
            Kind::Telemetry | Kind::TwinGet(_) | Kind::TwinPatch | Kind::MethodReply => return Err(UNKNOWN),
        })
    }

    fn reply(&self, payload: &'a [u8]) -> Result<Reply<'a>, DecodeError> {
        Ok(Reply {
            request: self.request.ok_or(UNKNOWN)?,
            status: self.status.unwrap_or(Status::SUCCESS),
            code: self.code,
            version: self.version,
            payload,
            content: self.content,
            reason: self.reason,
            trace_id: self.trace_id,
        })
    }
}

pub(super) const UNKNOWN: DecodeError =
    DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic };
