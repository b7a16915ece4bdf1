//! The topic table of the classic dialect. What is written is what is read.

use iothub_codec::{
    Codec, Command, DesiredChanged, Input, MethodCall, Operation, Properties, Publish, Qos, Reply, RequestId,
    Status, SystemProperty, Telemetry, Text, ToDevice, ToHub, TwinGet, TwinPatch,
};

use crate::ends::{device, module, request};

fn answer(code: i32, version: Option<u64>, status: Status) -> Reply<'static> {
    Reply { code: Some(code), version, payload: b"{}", ..Reply::new(request("a2"), status) }
}

const PAYLOAD: &[u8] = b"{\"t\":21}";

#[test]
fn each_message_to_the_hub_has_its_topic() {
    use SystemProperty::{ContentEncoding, ContentType, MessageId, OutputName};
    let json = [(MessageId, "m1"), (ContentType, "application/json"), (ContentEncoding, "utf-8")];
    let telemetry = |system, application| {
        ToHub::Telemetry(Telemetry {
            payload: PAYLOAD,
            properties: Properties::new(system, application),
            ..Telemetry::default()
        })
    };
    let get = |id| ToHub::TwinGet(TwinGet::new(request(id)));
    let patch =
        |if_version| ToHub::TwinPatch(TwinPatch { request: request("a2"), patch: PAYLOAD, if_version });
    let reply = |code| ToHub::Reply(answer(code, None, Status::SUCCESS));
    for (codec, topic, message) in [
        (device(), "devices/dev-1/messages/events/", telemetry(&[], &[])),
        (
            device(),
            "devices/dev-1/messages/events/%24.mid=m1&%24.ct=application%2Fjson&%24.ce=utf-8&level=hot%20zone",
            telemetry(&json, &[("level", "hot zone")]),
        ),
        (module(), "devices/dev-1/modules/mod-1/messages/events/", telemetry(&[], &[])),
        (
            module(),
            "devices/dev-1/modules/mod-1/messages/events/%24.on=output1&a=",
            telemetry(&[(OutputName, "output1")], &[("a", "")]),
        ),
        (device(), "$iothub/twin/GET/?$rid=a1", get("a1")),
        (module(), "$iothub/twin/GET/?$rid=a1", get("a1")),
        (
            device(),
            "$iothub/twin/GET/?$rid=11111111-2222-4333-8444-555555555555",
            get("11111111-2222-4333-8444-555555555555"),
        ),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=a2", patch(None)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=a2&$version=7", patch(Some(7))),
        (module(), "$iothub/twin/PATCH/properties/reported/?$rid=a2&$version=0", patch(Some(0))),
        (device(), "$iothub/methods/res/200/?$rid=a2", reply(200)),
        (module(), "$iothub/methods/res/404/?$rid=a2", reply(404)),
        (device(), "$iothub/methods/res/0/?$rid=a2", reply(0)),
        (device(), "$iothub/methods/res/-1/?$rid=a2", reply(-1)),
        (device(), "$iothub/methods/res/2147483647/?$rid=a2", reply(i32::MAX)),
    ] {
        let mut out = [0; 256];
        let publish = written_by_device(codec, &message, &mut out);
        assert_eq!(publish.topic, topic);
        assert_eq!(codec.decode_to_hub(&publish), Ok(message), "{topic}");
    }
}

#[test]
fn a_question_for_the_twin_may_have_any_payload() {
    for payload in [&b""[..], b" ", b"{}"] {
        let read = device().decode_to_hub(&Publish::new("$iothub/twin/GET/?$rid=a1", payload));
        assert_eq!(read, Ok(ToHub::TwinGet(TwinGet::new(request("a1")))), "{payload:?}");
    }
}

#[test]
fn each_message_to_the_device_has_its_topic() {
    use SystemProperty::{ConnectionDeviceId, ConnectionModuleId, MessageId, To};
    let command = |system, application| {
        ToDevice::Command(Command {
            payload: b"hi",
            properties: Properties::new(system, application),
            qos: Qos::AtLeastOnce,
        })
    };
    let input = |system| {
        ToDevice::Input(Input {
            name: Text::plain("in 1"),
            payload: b"hi",
            properties: Properties::new(system, &[]),
            qos: Qos::AtLeastOnce,
        })
    };
    let call = |name| ToDevice::Method(MethodCall::new(request("1f"), name, b"{\"d\":5}"));
    let desired = |version| {
        ToDevice::DesiredChanged(DesiredChanged { version, patch: b"{\"$version\":9}", qos: Qos::AtMostOnce })
    };
    for (codec, topic, message) in [
        (
            device(),
            "devices/dev-1/messages/devicebound/%24.mid=c1&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound&color=red",
            command(&[(MessageId, "c1"), (To, "/devices/dev-1/messages/deviceBound")], &[("color", "red")]),
        ),
        (
            module(),
            "devices/dev-1/modules/mod-1/messages/devicebound/%24.to=x&key=",
            command(&[(To, "x")], &[("key", "")]),
        ),
        (
            module(),
            "devices/dev-1/modules/mod-1/inputs/in%201/%24.cdid=dev-1&%24.cmid=mod-2",
            input(&[(ConnectionDeviceId, "dev-1"), (ConnectionModuleId, "mod-2")]),
        ),
        (module(), "devices/dev-1/modules/mod-1/inputs/in%201/", input(&[])),
        (device(), "$iothub/methods/POST/reboot/?$rid=1f", call("reboot")),
        (module(), "$iothub/methods/POST/get.State_2-x/?$rid=1f", call("get.State_2-x")),
        (device(), "$iothub/twin/PATCH/properties/desired/?$version=9", desired(9)),
        (module(), "$iothub/twin/PATCH/properties/desired/?$version=18446744073709551615", desired(u64::MAX)),
    ] {
        let mut out = [0; 256];
        let publish = match &message {
            ToDevice::Command(message) => codec.encode(message, &mut out),
            ToDevice::Input(message) => codec.encode(message, &mut out),
            ToDevice::Method(message) => codec.encode(message, &mut out),
            ToDevice::DesiredChanged(message) => codec.encode(message, &mut out),
            ToDevice::Reply(_) => unreachable!("answers have a table of their own"),
        }
        .unwrap();
        assert_eq!(publish.topic, topic);
        assert_eq!(codec.decode_to_device(&publish), Ok(message), "{topic}");
    }
}

#[test]
fn each_answer_of_a_twin_has_its_number() {
    use Operation::{TwinGet, TwinPatch};
    for (operation, topic, status, code, version) in [
        (TwinGet, "$iothub/twin/res/200/?$rid=a2", Status::SUCCESS, 200, None),
        (TwinPatch, "$iothub/twin/res/204/?$rid=a2&$version=6", Status::SUCCESS, 204, Some(6)),
        (TwinPatch, "$iothub/twin/res/202/?$rid=a2", Status::SUCCESS, 202, None),
        (TwinPatch, "$iothub/twin/res/400/?$rid=a2", Status::BAD_REQUEST, 400, None),
        (TwinGet, "$iothub/twin/res/404/?$rid=a2", Status::NOT_FOUND, 404, None),
        (TwinPatch, "$iothub/twin/res/412/?$rid=a2", Status::PRECONDITION_FAILED, 412, None),
        (TwinGet, "$iothub/twin/res/429/?$rid=a2", Status::THROTTLED, 429, None),
        (TwinGet, "$iothub/twin/res/500/?$rid=a2", Status::SERVER_ERROR, 500, None),
        (TwinGet, "$iothub/twin/res/503/?$rid=a2", Status::SERVER_BUSY, 503, None),
        // Numbers that are nobody's own.
        (TwinGet, "$iothub/twin/res/299/?$rid=a2", Status::SUCCESS, 299, None),
        (TwinGet, "$iothub/twin/res/300/?$rid=a2", Status::SERVER_ERROR, 300, None),
        (TwinGet, "$iothub/twin/res/499/?$rid=a2", Status::BAD_REQUEST, 499, None),
        (TwinGet, "$iothub/twin/res/599/?$rid=a2", Status::SERVER_ERROR, 599, None),
    ] {
        let reply = answer(code, version, status);
        for codec in [device(), module()] {
            let mut out = [0; 64];
            let publish = codec.encode_reply(operation, &reply, &mut out).unwrap();
            assert_eq!(publish.topic, topic);
            assert_eq!(codec.decode_to_device(&publish), Ok(ToDevice::Reply(reply)), "{topic}");
        }
    }
}

#[test]
fn an_answer_without_a_number_gets_the_usual_one() {
    for (operation, status, topic) in [
        (Operation::TwinGet, Status::SUCCESS, "$iothub/twin/res/200/?$rid=a2"),
        (Operation::TwinPatch, Status::SUCCESS, "$iothub/twin/res/204/?$rid=a2"),
        (Operation::TwinPatch, Status::PRECONDITION_FAILED, "$iothub/twin/res/412/?$rid=a2"),
        (Operation::TwinGet, Status::NOT_AUTHORIZED, "$iothub/twin/res/401/?$rid=a2"),
        (Operation::TwinGet, Status::from_code(0x0199), "$iothub/twin/res/400/?$rid=a2"),
        (Operation::Method("reboot"), Status::SUCCESS, "$iothub/methods/res/200/?$rid=a2"),
    ] {
        let mut out = [0; 64];
        let reply = Reply { code: None, ..answer(0, None, status) };
        assert_eq!(device().encode_reply(operation, &reply, &mut out).unwrap().topic, topic);
    }
}

#[test]
fn a_command_says_whom_it_is_for_even_if_nobody_did() {
    for (codec, topic) in [
        (
            device(),
            "devices/dev-1/messages/devicebound/%24.to=%2Fdevices%2Fdev-1%2Fmessages%2Fdevicebound&a=%2B",
        ),
        (
            module(),
            "devices/dev-1/modules/mod-1/messages/devicebound/%24.to=%2Fdevices%2Fdev-1%2Fmodules%2Fmod-1%2Fmessages%2Fdevicebound&a=%2B",
        ),
    ] {
        let mut out = [0; 256];
        let command = Command { properties: Properties::new(&[], &[("a", "+")]), ..Command::default() };
        assert_eq!(codec.encode(&command, &mut out).unwrap().topic, topic);
    }
}

#[test]
fn a_topic_is_read_with_and_without_its_last_slash() {
    let color = [("color", "red")];
    for (codec, topic, application) in [
        (device(), "devices/dev-1/messages/events", &[][..]),
        (device(), "devices/dev-1/messages/events/", &[]),
        (device(), "devices/dev-1/messages/events/color=red", &color),
        (device(), "devices/dev-1/messages/events/color=red/", &color),
        (device(), "devices/dev-1/messages/events/?color=red", &color),
        (device(), "devices/dev-1/messages/events/?color=red/", &color),
        (device(), "devices/dev-1/messages/events/?", &[]),
        (module(), "devices/dev-1/modules/mod-1/messages/events", &[]),
        (module(), "devices/dev-1/modules/mod-1/messages/events/color=red/", &color),
    ] {
        let read = codec.decode_to_hub(&Publish::new(topic, b""));
        let Ok(ToHub::Telemetry(telemetry)) = read else { panic!("{topic}: {read:?}") };
        assert_eq!(telemetry.properties, Properties::new(&[], application), "{topic}");
    }
}

#[test]
fn parameters_are_read_in_any_order_and_spelling() {
    let longest = "x".repeat(RequestId::MAX_LEN);
    assert_eq!(longest.len(), 64, "room for a GUID in any spelling");
    for (topic, id, if_version) in [
        ("$iothub/twin/PATCH/properties/reported/?$version=3&$rid=x", "x", Some(3)),
        ("$iothub/twin/PATCH/properties/reported/?%24rid=x&%24version=3", "x", Some(3)),
        ("$iothub/twin/PATCH/properties/reported/?other=1&$rid=x&more", "x", None),
        ("$iothub/twin/PATCH/properties/reported/?&$rid=x&", "x", None),
        ("$iothub/twin/PATCH/properties/reported/?$rid=x&$rid=y", "y", None),
        (&format!("$iothub/twin/PATCH/properties/reported/?$rid={longest}"), &longest, None),
        // Echoed byte for byte: not decoded.
        ("$iothub/twin/PATCH/properties/reported/?$rid=%41=b/c d", "%41=b/c d", None),
    ] {
        let read = device().decode_to_hub(&Publish::new(topic, b"{}"));
        let patch = TwinPatch { request: request(id), patch: b"{}", if_version };
        assert_eq!(read, Ok(ToHub::TwinPatch(patch)), "{topic}");
    }
}

#[test]
fn flags_of_a_message_are_kept() {
    for (qos, retain) in [(Qos::AtMostOnce, false), (Qos::AtLeastOnce, false), (Qos::AtLeastOnce, true)] {
        let telemetry = Telemetry { qos, retain, ..Telemetry::default() };
        let mut out = [0; 64];
        let publish = device().encode(&telemetry, &mut out).unwrap();
        assert_eq!((publish.qos, publish.retain, publish.duplicate), (qos, retain, false));
        assert_eq!(device().decode_to_hub(&publish), Ok(ToHub::Telemetry(telemetry)));
    }
}

fn written_by_device<'a>(codec: Codec<'_>, message: &ToHub<'a>, out: &'a mut [u8]) -> Publish<'a> {
    match message {
        ToHub::Telemetry(message) => codec.encode(message, out),
        ToHub::TwinGet(message) => codec.encode(message, out),
        ToHub::TwinPatch(message) => codec.encode(message, out),
        ToHub::Reply(reply) => codec.encode_reply(Operation::Method("reboot"), reply, out),
    }
    .unwrap()
}
