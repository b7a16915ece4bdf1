//! Messages with each part as it is meant, and everything copied.

use iothub_codec::{
    Codec, Content, DecodeErrorKind, Name, Properties, Publish, Qos, Reply, Status, Text, ToDevice, ToHub,
    TwinPart,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Hub,
    Device,
}

pub(crate) type Bytes = Vec<u8>;

/// Names and values. Those of system properties stand between angle brackets, which keeps an application's `to`
/// apart from the system's.
pub(crate) type Pairs = Vec<(Bytes, Bytes)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Telemetry { bag: Pairs, payload: Bytes, qos: Qos, retain: bool },
    Command { bag: Pairs, payload: Bytes, qos: Qos },
    Input { name: Bytes, bag: Pairs, payload: Bytes, qos: Qos },
    TwinGet { request: Bytes, part: TwinPart, known_version: Option<u64> },
    TwinPatch { request: Bytes, if_version: Option<u64>, patch: Bytes },
    Method { request: Bytes, name: String, content: PlainContent, payload: Bytes },
    Desired { version: u64, patch: Bytes, qos: Qos },
    Reply(PlainReply),
}

/// Media type and encoding.
pub(crate) type PlainContent = [Option<Bytes>; 2];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainReply {
    pub(crate) request: Bytes,
    pub(crate) status: Status,
    pub(crate) code: Option<i32>,
    pub(crate) version: Option<u64>,
    pub(crate) content: PlainContent,
    pub(crate) reason: Option<Bytes>,
    pub(crate) trace_id: Option<Bytes>,
    pub(crate) payload: Bytes,
}

/// What the codec reads.
pub(crate) fn read(
    codec: Codec<'_>,
    receiver: Receiver,
    publish: &Publish<'_>,
) -> Result<Plain, DecodeErrorKind> {
    match receiver {
        Receiver::Hub => codec.decode_to_hub(publish).map(to_hub),
        Receiver::Device => codec.decode_to_device(publish).map(to_device),
    }
    .map_err(|error| error.kind)
}

fn to_hub(message: ToHub<'_>) -> Plain {
    match message {
        ToHub::Telemetry(it) => Plain::Telemetry {
            bag: pairs(it.properties),
            payload: it.payload.to_vec(),
            qos: it.qos,
            retain: it.retain,
        },
        ToHub::TwinGet(it) => Plain::TwinGet {
            request: it.request.to_buf().as_bytes().to_vec(),
            part: it.part,
            known_version: it.known_version,
        },
        ToHub::TwinPatch(it) => Plain::TwinPatch {
            request: it.request.to_buf().as_bytes().to_vec(),
            if_version: it.if_version,
            patch: it.patch.to_vec(),
        },
        ToHub::Reply(it) => Plain::Reply(reply(it)),
    }
}

fn to_device(message: ToDevice<'_>) -> Plain {
    match message {
        ToDevice::Command(it) => {
            Plain::Command { bag: pairs(it.properties), payload: it.payload.to_vec(), qos: it.qos }
        }
        ToDevice::Input(it) => Plain::Input {
            name: it.name.bytes().collect(),
            bag: pairs(it.properties),
            payload: it.payload.to_vec(),
            qos: it.qos,
        },
        ToDevice::Method(it) => Plain::Method {
            request: it.request.to_buf().as_bytes().to_vec(),
            name: it.name.to_owned(),
            content: content(it.content),
            payload: it.payload.to_vec(),
        },
        ToDevice::DesiredChanged(it) => {
            Plain::Desired { version: it.version, patch: it.patch.to_vec(), qos: it.qos }
        }
        ToDevice::Reply(it) => Plain::Reply(reply(it)),
    }
}

fn reply(it: Reply<'_>) -> PlainReply {
    PlainReply {
        request: it.request.to_buf().as_bytes().to_vec(),
        status: it.status,
        code: it.code,
        version: it.version,
        content: content(it.content),
        reason: text(it.reason),
        trace_id: text(it.trace_id),
        payload: it.payload.to_vec(),
    }
}

fn content(it: Content<'_>) -> PlainContent {
    [text(it.media_type), text(it.encoding)]
}

fn text(it: Option<Text<'_>>) -> Option<Bytes> {
    it.map(|text| text.bytes().collect())
}

pub(crate) fn pairs(properties: Properties<'_>) -> Pairs {
    let name = |name| match name {
        Name::System(property) => format!("<{}>", property.event_name()).into_bytes(),
        Name::Application(text) => text.bytes().collect(),
    };
    properties.iter().map(|each| (name(each.name), each.value.bytes().collect())).collect()
}
