//! What is not written, because it would arrive as something else or not at all.

use iothub_codec::{
    Codec, Command, Content, Dialect, EncodeError, Field, Input, MethodCall, Operation, Properties, Publish,
    Reply, RequestId, Status, SystemProperty, Telemetry, Text, ToHub, TwinGet, TwinPart,
};

use crate::ends::{device, module, request};

const NOT_EXPRESSIBLE: EncodeError = EncodeError::NotExpressible;

#[test]
fn modules_have_no_inputs_and_nothing_is_retained() {
    let mut out = [0; 64];
    let input = Input { name: Text::plain("in"), ..Input::default() };
    assert_eq!(module().encode(&input, &mut out), Err(NOT_EXPRESSIBLE));
    let telemetry = Telemetry { retain: true, ..Telemetry::default() };
    assert_eq!(device().encode(&telemetry, &mut out), Err(NOT_EXPRESSIBLE));
}

/// As a gateway would that passes a request on.
#[test]
fn an_id_that_stood_escaped_goes_into_another_dialect_only_if_it_can_stand_there_plain() {
    for (topic, expected) in [
        ("$az/iot/twin/get/?rid=a%2Fb", Ok("$iothub/twin/GET/?$rid=a/b")),
        ("$az/iot/twin/get/?rid=a%26b", Err(EncodeError::BadValue(Field::RequestId))),
        ("$az/iot/twin/get/?rid=%00", Err(EncodeError::BadValue(Field::RequestId))),
    ] {
        let Ok(ToHub::TwinGet(get)) = device().decode_to_hub(&Publish::new(topic, b"")) else {
            panic!("{topic}")
        };
        let classic = Codec::new(Dialect::Classic, device().identity());
        let mut out = [0; 64];
        assert_eq!(classic.encode(&get, &mut out).map(|publish| publish.topic), expected, "{topic}");
    }
}

#[test]
fn method_names_are_those_of_the_other_dialects() {
    for (name, expected) in [
        ("", false),
        ("a/b", false),
        ("a+", false),
        ("#", false),
        ("a b", false),
        ("é", false),
        ("a?", false),
        ("response", true),
        ("get.State_2-x%20", true),
    ] {
        let mut out = [0; 64];
        let call = device().encode(&MethodCall::new(request("1"), name, b""), &mut out).map(drop);
        let expected = if expected { Ok(()) } else { Err(EncodeError::BadValue(Field::MethodName)) };
        assert_eq!(call, expected, "{name}");
        let reply = Reply::new(request("1"), Status::SUCCESS);
        let answer = device().encode_reply(Operation::Method(name), &reply, &mut out).map(drop);
        assert_eq!(answer, expected, "{name}");
    }
}

#[test]
fn a_request_id_has_at_most_32_bytes() {
    for (len, expected) in [(32, Ok(())), (33, Err(EncodeError::BadValue(Field::RequestId)))] {
        let id = vec![b'/'; len];
        let get = TwinGet::new(RequestId::new(&id).unwrap());
        let mut out = [0; 128];
        assert_eq!(device().encode(&get, &mut out).map(drop), expected);
    }
}

#[test]
fn only_sections_are_asked_for_on_a_condition() {
    let mut out = [0; 64];
    let get = TwinGet { known_version: Some(1), ..TwinGet::new(request("1")) };
    assert_eq!(device().encode(&get, &mut out), Err(NOT_EXPRESSIBLE));
    assert!(device().encode(&TwinGet { part: TwinPart::Desired, ..get }, &mut out).is_ok());
}

#[test]
fn answers_say_what_belongs_to_their_operation_and_no_less() {
    let done = Reply::new(request("1"), Status::SUCCESS);
    let json = Content { media_type: Some(Text::plain("application/json")), encoding: None };
    let patched = Reply { version: Some(1), ..done };
    let bad_status = EncodeError::BadValue(Field::Status);
    for (operation, reply, expected) in [
        (Operation::TwinPatch, done, EncodeError::Missing(Field::Version)),
        (Operation::Method("m"), patched, NOT_EXPRESSIBLE),
        (Operation::TwinGet, Reply { content: json, ..done }, NOT_EXPRESSIBLE),
        (Operation::TwinPatch, Reply { content: json, ..patched }, NOT_EXPRESSIBLE),
        (Operation::Method("m"), Reply { code: Some(-1), ..done }, bad_status),
        // The number says something else than the status, and could not be written.
        (Operation::TwinGet, Reply { code: Some(404), ..done }, bad_status),
        (Operation::TwinPatch, Reply { code: Some(200), status: Status::THROTTLED, ..done }, bad_status),
    ] {
        let mut out = [0; 64];
        assert_eq!(device().encode_reply(operation, &reply, &mut out), Err(expected), "{reply:?}");
    }
}

#[test]
fn properties_belong_to_what_carries_them_and_are_of_their_type() {
    use SystemProperty as P;
    let required =
        [(P::SequenceNumber, "1"), (P::Expiry, "2"), (P::EnqueuedTime, "3"), (P::DeliveryCount, "4")];
    let with = |property: P, value: &'static str| {
        let mut system = required.to_vec();
        system.retain(|(each, _)| *each != property);
        system.push((property, value));
        system
    };
    let bad = |property| EncodeError::BadValue(Field::Property(property));
    for (property, value, in_telemetry, in_command) in [
        (P::MessageId, "m", Ok(()), Ok(())),
        (P::CreationTime, "5", Ok(()), Ok(())),
        (P::CreationTime, "2020-10-01T00:00:00Z", Err(bad(P::CreationTime)), Err(bad(P::CreationTime))),
        (P::Component, "c", Ok(()), Err(NOT_EXPRESSIBLE)),
        (P::TraceParent, "00", Ok(()), Err(NOT_EXPRESSIBLE)),
        (P::Expiry, "2", Err(NOT_EXPRESSIBLE), Ok(())),
        (P::Expiry, "soon", Err(NOT_EXPRESSIBLE), Err(bad(P::Expiry))),
        (P::DeliveryCount, "4294967296", Err(NOT_EXPRESSIBLE), Err(bad(P::DeliveryCount))),
        (P::SequenceNumber, "", Err(NOT_EXPRESSIBLE), Err(bad(P::SequenceNumber))),
        (P::To, "/devices/dev-1", Err(NOT_EXPRESSIBLE), Err(NOT_EXPRESSIBLE)),
        (P::Ack, "full", Err(NOT_EXPRESSIBLE), Err(NOT_EXPRESSIBLE)),
        (P::OutputName, "out", Err(NOT_EXPRESSIBLE), Err(NOT_EXPRESSIBLE)),
    ] {
        let mut out = [0; 128];
        let system = [(property, value)];
        let telemetry = Telemetry { properties: Properties::new(&system, &[]), ..Telemetry::default() };
        assert_eq!(device().encode(&telemetry, &mut out).map(drop), in_telemetry, "{property:?} {value}");
        let system = with(property, value);
        let command = Command { properties: Properties::new(&system, &[]), ..Command::default() };
        assert_eq!(device().encode(&command, &mut out).map(drop), in_command, "{property:?} {value}");
    }
}

#[test]
fn a_command_without_what_it_must_say_is_not_written() {
    use SystemProperty::{DeliveryCount, EnqueuedTime, Expiry, SequenceNumber};
    let all = [(SequenceNumber, "1"), (Expiry, "2"), (EnqueuedTime, "3"), (DeliveryCount, "4")];
    for (missing, _) in all {
        let mut system = all.to_vec();
        system.retain(|(each, _)| *each != missing);
        let command = Command { properties: Properties::new(&system, &[]), ..Command::default() };
        let expected = EncodeError::Missing(Field::Property(missing));
        assert_eq!(device().encode(&command, &mut [0; 64]), Err(expected));
    }
}

#[test]
fn a_topic_is_as_long_as_mqtt_lets_it_be_and_no_longer() {
    let room = 65_535 - "$az/iot/telemetry/?@a=".len();
    for (len, expected) in [(room, Ok(65_535)), (room + 1, Err(EncodeError::TopicTooLong { len: 65_536 }))] {
        let value = "x".repeat(len);
        let application = [("a", value.as_str())];
        let telemetry = Telemetry { properties: Properties::new(&[], &application), ..Telemetry::default() };
        let mut out = vec![0; 70_000];
        let written = device().encode(&telemetry, &mut out).map(|publish| publish.topic.len());
        assert_eq!(written, expected);
    }
}
