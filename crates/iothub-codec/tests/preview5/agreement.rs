//! What must hold for all sections: nothing panics, what is wrong is wrong at a place that is there, and the second
//! reader agrees.

use iothub_codec::{
    Ack, Auth, Connect, DecodeError, DecodeErrorKind, Place, Properties, PropertySection, Publish, Qos,
    SectionOf, SectionProperty, SectionWriter, SystemProperty, Text, ToDevice, ToHub, Version, open_connect,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::ends::device;
use crate::generated::any_qos;
use crate::naive;
use crate::naive_message;
use crate::plain::{self, Receiver};
use crate::sections::PACKETS;
use crate::wire::wire;

/// Something in the manner of a section: whole properties, most of them good.
fn any_wire() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => "[ -~]{0,6}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..4),
        1 => select(&["@a", "message-id", "sas-expiry", "status", "1", "0100", "SAS", "é", "#"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let counted =
        text.prop_map(|text| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], &text].concat());
    let property = prop_oneof![
        (select(&[0x01_u8, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A][..]), 0_u8..3)
            .prop_map(|(id, value)| vec![id, value]),
        (select(&[0x13_u8, 0x21, 0x22, 0x23][..]), 0_u8..2, 0_u8..2)
            .prop_map(|(id, high, low)| vec![id, high, low]),
        (select(&[0x02_u8, 0x11, 0x18, 0x27][..]), 0_u8..2).prop_map(|(id, low)| vec![id, 0, 0, 0, low]),
        vec(select(&[0x80_u8, 0xFF, 0x01, 0x00][..]), 1..5).prop_map(|bytes| [&[0x0B], &bytes[..]].concat()),
        (select(&[0x03_u8, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F][..]), counted.clone())
            .prop_map(|(id, text)| [&[id], &text[..]].concat()),
        (counted.clone(), counted).prop_map(|(name, value)| [&[0x26], &name[..], &value].concat()),
    ];
    let damage = option::weighted(0.3, (any::<Index>(), any::<u8>()));
    (vec(property, 0..5), damage, option::weighted(0.2, any::<Index>())).prop_map(
        |(properties, damage, cut)| {
            let mut wire = properties.concat();
            if let (Some((at, byte)), false) = (damage, wire.is_empty()) {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
            if let Some(cut) = cut {
                wire.truncate(cut.index(wire.len() + 1));
            }
            wire
        },
    )
}

/// What the second reader says about a property.
fn plainly(property: SectionProperty<'_>) -> naive::Naive {
    let mut out = [0; 256];
    let mut writer = SectionWriter::new(SectionOf::Publish, &mut out);
    let flag = |value: bool| vec![vec![u8::from(value)]];
    let parts = match property {
        SectionProperty::PayloadFormatIndicator(value)
        | SectionProperty::RequestProblemInformation(value)
        | SectionProperty::RequestResponseInformation(value)
        | SectionProperty::RetainAvailable(value)
        | SectionProperty::WildcardSubscriptionAvailable(value)
        | SectionProperty::SubscriptionIdentifiersAvailable(value)
        | SectionProperty::SharedSubscriptionAvailable(value) => flag(value),
        SectionProperty::MaximumQos(qos) => flag(qos == Qos::AtLeastOnce),
        SectionProperty::ServerKeepAlive(value)
        | SectionProperty::ReceiveMaximum(value)
        | SectionProperty::TopicAliasMaximum(value)
        | SectionProperty::TopicAlias(value) => vec![value.to_be_bytes().to_vec()],
        SectionProperty::MessageExpiryInterval(value)
        | SectionProperty::SessionExpiryInterval(value)
        | SectionProperty::WillDelayInterval(value)
        | SectionProperty::MaximumPacketSize(value) => vec![value.to_be_bytes().to_vec()],
        SectionProperty::SubscriptionIdentifier(_) => {
            writer.put(property).unwrap();
            vec![writer.finish().unwrap().as_wire()[1..].to_vec()]
        }
        SectionProperty::ContentType(text)
        | SectionProperty::ResponseTopic(text)
        | SectionProperty::AssignedClientIdentifier(text)
        | SectionProperty::AuthenticationMethod(text)
        | SectionProperty::ResponseInformation(text)
        | SectionProperty::ServerReference(text)
        | SectionProperty::ReasonString(text) => vec![text.as_bytes().to_vec()],
        SectionProperty::CorrelationData(bytes) | SectionProperty::AuthenticationData(bytes) => {
            vec![bytes.to_vec()]
        }
        SectionProperty::User(user) => vec![user.name.as_bytes().to_vec(), user.value.as_bytes().to_vec()],
    };
    (property.id(), parts)
}

fn agree(wire: &[u8], of: SectionOf) -> Result<(), TestCaseError> {
    match (PropertySection::from_wire(wire, of), naive::read(wire, of)) {
        (Ok(section), Ok(expected)) => {
            prop_assert_eq!(section.iter().map(plainly).collect::<Vec<_>>(), expected);
            let mut out = vec![0; wire.len()];
            let mut writer = SectionWriter::new(of, &mut out);
            section.iter().try_for_each(|property| writer.put(property)).unwrap();
            prop_assert_eq!(writer.finish(), Ok(section));
        }
        (Err(DecodeError { place, kind }), Err((at, expected))) => {
            prop_assert_eq!((place, kind), (Place::Properties(at), expected));
        }
        (read, expected) => return Err(TestCaseError::fail(format!("{read:?}, but {expected:?}"))),
    }
    Ok(())
}

/// Where a property of the section begins, or its end; or not in the section at all.
fn is_in(section: PropertySection<'_>, error: DecodeError) -> bool {
    let Place::Properties(at) = error.place else { return true };
    let mut starts = vec![0];
    for property in section.iter() {
        let (_, parts) = plainly(property);
        let counts = match property.id() {
            0x26 => 4,
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => 2,
            _ => 0,
        };
        starts.push(starts.last().unwrap() + 1 + counts + parts.concat().len());
    }
    assert_eq!(starts.last(), Some(&section.as_wire().len()));
    starts.contains(&at)
}

/// Looks at everything that can be looked at.
fn use_up(properties: Properties<'_>) {
    for property in properties.iter() {
        let _ = (property.name, property.value.to_string());
    }
    for name in SystemProperty::ALL {
        let _ = properties.system(*name);
    }
    let _ = (properties.get("a"), format!("{properties:?}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_second_reader_agrees_about_any_bytes(wire in vec(any::<u8>(), 0..24), of in select(&PACKETS[..])) {
        agree(&wire, of)?;
    }

    #[test]
    fn the_second_reader_agrees_about_what_is_nearly_right(wire in any_wire(), of in select(&PACKETS[..])) {
        agree(&wire, of)?;
    }

    #[test]
    fn any_section_is_read_or_refused_at_a_place_in_it(
        wire in any_wire(),
        topic in prop_oneof![
            "[$]iothub/(telemetry|commands|responses|twin/(get|patch/(reported|desired))|methods/.{0,3})",
            ".{0,12}",
        ],
        client_id in "[a-z/]{0,4}",
        reason_code: u8,
        qos in any_qos(),
        of in select(&[SectionOf::Publish, SectionOf::Connect, SectionOf::PubAck, SectionOf::Disconnect, SectionOf::Auth][..]),
    ) {
        let Ok(section) = PropertySection::from_wire(&wire, of) else { return Ok(()) };
        let codec = device();
        let publish = Publish { properties: section, qos, ..Publish::new(&topic, b"") };
        match codec.decode_to_hub(&publish) {
            Ok(ToHub::Telemetry(telemetry)) => use_up(telemetry.properties),
            Ok(ToHub::TwinGet(_) | ToHub::TwinPatch(_) | ToHub::Reply(_)) => {}
            Err(error) => prop_assert!(is_in(section, error), "{}", error),
        }
        match codec.decode_to_device(&publish) {
            Ok(ToDevice::Command(command)) => use_up(command.properties),
            Ok(_) => {}
            Err(error) => prop_assert!(is_in(section, error), "{}", error),
        }
        let connect =
            Connect { version: Version::V5, client_id: &client_id, username: None, password: None, properties: section };
        let errors = [
            open_connect(&connect).err(),
            codec.decode_ack(&Ack { reason_code, properties: section }).err(),
            codec.decode_auth(&Auth { reason_code, properties: section }).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(is_in(section, error), "{}", error);
        }
        let _ = codec.decode_filter(&topic);
    }
}

/// Sections of messages, most of which say what some message needs.
fn any_said() -> impl Strategy<Value = Vec<u8>> {
    let number = || {
        select(
            &["0", "7", "4294967295", "4294967296", "2147483648", "18446744073709551616", "+1", "x", ""][..],
        )
    };
    let property = prop_oneof![
        4 => (select(&["version", "if-version", "response-code", "creation-time", "sequence-no", "enqueued-time", "delivery-count"][..]), number())
            .prop_map(|(name, value)| format!("26 \"{name}\" \"{value}\" ")),
        2 => (Just("status"), select(&["0501", "06a0", "0000", "501", "+501"][..]))
            .prop_map(|(name, value)| format!("26 \"{name}\" \"{value}\" ")),
        3 => (
            select(&["message-id", "user-id", "correlation-id", "content-encoding", "reason", "trace-id", "@", "@a", "@version", "to", "Status"][..]),
            select(&["", "a", "é"][..]),
        )
            .prop_map(|(name, value)| format!("26 \"{name}\" \"{value}\" ")),
    ];
    let needed =
        select(&["", "26 \"sequence-no\" \"1\" 26 \"enqueued-time\" \"2\" 26 \"delivery-count\" \"3\" "][..]);
    let first = select(&["", "", "03 \"text\" ", "01 01 ", "08 \"x\" "][..]);
    let request = select(
        &[
            "09 \"1\" ",
            "09 0002 00ff ",
            "09 \"0123456789abcdef\" ",
            "09 \"0123456789abcdefX\" ",
            "09 0000 ",
            "",
        ][..],
    );
    let parts =
        (vec(property, 0..3), needed, first, request).prop_map(|(mut parts, needed, first, request)| {
            parts.extend([needed, first, request].map(str::to_owned));
            parts
        });
    parts.prop_shuffle().prop_map(|parts| wire(&parts.concat()).0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_second_reader_agrees_about_messages(
        bytes in prop_oneof![4 => any_said(), 1 => any_wire()],
        topic in select(&[
            "$iothub/telemetry", "$iothub/commands", "$iothub/responses", "$iothub/twin/get",
            "$iothub/twin/patch/reported", "$iothub/twin/patch/desired", "$iothub/methods/m", "$iothub/methods/",
            "$iothub/methods/m/", "$iothub/", "",
        ][..]),
        receiver in select(&[Receiver::Hub, Receiver::Device][..]),
        qos in any_qos(),
        retain: bool,
    ) {
        let Ok(section) = PropertySection::from_wire(&bytes, SectionOf::Publish) else { return Ok(()) };
        let properties = naive::read(&bytes, SectionOf::Publish).unwrap();
        let publish = Publish { properties: section, qos, retain, ..Publish::new(topic, b"{}") };
        let expected = naive_message::read(receiver, &publish, &properties);
        prop_assert_eq!(plain::read(device(), receiver, &publish), expected);
    }
}

/// A section of many properties takes as long as many sections of one: the last of them is found all the same.
#[test]
fn a_section_as_long_as_a_packet_is_read() {
    let words: String = (0..16_384).map(|number| format!("@{number}={number} ")).collect();
    let (bytes, _) = wire(&words);
    assert!(bytes.len() > 200_000);
    let properties = PropertySection::from_wire(&bytes, SectionOf::Publish).unwrap();
    let publish = Publish { properties, ..Publish::new("$iothub/telemetry", b"") };
    let Ok(ToHub::Telemetry(telemetry)) = device().decode_to_hub(&publish) else { panic!() };
    assert_eq!(telemetry.properties.get("16383"), Some(Text::plain("16383")));
    let cut = PropertySection::from_wire(&bytes[..bytes.len() - 1], SectionOf::Publish);
    assert_eq!(cut.map_err(|error| error.kind), Err(DecodeErrorKind::Malformed));
}
