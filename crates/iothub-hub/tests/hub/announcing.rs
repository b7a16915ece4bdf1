//! What back ends read about devices: every member of the hub's own events.

use iothub_hub::{Change, Event, Input};
use serde_json::{Value, json};

use crate::world::World;

const NOW: &str = "2030-01-01T00:00:00.0000000Z";

#[test]
fn every_event_of_the_hub_itself_says_what_it_is_and_whom_it_is_about() {
    for (happens, source, operation, schema, module) in [
        (
            create as fn(&mut World),
            "deviceLifecycleEvents",
            "createDeviceIdentity",
            "deviceLifecycleNotification",
            None,
        ),
        (delete, "deviceLifecycleEvents", "deleteDeviceIdentity", "deviceLifecycleNotification", None),
        (
            create_module,
            "deviceLifecycleEvents",
            "createModuleIdentity",
            "moduleLifecycleNotification",
            Some("m"),
        ),
        (
            delete_module,
            "deviceLifecycleEvents",
            "deleteModuleIdentity",
            "moduleLifecycleNotification",
            Some("m"),
        ),
        (patch, "twinChangeEvents", "updateTwin", "twinChangeNotification", None),
        (replace, "twinChangeEvents", "replaceTwin", "twinChangeNotification", None),
        (report, "twinChangeEvents", "updateTwin", "twinChangeNotification", None),
        (
            connect,
            "deviceConnectionStateEvents",
            "deviceConnected",
            "deviceConnectionStateNotification",
            None,
        ),
        (
            come_and_go,
            "deviceConnectionStateEvents",
            "deviceDisconnected",
            "deviceConnectionStateNotification",
            None,
        ),
        (
            connect_module,
            "deviceConnectionStateEvents",
            "deviceConnected",
            "deviceConnectionStateNotification",
            Some("m"),
        ),
    ] {
        let mut world = World::new();
        happens(&mut world);
        let event = serde_json::to_value(world.events.last().unwrap()).unwrap();
        let correlation = event["systemProperties"]["correlation-id"].as_str().unwrap_or_default();
        assert!(correlation.len() == 32 && correlation.bytes().all(|b| b.is_ascii_hexdigit()), "{event}");
        let device = event["deviceId"].as_str().unwrap();
        let mut system = json!({
            "user-id": "localhost",
            "correlation-id": correlation,
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "iothub-connection-device-id": device,
            "iothub-enqueuedtime": NOW,
            "iothub-message-source": source,
        });
        let mut properties = json!({
            "hubName": "localhost",
            "deviceId": device,
            "opType": operation,
            "operationTimestamp": NOW,
            "iothub-message-schema": schema,
        });
        if let Some(module) = module {
            system["iothub-connection-module-id"] = module.into();
            properties["moduleId"] = module.into();
        }
        assert_eq!(event["systemProperties"], system, "{operation}");
        assert_eq!(event["properties"], properties, "{operation}");
        assert_eq!(event["moduleId"].as_str(), module, "{operation}");
    }
}

#[test]
fn a_change_of_a_twin_tells_what_changed_when_and_to_which_version() {
    let updated = json!({"$lastUpdated": NOW});
    let desired = json!({"$lastUpdated": NOW, "$lastUpdatedVersion": 2});
    for (happens, body) in [
        (
            patch as fn(&mut World),
            json!({
                "version": 3,
                "tags": {"floor": 3},
                "properties": {"desired": {
                    "fan": {"speed": 2},
                    "gone": null,
                    "$metadata": {
                        "$lastUpdated": NOW,
                        "$lastUpdatedVersion": 2,
                        "fan": {"$lastUpdated": NOW, "$lastUpdatedVersion": 2, "speed": desired},
                    },
                    "$version": 2,
                }},
            }),
        ),
        (
            report,
            json!({
                "version": 3,
                "properties": {"reported": {
                    "temp": 21,
                    "$metadata": {"$lastUpdated": NOW, "temp": updated},
                    "$version": 2,
                }},
            }),
        ),
        (
            replace,
            json!({
                "version": 3,
                "tags": {"floor": 4},
                "properties": {
                    "desired": {
                        "a": 1,
                        "$metadata": {"$lastUpdated": NOW, "$lastUpdatedVersion": 2, "a": desired},
                        "$version": 2,
                    },
                    "reported": {"$metadata": {"$lastUpdated": NOW}, "$version": 1},
                },
            }),
        ),
        (
            |world| {
                patch(world);
                world.rest("PATCH", "/twins/dev1", json!({"tags": {"floor": null}}));
            },
            json!({"version": 4, "tags": {"floor": null}}),
        ),
    ] {
        let mut world = World::new();
        happens(&mut world);
        assert_eq!(body_of(world.events.last().unwrap()), body);
    }
}

#[test]
fn a_life_begins_and_ends_with_the_twin() {
    for (happens, version) in [(create as fn(&mut World), 1), (delete, 1), (create_module, 1)] {
        let mut world = World::new();
        happens(&mut world);
        let event = world.events.last().unwrap();
        let body = body_of(event);
        assert_eq!(body["deviceId"], *event.device);
        assert_eq!(body["moduleId"].as_str(), event.module.as_deref());
        for section in ["desired", "reported"] {
            assert_eq!(body["properties"][section]["$version"], version, "{body}");
            assert_eq!(body["properties"][section]["$metadata"]["$lastUpdated"], NOW, "{body}");
        }
    }
}

#[test]
fn numbers_of_connections_increase_over_restarts_and_restatements() {
    let mut world = World::new();
    let mut last = String::new();
    let mut record: Vec<Change> = core::mem::take(&mut world.changes);
    for round in 0..4 {
        for _ in 0..600 {
            come_and_go(&mut world);
        }
        for event in world.events.drain(..) {
            let number = body_of(&event)["sequenceNumber"].as_str().unwrap().to_owned();
            assert_eq!(number.len(), 64);
            assert!(number > last, "round {round}: {number} does not follow {last}");
            last = number;
        }
        record.append(&mut world.changes);
        if round % 2 == 1 {
            world.put(Input::Restate { identities: 100 });
            record = core::mem::take(&mut world.changes);
        }
        let mut restored = World::empty();
        for change in &record {
            restored.hub.apply(change).unwrap();
        }
        restored.put(Input::Start);
        world = restored;
    }
    assert!(record.len() < 30, "not every connection is recorded: {}", record.len());
}

fn body_of(event: &Event) -> Value {
    serde_json::from_slice(&event.body).unwrap()
}

fn create(world: &mut World) {
    world.create_device("pump-7");
}

fn delete(world: &mut World) {
    world.rest("DELETE", "/devices/dev1", json!(null));
}

fn create_module(world: &mut World) {
    world.create_module("dev1", "m");
}

fn delete_module(world: &mut World) {
    create_module(world);
    world.rest("DELETE", "/devices/dev1/modules/m", json!(null));
}

fn patch(world: &mut World) {
    let patch = json!({"tags": {"floor": 3}, "properties": {"desired": {"fan": {"speed": 2}, "gone": null}}});
    world.rest("PATCH", "/twins/dev1", patch);
}

fn replace(world: &mut World) {
    world.rest("PUT", "/twins/dev1", json!({"tags": {"floor": 4}, "properties": {"desired": {"a": 1}}}));
}

fn report(world: &mut World) {
    let line = world.connect("dev1");
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", br#"{"temp":21}"#, None);
}

fn connect(world: &mut World) {
    world.connect("dev1");
}

fn come_and_go(world: &mut World) {
    let line = world.connect("dev1");
    world.cut(line);
}

fn connect_module(world: &mut World) {
    create_module(world);
    world.connect("dev1/m");
}
