use super::{INPUT_MAX, ROOM};
use crate::dialect::{Codec, Dialect};
use crate::error::{DecodeError, EncodeError, Place};
use crate::identity::{DeviceId, Identity};
use crate::message::{Telemetry, ToHub};
use crate::property::{Name, Properties, Property, SystemProperty};
use crate::publish::Publish;
use crate::section::{PropertySection, SectionOf, SectionProperty, SectionWriter};

/// Properties as they are carried in each way: as the property section of each packet, which is written again, and as
/// the properties of telemetry, which a naive reader reads, too.
pub fn properties(data: &[u8]) {
    for of in PACKETS {
        section(data, *of);
    }
    if data.len() > INPUT_MAX {
        return;
    }
    #[cfg(feature = "preview5")]
    if let Ok(section) = PropertySection::from_wire(data, SectionOf::Publish) {
        let mut room = [0; 32];
        telemetry(Dialect::Preview5, &Publish { properties: section, ..bare(Dialect::Preview5, &mut room) });
    }
    if let Ok(list) = core::str::from_utf8(data) {
        #[cfg(feature = "preview311")]
        listed(Dialect::Preview311, list);
        listed(Dialect::Classic, list);
    }
}

const PACKETS: &[SectionOf] = &[
    SectionOf::Connect,
    SectionOf::Will,
    SectionOf::ConnAck,
    SectionOf::Publish,
    SectionOf::PubAck,
    SectionOf::Subscribe,
    SectionOf::SubAck,
    SectionOf::Unsubscribe,
    SectionOf::UnsubAck,
    SectionOf::Disconnect,
    SectionOf::Auth,
];

/// What is in order is written again byte for byte, and what is not is in order up to the place that is told.
fn section(wire: &[u8], of: SectionOf) {
    let section = match PropertySection::from_wire(wire, of) {
        Ok(section) => section,
        Err(DecodeError { place: Place::Properties(at), .. }) => {
            assert!(PropertySection::from_wire(&wire[..at], of).is_ok(), "{of:?}: {at} in {wire:02x?}");
            return;
        }
        Err(error) => panic!("{error} of a section"),
    };
    let user = section
        .iter()
        .filter_map(|property| if let SectionProperty::User(user) = property { Some(user) } else { None });
    assert!(section.user().eq(user), "{section:?}");
    if wire.len() > ROOM {
        return;
    }
    let mut room = [0; ROOM];
    let needed = wire.len();
    assert_eq!(rewritten(section, of, &mut room[..needed]), Ok(section), "{of:?}");
    if needed > 0 {
        let small = rewritten(section, of, &mut room[..needed - 1]);
        assert_eq!(small, Err(EncodeError::BufferTooSmall { needed }), "{of:?}");
    }
}

fn rewritten<'b>(
    section: PropertySection<'_>,
    of: SectionOf,
    out: &'b mut [u8],
) -> Result<PropertySection<'b>, EncodeError> {
    let mut writer = SectionWriter::new(of, out);
    for property in section.iter() {
        writer.put(property).expect("it stood in such a section");
    }
    writer.finish()
}

/// Telemetry without properties.
fn bare(dialect: Dialect, out: &mut [u8]) -> Publish<'_> {
    codec(dialect).encode(&Telemetry::default(), out).expect("there is room for a topic")
}

fn codec(dialect: Dialect) -> Codec<'static> {
    Codec::new(dialect, Identity::device(DeviceId::new("d").expect("a letter is a name")))
}

/// The properties behind a topic that has some.
fn listed(dialect: Dialect, list: &str) {
    let mut room = [0; ROOM];
    let stem = bare(dialect, &mut room).topic.len();
    let len = stem + list.len();
    room[stem..len].copy_from_slice(list.as_bytes());
    let topic = core::str::from_utf8(&room[..len]).expect("two texts are a text");
    let list = if dialect == Dialect::Classic {
        let list = list.strip_prefix('?').unwrap_or(list);
        list.strip_suffix('/').unwrap_or(list)
    } else {
        list
    };
    let Some(read) = telemetry(dialect, &Publish::new(topic, b"")) else { return };
    let mut read = read.iter();
    for pair in list.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let property = read.next().expect("as many as stand there");
        assert!(property.value.bytes().eq(meant(value)), "{value}");
        let is_named = match property.name {
            Name::System(system) => {
                dialect.property_name(system).is_some_and(|spelling| meant(name).eq(spelling.bytes()))
            }
            Name::Application(own) if dialect == Dialect::Classic => own.bytes().eq(meant(name)),
            Name::Application(own) => core::iter::once(b'@').chain(own.bytes()).eq(meant(name)),
        };
        assert!(is_named, "{name} is not {property:?}");
    }
    assert_eq!(read.next(), None, "no more than stand there");
}

/// The properties of telemetry, each of which is found by its name.
fn telemetry<'a>(dialect: Dialect, publish: &Publish<'a>) -> Option<Properties<'a>> {
    let Ok(ToHub::Telemetry(telemetry)) = codec(dialect).decode_to_hub(publish) else { return None };
    let properties = telemetry.properties;
    let last = |name: Name<'_>| properties.iter().filter(|each| each.name == name).last();
    let value = |property: Property<'a>| property.value;
    for name in SystemProperty::ALL {
        assert_eq!(properties.system(*name), last(Name::System(*name)).map(value), "{properties:?}");
    }
    // Each of them all would take a time that is quadratic in the input.
    for property in properties.iter().take(8) {
        if let Name::Application(name) = property.name
            && let Some(name) = name.as_str()
        {
            assert_eq!(properties.get(name), last(property.name).map(value), "{name}");
        }
    }
    Some(properties)
}

/// The bytes that are meant by a text with escapes, of which those that are none mean themselves.
fn meant(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, len) = match (rest.first()?, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => ((16 * high + low) as u8, 3),
            (byte, _, _) => (*byte, 1),
        };
        rest = &rest[len..];
        Some(byte)
    })
}
