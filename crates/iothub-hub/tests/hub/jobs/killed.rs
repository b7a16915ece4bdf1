use core::time::Duration;

use iothub_hub::{Change, Input};
use serde_json::{Value, json};

use super::{SECOND, answer, counts, fleet, listen, put, reboot, rows, update};
use crate::world::World;

/// The hub that a record gives, in its written form.
fn restored(world: &World, changes: &[Change]) -> World {
    let mut restored = World::empty();
    restored.now = world.now;
    for change in changes {
        let change: Change = serde_json::from_str(&serde_json::to_string(change).unwrap()).unwrap();
        restored.hub.apply(&change).unwrap();
        restored.changes.push(change);
    }
    restored
}

/// What can be seen of a job.
fn visible(world: &mut World, id: &str) -> Value {
    let job = super::get(world, id);
    json!({"job": job, "rows": rows(world, &format!("jobId = '{id}'"))})
}

#[test]
fn a_job_goes_on_from_wherever_the_hub_was_killed() {
    let mut world = World::new();
    fleet(&mut world, 450);
    let begin = world.changes.len();
    let mut job = update("tags.plant = 'p0' OR tags.plant = 'p1'");
    job["updateTwin"]["tags"] = json!({"plant": "moved"});
    put(&mut world, "j", job);
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [450, 450, 0, 0, 0]));
    // Only what was recorded together is on disk together: a part of a job's changes, and what it says of them.
    let ends: Vec<usize> = (begin + 1..=world.changes.len())
        .filter(|end| !matches!(world.changes[end - 1], Change::TwinEdited { .. }))
        .collect();
    assert!(ends.len() >= 6, "{ends:?}");
    for end in ends {
        let mut again = restored(&world, &world.changes[..end]);
        again.put(Input::Start);
        again.pass(SECOND);
        assert_eq!(counts(&mut again, "j"), ("completed".into(), [450, 450, 0, 0, 0]), "after {end}");
        for device in ["pump-0000", "pump-0200", "pump-0449"] {
            let (_, twin) = again.rest("GET", &format!("/twins/{device}"), json!(null));
            assert_eq!(twin["properties"]["desired"]["$version"], 2, "{device} is changed once");
            assert_eq!(twin["tags"]["plant"], "moved");
        }
    }
}

#[test]
fn what_was_begun_and_has_no_end_is_not_begun_again() {
    let mut world = World::new();
    fleet(&mut world, 3);
    let lines = ["pump-0000", "pump-0001"].map(|device| listen(&mut world, device));
    put(&mut world, "j", reboot("tags.plant = 'p0' OR tags.plant = 'p1'"));
    world.pass(SECOND);
    let call = world.published(lines[0]).remove(0);
    answer(&mut world, lines[0], &call, 200, br#"{"a":1}"#);

    let mut again = restored(&world, &world.changes);
    again.put(Input::Start);
    assert_eq!(counts(&mut again, "j"), ("running".into(), [3, 1, 1, 0, 1]));
    let failed = &rows(&mut again, "jobId = 'j' AND status = 'failed'")[0];
    assert_eq!(failed["deviceId"], "pump-0001");
    assert!(failed["error"]["description"].as_str().unwrap().contains("may have executed"), "{failed}");
    let lines = ["pump-0000", "pump-0001", "pump-0002"].map(|device| listen(&mut again, device));
    again.pass(SECOND);
    let calls = lines.map(|line| again.published(line));
    assert_eq!([calls[0].len(), calls[1].len(), calls[2].len()], [0, 0, 1]);
    answer(&mut again, lines[2], &calls[2][0], 200, b"");
    assert_eq!(counts(&mut again, "j"), ("completed".into(), [3, 2, 1, 0, 0]));
    // A job that has ended is restored as it was.
    let mut last = restored(&again, &again.changes);
    last.put(Input::Start);
    assert_eq!(visible(&mut last, "j"), visible(&mut again, "j"));
}

#[test]
fn jobs_that_are_stated_anew_need_nothing_of_what_was_recorded_before() {
    for identities in [1, 2, 100] {
        let mut world = World::new();
        fleet(&mut world, 40);
        put(&mut world, "done", update("tags.plant = 'p0'"));
        let line = listen(&mut world, "pump-0001");
        world.pass(SECOND);
        put(&mut world, "calls", reboot("*"));
        let mut later = update("*");
        later["startTime"] = json!("2030-01-01T01:00:00Z");
        put(&mut world, "later", later);
        world.pass(SECOND);
        let call = world.published(line).remove(0);

        let begin = world.changes.len();
        for round in 0.. {
            world.put(Input::Restate { identities });
            if world.changes.last() == Some(&Change::RestatementEnded) {
                break;
            }
            match round {
                1 => answer(&mut world, line, &call, 200, b"1"),
                2 => drop(listen(&mut world, "pump-0002")),
                3 => world.pass(Duration::from_millis(5)),
                4 => drop(put(&mut world, "new", update("deviceId = 'dev1'"))),
                5 => world.pass(Duration::from_millis(20)),
                _ => {}
            }
        }
        let mut again = restored(&world, &world.changes[begin..]);
        for id in ["done", "calls", "later"] {
            assert_eq!(visible(&mut again, id), visible(&mut world, id), "{id}, {identities} at a time");
        }
        let all = restored(&world, &world.changes);
        let mut all = all;
        assert_eq!(visible(&mut all, "calls"), visible(&mut world, "calls"), "nothing counts twice");
        // One that is restored in the middle goes on stating where it had come to.
        let middle = begin + (world.changes.len() - begin) / 2;
        let mut half = restored(&world, &world.changes[..middle]);
        while half.changes.last() != Some(&Change::RestatementEnded) {
            half.put(Input::Restate { identities });
        }
        let mut whole = restored(&half, &half.changes[begin..]);
        assert_eq!(visible(&mut whole, "done"), visible(&mut world, "done"));
    }
}

#[test]
fn while_the_disk_is_full_jobs_wait() {
    use iothub_hub::Recording;
    let mut world = World::new();
    fleet(&mut world, 450);
    put(&mut world, "j", update("*"));
    world.pass(Duration::from_millis(5));
    world.put(Input::Recording { recording: Recording::Closed });
    let before = (world.changes.len(), counts(&mut world, "j"));
    world.pass(Duration::from_secs(60));
    assert_eq!((world.changes.len(), counts(&mut world, "j")), before);
    world.put(Input::Recording { recording: Recording::Open });
    world.pass(SECOND);
    assert_eq!(counts(&mut world, "j"), ("completed".into(), [451, 451, 0, 0, 0]));
}
