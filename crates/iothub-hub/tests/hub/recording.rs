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

#[test]
fn a_hub_that_is_stated_anew_needs_nothing_of_what_was_recorded_before() {
    // Stated in parts of every size, with changes in between that concern what was stated and what was not yet.
    for identities in [1, 2, 3, 100] {
        let mut world = World::new();
        for id in ["a", "b", "c", "d", "e"] {
            world.create_device(id);
        }
        world.create_module("a", "m");
        world.rest(
            "PATCH",
            "/twins/a",
            json!({"tags": {"t": 1}, "properties": {"desired": {"x": {"y": 1}}}}),
        );
        world.rest("PATCH", "/twins/e", json!({"properties": {"desired": {"x": 1}}}));
        let line = world.connect("a");
        world.subscribe(line, &[("devices/a/messages/devicebound/#", 1)]);
        for payload in ["one", "two"] {
            world.rest_with("POST", "/$local/devices/a/commands", payload, &[]);
        }
        let sent = world.published(line);

        let begin = world.changes.len();
        let mut rounds = 0;
        while world.changes.last() != Some(&Change::RestatementEnded) {
            world.put(Input::Restate { identities });
            if world.changes.last() == Some(&Change::RestatementEnded) {
                break;
            }
            rounds += 1;
            match rounds {
                1 => drop(world.rest("DELETE", "/devices/b", json!(null))),
                2 => drop(world.rest("PATCH", "/twins/e", json!({"tags": {"late": true}}))),
                3 => {
                    drop(world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"x": {"z": 2}}}})))
                }
                4 => world.create_device("aa"),
                _ => {}
            }
        }
        assert!(identities > 1 || rounds > 5, "{rounds}");
        // It does not disturb what is on its way to devices that are connected.
        world.acknowledge(line, sent[0].ack.unwrap());
        world.cut(line);

        let mut restored = World::empty();
        for change in &world.changes[begin..] {
            let text = serde_json::to_string(change).unwrap();
            restored.hub.apply(&serde_json::from_str(&text).unwrap()).unwrap();
        }
        restored.put(Input::Start);
        assert_eq!(restored.changes, [], "nothing is missing that would have to be made");
        assert_eq!(visible(&mut restored), visible(&mut world), "{identities} at a time");
        let line = restored.connect("a");
        restored.subscribe(line, &[("devices/a/messages/devicebound/#", 1)]);
        let again = restored.published(line);
        assert_eq!(again.iter().map(|message| message.payload.as_str()).collect::<Vec<_>>(), ["two"]);
    }
}

#[test]
fn a_hub_that_is_restored_goes_on_stating_where_it_had_come_to() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.create_device(id);
    }
    world.put(Input::Restate { identities: 2 });
    let mut restored = World::empty();
    for change in &world.changes {
        restored.hub.apply(change).unwrap();
    }
    restored.put(Input::Restate { identities: 100 });
    let stated = |change: &Change| match change {
        Change::IdentityStated { key, .. } => Some(key.to_string()),
        _ => None,
    };
    assert_eq!(restored.changes.iter().filter_map(stated).collect::<Vec<_>>(), ["c", "dev1"]);
    assert_eq!(restored.changes.last(), Some(&Change::RestatementEnded));
}
