use iothub_hub::{Change, Input};
use serde_json::{Value, json};

use super::{KEY, POLL, REGISTER, ask, enroll, enroll_group, ready, register, world};
use crate::world::World;

/// A service that has what the record of another has, through its written form.
fn replayed<'c>(changes: impl IntoIterator<Item = &'c Change>) -> World {
    let mut restored = World::empty_provisioning(&["hub1.test", "hub2.test"]);
    for change in changes {
        let change: Change = serde_json::from_str(&serde_json::to_string(change).unwrap()).unwrap();
        restored.hub.apply(&change).unwrap();
    }
    restored.put(Input::Start);
    restored
}

fn visible(world: &mut World) -> Vec<Value> {
    let paths = [
        ("POST", "/enrollments/query"),
        ("POST", "/enrollments/reg-1/attestationmechanism"),
        ("POST", "/enrollmentGroups/query"),
        ("POST", "/enrollmentGroups/pumps/attestationmechanism"),
        ("GET", "/registrations/reg-1"),
        ("GET", "/registrations/reg-2"),
        ("GET", "/$local/policies"),
    ];
    let mut read = |(method, path)| match world.rest(method, path, json!({"query": ""})) {
        (200, document) => document,
        (status, _) => json!(status),
    };
    paths.map(&mut read).into()
}

fn peopled() -> World {
    let mut world = world();
    enroll_group(&mut world, "pumps", json!({"payload": {"a": null}}));
    enroll_group(&mut world, "gone", json!({}));
    world.rest("DELETE", "/enrollmentGroups/gone", Value::Null);
    for id in ["reg-1", "reg-2", "reg-3"] {
        enroll(&mut world, id, json!({"iotHubHostName": "hub1.test"}));
        let line = ready(&mut world, id, KEY);
        register(&mut world, line, b"{\"payload\":{\"b\":1}}");
    }
    world.rest("DELETE", "/registrations/reg-2", Value::Null);
    world.rest("DELETE", "/enrollments/reg-3", Value::Null);
    world
}

#[test]
fn what_is_recorded_gives_the_service_back() {
    let mut world = peopled();
    let mut restored = replayed(&world.changes);
    assert!(restored.changes.is_empty(), "nothing is missing that would have to be made");
    assert_eq!(visible(&mut restored), visible(&mut world));
}

#[test]
fn what_is_stated_anew_gives_it_back_at_any_pace_and_after_any_crash() {
    let wanted = visible(&mut peopled());
    for pace in [1, 2, 100] {
        for crash in [None, Some(1), Some(3), Some(6)] {
            let mut world = peopled();
            let before = core::mem::take(&mut world.changes);
            let ended =
                |world: &World| world.changes.iter().any(|change| matches!(change, Change::RestatementEnded));
            let mut parts = 0;
            while !ended(&world) {
                world.put(Input::Restate { identities: pace });
                parts += 1;
                assert!(parts < 100, "it comes to an end");
                if crash == Some(parts) {
                    let changes = core::mem::take(&mut world.changes);
                    world = replayed(before.iter().chain(&changes));
                    world.changes = changes;
                }
            }
            let began = world.changes.iter().position(|change| matches!(change, Change::RestatementBegan));
            let mut restored = replayed(&world.changes[began.unwrap()..]);
            assert_eq!(visible(&mut restored), wanted, "{pace} {crash:?}");
        }
    }
}

#[test]
fn a_registration_goes_on_where_its_process_has_ended() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({"iotHubHostName": "hub2.test"}));
    let line = ready(&mut world, "reg-1", KEY);
    let first = ask(&mut world, line, &format!("{REGISTER}1"), b"").json();
    let mut restored = replayed(&world.changes);
    assert_eq!(restored.delegated, world.delegated);
    let mut other = World::new();
    let (_, errand) = restored.delegated.pop().unwrap();
    other.put(Input::Errand { errand });
    restored.put(Input::Report { report: other.reports.pop().unwrap() });
    let line = ready(&mut restored, "reg-1", KEY);
    let poll = format!("{POLL}2&operationId={}", first["operationId"].as_str().unwrap());
    assert_eq!(ask(&mut restored, line, &poll, b"").json()["status"], "assigned");
}

#[test]
fn no_key_shows_in_what_is_printed() {
    let world = peopled();
    let derived = "thxXBjNB6FBV+ugwOZsLC2OkELTF0TOHZ3+Q6g7OCS0=";
    let shown = [format!("{:?}", world.hub), format!("{:?}", world.changes), format!("{:?}", world.notices)];
    for text in shown {
        for secret in [KEY, super::OTHER_KEY, derived] {
            assert!(!text.contains(secret), "{text:.200}");
        }
    }
}
