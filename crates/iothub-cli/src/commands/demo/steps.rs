use iothub_codec::Dialect;
use iothub_device::{Channels, DesiredUpdate, Device, MethodCall, MethodResponse, Methods};
use iothub_model::{ErrorCode, IfMatch, MethodInvocation, MethodResult, Patch, TwinPatch};
use iothub_service::{Command, Error, Service};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::scene::{DEVICE, OnStage, Scene, device, text};
use super::story::Part::{BackEnd, Device as Thing, Hub};
use super::story::Story;
use crate::clock::Stopwatch;
use crate::dialect::mqtt;

pub(super) async fn register(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    story.travels(BackEnd, Hub, format_args!("PUT /devices/{DEVICE}"))?;
    let new = iothub_model::Device { device_id: DEVICE.into(), ..Default::default() };
    let made = scene.service.create_device(&new).await.map_err(text)?;
    let keys = made.authentication.map(|proof| proof.symmetric_key);
    equal(
        "both keys",
        &keys.is_some_and(|keys| keys.primary_key.is_some() && keys.secondary_key.is_some()),
        &true,
    )?;
    story.travels(Hub, BackEnd, "registered, with two keys that the hub has made")
}

pub(super) async fn connect(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let registered = scene.service.get_device(device().device).await.map_err(text)?;
    let key = registered.authentication.and_then(|proof| proof.symmetric_key.primary_key);
    let options = scene.device_options(&key.ok_or("the device has no key")?)?;
    let (mqtt, proof) = (mqtt(scene.dialect), proof(scene.dialect));
    story.travels(Thing, Hub, format_args!("TLS, {mqtt} CONNECT as {DEVICE} with {proof}, SUBSCRIBE"))?;
    let channels = Channels::METHODS | Channels::COMMANDS | Channels::DESIRED;
    let device = Device::connect(options.subscribe(channels)).await.map_err(text)?;
    scene.device = Some(OnStage {
        methods: device.methods().await.map_err(text)?,
        commands: device.commands().await.map_err(text)?,
        changes: device.twin().desired_changes().await.map_err(text)?,
        device,
    });
    story.travels(Hub, Thing, "accepted")?;
    scene.event(|event| event["properties"]["opType"] == "deviceConnected").await?;
    story.travels(Hub, BackEnd, format_args!("event: {DEVICE} is connected"))
}

pub(super) async fn call(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let answer = MethodResponse::new(200, json!({ "moved": 45 }));
    let result = call_and_answer(scene, story, "set-valve", json!({ "angle": 45 }), answer).await?;
    equal("status", &result.status, &200)?;
    equal("payload", &result.payload.get(), &r#"{"moved":45}"#)
}

pub(super) async fn call_in_vain(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let answer = MethodResponse::new(503, json!({ "message": "the valve is stuck" }));
    let result = call_and_answer(scene, story, "set-valve", json!({ "angle": 90 }), answer).await?;
    equal("status", &result.status, &503)?;
    equal("payload", &result.payload.get(), &r#"{"message":"the valve is stuck"}"#)
}

pub(super) async fn call_and_wait(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let service = scene.service.clone();
    let methods = &mut scene.on_stage()?.methods;
    let call = invocation("self-test", &Value::Null);
    let begun = Stopwatch::start();
    let (refused, unanswered) =
        tokio::try_join!(refusal(&service, &call, story), take(methods, &call, story))?;
    equal("refusal", &(504, Some(ErrorCode::GatewayTimeout)), &refused)?;
    equal("not refused before 5 s were over", &(begun.elapsed_ms() >= 5000), &true)?;
    story.travels(Hub, BackEnd, "504, GatewayTimeout: no answer within 5 s")?;
    story.travels(Thing, Hub, "200, which is too late and reaches nobody")?;
    unanswered.reply(MethodResponse::new(200, Value::Null)).await.map_err(text)
}

pub(super) async fn change_desired(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let wanted = json!({ "interval": 5 });
    story.travels(BackEnd, Hub, format_args!("PATCH /twins/{DEVICE} desired {wanted}"))?;
    let desired = serde_json::from_value(wanted.clone()).map_err(text)?;
    let patch = TwinPatch { desired: Patch::Value(desired), ..TwinPatch::default() };
    let service = scene.service.clone();
    let twin = service.update_twin(device(), &patch, &IfMatch::Any).await.map_err(text)?;
    let version = twin.properties.desired.get("$version").and_then(Value::as_u64);

    let stage = scene.on_stage()?;
    let change = loop {
        match stage.changes.next().await.ok_or("the device is closed")? {
            // What it was told when it connected.
            DesiredUpdate::Whole { .. } => {}
            change @ DesiredUpdate::Patch { .. } => break change,
        }
    };
    let patch: Value = change.json().map_err(text)?;
    story.travels(Hub, Thing, format_args!("desired {patch}"))?;
    equal("what the device is told", &patch["interval"], &wanted["interval"])?;
    equal("version", &Some(change.version()), &version)?;

    story.travels(Thing, Hub, format_args!("reported {wanted}"))?;
    stage.device.twin().report(&wanted).await.map_err(text)?;
    let twin = service.get_twin(device()).await.map_err(text)?;
    let reported = twin.properties.reported.get("interval");
    story.travels(
        Hub,
        BackEnd,
        format_args!("GET /twins/{DEVICE}: reported interval {}", shown(reported)),
    )?;
    equal("reported", &reported, &wanted.get("interval"))
}

pub(super) async fn send_telemetry(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let body = json!({ "pressure": 1.5 });
    let message = iothub_device::Message::new(body.to_string())
        .content_type("application/json")
        .content_encoding("utf-8")
        .property("site", "north");
    story.travels(Thing, Hub, format_args!("telemetry {body} site=north"))?;
    scene.on_stage()?.device.send(message).await.map_err(text)?;
    story.travels(Hub, Thing, "acknowledged")?;
    let event = scene.event(|event| event["kind"] == "telemetry").await?;
    story.travels(
        Hub,
        BackEnd,
        format_args!("event: telemetry {} {}", event["body"], event["properties"]),
    )?;
    equal("body", &event["body"], &body)?;
    equal("properties", &event["properties"], &json!({ "site": "north" }))
}

pub(super) async fn send_command(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let command = Command {
        payload: b"valve 3 next".to_vec(),
        message_id: Some("m-1".into()),
        properties: vec![("priority".into(), "low".into())],
        ..Command::default()
    };
    story.travels(BackEnd, Hub, "message \"valve 3 next\" priority=low")?;
    scene.service.send_command(device().device, &command).await.map_err(text)?;
    let arrived = scene.on_stage()?.commands.next().await.ok_or("the device is closed")?;
    let payload = String::from_utf8_lossy(&arrived.payload).into_owned();
    let priority = arrived.properties.get("priority").map(str::to_owned);
    story.travels(
        Hub,
        Thing,
        format_args!("message {payload:?} priority={}", priority.as_deref().unwrap_or("?")),
    )?;
    arrived.complete().await.map_err(text)?;
    story.travels(Thing, Hub, "completed")?;
    equal("payload", &payload.as_bytes(), &&*command.payload)?;
    equal("priority", &priority.as_deref(), &Some("low"))
}

pub(super) async fn call_nobody(scene: &mut Scene, story: &Story<'_>) -> Result<(), String> {
    let stage = scene.device.take().ok_or("the device is not connected")?;
    story.travels(Thing, Hub, "DISCONNECT")?;
    stage.device.close().await;
    scene.event(|event| event["properties"]["opType"] == "deviceDisconnected").await?;
    story.travels(Hub, BackEnd, format_args!("event: {DEVICE} is disconnected"))?;
    let refused = refusal(&scene.service, &invocation("set-valve", &json!({ "angle": 0 })), story).await?;
    equal("refusal", &(404, Some(ErrorCode::DeviceNotOnline)), &refused)?;
    story.travels(Hub, BackEnd, "404, DeviceNotOnline")
}

/// What shows that the device is who it says.
fn proof(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Classic { "a signed token" } else { "a signature" }
}

/// Calls a method, has the device answer it, and gives what the back end is told.
async fn call_and_answer(
    scene: &mut Scene,
    story: &Story<'_>,
    method: &str,
    argument: Value,
    answer: MethodResponse,
) -> Result<MethodResult, String> {
    let service = scene.service.clone();
    let methods = &mut scene.on_stage()?.methods;
    let call = invocation(method, &argument);
    announce(&call, story)?;
    let back_end = async { service.invoke_method(device(), &call).await.map_err(text) };
    let thing = async {
        let taken = take(methods, &call, story).await?;
        let payload = String::from_utf8_lossy(&answer.payload).into_owned();
        story.travels(Thing, Hub, format_args!("{} {payload}", answer.code))?;
        taken.reply(answer).await.map_err(text)
    };
    let (result, ()) = tokio::try_join!(back_end, thing)?;
    story.travels(Hub, BackEnd, format_args!("200, status {} payload {}", result.status, result.payload))?;
    Ok(result)
}

/// Waits for a call on the device, which has to be this one.
async fn take(
    methods: &mut Methods,
    call: &MethodInvocation,
    story: &Story<'_>,
) -> Result<MethodCall, String> {
    let taken = methods.next().await.ok_or("the device is closed")?;
    story.travels(
        Hub,
        Thing,
        format_args!("method {} {}", taken.name, String::from_utf8_lossy(&taken.payload)),
    )?;
    equal("method", &taken.name, &call.method_name)?;
    let sent = call.payload.as_deref().map_or("", RawValue::get);
    equal("argument", &&*taken.payload, &sent.as_bytes())?;
    Ok(taken)
}

/// Calls a method that has to be refused, and gives with which status and code.
async fn refusal(
    service: &Service,
    call: &MethodInvocation,
    story: &Story<'_>,
) -> Result<(u16, Option<ErrorCode>), String> {
    announce(call, story)?;
    match service.invoke_method(device(), call).await {
        Err(Error::Refused { status, code, .. }) => Ok((status, code)),
        Err(error) => Err(text(error)),
        Ok(result) => Err(format!("answered with status {}, where a refusal was due", result.status)),
    }
}

fn announce(call: &MethodInvocation, story: &Story<'_>) -> Result<(), String> {
    let argument = call.payload.as_deref().map_or("", RawValue::get);
    story.travels(BackEnd, Hub, format_args!("POST /twins/{DEVICE}/methods {} {argument}", call.method_name))
}

/// With the shortest time for an answer that there is.
fn invocation(method: &str, argument: &Value) -> MethodInvocation {
    MethodInvocation {
        payload: serde_json::value::to_raw_value(argument).ok(),
        response_timeout_in_seconds: Some(5),
        ..MethodInvocation::new(method)
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".into(), Value::to_string)
}

fn equal<T: PartialEq + core::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Result<(), String> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: is {is:?}, should be {should_be:?}")) }
}
