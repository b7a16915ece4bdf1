use super::messages::{arrived_at_device, arrived_at_hub, encode_to_device, encode_to_hub, size};
use super::source::Source;
use super::{INPUT_MAX, ROOM, sized};
use crate::channel::Variant;
use crate::dialect::{Codec, Dialect};
use crate::identity::{DeviceId, Identity, ModuleId};
use crate::message::{
    Command, Content, DesiredChanged, Input, MethodCall, Operation, Reply, Telemetry, ToDevice, ToHub,
    TwinGet, TwinPart, TwinPatch,
};
use crate::property::{Properties, SystemProperty};
use crate::publish::{Publish, Qos};
use crate::request::RequestId;
use crate::section::{PropertySection, SectionOf};
use crate::status::Status;

/// Any message, made of the bytes, in any dialect and direction: what is written is what arrives, and what would arrive
/// as something else is not written.
pub fn roundtrip(data: &[u8]) {
    if data.len() > INPUT_MAX {
        return;
    }
    let source = &mut Source::new(data);
    let codec = codec(source);
    let bag = if source.flag() { Bag::any(source) } else { Bag::EMPTY };
    let properties = bag.properties();
    if source.flag() {
        let operation = Operation::Method(method(source));
        if let Some(message) = any_to_hub(source, properties) {
            to_hub(codec, operation, &message);
        }
    } else {
        let operation = source.one_of(&[Operation::TwinGet, Operation::TwinPatch]);
        if let Some(message) = any_to_device(source, properties) {
            to_device(codec, operation, &message);
        }
    }
}

fn to_hub(codec: Codec<'_>, operation: Operation<'_>, message: &ToHub<'_>) {
    let written = sized(|out| encode_to_hub(codec, operation, message, out).map(size));
    let mut out = [0; ROOM];
    let publish = encode_to_hub(codec, operation, message, &mut out);
    assert_eq!(publish.map(size), written, "the same each time");
    let Ok(publish) = publish else { return };
    is_sound(&publish);
    let arrived = codec.decode_to_hub(&publish).unwrap_or_else(|error| panic!("{error}: {publish:?}"));
    arrived_at_hub(codec.dialect(), operation, message, &arrived);
    // Over MQTT 5 answers have the same topic in both directions.
    let is_reply = matches!(message, ToHub::Reply(_));
    assert!(is_reply || codec.decode_to_device(&publish).is_err(), "{publish:?}");
}

fn to_device(codec: Codec<'_>, operation: Operation<'_>, message: &ToDevice<'_>) {
    let written = sized(|out| encode_to_device(codec, operation, message, out).map(size));
    let mut out = [0; ROOM];
    let publish = encode_to_device(codec, operation, message, &mut out);
    assert_eq!(publish.map(size), written, "the same each time");
    let Ok(publish) = publish else { return };
    is_sound(&publish);
    let arrived = codec.decode_to_device(&publish).unwrap_or_else(|error| panic!("{error}: {publish:?}"));
    arrived_at_device(codec.dialect(), operation, message, &arrived);
    let is_reply = matches!(message, ToDevice::Reply(_));
    assert!(is_reply || codec.decode_to_hub(&publish).is_err(), "{publish:?}");
}

/// MQTT has nothing against the packet.
fn is_sound(publish: &Publish<'_>) {
    assert!(!publish.topic.is_empty() && !publish.topic.contains(['\0', '+', '#']), "{:?}", publish.topic);
    let section = PropertySection::from_wire(publish.properties.as_wire(), SectionOf::Publish);
    assert_eq!(section, Ok(publish.properties));
}

fn codec<'a>(source: &mut Source<'a>) -> Codec<'a> {
    let dialect = source.one_of(Dialect::ALL);
    let device = DeviceId::new(source.str());
    let device = device.or(DeviceId::new("d")).expect("a letter is a name");
    let module = source.option(|source| ModuleId::new(source.str())).and_then(Result::ok);
    let variant = source.one_of(&[Variant::Usual, Variant::DesiredSlash]);
    Codec::new(dialect, Identity { device, module }).with_variant(variant)
}

fn method<'a>(source: &mut Source<'a>) -> &'a str {
    let name = source.str();
    if name.is_empty() { "m" } else { name }
}

/// `None` for a request without an id.
fn any_to_hub<'a>(source: &mut Source<'a>, properties: Properties<'a>) -> Option<ToHub<'a>> {
    Some(match source.byte() % 4 {
        0 => {
            let (qos, retain, payload) = (qos(source), source.flag(), source.bytes());
            ToHub::Telemetry(Telemetry { payload, properties, qos, retain })
        }
        1 => ToHub::TwinGet(TwinGet {
            request: request(source)?,
            part: source.one_of(&[TwinPart::Whole, TwinPart::Desired, TwinPart::Reported]),
            known_version: source.option(Source::number),
        }),
        2 => ToHub::TwinPatch(TwinPatch {
            request: request(source)?,
            patch: source.bytes(),
            if_version: source.option(Source::number),
        }),
        _ => ToHub::Reply(reply(source)?),
    })
}

fn any_to_device<'a>(source: &mut Source<'a>, properties: Properties<'a>) -> Option<ToDevice<'a>> {
    Some(match source.byte() % 5 {
        0 => ToDevice::Command(Command { qos: qos(source), payload: source.bytes(), properties }),
        1 => ToDevice::Input(Input {
            name: source.text(),
            qos: qos(source),
            payload: source.bytes(),
            properties,
        }),
        2 => ToDevice::Method(MethodCall {
            request: request(source)?,
            name: method(source),
            payload: source.bytes(),
            content: content(source),
        }),
        3 => ToDevice::DesiredChanged(DesiredChanged {
            version: source.number(),
            patch: source.bytes(),
            qos: qos(source),
        }),
        _ => ToDevice::Reply(reply(source)?),
    })
}

fn reply<'a>(source: &mut Source<'a>) -> Option<Reply<'a>> {
    Some(Reply {
        request: request(source)?,
        status: match source.byte() {
            0xFF => Status::from_code(u16::from_be_bytes([source.byte(), source.byte()])),
            number => Status::ALL[usize::from(number) % Status::ALL.len()],
        },
        // Cut off: any number, with either sign.
        code: source.option(|source| source.number() as i32),
        version: source.option(Source::number),
        payload: source.bytes(),
        content: content(source),
        reason: source.option(Source::text),
        trace_id: source.option(Source::text),
    })
}

/// `None` for one that is too short or too long.
fn request<'a>(source: &mut Source<'a>) -> Option<RequestId<'a>> {
    let id = source.bytes();
    match id {
        [0xFF, a, b, c, d] => Some(RequestId::from_u32(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => RequestId::new(id),
    }
}

fn content<'a>(source: &mut Source<'a>) -> Content<'a> {
    Content { media_type: source.option(Source::text), encoding: source.option(Source::text) }
}

fn qos(source: &mut Source<'_>) -> Qos {
    source.one_of(&[Qos::AtMostOnce, Qos::AtLeastOnce])
}

/// Properties of a message: so many of each kind.
struct Bag<'a> {
    system: [(SystemProperty, &'a str); BAG_MAX],
    system_len: usize,
    application: [(&'a str, &'a str); BAG_MAX],
    application_len: usize,
}

impl<'a> Bag<'a> {
    const EMPTY: Self = Self {
        system: [(SystemProperty::MessageId, ""); BAG_MAX],
        system_len: 0,
        application: [("", ""); BAG_MAX],
        application_len: 0,
    };

    fn any(source: &mut Source<'a>) -> Self {
        let mut bag = Self::EMPTY;
        let required: &[SystemProperty] = source.one_of(&[&[][..], &REQUIRED[..3], &REQUIRED]);
        let more = usize::from(source.byte() % 5);
        bag.system_len = required.len() + more;
        for (place, at) in bag.system.iter_mut().take(bag.system_len).zip(0..) {
            let name = required.get(at).copied().unwrap_or_else(|| source.one_of(SystemProperty::ALL));
            *place = (name, value(source));
        }
        bag.application_len = usize::from(source.byte()) % (BAG_MAX + 1);
        for place in bag.application.iter_mut().take(bag.application_len) {
            *place = (source.str(), source.str());
        }
        bag
    }

    fn properties(&self) -> Properties<'_> {
        Properties::new(&self.system[..self.system_len], &self.application[..self.application_len])
    }
}

/// Most properties of a kind.
const BAG_MAX: usize = 8;

/// What the previews want of a command; the last over MQTT 3.1.1 only.
const REQUIRED: [SystemProperty; 4] = [
    SystemProperty::SequenceNumber,
    SystemProperty::EnqueuedTime,
    SystemProperty::DeliveryCount,
    SystemProperty::Expiry,
];

/// Of a system property, some of which are numbers.
fn value<'a>(source: &mut Source<'a>) -> &'a str {
    if source.flag() {
        source.str()
    } else {
        source.one_of(&["0", "1", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616"])
    }
}
