use core::pin::Pin;
use core::time::Duration;

use iothub_codec::{DeviceId, Identity, ModuleId};
use iothub_model::{
    Configuration, ConfigurationContent, ConfigurationQueries, Device, DigitalTwinEdit, Etag,
    ExportImportDevice, IfMatch, ImportMode, JobProperties, JobRequest, JobStatus, JobType, MethodInvocation,
    Module, Patch, TwinPatch,
};
use iothub_service::{DigitalTwinCommand, Error, Service};
use serde_json::{Value, json};

use crate::rogue::{Deed, Rogue, response};

/// A call, and what a hub is to see of it: the first line without the version of the API, `If-Match`, and the body.
type Row = (Call, &'static str, Option<&'static str>, Option<Value>, Deed);
type Call = fn(Service) -> Pin<Box<dyn Future<Output = Result<(), Error>>>>;

fn pump() -> DeviceId<'static> {
    DeviceId::new("pump-7").unwrap()
}

fn camera() -> ModuleId<'static> {
    ModuleId::new("camera").unwrap()
}

fn device() -> Identity<'static> {
    Identity::device(pump())
}

fn module() -> Identity<'static> {
    Identity::module(pump(), camera())
}

fn named() -> Device {
    Device { device_id: "pump-7".into(), ..Device::default() }
}

fn named_module() -> Module {
    Module { device_id: "pump-7".into(), module_id: "camera".into(), ..Module::default() }
}

fn fans() -> Configuration {
    Configuration { id: "fans".into(), ..Configuration::default() }
}

fn exactly() -> IfMatch {
    IfMatch::Exactly(Etag::new("AAE=").unwrap())
}

fn tags() -> TwinPatch {
    let tags = json!({"plant": "p1"}).as_object().cloned().unwrap();
    TwinPatch { tags: Patch::Value(tags), ..TwinPatch::default() }
}

fn gives(body: &str) -> Deed {
    Deed::Answer(response("200 OK", &[], body))
}

fn done() -> Deed {
    Deed::Answer("HTTP/1.1 204 No Content\r\n\r\n".into())
}

macro_rules! call {
    ($service:ident => $call:expr) => {
        |$service| Box::pin(async move { $call.await.map(drop) })
    };
}

async fn all_seen(rows: Vec<Row>) {
    for (call, line, if_match, body, answer) in rows {
        let rogue = Rogue::new([answer]).await;
        call(rogue.service()).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        let asked = rogue.asked();
        let (path, query) = line.split_once('?').unwrap_or((line, ""));
        let query = if query.is_empty() { String::new() } else { format!("&{query}") };
        assert_eq!(asked, [format!("{path}?api-version=2021-04-12{query} HTTP/1.1")]);
        let head = rogue.last_head();
        let sent = head.lines().find_map(|line| line.strip_prefix("if-match: "));
        assert_eq!(sent, if_match.map(str::to_lowercase).as_deref(), "{line}");
        let sent: Option<Value> = serde_json::from_slice(&rogue.last_body()).ok();
        assert_eq!(sent, body, "{line}");
    }
}

const DEVICE: &str = r#"{"deviceId":"pump-7"}"#;
const MODULE: &str = r#"{"deviceId":"pump-7","moduleId":"camera"}"#;

#[tokio::test(start_paused = true)]
async fn operations_on_one_device_are_the_published_requests() {
    let written = || Some(serde_json::to_value(named()).unwrap());
    all_seen(vec![
        (call!(s => s.get_device(pump())), "GET /devices/pump-7", None, None, gives(DEVICE)),
        (call!(s => s.create_device(&named())), "PUT /devices/pump-7", None, written(), gives(DEVICE)),
        (
            call!(s => s.update_device(&named(), &exactly())),
            "PUT /devices/pump-7",
            Some("\"AAE=\""),
            written(),
            gives(DEVICE),
        ),
        (
            call!(s => s.delete_device(pump(), &IfMatch::None)),
            "DELETE /devices/pump-7",
            Some("\"*\""),
            None,
            done(),
        ),
        (call!(s => s.list_devices(7)), "GET /devices?top=7", None, None, gives("[]")),
        (call!(s => s.list_modules(pump())), "GET /devices/pump-7/modules", None, None, gives("[]")),
        (
            call!(s => s.get_module(pump(), camera())),
            "GET /devices/pump-7/modules/camera",
            None,
            None,
            gives(MODULE),
        ),
        (
            call!(s => s.delete_module(pump(), camera(), &exactly())),
            "DELETE /devices/pump-7/modules/camera",
            Some("\"AAE=\""),
            None,
            done(),
        ),
        (
            call!(s => s.purge_commands(pump())),
            "DELETE /devices/pump-7/commands",
            None,
            None,
            gives(r#"{"totalMessagesPurged":3,"deviceId":"pump-7","moduleId":null}"#),
        ),
        (call!(s => s.get_twin(device())), "GET /twins/pump-7", None, None, gives(DEVICE)),
        (
            call!(s => s.update_twin(device(), &tags(), &exactly())),
            "PATCH /twins/pump-7",
            Some("\"AAE=\""),
            Some(json!({"tags": {"plant": "p1"}})),
            gives(DEVICE),
        ),
        (
            call!(s => s.replace_twin(device(), &tags(), &IfMatch::Any)),
            "PUT /twins/pump-7",
            Some("\"*\""),
            Some(json!({"tags": {"plant": "p1"}})),
            gives(DEVICE),
        ),
        (
            call!(s => s.update_twin(module(), &tags(), &IfMatch::None)),
            "PATCH /twins/pump-7/modules/camera",
            None,
            Some(json!({"tags": {"plant": "p1"}})),
            gives(MODULE),
        ),
        (
            call!(s => s.invoke_method(device(), &MethodInvocation::new("reboot"))),
            "POST /twins/pump-7/methods",
            None,
            Some(json!({"methodName": "reboot"})),
            gives(r#"{"status":200,"payload":{"ok":true}}"#),
        ),
        (
            call!(s => s.invoke_method(module(), &MethodInvocation::new("reboot"))),
            "POST /twins/pump-7/modules/camera/methods",
            None,
            Some(json!({"methodName": "reboot"})),
            gives(r#"{"status":200,"payload":null}"#),
        ),
        (
            call!(s => s.apply_configuration_content(pump(), &ConfigurationContent::default())),
            "POST /devices/pump-7/applyConfigurationContent",
            None,
            Some(json!({})),
            done(),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn operations_on_modules_put_them_where_they_belong() {
    let written = Some(serde_json::to_value(named_module()).unwrap());
    all_seen(vec![
        (
            call!(s => s.create_module(&named_module())),
            "PUT /devices/pump-7/modules/camera",
            None,
            written.clone(),
            Deed::Answer(response("201 Created", &[], MODULE)),
        ),
        (
            call!(s => s.update_module(&named_module(), &IfMatch::None)),
            "PUT /devices/pump-7/modules/camera",
            Some("\"*\""),
            written,
            gives(MODULE),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn operations_on_the_whole_hub_are_the_published_requests() {
    all_seen(vec![
        (
            call!(s => s.bulk(&[ExportImportDevice { id: "a".into(), import_mode: Some(ImportMode::Create), ..ExportImportDevice::default() }])),
            "POST /devices",
            None,
            Some(json!([{"id": "a", "importMode": "create"}])),
            gives(r#"{"isSuccessful":true,"errors":[],"warnings":[]}"#),
        ),
        (
            call!(s => s.bulk(&[])),
            "POST /devices",
            None,
            Some(json!([])),
            Deed::Answer(response(
                "400 Bad Request",
                &[],
                r#"{"isSuccessful":false,"errors":[{"deviceId":"a","errorCode":"DeviceAlreadyExists","errorStatus":"x"}]}"#,
            )),
        ),
        (
            call!(s => s.query("SELECT * FROM devices", None, None)),
            "POST /devices/query",
            None,
            Some(json!({"query": "SELECT * FROM devices"})),
            gives("[]"),
        ),
        (
            call!(s => s.registry_statistics()),
            "GET /statistics/devices",
            None,
            None,
            gives(r#"{"totalDeviceCount":1,"enabledDeviceCount":1,"disabledDeviceCount":0}"#),
        ),
        (
            call!(s => s.service_statistics()),
            "GET /statistics/service",
            None,
            None,
            gives(r#"{"connectedDeviceCount":1}"#),
        ),
        (call!(s => s.receive_feedback()), "GET /messages/serviceBound/feedback", None, None, done()),
    ])
    .await;
}

const JOB: &str = r#"{"jobId":"j1","type":"scheduleUpdateTwin","status":"queued"}"#;

#[tokio::test(start_paused = true)]
async fn operations_on_jobs_are_the_published_requests() {
    all_seen(vec![
        (
            call!(s => s.create_job(&JobRequest { job_id: "j1".into(), kind: JobType::ScheduleDeviceMethod, cloud_to_device_method: Some(MethodInvocation::new("reboot")), query_condition: Some("*".into()), ..JobRequest::default() })),
            "PUT /jobs/v2/j1",
            None,
            Some(json!({"jobId": "j1", "type": "scheduleDeviceMethod", "cloudToDeviceMethod": {"methodName": "reboot"}, "queryCondition": "*"})),
            gives(JOB),
        ),
        (call!(s => s.get_job("j1")), "GET /jobs/v2/j1", None, None, gives(JOB)),
        (call!(s => s.job("j1").cancel()), "POST /jobs/v2/j1/cancel", None, None, gives(JOB)),
        (
            call!(s => async move { s.jobs(Some(JobType::ScheduleUpdateTwin), Some(JobStatus::Completed)).next().await }),
            "GET /jobs/v2/query?jobType=scheduleUpdateTwin&jobStatus=completed",
            None,
            None,
            gives("[]"),
        ),
        (
            call!(s => async move { s.jobs(None, None).next().await }),
            "GET /jobs/v2/query",
            None,
            None,
            Deed::Answer(response("200 OK", &["x-ms-item-type: JobResponse"], &format!("[{JOB}]"))),
        ),
        (
            call!(s => async move { s.job("it's").failed_devices().next().await }),
            "POST /devices/query",
            None,
            Some(json!({"query": r"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'it\'s' AND devices.jobs.status = 'failed'"})),
            gives("[]"),
        ),
        (
            call!(s => s.create_transfer(&JobProperties { kind: JobType::Export, output_blob_container_uri: Some("https://s/c".into()), ..JobProperties::default() })),
            "POST /jobs/create",
            None,
            Some(json!({"type": "export", "outputBlobContainerUri": "https://s/c"})),
            gives(r#"{"jobId":"t1","type":"export","status":"enqueued","progress":0}"#),
        ),
        (call!(s => s.list_transfers()), "GET /jobs", None, None, gives("[]")),
        (call!(s => s.get_transfer("t1")), "GET /jobs/t1", None, None, gives(r#"{"jobId":"t1","type":"import"}"#)),
        (call!(s => s.cancel_transfer("t1")), "DELETE /jobs/t1", None, None, gives(r#"{"jobId":"t1"}"#)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn operations_on_configurations_are_the_published_requests() {
    const ONE: &str = r#"{"id":"fans","content":{"deviceContent":{}},"etag":"AAE="}"#;
    let written = || Some(serde_json::to_value(fans()).unwrap());
    all_seen(vec![
        (
            call!(s => s.create_configuration(&fans())),
            "PUT /configurations/fans",
            None,
            written(),
            Deed::Answer(response("201 Created", &[], ONE)),
        ),
        (
            call!(s => s.update_configuration(&fans(), &exactly())),
            "PUT /configurations/fans",
            Some("\"AAE=\""),
            written(),
            gives(ONE),
        ),
        (call!(s => s.get_configuration("fans")), "GET /configurations/fans", None, None, gives(ONE)),
        (
            call!(s => s.delete_configuration("fans", &IfMatch::None)),
            "DELETE /configurations/fans",
            Some("\"*\""),
            None,
            done(),
        ),
        (call!(s => s.list_configurations(20)), "GET /configurations?top=20", None, None, gives("[]")),
        (
            call!(s => s.test_configuration_queries(&ConfigurationQueries { target_condition: "tags.a = 1".into(), ..ConfigurationQueries::default() })),
            "POST /configurations/testQueries",
            None,
            Some(json!({"targetCondition": "tags.a = 1", "customMetricQueries": {}})),
            gives(r#"{"targetConditionError":"","customMetricQueryErrors":{}}"#),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn operations_on_digital_twins_are_the_published_requests() {
    let called = || Deed::Answer(response("200 OK", &["x-ms-command-statuscode: 202"], "{}"));
    all_seen(vec![
        (
            call!(s => s.get_digital_twin(pump())),
            "GET /digitaltwins/pump-7",
            None,
            None,
            gives(r#"{"$dtId":"pump-7","$metadata":{}}"#),
        ),
        (
            call!(s => s.update_digital_twin(pump(), &[DigitalTwinEdit::Add { path: "/rate".into(), value: json!(5) }], &exactly())),
            "PATCH /digitaltwins/pump-7",
            Some("\"AAE=\""),
            Some(json!([{"op": "add", "path": "/rate", "value": 5}])),
            Deed::Answer("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".into()),
        ),
        (
            call!(s => s.invoke_digital_twin_command(pump(), &DigitalTwinCommand { name: "reboot".into(), payload: Some(serde_json::value::to_raw_value(&5).unwrap()), ..DigitalTwinCommand::default() })),
            "POST /digitaltwins/pump-7/commands/reboot",
            None,
            Some(json!(5)),
            called(),
        ),
        (
            call!(s => s.invoke_digital_twin_command(pump(), &DigitalTwinCommand { component: Some("lens".into()), name: "focus".into(), connect_timeout: Some(Duration::from_secs(5)), response_timeout: Some(Duration::from_secs(10)), ..DigitalTwinCommand::default() })),
            "POST /digitaltwins/pump-7/components/lens/commands/focus?connectTimeoutInSeconds=5&responseTimeoutInSeconds=10",
            None,
            None,
            called(),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_headers_is_part_of_the_result() {
    let called = ["x-ms-command-statuscode: 202", "x-ms-request-id: r-1"];
    let rogue = Rogue::new([
        Deed::Answer(response("200 OK", &["ETag: \"AAE=\""], "{}")),
        Deed::Answer(response("202 Accepted", &["ETag: \"AAI=\"", "Location: /digitaltwins/pump-7"], "")),
        Deed::Answer(response("200 OK", &called, "")),
        Deed::Answer(response("200 OK", &[], "{}")),
    ])
    .await;
    let service = rogue.service();
    assert_eq!(service.get_digital_twin(pump()).await.unwrap().etag, Etag::new("AAE=").ok());
    let changed = service.update_digital_twin(pump(), &[], &IfMatch::None).await.unwrap();
    assert_eq!(
        (changed.etag, changed.location.as_deref()),
        (Etag::new("AAI=").ok(), Some("/digitaltwins/pump-7"))
    );
    let reboot = DigitalTwinCommand { name: "reboot".into(), ..DigitalTwinCommand::default() };
    let result = service.invoke_digital_twin_command(pump(), &reboot).await.unwrap();
    assert_eq!(
        (result.status, result.payload.get(), result.request_id.as_deref()),
        (202, "null", Some("r-1"))
    );
    let error = service.invoke_digital_twin_command(pump(), &reboot).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}
