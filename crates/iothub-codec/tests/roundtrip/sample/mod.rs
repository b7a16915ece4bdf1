//! Any device, any module, and any message that can be written.

mod classic;
mod preview311;
mod preview5;

use iothub_codec::{
    Codec, Command, Content, DesiredChanged, DeviceId, Dialect, EncodeError, Identity, Input, MethodCall,
    ModuleId, Operation, Properties, Publish, Qos, Reply, RequestId, Status, SystemProperty, Telemetry, Text,
    TwinGet, TwinPart, TwinPatch,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use crate::plain::{self, Bytes, Pairs, Plain, PlainReply, Receiver};

/// Those that there are samples of, and a second reader.
pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Classic, Dialect::Preview311, Dialect::Preview5];

/// A device, or one of its modules, by name, and the dialect that it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) dialect: Dialect,
    pub(crate) device: String,
    pub(crate) module: Option<String>,
}

impl Who {
    /// With short names.
    pub(crate) fn short(dialect: Dialect, is_module: bool) -> Self {
        Self { dialect, device: "d".to_owned(), module: is_module.then(|| "m".to_owned()) }
    }

    pub(crate) fn codec(&self) -> Codec<'_> {
        Codec::new(self.dialect, self.identity())
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            device: DeviceId::new(&self.device).unwrap(),
            module: self.module.as_deref().map(|name| ModuleId::new(name).unwrap()),
        }
    }
}

/// A message that owns what it says.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Telemetry {
        bag: Bag,
        payload: Bytes,
        qos: Qos,
        retain: bool,
    },
    Command {
        bag: Bag,
        payload: Bytes,
        qos: Qos,
    },
    Input {
        name: String,
        bag: Bag,
        payload: Bytes,
        qos: Qos,
    },
    Method {
        request: Bytes,
        name: String,
        media_type: Option<String>,
        encoding: Option<String>,
        payload: Bytes,
    },
    TwinGet {
        request: Bytes,
        part: TwinPart,
        known_version: Option<u64>,
    },
    TwinPatch {
        request: Bytes,
        patch: Bytes,
        if_version: Option<u64>,
    },
    DesiredChanged {
        version: u64,
        patch: Bytes,
        qos: Qos,
    },
    Reply(Answer),
}

/// A reply that owns what it says, and what it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) request: Bytes,
    pub(crate) asked: Asked,
    pub(crate) status: Status,
    pub(crate) code: Option<i32>,
    pub(crate) version: Option<u64>,
    pub(crate) media_type: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) payload: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) enum Asked {
    TwinGet,
    TwinPatch,
    Method(String),
}

/// Properties that own what they say.
#[derive(Clone, Debug)]
pub(crate) struct Bag {
    pub(crate) system: Vec<(SystemProperty, String)>,
    pub(crate) application: Vec<(String, String)>,
}

impl Bag {
    pub(crate) fn lend<T>(&self, borrow: impl FnOnce(Properties<'_>) -> T) -> T {
        let system: Vec<_> = self.system.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let application: Vec<_> =
            self.application.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        borrow(Properties::new(&system, &application))
    }

    fn meaning(&self) -> Pairs {
        self.lend(plain::pairs)
    }
}

impl Answer {
    pub(crate) const fn new(request: Bytes, asked: Asked, status: Status) -> Self {
        Self {
            request,
            asked,
            status,
            code: None,
            version: None,
            media_type: None,
            encoding: None,
            reason: None,
            trace_id: None,
            payload: Vec::new(),
        }
    }

    fn lend<T>(&self, borrow: impl FnOnce(Operation<'_>, &Reply<'_>) -> T) -> T {
        let operation = match &self.asked {
            Asked::TwinGet => Operation::TwinGet,
            Asked::TwinPatch => Operation::TwinPatch,
            Asked::Method(name) => Operation::Method(name),
        };
        let reply = Reply {
            request: id(&self.request),
            status: self.status,
            code: self.code,
            version: self.version,
            payload: &self.payload,
            content: content(&self.media_type, &self.encoding),
            reason: self.reason.as_deref().map(Text::plain),
            trace_id: self.trace_id.as_deref().map(Text::plain),
        };
        borrow(operation, &reply)
    }

    fn meaning(&self) -> PlainReply {
        PlainReply {
            request: self.request.clone(),
            status: self.status,
            code: self.code,
            version: self.version,
            content: [bytes(&self.media_type), bytes(&self.encoding)],
            reason: bytes(&self.reason),
            trace_id: bytes(&self.trace_id),
            payload: self.payload.clone(),
        }
    }
}

impl Sample {
    pub(crate) const fn twin_get(request: Bytes) -> Self {
        Self::TwinGet { request, part: TwinPart::Whole, known_version: None }
    }

    /// Writes the message, and shows what was written.
    pub(crate) fn write<T>(
        &self,
        who: &Who,
        out: &mut [u8],
        show: impl FnOnce(Result<Publish<'_>, EncodeError>) -> T,
    ) -> T {
        let codec = who.codec();
        match self {
            Self::Telemetry { bag, payload, qos, retain } => bag.lend(|properties| {
                let message = Telemetry { payload, properties, qos: *qos, retain: *retain };
                show(codec.encode(&message, out))
            }),
            Self::Command { bag, payload, qos } => {
                bag.lend(|properties| show(codec.encode(&Command { payload, properties, qos: *qos }, out)))
            }
            Self::Input { name, bag, payload, qos } => bag.lend(|properties| {
                let name = Text::plain(name);
                show(codec.encode(&Input { name, payload, properties, qos: *qos }, out))
            }),
            Self::Method { request, name, media_type, encoding, payload } => {
                let content = content(media_type, encoding);
                show(
                    codec.encode(&MethodCall { content, ..MethodCall::new(id(request), name, payload) }, out),
                )
            }
            Self::TwinGet { request, part, known_version } => {
                let get = TwinGet { request: id(request), part: *part, known_version: *known_version };
                show(codec.encode(&get, out))
            }
            Self::TwinPatch { request, patch, if_version } => {
                show(codec.encode(&TwinPatch { request: id(request), patch, if_version: *if_version }, out))
            }
            Self::DesiredChanged { version, patch, qos } => {
                show(codec.encode(&DesiredChanged { version: *version, patch, qos: *qos }, out))
            }
            Self::Reply(answer) => {
                answer.lend(|operation, reply| show(codec.encode_reply(operation, reply, out)))
            }
        }
    }

    /// Where it is read.
    pub(crate) const fn receiver(&self) -> Receiver {
        match self {
            Self::Telemetry { .. } | Self::TwinGet { .. } | Self::TwinPatch { .. } => Receiver::Hub,
            Self::Command { .. } | Self::Input { .. } | Self::Method { .. } | Self::DesiredChanged { .. } => {
                Receiver::Device
            }
            Self::Reply(Answer { asked: Asked::Method(_), .. }) => Receiver::Hub,
            Self::Reply(Answer { asked: Asked::TwinGet | Asked::TwinPatch, .. }) => Receiver::Device,
        }
    }

    /// What is to be read there.
    pub(crate) fn meaning(&self, who: &Who) -> Plain {
        match self.clone() {
            Self::Telemetry { bag, payload, qos, retain } => {
                Plain::Telemetry { bag: bag.meaning(), payload, qos, retain }
            }
            Self::Command { bag, payload, qos } => {
                let mut bag = bag.meaning();
                // In the classic dialect there is an address in front when there was none.
                if who.dialect == Dialect::Classic && !bag.iter().any(|(name, _)| name == b"<to>") {
                    let module = who.module.as_ref().map_or(String::new(), |name| format!("/modules/{name}"));
                    let to = format!("/devices/{}{module}/messages/devicebound", who.device);
                    bag.insert(0, (b"<to>".to_vec(), to.into_bytes()));
                }
                Plain::Command { bag, payload, qos }
            }
            Self::Input { name, bag, payload, qos } => {
                Plain::Input { name: name.into_bytes(), bag: bag.meaning(), payload, qos }
            }
            Self::Method { request, name, media_type, encoding, payload } => {
                Plain::Method { request, name, content: [bytes(&media_type), bytes(&encoding)], payload }
            }
            Self::TwinGet { request, part, known_version } => Plain::TwinGet { request, part, known_version },
            Self::TwinPatch { request, patch, if_version } => Plain::TwinPatch { request, if_version, patch },
            Self::DesiredChanged { version, patch, qos } => Plain::Desired { version, patch, qos },
            Self::Reply(answer) => Plain::Reply(answer.meaning()),
        }
    }

    /// The topic and the MQTT 5 properties alone.
    pub(crate) fn carrier(&self, who: &Who) -> (String, Bytes) {
        let mut out = vec![0; 1 << 16];
        self.write(who, &mut out, |publish| {
            let publish = publish.unwrap();
            (publish.topic.to_owned(), publish.properties.as_wire().to_vec())
        })
    }
}

fn id(request: &[u8]) -> RequestId<'_> {
    RequestId::new(request).expect("samples have ids that can be kept")
}

fn content<'a>(media_type: &'a Option<String>, encoding: &'a Option<String>) -> Content<'a> {
    let text = |text: &'a Option<String>| text.as_deref().map(Text::plain);
    Content { media_type: text(media_type), encoding: text(encoding) }
}

fn bytes(text: &Option<String>) -> Option<Bytes> {
    text.clone().map(String::into_bytes)
}

/// A message, and somebody who can send or receive it, in any dialect.
pub(crate) fn any_case() -> impl Strategy<Value = (Who, Sample)> {
    Union::new(
        DIALECTS.map(|dialect| Union::new([false, true].map(|is_module| any_case_of(dialect, is_module)))),
    )
}

fn any_case_of(dialect: Dialect, is_module: bool) -> BoxedStrategy<(Who, Sample)> {
    let sample = match dialect {
        Dialect::Classic => classic::any_sample(is_module),
        Dialect::Preview311 => preview311::any_sample(),
        Dialect::Preview5 => preview5::any_sample(),
        dialect => panic!("{dialect:?} has no samples"),
    };
    (any_name(dialect), any_name(dialect), sample)
        .prop_map(move |(device, module, sample)| {
            (Who { dialect, device, module: is_module.then_some(module) }, sample)
        })
        .boxed()
}

pub(crate) fn any_who() -> impl Strategy<Value = Who> {
    Union::new(DIALECTS.map(|dialect| {
        (any_name(dialect), option::of(any_name(dialect))).prop_map(move |(device, module)| Who {
            dialect,
            device,
            module,
        })
    }))
}

fn any_name(dialect: Dialect) -> impl Strategy<Value = String> {
    let any = match dialect {
        Dialect::Classic => classic::NAME,
        Dialect::Preview311 => preview311::NAME,
        Dialect::Preview5 => preview5::NAME,
        dialect => panic!("{dialect:?} has no samples"),
    };
    prop_oneof!["[-.%_?=$'a-z0-9]{1,8}", any]
}

fn any_payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..8)
}

/// The value of a property that is a text.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,8}", ".{0,8}"]
}

fn any_qos() -> impl Strategy<Value = Qos> {
    select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..])
}

/// Ids as clients make them.
fn any_request() -> impl Strategy<Value = Bytes> {
    prop_oneof!["[0-9a-f]{1,8}", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}"].prop_map(String::into_bytes)
}
