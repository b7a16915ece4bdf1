//! What devices may expect in every dialect.

use core::time::Duration;

use iothub_codec::{
    Channels, Dialect, Operation, Properties, Reply, Status, SystemProperty, Telemetry, ToDevice, TwinGet,
    TwinPatch,
};
use iothub_hub::PacketBuf;
use serde_json::{Value, json};

use crate::speaker::{Hello, Speaker, request};
use crate::world::World;

const COMMANDS: &str = "/$local/devices/dev1/commands";

fn everything() -> Channels {
    Channels::COMMANDS.union(Channels::METHODS).union(Channels::DESIRED).union(Channels::REPLIES)
}

/// The answer of the hub to a request: its status, the version it says, and its payload.
pub(crate) fn answer(world: &mut World, speaker: &Speaker) -> (Status, Option<u64>, String) {
    let mut answers = world.heard(speaker, |_, message| match message {
        ToDevice::Reply(reply) => {
            (reply.status, reply.version, String::from_utf8(reply.payload.to_vec()).unwrap())
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

#[test]
fn a_device_and_a_module_are_let_in_by_their_own_keys_or_by_a_policy_s() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        world.create_module("dev1", "mod-a");
        let device = world.speak(*dialect, "dev1");
        let module = world.speak(*dialect, "dev1/mod-a");
        assert!(!world.is_closed(device.line) && !world.is_closed(module.line), "{dialect:?}");
        for (policy, good) in [("device", true), ("iothubowner", true), ("service", false)] {
            let key = world.hub.policy_key(policy).unwrap().to_owned();
            let hello = Hello { key, policy: Some(policy), ..Hello::new(&world, "dev1") };
            let (_, answer) = world.say_hello(*dialect, &hello);
            assert_eq!(matches!(answer, PacketBuf::Connected(..)), good, "{dialect:?} {policy}");
        }
    }
}

#[test]
fn who_has_not_signed_is_not_let_in() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        world.create_device("dev2");
        let good = Hello::new(&world, "dev1");
        let other = Hello { key: world.key("dev2"), ..good.clone() };
        let policy = Hello { policy: Some("device"), ..good.clone() };
        let nobody = Hello { policy: Some("nobody"), ..good.clone() };
        for hello in [other, policy, nobody] {
            let (speaker, answer) = world.say_hello(*dialect, &hello);
            assert!(
                matches!(answer, PacketBuf::Refused(iothub_proto::RefusalReason::NotAuthorized, _)),
                "{dialect:?}: {answer:?}"
            );
            assert!(world.is_closed(speaker.line));
        }
        // What was signed for one hub is not good for another that has the same key.
        let (_, answer) = world.say_hello_with(*dialect, &good, |opening| opening);
        assert!(matches!(answer, PacketBuf::Connected(..)));
        world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": "disabled"}), Some("*"));
        let (_, answer) = world.say_hello(*dialect, &good);
        assert!(matches!(answer, PacketBuf::Refused(..)), "{dialect:?}: disabled");
    }
}

#[test]
fn a_proof_counts_five_minutes_longer_than_it_says_and_no_more() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let hello = Hello { valid: Duration::from_secs(60), ..Hello::new(&world, "dev1") };
        let (speaker, _) = world.say_hello(*dialect, &hello);
        world.pass(Duration::from_secs(60 + 299));
        assert!(!world.is_closed(speaker.line), "{dialect:?}");
        world.pass(Duration::from_secs(1));
        assert!(world.is_closed(speaker.line), "{dialect:?}");
        let last = world.notices.iter().rev().find(|notice| notice.what.contains("closed")).unwrap();
        assert_eq!(last.why, "its credentials have expired");
    }
}

/// The same message, as far as every dialect can say it.
fn sample(dialect: Dialect) -> [(SystemProperty, &'static str); 3] {
    let time = if dialect == Dialect::Classic { "2029-12-31T23:00:00.0000000Z" } else { "1893452400000" };
    [
        (SystemProperty::MessageId, "m1"),
        (SystemProperty::ContentType, "application/json"),
        (SystemProperty::CreationTime, time),
    ]
}

#[test]
fn a_message_is_the_same_event_in_every_dialect() {
    let mut events = Vec::new();
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let speaker = world.speak(*dialect, "dev1");
        let system = sample(*dialect);
        let properties = Properties::new(&system, &[("zone", "a b")]);
        let telemetry = Telemetry { payload: b"{\"t\":21}", properties, ..Telemetry::default() };
        let mut out = [0; 512];
        world.say(&speaker, Some(7), &speaker.codec.encode(&telemetry, &mut out).unwrap());
        assert_eq!(world.acknowledged(speaker.line), [7], "{dialect:?}");
        let mut event = serde_json::to_value(world.events.last().unwrap()).unwrap();
        let method =
            event["systemProperties"].as_object_mut().unwrap().remove("iothub-connection-auth-method");
        assert_eq!(method.is_some(), *dialect != Dialect::Preview5, "not stamped over MQTT 5");
        assert_eq!(event["systemProperties"]["iothub-creation-time-utc"], "2029-12-31T23:00:00.0000000Z");
        assert_eq!(event["properties"], json!({"zone": "a b"}));
        events.push(event);
    }
    assert!(events.windows(2).all(|pair| pair[0] == pair[1]), "{events:#?}");
}

#[test]
fn a_twin_is_read_reported_to_and_wanted_of() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let speaker = world.speak(*dialect, "dev1");
        world.listen(&speaker, everything());

        let get = TwinGet::new(request("1"));
        world.say(&speaker, None, &speaker.codec.encode(&get, &mut [0; 512]).unwrap());
        let (status, version, twin) = answer(&mut world, &speaker);
        assert_eq!((status, version), (Status::SUCCESS, None), "{dialect:?}");
        let twin: Value = serde_json::from_str(&twin).unwrap();
        assert_eq!(twin, json!({"desired": {"$version": 1}, "reported": {"$version": 1}}));

        for (if_version, patch, expected, next) in [
            (Some(1), &br#"{"fan":"on"}"#[..], Status::SUCCESS, Some(2)),
            (Some(1), br#"{"fan":"off"}"#, Status::PRECONDITION_FAILED, None),
            (None, b"[]", Status::BAD_REQUEST, None),
            (None, br#"{"fan":null}"#, Status::SUCCESS, Some(3)),
        ] {
            let patch = TwinPatch { request: request("2"), patch, if_version };
            world.say(&speaker, None, &speaker.codec.encode(&patch, &mut [0; 512]).unwrap());
            let (status, version, payload) = answer(&mut world, &speaker);
            assert_eq!((status, version), (expected, next), "{dialect:?} {if_version:?}");
            let explained = *dialect == Dialect::Classic && !expected.is_success();
            assert_eq!(payload.is_empty(), !explained, "{dialect:?} {payload}");
        }

        world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"rate": 5}}}));
        let changes = world.heard(&speaker, |_, message| match message {
            ToDevice::DesiredChanged(change) => (change.version, change.patch.to_vec()),
            other => panic!("{other:?}"),
        });
        let [(2, patch)] = &changes[..] else { panic!("{dialect:?}: {changes:?}") };
        let patch: Value = serde_json::from_slice(patch).unwrap();
        let expected =
            if *dialect == Dialect::Classic { json!({"rate": 5, "$version": 2}) } else { json!({"rate": 5}) };
        assert_eq!(patch, expected, "{dialect:?}");
    }
}

#[test]
fn a_twin_that_a_device_has_no_room_for_is_refused() {
    let mut world = World::new();
    let hello = Hello { maximum_packet_size: Some(400), ..Hello::new(&world, "dev1") };
    let (speaker, _) = world.say_hello(Dialect::Preview5, &hello);
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"long": "x".repeat(500)}}}));
    let mut out = [0; 128];
    let publish = speaker.codec.encode(&TwinGet::new(request("1")), &mut out).unwrap();
    world.say(&speaker, None, &publish);
    assert_eq!(answer(&mut world, &speaker), (Status::SERVER_ERROR, None, String::new()));
}

#[test]
fn a_method_is_called_answered_and_in_the_previews_declined() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let speaker = world.speak(*dialect, "dev1");
        world.listen(&speaker, everything());
        let mut rows = vec![(Status::SUCCESS, 201, 200, None)];
        if *dialect != Dialect::Classic {
            rows.push((Status::TARGET_UNAVAILABLE, 0, 404, Some("404103")));
            rows.push((Status::SERVER_BUSY, 0, 404, Some("404103")));
            rows.push((Status::TARGET_FAILED, 0, 502, Some("declined the call with status 06A2")));
        }
        for (status, code, http, words) in rows {
            let body = json!({"methodName": "reboot", "payload": {"delay": 5}}).to_string();
            let exchange = world.ask("POST", "/twins/dev1/methods", &body, &[]);
            let asked = world.heard(&speaker, |_, message| match message {
                ToDevice::Method(call) => {
                    assert_eq!((call.name, call.payload), ("reboot", &br#"{"delay":5}"#[..]));
                    call.request.to_buf()
                }
                other => panic!("{other:?}"),
            });
            let [asked] = &asked[..] else { panic!("{dialect:?}: {asked:?}") };
            let bad = Reply::new(asked.as_id(), status);
            let good = Reply { code: Some(code), payload: b"{}", ..bad };
            let reply = if status.is_success() { good } else { bad };
            let mut out = [0; 512];
            let publish = speaker.codec.encode_reply(Operation::Method("reboot"), &reply, &mut out);
            world.say(&speaker, None, &publish.unwrap());
            let response = world.response(exchange).unwrap();
            let body = String::from_utf8(response.body).unwrap();
            assert_eq!(response.status, http, "{dialect:?} {body}");
            match words {
                Some(words) => assert!(body.contains(words), "{body}"),
                None => assert_eq!(body, r#"{"status":201,"payload":{}}"#),
            }
        }
    }
}

#[test]
fn a_command_says_what_its_dialect_wants_to_know_and_waits_for_its_acknowledgement() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let speaker = world.speak(*dialect, "dev1");
        world.listen(&speaker, everything());
        let headers = [("iothub-messageid", "c1"), ("iothub-app-color", "dark red"), ("iothub-ack", "full")];
        world.rest_with("POST", COMMANDS, "first", &headers);
        world.rest_with("POST", COMMANDS, "second", &[]);
        let commands = world.heard(&speaker, |ack, message| {
            let ToDevice::Command(command) = message else { panic!("{message:?}") };
            let system = |property| command.properties.system(property).map(|value| value.to_string());
            assert!(
                dialect.property_name(SystemProperty::To).is_some() || system(SystemProperty::To).is_none()
            );
            let numbers = [
                SystemProperty::SequenceNumber,
                SystemProperty::EnqueuedTime,
                SystemProperty::DeliveryCount,
                SystemProperty::Expiry,
            ]
            .map(system);
            let color = command.properties.get("color").map(|value| value.to_string());
            (ack.unwrap(), command.payload.to_vec(), numbers, color)
        });
        let [(first, payload, numbers, color), (second, ..)] = &commands[..] else { panic!("{commands:?}") };
        assert_eq!((&payload[..], color.as_deref()), (&b"first"[..], Some("dark red")));
        let expected = match dialect {
            Dialect::Classic => [None, None, None, None],
            Dialect::Preview311 => [Some("1"), Some("1893456000000"), Some("0"), Some("1893459600000")],
            _ => [Some("1"), Some("1893456000000"), Some("0"), None],
        };
        assert_eq!(numbers.each_ref().map(Option::as_deref), expected, "{dialect:?}");
        let waiting = |world: &mut World| {
            world.rest("GET", "/devices/dev1", json!(null)).1["cloudToDeviceMessageCount"].clone()
        };
        world.acknowledge(speaker.line, *second);
        assert_eq!(waiting(&mut world), 1);
        world.acknowledge(speaker.line, *first);
        assert_eq!(waiting(&mut world), 0);
    }
}

#[test]
fn subscriptions_of_a_dialect_mean_nothing_in_another() {
    let mut world = World::new();
    let speaker = world.speak(Dialect::Preview311, "dev1");
    world.listen(&speaker, everything());
    world.rest_with("POST", COMMANDS, "x", &[]);
    world.cut(speaker.line);
    let speaker = world.speak(Dialect::Preview5, "dev1");
    assert!(world.heard(&speaker, |_, _| ()).is_empty());
    world.listen(&speaker, everything());
    assert_eq!(world.heard(&speaker, |ack, _| ack.is_some()), [true]);
}
