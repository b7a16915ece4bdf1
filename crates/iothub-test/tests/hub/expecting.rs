use core::time::Duration;

use iothub_device::{Device, Message};
use iothub_test::TestHub;
use serde_json::json;

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn what_is_not_met_says_what_came_instead() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device("d").await).await.unwrap();
    let other = Device::connect(hub.device("other").await).await.unwrap();
    hub.device("offline").await;
    device.send(Message::new(r#"{"t":21}"#).property("room", "7")).await.unwrap();
    other.send(Message::new("9")).await.unwrap();
    device.twin().report(&json!({"firmware": "1.0"})).await.unwrap();
    hub.expect_telemetry("other").await;

    let t = || hub.expect_telemetry("d").within(SOON);
    for (unmet, told) in [
        (
            t().json(json!({"t": 22})).outcome().await.unwrap_err(),
            "expected telemetry of d with the body {\"t\":22} within 50ms\none message came of it:\n  telemetry of d: \
             {\"t\":21} {\"room\": \"7\"} (its body is another)\nothers sent something: other",
        ),
        (t().json_at("/t", 22).outcome().await.unwrap_err(), "(/t is 21)"),
        (t().json_at("/u", 22).outcome().await.unwrap_err(), "(/u is not there)"),
        (t().property("room", "8").outcome().await.unwrap_err(), "(the property room is \"7\")"),
        (t().body("x").outcome().await.unwrap_err(), "with the body \"x\""),
        (t().module("m").outcome().await.unwrap_err(), "(its module is not there)"),
        (t().system_property("message-id", "1").outcome().await.unwrap_err(), "message-id is not there"),
        (t().that_is("hot", |_| false).outcome().await.unwrap_err(), "(not hot)"),
        (t().times(2).outcome().await.unwrap_err(), "expected 2 messages of d within 50ms"),
        (t().at_most(0).outcome().await.unwrap_err(), "expected at most 0 messages of d"),
        (
            t().in_order([json!({"t": 20})]).outcome().await.unwrap_err(),
            "as number 1 came telemetry of d: {\"t\":21} {\"room\": \"7\"} (its body is another), not one with the body \
             {\"t\":20}",
        ),
        (
            hub.expect_telemetry("nobody").within(SOON).outcome().await.unwrap_err(),
            "nothing came of it\nothers sent something: d, other",
        ),
        (
            hub.expect_reported("d").at("/firmware").equal("1.1").within(SOON).outcome().await.unwrap_err(),
            "expected \"1.1\" at /firmware reported by d within 50ms\n/firmware is \"1.0\"",
        ),
        (
            hub.expect_reported("d").at("/speed").within(SOON).outcome().await.unwrap_err(),
            "/speed is not there; reported is {\"firmware\":\"1.0\"",
        ),
        (hub.expect_reported("nobody").within(SOON).outcome().await.unwrap_err(), "404"),
        (
            hub.expect_method("nobody", "reboot").outcome().await.unwrap_err(),
            "expected nobody to answer reboot(null) within 5s\nPOST /twins/nobody/methods: the hub answers 404 ",
        ),
        (
            hub.expect_method("offline", "reboot").outcome().await.unwrap_err(),
            "the hub answers 404 404103: The operation failed because the requested device isn't online.",
        ),
        (
            hub.expect_disconnected("d").within(SOON).outcome().await.unwrap_err(),
            "what came of it:\n  deviceConnected",
        ),
        (
            hub.expect_connected("nobody").within(SOON).outcome().await.unwrap_err(),
            "the hub has seen nothing of it",
        ),
    ] {
        assert!(unmet.to_string().contains(told), "{unmet}\n--- lacks\n{told}");
    }
    // What was looked at in vain is there for the one that is met.
    t().json(json!({"t": 21})).await;
}

#[tokio::test]
async fn an_event_meets_one_expectation_once() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device("d").await).await.unwrap();
    for n in 0..4 {
        device.send(Message::new(n.to_string())).await.unwrap();
    }
    hub.expect_telemetry("d").json(1).await;
    let unmet = hub.expect_telemetry("d").json(1).within(SOON).outcome().await.unwrap_err();
    assert!(unmet.seen.contains("it has met another expectation"), "{unmet}");
    let three = hub.expect_telemetry("d").in_order([0, 2, 3]).await;
    assert_eq!(three.len(), 3);
    hub.expect_telemetry("d").at_most(0).within(SOON).await;
}

#[tokio::test]
#[should_panic(expected = "expecting.rs")]
async fn the_panic_says_where_it_was_expected() {
    let hub = TestHub::start().await;
    hub.expect_telemetry("d").within(SOON).await;
}

#[tokio::test]
async fn what_comes_later_is_waited_for() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device("d").await).await.unwrap();
    let later = async {
        device.twin().report(&json!({"n": 1})).await.unwrap();
        device.send(Message::new("1")).await.unwrap();
        device.twin().report(&json!({"n": null})).await.unwrap();
    };
    let ((), telemetry, reported) = tokio::join!(
        later,
        async { hub.expect_telemetry("d").that_is("one", |telemetry| telemetry.body() == b"1").await },
        async { hub.expect_reported("d").at("/n").that_is("positive", |n| n.as_i64() > Some(0)).await },
    );
    assert_eq!((telemetry.json(), reported), (Some(json!(1)), json!(1)));
    hub.expect_reported("d").at("/n").absent().await;
}
