//! Any device, any module, and any message that can be written.

use iothub_codec::{
    Codec, Command, DesiredChanged, DeviceId, Dialect, EncodeError, Identity, Input, MethodCall, ModuleId,
    Operation, Properties, Publish, Qos, Reply, RequestId, Status, SystemProperty, Telemetry, Text, TwinGet,
    TwinPatch,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A device, or one of its modules, by name.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) device: String,
    pub(crate) module: Option<String>,
}

impl Who {
    pub(crate) fn codec(&self) -> Codec<'_> {
        Codec::new(Dialect::Classic, self.identity())
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            device: DeviceId::new(&self.device).unwrap(),
            module: self.module.as_deref().map(|name| ModuleId::new(name).unwrap()),
        }
    }
}

/// Names as hubs accept them, without the two characters that no topic can have.
const NAME: &str = "[-:.%_*?!(),=@$'a-zA-Z0-9]{1,128}";
const SHORT_NAME: &str = "[-.%_?=$'a-z0-9]{1,8}";

pub(crate) fn any_who() -> impl Strategy<Value = Who> {
    prop_oneof![(SHORT_NAME, option::of(SHORT_NAME)), (NAME, option::of(NAME))]
        .prop_map(|(device, module)| Who { device, module })
}

/// A message that owns what it says.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    Telemetry { bag: Bag, payload: Vec<u8>, qos: Qos, retain: bool },
    Command { bag: Bag, payload: Vec<u8>, qos: Qos },
    Input { name: String, bag: Bag, payload: Vec<u8>, qos: Qos },
    Method { request: RequestId, name: String, payload: Vec<u8> },
    TwinGet { request: RequestId },
    TwinPatch { request: RequestId, patch: Vec<u8>, if_version: Option<u64> },
    DesiredChanged { version: u64, patch: Vec<u8>, qos: Qos },
    MethodReply { request: RequestId, code: i32, payload: Vec<u8> },
    TwinReply { request: RequestId, code: i32, version: Option<u64>, payload: Vec<u8> },
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
}

impl Sample {
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
            Self::Method { request, name, payload } => {
                show(codec.encode(&MethodCall::new(*request, name, payload), out))
            }
            Self::TwinGet { request } => show(codec.encode(&TwinGet::new(*request), out)),
            Self::TwinPatch { request, patch, if_version } => {
                show(codec.encode(&TwinPatch { request: *request, patch, if_version: *if_version }, out))
            }
            Self::DesiredChanged { version, patch, qos } => {
                show(codec.encode(&DesiredChanged { version: *version, patch, qos: *qos }, out))
            }
            Self::MethodReply { request, code, payload } => show(codec.encode_reply(
                Operation::Method("any"),
                &reply(*request, *code, None, payload),
                out,
            )),
            Self::TwinReply { request, code, version, payload } => {
                show(codec.encode_reply(Operation::TwinGet, &reply(*request, *code, *version, payload), out))
            }
        }
    }

    /// The topic alone.
    pub(crate) fn topic(&self, who: &Who) -> String {
        let mut out = vec![0; 1 << 16];
        self.write(who, &mut out, |publish| publish.unwrap().topic.to_owned())
    }

    pub(crate) fn is_for_modules_only(&self) -> bool {
        matches!(self, Self::Input { .. })
    }
}

pub(crate) fn reply(request: RequestId, code: i32, version: Option<u64>, payload: &[u8]) -> Reply<'_> {
    Reply { code: Some(code), version, payload, ..Reply::new(request, Status::SUCCESS) }
}

/// A message, and somebody who can send or receive it.
pub(crate) fn any_case() -> impl Strategy<Value = (Who, Sample)> {
    (any_who(), any_sample()).prop_map(|(mut who, sample)| {
        if sample.is_for_modules_only() && who.module.is_none() {
            who.module = Some("m".to_owned());
        }
        (who, sample)
    })
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let payload = || vec(any::<u8>(), 0..8);
    prop_oneof![
        (any_bag(), payload(), any_qos(), any::<bool>())
            .prop_map(|(bag, payload, qos, retain)| Sample::Telemetry { bag, payload, qos, retain }),
        (any_bag(), payload(), any_qos()).prop_map(|(bag, payload, qos)| Sample::Command {
            bag,
            payload,
            qos
        }),
        ("[^\0]{1,12}", any_bag(), payload(), any_qos())
            .prop_map(|(name, bag, payload, qos)| Sample::Input { name, bag, payload, qos }),
        (any_request(), "[-!%&'*.^_`|~a-zA-Z0-9]{1,40}", payload())
            .prop_map(|(request, name, payload)| Sample::Method { request, name, payload }),
        any_request().prop_map(|request| Sample::TwinGet { request }),
        (any_request(), payload(), option::of(any::<u64>()))
            .prop_map(|(request, patch, if_version)| Sample::TwinPatch { request, patch, if_version }),
        (any::<u64>(), payload(), any_qos()).prop_map(|(version, patch, qos)| Sample::DesiredChanged {
            version,
            patch,
            qos
        }),
        (any_request(), any::<i32>(), payload()).prop_map(|(request, code, payload)| Sample::MethodReply {
            request,
            code,
            payload
        }),
        (any_request(), 100..=999, option::of(any::<u64>()), payload()).prop_map(
            |(request, code, version, payload)| Sample::TwinReply { request, code, version, payload }
        ),
    ]
}

fn any_bag() -> impl Strategy<Value = Bag> {
    let value = || prop_oneof!["[ -~]{0,8}", ".{0,8}"];
    let own = |(name, _): &(String, String)| !name.starts_with("$.") && !name.starts_with("iothub-");
    let application = prop_oneof!["[a-z]{0,3}", "[ -~]{0,6}", ".{0,6}"];
    (
        vec((select(in_classic()), value()), 0..3),
        vec((application, value()).prop_filter("no name of a system property", own), 0..4),
    )
        .prop_map(|(system, application)| Bag { system, application })
}

fn in_classic() -> Vec<SystemProperty> {
    let all = SystemProperty::ALL.iter().copied();
    all.filter(|property| Dialect::Classic.property_name(*property).is_some()).collect()
}

fn any_qos() -> impl Strategy<Value = Qos> {
    select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..])
}

fn any_request() -> impl Strategy<Value = RequestId> {
    prop_oneof!["[0-9a-f]{1,8}", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}", "[^&#+\\pC]{1,16}"]
        .prop_map(|id| RequestId::new(id.as_bytes()).expect("at most 64 bytes"))
}
