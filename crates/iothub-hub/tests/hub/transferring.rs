//! Imports and exports as jobs, with somebody who has the files.

use iothub_hub::{Change, Input, TransferPlace, TransferResumed, TransferStep, Transferred};
use serde_json::{Value, json};

use crate::world::World;

fn create(world: &mut World, body: Value) -> String {
    let (status, job) = world.rest("POST", "/jobs/create", body);
    assert_eq!((status, &job["status"]), (200, &json!("running")), "{job}");
    job["jobId"].as_str().unwrap().to_owned()
}

fn export() -> Value {
    json!({"type": "export", "outputBlobContainerUri": "out", "excludeKeysInExport": false})
}

fn import() -> Value {
    json!({"type": "Import", "inputBlobContainerUri": "in", "outputBlobContainerUri": "out", "jobId": "no", "status": "failed"})
}

/// The one step that the hub asks for next.
fn step(world: &mut World) -> TransferStep {
    let [(_, step)] = &core::mem::take(&mut world.steps)[..] else { panic!("one step at a time") };
    step.clone()
}

fn done(world: &mut World, number: u64, outcome: Transferred) {
    world.put(Input::Transferred { number, outcome });
}

fn place(container: &str, name: &str) -> TransferPlace {
    TransferPlace { container: container.into(), name: name.into() }
}

fn begin_import(resumed: Option<TransferResumed>) -> TransferStep {
    TransferStep::Begin {
        from: Some(place("in", "devices.txt")),
        to: place("out", "importErrors.log"),
        resumed,
    }
}

fn told(world: &mut World, id: &str) -> Value {
    let (status, job) = world.rest("GET", &format!("/jobs/{id}"), json!(null));
    assert_eq!(status, 200, "{job}");
    job
}

/// Carries an export out, and gives what it wrote.
fn written(world: &mut World, number: u64) -> (String, Vec<u64>) {
    done(world, number, Transferred::Begun { len: 0 });
    let (mut text, mut progress) = (String::new(), Vec::new());
    loop {
        match step(world) {
            TransferStep::Write { lines } => text += core::str::from_utf8(&lines).unwrap(),
            TransferStep::Finish => break,
            other => panic!("{other:?}"),
        }
        let (_, all) = world.rest("GET", "/jobs", json!(null));
        progress.push(all.as_array().unwrap().last().unwrap()["progress"].as_u64().unwrap());
        done(world, number, Transferred::Written);
    }
    done(world, number, Transferred::Finished);
    (text, progress)
}

#[test]
fn what_one_hub_exports_another_imports_a_part_at_a_time() {
    let mut world = World::new();
    for n in 0..600 {
        world.create_device(&format!("pump-{n:03}"));
    }
    world.rest("PATCH", "/twins/pump-007", json!({"tags": {"plant": "p1"}}));
    world.create_module("pump-007", "camera");
    let id = create(&mut world, export());
    assert_eq!(
        step(&mut world),
        TransferStep::Begin { from: None, to: place("out", "devices.txt"), resumed: None }
    );
    let (text, progress) = written(&mut world, 1);
    assert_eq!((text.lines().count(), progress), (602, vec![41, 83, 99]));
    let job = told(&mut world, &id);
    assert_eq!((&job["status"], &job["progress"]), (&json!("completed"), &json!(100)));
    assert!(job["startTimeUtc"].is_string() && job["endTimeUtc"].is_string(), "{job}");

    let mut other = World::new();
    let id = create(&mut other, import());
    assert_eq!(step(&mut other), begin_import(None));
    done(&mut other, 1, Transferred::Begun { len: text.len() as u64 });
    let half = text[..text.len() / 2].rfind('\n').unwrap() + 1;
    for (lines, is_last) in [(&text[..half], false), (&text[half..], true)] {
        assert_eq!(step(&mut other), TransferStep::Read);
        done(&mut other, 1, Transferred::Lines { lines: lines.as_bytes().to_vec(), is_last });
    }
    assert_eq!(step(&mut other), TransferStep::Finish);
    done(&mut other, 1, Transferred::Finished);
    assert_eq!(told(&mut other, &id)["status"], "completed");
    for path in ["/devices/pump-599", "/devices/pump-007/modules/camera"] {
        let key = |world: &mut World| world.rest("GET", path, json!(null)).1["authentication"].clone();
        assert_eq!(key(&mut other), key(&mut world), "{path}");
    }
    assert_eq!(other.rest("GET", "/twins/pump-007", json!(null)).1["tags"]["plant"], "p1");
}

#[test]
fn lines_that_cannot_be_done_are_told_with_their_numbers() {
    let mut world = World::new();
    let id = create(&mut world, import());
    step(&mut world);
    done(&mut world, 1, Transferred::Begun { len: 100 });
    step(&mut world);
    let first = b"{\"id\":\"a\"}\n\nnonsense\n".to_vec();
    done(&mut world, 1, Transferred::Lines { lines: first, is_last: false });
    let TransferStep::Write { lines } = step(&mut world) else { panic!("an error is told") };
    let error: Value = serde_json::from_slice(&lines).unwrap();
    assert_eq!((&error["line"], &error["errorCode"]), (&json!(3), &json!("IotHubFormatError")));
    done(&mut world, 1, Transferred::Written);
    assert_eq!(step(&mut world), TransferStep::Read);
    let second = br#"{"id":"a","importMode":"create"}"#.to_vec();
    done(&mut world, 1, Transferred::Lines { lines: second, is_last: true });
    let TransferStep::Write { lines } = step(&mut world) else { panic!("an error is told") };
    assert_eq!(serde_json::from_slice::<Value>(&lines).unwrap()["line"], 4);
    done(&mut world, 1, Transferred::Written);
    assert_eq!(step(&mut world), TransferStep::Finish);
    done(&mut world, 1, Transferred::Finished);
    let job = told(&mut world, &id);
    assert_eq!(job["status"], "completed");
    assert_eq!(job["failureReason"], "2 lines were not done: importErrors.log says why");
}

#[test]
fn keys_are_left_out_if_that_is_asked_for() {
    let mut world = World::new();
    let key = world.key("dev1");
    for (excluded, is_there) in [(json!(true), false), (json!(false), true), (json!(null), true)] {
        let mut job = export();
        job["excludeKeysInExport"] = excluded;
        create(&mut world, job);
        let number = world.steps[0].0;
        step(&mut world);
        assert_eq!(written(&mut world, number).0.contains(&key), is_there);
    }
}

#[test]
fn one_runs_at_a_time_and_can_be_cancelled() {
    let mut world = World::new();
    let id = create(&mut world, export());
    step(&mut world);
    let (status, body) = world.rest("POST", "/jobs/create", import());
    assert!(status == 403 && body.to_string().contains("JobQuotaExceeded"), "{body}");
    let headers = [("if-match", id.as_str())];
    assert_eq!(world.rest_with("DELETE", &format!("/jobs/{id}"), "", &headers).status, 204);
    assert_eq!(step(&mut world), TransferStep::Abandon);
    assert_eq!(told(&mut world, &id)["status"], "cancelled");
    // What was on its way when it was cancelled.
    done(&mut world, 1, Transferred::Begun { len: 0 });
    assert!(world.steps.is_empty());
    create(&mut world, export());
    step(&mut world);
    done(&mut world, 2, Transferred::Failed { why: "the disk is full".into() });
    let (_, all) = world.rest("GET", "/jobs", json!(null));
    assert_eq!((&all[1]["status"], &all[1]["failureReason"]), (&json!("failed"), &json!("the disk is full")));
    assert_eq!(world.rest("DELETE", &format!("/jobs/{id}"), json!(null)).0, 204, "it has ended already");
    assert_eq!(world.rest("GET", "/jobs/nobody", json!(null)).0, 404);
}

#[test]
fn what_cannot_be_transferred_is_refused_and_secrets_are_not_repeated() {
    let mut world = World::new();
    for (body, why) in [
        (json!({"type": "export"}), "outputBlobContainerUri: it is missing"),
        (json!({"type": "import", "outputBlobContainerUri": "x"}), "inputBlobContainerUri: it is missing"),
        (json!({"type": "backup"}), "type: backup, and must be import or export"),
        (
            json!({"type": "export", "outputBlobContainerUri": "https://a.blob/c?sig=SECRET"}),
            "must be a file: URI",
        ),
        (
            json!({"type": "export", "outputBlobContainerUri": "x", "outputBlobName": "../x"}),
            "without a folder",
        ),
        (json!({"type": "import", "inputBlobContainerUri": "x", "inputBlobName": ".x"}), "a dot in front"),
        (
            json!({"type": "export", "outputBlobContainerUri": "x", "includeConfigurations": true}),
            "includeConfigurations",
        ),
    ] {
        let (status, refused) = world.rest("POST", "/jobs/create", body);
        let text = refused.to_string();
        assert!(status == 400 && text.contains(why) && !text.contains("SECRET"), "{text}");
    }
    assert!(world.steps.is_empty());
    let token = world.policy_token("registryRead");
    let refused = world.rest_with(
        "POST",
        "/jobs/create?api-version=2021-04-12",
        &export().to_string(),
        &[("authorization", &token)],
    );
    assert_eq!(refused.status, 401, "an export has every key");
}

/// A hub that is made of what another has recorded, and begins.
fn restarted(changes: &[Change]) -> World {
    let mut again = World::empty();
    for change in changes {
        let text = serde_json::to_string(change).unwrap();
        again.hub.apply(&serde_json::from_str(&text).unwrap()).unwrap();
    }
    again.put(Input::Start);
    again
}

#[test]
fn an_import_goes_on_behind_the_lines_that_were_done() {
    let mut world = World::new();
    let id = create(&mut world, import());
    // Before anything was read it begins anew.
    let mut again = restarted(&world.changes);
    assert_eq!(step(&mut again), begin_import(None));
    step(&mut world);
    done(&mut world, 1, Transferred::Begun { len: 90 });
    step(&mut world);
    let first = b"{\"id\":\"a\",\"importMode\":\"create\"}\nnonsense\n".to_vec();
    let read = first.len() as u64;
    done(&mut world, 1, Transferred::Lines { lines: first, is_last: false });
    let write = step(&mut world);
    let TransferStep::Write { lines } = &write else { panic!("an error is told") };

    // Also out of what is stated anew.
    world.put(Input::Restate { identities: 100 });
    let stated = world.changes.iter().position(|change| *change == Change::RestatementBegan).unwrap();
    for changes in [&world.changes[..stated], &world.changes[stated..]] {
        let mut again = restarted(changes);
        assert_eq!(told(&mut again, &id)["progress"], read * 100 / 90);
        let resumed = TransferResumed { read, len: 90, written: 0 };
        assert_eq!(step(&mut again), begin_import(Some(resumed)));
        done(&mut again, 1, Transferred::Begun { len: 90 });
        assert_eq!(step(&mut again), write, "nobody knows whether it was written");
        done(&mut again, 1, Transferred::Written);
        assert_eq!(step(&mut again), TransferStep::Read);
        let last = br#"{"id":"a","importMode":"create"}"#.to_vec();
        done(&mut again, 1, Transferred::Lines { lines: last, is_last: true });
        let TransferStep::Write { lines: last } = step(&mut again) else { panic!("an error is told") };
        assert_eq!(serde_json::from_slice::<Value>(&last).unwrap()["line"], 3);

        let mut third = World::empty();
        again.put(Input::Restate { identities: 100 });
        let stated = again.changes.iter().position(|change| *change == Change::RestatementBegan).unwrap();
        again.changes[stated..].iter().for_each(|change| third.hub.apply(change).unwrap());
        third.put(Input::Start);
        let resumed = TransferResumed { read: read + 32, len: 90, written: lines.len() as u64 };
        assert_eq!(step(&mut third), begin_import(Some(resumed)));
        done(&mut third, 1, Transferred::Begun { len: 90 });
        assert_eq!(step(&mut third), TransferStep::Write { lines: last });
        done(&mut third, 1, Transferred::Written);
        assert_eq!(step(&mut third), TransferStep::Finish);
        done(&mut third, 1, Transferred::Finished);
        let job = told(&mut third, &id);
        assert_eq!(job["failureReason"], "2 lines were not done: importErrors.log says why");
        create(&mut third, export());
    }
}

#[test]
fn an_export_begins_again_when_its_hub_does() {
    let mut world = World::new();
    let id = create(&mut world, export());
    step(&mut world);
    done(&mut world, 1, Transferred::Begun { len: 0 });
    let mut again = restarted(&world.changes);
    assert_eq!(
        step(&mut again),
        TransferStep::Begin { from: None, to: place("out", "devices.txt"), resumed: None }
    );
    assert_eq!(written(&mut again, 1).0.lines().count(), 1);
    assert_eq!(told(&mut again, &id)["status"], "completed");
    let mut after = restarted(&again.changes);
    assert!(after.steps.is_empty(), "it has ended");
    create(&mut after, export());
}

#[test]
fn without_the_folder_a_transfer_ends_with_its_hub() {
    for job in [import(), export()] {
        let mut world = World::new();
        let id = create(&mut world, job);
        let mut again = World::empty_provisioning(&["h"]);
        world.changes.iter().for_each(|change| again.hub.apply(change).unwrap());
        again.put(Input::Start);
        assert!(again.steps.is_empty());
        let job = told(&mut again, &id);
        assert_eq!(job["status"], "failed");
        assert!(job["failureReason"].as_str().unwrap().contains("what was imported stays so"), "{job}");
    }
}
