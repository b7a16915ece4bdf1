use core::time::Duration;

use iothub_device::{Backoff, ConnectError, ConnectionStatus, Dialect, Message, MethodResponse};
use iothub_model::MethodInvocation;
use serde_json::json;

use crate::site::{Scratch, Site, dialects, pump};

const SOON: Backoff = Backoff { base: Duration::from_millis(20), longest: Duration::from_millis(200) };

fn kept(scratch: &Scratch, mqtt_port: u16) -> iothub_server::Options {
    let data = Some(scratch.path().to_owned());
    iothub_server::Options { mqtt_port, data, ..iothub_server::Options::free_ports() }
}

#[tokio::test]
async fn a_restart_of_the_hub_loses_no_message_and_no_subscription() {
    let scratch = Scratch::new("restart");
    let site = Site::with(kept(&scratch, 0)).await;
    let port = site.hub.mqtt_address().port();
    let device = iothub_device::Device::connect(site.options().backoff(SOON)).await.unwrap();
    device.on_any_method(async |_, _| MethodResponse::new(200, json!("here again"))).await.unwrap();
    let mut status = device.status();

    let sending: Vec<_> = (0..100)
        .map(|number| {
            let device = device.clone();
            tokio::spawn(async move { device.send(Message::new(number.to_string())).await })
        })
        .collect();
    site.hub.stop().await;
    assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
    let late = tokio::spawn({
        let device = device.clone();
        async move { device.send(Message::new("late")).await }
    });

    let mut site = Site::with(kept(&scratch, port)).await;
    assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    late.await.unwrap().unwrap();
    while site.event("telemetry").await["body"] != json!("late") {}
    let result = site.service.invoke_method(pump(), &MethodInvocation::new("m")).await.unwrap();
    assert_eq!(result.payload.get(), r#""here again""#);
    device.close().await;
}

#[tokio::test]
async fn a_dropped_device_takes_its_socket_with_it() {
    let mut site = Site::new().await;
    let device = site.device().await;
    assert_eq!(site.event("connectionState").await["properties"]["opType"], json!("deviceConnected"));
    drop(device);
    assert_eq!(site.event("connectionState").await["properties"]["opType"], json!("deviceDisconnected"));
}

#[tokio::test]
async fn a_device_whose_place_is_taken_says_so_and_comes_back() {
    for dialect in dialects() {
        let site = Site::new().await;
        let first =
            iothub_device::Device::connect(site.options().dialect(dialect).backoff(SOON)).await.unwrap();
        let mut status = first.status();
        let second = site.device_in(dialect).await;
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
    let site = Site::new().await;
    let device = iothub_device::Device::connect(site.options().backoff(SOON)).await.unwrap();
    let mut status = device.status();
    site.service.delete_device(pump().device, &iothub_model::IfMatch::Any).await.unwrap();
    let mut refused = false;
    while !refused {
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        refused = matches!(*cause, ConnectError::Refused { .. });
    }
    device.close().await;
}
