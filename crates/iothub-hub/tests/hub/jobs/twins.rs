use core::time::Duration;

use serde_json::{Value, json};

use super::{SECOND, counts, fleet, get, put, rows, update};
use crate::world::World;

fn rate(world: &mut World, device: &str) -> Value {
    world.rest("GET", &format!("/twins/{device}"), json!(null)).1["properties"]["desired"]["rate"].clone()
}

#[test]
fn a_job_changes_the_twins_that_its_condition_holds_for() {
    let mut world = World::new();
    fleet(&mut world, 500);
    let line = world.connect("pump-0002");
    world.subscribe(line, &[("$iothub/twin/PATCH/properties/desired/#", 0)]);
    let events = world.events.len();
    let job = put(&mut world, "j1", update("tags.plant = 'p0'"));
    assert_eq!((&job["status"], &job["type"]), (&json!("queued"), &json!("scheduleUpdateTwin")));
    world.pass(SECOND);

    assert_eq!(counts(&mut world, "j1"), ("completed".into(), [250, 250, 0, 0, 0]));
    let job = get(&mut world, "j1");
    assert!(job["endTime"].is_string() && job["startTime"].is_string(), "{job}");
    assert_eq!(job["updateTwin"], json!({"etag": "*", "properties": {"desired": {"rate": 7}}}));
    assert_eq!((rate(&mut world, "pump-0498"), rate(&mut world, "pump-0499")), (json!(7), json!(null)));
    let told = world.published(line);
    assert_eq!(told.len(), 1, "a device is told of it as of any change");
    assert_eq!(told[0].json()["rate"], 7);
    assert_eq!(world.events.len() - events, 250, "and back ends are");

    let row = &rows(&mut world, "devices.jobs.jobId = 'j1' AND devices.jobs.deviceId = 'pump-0004'")[0];
    assert_eq!(
        (&row["status"], &row["outcome"]),
        (&json!("completed"), &json!({"deviceMethodResponse": null}))
    );
}

#[test]
fn devices_are_named_one_by_one_or_with_their_modules() {
    for (condition, devices) in [
        ("deviceId = 'pump-0001'", vec!["pump-0001"]),
        ("deviceId IN ['pump-0002', 'pump-0001', 'nobody']", vec!["pump-0001", "pump-0002"]),
        ("deviceId IN ['pump-0001', 'pump-0002'] AND tags.plant = 'p0'", vec!["pump-0002"]),
        ("deviceId = 'nobody'", vec![]),
        ("deviceId = 1", vec![]),
        ("*", vec!["dev1", "pump-0000", "pump-0001", "pump-0002"]),
        ("FROM devices.modules WHERE moduleId = 'm'", vec!["dev1/m", "pump-0001/m"]),
        ("FROM devices.modules WHERE deviceId = 'pump-0001'", vec!["pump-0001/m", "pump-0001/n"]),
        ("tags.plant = 'p9'", vec![]),
    ] {
        let mut world = World::new();
        fleet(&mut world, 3);
        for (device, module) in [("dev1", "m"), ("pump-0001", "m"), ("pump-0001", "n")] {
            world.create_module(device, module);
        }
        put(&mut world, "j", update(condition));
        world.pass(SECOND);
        assert_eq!(counts(&mut world, "j").0, "completed", "{condition}");
        let rows = rows(&mut world, "jobId = 'j'");
        let name = |row: &Value| {
            let device = row["deviceId"].as_str().unwrap();
            row["moduleId"].as_str().map_or(device.to_owned(), |module| format!("{device}/{module}"))
        };
        assert_eq!(rows.iter().map(name).collect::<Vec<_>>(), devices, "{condition}");
    }
}

#[test]
fn the_earlier_way_to_name_devices_is_understood() {
    let mut world = World::new();
    fleet(&mut world, 3);
    let mut job = update("");
    job["queryCondition"] = json!(null);
    job["deviceIds"] = json!(["pump-0002", "it's"]);
    put(&mut world, "j", job);
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j").1[0], 1);
}

#[test]
fn each_twin_is_changed_in_the_state_that_was_asked_for() {
    let mut world = World::new();
    fleet(&mut world, 2);
    let etag = world.rest("GET", "/twins/pump-0001", json!(null)).1["etag"].clone();
    world.rest("PATCH", "/twins/pump-0000", json!({"tags": {"late": true}}));
    let mut job = update("deviceId IN ['pump-0000', 'pump-0001']");
    job["updateTwin"]["etag"] = etag;
    put(&mut world, "j", job);
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [2, 1, 1, 0, 0]));
    let failed = &rows(&mut world, "jobId = 'j' AND status = 'failed'")[0];
    assert_eq!(failed["deviceId"], "pump-0000");
    assert_eq!(failed["error"]["code"], "PreconditionFailed");
    assert!(failed["error"]["description"].as_str().unwrap().contains("the etag of the twin is \""));
}

#[test]
fn what_breaks_a_rule_only_with_what_is_there_fails_where_it_does() {
    let mut world = World::new();
    fleet(&mut world, 2);
    let long = |n: usize| -> Value { (0..n).map(|i| (format!("k{i}"), json!("x".repeat(4000)))).collect() };
    world.rest("PATCH", "/twins/pump-0000", json!({"properties": {"desired": {"old": long(7)}}}));
    let mut job = update("*");
    job["updateTwin"]["properties"]["desired"] = json!({"new": long(2)});
    put(&mut world, "j", job);
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [3, 2, 1, 0, 0]));
    let failed = &rows(&mut world, "jobId = 'j' AND status = 'failed'")[0];
    assert_eq!(
        (&failed["deviceId"], &failed["error"]["code"]),
        (&json!("pump-0000"), &json!("ArgumentInvalid"))
    );
}

#[test]
fn a_job_begins_when_its_time_has_come() {
    let mut world = World::new();
    let mut job = update("*");
    job["startTime"] = json!("2030-01-01T01:00:00Z");
    assert_eq!(put(&mut world, "j", job)["status"], "scheduled");
    world.pass(Duration::from_secs(3599));
    assert_eq!(counts(&mut world, "j"), ("scheduled".into(), [0; 5]));
    world.create_device("late");
    world.pass(2 * SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [2, 2, 0, 0, 0]));
}

#[test]
fn devices_that_are_gone_before_their_turn_fail_and_the_others_do_not() {
    let mut world = World::new();
    fleet(&mut world, 300);
    put(&mut world, "j", update("tags.plant = 'p0' OR tags.plant = 'p1'"));
    // Found, and the first of them changed.
    world.pass(Duration::from_millis(5));
    assert_eq!(counts(&mut world, "j").1, [300, 200, 0, 0, 100]);
    world.rest("DELETE", "/devices/pump-0250", json!(null));
    world.rest("DELETE", "/devices/pump-0001", json!(null));
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j").1, [300, 299, 1, 0, 0]);
    let failed = rows(&mut world, "jobId = 'j' AND status = 'failed'");
    assert_eq!(
        (&failed[0]["deviceId"], &failed[0]["error"]["code"]),
        (&json!("pump-0250"), &json!("DeviceNotFound"))
    );
    let kept = rows(&mut world, "jobId = 'j' AND deviceId = 'pump-0001'");
    assert_eq!(kept[0]["status"], "completed", "what was done stays so");
}

#[test]
fn a_cancelled_job_does_no_more_and_says_what_it_has_not_done() {
    let mut world = World::new();
    fleet(&mut world, 299);
    put(&mut world, "j", update("*"));
    world.pass(Duration::from_millis(5));
    let (status, job) = world.rest("POST", "/jobs/v2/j/cancel", json!(null));
    assert_eq!((status, &job["status"]), (200, &json!("cancelled")));
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("cancelled".into(), [300, 200, 100, 0, 0]));
    assert_eq!(rate(&mut world, "pump-0298"), json!(null));
    let rest = rows(&mut world, "jobId = 'j' AND status = 'cancelled'");
    assert_eq!(
        (rest.len(), &rest[0]["status"], &rest[0]["error"]["code"]),
        (100, &json!("canceled"), &json!("JobCancelled"))
    );
    // A job that has ended is not concerned.
    put(&mut world, "k", update("*"));
    world.pass(SECOND);
    assert_eq!(world.rest("POST", "/jobs/v2/k/cancel", json!(null)).1["status"], "completed");
}
