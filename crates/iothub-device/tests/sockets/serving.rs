use iothub_device::{
    Channels, DesiredUpdate, Dialect, Message, MethodResponse, Status, SystemProperty, TraceContext,
    TwinError,
};
use iothub_model::{IfMatch, MethodInvocation, TwinPatch};
use iothub_service::Command;
use serde_json::{Value, json};

use crate::site::{Site, dialects, pump};

fn patch(patch: Value) -> TwinPatch {
    serde_json::from_value(patch).unwrap()
}

fn call(name: &str, payload: Value) -> MethodInvocation {
    serde_json::from_value(json!({ "methodName": name, "payload": payload, "responseTimeoutInSeconds": 5 }))
        .unwrap()
}

#[tokio::test]
async fn a_trace_goes_through_the_hub_in_every_dialect() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for dialect in dialects() {
        let mut site = Site::new().await;
        let device = site.device_in(dialect).await;
        let context = TraceContext::read(PARENT, Some("a=1")).unwrap();
        device.send(Message::new("21.5").trace_context(context)).await.unwrap();
        let event = site.event("telemetry").await;
        let place = if dialect == Dialect::Preview311 { "systemProperties" } else { "properties" };
        assert_eq!(event[place]["traceparent"], json!(PARENT), "{dialect}: {event}");
        assert_eq!(event[place]["tracestate"], json!("a=1"), "{dialect}: {event}");
    }
}

#[tokio::test]
async fn telemetry_arrives_as_it_was_sent() {
    for dialect in dialects() {
        let mut site = Site::new().await;
        let device = site.device_in(dialect).await;
        let message = Message::new(r#"{"t":21.5}"#)
            .content_type("application/json")
            .content_encoding("utf-8")
            .message_id("m1")
            .property("level", "hot zone")
            .property("schlüssel/&=", "ä+%");
        device.send(message.clone()).await.unwrap();
        let first = site.event("telemetry").await;
        assert_eq!(first["body"], json!({ "t": 21.5 }));
        assert_eq!(first["properties"], json!({ "level": "hot zone", "schlüssel/&=": "ä+%" }));
        assert_eq!(first["systemProperties"]["content-type"], json!("application/json"));
        assert_eq!(first["systemProperties"]["message-id"], json!("m1"));

        device.send(Message::new("bare").at_most_once()).await.unwrap();
        assert_eq!(site.event("telemetry").await["body"], json!("bare"));
    }
}

#[tokio::test]
async fn a_long_message_is_seen_although_every_letter_of_it_is_escaped() {
    let mut site = Site::new().await;
    let text = "\u{1}".repeat(255 * 1024);
    let device = site.device().await;
    device.send(Message::new(text.clone())).await.unwrap();
    assert!(site.event("telemetry").await["body"] == text.as_str());
}

#[tokio::test]
async fn many_messages_at_a_time_arrive_once_and_all() {
    let mut site = Site::new().await;
    let device = site.device().await;
    let sending: Vec<_> = (0..200)
        .map(|number| {
            let device = device.clone();
            tokio::spawn(async move { device.send(Message::new(number.to_string())).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let mut arrived = Vec::new();
    for _ in 0..200 {
        arrived.push(site.event("telemetry").await["body"].as_u64().unwrap());
    }
    arrived.sort_unstable();
    assert_eq!(arrived, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn both_ends_see_what_the_other_puts_into_the_twin() {
    for dialect in dialects() {
        let site = Site::new().await;
        let device = site.device_in(dialect).await;
        let twin = device.twin();
        let mut changes = twin.desired_changes().await.unwrap();
        let first = changes.next().await.unwrap();
        assert!(matches!(first, DesiredUpdate::Whole { version: 1, .. }), "{first:?}");
        assert_eq!(twin.get().await.unwrap().desired_version(), Some(1));

        let version = twin.report(&json!({ "firmware": "1.4.2", "fan": { "speed": 3 } })).await.unwrap();
        let seen = site.service.get_twin(pump()).await.unwrap();
        let seen = serde_json::to_value(&seen).unwrap();
        assert_eq!(seen["properties"]["reported"]["firmware"], json!("1.4.2"));
        assert_eq!(seen["properties"]["reported"]["$version"].as_u64(), version);

        let wish = patch(json!({ "properties": { "desired": { "interval": 5 } } }));
        site.service.update_twin(pump(), &wish, &IfMatch::Any).await.unwrap();
        let change = changes.next().await.unwrap();
        assert!(matches!(change, DesiredUpdate::Patch { version: 2, .. }), "{change:?}");
        assert_eq!(change.json::<Value>().unwrap()["interval"], json!(5));
        let document = twin.get().await.unwrap();
        assert_eq!((&document.desired["interval"], document.desired_version()), (&json!(5), Some(2)));
        assert_eq!(document.reported["fan"]["speed"], json!(3));

        let refused = twin.report_raw("[1]", None).await;
        let Err(TwinError::Refused { refusal, code }) = refused else { panic!("{refused:?}") };
        assert_eq!(
            (refusal.status, code),
            (Status::BAD_REQUEST, (dialect == Dialect::Classic).then_some(400))
        );
        let stale = twin.report_if_version(1, &json!({ "firmware": "1.4.3" })).await;
        let Err(TwinError::Refused { refusal, .. }) = stale else { panic!("{stale:?}") };
        assert_eq!(refusal.status, Status::PRECONDITION_FAILED);
    }
}

#[tokio::test]
async fn a_method_travels_there_and_back() {
    for dialect in dialects() {
        let site = Site::new().await;
        let device = site.device_in(dialect).await;
        let handler = async |name: String, payload: bytes::Bytes| match name.as_str() {
            "echo" => MethodResponse::raw(200, payload),
            "fail" => MethodResponse::new(500, json!({ "reason": "jammed" })),
            _ => MethodResponse::new(404, Value::Null),
        };
        device.on_any_method(handler).await.unwrap();
        for (name, status, payload) in [
            ("echo", 200, r#"{"angle":-110}"#),
            ("fail", 500, r#"{"reason":"jammed"}"#),
            ("other", 404, "null"),
        ] {
            let result =
                site.service.invoke_method(pump(), &call(name, json!({ "angle": -110 }))).await.unwrap();
            assert_eq!((result.status, result.payload.get()), (status, payload), "{name}");
        }
        device.close().await;
        let offline = site.service.invoke_method(pump(), &call("echo", Value::Null)).await.unwrap_err();
        assert!(offline.to_string().contains("404103"), "{offline}");
    }
}

#[tokio::test]
async fn a_command_stays_with_the_hub_until_it_is_completed() {
    for dialect in dialects() {
        let mut site = Site::new().await;
        let command = Command {
            payload: b"hi".to_vec(),
            content_type: Some("text/plain".to_owned()),
            message_id: Some("c1".to_owned()),
            properties: vec![("color".to_owned(), "red".to_owned())],
            ..Command::default()
        };
        site.service.send_command(pump().device, &command).await.unwrap();
        for attempt in ["not completed", "completed"] {
            let device = site.device_in(dialect).await;
            assert_eq!(site.event("connectionState").await["properties"]["opType"], json!("deviceConnected"));
            let received = device.commands().await.unwrap().next().await.unwrap();
            assert_eq!(&received.payload[..], b"hi", "{attempt}");
            assert_eq!(received.properties.get("color"), Some("red"));
            assert_eq!(received.properties.system(SystemProperty::MessageId), Some("c1"));
            assert_eq!(received.properties.system(SystemProperty::ContentType), Some("text/plain"));
            if attempt == "completed" {
                received.complete().await.unwrap();
            }
            device.close().await;
            assert_eq!(
                site.event("connectionState").await["properties"]["opType"],
                json!("deviceDisconnected")
            );
        }
        let twin = serde_json::to_value(site.service.get_twin(pump()).await.unwrap()).unwrap();
        assert_eq!(twin["cloudToDeviceMessageCount"], json!(0));
    }
}

#[tokio::test]
async fn everything_can_be_subscribed_to_up_front() {
    let site = Site::new().await;
    let all = Channels::METHODS | Channels::COMMANDS | Channels::DESIRED | Channels::REPLIES;
    let device = iothub_device::Device::connect(site.options().subscribe(all)).await.unwrap();
    let service = site.service.clone();
    let calling = tokio::spawn(async move { service.invoke_method(pump(), &call("m", Value::Null)).await });
    let call = device.methods().await.unwrap().next().await.unwrap();
    call.reply(MethodResponse::raw(204, "")).await.unwrap();
    assert_eq!(calling.await.unwrap().unwrap().status, 204);
}

#[tokio::test]
async fn a_section_of_the_twin_is_sent_unless_the_device_has_it() {
    let site = Site::new().await;
    let device = site.device_in(Dialect::Preview311).await;
    let twin = device.twin();
    let version = twin.report(&json!({ "firmware": "1.4.2" })).await.unwrap();
    let section = twin.reported(None).await.unwrap().unwrap();
    assert_eq!((section.version, section.properties), (version, json!({ "firmware": "1.4.2" })));
    assert_eq!(twin.reported(version).await.unwrap(), None);
    assert_eq!(twin.desired(Some(7)).await.unwrap().unwrap().version, Some(1));
}

#[tokio::test]
async fn over_mqtt_5_a_command_is_given_back_or_rejected() {
    let site = Site::new().await;
    let device = site.device_in(Dialect::Preview5).await;
    let mut commands = device.commands().await.unwrap();
    let command = Command { payload: b"hi".to_vec(), ..Command::default() };
    site.service.send_command(pump().device, &command).await.unwrap();
    for delivery in ["0", "1", "2"] {
        let received = commands.next().await.unwrap();
        assert_eq!(&received.payload[..], b"hi");
        assert_eq!(received.properties.system(SystemProperty::DeliveryCount), Some(delivery));
        match delivery {
            "2" => received.reject().await.unwrap(),
            _ => received.abandon().await.unwrap(),
        }
    }
    // What the device says behind it is answered behind it.
    device.twin().get().await.unwrap();
    let twin = serde_json::to_value(site.service.get_twin(pump()).await.unwrap()).unwrap();
    assert_eq!(twin["cloudToDeviceMessageCount"], json!(0));
}
