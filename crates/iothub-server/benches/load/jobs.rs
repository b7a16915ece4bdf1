use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use iothub_codec::Qos;
use iothub_model::{
    IfMatch, JobRequest, JobResponse, JobStatus, JobType, MethodInvocation, Patch, TwinPatch, TwinUpdate,
};
use iothub_proto::Packet;
use iothub_service::Service;
use serde_json::{Value, json};

use crate::clock;
use crate::fleet::connect_all;
use crate::link::Link;
use crate::target::Target;
use crate::usage::{processor_us, resident};

/// A job that changes the twins of all devices, once with hardly anybody who asks how far it is, and once with somebody
/// who asks as fast as the hub answers, up to a hundred times a second.
pub(crate) async fn twins(target: Target) -> Value {
    let service = target.service().unwrap();
    let desired = json!({"interval": 60}).as_object().unwrap().clone();
    let patch = TwinPatch { desired: Patch::Value(desired), ..TwinPatch::default() };
    let request = JobRequest {
        kind: JobType::ScheduleUpdateTwin,
        update_twin: Some(TwinUpdate { etag: IfMatch::Any, patch }),
        query_condition: Some("*".into()),
        ..JobRequest::default()
    };
    let empty = resident(target.pid);
    let alone = run(&service, &target, JobRequest { job_id: name(1), ..request.clone() }, SELDOM).await;
    let kept = resident(target.pid).saturating_sub(empty);
    let watched = run(&service, &target, JobRequest { job_id: name(2), ..request }, OFTEN).await;
    quiet(&target).await;
    let begin = processor_us(target.pid);
    for _ in 0..POLLS {
        service.get_job(&name(1)).await.unwrap();
    }
    let poll_us = (processor_us(target.pid) - begin) as f64 / f64::from(POLLS);
    let mut said = alone.told();
    said["grown_by"] = kept.into();
    said["watched_a_second"] = watched.a_second().into();
    said["polls"] = watched.polls.into();
    said["poll_us"] = poll_us.into();
    // Of the processor time of the job, with somebody who looks once in a tenth of a second, as a progress bar does.
    said["progress_percent"] = (alone.seconds * 10.0 * poll_us / alone.processor_us * 100.0).into();
    said
}

/// A job that calls a method of all devices, which are connected; both ends are in here.
pub(crate) async fn methods(target: Target) -> Value {
    let target = Rc::new(target);
    let calls = Rc::new(Cell::new(0_u64));
    for mut link in connect_all(&target, 0, target.number("devices", 100)).await {
        link.subscribe("$iothub/methods/POST/#").await;
        tokio::task::spawn_local(answer(link, Rc::clone(&calls)));
    }
    let request = JobRequest {
        job_id: name(1),
        kind: JobType::ScheduleDeviceMethod,
        cloud_to_device_method: Some(MethodInvocation::new("measure")),
        query_condition: Some("*".into()),
        max_execution_time_in_seconds: Some(300),
        ..JobRequest::default()
    };
    let ran = run(&target.service().unwrap(), &target, request, SELDOM).await;
    assert_eq!(calls.get(), ran.devices, "each device is called once");
    ran.told()
}

/// What a job took.
struct Ran {
    devices: u64,
    /// By the hub's own times, to the millisecond.
    seconds: f64,
    /// Of the server.
    processor_us: f64,
    polls: u64,
}

impl Ran {
    fn a_second(&self) -> f64 {
        self.devices as f64 / self.seconds
    }

    fn told(&self) -> Value {
        json!({
            "count": self.devices,
            "seconds": self.seconds,
            "a_second": self.a_second(),
            "server_us": self.processor_us / self.devices as f64,
        })
    }
}

async fn run(service: &Service, target: &Target, request: JobRequest, between: Duration) -> Ran {
    let (begin, before) = (clock::now(), processor_us(target.pid));
    service.create_job(&request).await.unwrap();
    let mut polls = 0;
    let job = loop {
        tokio::time::sleep(between).await;
        let job = service.get_job(&request.job_id).await.unwrap();
        polls += 1;
        if job.status.is_final() {
            break job;
        }
        assert!(clock::now().duration_since(begin) < PATIENCE, "{job:?}");
    };
    let processor_us = (processor_us(target.pid) - before) as f64;
    let devices = job.device_job_statistics.unwrap();
    assert_eq!(
        (job.status, devices.succeeded_count),
        (JobStatus::Completed, devices.device_count),
        "{job:?}"
    );
    Ran { devices: devices.device_count, seconds: seconds(&job), processor_us, polls }
}

/// Waits until the hub has done what a job left behind, such as stating its record anew.
async fn quiet(target: &Target) {
    let mut before = processor_us(target.pid);
    loop {
        tokio::time::sleep(SELDOM).await;
        let now = processor_us(target.pid);
        if now == before {
            return;
        }
        before = now;
    }
}

fn seconds(job: &JobResponse) -> f64 {
    let ms = |date: Option<iothub_model::Date>| date.unwrap().as_millis().unwrap();
    (ms(job.end_time) - ms(job.start_time)).max(1) as f64 / 1000.0
}

async fn answer(mut link: Link, calls: Rc<Cell<u64>>) {
    loop {
        let mut asked = Vec::new();
        while let Some(packet) = link.mqtt.poll_packet().unwrap() {
            let Packet::Publish { publish, .. } = packet else { panic!("{packet:?}") };
            asked.push(publish.topic.strip_prefix("$iothub/methods/POST/measure/?$rid=").unwrap().to_owned());
        }
        for request in asked {
            calls.set(calls.get() + 1);
            link.publish(
                &format!("$iothub/methods/res/200/?$rid={request}"),
                b"{\"ok\":true}",
                Qos::AtMostOnce,
            );
        }
        link.turn().await;
    }
}

fn name(number: u32) -> String {
    format!("measured-{number}")
}

const SELDOM: Duration = Duration::from_millis(500);
const OFTEN: Duration = Duration::from_millis(10);
const POLLS: u32 = 500;
const PATIENCE: Duration = Duration::from_secs(300);
