use core::time::Duration;

use iothub_device::{Backoff, ConnectError, ConnectionStatus, Device, Dialect, Message, MethodResponse};
use iothub_test::TestHub;
use serde_json::json;

use crate::site::{DEVICE, device, dialects, pump};

const SOON: Backoff = Backoff { base: Duration::from_millis(20), longest: Duration::from_millis(200) };

#[tokio::test]
async fn a_restart_of_the_hub_loses_no_message_and_no_subscription() {
    let hub = TestHub::builder().durable().start().await;
    let device = Device::connect(hub.device(DEVICE).await.backoff(SOON)).await.unwrap();
    device.on_any_method(async |_, _| MethodResponse::new(200, json!("here again"))).await.unwrap();
    hub.expect_connected(DEVICE).await;
    let mut status = device.status();

    let sending: Vec<_> = (0..100)
        .map(|number| {
            let device = device.clone();
            tokio::spawn(async move { device.send(Message::new(number.to_string())).await })
        })
        .collect();
    let late = async {
        assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
        device.send(Message::new("late")).await.unwrap();
    };
    tokio::join!(hub.restart(), late);
    hub.expect_connected(DEVICE).await;
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    hub.expect_telemetry(DEVICE).body("late").await;
    for number in 0..100 {
        hub.expect_telemetry(DEVICE).json(number).await;
    }
    hub.expect_method(DEVICE, "m").answer("here again").await;
    device.close().await;
}

#[tokio::test]
async fn a_dropped_device_takes_its_socket_with_it() {
    let hub = TestHub::start().await;
    let device = device(&hub).await;
    hub.expect_connected(DEVICE).await;
    drop(device);
    hub.expect_disconnected(DEVICE).await;
}

#[tokio::test]
async fn a_device_whose_place_is_taken_says_so_and_comes_back() {
    for dialect in dialects() {
        let hub = TestHub::start().await;
        let options = hub.device(DEVICE).dialect(dialect).await;
        let first = Device::connect(options.clone().backoff(SOON)).await.unwrap();
        let mut status = first.status();
        let second = Device::connect(options).await.unwrap();
        let taken = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = taken else { panic!("{taken:?}") };
        match (&*cause, dialect) {
            (ConnectError::Dismissed { reason_code: 142, .. }, Dialect::Preview5) => {}
            (ConnectError::ClosedByHub | ConnectError::Broken(_), Dialect::Classic | Dialect::Preview311) => {
            }
            (cause, _) => panic!("{cause}"),
        }
        second.close().await;
        assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
        first.send(Message::new("still here")).await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_device_is_let_go_and_tries_on() {
    let hub = TestHub::start().await;
    let device = Device::connect(hub.device(DEVICE).await.backoff(SOON)).await.unwrap();
    let mut status = device.status();
    hub.service().delete_device(pump().device, &iothub_model::IfMatch::Any).await.unwrap();
    let mut refused = false;
    while !refused {
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        refused = matches!(*cause, ConnectError::Refused { .. });
    }
    device.close().await;
}
