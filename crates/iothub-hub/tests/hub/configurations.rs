//! Configurations and their effects on twins.

use core::time::Duration;

use iothub_hub::{Change, EventKind, Input, Recording};
use serde_json::{Value, json};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Beside `dev1`, the devices `a` and `b` of plant p1 and `c` of plant p2.
fn plants() -> World {
    let mut world = World::new();
    for (device, plant) in [("a", "p1"), ("b", "p1"), ("c", "p2")] {
        world.create_device(device);
        world.rest("PATCH", &format!("/twins/{device}"), json!({"tags": {"plant": plant}}));
    }
    world
}

fn configuration(id: &str, condition: &str, priority: u32, content: Value) -> Value {
    json!({
        "id": id, "targetCondition": condition, "priority": priority, "content": {"deviceContent": content},
    })
}

#[track_caller]
fn put(world: &mut World, configuration: Value) {
    let path = format!("/configurations/{}", configuration["id"].as_str().unwrap());
    let (status, body) = world.rest("PUT", &path, configuration);
    assert_eq!(status, 201, "{body}");
}

#[track_caller]
fn change(world: &mut World, id: &str, members: &[(&str, Value)]) {
    let path = format!("/configurations/{id}");
    let (_, mut configuration) = world.rest("GET", &path, json!(null));
    for (name, value) in members {
        configuration[name] = value.clone();
    }
    let (status, body) = world.rest_if("PUT", &path, configuration, Some("*"));
    assert_eq!(status, 200, "{body}");
}

fn delete(world: &mut World, id: &str) {
    let (status, _) = world.rest("DELETE", &format!("/configurations/{id}"), json!(null));
    assert_eq!(status, 204);
}

fn twin(world: &mut World, id: &str) -> Value {
    let (status, mut twin) = world.rest("GET", &format!("/twins/{id}"), json!(null));
    assert_eq!(status, 200, "{twin}");
    for section in ["desired", "reported"] {
        for name in ["$metadata", "$version"] {
            twin["properties"][section].as_object_mut().unwrap().remove(name);
        }
    }
    twin
}

fn desired(world: &mut World, id: &str) -> Value {
    twin(world, id)["properties"]["desired"].take()
}

/// The status of each configuration that targets a device or module.
fn statuses(world: &mut World, id: &str) -> Value {
    let mut twin = twin(world, id);
    let configurations = twin["configurations"].take();
    let each = configurations.as_object().into_iter().flatten();
    Value::Object(each.map(|(id, state)| (id.clone(), state["status"].clone())).collect())
}

fn counts(world: &mut World, id: &str) -> (u64, u64) {
    let (_, configuration) = world.rest("GET", &format!("/configurations/{id}"), json!(null));
    let results = &configuration["systemMetrics"]["results"];
    (results["targetedCount"].as_u64().unwrap(), results["appliedCount"].as_u64().unwrap())
}

/// The same hub, made of its record.
fn restarted(world: &World) -> World {
    let mut restored = World::empty();
    for change in &world.changes {
        let text = serde_json::to_string(change).unwrap();
        restored.hub.apply(&serde_json::from_str(&text).unwrap()).unwrap();
    }
    restored.now = world.now;
    restored.changes.clone_from(&world.changes);
    restored.put(Input::Start);
    restored
}

#[test]
fn those_who_meet_the_condition_are_given_the_content() {
    let mut world = plants();
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"own": 1, "fan": {"mode": "auto"}}}}));
    let content = json!({"properties.desired.fan": {"speed": 7}, "properties.desired.led.color": "red"});
    put(&mut world, configuration("fans", "tags.plant = 'p1'", 10, content));
    assert_eq!(desired(&mut world, "b"), json!({}), "it takes a moment");
    world.pass(SECOND);
    let set = json!({"fan": {"speed": 7}, "led": {"color": "red"}});
    assert_eq!(
        desired(&mut world, "a"),
        json!({"own": 1, "fan": {"mode": "auto", "speed": 7}, "led": {"color": "red"}})
    );
    assert_eq!(desired(&mut world, "b"), set);
    assert_eq!(desired(&mut world, "c"), json!({}));
    assert_eq!(statuses(&mut world, "a"), json!({"fans": "Applied"}));
    assert_eq!(twin(&mut world, "c").get("configurations"), None);
    assert_eq!(counts(&mut world, "fans"), (2, 2));
    assert_eq!(world.hub.poll_timeout(), None, "nothing is left to do");
    for (query, found) in [
        ("SELECT deviceId FROM devices WHERE configurations.[[fans]].status = 'Applied'", 2),
        ("SELECT deviceId FROM devices WHERE configurations.[[fans]].status = 'Targeted'", 0),
        ("SELECT deviceId FROM devices WHERE is_defined(configurations)", 2),
        ("SELECT * FROM devices WHERE NOT is_defined(configurations.[[fans]])", 2),
    ] {
        let (_, rows) = world.rest("POST", "/devices/query", json!({"query": query}));
        assert_eq!(rows.as_array().unwrap().len(), found, "{query}");
    }
}

#[test]
fn of_several_the_one_of_the_highest_priority_applies() {
    // Name, priority, content; then what comes of it, and which of them have an effect.
    for (configurations, wanted, applied) in [
        (
            vec![
                ("low", 1, json!({"properties.desired.x": 1})),
                ("high", 2, json!({"properties.desired.x": 2})),
            ],
            json!({"x": 2}),
            json!({"low": "Targeted", "high": "Applied"}),
        ),
        (
            vec![
                ("first", 5, json!({"properties.desired.x": 1})),
                ("second", 5, json!({"properties.desired.x": 2})),
            ],
            json!({"x": 2}),
            json!({"first": "Targeted", "second": "Applied"}),
        ),
        (
            vec![
                ("one", 9, json!({"properties.desired.x": 1})),
                ("two", 1, json!({"properties.desired.y": 2})),
            ],
            json!({"x": 1, "y": 2}),
            json!({"one": "Applied", "two": "Applied"}),
        ),
        (
            vec![
                ("part", 9, json!({"properties.desired.fan.speed": 1})),
                ("all", 1, json!({"properties.desired.fan": {"speed": 2, "mode": "auto"}})),
            ],
            json!({"fan": {"speed": 1, "mode": "auto"}}),
            json!({"part": "Applied", "all": "Applied"}),
        ),
        (
            vec![
                ("part", 1, json!({"properties.desired.fan.speed": 1})),
                ("all", 9, json!({"properties.desired.fan": {"mode": "auto"}})),
            ],
            json!({"fan": {"mode": "auto"}}),
            json!({"part": "Targeted", "all": "Applied"}),
        ),
        (
            vec![
                ("some", 1, json!({"properties.desired.x": 1, "properties.desired.y": 1})),
                ("more", 9, json!({"properties.desired.x": 2})),
            ],
            json!({"x": 2, "y": 1}),
            json!({"some": "Applied", "more": "Applied"}),
        ),
        (
            vec![
                ("sets", 1, json!({"properties.desired.x": 1})),
                ("removes", 2, json!({"properties.desired.x": null})),
            ],
            json!({}),
            json!({"sets": "Targeted", "removes": "Applied"}),
        ),
    ] {
        let mut world = plants();
        for (id, priority, content) in &configurations {
            put(&mut world, configuration(id, "*", *priority, content.clone()));
            world.pass(Duration::from_millis(5));
        }
        world.pass(SECOND);
        let shown = format!("{configurations:?}");
        assert_eq!(desired(&mut world, "a"), wanted, "{shown}");
        assert_eq!(statuses(&mut world, "a"), applied, "{shown}");
    }
}

#[test]
fn what_is_changed_or_deleted_leaves_its_place_to_the_next() {
    let mut world = plants();
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"fan": {"mode": "auto"}}}}));
    put(&mut world, configuration("low", "*", 1, json!({"properties.desired.fan.speed": 1})));
    let content = json!({"properties.desired.fan": {"speed": 2, "night": true}, "properties.desired.x": 1});
    put(&mut world, configuration("high", "tags.plant = 'p1'", 2, content));
    world.pass(SECOND);
    let with_high = json!({"fan": {"mode": "auto", "speed": 2, "night": true}, "x": 1});
    let with_low = json!({"fan": {"mode": "auto", "speed": 1}});
    assert_eq!(desired(&mut world, "a"), with_high);
    change(&mut world, "high", &[("targetCondition", json!("tags.plant = 'p2'"))]);
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), with_low, "it is a target no longer");
    assert_eq!(desired(&mut world, "c"), json!({"fan": {"speed": 2, "night": true}, "x": 1}));
    change(&mut world, "high", &[("targetCondition", json!("*")), ("priority", json!(0))]);
    world.pass(SECOND);
    let both = json!({"fan": {"mode": "auto", "speed": 1, "night": true}, "x": 1});
    assert_eq!(desired(&mut world, "a"), both, "the other is stronger now, and says less");
    change(&mut world, "high", &[("priority", json!(3))]);
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), with_high);
    delete(&mut world, "high");
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), with_low);
    assert_eq!(desired(&mut world, "c"), json!({"fan": {"speed": 1}}));
    change(&mut world, "low", &[("targetCondition", json!(""))]);
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), json!({"fan": {"mode": "auto"}}), "what others have set stays");
    assert_eq!(desired(&mut world, "c"), json!({}), "nothing else was there");
    assert_eq!(counts(&mut world, "low"), (0, 0));
    assert!(world.changes.contains(&Change::ConfigurationForgotten { number: 2 }));
}

#[test]
fn a_device_that_changes_is_looked_at_at_once() {
    let mut world = plants();
    put(&mut world, configuration("one", "tags.plant = 'p1'", 1, json!({"properties.desired.x": 1})));
    put(
        &mut world,
        configuration("two", "properties.reported.fw < 3", 1, json!({"properties.desired.update": 3})),
    );
    put(
        &mut world,
        configuration("here", "connectionState = 'Connected'", 1, json!({"properties.desired.here": true})),
    );
    world.pass(SECOND);
    world.rest("PATCH", "/twins/c", json!({"tags": {"plant": "p1"}}));
    assert_eq!(desired(&mut world, "c"), json!({"x": 1}));
    world.rest("PATCH", "/twins/c", json!({"tags": {"plant": null}}));
    assert_eq!(desired(&mut world, "c"), json!({}));
    let line = world.connect("c");
    assert_eq!(desired(&mut world, "c"), json!({"here": true}));
    world.subscribe(line, &[("$iothub/twin/res/#", 0), ("$iothub/twin/PATCH/properties/desired/#", 0)]);
    world.published(line);
    let report = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    world.publish(line, report, br#"{"fw":2}"#, None);
    assert_eq!(desired(&mut world, "c"), json!({"here": true, "update": 3}));
    let told: Vec<_> =
        world.published(line).iter().map(|message| (message.topic.clone(), message.json_or_null())).collect();
    assert_eq!(told[0].0, "$iothub/twin/PATCH/properties/desired/?$version=5");
    assert_eq!(told[0].1, json!({"update": 3, "$version": 5}));
    let event = world.events.iter().rev().find(|event| event.kind == EventKind::TwinChange).unwrap();
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!(body["properties"]["desired"]["update"], json!(3), "back ends are told as well");
    world.publish(line, report, br#"{"fw":3}"#, None);
    assert_eq!(desired(&mut world, "c"), json!({"here": true}));
    world.cut(line);
    assert_eq!(desired(&mut world, "c"), json!({}));

    let bulk = json!([{"id": "new", "importMode": "create", "tags": {"plant": "p1"}}]);
    world.rest("POST", "/devices", bulk);
    assert_eq!(desired(&mut world, "new"), json!({"x": 1}));
    assert_eq!(counts(&mut world, "one"), (3, 3));
    world.rest("DELETE", "/devices/new", json!(null));
    assert_eq!(counts(&mut world, "one"), (2, 2));
}

#[test]
fn what_others_set_meanwhile_stays() {
    let mut world = plants();
    put(&mut world, configuration("one", "*", 1, json!({"properties.desired.x": 1})));
    world.pass(SECOND);
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"x": 5}}}));
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), json!({"x": 5}));
    put(&mut world, configuration("other", "*", 0, json!({"properties.desired.y": 1})));
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), json!({"x": 1, "y": 1}), "until other configurations apply");
}

#[test]
fn a_condition_on_what_is_set_does_not_spin() {
    let mut world = plants();
    put(
        &mut world,
        configuration("flips", "NOT is_defined(properties.desired.x)", 1, json!({"properties.desired.x": 1})),
    );
    put(
        &mut world,
        configuration(
            "follows",
            "configurations.[[flips]].status = 'Applied'",
            1,
            json!({"properties.desired.y": 1}),
        ),
    );
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.hub.poll_timeout(), None);
    let before = world.changes.len();
    world.rest("PATCH", "/twins/a", json!({"tags": {"t": 1}}));
    assert!(world.changes.len() - before <= 3, "{:?}", &world.changes[before..]);
    world.pass(Duration::from_secs(3600));
    assert!(world.changes.len() - before <= 3, "{:?}", &world.changes[before..]);
}

#[test]
fn a_fleet_is_changed_in_slices_and_devices_are_served_between_them() {
    let mut world = fleet(1_000);
    put(
        &mut world,
        configuration("all", "starts_with(deviceId, 'd')", 1, json!({"properties.desired.x": 1})),
    );
    let mut slices = Vec::new();
    while let Some((at, _)) = world.hub.poll_timeout() {
        let before = world.changes.len();
        world.pass(at.since(world.now.instant));
        slices.push(edited(&world.changes[before..]));
        world.rest("PATCH", "/twins/d0999", json!({"tags": {"slices": slices.len()}}));
    }
    assert!(slices.iter().all(|edits| *edits <= 200), "{slices:?}");
    // The device that somebody changed meanwhile was not left to the sweep, and `dev1` begins with d as well.
    assert_eq!(slices.iter().sum::<usize>(), 1_000, "{slices:?}");
    assert_eq!(counts(&mut world, "all"), (1_001, 1_001));
}

#[test]
fn what_changes_while_a_fleet_is_gone_through_counts_for_everybody() {
    let mut world = fleet(500);
    put(&mut world, configuration("one", "*", 1, json!({"properties.desired.x": 1})));
    world.pass(Duration::from_millis(11));
    assert_eq!(counts(&mut world, "one"), (200, 200), "one slice is done");
    put(&mut world, configuration("two", "*", 1, json!({"properties.desired.y": 1})));
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "two"), (501, 501));
    assert_eq!(desired(&mut world, "d0000"), json!({"x": 1, "y": 1}));
}

#[test]
fn a_hub_that_starts_again_goes_on_where_it_was() {
    let content = json!({"properties.desired.x": 1});
    let mut world = fleet(500);
    put(&mut world, configuration("gone", "*", 1, json!({"properties.desired.gone": true})));
    world.pass(SECOND);
    put(&mut world, configuration("all", "*", 1, content));
    delete(&mut world, "gone");
    world.pass(Duration::from_millis(15));
    let done = edited(&world.changes) - 501;
    assert!((1..501).contains(&done), "{done}");

    let mut restored = restarted(&world);
    assert_eq!(counts(&mut restored, "all"), counts(&mut world, "all"));
    restored.pass(SECOND);
    world.pass(SECOND);
    for (world, who) in [(&mut world, "the one that went on"), (&mut restored, "the one that started again")]
    {
        assert_eq!(counts(world, "all"), (501, 501), "{who}");
        assert_eq!(desired(world, "d0499"), json!({"x": 1}), "{who}");
        assert_eq!(desired(world, "d0000"), json!({"x": 1}), "{who}");
    }
    let before = restored.changes.len();
    let mut again = restarted(&restored);
    again.pass(SECOND);
    assert_eq!(again.changes.len(), before, "there is nothing left to do");
}

#[test]
fn all_of_it_is_stated_anew() {
    let mut world = plants();
    put(&mut world, configuration("one", "tags.plant = 'p1'", 1, json!({"properties.desired.x": 1})));
    put(&mut world, configuration("two", "*", 1, json!({"properties.desired.y": 1})));
    world.pass(SECOND);
    delete(&mut world, "two");
    let begin = world.changes.len();
    while world.changes.last() != Some(&Change::RestatementEnded) {
        world.put(Input::Restate { identities: 2 });
    }
    world.changes.drain(..begin);
    let mut restored = restarted(&world);
    let (_, shown) = restored.rest("GET", "/configurations", json!(null));
    assert_eq!(shown, world.rest("GET", "/configurations", json!(null)).1);
    assert_eq!(statuses(&mut restored, "a"), json!({"one": "Applied", "two": "Applied"}));
    restored.pass(SECOND);
    assert_eq!(
        desired(&mut restored, "a"),
        json!({"x": 1}),
        "what is deleted is remembered until it is removed"
    );
    assert_eq!(statuses(&mut restored, "a"), json!({"one": "Applied"}));
    assert_eq!(counts(&mut restored, "one"), (2, 2));
}

#[test]
fn what_does_not_fit_is_not_set_and_said() {
    let mut world = plants();
    let full: serde_json::Map<String, Value> =
        (0..8).map(|n| (format!("p{n}"), json!("x".repeat(4_000)))).collect();
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": full}}));
    put(&mut world, configuration("small", "*", 1, json!({"properties.desired.small": 1})));
    world.pass(SECOND);
    put(&mut world, configuration("large", "*", 1, json!({"properties.desired.large": "y".repeat(2_000)})));
    delete(&mut world, "small");
    world.pass(SECOND);
    assert_eq!(statuses(&mut world, "a"), json!({"large": "Targeted"}));
    assert_eq!(desired(&mut world, "a").get("small"), None, "what is not wanted goes nevertheless");
    assert_eq!(counts(&mut world, "large"), (4, 3));
    let notice = world.notices.iter().find(|notice| notice.what == "configuration not applied").unwrap();
    assert_eq!(notice.who.as_deref(), Some("a"));
    world.rest("PATCH", "/twins/a", json!({"properties": {"desired": {"p0": null}}}));
    assert_eq!(statuses(&mut world, "a"), json!({"large": "Applied"}), "there is room now");
}

#[test]
fn nothing_is_set_while_the_disk_is_full() {
    let mut world = plants();
    put(&mut world, configuration("one", "*", 1, json!({"properties.desired.x": 1})));
    world.put(Input::Recording { recording: Recording::Closed });
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), json!({}));
    world.put(Input::Recording { recording: Recording::Open });
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a"), json!({"x": 1}));
}

#[test]
fn modules_have_configurations_of_their_own() {
    let mut world = plants();
    world.create_module("a", "camera");
    world.create_module("b", "door");
    let content = json!({"moduleContent": {"properties.desired.zoom": 2}});
    let condition = "FROM devices.modules WHERE moduleId = 'camera'";
    put(&mut world, json!({"id": "cameras", "targetCondition": condition, "content": content}));
    world.pass(SECOND);
    assert_eq!(desired(&mut world, "a/modules/camera"), json!({"zoom": 2}));
    assert_eq!(desired(&mut world, "b/modules/door"), json!({}));
    assert_eq!(desired(&mut world, "a"), json!({}));
    world.create_module("c", "camera");
    assert_eq!(desired(&mut world, "c/modules/camera"), json!({"zoom": 2}));
    assert_eq!(counts(&mut world, "cameras"), (2, 2));
    let (_, shown) = world.rest("GET", "/configurations/cameras", json!(null));
    for query in ["targetedCount", "appliedCount"] {
        let query = &shown["systemMetrics"]["queries"][query];
        let (_, rows) = world.rest("POST", "/devices/query", json!({"query": query}));
        assert_eq!(rows.as_array().unwrap().len(), 2, "{query}");
    }
}

#[test]
fn the_modules_of_an_edge_device_are_set_as_a_whole_or_in_part() {
    let mut world = plants();
    world.rest("PUT", "/devices/edge", json!({"deviceId": "edge", "capabilities": {"iotEdge": true}}));
    let base = json!({
        "$edgeAgent": {"properties.desired": {"modules": {"pump": {"version": "1.0"}}}},
        "pump": {"properties.desired": {"rate": 5}},
    });
    let deployment = |id: &str, priority: u32, content: &Value| json!({"id": id, "targetCondition": "*", "priority": priority, "content": {"modulesContent": content}});
    put(
        &mut world,
        deployment(
            "weaker",
            1,
            &json!({"$edgeAgent": {"properties.desired": {"old": 1}}, "pump": {"properties.desired.old": 1}}),
        ),
    );
    put(&mut world, deployment("base", 5, &base));
    put(
        &mut world,
        deployment(
            "layer",
            9,
            &json!({"$edgeAgent": {"properties.desired.modules.camera": {"version": "2.0"}}, "camera": {"properties.desired.zoom": 2}}),
        ),
    );
    world.pass(SECOND);
    let modules = json!({"modules": {"pump": {"version": "1.0"}, "camera": {"version": "2.0"}}});
    assert_eq!(desired(&mut world, "edge/modules/%24edgeAgent"), modules);
    assert_eq!(desired(&mut world, "edge/modules/pump"), json!({"rate": 5}), "it was made for this");
    assert_eq!(desired(&mut world, "edge/modules/camera"), json!({"zoom": 2}));
    let (_, module) = world.rest("GET", "/devices/edge/modules/pump", json!(null));
    assert_eq!(module["managedBy"], "iotEdge");
    let found = json!({"weaker": "Targeted", "base": "Applied", "layer": "Applied"});
    assert_eq!(statuses(&mut world, "edge/modules/%24edgeAgent"), found);
    assert_eq!(world.rest("GET", "/devices/a/modules", json!(null)).1, json!([]), "this is no Edge device");

    let line = world.connect("edge/$edgeAgent");
    let version = world.rest("GET", "/twins/edge/modules/%24edgeAgent", json!(null)).1["properties"]["desired"]["$version"].clone();
    let report = json!({"lastDesiredVersion": version, "lastDesiredStatus": {"code": 200}}).to_string();
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", report.as_bytes(), None);
    world.pass(Duration::from_secs(20));
    let (_, shown) = world.rest("GET", "/configurations/base", json!(null));
    let results = json!({"appliedCount": 1, "targetedCount": 1, "reportedSuccessfulCount": 1, "reportedFailedCount": 0});
    assert_eq!(shown["systemMetrics"]["results"], results);
    for (name, query) in shown["systemMetrics"]["queries"].as_object().unwrap() {
        let (status, rows) = world.rest("POST", "/devices/query", json!({"query": query}));
        assert_eq!(
            (status, rows.as_array().map(Vec::len)),
            (200, results[name].as_u64().map(|n| n as usize)),
            "{query}"
        );
    }

    for id in ["layer", "base"] {
        delete(&mut world, id);
        world.pass(SECOND);
    }
    assert_eq!(desired(&mut world, "edge/modules/%24edgeAgent"), json!({"old": 1}));
    delete(&mut world, "weaker");
    world.pass(SECOND);
    assert_eq!(
        desired(&mut world, "edge/modules/%24edgeAgent"),
        json!({"old": 1}),
        "it goes on with what it has"
    );
    assert_eq!(statuses(&mut world, "edge/modules/%24edgeAgent"), json!({}));
}

#[test]
fn what_its_owner_wants_counted_is_counted() {
    let mut world = plants();
    let queries = json!({
        "done": "SELECT deviceId FROM devices WHERE configurations.[[one]].status = 'Applied' AND properties.reported.x = 1",
        "all": "SELECT deviceId FROM devices",
        "two": "SELECT TOP 2 deviceId FROM devices",
        "modules": "SELECT deviceId FROM devices.modules",
    });
    let mut one = configuration("one", "*", 1, json!({"properties.desired.x": 1}));
    one["metrics"] = json!({"queries": queries});
    put(&mut world, one);
    let results = |world: &mut World| {
        world.rest("GET", "/configurations/one", json!(null)).1["metrics"]["results"].clone()
    };
    assert_eq!(results(&mut world), json!({}), "not counted yet");
    world.pass(Duration::from_secs(10));
    assert_eq!(results(&mut world), json!({"done": 0, "all": 4, "two": 2, "modules": 0}));
    let line = world.connect("a");
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", br#"{"x":1}"#, None);
    world.create_module("a", "m");
    world.pass(Duration::from_secs(10));
    assert_eq!(results(&mut world), json!({"done": 1, "all": 4, "two": 2, "modules": 1}));
    assert_eq!(world.hub.poll_timeout().map(|(_, why)| why), Some("credentials expire"), "then it rests");
}

fn edited(changes: &[Change]) -> usize {
    changes.iter().filter(|change| matches!(change, Change::ConfigurationsAssigned { .. })).count()
}

/// Beside `dev1`, so many devices from `d0000` on.
fn fleet(len: usize) -> World {
    let mut world = World::new();
    let ids: Vec<String> = (0..len).map(|n| format!("d{n:04}")).collect();
    for batch in ids.chunks(100) {
        let devices = batch.iter().map(|id| json!({"id": id, "importMode": "create"})).collect();
        world.rest("POST", "/devices", Value::Array(devices));
    }
    world
}
