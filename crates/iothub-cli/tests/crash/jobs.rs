//! Jobs that a hub does while it is killed: each ends, and touches each device at most once.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use iothub_codec::{DeviceId, Identity};
use iothub_device::{Device, MethodResponse};
use iothub_model::{
    DeviceJob, DeviceJobStatus, IfMatch, ImportMode, JobRequest, JobResponse, JobType, MethodInvocation,
    Patch, TwinPatch, TwinUpdate,
};
use iothub_service::Service;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use crate::hub::Killable;

/// What was asked for, and what devices saw of it.
#[derive(Default)]
pub(crate) struct Jobs {
    asked: BTreeMap<u64, Asked>,
    /// Keys of the devices that listen.
    keys: BTreeMap<String, String>,
    /// How often a device was called for a job.
    calls: BTreeMap<(String, String), u64>,
    pub(crate) checks: u64,
    pub(crate) summary: String,
}

#[derive(Default)]
struct Asked {
    is_acknowledged: bool,
    has_ended: bool,
}

type Shared = Arc<Mutex<Jobs>>;

/// Has a hub that has just begun do jobs until it is killed.
pub(crate) async fn start(hub: &Killable, jobs: &Shared) -> JoinSet<()> {
    let service = hub.service();
    if jobs.lock().unwrap().keys.is_empty() {
        make_fleet(&service, jobs).await;
    }
    let mut tasks = JoinSet::new();
    let keys = jobs.lock().unwrap().keys.clone();
    for (id, key) in keys {
        let device = listen(hub, &id, &key, jobs).await;
        tasks.spawn(async move {
            let _device = device;
            core::future::pending().await
        });
    }
    tasks.spawn(order(service, Arc::clone(jobs)));
    tasks
}

/// What can be said after each kill: what was acknowledged is there, adds up, and does not go back.
pub(crate) async fn check(service: &Service, jobs: &Shared, when: &str) {
    let latest: Vec<u64> = jobs.lock().unwrap().asked.keys().rev().take(LOOKED_AT).copied().collect();
    for number in latest {
        let job = service.get_job(&name(number)).await;
        let mut jobs = jobs.lock().unwrap();
        let asked = jobs.asked.entry(number).or_default();
        let job = match job {
            Ok(job) => job,
            Err(error) => {
                assert!(!asked.is_acknowledged, "{when}: job {number} is lost: {error}");
                continue;
            }
        };
        let devices = job.device_job_statistics.unwrap_or_default();
        let sum = devices.done_count() + devices.running_count + devices.pending_count;
        assert_eq!(sum, devices.device_count, "{when}: job {number} does not add up");
        assert!(job.status.is_final() || !asked.has_ended, "{when}: job {number} has ended and runs again");
        asked.has_ended = job.status.is_final();
        jobs.checks += 2;
    }
}

/// Has a hub bring everything to an end, and compares it with what devices saw.
pub(crate) async fn settle(hub: &Killable, jobs: &Shared) {
    let service = hub.service();
    let keys = jobs.lock().unwrap().keys.clone();
    let mut devices = Vec::new();
    for (id, key) in keys {
        devices.push(listen(hub, &id, &key, jobs).await);
    }
    let numbers: Vec<u64> = jobs.lock().unwrap().asked.keys().copied().collect();
    let mut edits: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let (mut ended, mut rows_of_all, mut unsure) = (0, 0, 0);
    for number in numbers {
        let handle = service.job(&name(number));
        let job = match handle.wait(PATIENCE).await {
            Ok(job) => job,
            Err(error) => {
                let is_acknowledged = jobs.lock().unwrap().asked[&number].is_acknowledged;
                assert!(!is_acknowledged, "job {number} does not end: {error}");
                continue;
            }
        };
        assert_eq!(job.status.as_str(), "completed", "job {number}: {:?}", job.failure_reason);
        let mut rows = Vec::new();
        let mut pages = handle.devices().rows_max(1000);
        while let Some(page) = pages.next().await.unwrap() {
            rows.extend(page.rows);
        }
        unsure += check_rows(&job, &rows, &mut jobs.lock().unwrap());
        if job.kind == JobType::ScheduleUpdateTwin {
            let completed = rows.iter().filter(|row| row.status == DeviceJobStatus::Completed);
            completed.for_each(|row| edits.entry(row.device_id.clone()).or_default().push(number));
        }
        ended += 1;
        rows_of_all += rows.len();
    }
    for (id, edits) in &edits {
        let twin = service.get_twin(Identity::device(DeviceId::new(id).unwrap())).await.unwrap();
        let version = twin.properties.desired["$version"].as_u64().unwrap();
        assert_eq!(version, edits.len() as u64 + 1, "{id} was changed once for each job that says so");
        let value = twin.properties.desired["job"].as_u64().unwrap();
        assert!(edits.contains(&value), "{id} has what no job has set: {value}");
        jobs.lock().unwrap().checks += 2;
    }
    let mut jobs = jobs.lock().unwrap();
    let calls = jobs.calls.values().sum::<u64>();
    jobs.summary = format!(
        "{ended} jobs ended, with {rows_of_all} devices: {} changes of twins, {calls} calls; of {unsure} calls nobody knows whether they \
         were executed",
        edits.values().map(Vec::len).sum::<usize>(),
    );
}

/// Gives how many calls the hub does not know the end of.
fn check_rows(job: &JobResponse, rows: &[DeviceJob], jobs: &mut Jobs) -> u64 {
    let id = &job.job_id;
    let devices = job.device_job_statistics.unwrap();
    let count = |status| rows.iter().filter(|row| row.status == status).count() as u64;
    assert_eq!(rows.len() as u64, devices.device_count, "{id}");
    assert_eq!(count(DeviceJobStatus::Completed), devices.succeeded_count, "{id}");
    assert_eq!(count(DeviceJobStatus::Failed), devices.failed_count, "{id}");
    let mut unsure = 0;
    for row in rows {
        jobs.checks += 1;
        let calls = jobs.calls.get(&(id.clone(), row.device_id.clone())).copied().unwrap_or_default();
        let error = row.error.as_ref().map_or("", |error| error.description.as_str());
        let may_have = error.contains("may have executed");
        match (job.kind, row.status) {
            (JobType::ScheduleUpdateTwin, status) => {
                assert_eq!(status, DeviceJobStatus::Completed, "{id}: {row:?}");
            }
            (_, DeviceJobStatus::Completed) => assert_eq!(calls, 1, "{id}: {row:?}"),
            (_, _) if may_have => {
                assert!(calls <= 1, "{id}: {calls} calls for {row:?}");
                unsure += 1;
            }
            (_, _) => assert_eq!(calls, 0, "{id}: {row:?}"),
        }
    }
    unsure
}

async fn make_fleet(service: &Service, jobs: &Shared) {
    let lines: Vec<String> = (0..FLEET).map(|n| json!({"id": device(n)}).to_string()).collect();
    let report = service.import(lines.join("\n"), ImportMode::CreateOrUpdate).await.unwrap();
    assert_eq!(report.errors, []);
    for n in 0..LISTENING {
        let there = service.get_device(DeviceId::new(&device(n)).unwrap()).await.unwrap();
        let key = there.authentication.unwrap().symmetric_key.primary_key.unwrap();
        jobs.lock().unwrap().keys.insert(device(n), key);
    }
}

async fn listen(hub: &Killable, id: &str, key: &str, jobs: &Shared) -> Device {
    let device = Device::connect(hub.device(id, key)).await.unwrap();
    let (id, jobs) = (id.to_owned(), Arc::clone(jobs));
    let answer = move |_name: String, payload: bytes::Bytes| {
        let job: String = serde_json::from_slice(&payload).unwrap();
        *jobs.lock().unwrap().calls.entry((job, id.clone())).or_default() += 1;
        async { MethodResponse::new(200, json!({"done": true})) }
    };
    device.on_any_method(answer).await.unwrap();
    device
}

async fn order(service: Service, jobs: Shared) {
    loop {
        let number = {
            let mut jobs = jobs.lock().unwrap();
            let number = jobs.asked.len() as u64;
            jobs.asked.insert(number, Asked::default());
            number
        };
        if service.create_job(&request(number)).await.is_err() {
            return;
        }
        jobs.lock().unwrap().asked.entry(number).or_default().is_acknowledged = true;
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Changes of all twins, and calls of those that listen and of some that never do.
fn request(number: u64) -> JobRequest {
    let job = JobRequest { job_id: name(number), ..JobRequest::default() };
    if number.is_multiple_of(2) {
        let desired = json!({"job": number}).as_object().unwrap().clone();
        let patch = TwinPatch { desired: Patch::Value(desired), ..TwinPatch::default() };
        return JobRequest {
            kind: JobType::ScheduleUpdateTwin,
            update_twin: Some(TwinUpdate { etag: IfMatch::Any, patch }),
            query_condition: Some("STARTS_WITH(deviceId, 'fleet-')".into()),
            ..job
        };
    }
    let names: Vec<String> = (0..LISTENING + NEVER_THERE).map(|n| format!("'{}'", device(n))).collect();
    let payload = RawValue::from_string(json!(job.job_id).to_string()).unwrap();
    let method = MethodInvocation { payload: Some(payload), ..MethodInvocation::new("touch") };
    JobRequest {
        kind: JobType::ScheduleDeviceMethod,
        cloud_to_device_method: Some(method),
        query_condition: Some(format!("deviceId IN [{}]", names.join(", "))),
        max_execution_time_in_seconds: Some(4),
        ..job
    }
}

fn name(number: u64) -> String {
    format!("job-{number}")
}

fn device(number: u64) -> String {
    format!("fleet-{number:04}")
}

/// More than a hub changes in one go.
const FLEET: u64 = 450;
const LISTENING: u64 = 8;
const NEVER_THERE: u64 = 3;
const BETWEEN: Duration = Duration::from_millis(100);
/// Jobs that are looked at after each kill.
const LOOKED_AT: usize = 20;
/// Much longer than a job may take.
const PATIENCE: Duration = Duration::from_secs(120);
