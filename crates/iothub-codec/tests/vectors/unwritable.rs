//! What is not written, because it would arrive as something else or not at all.

use iothub_codec::{
    Codec, Command, DeviceId, Dialect, EncodeError, Field, Identity, Input, MethodCall, ModuleId, Operation,
    Properties, Reply, RequestId, Status, Telemetry, Text, TwinGet, TwinPart,
};

use crate::ends::{device, module, request};

const NOT_EXPRESSIBLE: Result<&str, EncodeError> = Err(EncodeError::NotExpressible);

fn bad(field: Field) -> Result<&'static str, EncodeError> {
    Err(EncodeError::BadValue(field))
}

#[test]
fn method_names_are_printable_and_without_separators() {
    for byte in 0..=127_u8 {
        let text = [b'a', byte];
        let name = core::str::from_utf8(&text).unwrap();
        let allowed = byte.is_ascii_alphanumeric() || b"!%&'*-.^_`|~".contains(&byte);
        assert_eq!(call(name).is_ok(), allowed, "{name:?}");
    }
    assert_eq!(call(""), Err(EncodeError::BadValue(Field::MethodName)));
    assert_eq!(call("é"), Err(EncodeError::BadValue(Field::MethodName)));
}

fn call(name: &str) -> Result<(), EncodeError> {
    let mut out = [0; 64];
    device().encode(&MethodCall::new(request("1"), name, b""), &mut out).map(drop)
}

#[test]
fn request_ids_that_would_end_early_are_not_written() {
    for (id, expected) in [
        (&b"a&b"[..], bad(Field::RequestId)),
        (b"a#", bad(Field::RequestId)),
        (b"+", bad(Field::RequestId)),
        (b"a\0", bad(Field::RequestId)),
        (b"\xFF", bad(Field::RequestId)),
        (b"a=b/c", Ok("$iothub/twin/GET/?$rid=a=b/c")),
    ] {
        let mut out = [0; 64];
        let get = TwinGet::new(RequestId::new(id).unwrap());
        assert_eq!(device().encode(&get, &mut out).map(|publish| publish.topic), expected, "{id:?}");
    }
}

#[test]
fn the_whole_twin_is_asked_for_whatever_of_it_is_known() {
    let whole = TwinGet::new(request("1"));
    for (get, expected) in [
        (whole, Ok("$iothub/twin/GET/?$rid=1")),
        (TwinGet { known_version: Some(2), ..whole }, NOT_EXPRESSIBLE),
        (TwinGet { part: TwinPart::Desired, ..whole }, NOT_EXPRESSIBLE),
        (TwinGet { part: TwinPart::Reported, known_version: Some(2), ..whole }, NOT_EXPRESSIBLE),
    ] {
        let mut out = [0; 64];
        assert_eq!(device().encode(&get, &mut out).map(|publish| publish.topic), expected, "{get:?}");
    }
}

#[test]
fn answers_have_the_numbers_that_clients_read() {
    let status = |status, code, version| Reply { code, version, ..Reply::new(request("1"), status) };
    let (done, failed) = (Status::SUCCESS, Status::TIMEOUT);
    for (operation, reply, expected) in [
        (Operation::TwinGet, status(done, Some(99), None), bad(Field::Status)),
        (Operation::TwinPatch, status(done, Some(-200), None), bad(Field::Status)),
        (
            Operation::TwinPatch,
            status(Status::SERVER_ERROR, Some(999), None),
            Ok("$iothub/twin/res/999/?$rid=1"),
        ),
        (Operation::TwinPatch, status(Status::SERVER_ERROR, Some(1000), None), bad(Field::Status)),
        // Two statuses have 403, and 413 is read as another than its own.
        (
            Operation::TwinGet,
            status(Status::RESOURCE_EXHAUSTED, Some(403), None),
            Ok("$iothub/twin/res/403/?$rid=1"),
        ),
        (
            Operation::TwinGet,
            status(Status::BAD_REQUEST, Some(413), None),
            Ok("$iothub/twin/res/413/?$rid=1"),
        ),
        (Operation::TwinGet, status(done, Some(202), None), Ok("$iothub/twin/res/202/?$rid=1")),
        // The number is all that is told of the status, and would tell something else.
        (Operation::TwinGet, status(Status::THROTTLED, Some(200), None), bad(Field::Status)),
        (Operation::TwinGet, status(done, Some(404), None), bad(Field::Status)),
        (Operation::TwinPatch, status(Status::THROTTLED, Some(503), None), bad(Field::Status)),
        (Operation::Method("a"), status(done, None, None), Ok("$iothub/methods/res/200/?$rid=1")),
        (
            Operation::Method("a"),
            status(Status::NOT_MODIFIED, None, None),
            Ok("$iothub/methods/res/200/?$rid=1"),
        ),
        (Operation::Method("a"), status(failed, None, None), NOT_EXPRESSIBLE),
        (Operation::Method("a"), status(done, Some(200), Some(1)), NOT_EXPRESSIBLE),
        (Operation::Method("a"), status(failed, Some(504), None), Ok("$iothub/methods/res/504/?$rid=1")),
    ] {
        let mut out = [0; 64];
        let written = device().encode_reply(operation, &reply, &mut out).map(|publish| publish.topic);
        assert_eq!(written, expected, "{operation:?}");
    }
}

#[test]
fn inputs_belong_to_modules_and_have_a_name() {
    for (codec, name, expected) in [
        (device(), "in1", NOT_EXPRESSIBLE),
        (module(), "", bad(Field::InputName)),
        (module(), "in/1", Ok("devices/dev-1/modules/mod-1/inputs/in%2F1/")),
    ] {
        let mut out = [0; 64];
        let input = Input { name: Text::plain(name), ..Input::default() };
        assert_eq!(codec.encode(&input, &mut out).map(|publish| publish.topic), expected, "{name}");
    }
}

#[test]
fn an_application_cannot_pass_its_property_off_as_a_system_property() {
    for (name, expected) in [
        ("$.mid", Err(EncodeError::NotExpressible)),
        ("iothub-ack", Err(EncodeError::NotExpressible)),
        ("$.pid", Ok(())),
        ("%24.mid", Ok(())),
        ("message-id", Ok(())),
    ] {
        let application = [("a", "1"), (name, "x")];
        let properties = Properties::new(&[], &application);
        let mut out = [0; 256];
        let telemetry = Telemetry { properties, ..Telemetry::default() };
        assert_eq!(device().encode(&telemetry, &mut out).map(drop), expected, "{name}");
        let command = Command { properties, ..Command::default() };
        assert_eq!(device().encode(&command, &mut out).map(drop), expected, "{name}");
    }
}

#[test]
fn names_with_wildcards_do_not_stand_in_topics() {
    let id = |name| DeviceId::new(name).unwrap();
    for identity in [
        Identity::device(id("a+b")),
        Identity::device(id("#")),
        Identity::module(id("a"), ModuleId::new("m#").unwrap()),
    ] {
        let codec = Codec::new(Dialect::Classic, identity);
        let mut out = [0; 64];
        let telemetry = codec.encode(&Telemetry::default(), &mut out).map(drop);
        assert_eq!(telemetry, Err(EncodeError::NotExpressible), "{identity}");
        let get = codec.encode(&TwinGet::new(request("1")), &mut out).map(|publish| publish.topic);
        assert_eq!(get, Ok("$iothub/twin/GET/?$rid=1"), "{identity}");
    }
}

#[test]
fn a_topic_is_as_long_as_mqtt_lets_it_be_and_no_longer() {
    let stem = "devices/dev-1/messages/events/a=".len();
    let room = 65_535 - stem;
    for (len, expected) in [(room, Ok(65_535)), (room + 1, Err(EncodeError::TopicTooLong { len: 65_536 }))] {
        let value = "x".repeat(len);
        let application = [("a", value.as_str())];
        let telemetry = Telemetry { properties: Properties::new(&[], &application), ..Telemetry::default() };
        let mut out = vec![0; 70_000];
        let written = device().encode(&telemetry, &mut out).map(|publish| publish.topic.len());
        assert_eq!(written, expected);
        if expected.is_err() {
            let nothing = device().encode(&telemetry, &mut []).map(|publish| publish.topic.len());
            assert_eq!(nothing, expected, "no buffer is large enough, so none is asked for");
        }
    }
}
