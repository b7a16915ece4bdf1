use core::time::Duration;

use iothub_hub::PacketBuf;
use iothub_proto::Packet;
use serde_json::{Value, json};

use super::{FILTER, KEY, POLL, REGISTER, ask, connect, connect_as, enroll, ready, register, token, world};

#[test]
fn a_device_registers_and_connects_to_its_hub_with_the_same_key() {
    let mut world = world();
    enroll(
        &mut world,
        "reg-1",
        json!({"deviceId": "pump-7", "iotHubHostName": "hub1.test", "payload": {"k": 1}}),
    );
    let line = ready(&mut world, "reg-1", KEY);
    let first = ask(&mut world, line, &format!("{REGISTER}1"), br#"{"registrationId":"reg-1"}"#);
    assert_eq!(first.topic, "$dps/registrations/res/202/?$rid=1&retry-after=1");
    let operation = first.json()["operationId"].as_str().unwrap().to_owned();
    assert_eq!(first.json(), json!({"operationId": operation, "status": "assigning"}));
    let second = ask(&mut world, line, &format!("{POLL}2&operationId={operation}"), b" ");
    assert_eq!(second.topic, "$dps/registrations/res/200/?$rid=2");
    let mut document = second.json();
    let state = document["registrationState"].as_object_mut().unwrap();
    for made in ["createdDateTimeUtc", "lastUpdatedDateTimeUtc", "etag"] {
        assert!(state.remove(made).is_some(), "{made}");
    }
    assert_eq!(
        document,
        json!({"operationId": operation, "status": "assigned", "registrationState": {
            "registrationId": "reg-1", "assignedHub": "hub1.test", "deviceId": "pump-7",
            "status": "assigned", "substatus": "initialAssignment", "payload": {"k": 1},
        }})
    );
    assert_eq!(world.hub.device_key("pump-7"), Some(KEY));
    world.disconnect(line);
    assert!(world.is_closed(line));
    world.connect("pump-7");
}

/// Clients of one maker close the connection when anything comes between.
#[test]
fn a_request_is_acknowledged_right_before_it_is_answered() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    let line = ready(&mut world, "reg-1", KEY);
    for topic in [format!("{REGISTER}1"), format!("{POLL}2&operationId=nonsense")] {
        world.publish(line, &topic, b"", Some(9));
        let sent = world.sent(line);
        assert!(matches!(&sent[..], [PacketBuf::Ack(..), PacketBuf::Publish { .. }]), "{sent:?}");
    }
    // Whoever wants no acknowledgement gets the answer alone.
    world.publish(line, &format!("{REGISTER}3"), b"", None);
    assert!(matches!(&world.sent(line)[..], [PacketBuf::Publish { .. }]));
}

#[test]
fn every_answer_has_a_body_that_says_what_is_wrong() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    let line = ready(&mut world, "reg-1", KEY);
    for (topic, payload, status, code) in [
        (format!("{REGISTER}1"), &b"[1]"[..], 400, 400_006),
        (format!("{REGISTER}1"), b"{\"registrationId\":\"reg-2\"}", 400, 400_004),
        (format!("{REGISTER}1"), &[b'x'; 8193], 413, 413_000),
        (format!("{POLL}1&operationId=4.other"), b"", 404, 404_000),
    ] {
        let answer = ask(&mut world, line, &topic, payload);
        assert_eq!(answer.topic, format!("$dps/registrations/res/{status}/?$rid=1"), "{topic}");
        let body = answer.json();
        assert_eq!(body["errorCode"], code, "{body}");
        for member in ["message", "trackingId", "timestampUtc"] {
            assert!(body[member].is_string(), "{member} of {body}");
        }
    }
    assert!(!world.is_closed(line));
}

#[test]
fn whoever_does_not_keep_to_the_protocol_is_closed() {
    type Deed = fn(&mut crate::world::World, crate::world::Line);
    let deeds: [(&str, Deed); 4] = [
        ("telemetry", |world, line| world.publish(line, "devices/reg-1/messages/events/", b"", Some(1))),
        ("no request id", |world, line| {
            world.publish(line, "$dps/registrations/PUT/iotdps-register/", b"", Some(1));
        }),
        ("a packet of the service", |world, line| {
            world.send(
                line,
                &Packet::SubAck { token: crate::world::token(1), granted: iothub_proto::Granted::EMPTY },
            );
        }),
        ("no acknowledgement, ever", |world, line| {
            for _ in 0..17 {
                world.publish(line, &format!("{POLL}1&operationId=x"), b"", Some(1));
            }
        }),
    ];
    for (what, deed) in deeds {
        let mut world = world();
        enroll(&mut world, "reg-1", json!({}));
        let line = ready(&mut world, "reg-1", KEY);
        deed(&mut world, line);
        assert!(world.is_closed(line), "{what}");
        let rule = world.notices.last().unwrap().rule.unwrap().name();
        assert!(["broken-protocol", "unreadable-message"].contains(&rule), "{what}: {rule}");
    }
}

#[test]
fn only_answers_can_be_listened_to_and_nobody_hears_others() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    let token = token(&world, "reg-1", KEY);
    let line = connect(&mut world, "reg-1", Some(&token), vec![]).unwrap();
    world.publish(line, &format!("{REGISTER}1"), b"", Some(1));
    assert!(world.published(line).is_empty(), "it does not listen");
    let granted = world.subscribe(line, &[("#", 1), ("$dps/registrations/res/+", 1), (FILTER, 0)]);
    assert_eq!(granted.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(ask(&mut world, line, &format!("{REGISTER}1"), b"").json()["status"], "assigning");
}

#[test]
fn a_connection_lasts_as_long_as_its_proof() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    let line = ready(&mut world, "reg-1", KEY);
    world.pass(Duration::from_secs(3600 + 299));
    assert!(!world.is_closed(line));
    world.pass(Duration::from_secs(2));
    assert!(world.is_closed(line));
    assert_eq!(world.notices.last().unwrap().rule.unwrap().name(), "expired-credentials");
}

#[test]
fn names_have_no_case() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({"iotHubHostName": "HUB1.test"}));
    let line = ready(&mut world, "REG-1", KEY);
    assert_eq!(register(&mut world, line, b"")["registrationState"]["assignedHub"], "hub1.test");
    assert_eq!(world.rest("GET", "/registrations/Reg-1", Value::Null).1["status"], "assigned");
}

#[test]
fn a_hub_without_the_service_and_a_foreign_scope_let_nobody_register() {
    let mut world = crate::world::World::new();
    let token = token(&world, "reg-1", KEY);
    let why = connect(&mut world, "reg-1", Some(&token), vec![]).unwrap_err();
    assert!(why.starts_with("not-enrolled: "), "{why}");
    assert_eq!(world.rest("GET", "/enrollments/reg-1", Value::Null).0, 404);
    let mut world = super::world();
    enroll(&mut world, "reg-1", json!({}));
    let name = ("reg-1", "0neOTHER/registrations/reg-1/api-version=2019-03-31");
    let why = connect_as(&mut world, name, Some(&token), vec![]).unwrap_err();
    assert!(why.contains("0neOTHER"), "{why}");
}
