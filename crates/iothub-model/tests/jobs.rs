//! Documents about jobs are those of the published examples, and what clients send is understood.

use iothub_model::{
    Date, DeviceJob, DeviceJobError, DeviceJobStatus, IfMatch, JobProperties, JobRequest, JobResponse,
    JobStatus, JobType, TwinUpdate,
};
use serde_json::{Value, json};

#[test]
fn every_name_that_was_ever_published_is_read_and_one_is_written() {
    for (text, kind) in [
        ("scheduleDeviceMethod", JobType::ScheduleDeviceMethod),
        ("ScheduleDeviceMethod", JobType::ScheduleDeviceMethod),
        ("scheduledDeviceMethod", JobType::ScheduleDeviceMethod),
        ("scheduleDirectRequest", JobType::ScheduleDeviceMethod),
        ("scheduleUpdateTwin", JobType::ScheduleUpdateTwin),
        ("scheduledUpdateTwin", JobType::ScheduleUpdateTwin),
        ("scheduleTwinUpdate", JobType::ScheduleUpdateTwin),
        ("Export", JobType::Export),
    ] {
        assert_eq!(text.parse(), Ok(kind), "{text}");
    }
    assert_eq!(JobType::ScheduleUpdateTwin.as_str(), "scheduleUpdateTwin");
    let refused = "reboot".parse::<JobType>().unwrap_err().to_string();
    assert!(refused.starts_with("expected one of unknown, scheduleDeviceMethod, "), "{refused}");
    for (text, status, written) in [
        ("canceled", DeviceJobStatus::Canceled, "canceled"),
        ("Cancelled", DeviceJobStatus::Canceled, "canceled"),
        ("completed", DeviceJobStatus::Completed, "completed"),
    ] {
        assert_eq!(text.parse(), Ok(status));
        assert_eq!(status.as_str(), written);
    }
    assert_eq!(JobStatus::Cancelled.as_str(), "cancelled");
    assert!("canceled".parse::<JobStatus>().is_err());
}

#[test]
fn requests_are_read_as_clients_send_them() {
    let published = json!({
        "jobId": "j1",
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": {"methodName": "reboot", "payload": {}, "responseTimeoutInSeconds": 30},
        "queryCondition": "tags.plant = 'p1'",
        "startTime": "2030-01-01T00:00:00Z",
        "maxExecutionTimeInSeconds": 300,
    });
    let request: JobRequest = read(&published);
    assert_eq!(request.start_time.unwrap().to_string(), "2030-01-01T00:00:00.0000000Z");
    assert_eq!(request.cloud_to_device_method.as_ref().unwrap().method_name, "reboot");
    let mut written = serde_json::to_value(&request).unwrap();
    written["startTime"] = published["startTime"].clone();
    assert_eq!(written, published);

    // The Node client sends every member, and null where there is nothing.
    let request: JobRequest = read(&json!({
        "jobId": "j2", "type": "scheduleUpdateTwin", "cloudToDeviceMethod": null, "startTime": null,
        "updateTwin": {"etag": "*", "properties": {"desired": {"a": 1, "b": null}}, "deviceId": "ignored"},
        "queryCondition": "deviceId = 'd'", "maxExecutionTimeInSeconds": 3600,
    }));
    assert!(request.cloud_to_device_method.is_none() && request.start_time.is_none());
    let update = request.update_twin.unwrap();
    assert_eq!(update.etag, IfMatch::Any);
    let sent = json!({"etag": "*", "properties": {"desired": {"a": 1, "b": null}}});
    assert_eq!(serde_json::to_value(&update).unwrap(), sent);
}

#[test]
fn the_etag_of_an_update_is_a_star_a_value_or_absent() {
    for (etag, condition) in [
        (json!("*"), Ok("*")),
        (json!("\"*\""), Ok("*")),
        (json!("AAAAAAAAAAE="), Ok("AAAAAAAAAAE=")),
        (json!(null), Ok("")),
        (json!(""), Ok("")),
        (json!("a b"), Err("not an etag")),
        (json!(1), Err("`etag` is not a text")),
    ] {
        let read = serde_json::from_value::<TwinUpdate>(json!({"etag": etag, "tags": null}));
        match (read, condition) {
            (Ok(update), Ok(condition)) => {
                let written = serde_json::to_value(&update).unwrap();
                let expected = if condition.is_empty() { Value::Null } else { json!(condition) };
                assert_eq!(written.get("etag").cloned().unwrap_or_default(), expected, "{etag}");
                assert_eq!(written["tags"], Value::Null);
                assert!(written.as_object().unwrap().contains_key("tags"), "null clears the tags");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (read, condition) => panic!("{etag}: {read:?} for {condition:?}"),
        }
    }
}

#[test]
fn a_job_that_is_hardly_told_of_is_written_as_published() {
    let response = JobResponse {
        job_id: "job01".into(),
        kind: JobType::ScheduleDeviceMethod,
        status: JobStatus::Queued,
        ..JobResponse::default()
    };
    let written = serde_json::to_string(&response).unwrap();
    assert_eq!(written, r#"{"jobId":"job01","type":"scheduleDeviceMethod","status":"queued"}"#);
}

#[test]
fn what_came_of_one_device_is_read_as_the_service_writes_it() {
    let row: DeviceJob = read(&json!({
        "deviceId": "d", "jobId": "j", "jobType": "scheduleUpdateTwin", "status": "completed",
        "startTimeUtc": "2016-09-29T18:18:52.7418462", "outcome": {"deviceMethodResponse": null},
    }));
    assert_eq!(row.start_time_utc, Some("2016-09-29T18:18:52.741Z".parse::<Date>().unwrap()));
    assert!(row.outcome.unwrap().device_method_response.is_none());
    let row: DeviceJob = read(&json!({
        "deviceId": "d", "jobId": "j", "status": "failed", "error": {"code": 404103, "description": "offline"},
    }));
    assert_eq!(row.error, Some(DeviceJobError { code: "404103".into(), description: "offline".into() }));
    let row: DeviceJob = read(&json!({
        "deviceId": "d", "jobId": "j", "outcome": {"deviceMethodResponse": {"status": 200, "payload": [1]}},
    }));
    assert_eq!(row.outcome.unwrap().device_method_response.unwrap().payload.get(), "[1]");
}

#[test]
fn an_export_is_asked_for_and_told_of_in_the_same_document() {
    let asked = json!({
        "type": "export", "outputBlobContainerUri": "file:///srv/out", "excludeKeysInExport": false,
        "storageAuthenticationType": "identityBased", "identity": {"userAssignedIdentity": "id"},
    });
    let properties: JobProperties = read(&asked);
    assert_eq!(serde_json::to_value(&properties).unwrap(), asked);
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"))
}
