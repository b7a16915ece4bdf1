use rustix::process::Signal;
use serde_json::{Value, json};

use crate::hub::Hub;
use crate::place::Place;

#[test]
fn a_job_changes_the_twins_that_its_condition_holds_for() {
    let hub = pumps();
    let end = hub.run(&[
        "job",
        "run",
        "north-1",
        "--wait",
        "--desired",
        r#"{"rate":9}"#,
        "-q",
        "tags.site = 'north'",
    ]);
    let job = end.json();
    assert_eq!((&job["jobId"], &job["status"]), (&json!("north-1"), &json!("completed")));
    assert_eq!(job["deviceJobStatistics"]["succeededCount"], 2);
    for (id, rate) in [("pump-1", json!(9)), ("pump-2", json!(9)), ("pump-3", Value::Null)] {
        let twin = hub.line(&format!("twin show {id}")).json();
        assert_eq!(twin["properties"]["desired"]["rate"], rate, "{id}");
    }
    assert_eq!(hub.line("job show north-1").json()["jobId"], "north-1");
    assert_eq!(hub.line("job watch north-1").json()["status"], "completed");
    let table = hub.line("job list -o table").ok();
    assert!(table.lines().nth(1).unwrap().starts_with("north-1  scheduleUpdateTwin  completed"), "{table}");
    assert_eq!(hub.line("job list --job-status running").ok(), "");
    let rows = hub.line("job results north-1").ok();
    let ids: Vec<Value> = rows.lines().map(|row| json_of(row)["deviceId"].clone()).collect();
    assert_eq!(ids, [json!("pump-1"), json!("pump-2")]);
    // One that is not named gets a name.
    let named = hub.run(&["job", "create", "--tags", "{}", "-d", "pump-3"]).json();
    assert!(named["jobId"].as_str().unwrap().starts_with("job-"), "{named}");
}

#[test]
fn what_goes_wrong_is_named_and_done_again() {
    let hub = pumps();
    let _one = hub.simulate("pump-1 --no-telemetry");
    let run =
        ["job", "run", "reboot-1", "--wait", "--method", "reboot", "-q", "tags.site = 'north'", "--ttl", "2"];
    let end = hub.run(&run);
    assert_eq!(end.code, Some(7), "{}", end.err);
    assert_eq!(json_of(&end.out)["deviceJobStatistics"]["failedCount"], 1, "{}", end.out);
    let lines: Vec<&str> = end.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", end.err);
    assert!(lines[0].starts_with("iothub: pump-2: "), "{}", end.err);
    assert_eq!(
        lines[1],
        "iothub: job reboot-1 went wrong with 1 of 2 devices (`iothub job retry reboot-1` does it again with those)"
    );
    let failed = hub.line("job results reboot-1 --failed -o csv").ok();
    assert!(failed.lines().count() == 2 && failed.contains("pump-2"), "{failed}");

    let _two = hub.simulate("pump-2 --no-telemetry");
    let again = hub.line("job retry reboot-1").json();
    assert_eq!((&again["jobId"], &again["status"]), (&json!("reboot-1-again"), &json!("completed")));
    let of = &again["deviceJobStatistics"];
    assert_eq!((&of["deviceCount"], &of["succeededCount"]), (&json!(1), &json!(1)));
    let none = hub.line("job retry reboot-1-again");
    assert_eq!((none.code, &*none.out), (Some(0), ""));
    assert!(none.err.contains("no device that job reboot-1-again went wrong with"), "{}", none.err);
    assert!(hub.run(&run).refused(5).contains("a job named reboot-1 already"));
}

#[test]
fn whoever_stops_waiting_leaves_the_job_running() {
    let hub = pumps();
    let waiting =
        hub.start(&["job", "run", "later", "--wait", "--tags", r#"{"a":1}"#, "-q", "*", "--start", "1h"]);
    // It says when the job begins, and so that it is there.
    let mut waiting = waiting;
    assert!(waiting.remark().starts_with("iothub: job later begins at "));
    waiting.signal(Signal::INT);
    let end = waiting.end();
    assert_eq!((end.code, &*end.out), (Some(130), ""));
    assert_eq!(end.err, "iothub: job later goes on (watch it again with `iothub job watch later`)\n");
    assert_eq!(hub.line("job show later").json()["status"], "scheduled");
    assert!(hub.line("job retry later").refused(6).contains("has to end first"));
    assert_eq!(hub.line("job cancel later").json()["status"], "cancelled");
    let watched = hub.line("job watch later");
    assert_eq!(watched.code, Some(1));
    assert_eq!(watched.err, "iothub: job later was cancelled\n");
}

#[test]
fn what_cannot_be_a_job_is_one_line() {
    let hub = pumps();
    for (line, code, part) in [
        ("job show none", 3, "no job named none (`iothub job list` shows which there are)"),
        ("job watch none", 3, "no job named none"),
        ("job cancel none", 3, "no job named none"),
        ("job results none", 3, "no job named none"),
        ("job retry none", 3, "no job named none"),
        ("job show a_b", 2, "a job is named by 1 to 64 letters"),
        ("job create -q *", 2, "nothing to do"),
        ("job create --method reboot", 2, "--condition"),
        ("job create --tags {} -q tags.site==1", 1, "line 1, column"),
        ("job list --job-status done", 2, "expected one of"),
    ] {
        let refused = hub.line(line).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
    let nobody = hub.line("job run --wait --tags {} -q tags.site=1");
    assert_eq!((nobody.code, &*nobody.err), (Some(0), "iothub: the condition holds for no device\n"));
}

/// Three pumps, two of them in the north.
fn pumps() -> Hub {
    let hub = Hub::start_in(Place::new(), &["--no-device"]);
    for (id, tags) in [
        ("pump-1", r#"{"site":"north"}"#),
        ("pump-2", r#"{"site":"north"}"#),
        ("pump-3", r#"{"site":"south"}"#),
    ] {
        hub.line(&format!("device create {id}")).json();
        hub.run(&["twin", "update", id, "--tags", tags]).json();
    }
    hub
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
