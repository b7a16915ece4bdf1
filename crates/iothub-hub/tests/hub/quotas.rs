use core::num::NonZeroU16;
use core::time::Duration;

use iothub_codec::{Codec, Dialect, Status, TwinGet, TwinPart};
use iothub_hub::{Change, Edition, Input, PacketBuf, Sku};
use iothub_proto::{RefusalReason, Session};
use serde_json::json;

use crate::speaker::{Hello, request, said, telemetry};
use crate::world::{World, identity};

fn small(sku: Sku) -> World {
    World::of(Edition::new(sku, NonZeroU16::MIN).unwrap())
}

/// As if so many messages had been sent today.
fn use_up(world: &mut World, messages: u64) {
    let day = world.now.timestamp.as_secs() / (24 * 60 * 60);
    world.hub.apply(&Change::MessagesCounted { day, messages }).unwrap();
}

/// The reason code of a PUBACK, and its user properties.
type Said = (u8, Vec<(String, String)>);

/// Sends telemetry until it is refused; how many were not.
fn flood(world: &mut World, dialect: Dialect) -> (usize, Option<Said>) {
    let speaker = world.speak(dialect, "dev1");
    let mut out = [0; 256];
    let message = telemetry(b"x");
    for count in 0..10_000 {
        let publish = speaker.codec.encode(&message, &mut out).unwrap();
        world.say(&speaker, Some(u16::try_from(count % 1000 + 1).unwrap()), &publish);
        for packet in world.sent(speaker.line) {
            match packet.as_packet() {
                iothub_proto::Packet::Ack { ack, .. } if ack.reason_code == 0 => {}
                iothub_proto::Packet::Ack { ack, .. } => return (count, Some(said(&ack))),
                other => panic!("{other:?}"),
            }
        }
        if world.is_closed(speaker.line) {
            return (count, None);
        }
    }
    (10_000, None)
}

#[test]
fn telemetry_beyond_its_rate_is_refused_as_the_dialect_can() {
    for dialect in Dialect::ALL {
        let mut world = small(Sku::S1);
        let (count, said) = flood(&mut world, *dialect);
        assert_eq!(count, 1_000, "ten seconds of 100 a second, {dialect}");
        match dialect {
            Dialect::Preview5 => {
                let (code, properties) = said.unwrap();
                assert_eq!(code, 151);
                assert_eq!(properties[0], ("status".into(), "0501".into()));
            }
            _ => assert_eq!(said, None, "a connection that ends says it over MQTT 3.1.1"),
        }
        let notice = world.notices.last().unwrap();
        assert_eq!(notice.rule.unwrap().name(), "throttled");
        world.pass(Duration::from_secs(1));
        assert_eq!(
            flood(&mut world, *dialect).0,
            100,
            "a second later there is room for as many as come in one"
        );
    }
}

#[test]
fn as_many_as_a_test_wants_are_refused_by_a_hub_without_limits() {
    for dialect in Dialect::ALL {
        let mut world = World::new();
        world.put(Input::Throttle { operations: 2 });
        // Others are not meant.
        assert_eq!(world.rest("GET", "/twins/dev1", json!(null)).0, 200);
        for _ in 0..2 {
            assert_eq!(flood(&mut world, *dialect).0, 0, "{dialect}");
            let notice = world.notices.last().unwrap();
            assert_eq!(notice.rule.unwrap().name(), "throttled");
        }
        world.put(Input::Throttle { operations: 2 });
        world.put(Input::Throttle { operations: 0 });
        assert_eq!(flood(&mut world, *dialect).0, 10_000, "{dialect}");
    }
}

#[test]
fn nothing_that_is_charged_passes_when_the_day_is_used_up() {
    let mut world = small(Sku::F1);
    world.create_device("a");
    use_up(&mut world, 8_000);
    for (method, path, body, expected) in [
        ("GET", "/devices/a", json!(null), 200),
        ("GET", "/twins/a", json!(null), 403),
        ("PATCH", "/twins/a", json!({"tags": {}}), 403),
        ("POST", "/twins/a/methods", json!({"methodName": "m"}), 403),
        ("POST", "/$local/devices/a/commands", json!("x"), 403),
        ("GET", "/statistics/devices", json!(null), 200),
        ("DELETE", "/devices/a", json!(null), 204),
    ] {
        let (status, answer) = world.rest(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        let refused = answer["Message"].as_str().is_some_and(|text| text.contains("\"errorCode\":403002"));
        assert_eq!(refused, expected == 403, "{answer}");
    }
    let (count, said) = flood(&mut world, Dialect::Preview5);
    let (code, properties) = said.unwrap();
    assert_eq!((count, code, &*properties[0].1), (0, 151, "0502"));
    world.pass(Duration::from_secs(24 * 60 * 60));
    assert_eq!(world.rest("PATCH", "/twins/dev1", json!({"tags": {}})).0, 200, "a new day");
}

#[test]
fn a_device_is_told_in_the_answer_about_its_twin() {
    for dialect in Dialect::ALL {
        let mut world = small(Sku::F1);
        use_up(&mut world, 8_000);
        let speaker = world.speak(*dialect, "dev1");
        world.listen(&speaker, iothub_codec::Channels::REPLIES);
        let get = TwinGet { request: request("1"), part: TwinPart::Whole, known_version: None };
        let codec = Codec::new(*dialect, identity("dev1"));
        let mut out = [0; 256];
        let publish = codec.encode(&get, &mut out).unwrap();
        world.say(&speaker, None, &publish);
        let heard = world.heard(&speaker, |_, message| match message {
            iothub_codec::ToDevice::Reply(reply) => reply.status,
            other => panic!("{other:?}"),
        });
        // The classic dialect has one number for all that is forbidden.
        let told = heard[0];
        assert!(
            told == Status::QUOTA_EXCEEDED || told.http() == Status::QUOTA_EXCEEDED.http(),
            "{dialect}: {told}"
        );
        assert!(!world.is_closed(speaker.line));
    }
}

#[test]
fn connections_beyond_their_rate_are_refused() {
    let mut world = small(Sku::S2);
    let hello = Hello::new(&world, "dev1");
    let mut count = 0;
    let refused = loop {
        let (_, answer) = world.say_hello(Dialect::Preview5, &hello);
        let PacketBuf::Refused(reason, section) = answer else {
            count += 1;
            continue;
        };
        break (reason, section);
    };
    assert_eq!((count, refused.0), (1_200, RefusalReason::ConnectionRateExceeded));
    // Over MQTT 3.1.1 there is a number for "later".
    assert_eq!(world.greet(&world.greeting("dev1")).1, Err(RefusalReason::Unavailable));
    // Who is not let in anyway does not use up what others need.
    let mut world = small(Sku::S2);
    for _ in 0..2_000 {
        let mut greeting = world.greeting("dev1");
        greeting.password = None;
        assert_eq!(world.greet(&greeting).1, Err(RefusalReason::NotAuthorized));
    }
    assert_eq!(world.greet(&world.greeting("dev1")).1, Ok(Session::Fresh));
}

#[test]
fn requests_beyond_their_rate_are_refused_until_there_is_room() {
    let mut world = small(Sku::S1);
    let ask = |world: &mut World| world.rest("GET", "/devices/dev1", json!(null));
    let done = (0..100).take_while(|_| ask(&mut world).0 == 200).count();
    assert_eq!(done, 16, "ten seconds of 100 a minute");
    let (status, answer) = ask(&mut world);
    assert_eq!(status, 429);
    assert!(answer["Message"].as_str().unwrap().contains("429001"), "{answer}");
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&mut world).0, 200);
    // Without a right to be served, nothing is used up.
    for _ in 0..100 {
        world.rest_with("GET", "/devices/dev1", "", &[("authorization", "SharedAccessSignature sr=x")]);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&mut world).0, 200);
}

#[test]
fn what_was_used_of_a_day_is_not_forgotten_by_a_restart() {
    let mut world = small(Sku::F1);
    assert_eq!(flood(&mut world, Dialect::Classic).0, 1_000);
    let record = world.changes.clone();
    let mut restored = World::empty_of(Edition::new(Sku::F1, NonZeroU16::MIN).unwrap());
    restored.now = world.now;
    for change in &record {
        restored.hub.apply(change).unwrap();
        restored.changes.push(change.clone());
    }
    restored.put(Input::Start);
    let last = record.iter().rev().find_map(|change| match change {
        Change::MessagesCounted { messages, .. } => Some(*messages),
        _ => None,
    });
    let recorded = last.unwrap();
    assert!((1_000 - 64..=1_000).contains(&recorded), "{recorded}");
    let mut sent = 0;
    loop {
        restored.pass(Duration::from_secs(11));
        let (count, _) = flood(&mut restored, Dialect::Classic);
        sent += count as u64;
        if count < 1_000 {
            break;
        }
    }
    assert_eq!(recorded + sent, 8_000);
}
