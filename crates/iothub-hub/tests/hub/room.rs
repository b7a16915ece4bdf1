//! A hub whose disk is nearly full.

use core::time::Duration;

use iothub_codec::{Channels, Dialect, Status, ToDevice, TwinPatch};
use iothub_hub::{Input, Recording, Rule};
use iothub_proto::{Packet, RefusalReason};
use serde_json::json;

use crate::speaker::{request, said, telemetry};
use crate::world::World;

const TELEMETRY: &str = "devices/dev1/messages/events/";
const COMMANDS: &str = "/$local/devices/dev1/commands";

fn set(world: &mut World, recording: Recording) {
    world.put(Input::Recording { recording });
}

fn recorded(world: &World) -> (usize, usize) {
    (world.changes.len(), world.events.len())
}

#[test]
fn what_would_be_recorded_is_refused_to_back_ends_and_what_reads_is_served() {
    let mut world = World::new();
    set(&mut world, Recording::Closed);
    let before = recorded(&world);
    for (method, path) in [
        ("PUT", "/devices/d"),
        ("DELETE", "/devices/dev1"),
        ("POST", "/devices"),
        ("PATCH", "/twins/dev1"),
        ("PUT", "/twins/dev1"),
        ("POST", COMMANDS),
        ("DELETE", "/devices/dev1/commands"),
        ("POST", "/devices/dev1/messages/events"),
        ("GET", "/devices/dev1/messages/deviceBound"),
        ("GET", "/$local/messages/serviceBound/feedback"),
        ("POST", "/$local/registry"),
        ("PUT", "/$local/authorities/a"),
    ] {
        let (status, body) = world.rest(method, path, json!({}));
        let message = body["Message"].as_str().or(body["message"].as_str()).unwrap_or_default();
        assert_eq!(status, 503, "{method} {path}: {body}");
        assert!(message.contains("disk") && message.contains("503001"), "{method} {path}: {body}");
    }
    for path in
        ["/devices/dev1", "/devices", "/twins/dev1", "/statistics/devices", COMMANDS, "/$local/registry"]
    {
        assert_eq!(world.rest("GET", path, json!(null)).0, 200, "{path}");
    }
    assert_eq!(recorded(&world), before);
    set(&mut world, Recording::Open);
    assert_eq!(world.rest("PATCH", "/twins/dev1", json!({"tags": {"a": 1}})).0, 200);
    let said: Vec<_> = world.notices.iter().map(|notice| notice.what).collect();
    let count = |what| said.iter().filter(|said| **said == what).count();
    assert_eq!((count("writing suspended"), count("writing taken up")), (1, 1));
}

#[test]
fn a_device_learns_that_nothing_is_recorded_as_its_dialect_can_say() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        let speaker = world.speak(*dialect, "dev1");
        world.listen(&speaker, Channels::REPLIES);
        set(&mut world, Recording::Closed);
        let before = recorded(&world);
        let mut out = [0; 256];
        let patch = TwinPatch { request: request("1"), patch: br#"{"a":1}"#, if_version: None };
        world.say(&speaker, None, &speaker.codec.encode(&patch, &mut out).unwrap());
        let answers = world.heard(&speaker, |_, message| match message {
            ToDevice::Reply(reply) => reply.status,
            other => panic!("{other:?}"),
        });
        assert_eq!(answers, [Status::SERVER_BUSY], "{dialect}");
        assert_eq!(recorded(&world), before, "{dialect}");
        world.say(&speaker, Some(1), &speaker.codec.encode(&telemetry(b"t"), &mut out).unwrap());
        if *dialect == Dialect::Preview5 {
            let sent = world.sent(speaker.line);
            let [puback] = &sent[..] else { panic!("{sent:?}") };
            let Packet::Ack { ack, .. } = puback.as_packet() else { panic!("{puback:?}") };
            let (code, properties) = said(&ack);
            assert_eq!((code, &properties[0]), (131, &("status".into(), "0603".into())));
            assert_eq!(recorded(&world), before, "the connection goes on");
        } else {
            assert!(world.is_closed(speaker.line), "{dialect}");
        }
    }
}

#[test]
fn telemetry_over_mqtt_3_is_not_acknowledged_and_nobody_is_let_in_until_there_is_room() {
    let mut world = World::new();
    let line = world.connect("dev1");
    set(&mut world, Recording::Closed);
    world.publish(line, TELEMETRY, b"t", Some(1));
    assert!(world.is_closed(line) && world.acknowledged(line).is_empty());
    assert!(world.events.iter().all(|event| event.body != "t"));
    let (_, refused) = world.greet(&world.greeting("dev1"));
    assert_eq!(refused, Err(RefusalReason::Unavailable));
    assert!(world.notices.iter().any(|notice| notice.rule == Some(Rule::NoRoom)));
    set(&mut world, Recording::Open);
    let line = world.connect("dev1");
    world.publish(line, TELEMETRY, b"t", Some(2));
    assert_eq!(world.acknowledged(line), [2]);
}

#[test]
fn commands_wait_until_there_is_room_and_then_go_or_expire() {
    let mut world = World::new();
    world.create_device("idle");
    let expiry = [("iothub-expiry", "2030-01-01T00:10:00Z")];
    assert_eq!(world.rest_with("POST", "/$local/devices/idle/commands", "late", &expiry).status, 202);
    let line = world.connect("dev1");
    world.subscribe(line, &[("devices/dev1/messages/devicebound/#", 1)]);
    assert_eq!(world.rest_with("POST", COMMANDS, "one", &[]).status, 202);
    let first = world.published(line)[0].ack.unwrap();
    set(&mut world, Recording::Closed);
    world.acknowledge(line, first);
    let before = world.changes.len();
    world.pass(Duration::from_secs(11 * 60));
    assert_eq!(world.changes.len(), before, "that it has expired would be recorded");
    set(&mut world, Recording::Open);
    assert!(world.changes.len() > before);
    assert_eq!(world.rest("GET", "/devices/idle", json!(null)).1["cloudToDeviceMessageCount"], 0);
    assert_eq!(world.rest_with("POST", COMMANDS, "two", &[]).status, 202);
    assert_eq!(world.published(line)[0].payload, "two");
}

#[test]
fn a_will_is_given_up_and_that_is_logged() {
    let mut world = World::new();
    let mut greeting = world.greeting("dev1");
    greeting.will = Some((TELEMETRY.into(), b"gone".to_vec()));
    let (line, _) = world.greet(&greeting);
    set(&mut world, Recording::Closed);
    world.cut(line);
    assert!(world.events.iter().all(|event| event.body != "gone"));
    assert!(world.notices.iter().any(|notice| notice.what == "will not appended"));
}
