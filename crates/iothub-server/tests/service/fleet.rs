use core::time::Duration;

use iothub_model::{
    Configuration, ConfigurationContent, ConfigurationQueries, Device, ErrorCode, Etag, IfMatch,
    JobProperties, JobRequest, JobStatus, JobType, Patch, TwinPatch, TwinUpdate,
};
use iothub_server::Options;
use iothub_service::QueryPosition;
use serde::Deserialize;
use serde_json::json;

use crate::site::{Site, device, object, twin};

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn answers_are_read_page_by_page_and_from_where_somebody_stopped() {
    #[derive(Deserialize)]
    struct Row {
        n: u32,
    }
    let site = Site::of_pumps(250).await;
    let mut pages =
        site.service.pages::<Row>("SELECT tags.n AS n FROM devices WHERE tags.plant = 'p1'").rows_max(10);
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!(first.rows.len(), 10);
    let kept = pages.position().unwrap().as_str().to_owned();
    let mut pages = pages.after(QueryPosition::new(kept));
    let mut seen: Vec<u32> = first.rows.iter().map(|row| row.n).collect();
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.rows.len() <= 10);
        seen.extend(page.rows.iter().map(|row| row.n));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..250).step_by(10).collect::<Vec<_>>());

    let mut twins = site.service.twins_where(Some("deviceId = 'pump-7'"));
    assert_eq!(twins.next().await.unwrap().unwrap().rows[0].device_id, "pump-7");
    let plan = site.service.explain_query("SELECT * FROM devices WHERE deviceId = 'pump-7'").await.unwrap();
    assert_eq!((plan.looked_at, plan.identities), (1, 250), "{plan:?}");
    let error = site.service.twins_where(Some("tags.plant ==")).next().await.unwrap_err();
    assert!(!error.is_retryable() && error.status() == Some(400), "{error}");
}

fn job(id: &str, condition: &str, etag: IfMatch) -> JobRequest {
    let patch = TwinPatch { tags: Patch::Value(object(json!({"checked": true}))), ..TwinPatch::default() };
    JobRequest {
        job_id: id.into(),
        kind: JobType::ScheduleUpdateTwin,
        update_twin: Some(TwinUpdate { etag, patch }),
        query_condition: Some(condition.into()),
        ..JobRequest::default()
    }
}

#[tokio::test]
async fn a_job_is_watched_until_it_ends_and_tells_of_each_device() {
    let site = Site::of_pumps(120).await;
    let request = job("check-1", "tags.plant = 'p1'", IfMatch::Any);
    let job = site.service.start_job(&request).await.unwrap();
    let mut watch = job.watch();
    let mut last = None;
    while let Some(now) = watch.next().await.unwrap() {
        last = Some(now);
    }
    let last = last.unwrap();
    let devices = last.device_job_statistics.unwrap();
    assert_eq!((last.status, devices.device_count, devices.succeeded_count), (JobStatus::Completed, 12, 12));
    let mut rows = job.devices().rows_max(5);
    let mut count = 0;
    while let Some(page) = rows.next().await.unwrap() {
        count += page.rows.len();
    }
    assert_eq!(count, 12);
    assert_eq!(site.service.get_twin(twin("pump-10")).await.unwrap().tags["checked"], true);
    assert!(job.failed_again().next("check-again").await.unwrap().is_none());
    let again = site.service.create_job(&request).await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::JobAlreadyExists));

    let mut done = site.service.jobs(Some(JobType::ScheduleUpdateTwin), Some(JobStatus::Completed));
    assert_eq!(done.next().await.unwrap().unwrap().rows[0].job_id, "check-1");
    let none = site.service.jobs(Some(JobType::ScheduleDeviceMethod), None).next().await.unwrap().unwrap();
    assert!(none.rows.is_empty());
    assert_eq!(site.service.get_job("no-such").await.unwrap_err().code(), Some(ErrorCode::JobNotFound));
}

#[tokio::test]
async fn what_failed_is_done_again_with_those_alone() {
    let site = Site::of_pumps(30).await;
    // Only one twin is in the state that is asked for.
    let etag = site.service.get_twin(twin("pump-3")).await.unwrap().etag.unwrap();
    let other = TwinPatch { tags: Patch::Value(object(json!({"other": 1}))), ..TwinPatch::default() };
    for n in (0..30).filter(|n| *n != 3) {
        let name = format!("pump-{n}");
        site.service.update_twin(twin(&name), &other, &IfMatch::Any).await.unwrap();
    }
    let job = site.service.start_job(&job("strict", "*", IfMatch::Exactly(etag))).await.unwrap();
    let ended = job.wait(SOON).await.unwrap();
    let devices = ended.device_job_statistics.unwrap();
    assert_eq!((devices.failed_count, devices.succeeded_count), (29, 1));
    let failed = job.failed_devices().next().await.unwrap().unwrap().rows;
    assert!(failed.iter().all(|row| row.error.is_some() && row.device_id != "pump-3"));

    let mut again = job.failed_again();
    let second = again.next("strict-again").await.unwrap().unwrap();
    let ended = second.wait(SOON).await.unwrap();
    assert_eq!(ended.device_job_statistics.unwrap().device_count, 29);
    assert!(again.next("strict-third").await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_that_has_not_begun_is_cancelled() {
    let site = Site::of_pumps(3).await;
    let start_time = "2099-01-01T00:00:00Z".parse().ok();
    let request = JobRequest { start_time, ..job("later", "*", IfMatch::Any) };
    let job = site.service.start_job(&request).await.unwrap();
    assert_eq!(job.get().await.unwrap().status, JobStatus::Scheduled);
    job.cancel().await.unwrap();
    assert_eq!(job.wait(SOON).await.unwrap().status, JobStatus::Cancelled);
}

#[tokio::test]
async fn a_configuration_is_tried_made_edited_and_deleted() {
    let site = Site::of_pumps(20).await;
    let service = &site.service;
    let wrong = ConfigurationQueries { target_condition: "tags.plant ==".into(), ..Default::default() };
    let errors = service.test_configuration_queries(&wrong).await.unwrap();
    assert!(!errors.target_condition_error.is_empty());

    let content = object(json!({"properties.desired.fan": {"speed": 5}}));
    let fans = Configuration {
        id: "fans".into(),
        content: ConfigurationContent { device_content: Some(content), ..ConfigurationContent::default() },
        target_condition: "tags.plant = 'p1'".into(),
        priority: 10,
        ..Configuration::default()
    };
    let made = service.create_configuration(&fans).await.unwrap();
    let again = service.create_configuration(&fans).await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::ConfigurationAlreadyExists));
    let edited = service.edit_configuration("fans", |fans| fans.priority = 11).await.unwrap();
    assert_eq!(edited.priority, 11);
    assert_eq!(service.list_configurations(20).await.unwrap().len(), 1);
    assert_eq!(service.get_configuration("fans").await.unwrap().priority, 11);
    let stale = IfMatch::Exactly(made.etag.unwrap_or_else(|| Etag::from_counter(1)));
    assert_eq!(service.delete_configuration("fans", &stale).await.unwrap_err().status(), Some(412));
    service.delete_configuration("fans", &IfMatch::None).await.unwrap();
    let none = service.get_configuration("fans").await.unwrap_err();
    assert_eq!(none.code(), Some(ErrorCode::ConfigurationNotFound));
    let nothing =
        service.apply_configuration_content(device("pump-0"), &ConfigurationContent::default()).await;
    assert!(nothing.is_err());
}

#[tokio::test]
async fn a_hub_exports_itself_and_imports_what_it_wrote() {
    let folder = std::env::temp_dir().join(format!("iothub-service-transfers-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("out")).unwrap();
    let site = Site::with(Options { transfer_folder: Some(folder.clone()), ..Options::free_ports() }).await;
    let pump = Device { device_id: "pump".into(), ..Device::default() };
    site.service.create_device(&pump).await.unwrap();
    let out = || Some("out".to_owned());
    let export = JobProperties {
        kind: JobType::Export,
        output_blob_container_uri: out(),
        exclude_keys_in_export: Some(false),
        ..JobProperties::default()
    };
    let export = site.service.create_transfer(&export).await.unwrap();
    let done = site.service.wait_for_transfer(export.job_id.as_deref().unwrap(), SOON).await.unwrap();
    assert_eq!(done.status, Some(JobStatus::Completed), "{done:?}");

    site.service.delete_device(device("pump"), &IfMatch::Any).await.unwrap();
    let import = JobProperties {
        kind: JobType::Import,
        input_blob_container_uri: out(),
        output_blob_container_uri: out(),
        ..JobProperties::default()
    };
    let import = site.service.create_transfer(&import).await.unwrap();
    let done = site.service.wait_for_transfer(import.job_id.as_deref().unwrap(), SOON).await.unwrap();
    assert_eq!(done.status, Some(JobStatus::Completed), "{done:?}");
    assert_eq!(site.service.get_device(device("pump")).await.unwrap().device_id, "pump");
    assert_eq!(site.service.list_transfers().await.unwrap().len(), 2);
    site.service.cancel_transfer(import.job_id.as_deref().unwrap()).await.unwrap();
    let none = site.service.get_transfer("none").await.unwrap_err();
    assert_eq!(none.code(), Some(ErrorCode::JobNotFound));
    std::fs::remove_dir_all(folder).unwrap();
}
