//! What those see who watch over a hub, and how it stops.

use crate::peers::*;
use iothub_server::{Options, Running};

/// The number behind the name in what Prometheus reads; 0 if it is not there.
async fn metric(hub: &Running, name: &str) -> f64 {
    let reply = ask(hub, "GET", "/metrics", "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("openmetrics-text"), "{}", reply.head);
    let line = reply.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn probes_need_no_token() {
    let hub = hub().await;
    for (method, path, status, body) in [
        ("GET", "/healthz", 200, "ok\n"),
        ("GET", "/readyz", 200, "ok\n"),
        ("HEAD", "/healthz", 200, ""),
        ("POST", "/healthz", 405, "ask with GET\n"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let reply = exchange(&hub, request.as_bytes()).await;
        assert_eq!((reply.status, &*reply.body), (status, body), "{method} {path}");
    }
}

#[tokio::test]
async fn what_happens_is_counted_and_names_nobody() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    for id in 1..=3 {
        device.tell(id, b"21").await.unwrap();
    }
    let mut stranger = Device::new(secure(&hub, hub.mqtt_address()).await);
    stranger.connect_with("SharedAccessSignature none", 60).await.unwrap();
    assert_eq!(ask(&hub, "GET", "/devices/none?api-version=2021-04-12", "").await.status, 404);
    for (name, number) in [
        ("iothub_events_total{kind=\"telemetry\"}", 3.0),
        ("iothub_connects_total{kind=\"accepted\"}", 1.0),
        ("iothub_connects_total{kind=\"refused\"}", 1.0),
        ("iothub_packets_sent_total{kind=\"puback\"}", 3.0),
        ("iothub_refusals_total{kind=\"unreadable-proof\"}", 1.0),
        ("iothub_refusals_total{kind=\"DeviceNotFound\"}", 1.0),
        ("iothub_requests_total{method=\"GET\",status=\"404\"}", 1.0),
        ("iothub_request_seconds_count", 1.0),
        ("iothub_connections_turned_away_total", 0.0),
    ] {
        assert_eq!(metric(&hub, name).await, number, "{name}");
    }
    assert!(metric(&hub, "iothub_connections").await >= 1.0);
    let text = ask(&hub, "GET", "/metrics", "").await.body;
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains(DEVICE) && !text.contains("none"), "{text}");
}

#[tokio::test]
async fn a_hub_that_stops_answers_what_waits_and_then_says_goodbye() {
    let hub = start(Options { data: None, ..options() }).await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect_signed(&hub, iothub_codec::Dialect::Preview5).await.unwrap();
    device.subscribe(b"\0\x11$iothub/methods/+\0").await;
    let address = hub.https_address();
    let mut caller = secure(&hub, address).await;
    let body = r#"{"methodName":"reboot","responseTimeoutInSeconds":300}"#;
    let request = format!(
        "POST /twins/{DEVICE}/methods?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        owner_token(&hub),
        body.len()
    );
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    caller.write_all(request.as_bytes()).await.unwrap();
    // It is under way when the device has it.
    let call = device.next().await.unwrap();
    assert!(matches!(call, iothub_hub::PacketBuf::Publish { .. }), "{call:?}");
    let stopped = tokio::spawn(hub.stop());
    let mut answer = String::new();
    soon(caller.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("503001"), "{answer}");
    let goodbye = soon(device.next()).await.unwrap();
    let iothub_hub::PacketBuf::Disconnect(ack) = &goodbye else { panic!("{goodbye:?}") };
    assert_eq!(ack.reason_code, 0x8B);
    stopped.await.unwrap();
}
