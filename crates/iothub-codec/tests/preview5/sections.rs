//! Property sections of every packet: what MQTT has in them, what is wrong and where, and how they are written.

use iothub_codec::{
    DecodeError, DecodeErrorKind, EncodeError, Place, PropertySection, Qos, SectionOf, SectionProperty,
    SectionWriter, UserProperty,
};

use crate::wire::wire;
use DecodeErrorKind::{Malformed, NotAllowed};
use SectionOf::{
    Auth, ConnAck, Connect, Disconnect, PubAck, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe, Will,
};

pub(crate) const PACKETS: [SectionOf; 11] =
    [Connect, Will, ConnAck, Publish, PubAck, Subscribe, SubAck, Unsubscribe, UnsubAck, Disconnect, Auth];

/// Table 2-4 of MQTT 5: each property, with a value, where it may stand.
const TABLE: [(&str, SectionProperty<'static>, &[SectionOf]); 27] = [
    ("01 01", SectionProperty::PayloadFormatIndicator(true), &[Publish, Will]),
    ("02 00000e10", SectionProperty::MessageExpiryInterval(3600), &[Publish, Will]),
    ("03 \"text/é\"", SectionProperty::ContentType("text/é"), &[Publish, Will]),
    ("08 \"a/b\"", SectionProperty::ResponseTopic("a/b"), &[Publish, Will]),
    ("09 0003 00ff2b", SectionProperty::CorrelationData(b"\0\xff+"), &[Publish, Will]),
    ("0b ffffff7f", SectionProperty::SubscriptionIdentifier(268_435_455), &[Publish, Subscribe]),
    ("11 ffffffff", SectionProperty::SessionExpiryInterval(u32::MAX), &[Connect, ConnAck, Disconnect]),
    ("12 \"c\"", SectionProperty::AssignedClientIdentifier("c"), &[ConnAck]),
    ("13 0474", SectionProperty::ServerKeepAlive(1140), &[ConnAck]),
    ("15 \"SAS\"", SectionProperty::AuthenticationMethod("SAS"), &[Connect, ConnAck, Auth]),
    ("16 0002 00ff", SectionProperty::AuthenticationData(b"\0\xff"), &[Connect, ConnAck, Auth]),
    ("17 00", SectionProperty::RequestProblemInformation(false), &[Connect]),
    ("18 00000000", SectionProperty::WillDelayInterval(0), &[Will]),
    ("19 01", SectionProperty::RequestResponseInformation(true), &[Connect]),
    ("1a \"\"", SectionProperty::ResponseInformation(""), &[ConnAck]),
    ("1c \"hub2\"", SectionProperty::ServerReference("hub2"), &[ConnAck, Disconnect]),
    (
        "1f \"why\"",
        SectionProperty::ReasonString("why"),
        &[ConnAck, PubAck, SubAck, UnsubAck, Disconnect, Auth],
    ),
    ("21 0001", SectionProperty::ReceiveMaximum(1), &[Connect, ConnAck]),
    ("22 0000", SectionProperty::TopicAliasMaximum(0), &[Connect, ConnAck]),
    ("23 ffff", SectionProperty::TopicAlias(u16::MAX), &[Publish]),
    ("24 01", SectionProperty::MaximumQos(Qos::AtLeastOnce), &[ConnAck]),
    ("25 00", SectionProperty::RetainAvailable(false), &[ConnAck]),
    ("26 \"a\" \"b\"", SectionProperty::User(UserProperty { name: "a", value: "b" }), &PACKETS),
    ("27 00000100", SectionProperty::MaximumPacketSize(256), &[Connect, ConnAck]),
    ("28 00", SectionProperty::WildcardSubscriptionAvailable(false), &[ConnAck]),
    ("29 01", SectionProperty::SubscriptionIdentifiersAvailable(true), &[ConnAck]),
    ("2a 00", SectionProperty::SharedSubscriptionAvailable(false), &[ConnAck]),
];

#[test]
fn each_property_stands_where_it_may_and_nowhere_else() {
    for (words, property, packets) in TABLE {
        let (bytes, _) = wire(words);
        assert_eq!(property.id(), bytes[0]);
        for of in PACKETS {
            let mut out = [0; 16];
            let mut writer = SectionWriter::new(of, &mut out);
            let written = writer.put(property);
            let read = PropertySection::from_wire(&bytes, of);
            if packets.contains(&of) {
                written.unwrap();
                assert_eq!(writer.finish().unwrap().as_wire(), bytes, "{property:?} in {of:?}");
                assert!(read.unwrap().iter().eq([property]), "{property:?} in {of:?}");
            } else {
                assert_eq!(written, Err(EncodeError::NotExpressible), "{property:?} in {of:?}");
                assert_eq!(writer.finish(), Ok(PropertySection::EMPTY));
                let error = DecodeError { place: Place::Properties(0), kind: Malformed };
                assert_eq!(read, Err(error), "{property:?} in {of:?}");
            }
        }
    }
}

#[test]
fn each_identifier_that_is_not_in_the_table_is_none() {
    for id in 0..=u8::MAX {
        let known = TABLE.iter().any(|(_, property, _)| property.id() == id);
        let bytes = [id, 0, 1, 1, 0, 0];
        let read = PACKETS.map(|of| PropertySection::from_wire(&bytes, of));
        let whole = Err(DecodeError { place: Place::Properties(0), kind: Malformed });
        assert!(known || read.iter().all(|read| *read == whole), "{id:#x}");
    }
}

#[test]
fn no_property_stands_twice_but_those_that_may() {
    for (words, property, packets) in TABLE {
        let (bytes, _) = wire(words);
        let of = packets[0];
        let (once, twice) = (bytes.clone(), [bytes.clone(), bytes].concat());
        let mut out = [0; 32];
        let mut writer = SectionWriter::new(of, &mut out);
        writer.put(property).unwrap();
        let again = writer.put(property);
        let read = PropertySection::from_wire(&twice, of);
        if matches!(property, SectionProperty::User(_) | SectionProperty::SubscriptionIdentifier(_)) {
            assert!(read.unwrap().iter().eq([property; 2]));
            assert_eq!(again, Ok(()));
        } else {
            let error = DecodeError { place: Place::Properties(once.len()), kind: NotAllowed };
            assert_eq!(read, Err(error), "{property:?}");
            assert_eq!(again, Err(EncodeError::NotExpressible), "{property:?}");
            assert_eq!(writer.finish().unwrap().as_wire(), once, "nothing is left of it");
        }
    }
    let (twice, _) = wire("0b 01 0b 01");
    let error = DecodeError { place: Place::Properties(2), kind: NotAllowed };
    assert_eq!(PropertySection::from_wire(&twice, Subscribe), Err(error), "only a PUBLISH has several");
}

#[test]
fn each_cut_is_noticed_at_the_property_that_is_cut() {
    for (words, _, packets) in TABLE {
        let (bytes, _) = wire(words);
        for len in 1..bytes.len() {
            // Behind a whole one, to tell the places apart.
            let cut = [&[0x26, 0, 0, 0, 0], &bytes[..len]].concat();
            let error = DecodeError { place: Place::Properties(5), kind: Malformed };
            assert_eq!(PropertySection::from_wire(&cut, packets[0]), Err(error), "{words} at {len}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_value_and_where() {
    for (of, words, kind) in [
        (Publish, "‸01 02", NotAllowed),
        (Publish, "26 \"a\" \"b\" ‸01 ff", NotAllowed),
        (Connect, "‸17 02", NotAllowed),
        (Connect, "‸19 80", NotAllowed),
        (ConnAck, "‸24 02", NotAllowed),
        (ConnAck, "‸25 02", NotAllowed),
        (ConnAck, "‸28 02", NotAllowed),
        (ConnAck, "‸29 02", NotAllowed),
        (ConnAck, "‸2a 02", NotAllowed),
        (ConnAck, "‸21 0000", NotAllowed),
        (Connect, "22 0000 ‸27 00000000", NotAllowed),
        (Publish, "‸23 0000", NotAllowed),
        (Publish, "‸0b 00", NotAllowed),
        (Publish, "‸0b 8000", Malformed),
        (Publish, "‸0b 8100", Malformed),
        (Publish, "‸0b ffffffff7f", Malformed),
        (Publish, "‸0b ffffffff", Malformed),
        (Publish, "‸08 \"a/#\"", NotAllowed),
        (Publish, "‸08 \"+\"", NotAllowed),
        (Publish, "‸03 0001 00", Malformed),
        (Publish, "‸03 0002 c328", Malformed),
        (Publish, "‸03 0003 eda080", Malformed),
        (Publish, "03 \"a\" ‸26 0001 ff \"b\"", Malformed),
        (Publish, "‸26 \"a\" 0001 80", Malformed),
        (Publish, "‸26 0001 00 \"b\"", Malformed),
        (Auth, "‸1f 0001 00", Malformed),
        (Publish, "26 \"a\" \"b\" ‸26 \"a\" ffff", Malformed),
        // Malformed comes before what is not allowed: here a second one, and a value in the wrong packet.
        (Subscribe, "0b 01 ‸0b 8000", Malformed),
        (Publish, "03 \"a\" ‸03 0001 ff", Malformed),
        (Publish, "‸25 02", Malformed),
        // An identifier may not be written longer than it is.
        (Publish, "‸8100 01", Malformed),
    ] {
        let (bytes, at) = wire(words);
        let error = DecodeError { place: Place::Properties(at.expect("there is a mark")), kind };
        assert_eq!(PropertySection::from_wire(&bytes, of), Err(error), "{of:?} {words}");
    }
}

#[test]
fn every_length_of_a_number_is_read() {
    for (words, number) in [
        ("0b 01", 1),
        ("0b 7f", 127),
        ("0b 8001", 128),
        ("0b ff7f", 16_383),
        ("0b 808001", 16_384),
        ("0b ffff7f", 2_097_151),
        ("0b 80808001", 2_097_152),
        ("0b ffffff7f", 268_435_455),
    ] {
        let (bytes, _) = wire(words);
        let section = PropertySection::from_wire(&bytes, Subscribe).unwrap();
        assert_eq!(section.subscription_identifier(), Some(number));
        let mut out = [0; 8];
        let mut writer = SectionWriter::new(Subscribe, &mut out);
        writer.put(SectionProperty::SubscriptionIdentifier(number)).unwrap();
        assert_eq!(writer.finish().unwrap().as_wire(), bytes);
    }
}

#[test]
fn what_may_not_be_written_is_not() {
    let long = "x".repeat(65_536);
    let too_long = EncodeError::PropertyTooLong { len: 65_536 };
    let user = |name, value| SectionProperty::User(UserProperty { name, value });
    for (of, property, expected) in [
        (ConnAck, SectionProperty::ReceiveMaximum(0), EncodeError::NotExpressible),
        (ConnAck, SectionProperty::MaximumPacketSize(0), EncodeError::NotExpressible),
        (Publish, SectionProperty::TopicAlias(0), EncodeError::NotExpressible),
        (Publish, SectionProperty::SubscriptionIdentifier(0), EncodeError::NotExpressible),
        (Publish, SectionProperty::SubscriptionIdentifier(268_435_456), EncodeError::NotExpressible),
        (Publish, SectionProperty::ResponseTopic("a/+"), EncodeError::NotExpressible),
        (Publish, SectionProperty::ContentType("a\0"), EncodeError::NotExpressible),
        (Publish, SectionProperty::ContentType(&long), too_long),
        (Publish, SectionProperty::CorrelationData(long.as_bytes()), too_long),
        (Publish, user("\0", ""), EncodeError::NotExpressible),
        (Publish, user("", "\0"), EncodeError::NotExpressible),
        (Publish, user(&long, ""), too_long),
        (Publish, user("", &long), too_long),
    ] {
        let mut out = vec![0; 70_000];
        let mut writer = SectionWriter::new(of, &mut out);
        writer.put(user("before", "")).unwrap();
        assert_eq!(writer.put(property), Err(expected));
        writer.put(user("behind", "")).unwrap();
        let section = writer.finish().unwrap();
        let names: Vec<_> = section.user().map(|user| user.name).collect();
        assert_eq!(names, ["before", "behind"], "it can be gone on with");
        assert_eq!(PropertySection::from_wire(section.as_wire(), of), Ok(section));
    }
}

#[test]
fn each_property_can_be_asked_for() {
    let all = |of: SectionOf| -> Vec<u8> {
        TABLE
            .iter()
            .filter(|(_, _, packets)| packets.contains(&of))
            .flat_map(|(words, ..)| wire(words).0)
            .collect()
    };
    let bytes = all(Publish);
    let publish = PropertySection::from_wire(&bytes, Publish).unwrap();
    assert_eq!(publish.payload_format_indicator(), Some(true));
    assert_eq!(publish.message_expiry_interval(), Some(3600));
    assert_eq!(publish.content_type(), Some("text/é"));
    assert_eq!(publish.response_topic(), Some("a/b"));
    assert_eq!(publish.correlation_data(), Some(&b"\0\xff+"[..]));
    assert_eq!(publish.subscription_identifier(), Some(268_435_455));
    assert_eq!(publish.topic_alias(), Some(u16::MAX));
    assert_eq!(publish.reason_string(), None);
    assert!(publish.user().eq([UserProperty { name: "a", value: "b" }]));

    let bytes = all(ConnAck);
    let connack = PropertySection::from_wire(&bytes, ConnAck).unwrap();
    assert_eq!(connack.session_expiry_interval(), Some(u32::MAX));
    assert_eq!(connack.assigned_client_identifier(), Some("c"));
    assert_eq!(connack.server_keep_alive(), Some(1140));
    assert_eq!(connack.authentication_method(), Some("SAS"));
    assert_eq!(connack.authentication_data(), Some(&b"\0\xff"[..]));
    assert_eq!(connack.response_information(), Some(""));
    assert_eq!(connack.server_reference(), Some("hub2"));
    assert_eq!(connack.reason_string(), Some("why"));
    assert_eq!(connack.receive_maximum(), Some(1));
    assert_eq!(connack.topic_alias_maximum(), Some(0));
    assert_eq!(connack.maximum_qos(), Some(Qos::AtLeastOnce));
    assert_eq!(connack.retain_available(), Some(false));
    assert_eq!(connack.maximum_packet_size(), Some(256));
    assert_eq!(connack.wildcard_subscription_available(), Some(false));
    assert_eq!(connack.subscription_identifiers_available(), Some(true));
    assert_eq!(connack.shared_subscription_available(), Some(false));

    let bytes = [all(Connect), wire("26 \"a\" \"c\"").0].concat();
    let connect = PropertySection::from_wire(&bytes, Connect).unwrap();
    assert_eq!(connect.request_problem_information(), Some(false));
    assert_eq!(connect.request_response_information(), Some(true));
    assert!(connect.user().map(|user| user.value).eq(["b", "c"]));
    let bytes = all(Will);
    assert_eq!(PropertySection::from_wire(&bytes, Will).unwrap().will_delay_interval(), Some(0));
}

#[test]
fn a_signature_is_not_for_logs() {
    let (bytes, _) = wire("15 \"SAS\" 16 0002 5a5b a=b");
    let section = PropertySection::from_wire(&bytes, Auth).unwrap();
    let printed = format!("{section:?}");
    assert_eq!(
        printed,
        "[AuthenticationMethod(\"SAS\"), AuthenticationData(..), User(UserProperty { name: \"a\", value: \"b\" })]"
    );
}
