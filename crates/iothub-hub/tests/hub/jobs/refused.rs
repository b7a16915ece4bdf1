use iothub_model::ErrorCode;
use serde_json::{Value, json};

use super::{SECOND, put, reboot, update};
use crate::world::World;

fn with(mut job: Value, path: &[&str], value: Value) -> Value {
    let mut place = &mut job;
    for name in path {
        place = &mut place[*name];
    }
    *place = value;
    job
}

#[test]
fn what_cannot_be_a_job_is_refused_with_its_place() {
    let mut world = World::new();
    put(&mut world, "there", update("*"));
    world.pass(SECOND);
    for (id, job, refusal, why) in [
        ("there", update("*"), "JobAlreadyExists", "There is a job named there already"),
        ("a b", update("*"), "ArgumentInvalid", "cannot name a job"),
        (&"x".repeat(65), update("*"), "ArgumentInvalid", "cannot name a job"),
        ("query", update("*"), "ArgumentInvalid", "cannot name a job"),
        ("QUERY", update("*"), "ArgumentInvalid", "cannot name a job"),
        ("j", with(update("*"), &["jobId"], json!("k")), "ArgumentInvalid", "jobId: \"k\""),
        ("j", with(update("*"), &["type"], json!("export")), "ArgumentInvalid", "type: export, and must be"),
        ("j", with(update("*"), &["type"], json!(null)), "ArgumentInvalid", "type: unknown"),
        (
            "j",
            with(update("*"), &["type"], json!("scheduleDeviceMethod")),
            "ArgumentInvalid",
            "cloudToDeviceMethod: ",
        ),
        ("j", with(reboot("*"), &["type"], json!("scheduleUpdateTwin")), "ArgumentInvalid", "updateTwin: "),
        (
            "j",
            with(update("*"), &["updateTwin", "etag"], json!(null)),
            "ArgumentInvalid",
            "updateTwin.etag: it is missing",
        ),
        (
            "j",
            with(update("*"), &["updateTwin", "properties"], json!(null)),
            "ArgumentInvalid",
            "neither tags nor",
        ),
        (
            "j",
            with(update("*"), &["updateTwin", "properties", "desired"], json!({"a.b": 1})),
            "ArgumentInvalid",
            "properties.desired.a.b: '.'",
        ),
        ("j", update(""), "ArgumentInvalid", "queryCondition: expected"),
        ("j", update("tags.plant == 'p'"), "ArgumentInvalid", "line 1, column 13"),
        ("j", update("FROM devices.jobs"), "ArgumentInvalid", "a job is about devices or modules"),
        (
            "j",
            with(update("*"), &["queryCondition"], json!(null)),
            "ArgumentInvalid",
            "queryCondition: it is missing",
        ),
        (
            "j",
            with(update("*"), &["maxExecutionTimeInSeconds"], json!(0)),
            "ArgumentInvalid",
            "must be 1 to 2592000",
        ),
        ("j", with(update("*"), &["startTime"], json!("soon")), "IotHubFormatError", "not a date"),
        (
            "j",
            with(reboot("*"), &["cloudToDeviceMethod", "methodName"], json!("a/b")),
            "ArgumentInvalid",
            "cloudToDeviceMethod.methodName",
        ),
        (
            "j",
            with(reboot("*"), &["cloudToDeviceMethod", "payload"], json!("x".repeat(140_000))),
            "MessageTooLarge",
            "the payload has",
        ),
    ] {
        let before = world.changes.len();
        let (status, body) = world.rest("PUT", &format!("/jobs/v2/{}", id.replace(' ', "%20")), job);
        let text = body["Message"].as_str().unwrap().to_owned();
        let wanted = ErrorCode::from_name(refusal).unwrap().http_status();
        assert_eq!(status, wanted, "{id}: {text}");
        assert!(text.contains(refusal) && text.contains(why), "{id}: {text} should say {why}");
        assert_eq!(world.changes.len(), before, "{id}: nothing is recorded");
    }
    for (method, path) in [("GET", "/jobs/v2/nobody"), ("POST", "/jobs/v2/nobody/cancel")] {
        let (status, body) = world.rest(method, path, json!(null));
        assert!(status == 404 && body.to_string().contains("JobNotFound"), "{method}: {body}");
    }
    assert_eq!(world.rest("DELETE", "/jobs/v2/there", json!(null)).0, 405);
}

#[test]
fn only_the_service_may_start_jobs() {
    let mut world = World::new();
    for (policy, status) in [("service", 200), ("registryReadWrite", 401), ("device", 401)] {
        let token = world.policy_token(policy);
        let response = world.rest_with(
            "PUT",
            "/jobs/v2/j?api-version=2021-04-12",
            &update("*").to_string(),
            &[("authorization", &token)],
        );
        assert_eq!(response.status, status, "{policy}");
    }
}
