//! What is not written, because it would arrive as something else or not at all.

use iothub_codec::{
    Command, Content, EncodeError, Field, Input, MethodCall, Operation, Properties, Publish, Reply,
    RequestId, Status, SystemProperty, Telemetry, Text, TwinGet, TwinPart, TwinPatch,
};

use crate::ends::{device, module, request};
use EncodeError::{BadValue, Missing, NotExpressible};

const COMMAND: [(SystemProperty, &str); 3] = [
    (SystemProperty::SequenceNumber, "1"),
    (SystemProperty::EnqueuedTime, "1"),
    (SystemProperty::DeliveryCount, "1"),
];

fn telemetry<'a>(
    system: &'a [(SystemProperty, &'a str)],
    application: &'a [(&'a str, &'a str)],
) -> Telemetry<'a> {
    Telemetry { properties: Properties::new(system, application), ..Telemetry::default() }
}

fn error(result: Result<Publish<'_>, EncodeError>) -> EncodeError {
    result.expect_err("it is not to be written")
}

#[test]
fn properties_that_the_dialect_does_not_have() {
    use SystemProperty::{ContentType, CreationTime, DeliveryCount, SequenceNumber};
    for property in SystemProperty::ALL.iter().copied() {
        let system = [(property, "1")];
        let mut out = [0; 256];
        let written = device().encode(&telemetry(&system, &[]), &mut out).map(drop);
        let has = crate::DIALECT.operation(iothub_codec::OperationKind::Telemetry).unwrap();
        let known = has.properties().any(|row| row.property == property);
        assert_eq!(written, if known { Ok(()) } else { Err(NotExpressible) }, "{property:?}");
    }
    for (system, expected) in [
        (&[(CreationTime, "2020-01-01T00:00:00Z")][..], BadValue(Field::Property(CreationTime))),
        (&[(CreationTime, "")], BadValue(Field::Property(CreationTime))),
        (&[(ContentType, "a"), (ContentType, "b")], NotExpressible),
        (&[(SequenceNumber, "1")], NotExpressible),
        (&[(SystemProperty::MessageId, "a\0")], NotExpressible),
        (&[(ContentType, "\0")], NotExpressible),
    ] {
        let mut out = [0; 256];
        assert_eq!(error(device().encode(&telemetry(system, &[]), &mut out)), expected, "{system:?}");
    }
    for (system, expected) in [
        (&COMMAND[1..], Missing(Field::Property(SequenceNumber))),
        (&COMMAND[..2], Missing(Field::Property(DeliveryCount))),
        (&[(SequenceNumber, "-1")], BadValue(Field::Property(SequenceNumber))),
        (&[(DeliveryCount, "4294967296")], BadValue(Field::Property(DeliveryCount))),
        (&[(SystemProperty::To, "x")], NotExpressible),
    ] {
        let command = Command { properties: Properties::new(system, &[]), ..Command::default() };
        let mut out = [0; 256];
        assert_eq!(error(device().encode(&command, &mut out)), expected, "{system:?}");
    }
}

#[test]
fn names_and_values_of_the_application_that_mqtt_cannot_carry() {
    let longest = "x".repeat(65_535);
    let mut out = vec![0; 200_000];
    for (name, value, expected) in [
        ("a\0", "", Err(NotExpressible)),
        ("", "\0", Err(NotExpressible)),
        ("", &longest, Ok(65_535 + 6)),
        ("x", &format!("{longest}x"), Err(EncodeError::PropertyTooLong { len: 65_536 })),
        (&longest[1..], "", Ok(65_535 + 5)),
        // The mark in front counts.
        (&longest, "", Err(EncodeError::PropertyTooLong { len: 65_536 })),
    ] {
        let application = [(name, value)];
        let written = device().encode(&telemetry(&[], &application), &mut out);
        assert_eq!(written.map(|publish| publish.properties.as_wire().len()), expected);
    }
}

#[test]
fn a_text_that_is_none_once_it_is_decoded() {
    let read = iothub_codec::Codec::new(iothub_codec::Dialect::Classic, device().identity());
    for (properties, expected) in [
        ("a=%C3%A9", Ok(())),
        ("a=%FF", Err(NotExpressible)),
        ("%C3=1", Err(NotExpressible)),
        ("a=%00", Err(NotExpressible)),
    ] {
        let topic = format!("devices/dev-1/messages/events/{properties}");
        let publish = Publish::new(&topic, b"");
        let Ok(iothub_codec::ToHub::Telemetry(telemetry)) = read.decode_to_hub(&publish) else { panic!() };
        let mut out = [0; 64];
        assert_eq!(device().encode(&telemetry, &mut out).map(drop), expected, "{properties}");
    }
}

#[test]
fn a_text_that_mqtt_does_not_take_is_told_once_there_is_room_for_it() {
    for (system, application) in
        [(&[(SystemProperty::MessageId, "a\0")][..], &[][..]), (&[], &[("a", "\0")]), (&[], &[("\0", "")])]
    {
        let telemetry = telemetry(system, application);
        let EncodeError::BufferTooSmall { needed } = error(device().encode(&telemetry, &mut [])) else {
            panic!("{system:?} {application:?}")
        };
        let mut out = vec![0; needed];
        assert_eq!(error(device().encode(&telemetry, &mut out)), NotExpressible);
    }
}

#[test]
fn requests_that_cannot_be_made() {
    let id = request("1");
    let long = RequestId::new(&[b'x'; 17]).unwrap();
    let part = |part| TwinGet { part, ..TwinGet::new(id) };
    let mut out = [0; 128];
    for (get, expected) in [
        (part(TwinPart::Desired), NotExpressible),
        (part(TwinPart::Reported), NotExpressible),
        (TwinGet { known_version: Some(1), ..TwinGet::new(id) }, NotExpressible),
        (TwinGet::new(long), BadValue(Field::RequestId)),
    ] {
        assert_eq!(error(device().encode(&get, &mut out)), expected, "{get:?}");
    }
    let patch = TwinPatch { request: long, patch: b"", if_version: None };
    assert_eq!(error(device().encode(&patch, &mut out)), BadValue(Field::RequestId));
    for name in ["", "a/b", "a+", "#", "é", "a b", "a\0"] {
        let call = MethodCall::new(id, name, b"");
        assert_eq!(error(device().encode(&call, &mut out)), BadValue(Field::MethodName), "{name}");
    }
    let encoding = Content { encoding: Some(Text::plain("utf-8")), ..Content::default() };
    let call = MethodCall { content: encoding, ..MethodCall::new(id, "m", b"") };
    assert_eq!(error(device().encode(&call, &mut out)), NotExpressible);
    let input = Input { name: Text::plain("in1"), ..Input::default() };
    assert_eq!(error(module().encode(&input, &mut out)), NotExpressible);
    let retained = Telemetry { retain: true, ..Telemetry::default() };
    assert_eq!(error(device().encode(&retained, &mut out)), NotExpressible);
}

#[test]
fn the_longest_name_of_a_method_fills_the_topic() {
    let mut out = vec![0; 70_000];
    for (len, expected) in [(65_519, Ok(65_535)), (65_520, Err(EncodeError::TopicTooLong { len: 65_536 }))] {
        let name = "m".repeat(len);
        let call = MethodCall::new(request("1"), &name, b"");
        assert_eq!(device().encode(&call, &mut out).map(|publish| publish.topic.len()), expected);
    }
}

#[test]
fn answers_that_cannot_be_given() {
    use Operation::{Method, TwinGet, TwinPatch};
    let reply = |status, code, version| Reply { code, version, ..Reply::new(request("1"), status) };
    let done = Status::SUCCESS;
    let encoding = Content { encoding: Some(Text::plain("utf-8")), ..Content::default() };
    for (operation, reply, expected) in [
        (Method("m"), reply(done, Some(-1), None), BadValue(Field::Status)),
        (Method("m"), reply(done, Some(200), Some(1)), NotExpressible),
        (Method("m"), Reply { content: encoding, ..reply(done, None, None) }, NotExpressible),
        (TwinPatch, reply(done, None, None), Missing(Field::Version)),
        (TwinPatch, reply(Status::CONFLICT, None, Some(1)), NotExpressible),
        (TwinGet, reply(done, None, Some(1)), NotExpressible),
        (TwinGet, reply(done, Some(404), None), BadValue(Field::Status)),
        (TwinGet, reply(Status::NOT_FOUND, Some(200), None), BadValue(Field::Status)),
        (TwinGet, reply(Status::NOT_MODIFIED, Some(204), None), BadValue(Field::Status)),
    ] {
        let mut out = [0; 128];
        assert_eq!(error(device().encode_reply(operation, &reply, &mut out)), expected, "{reply:?}");
    }
    let long = Reply::new(RequestId::new(&[0; 17]).unwrap(), done);
    assert_eq!(
        error(device().encode_reply(TwinGet, &long, &mut [0; 128])),
        BadValue(Field::RequestId),
        "no request had it"
    );
}
