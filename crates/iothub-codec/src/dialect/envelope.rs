use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{
    Command, Content, DesiredChanged, MethodCall, Operation, Reply, Telemetry, ToDevice, ToHub, TwinGet,
    TwinPart, TwinPatch,
};
use crate::property::Properties;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::status::Status;
use crate::text::Text;

/// What the previews agree on: which of their tables belongs to a message. What stands in the rows of it are [`Fields`].
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) path: Path<'a>,
    pub(crate) properties: Properties<'a>,
}

/// Which operation, and in which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path<'a> {
    Telemetry,
    Command,
    Method(&'a str),
    TwinGet(TwinPart),
    TwinPatch,
    DesiredChanged,
    /// What it answers is known when it is written, and when it is read only where the topic says so.
    Reply(Option<Operation<'a>>),
}

/// At which end a message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Hub,
    Device,
}

/// The named parts of a message, apart from its properties.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) request: Option<RequestId<'a>>,
    pub(crate) version: Option<u64>,
    /// The version that something must have, or is known to have.
    pub(crate) if_version: Option<u64>,
    pub(crate) status: Option<Status>,
    pub(crate) code: Option<i32>,
    pub(crate) content: Content<'a>,
    pub(crate) reason: Option<Text<'a>>,
    pub(crate) trace_id: Option<Text<'a>>,
}

impl<'a> Envelope<'a> {
    /// The message that a hub receives.
    pub(crate) fn to_hub(
        &self,
        fields: &Fields<'a>,
        publish: &Publish<'a>,
    ) -> Result<ToHub<'a>, DecodeError> {
        let Publish { topic, payload, qos, retain, .. } = *publish;
        Ok(match self.path {
            Path::Telemetry => {
                ToHub::Telemetry(Telemetry { payload, properties: self.properties, qos, retain })
            }
            Path::TwinGet(part) => ToHub::TwinGet(TwinGet {
                request: fields.must_have_request(topic)?,
                part,
                known_version: fields.if_version,
            }),
            Path::TwinPatch => ToHub::TwinPatch(TwinPatch {
                request: fields.must_have_request(topic)?,
                patch: payload,
                if_version: fields.if_version,
            }),
            Path::Reply(_) => ToHub::Reply(fields.reply(payload, topic)?),
            Path::Command | Path::Method(_) | Path::DesiredChanged => return Err(UNKNOWN),
        })
    }

    /// The message that a device receives.
    pub(crate) fn to_device(
        &self,
        fields: &Fields<'a>,
        publish: &Publish<'a>,
    ) -> Result<ToDevice<'a>, DecodeError> {
        let Publish { topic, payload, qos, .. } = *publish;
        Ok(match self.path {
            Path::Command => ToDevice::Command(Command { payload, properties: self.properties, qos }),
            Path::Method(name) => {
                let request = fields.must_have_request(topic)?;
                ToDevice::Method(MethodCall { request, name, payload, content: fields.content })
            }
            Path::DesiredChanged => ToDevice::DesiredChanged(DesiredChanged {
                version: fields.version.ok_or(missing(Field::Version, topic))?,
                patch: payload,
                qos,
            }),
            Path::Reply(_) => ToDevice::Reply(fields.reply(payload, topic)?),
            Path::Telemetry | Path::TwinGet(_) | Path::TwinPatch => return Err(UNKNOWN),
        })
    }
}

impl<'a> Fields<'a> {
    fn must_have_request(&self, topic: &str) -> Result<RequestId<'a>, DecodeError> {
        self.request.ok_or(missing(Field::RequestId, topic))
    }

    fn reply(&self, payload: &'a [u8], topic: &str) -> Result<Reply<'a>, DecodeError> {
        let Fields { request: _, version, if_version: _, status, code, content, reason, trace_id } = *self;
        Ok(Reply {
            request: self.must_have_request(topic)?,
            status: status.unwrap_or(Status::SUCCESS),
            code,
            version,
            payload,
            content,
            reason,
            trace_id,
        })
    }
}

const UNKNOWN: DecodeError = DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic };

/// Something missing would have stood at the end.
const fn missing(field: Field, topic: &str) -> DecodeError {
    DecodeError { place: Place::Topic(topic.len()), kind: DecodeErrorKind::Missing(field) }
}
