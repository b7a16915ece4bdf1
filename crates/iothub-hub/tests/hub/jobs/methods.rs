use core::time::Duration;

use iothub_hub::{Change, JobStep};
use serde_json::json;

use super::{SECOND, answer, counts, fleet, listen, put, reboot, rows, update};
use crate::world::World;

#[test]
fn devices_that_listen_are_called_and_their_answers_are_kept() {
    let mut world = World::new();
    fleet(&mut world, 3);
    let lines = ["pump-0000", "pump-0001", "pump-0002"].map(|device| listen(&mut world, device));
    put(&mut world, "j", reboot("tags.plant = 'p0' OR tags.plant = 'p1'"));
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("running".into(), [3, 0, 0, 3, 0]));
    for (line, (status, payload)) in
        lines.into_iter().zip([(200, r#"{"ok":1}"#), (500, ""), (200, "not JSON")])
    {
        let calls = world.published(line);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].payload, r#"{"now":true}"#);
        answer(&mut world, line, &calls[0], status, payload.as_bytes());
    }
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [3, 2, 1, 0, 0]));
    let rows = rows(&mut world, "devices.jobs.jobId = 'j'");
    let response = |status, payload| json!({"deviceMethodResponse": {"status": status, "payload": payload}});
    assert_eq!(rows[0]["outcome"], response(200, json!({"ok": 1})));
    assert_eq!(rows[1]["outcome"], response(500, json!(null)), "the device's own failure is an answer");
    assert_eq!(
        (&rows[2]["status"], &rows[2]["error"]["code"]),
        (&json!("failed"), &json!("GenericBadGateway"))
    );
}

#[test]
fn an_attempt_is_recorded_before_the_packet_goes() {
    use iothub_hub::{Effect, Input};
    let mut world = World::new();
    listen(&mut world, "dev1");
    put(&mut world, "j", reboot("*"));
    // The last time before the call.
    let mut effects = Vec::new();
    while !effects.iter().any(|effect| matches!(effect, Effect::Send { .. })) {
        let (at, _) = world.hub.poll_timeout().unwrap();
        world.now.instant = world.now.instant.max(at);
        effects.clear();
        world.hub.handle(world.now, Input::Tick, &mut effects);
    }
    let began =
        |effect: &Effect| matches!(effect, Effect::Record(Change::Job { step: JobStep::Began { .. }, .. }));
    let began = effects.iter().position(began).expect("it is recorded");
    let sent = effects.iter().position(|effect| matches!(effect, Effect::Send { .. })).unwrap();
    assert!(began < sent, "{effects:?}");
}

#[test]
fn a_device_that_is_away_is_called_as_soon_as_it_listens_and_only_once() {
    let mut world = World::new();
    fleet(&mut world, 2);
    put(&mut world, "j", reboot("deviceId IN ['pump-0000', 'pump-0001']"));
    world.pass(Duration::from_secs(600));
    assert_eq!(counts(&mut world, "j"), ("running".into(), [2, 0, 0, 0, 2]));
    let line = world.connect("pump-0001");
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j").1, [2, 0, 0, 0, 2], "it does not listen yet");
    world.subscribe(line, &[super::METHODS]);
    world.pass(SECOND);
    let calls = world.published(line);
    assert_eq!(calls.len(), 1);
    answer(&mut world, line, &calls[0], 200, b"");
    // Its listening again is no reason to call it again.
    world.cut(line);
    let line = listen(&mut world, "pump-0001");
    world.pass(SECOND);
    assert_eq!(world.published(line), []);
    assert_eq!(counts(&mut world, "j").1, [2, 1, 0, 0, 1]);
    // A device that is deleted is not waited for.
    world.rest("DELETE", "/devices/pump-0000", json!(null));
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [2, 1, 1, 0, 0]));
}

#[test]
fn when_its_time_is_over_a_job_ends_with_what_it_has() {
    let mut world = World::new();
    fleet(&mut world, 2);
    let line = listen(&mut world, "pump-0000");
    let mut job = reboot("tags.plant = 'p0' OR tags.plant = 'p1'");
    job["maxExecutionTimeInSeconds"] = json!(20);
    job["startTime"] = json!("2030-01-01T00:01:00Z");
    put(&mut world, "j", job);
    world.pass(Duration::from_secs(79));
    assert_eq!(counts(&mut world, "j"), ("running".into(), [2, 0, 0, 1, 1]), "counted from the start");
    world.pass(2 * SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [2, 0, 2, 0, 0]));
    let rows = rows(&mut world, "jobId = 'j'");
    for (row, why) in
        rows.iter().zip(["the time of the job was over before; the device may have executed", "over before"])
    {
        assert_eq!((&row["status"], &row["error"]["code"]), (&json!("failed"), &json!("GenericTimeout")));
        assert!(row["error"]["description"].as_str().unwrap().contains(why), "{row}");
    }
    // What comes afterwards changes nothing.
    let call = world.published(line).remove(0);
    answer(&mut world, line, &call, 200, b"");
    let late = listen(&mut world, "pump-0001");
    world.pass(SECOND);
    assert_eq!(world.published(late), []);
    assert_eq!(counts(&mut world, "j").1, [2, 0, 2, 0, 0]);
}

#[test]
fn whatever_ends_a_call_ends_it_for_its_job() {
    type Happens = fn(&mut World, crate::world::Line);
    let cases: [(&str, &str, Happens); 3] = [
        ("GatewayTimeout", "Timed out", |world, _| world.pass(Duration::from_secs(31))),
        ("DeviceNotOnline", "it may have executed", |world, line| world.cut(line)),
        ("DeviceNotOnline", "it may have executed", |world, _| {
            world.rest("DELETE", "/devices/pump-0000", json!(null));
        }),
    ];
    for (code, why, happens) in cases {
        let mut world = World::new();
        fleet(&mut world, 1);
        let line = listen(&mut world, "pump-0000");
        put(&mut world, "j", reboot("deviceId = 'pump-0000'"));
        world.pass(SECOND);
        assert_eq!(world.published(line).len(), 1);
        happens(&mut world, line);
        world.pass(SECOND);
        assert_eq!(counts(&mut world, "j"), ("completed".into(), [1, 0, 1, 0, 0]), "{code}");
        let row = &rows(&mut world, "jobId = 'j'")[0];
        assert_eq!(row["error"]["code"], code);
        assert!(row["error"]["description"].as_str().unwrap().contains(why), "{row}");
    }
}

#[test]
fn a_cancelled_job_forgets_its_calls_and_lets_the_next_begin() {
    let mut world =
        World::of(iothub_hub::Edition::new(iothub_hub::Sku::S1, core::num::NonZeroU16::MIN).unwrap());
    fleet(&mut world, 1);
    let line = listen(&mut world, "pump-0000");
    put(&mut world, "j", reboot("*"));
    world.pass(SECOND);
    put(&mut world, "k", update("deviceId = 'pump-0000'"));
    world.pass(Duration::from_secs(10));
    assert_eq!(counts(&mut world, "j").1, [2, 0, 0, 1, 1]);
    assert_eq!(counts(&mut world, "k").0, "queued", "one runs at a time in this edition");
    world.rest("POST", "/jobs/v2/j/cancel", json!(null));
    let call = world.published(line).remove(0);
    answer(&mut world, line, &call, 200, b"");
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("cancelled".into(), [2, 0, 2, 0, 0]));
    assert_eq!(counts(&mut world, "k"), ("completed".into(), [1, 1, 0, 0, 0]));
}

#[test]
fn an_edition_has_its_pace() {
    let mut world =
        World::of(iothub_hub::Edition::new(iothub_hub::Sku::S1, core::num::NonZeroU16::MIN).unwrap());
    for n in 0..150 {
        let key = iothub_hub::Key { device: format!("d{n}"), module: None };
        let Some(Change::IdentitySet { record, at_ms, .. }) =
            world.changes.iter().find(|change| matches!(change, Change::IdentitySet { .. })).cloned()
        else {
            panic!("a hub begins with a device")
        };
        world.hub.apply(&Change::IdentitySet { key, record, at_ms }).unwrap();
    }
    put(&mut world, "j", update("*"));
    world.pass(SECOND);
    let done = counts(&mut world, "j").1[1];
    assert!((100..=110).contains(&done), "ten seconds of ten at once, and then ten a second: {done}");
    world.pass(3 * SECOND);
    let done = counts(&mut world, "j").1[1];
    assert!((125..=140).contains(&done), "{done}");
    world.pass(3 * SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [151, 151, 0, 0, 0]));
}
