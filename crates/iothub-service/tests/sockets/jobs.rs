use core::time::Duration;

use iothub_model::JobStatus;
use iothub_service::{Error, FailedAgain, JobWatch};
use serde_json::{Value, json};

use crate::clock;
use crate::rogue::{Deed, Rogue, response};

fn job(status: &str, succeeded: u64, failed: u64) -> Deed {
    let statistics = json!({
        "deviceCount": 10, "succeededCount": succeeded, "failedCount": failed, "runningCount": 0,
        "pendingCount": 10 - succeeded - failed,
    });
    let job = json!({
        "jobId": "j1", "type": "scheduleDeviceMethod", "status": status,
        "cloudToDeviceMethod": {"methodName": "reboot"}, "maxExecutionTimeInSeconds": 60,
        "startTime": "2030-01-01T00:00:00Z", "queryCondition": "*", "deviceJobStatistics": statistics,
    });
    Deed::Answer(response("200 OK", &[], &job.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_watch_gives_what_changes_and_ends_with_the_job() {
    let rogue = Rogue::new([
        job("queued", 0, 0),
        job("queued", 0, 0),
        job("running", 2, 0),
        Deed::Answer(response("404 Not Found", &[], "")),
        job("running", 2, 0),
        job("running", 5, 1),
        job("completed", 9, 1),
    ])
    .await;
    let mut watch = rogue.service().job("j1").watch();
    let mut seen = Vec::new();
    loop {
        match watch.next().await {
            Ok(Some(job)) => {
                let devices = job.device_job_statistics.unwrap();
                seen.push((job.status.as_str(), devices.succeeded_count, devices.failed_count));
            }
            Ok(None) => break,
            // It may go on after an error.
            Err(error) => seen.push(("error", error.status().unwrap().into(), 0)),
        }
    }
    let expected =
        [("queued", 0, 0), ("running", 2, 0), ("error", 404, 0), ("running", 5, 1), ("completed", 9, 1)];
    assert_eq!(seen, expected);
    assert_eq!(rogue.asked().len(), 7, "a job that has ended is not asked about");
}

#[tokio::test(start_paused = true)]
async fn looks_become_rare_while_nothing_happens_and_a_wait_has_an_end() {
    let running = core::iter::repeat_n(job("running", 1, 0), 1000);
    let rogue = Rogue::for_long(running, Duration::from_millis(100)).await;
    let begin = clock::now();
    let error = rogue.service().job("j1").wait(Duration::from_secs(600)).await.unwrap_err();
    assert_eq!(error.to_string(), "job j1 is not done after 600 s");
    assert!(matches!(error, Error::Unfinished { .. }));
    assert_eq!(begin.elapsed().as_secs(), 600);
    let looks = rogue.asked().len();
    let rarely = 600 / usize::try_from(JobWatch::PAUSE_MAX.as_secs()).unwrap();
    assert!((rarely..rarely + 12).contains(&looks), "{looks} looks");
}

#[tokio::test(start_paused = true)]
async fn a_wait_gives_the_job_as_it_ended() {
    for (status, last) in [
        ("completed", JobStatus::Completed),
        ("failed", JobStatus::Failed),
        ("cancelled", JobStatus::Cancelled),
    ] {
        let rogue = Rogue::new([job("running", 1, 0), job(status, 1, 0)]).await;
        let job = rogue.service().job("j1").wait(Duration::from_secs(60)).await.unwrap();
        assert_eq!(job.status, last);
    }
}

fn failed(names: core::ops::Range<u32>, more: Option<&str>) -> Deed {
    let rows: Vec<Value> = names
        .map(|n| json!({"deviceId": format!("pump-{n:05}"), "jobId": "j1", "status": "failed"}))
        .collect();
    let more = more.map(|more| format!("x-ms-continuation: {more}"));
    let headers: Vec<&str> = more.as_deref().into_iter().collect();
    Deed::Answer(response("200 OK", &headers, &Value::Array(rows).to_string()))
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_done_again_in_jobs_of_as_many_as_can_be_named() {
    let taken = || Deed::Answer(response("200 OK", &[], r#"{"jobId":"x","status":"queued"}"#));
    let busy = || {
        let code = "iothub-errorcode: ThrottlingMaxActiveJobCountExceeded";
        Deed::Answer(response("429 Too Many Requests", &[code], ""))
    };
    let rogue = Rogue::new([
        failed(0..400, Some("p2")),
        failed(400..700, Some("p3")),
        job("completed", 0, 10),
        taken(),
        // Too many run, however often it is tried.
        failed(700..800, None),
        busy(),
        busy(),
        busy(),
        busy(),
        taken(),
    ])
    .await;
    let service = rogue.service();
    let mut again = service.job("j1").failed_again();
    assert_eq!(again.next("again-1").await.unwrap().unwrap().id(), "again-1");
    let first: Value = serde_json::from_slice(&rogue.last_body()).unwrap();
    let condition = first["queryCondition"].as_str().unwrap();
    assert!(condition.starts_with("deviceId IN ['pump-00000','pump-00001',"), "{condition}");
    assert!(condition.len() <= FailedAgain::CONDITION_LEN_MAX);
    let count = condition.matches("pump-").count();
    assert!(count > 500, "{count}");
    let expected = json!({
        "jobId": "again-1", "type": "scheduleDeviceMethod", "cloudToDeviceMethod": {"methodName": "reboot"},
        "maxExecutionTimeInSeconds": 60, "queryCondition": condition,
    });
    assert_eq!(first, expected, "it does not begin when the first did");

    assert_eq!(again.next("again-2").await.unwrap_err().status(), Some(429));
    again.next("again-2").await.unwrap().unwrap();
    let second: Value = serde_json::from_slice(&rogue.last_body()).unwrap();
    let rest = second["queryCondition"].as_str().unwrap();
    assert!(rest.contains(&format!("['pump-{count:05}',")) && rest.ends_with("'pump-00799']"), "{rest}");
    assert!(again.next("again-3").await.unwrap().is_none());
    assert_eq!(rogue.asked().len(), 10, "nothing more is asked for");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_failed_nothing_is_done_again() {
    let rogue = Rogue::new([failed(0..0, Some("p2")), failed(0..0, None)]).await;
    assert!(rogue.service().job("j1").failed_again().next("again").await.unwrap().is_none());
    assert_eq!(rogue.asked().len(), 2);
}
