//! Every operation of the dialect. What is written is what is read.

use iothub_codec::{
    Command, Content, DesiredChanged, MethodCall, Name, Operation, Properties, Publish, Qos, Reply, Status,
    SystemProperty, Telemetry, Text, ToDevice, ToHub, TwinGet, TwinPatch,
};

use crate::ends::{device, module, request};
use crate::wire::{publish, wire};
use SystemProperty::{
    ContentEncoding, ContentType, CorrelationId, CreationTime, DeliveryCount, EnqueuedTime, MessageId,
    SequenceNumber, UserId,
};

const PAYLOAD: &[u8] = b"{\"t\":21}";
const JSON: Content<'static> = Content { media_type: Some(Text::plain("application/json")), encoding: None };

/// All that telemetry can say, in the order of the reference.
const TELEMETRY: &[(SystemProperty, &str)] = &[
    (ContentType, "text/plain"),
    (ContentEncoding, "utf-8"),
    (MessageId, "m1"),
    (UserId, "u1"),
    (CorrelationId, "c1"),
    (CreationTime, "1600987195320"),
];

/// What a command must say.
const REQUIRED: &[(SystemProperty, &str)] =
    &[(SequenceNumber, "18446744073709551615"), (EnqueuedTime, "0"), (DeliveryCount, "4294967295")];

/// All that a command can say, in the order of the reference.
const COMMAND: &[(SystemProperty, &str)] = &[
    (SequenceNumber, "3"),
    (EnqueuedTime, "1600987195320"),
    (DeliveryCount, "1"),
    (CreationTime, "1600987195319"),
    (MessageId, "m1"),
    (UserId, "u1"),
    (CorrelationId, "c1"),
    (ContentType, "text/plain"),
    (ContentEncoding, "utf-8"),
];

fn reply(id: &str, status: Status) -> Reply<'_> {
    Reply::new(request(id), status)
}

#[test]
fn each_message_to_the_hub_has_its_topic_and_section() {
    let telemetry = |system, application, qos| {
        let properties = Properties::new(system, application);
        ToHub::Telemetry(Telemetry { payload: PAYLOAD, properties, qos, retain: false })
    };
    let get = |id| ToHub::TwinGet(TwinGet::new(request(id)));
    let patch =
        |if_version| ToHub::TwinPatch(TwinPatch { request: request("a2"), patch: PAYLOAD, if_version });
    let answer = |code| Reply { code: Some(code), payload: PAYLOAD, ..reply("a2", Status::SUCCESS) };
    let unavailable = reply("a2", Status::TARGET_UNAVAILABLE);
    for (topic, section, message) in [
        ("$iothub/telemetry", "", telemetry(&[], &[], Qos::AtMostOnce)),
        (
            "$iothub/telemetry",
            "03 \"text/plain\" content-encoding=utf-8 message-id=m1 user-id=u1 correlation-id=c1 \
             creation-time=1600987195320",
            telemetry(TELEMETRY, &[], Qos::AtLeastOnce),
        ),
        (
            "$iothub/telemetry",
            "message-id= @=empty @MyProperty1= 26 \"@ No_Rules-ForUser-PROPERTIES\" \"any é\" \
             @message-id=mine @@=@ @a=1 @a=2",
            telemetry(
                &[(MessageId, "")],
                &[
                    ("", "empty"),
                    ("MyProperty1", ""),
                    (" No_Rules-ForUser-PROPERTIES", "any é"),
                    ("message-id", "mine"),
                    ("@", "@"),
                    ("a", "1"),
                    ("a", "2"),
                ],
                Qos::AtLeastOnce,
            ),
        ),
        ("$iothub/twin/get", "09 \"a1\"", get("a1")),
        ("$iothub/twin/get", "09 \"0123456789abcdef\"", get("0123456789abcdef")),
        ("$iothub/twin/patch/reported", "09 \"a2\"", patch(None)),
        ("$iothub/twin/patch/reported", "09 \"a2\" if-version=0", patch(Some(0))),
        ("$iothub/twin/patch/reported", "09 \"a2\" if-version=18446744073709551615", patch(Some(u64::MAX))),
        ("$iothub/responses", "09 \"a2\" response-code=200", ToHub::Reply(answer(200))),
        ("$iothub/responses", "09 \"a2\" response-code=0", ToHub::Reply(answer(0))),
        ("$iothub/responses", "09 \"a2\" response-code=2147483647", ToHub::Reply(answer(i32::MAX))),
        (
            "$iothub/responses",
            "03 \"application/json\" 09 \"a2\" response-code=404",
            ToHub::Reply(Reply { content: JSON, ..answer(404) }),
        ),
        ("$iothub/responses", "09 \"a2\" status=06A0", ToHub::Reply(unavailable)),
        (
            "$iothub/responses",
            "09 \"a2\" response-code=500 status=06A2 reason=garbage",
            ToHub::Reply(Reply {
                code: Some(500),
                reason: Some(Text::plain("garbage")),
                ..reply("a2", Status::TARGET_FAILED)
            }),
        ),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 512];
            let written = match &message {
                ToHub::Telemetry(message) => codec.encode(message, &mut out),
                ToHub::TwinGet(message) => codec.encode(message, &mut out),
                ToHub::TwinPatch(message) => codec.encode(message, &mut out),
                ToHub::Reply(reply) => codec.encode_reply(Operation::Method("any"), reply, &mut out),
            }
            .unwrap();
            assert_eq!(written.topic, topic);
            assert_eq!(written.properties.as_wire(), wire(section).0, "{section}");
            assert_eq!(written.properties, publish(written.properties.as_wire()), "MQTT allows it");
            assert_eq!(codec.decode_to_hub(&written), Ok(message), "{section}");
        }
    }
}

#[test]
fn each_message_to_the_device_has_its_topic_and_section() {
    let command = |system, application, qos| {
        ToDevice::Command(Command { payload: b"hi", properties: Properties::new(system, application), qos })
    };
    let call = MethodCall::new(request("1f"), "get.State_2-x", PAYLOAD);
    let desired = |version, qos| ToDevice::DesiredChanged(DesiredChanged { version, patch: PAYLOAD, qos });
    for (topic, section, message) in [
        (
            "$iothub/commands",
            "sequence-no=18446744073709551615 enqueued-time=0 delivery-count=4294967295",
            command(REQUIRED, &[], Qos::AtLeastOnce),
        ),
        (
            "$iothub/commands",
            "sequence-no=3 enqueued-time=1600987195320 delivery-count=1 creation-time=1600987195319 \
             message-id=m1 user-id=u1 correlation-id=c1 03 \"text/plain\" content-encoding=utf-8 @color=red",
            command(COMMAND, &[("color", "red")], Qos::AtMostOnce),
        ),
        ("$iothub/methods/get.State_2-x", "09 \"1f\"", ToDevice::Method(call)),
        (
            "$iothub/methods/get.State_2-x",
            "03 \"application/json\" 09 \"1f\"",
            ToDevice::Method(MethodCall { content: JSON, ..call }),
        ),
        ("$iothub/twin/patch/desired", "version=9", desired(9, Qos::AtMostOnce)),
        ("$iothub/twin/patch/desired", "version=18446744073709551615", desired(u64::MAX, Qos::AtLeastOnce)),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 512];
            let written = match &message {
                ToDevice::Command(message) => codec.encode(message, &mut out),
                ToDevice::Input(message) => codec.encode(message, &mut out),
                ToDevice::Method(message) => codec.encode(message, &mut out),
                ToDevice::DesiredChanged(message) => codec.encode(message, &mut out),
                ToDevice::Reply(_) => unreachable!("answers have a table of their own"),
            }
            .unwrap();
            assert_eq!(written.topic, topic);
            assert_eq!(written.properties.as_wire(), wire(section).0, "{section}");
            assert_eq!(codec.decode_to_device(&written), Ok(message), "{section}");
        }
    }
}

#[test]
fn each_answer_of_a_twin_has_its_section() {
    use Operation::{TwinGet, TwinPatch};
    let why = Some(Text::plain("not an object"));
    let trace = Some(Text::plain("4bf92f35"));
    let done = reply("a2", Status::SUCCESS);
    for (operation, section, reply) in [
        (TwinGet, "09 \"a2\"", Reply { payload: PAYLOAD, ..done }),
        (TwinPatch, "09 \"a2\" version=6", Reply { version: Some(6), ..done }),
        (
            TwinPatch,
            "09 \"a2\" status=0100 26 \"reason\" \"not an object\"",
            Reply { reason: why, ..reply("a2", Status::BAD_REQUEST) },
        ),
        (
            TwinPatch,
            "09 \"a2\" status=0103 26 \"reason\" \"not an object\" trace-id=4bf92f35",
            Reply { reason: why, trace_id: trace, ..reply("a2", Status::CONFLICT) },
        ),
        (
            TwinGet,
            "09 \"a2\" status=0601 trace-id=4bf92f35",
            Reply { trace_id: trace, ..reply("a2", Status::SERVER_ERROR) },
        ),
        (TwinGet, "09 \"a2\" status=0001", reply("a2", Status::NOT_MODIFIED)),
        (TwinGet, "09 \"a2\" status=BEEF", reply("a2", Status::from_code(0xBEEF))),
    ] {
        let mut out = [0; 128];
        let written = device().encode_reply(operation, &reply, &mut out).unwrap();
        assert_eq!(written.topic, "$iothub/responses");
        assert_eq!(written.properties.as_wire(), wire(section).0, "{section}");
        assert_eq!(device().decode_to_device(&written), Ok(ToDevice::Reply(reply)), "{section}");
    }
    for status in Status::ALL {
        let reply = Reply { version: (*status == Status::SUCCESS).then_some(1), ..reply("a2", *status) };
        let mut out = [0; 128];
        let written = device().encode_reply(TwinPatch, &reply, &mut out).unwrap();
        assert_eq!(device().decode_to_device(&written), Ok(ToDevice::Reply(reply)), "{status}");
    }
}

/// A twin's answer has a number in the classic dialect, and here a status that says the same.
#[test]
fn a_number_of_http_is_not_sent_with_a_twin() {
    for (status, code, section) in [
        (Status::SUCCESS, 200, "09 \"a2\""),
        (Status::SUCCESS, 204, "09 \"a2\""),
        (Status::NOT_FOUND, 404, "09 \"a2\" status=0504"),
        (Status::THROTTLED, 429, "09 \"a2\" status=0501"),
    ] {
        let reply = Reply { code: Some(code), ..reply("a2", status) };
        let mut out = [0; 64];
        let written = device().encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
        assert_eq!(written.properties.as_wire(), wire(section).0, "{code}");
    }
}

/// A device may have its own reasons, but no peer would know them from a property of nobody's.
#[test]
fn what_a_status_may_not_have_is_left_out() {
    let (reason, trace_id) = (Some(Text::plain("r")), Some(Text::plain("t")));
    for (status, section) in [
        (Status::SUCCESS, "09 \"a2\""),
        (Status::THROTTLED, "09 \"a2\" status=0501"),
        (Status::BAD_REQUEST, "09 \"a2\" status=0100 reason=r"),
        (Status::NOT_AUTHORIZED, "09 \"a2\" status=0101 trace-id=t"),
        (Status::TARGET_TIMEOUT, "09 \"a2\" status=06A1 reason=r trace-id=t"),
    ] {
        let reply = Reply { reason, trace_id, ..reply("a2", status) };
        let mut out = [0; 64];
        let written = device().encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
        assert_eq!(written.properties.as_wire(), wire(section).0, "{status}");
    }
}

#[test]
fn an_answer_to_a_method_without_a_number_gets_the_usual_one() {
    let mut out = [0; 64];
    let written =
        device().encode_reply(Operation::Method("m"), &reply("a2", Status::SUCCESS), &mut out).unwrap();
    assert_eq!(written.properties.as_wire(), wire("09 \"a2\" response-code=200").0);
}

#[test]
fn correlation_data_is_any_bytes() {
    for id in [&b"\0"[..], b"\x01\xfa", b"\xff\xfe\0&#+/", &[0xAA; 16]] {
        let request = iothub_codec::RequestId::new(id).unwrap();
        let mut out = [0; 64];
        let written = device().encode(&TwinGet::new(request), &mut out).unwrap();
        assert_eq!(written.properties.correlation_data(), Some(id));
        assert_eq!(device().decode_to_hub(&written), Ok(ToHub::TwinGet(TwinGet::new(request))));
        let mut out = [0; 64];
        let answer = Reply::new(request, Status::SUCCESS);
        let written = device().encode_reply(Operation::TwinGet, &answer, &mut out).unwrap();
        assert_eq!(device().decode_to_device(&written), Ok(ToDevice::Reply(answer)));
    }
}

#[test]
fn more_is_read_than_is_written() {
    let read = |section: &str| {
        let (bytes, _) = wire(section);
        let publish = Publish { properties: publish(&bytes), ..Publish::new("$iothub/responses", b"") };
        let Ok(ToDevice::Reply(reply)) = device().decode_to_device(&publish) else { panic!("{section}") };
        (reply.status, reply.version, reply.reason.map(|text| text.to_string()))
    };
    for (section, expected) in [
        // Status in any case, anywhere, and the last of two.
        ("status=06a0 09 \"1\"", (Status::TARGET_UNAVAILABLE, None, None)),
        ("09 \"1\" status=0000", (Status::SUCCESS, None, None)),
        ("09 \"1\" status=0501 status=0502", (Status::QUOTA_EXCEEDED, None, None)),
        ("09 \"1\" status=0501 reason=slow", (Status::THROTTLED, None, Some("slow".to_owned()))),
        ("09 \"1\" reason=a trace-id=t reason=b", (Status::SUCCESS, None, Some("b".to_owned()))),
        ("09 \"1\" version=007", (Status::SUCCESS, Some(7), None)),
        // What is between the MQTT stacks, or means nothing.
        ("01 01 02 0000003c 08 \"x\" 09 \"1\" 23 0001 0b 05", (Status::SUCCESS, None, None)),
    ] {
        assert_eq!(read(section), expected, "{section}");
    }
    // B5: a device that cannot says so with either status.
    for (section, status) in
        [("09 \"1\" status=06A0", Status::TARGET_UNAVAILABLE), ("09 \"1\" status=0603", Status::SERVER_BUSY)]
    {
        let (bytes, _) = wire(section);
        let publish = Publish { properties: publish(&bytes), ..Publish::new("$iothub/responses", b"") };
        assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::Reply(reply("1", status))), "{section}");
    }
    // A reply at QoS 1 is acknowledged like any message; only what asks for one is not.
    let (bytes, _) = wire("09 \"1\" response-code=1");
    let publish = Publish {
        qos: Qos::AtLeastOnce,
        properties: publish(&bytes),
        ..Publish::new("$iothub/responses", b"")
    };
    assert!(device().decode_to_hub(&publish).is_ok());
}

#[test]
fn correlation_data_of_a_message_and_a_response_topic_mean_nothing() {
    let (bytes, _) = wire("09 \"0123456789abcdefX\" 08 \"somewhere/else\" 01 01 @a=1");
    let publish = Publish { properties: publish(&bytes), ..Publish::new("$iothub/telemetry", b"x") };
    let Ok(ToHub::Telemetry(telemetry)) = device().decode_to_hub(&publish) else { panic!() };
    assert_eq!(telemetry.properties, Properties::new(&[], &[("a", "1")]));
}

#[test]
fn properties_are_found_by_name() {
    let (bytes, _) =
        wire("message-id=1 @message-id=2 03 \"t\" creation-time=5 @a=first @a=last @A=other message-id=3");
    let publish = Publish { properties: publish(&bytes), ..Publish::new("$iothub/telemetry", b"") };
    let Ok(ToHub::Telemetry(telemetry)) = device().decode_to_hub(&publish) else { panic!() };
    let properties = telemetry.properties;
    for (name, value) in [
        (MessageId, Some("3")),
        (ContentType, Some("t")),
        (CreationTime, Some("5")),
        (UserId, None),
        (SequenceNumber, None),
    ] {
        assert_eq!(properties.system(name), value.map(Text::plain), "{name:?}");
    }
    for (name, value) in [
        ("a", Some("last")),
        ("A", Some("other")),
        ("message-id", Some("2")),
        ("@a", None),
        ("Content Type", None),
    ] {
        assert_eq!(properties.get(name), value.map(Text::plain), "{name}");
    }
    assert_eq!(properties.iter().count(), 8);
    let first = properties.iter().next().unwrap();
    assert_eq!((first.name, first.value), (Name::System(MessageId), Text::plain("1")));
}

#[test]
fn each_system_property_has_its_name_or_none() {
    let mut named: Vec<_> = SystemProperty::ALL
        .iter()
        .filter_map(|property| Some((*property, crate::DIALECT.property_name(*property)?)))
        .collect();
    named.sort_unstable();
    let mut expected = vec![
        (ContentType, "Content Type"),
        (ContentEncoding, "content-encoding"),
        (MessageId, "message-id"),
        (UserId, "user-id"),
        (CorrelationId, "correlation-id"),
        (CreationTime, "creation-time"),
        (SequenceNumber, "sequence-no"),
        (EnqueuedTime, "enqueued-time"),
        (DeliveryCount, "delivery-count"),
    ];
    expected.sort_unstable();
    assert_eq!(named, expected);
}
