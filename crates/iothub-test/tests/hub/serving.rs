use core::time::Duration;

use iothub_codec::{DeviceId, Identity};
use iothub_device::{ConnectError, ConnectionStatus, Device, Dialect, Message, MethodResponse};
use iothub_test::TestHub;
use serde_json::json;

#[tokio::test]
async fn a_device_is_connected_and_does_everything_in_every_dialect() {
    let hub = TestHub::start().await;
    for dialect in Dialect::ALL.iter().copied() {
        let id = format!("thermostat-{dialect}");
        let device = Device::connect(hub.device(&id).dialect(dialect).await).await.unwrap();
        hub.expect_connected(&id).await;
        device.send(Message::new(r#"{"t":21.5}"#).property("room", "7")).await.unwrap();
        hub.expect_telemetry(&id).json(json!({"t": 21.5})).property("room", "7").await;
        device.twin().report(&json!({"firmware": {"version": 3}})).await.unwrap();
        hub.expect_reported(&id).at("/firmware/version").equal(3).await;
        device
            .on_any_method(async |name, _| MethodResponse::new(200, json!({ "done": name })))
            .await
            .unwrap();
        let answered = hub.expect_method(&id, "reboot").with(json!({"in": 5})).status(200).await;
        assert_eq!(answered.payload, json!({"done": "reboot"}));
        device.close().await;
        hub.expect_disconnected(&id).await;
    }
}

#[tokio::test]
async fn devices_prove_themselves_by_a_key_a_certificate_or_a_token_and_modules_likewise() {
    let hub = TestHub::start().await;
    let hour = Duration::from_secs(3600);
    for (options, id, module) in [
        (hub.device("by-key").await, "by-key", None),
        (hub.device("by-certificate").x509().await, "by-certificate", None),
        (hub.device("by-token").token(hour).await, "by-token", None),
        (hub.device("gateway").module("reader").await, "gateway", Some("reader")),
        (hub.device("gateway").module("writer").x509().await, "gateway", Some("writer")),
    ] {
        let device = Device::connect(options).await.unwrap();
        device.send(Message::new("1")).await.unwrap();
        let telemetry = hub.expect_telemetry(id).await;
        assert_eq!(telemetry.module(), module, "{id}");
    }
}

#[tokio::test]
async fn a_name_may_have_every_sign_that_a_hub_takes() {
    let hub = TestHub::start().await;
    for name in ["a%41b", "it's", "a,b=c@d:e*f", "(!)$1", "x_y.z-w"] {
        let device = Device::connect(hub.device(name).await).await.unwrap();
        hub.expect_connected(name).await;
        device.twin().report(&json!({"n": 1})).await.unwrap();
        hub.expect_reported(name).at("/n").equal(1).await;
        let handler = async |_, _| MethodResponse::new(200, json!("done"));
        device.on_any_method(handler).await.unwrap();
        hub.expect_method(name, "m").answer("done").await;
        hub.desire(name, &json!({"n": 1})).await.unwrap();
        hub.command(name, b"x").await.unwrap();
        let module = Device::connect(hub.device(name).module("m%41").await).await.unwrap();
        hub.expect_connected(name).module("m%41").await;
        drop(module);
        hub.expect_disconnected(name).module("m%41").await;
    }
}

#[tokio::test]
async fn a_request_is_any_of_the_service_api() {
    let hub = TestHub::start_without_sockets().await;
    hub.device("d").await;
    hub.desire("d", &json!({"a": 1})).await.unwrap();
    let replaced = json!({"properties": {"desired": {"b": 2}}});
    hub.request("PUT", "/twins/d", &replaced).await.unwrap();
    let twin = hub.request("GET", "/twins/d", &json!(null)).await.unwrap();
    let desired = &twin["properties"]["desired"];
    assert_eq!((&desired["a"], &desired["b"]), (&json!(null), &json!(2)));
    let refused = hub.request("GET", "/twins/nobody", &json!(null)).await.unwrap_err();
    assert_eq!(refused.status, 404, "{refused}");
}

#[tokio::test]
async fn a_device_that_is_there_is_found_again_with_its_key() {
    let hub = TestHub::start().await;
    assert_eq!(hub.device("d").string().await, hub.device("d").string().await);
    let refused = hub.device("no name").register().await.unwrap_err();
    assert_eq!(refused.status, 400, "{refused}");
}

#[tokio::test]
async fn a_token_that_is_over_ends_the_connection_and_is_taken_no_more() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device("d").token(Duration::from_secs(2)).await).await.unwrap();
    let mut status = device.status();
    hub.expect_connected("d").await;
    hub.expect_disconnected("d").await;
    let closed = loop {
        if let ConnectionStatus::Closed { cause } = status.changed().await.unwrap() {
            break cause;
        }
    };
    assert!(matches!(*closed.unwrap(), ConnectError::Refused { .. }));
}

#[tokio::test]
async fn a_restart_keeps_all_but_connections_in_memory_and_on_disk() {
    for builder in [TestHub::builder(), TestHub::builder().durable()] {
        println!("{builder:?}");
        let hub = builder.start().await;
        let options = hub.device("d").await;
        let device = Device::connect(options.clone()).await.unwrap();
        device.twin().report(&json!({"n": 1})).await.unwrap();
        device.send(Message::new("1")).await.unwrap();
        let mut changes = device.twin().desired_changes().await.unwrap();
        hub.expect_connected("d").await;
        hub.restart().await;
        hub.expect_connected("d").within(Duration::from_secs(20)).await;
        hub.expect_telemetry("d").body("1").await;
        hub.expect_reported("d").at("/n").equal(1).await;
        let version = hub.desire("d", &json!({"rate": 7})).await.unwrap();
        while changes.next().await.unwrap().version() < version {}
        device.send(Message::new("2")).await.unwrap();
        hub.expect_telemetry("d").json(2).await;
        let twin = hub.service().get_twin(Identity::device(DeviceId::new("d").unwrap())).await.unwrap();
        assert_eq!(twin.properties.reported["n"], 1);
    }
}

#[tokio::test]
async fn many_hubs_run_beside_each_other_and_know_nothing_of_each_other() {
    let hubs: Vec<_> = {
        let starting: Vec<_> = (0..8).map(|_| tokio::spawn(TestHub::start())).collect();
        let mut hubs = Vec::new();
        for hub in starting {
            hubs.push(hub.await.unwrap());
        }
        hubs
    };
    for (n, hub) in hubs.iter().enumerate() {
        let device = Device::connect(hub.device("d").await).await.unwrap();
        device.send(Message::new(n.to_string())).await.unwrap();
        hub.expect_telemetry("d").json(n).await;
    }
    for hub in &hubs {
        hub.expect_telemetry("d").at_most(0).within(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_hub_that_is_dropped() {
    let hub = TestHub::builder().durable().start().await;
    let options = hub.device("d").await;
    let device = Device::connect(options.clone()).await.unwrap();
    let (ca, data) = (hub.ca_file(), hub.data().unwrap().to_owned());
    assert!(ca.exists() && data.exists());
    let mut status = device.status();
    drop(hub);
    assert!(!ca.exists() && !data.exists());
    let gone = status.changed().await.unwrap();
    assert!(matches!(gone, ConnectionStatus::Disconnected { .. }), "{gone:?}");
    drop(device);
    assert!(matches!(Device::connect(options).await, Err(ConnectError::Unreachable { .. })));
}
