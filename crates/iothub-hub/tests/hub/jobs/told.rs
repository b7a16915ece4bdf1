use core::time::Duration;

use serde_json::{Value, json};

use super::{SECOND, counts, fleet, put, reboot, rows, update};
use crate::world::World;

/// The ids of jobs that are listed, and how it goes on.
fn list(world: &mut World, query: &str, headers: &[(&str, &str)]) -> (Vec<String>, Option<String>) {
    let path = format!("/jobs/v2/query?api-version=2021-04-12{query}");
    let response = world.rest_with("GET", &path, "", headers);
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response.status, 200, "{body}");
    let header =
        |name: &str| response.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.clone());
    assert_eq!(header("x-ms-item-type").as_deref(), Some("JobResponse"));
    let ids = body.as_array().unwrap().iter().map(|job| job["jobId"].as_str().unwrap().to_owned()).collect();
    (ids, header("x-ms-continuation"))
}

fn three(world: &mut World) {
    put(world, "done", update("*"));
    put(world, "calls", reboot("*"));
    let mut later = update("*");
    later["startTime"] = json!("2031-01-01T00:00:00Z");
    put(world, "later", later);
    world.pass(SECOND);
}

#[test]
fn jobs_are_listed_by_type_and_status_in_any_case() {
    let mut world = World::new();
    three(&mut world);
    for (query, ids) in [
        ("", &["done", "calls", "later"][..]),
        ("&jobType=ScheduleUpdateTwin", &["done", "later"]),
        ("&jobType=scheduleTwinUpdate&jobStatus=Completed", &["done"]),
        ("&jobStatus=running", &["calls"]),
        ("&jobStatus=SCHEDULED", &["later"]),
        ("&jobStatus=pending", &[]),
        ("&jobType=&jobStatus=", &["done", "calls", "later"]),
    ] {
        assert_eq!(
            list(&mut world, query, &[]),
            (ids.iter().map(|id| (*id).to_owned()).collect(), None),
            "{query}"
        );
    }
    for query in ["jobType=reboot", "jobStatus=late", "pageSize=0", "continuationToken=x"] {
        let path = format!("/jobs/v2/query?api-version=2021-04-12&{query}");
        assert_eq!(world.rest_with("GET", &path, "", &[]).status, 400, "{query}");
    }
}

#[test]
fn pages_go_on_by_headers_or_by_parameters() {
    let mut world = World::new();
    three(&mut world);
    let (ids, next) = list(&mut world, "", &[("x-ms-max-item-count", "2")]);
    assert_eq!(ids, ["done", "calls"]);
    let next = next.unwrap();
    assert_eq!(list(&mut world, "", &[("x-ms-continuation", &next)]), (vec!["later".into()], None));
    let (ids, next) = list(&mut world, "&pageSize=1&jobType=scheduleUpdateTwin", &[]);
    assert_eq!(ids, ["done"]);
    let query = format!("&pageSize=1&jobType=scheduleUpdateTwin&continuationToken={}", next.unwrap());
    assert_eq!(list(&mut world, &query, &[]), (vec!["later".into()], None));
}

#[test]
fn what_jobs_did_is_told_page_by_page_and_of_no_other_job() {
    let mut world = World::new();
    fleet(&mut world, 10);
    put(&mut world, "a", update("*"));
    put(&mut world, "b", update("tags.plant = 'p0'"));
    world.pass(SECOND);
    let query = json!({"query": "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'b' AND devices.jobs.status = 'completed'"});
    let (mut ids, mut after, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let headers = [("x-ms-max-item-count", "2"), ("x-ms-continuation", after.as_str())];
        let response =
            world.rest_with("POST", "/devices/query?api-version=2021-04-12", &query.to_string(), &headers);
        let rows: Vec<Value> = serde_json::from_slice(&response.body).unwrap();
        let header = |name: &str| {
            response.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.clone())
        };
        assert_eq!(header("x-ms-item-type").as_deref(), Some("DeviceJob"));
        sizes.push(rows.len());
        ids.extend(rows.iter().map(|row| row["deviceId"].as_str().unwrap().to_owned()));
        match header("x-ms-continuation") {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(ids, ["pump-0000", "pump-0002", "pump-0004", "pump-0006", "pump-0008"]);
    assert_eq!(sizes, [2, 2, 1]);
    for (condition, count) in [
        ("jobId IN ['b', 'a', 'c']", 16),
        ("jobType = 'scheduleTwinUpdate'", 16),
        ("deviceId = 'pump-0002'", 2),
        ("deviceId = 'pump-0001' AND jobId = 'b'", 0),
        ("jobId = 'c'", 0),
        ("startTimeUtc > '2030-01-01'", 16),
    ] {
        assert_eq!(rows(&mut world, condition).len(), count, "{condition}");
    }
}

#[test]
fn a_job_is_kept_for_thirty_days_after_its_end() {
    let mut world = World::new();
    put(&mut world, "j", update("*"));
    world.pass(Duration::from_secs(30 * 24 * 60 * 60));
    assert_eq!(counts(&mut world, "j").0, "completed");
    world.pass(2 * SECOND);
    assert_eq!(world.rest("GET", "/jobs/v2/j", json!(null)).0, 404);
    assert_eq!(rows(&mut world, "jobId = 'j'"), [] as [Value; 0]);
    put(&mut world, "j", update("*"));
}
