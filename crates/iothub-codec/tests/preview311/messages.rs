//! The topics of the reference and its samples. What is written is what is read.

use iothub_codec::{
    Codec, Command, Content, DesiredChanged, MethodCall, Operation, Properties, Publish, Qos, Reply,
    RequestId, Status, SystemProperty, Telemetry, Text, ToDevice, ToHub, TwinGet, TwinPart, TwinPatch,
    Variant,
};

use crate::ends::{device, module, request};

fn get(id: &str, part: TwinPart, known_version: Option<u64>) -> ToHub<'_> {
    ToHub::TwinGet(TwinGet { request: request(id), part, known_version })
}

fn patch(id: &str, if_version: Option<u64>) -> ToHub<'_> {
    ToHub::TwinPatch(TwinPatch { request: request(id), patch: b"{\"temp\":29}", if_version })
}

fn answered(id: &str, code: i32) -> Reply<'_> {
    Reply { code: Some(code), payload: b"{\"angle\":142}", ..Reply::new(request(id), Status::SUCCESS) }
}

const JSON: Content<'static> =
    Content { media_type: Some(Text::plain("application/json")), encoding: Some(Text::plain("utf-8")) };

#[test]
fn each_message_to_the_hub_has_its_topic() {
    use SystemProperty::{ContentType, MessageId};
    let sample = [(ContentType, "plain/text"), (MessageId, "11324")];
    let json = [(ContentType, "application/json")];
    let telemetry = |system, application| {
        let properties = Properties::new(system, application);
        ToHub::Telemetry(Telemetry { payload: b"t1=10;t2=13.1", properties, ..Telemetry::default() })
    };
    let refused = Reply { code: None, ..Reply::new(request("7"), Status::TARGET_UNAVAILABLE) };
    for (topic, message) in [
        ("$az/iot/telemetry/?", telemetry(&[], &[])),
        (
            "$az/iot/telemetry/?ct=plain%2Ftext&mid=11324&@my%20property%201=test",
            telemetry(&sample, &[("my property 1", "test")]),
        ),
        ("$az/iot/telemetry/?ct=application%2Fjson&@zone=a%20b", telemetry(&json, &[("zone", "a b")])),
        ("$az/iot/twin/get/?rid=3", get("3", TwinPart::Whole, None)),
        ("$az/iot/twin/get/reported/?rid=3", get("3", TwinPart::Reported, None)),
        ("$az/iot/twin/get/desired/?rid=3", get("3", TwinPart::Desired, None)),
        ("$az/iot/twin/get/reported/?rid=3&iv=2", get("3", TwinPart::Reported, Some(2))),
        ("$az/iot/twin/get/desired/?rid=3&iv=0", get("3", TwinPart::Desired, Some(0))),
        ("$az/iot/twin/patch/reported/?rid=d1", patch("d1", None)),
        ("$az/iot/twin/patch/reported/?rid=d1&iv=3", patch("d1", Some(3))),
        (
            "$az/iot/twin/patch/reported/?rid=d1&iv=18446744073709551615",
            patch("d1", Some(18_446_744_073_709_551_615)),
        ),
        ("$az/iot/methods/rotate/response/?rid=0A&rc=200", ToHub::Reply(answered("0A", 200))),
        ("$az/iot/methods/rotate/response/?rid=7&rc=0", ToHub::Reply(answered("7", 0))),
        ("$az/iot/methods/rotate/response/?rid=7&rc=2147483647", ToHub::Reply(answered("7", i32::MAX))),
        (
            "$az/iot/methods/rotate/response/?rid=7&rc=200&ct=application%2Fjson&ce=utf-8",
            ToHub::Reply(Reply { content: JSON, ..answered("7", 200) }),
        ),
        ("$az/iot/methods/rotate/response/?rid=7&s=06A0", ToHub::Reply(refused)),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 128];
            let publish = match &message {
                ToHub::Telemetry(message) => codec.encode(message, &mut out),
                ToHub::TwinGet(message) => codec.encode(message, &mut out),
                ToHub::TwinPatch(message) => codec.encode(message, &mut out),
                ToHub::Reply(reply) => codec.encode_reply(Operation::Method("rotate"), reply, &mut out),
            }
            .unwrap();
            assert_eq!((publish.topic, publish.qos), (topic, Qos::AtMostOnce));
            assert_eq!(codec.decode_to_hub(&publish), Ok(message), "{topic}");
        }
    }
}

#[test]
fn each_message_to_the_device_has_its_topic() {
    use SystemProperty::{ContentType, DeliveryCount, EnqueuedTime, Expiry, SequenceNumber};
    let sample = [
        (ContentType, "application/yaml"),
        (SequenceNumber, "118"),
        (Expiry, "1600987195320"),
        (EnqueuedTime, "1600987175320"),
        (DeliveryCount, "1"),
    ];
    let command = ToDevice::Command(Command {
        payload: b"rotate:\n  angle: -110\n  speed: 6\n",
        properties: Properties::new(&sample, &[("my-prop-3", "test")]),
        qos: Qos::AtLeastOnce,
    });
    let call = MethodCall::new(request("0A"), "rotate", b"{\"angle\":-110,\"speed\":6}");
    let desired = |version| {
        let patch = b"{\"firmware\":\"1.2.4\"}";
        ToDevice::DesiredChanged(DesiredChanged { version, patch, qos: Qos::AtMostOnce })
    };
    for (topic, message) in [
        (
            "$az/iot/commands/?ct=application%2Fyaml&sn=118&et=1600987195320&ent=1600987175320&dc=1&@my-prop-3=test",
            command,
        ),
        ("$az/iot/methods/rotate/?rid=0A", ToDevice::Method(call)),
        (
            "$az/iot/methods/rotate/?rid=0A&ct=application%2Fjson&ce=utf-8",
            ToDevice::Method(MethodCall { content: JSON, ..call }),
        ),
        ("$az/iot/methods/response/?rid=0A", ToDevice::Method(MethodCall { name: "response", ..call })),
        ("$az/iot/twin/events/desired-changed/?v=2", desired(2)),
        ("$az/iot/twin/events/desired-changed/?v=18446744073709551615", desired(u64::MAX)),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 128];
            let publish = match &message {
                ToDevice::Command(message) => codec.encode(message, &mut out),
                ToDevice::Method(message) => codec.encode(message, &mut out),
                ToDevice::DesiredChanged(message) => codec.encode(message, &mut out),
                ToDevice::Input(_) | ToDevice::Reply(_) => unreachable!("there are none in this table"),
            }
            .unwrap();
            assert_eq!(publish.topic, topic);
            assert_eq!(codec.decode_to_device(&publish), Ok(message), "{topic}");
        }
    }
}

#[test]
fn each_answer_of_a_twin_has_its_topic() {
    let done = |id, version, payload| Reply { version, payload, ..Reply::new(request(id), Status::SUCCESS) };
    for (operation, topic, reply) in [
        (
            Operation::TwinGet,
            "$az/iot/twin/get/response/?rid=3",
            done("3", None, b"{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"),
        ),
        (Operation::TwinGet, "$az/iot/twin/get/response/?rid=3&v=2", done("3", Some(2), b"{\"temp\":28}")),
        (
            Operation::TwinGet,
            "$az/iot/twin/get/response/?rid=3&v=5",
            done("3", Some(5), b"{\"firmware\":\"1.3.1\"}"),
        ),
        (Operation::TwinPatch, "$az/iot/twin/patch/response/?rid=d1&v=4", done("d1", Some(4), b"")),
        // As the reference's sample has it, and as a hub answers who subscribed to nothing else.
        (Operation::TwinGet, "$az/iot/twin/get/response/?rid=d1&v=4", done("d1", Some(4), b"")),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 64];
            let publish = codec.encode_reply(operation, &reply, &mut out).unwrap();
            assert_eq!((publish.topic, publish.qos), (topic, Qos::AtMostOnce));
            assert_eq!(codec.decode_to_device(&publish), Ok(ToDevice::Reply(reply)), "{topic}");
        }
    }
}

#[test]
fn desired_changes_go_to_the_topic_that_the_device_asked_for() {
    let change = DesiredChanged { version: 2, patch: b"{}", qos: Qos::AtLeastOnce };
    for (variant, topic) in [
        (Variant::Usual, "$az/iot/twin/events/desired-changed/?v=2"),
        (Variant::TwinGet, "$az/iot/twin/events/desired-changed/?v=2"),
        (Variant::DesiredSlash, "$az/iot/twin/events/desired/changed/?v=2"),
    ] {
        let mut out = [0; 64];
        let publish = device().with_variant(variant).encode(&change, &mut out).unwrap();
        assert_eq!(publish.topic, topic);
        assert_eq!(device().decode_to_device(&publish), Ok(ToDevice::DesiredChanged(change)), "{topic}");
    }
}

#[test]
fn a_topic_is_read_with_and_without_a_list_of_properties() {
    for topic in ["$az/iot/telemetry", "$az/iot/telemetry/?"] {
        let read = device().decode_to_hub(&Publish::new(topic, b""));
        assert_eq!(read, Ok(ToHub::Telemetry(Telemetry::default())), "{topic}");
    }
}

#[test]
fn parameters_are_read_in_any_order_and_spelling() {
    let longest = "x".repeat(32);
    let escaped = "%78".repeat(32);
    for (list, id, if_version) in [
        ("iv=3&rid=x", "x", Some(3)),
        ("%72id=x&%69%76=%33", "x", Some(3)),
        ("&rid=x&", "x", None),
        ("rid=x&rid=y&iv=1&iv=2", "y", Some(2)),
        ("rid=%41=b/c d+", "A=b/c d+", None),
        ("rid=a?b/?c", "a?b/?c", None),
        ("rid=x&iv=0003", "x", Some(3)),
        (&format!("rid={longest}"), &longest, None),
        (&format!("rid={escaped}"), &longest, None),
    ] {
        let topic = format!("$az/iot/twin/patch/reported/?{list}");
        let read = device().decode_to_hub(&Publish::new(&topic, b"{}"));
        let patch = TwinPatch { request: request(id), patch: b"{}", if_version };
        assert_eq!(read, Ok(ToHub::TwinPatch(patch)), "{topic}");
    }
}

#[test]
fn a_request_id_of_any_bytes_is_percent_encoded() {
    for (id, written) in [
        (&b"a1"[..], "a1"),
        (b"a/b c", "a%2Fb%20c"),
        (b"a&b+c#d=e%f@", "a%26b%2Bc%23d%3De%25f@"),
        (b"\0\xFF", "%00%FF"),
    ] {
        let get = TwinGet::new(RequestId::new(id).unwrap());
        let mut out = [0; 64];
        let publish = device().encode(&get, &mut out).unwrap();
        assert_eq!(publish.topic.strip_prefix("$az/iot/twin/get/?rid="), Some(written));
        assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::TwinGet(get)), "{written}");
    }
}

#[test]
fn the_words_of_the_companion_text_are_read_too() {
    for (topic, status, reason, trace_id) in [
        ("$az/iot/twin/patch/response/?rid=1&status=0104", Status::PRECONDITION_FAILED, None, None),
        (
            "$az/iot/twin/patch/response/?rid=1&status=0103&reason=in%20use&trace-id=t1",
            Status::CONFLICT,
            Some("in use"),
            Some("t1"),
        ),
        (
            "$az/iot/twin/get/response/?rid=1&s=06a1&r=late&tid=",
            Status::TARGET_TIMEOUT,
            Some("late"),
            Some(""),
        ),
    ] {
        let read = device().decode_to_device(&Publish::new(topic, b""));
        let (reason, trace_id) = (reason.map(Text::plain), trace_id.map(Text::plain));
        let reply = Reply { reason, trace_id, ..Reply::new(request("1"), status) };
        assert_eq!(read, Ok(ToDevice::Reply(reply)), "{topic}");
    }
}

#[test]
fn flags_of_a_message_are_kept() {
    for (qos, retain) in [(Qos::AtMostOnce, false), (Qos::AtLeastOnce, false), (Qos::AtLeastOnce, true)] {
        let publish = Publish { qos, retain, ..Publish::new("$az/iot/telemetry/?", b"") };
        let telemetry = Telemetry { qos, retain, ..Telemetry::default() };
        assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::Telemetry(telemetry)));
    }
}

#[test]
fn an_answer_does_not_say_what_goes_without_saying() {
    let reply = |status, code, reason| Reply {
        code,
        version: Some(4),
        reason,
        trace_id: reason,
        ..Reply::new(request("1"), status)
    };
    let why = Some(Text::plain("x"));
    let of_method = Reply::new(request("1"), Status::SUCCESS);
    for (operation, reply, topic) in [
        // The status is HTTP's number in other words.
        (
            Operation::TwinPatch,
            reply(Status::SUCCESS, Some(204), None),
            "$az/iot/twin/patch/response/?rid=1&v=4",
        ),
        (
            Operation::TwinGet,
            reply(Status::NOT_FOUND, Some(404), None),
            "$az/iot/twin/get/response/?rid=1&v=4&s=0504",
        ),
        // The reference gives a reason to some statuses, and a trace to others.
        (Operation::TwinGet, reply(Status::SUCCESS, None, why), "$az/iot/twin/get/response/?rid=1&v=4"),
        (
            Operation::TwinGet,
            reply(Status::THROTTLED, None, why),
            "$az/iot/twin/get/response/?rid=1&v=4&s=0501",
        ),
        (
            Operation::TwinGet,
            reply(Status::NOT_AUTHORIZED, None, why),
            "$az/iot/twin/get/response/?rid=1&v=4&s=0101&tid=x",
        ),
        // A method that just worked.
        (Operation::Method("m"), of_method, "$az/iot/methods/m/response/?rid=1&rc=200"),
    ] {
        let mut out = [0; 64];
        assert_eq!(device().encode_reply(operation, &reply, &mut out).unwrap().topic, topic);
    }
}

#[test]
fn who_is_connected_does_not_matter_to_a_topic() {
    let codec = |name| {
        let id = iothub_codec::DeviceId::new(name).unwrap();
        Codec::new(crate::DIALECT, iothub_codec::Identity::device(id))
    };
    for name in ["d", "a+b", "#"] {
        let mut out = [0; 64];
        let telemetry = codec(name).encode(&Telemetry::default(), &mut out);
        assert_eq!(telemetry.map(|publish| publish.topic), Ok("$az/iot/telemetry/?"), "{name}");
    }
}
