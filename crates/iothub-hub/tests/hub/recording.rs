use iothub_hub::{Change, Input};
use serde_json::{Value, json};

use crate::world::World;

/// What a back end can see of a hub, but for what only lasts as long as a connection.
fn visible(world: &mut World) -> Vec<Value> {
    let (_, mut devices) = world.rest("GET", "/devices", json!(null));
    let mut all = Vec::new();
    for device in devices.as_array_mut().unwrap() {
        let id = device["deviceId"].as_str().unwrap().to_owned();
        let (_, modules) = world.rest("GET", &format!("/devices/{id}/modules"), json!(null));
        let (_, twin) = world.rest("GET", &format!("/twins/{id}"), json!(null));
        all.extend([device.take(), modules, twin]);
    }
    for document in &mut all {
        for name in ["connectionState", "connectionStateUpdatedTime", "lastActivityTime"] {
            document.as_object_mut().map(|document| document.remove(name));
        }
    }
    all
}

#[test]
fn a_record_gives_the_hub_back() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.create_device(id);
    }
    world.create_module("a", "m");
    world.rest("DELETE", "/devices/b", json!(null));
    world.rest("PATCH", "/twins/a", json!({"tags": {"t": 1}, "properties": {"desired": {"x": {"y": 1}}}}));
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"x": null}}}));
    world.rest("PUT", "/twins/c", json!({"tags": {"only": true}}));
    let line = world.connect("a");
    world.subscribe(line, &[("devices/a/messages/devicebound/#", 1)]);
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", br#"{"r":1}"#, None);
    for payload in ["one", "two"] {
        world.rest_with("POST", "/$local/devices/a/commands", payload, &[]);
    }
    let sent = world.published(line);
    world.acknowledge(line, sent[0].ack.unwrap());
    world.cut(line);

    // The record goes through its written form.
    let record: Vec<String> =
        world.changes.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
    let mut restored = World::empty();
    for change in &record {
        let change: Change = serde_json::from_str(change).unwrap();
        restored.hub.apply(&change).unwrap();
        restored.changes.push(change);
    }
    let before = restored.changes.len();
    restored.put(Input::Start);
    assert_eq!(restored.changes.len(), before, "nothing is missing that would have to be made");
    assert_eq!(visible(&mut restored), visible(&mut world));

    let line = restored.connect("a");
    restored.subscribe(line, &[("devices/a/messages/devicebound/#", 1)]);
    let again = restored.published(line);
    assert_eq!(again.iter().map(|message| message.payload.as_str()).collect::<Vec<_>>(), ["two"]);
}

#[test]
fn what_is_acknowledged_stands_behind_its_record() {
    use iothub_hub::{Effect, PacketBuf};
    let mut world = World::new();
    let line = world.connect("dev1");
    world.subscribe(line, &[("$iothub/twin/res/#", 0)]);
    let mut effects = Vec::new();
    let publish = iothub_codec::Publish {
        qos: iothub_codec::Qos::AtLeastOnce,
        ..iothub_codec::Publish::new("$iothub/twin/PATCH/properties/reported/?$rid=1", b"{}")
    };
    let packet = iothub_proto::Packet::Publish { ack: Some(crate::world::token(1)), publish };
    world.hub.handle(world.now, Input::Packet { connection: line.0, packet: &packet }, &mut effects);
    let place = |which: &dyn Fn(&Effect) -> bool| effects.iter().position(which).unwrap();
    let recorded = place(&|effect| matches!(effect, Effect::Record(_)));
    let acknowledged = place(&|effect| matches!(effect, Effect::Send { packet: PacketBuf::Ack(..), .. }));
    let answered = place(&|effect| matches!(effect, Effect::Send { packet: PacketBuf::Publish { .. }, .. }));
    assert!(recorded < acknowledged && acknowledged < answered, "{effects:?}");
}

#[test]
fn the_same_inputs_give_the_same_record() {
    let run = || {
        let mut world = World::new();
        world.create_device("a");
        world.rest("PATCH", "/twins/a", json!({"tags": {"t": 1}}));
        world.changes.iter().map(|change| serde_json::to_string(change).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
