use iothub_device::{
    Channels, DesiredUpdate, Device, Dialect, Message, MethodResponse, Status, SystemProperty, TraceContext,
    TwinError,
};
use iothub_service::Command;
use iothub_test::TestHub;
use serde_json::{Value, json};

use crate::site::{DEVICE, device, device_in, dialects, pump};

#[tokio::test]
async fn a_trace_goes_through_the_hub_in_every_dialect() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for dialect in dialects() {
        let hub = TestHub::start().await;
        let device = device_in(&hub, dialect).await;
        let context = TraceContext::read(PARENT, Some("a=1")).unwrap();
        device.send(Message::new("21.5").trace_context(context)).await.unwrap();
        let expected = hub.expect_telemetry(DEVICE);
        let expected = if dialect == Dialect::Preview311 {
            expected.system_property("traceparent", PARENT).system_property("tracestate", "a=1")
        } else {
            expected.property("traceparent", PARENT).property("tracestate", "a=1")
        };
        expected.await;
    }
}

#[tokio::test]
async fn telemetry_arrives_as_it_was_sent() {
    for dialect in dialects() {
        let hub = TestHub::start().await;
        let device = device_in(&hub, dialect).await;
        let message = Message::new(r#"{"t":21.5}"#)
            .content_type("application/json")
            .content_encoding("utf-8")
            .message_id("m1")
            .property("level", "hot zone")
            .property("schlüssel/&=", "ä+%");
        device.send(message.clone()).await.unwrap();
        let first =
            hub.expect_telemetry(DEVICE).json(json!({ "t": 21.5 })).system_property("message-id", "m1");
        let first = first.system_property("content-type", "application/json").await;
        assert_eq!(json!(first.properties()), json!({ "level": "hot zone", "schlüssel/&=": "ä+%" }));

        device.send(Message::new("bare").at_most_once()).await.unwrap();
        hub.expect_telemetry(DEVICE).body("bare").await;
    }
}

#[tokio::test]
async fn a_long_message_is_seen_although_every_letter_of_it_is_escaped() {
    let hub = TestHub::start().await;
    let text = "\u{1}".repeat(255 * 1024);
    let device = device(&hub).await;
    device.send(Message::new(text.clone())).await.unwrap();
    hub.expect_telemetry(DEVICE).body(text).await;
}

#[tokio::test]
async fn many_messages_at_a_time_arrive_once_and_all() {
    let hub = TestHub::start().await;
    let device = device(&hub).await;
    let sending: Vec<_> = (0..200)
        .map(|number| {
            let device = device.clone();
            tokio::spawn(async move { device.send(Message::new(number.to_string())).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let arrived = hub.expect_telemetry(DEVICE).times(200).await;
    let mut arrived: Vec<_> = arrived.iter().map(|each| each.json().unwrap().as_u64().unwrap()).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn both_ends_see_what_the_other_puts_into_the_twin() {
    for dialect in dialects() {
        let hub = TestHub::start().await;
        let device = device_in(&hub, dialect).await;
        let twin = device.twin();
        let mut changes = twin.desired_changes().await.unwrap();
        let first = changes.next().await.unwrap();
        assert!(matches!(first, DesiredUpdate::Whole { version: 1, .. }), "{first:?}");
        assert_eq!(twin.get().await.unwrap().desired_version(), Some(1));

        let version = twin.report(&json!({ "firmware": "1.4.2", "fan": { "speed": 3 } })).await.unwrap();
        hub.expect_reported(DEVICE).at("/firmware").equal("1.4.2").await;
        hub.expect_reported(DEVICE).at("/$version").equal(version).await;

        hub.desire(DEVICE, &json!({ "interval": 5 })).await.unwrap();
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
        let hub = TestHub::start().await;
        let device = device_in(&hub, dialect).await;
        let handler = async |name: String, payload: bytes::Bytes| match name.as_str() {
            "echo" => MethodResponse::raw(200, payload),
            "fail" => MethodResponse::new(500, json!({ "reason": "jammed" })),
            _ => MethodResponse::new(404, Value::Null),
        };
        device.on_any_method(handler).await.unwrap();
        let angle = || json!({ "angle": -110 });
        for (name, status, payload) in [
            ("echo", 200, angle()),
            ("fail", 500, json!({ "reason": "jammed" })),
            ("other", 404, Value::Null),
        ] {
            hub.expect_method(DEVICE, name).with(angle()).status(status).answer(payload).await;
        }
        device.close().await;
        let offline = hub.call(DEVICE, "echo", &Value::Null).await.unwrap_err();
        assert!(offline.to_string().contains("404103"), "{offline}");
    }
}

#[tokio::test]
async fn a_command_stays_with_the_hub_until_it_is_completed() {
    for dialect in dialects() {
        let hub = TestHub::start().await;
        let command = Command {
            payload: b"hi".to_vec(),
            content_type: Some("text/plain".to_owned()),
            message_id: Some("c1".to_owned()),
            properties: vec![("color".to_owned(), "red".to_owned())],
            ..Command::default()
        };
        hub.device(DEVICE).await;
        hub.service().send_command(pump().device, &command).await.unwrap();
        for attempt in ["not completed", "completed"] {
            let device = device_in(&hub, dialect).await;
            hub.expect_connected(DEVICE).await;
            let received = device.commands().await.unwrap().next().await.unwrap();
            assert_eq!(&received.payload[..], b"hi", "{attempt}");
            assert_eq!(received.properties.get("color"), Some("red"));
            assert_eq!(received.properties.system(SystemProperty::MessageId), Some("c1"));
            assert_eq!(received.properties.system(SystemProperty::ContentType), Some("text/plain"));
            if attempt == "completed" {
                received.complete().await.unwrap();
            }
            device.close().await;
            hub.expect_disconnected(DEVICE).await;
        }
        let twin = serde_json::to_value(hub.twin(DEVICE).await.unwrap()).unwrap();
        assert_eq!(twin["cloudToDeviceMessageCount"], json!(0));
    }
}

#[tokio::test]
async fn everything_can_be_subscribed_to_up_front() {
    let hub = TestHub::start().await;
    let all = Channels::METHODS | Channels::COMMANDS | Channels::DESIRED | Channels::REPLIES;
    let device = Device::connect(hub.device(DEVICE).await.subscribe(all)).await.unwrap();
    let answering = async {
        let call = device.methods().await.unwrap().next().await.unwrap();
        call.reply(MethodResponse::raw(204, "")).await.unwrap();
    };
    tokio::join!(answering, async { hub.expect_method(DEVICE, "m").status(204).await });
}

#[tokio::test]
async fn a_section_of_the_twin_is_sent_unless_the_device_has_it() {
    let hub = TestHub::start().await;
    let device = device_in(&hub, Dialect::Preview311).await;
    let twin = device.twin();
    let version = twin.report(&json!({ "firmware": "1.4.2" })).await.unwrap();
    let section = twin.reported(None).await.unwrap().unwrap();
    assert_eq!((section.version, section.properties), (version, json!({ "firmware": "1.4.2" })));
    assert_eq!(twin.reported(version).await.unwrap(), None);
    assert_eq!(twin.desired(Some(7)).await.unwrap().unwrap().version, Some(1));
}

#[tokio::test]
async fn over_mqtt_5_a_command_is_given_back_or_rejected() {
    let hub = TestHub::start().await;
    let device = device_in(&hub, Dialect::Preview5).await;
    let mut commands = device.commands().await.unwrap();
    let command = Command { payload: b"hi".to_vec(), ..Command::default() };
    hub.service().send_command(pump().device, &command).await.unwrap();
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
    let twin = serde_json::to_value(hub.twin(DEVICE).await.unwrap()).unwrap();
    assert_eq!(twin["cloudToDeviceMessageCount"], json!(0));
}
