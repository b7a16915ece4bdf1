use iothub_codec::{Publish, Qos};
use iothub_hub::EventKind;
use iothub_proto::Packet;
use serde_json::json;

use crate::world::{World, token};

#[test]
fn a_message_becomes_an_event_and_then_is_acknowledged() {
    let mut world = World::new();
    let line = world.connect("dev1");
    let topic = "devices/dev1/messages/events/%24.mid=m1&$.ct=application%2Fjson&%24.ce=utf-8&level=hot%20zone&level=hotter&flag";
    world.publish(line, topic, br#"{"t":21}"#, Some(7));
    assert_eq!(world.acknowledged(line), [7]);
    let generation = world.rest("GET", "/devices/dev1", json!(null)).1["generationId"].clone();
    let event = serde_json::to_value(world.events.last().unwrap()).unwrap();
    assert_eq!(
        event,
        json!({
            "kind": "telemetry",
            "deviceId": "dev1",
            "enqueuedTime": "2030-01-01T00:00:00.0000000Z",
            "systemProperties": {
                "message-id": "m1",
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "iothub-connection-device-id": "dev1",
                "iothub-connection-auth-method": r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#,
                "iothub-connection-auth-generation-id": generation,
                "iothub-enqueuedtime": "2030-01-01T00:00:00.0000000Z",
                "iothub-message-source": "Telemetry",
            },
            "properties": {"level": "hotter", "flag": ""},
            "body": {"t": 21},
        })
    );
}

#[test]
fn what_the_hub_stamps_cannot_be_said_by_a_device() {
    let mut world = World::new();
    let line = world.connect("dev1");
    let topic = "devices/dev1/messages/events/%24.cdid=other&%24.cmid=other&iothub-enqueuedtime=never";
    world.publish(line, topic, b"", None);
    let event = world.events.last().unwrap();
    assert_eq!(event.system.get("iothub-connection-device-id"), Some("dev1"));
    assert!(event.system.get("iothub-connection-module-id").is_none());
    assert_eq!(event.properties["iothub-enqueuedtime"], "never", "an application may use the name");
}

#[test]
fn the_retain_flag_becomes_a_property() {
    let mut world = World::new();
    let line = world.connect("dev1");
    let publish = Publish { retain: true, ..Publish::new("devices/dev1/messages/events/", b"x") };
    world.send(line, &Packet::Publish { ack: None, publish });
    assert_eq!(world.events.last().unwrap().properties["mqtt-retain"], "true");
}

#[test]
fn bytes_text_and_json_are_told_apart() {
    let mut world = World::new();
    let line = world.connect("dev1");
    for (payload, member, value) in [
        (&b"21.5"[..], "body", json!(21.5)),
        (b"hello", "body", json!("hello")),
        (b"", "body", json!("")),
        (b"\xff\x00", "bodyBase64", json!("/wA=")),
    ] {
        world.publish(line, "devices/dev1/messages/events/", payload, None);
        let event = serde_json::to_value(world.events.last().unwrap()).unwrap();
        assert_eq!(event[member], value);
    }
}

#[test]
fn a_topic_full_of_properties_costs_no_more_than_its_length() {
    let mut world = World::new();
    let line = world.connect("dev1");
    let names: Vec<String> = (0..12_000).map(|n| format!("{n:x}=")).collect();
    let topic = format!("devices/dev1/messages/events/{}", names.join("&"));
    world.publish(line, &topic, b"", Some(1));
    assert_eq!(world.events.last().unwrap().properties.len(), 12_000);
}

#[test]
fn a_module_speaks_for_itself() {
    let mut world = World::new();
    world.create_module("dev1", "mod-a");
    let line = world.connect("dev1/mod-a");
    let publish = Publish {
        qos: Qos::AtLeastOnce,
        ..Publish::new("devices/dev1/modules/mod-a/messages/events/%24.on=alerts/", b"1")
    };
    world.send(line, &Packet::Publish { ack: Some(token(1)), publish });
    let event = world.events.last().unwrap();
    assert_eq!(event.module.as_deref(), Some("mod-a"));
    assert_eq!(event.system.get("iothub-connection-module-id"), Some("mod-a"));
    assert_eq!(event.system.get("iothub-outputname"), Some("alerts"));
}

#[test]
fn coming_and_going_are_events() {
    let mut world = World::new();
    let line = world.connect("dev1");
    world.cut(line);
    world.rest("DELETE", "/devices/dev1", json!(null));
    let told: Vec<_> =
        world.events.iter().map(|event| (event.kind, event.properties["opType"].as_str())).collect();
    assert_eq!(
        told,
        [
            (EventKind::ConnectionState, "deviceConnected"),
            (EventKind::ConnectionState, "deviceDisconnected"),
            (EventKind::Lifecycle, "deleteDeviceIdentity"),
        ]
    );
}
