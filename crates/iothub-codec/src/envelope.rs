use crate::error::{DecodeError, DecodeErrorKind, Field, Place};
use crate::message::{
    Command, Content, DesiredChanged, Input, MethodCall, Operation, Reply, Telemetry, ToDevice, ToHub,
    TwinGet, TwinPart, TwinPatch,
};
use crate::property::Properties;
use crate::publish::Qos;
use crate::request::RequestRef;
use crate::status::Status;
use crate::text::Text;

/// What the dialects agree on: every message is opened into this, and sealed from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) path: Path<'a>,
    pub(crate) fields: Fields<'a>,
    pub(crate) properties: Properties<'a>,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
}

/// Which operation, and in which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path<'a> {
    Telemetry,
    Command,
    Input(Text<'a>),
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
    pub(crate) request: Option<RequestRef<'a>>,
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
    #[inline]
    pub(crate) fn new(path: Path<'a>, payload: &'a [u8]) -> Self {
        Self {
            path,
            fields: Fields::default(),
            properties: Properties::default(),
            payload,
            qos: Qos::AtMostOnce,
            retain: false,
        }
    }

    pub(crate) fn reply(operation: Operation<'a>, reply: &'a Reply<'_>) -> Self {
        let Reply { request: _, status, code, version, payload, content, reason, trace_id } = *reply;
        let fields = Fields {
            request: Some(reply.request.as_ref()),
            version,
            if_version: None,
            status: Some(status),
            code,
            content,
            reason,
            trace_id,
        };
        Self { fields, ..Self::new(Path::Reply(Some(operation)), payload) }
    }

    /// The message that a hub receives. `end` is where something missing would have stood.
    #[inline]
    pub(crate) fn to_hub(self, end: Place) -> Result<ToHub<'a>, DecodeError> {
        let Self { path, fields, properties, payload, qos, retain } = self;
        Ok(match path {
            Path::Telemetry => ToHub::Telemetry(Telemetry { payload, properties, qos, retain }),
            Path::TwinGet(part) => ToHub::TwinGet(TwinGet {
                request: fields.must_have_request(end)?.to_id(),
                part,
                known_version: fields.if_version,
            }),
            Path::TwinPatch => ToHub::TwinPatch(TwinPatch {
                request: fields.must_have_request(end)?.to_id(),
                patch: payload,
                if_version: fields.if_version,
            }),
            Path::Reply(_) => ToHub::Reply(fields.into_reply(payload, end)?),
            Path::Command | Path::Input(_) | Path::Method(_) | Path::DesiredChanged => {
                return Err(DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic });
            }
        })
    }

    /// The message that a device receives.
    #[inline]
    pub(crate) fn to_device(self, end: Place) -> Result<ToDevice<'a>, DecodeError> {
        let Self { path, fields, properties, payload, qos, retain: _ } = self;
        Ok(match path {
            Path::Command => ToDevice::Command(Command { payload, properties, qos }),
            Path::Input(name) => ToDevice::Input(Input { name, payload, properties, qos }),
            Path::Method(name) => {
                let request = fields.must_have_request(end)?.to_id();
                ToDevice::Method(MethodCall { request, name, payload, content: fields.content })
            }
            Path::DesiredChanged => ToDevice::DesiredChanged(DesiredChanged {
                version: fields.version.ok_or(missing(Field::Version, end))?,
                patch: payload,
                qos,
            }),
            Path::Reply(_) => ToDevice::Reply(fields.into_reply(payload, end)?),
            Path::Telemetry | Path::TwinGet(_) | Path::TwinPatch => {
                return Err(DecodeError { place: Place::Topic(0), kind: DecodeErrorKind::UnknownTopic });
            }
        })
    }
}

impl<'a> Fields<'a> {
    #[inline]
    fn must_have_request(&self, end: Place) -> Result<RequestRef<'a>, DecodeError> {
        self.request.ok_or(missing(Field::RequestId, end))
    }

    #[inline]
    fn into_reply(self, payload: &'a [u8], end: Place) -> Result<Reply<'a>, DecodeError> {
        let request = self.must_have_request(end)?.to_id();
        let Self { request: _, version, if_version: _, status, code, content, reason, trace_id } = self;
        let status = status.unwrap_or(Status::SUCCESS);
        Ok(Reply { request, status, code, version, payload, content, reason, trace_id })
    }
}

const fn missing(field: Field, end: Place) -> DecodeError {
    DecodeError { place: end, kind: DecodeErrorKind::Missing(field) }
}
