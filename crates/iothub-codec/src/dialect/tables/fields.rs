use super::{Kind, Message};
use crate::error::{DecodeError, DecodeErrorKind, Place};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Reply, Telemetry, ToDevice, ToHub, TwinGet, TwinPart,
    TwinPatch,
};
use crate::property::Properties;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;

/// The parts of a message that is being read.
pub(super) struct Fields<'a> {
    /// Of a method.
    pub(super) name: &'a str,
    pub(super) properties: Properties<'a>,
    /// One that is none, until one has been read.
    pub(super) request: RequestId<'a>,
    pub(super) version: Option<u64>,
    /// The version that something must have, or is known to have.
    pub(super) if_version: Option<u64>,
    pub(super) code: Option<i32>,
    pub(super) status: Status,
    pub(super) reason: Option<Text<'a>>,
    pub(super) trace_id: Option<Text<'a>>,
    pub(super) content: Content<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn new() -> Self {
        Self {
            name: "",
            properties: Properties::default(),
            request: RequestId::from_u32(0),
            version: None,
            if_version: None,
            code: None,
            status: Status::SUCCESS,
            reason: None,
            trace_id: None,
            content: Content::JSON,
        }
    }

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
            Kind::TwinGet => self.twin_get(TwinPart::Whole),
            Kind::TwinGetReported => self.twin_get(TwinPart::Reported),
            Kind::TwinGetDesired => self.twin_get(TwinPart::Desired),
            Kind::TwinPatch => ToHub::TwinPatch(TwinPatch {
                request: self.request,
                patch: payload,
                if_version: self.if_version,
            }),
            Kind::MethodReply => ToHub::Reply(self.reply(payload)),
            Kind::Command
            | Kind::Method
            | Kind::DesiredChanged
            | Kind::DesiredSlash
            | Kind::TwinGetReply
            | Kind::TwinPatchReply
            | Kind::TwinReply => return Err(UNKNOWN),
        })
    }

    fn twin_get(&self, part: TwinPart) -> ToHub<'a> {
        ToHub::TwinGet(TwinGet { request: self.request, part, known_version: self.if_version })
    }

    /// The message that a device receives, likewise. Each is made where it is to be, and not copied there.
    pub(super) fn message_to_device(
        &self,
        message: &Message,
        publish: &Publish<'a>,
    ) -> Result<ToDevice<'a>, DecodeError> {
        match message.kind {
            Kind::Command => self.command(publish),
            Kind::Method => self.method(publish),
            Kind::DesiredChanged | Kind::DesiredSlash => self.desired_changed(publish),
            Kind::TwinGetReply | Kind::TwinPatchReply | Kind::TwinReply => self.reply_to_device(publish),
            Kind::Telemetry
            | Kind::TwinGet
            | Kind::TwinGetReported
            | Kind::TwinGetDesired
            | Kind::TwinPatch
            | Kind::MethodReply => Err(UNKNOWN),
        }
    }

    #[inline(never)]
    fn command(&self, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
        let Publish { payload, qos, .. } = *publish;
        Ok(ToDevice::Command(Command { payload, properties: self.properties, qos }))
    }

    #[inline(never)]
    fn method(&self, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
        let mut call = MethodCall::new(self.request, self.name, publish.payload);
        call.content = self.content;
        Ok(ToDevice::Method(call))
    }

    #[inline(never)]
    fn desired_changed(&self, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
        let Publish { payload, qos, .. } = *publish;
        let version = self.version.unwrap_or_default();
        Ok(ToDevice::DesiredChanged(DesiredChanged { version, patch: payload, qos }))
    }

    #[inline(never)]
    fn reply_to_device(&self, publish: &Publish<'a>) -> Result<ToDevice<'a>, DecodeError> {
        Ok(ToDevice::Reply(self.reply(publish.payload)))
    }

    fn reply(&self, payload: &'a [u8]) -> Reply<'a> {
        let Self { request, status, code, version, content, reason, trace_id, .. } = *self;
        Reply { request, status, code, version, payload, content, reason, trace_id }
    }
}

pub(super) const UNKNOWN: DecodeError =
    DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic };
