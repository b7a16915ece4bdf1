//! What a hub serves, over real sockets.

use crate::peers::*;
use futures_util::{SinkExt, StreamExt};
use iothub_hub::{PacketBuf, SectionBuf};
use iothub_proto::{Instant, Packet, RefusalReason, Session};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

#[tokio::test]
async fn tls_1_2_and_1_3_are_served_on_both_ports() {
    let hub = hub().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for address in [hub.mqtt_address(), hub.https_address()] {
            let stream = secure_by(&hub, address, &[version]).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_device_connects_and_its_telemetry_is_acknowledged() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    assert!(matches!(device.connect(&hub).await.unwrap(), PacketBuf::Connected(Session::Fresh, _)));
    device.tell(1, b"{\"temperature\":21.5}").await.unwrap();
    hub.stop().await;
    assert!(device.next().await.is_err(), "a hub that stops closes its connections");
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_code_5() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    let wrong =
        "HostName=localhost;DeviceId=dev1;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let answer = device.connect_with(&token(wrong), 60).await.unwrap();
    assert_eq!(answer, PacketBuf::Refused(RefusalReason::NotAuthorized, SectionBuf::EMPTY));
    assert!(device.next().await.is_err());
}

#[tokio::test]
async fn a_websocket_carries_mqtt_cut_anywhere() {
    let hub = hub().await;
    let rows = [("/$iothub/websocket", "mqtt"), ("/$IotHub/WebSocket?iothub-no-client-cert=true", "MQTT")];
    for (path, protocol) in rows {
        let mut request = format!("wss://localhost{path}").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        let stream = secure(&hub, hub.https_address()).await;
        let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);

        // Every byte that the device writes goes into a message of its own.
        let (device_end, wire) = tokio::io::duplex(1024);
        let carry = carry(&mut socket, wire, 1);
        let talk = async {
            let mut device = Device::new(device_end);
            assert!(matches!(device.connect(&hub).await.unwrap(), PacketBuf::Connected(..)));
            device.tell(1, b"21.5").await.unwrap();
        };
        tokio::join!(carry, talk);
    }
}

#[tokio::test]
async fn a_websocket_message_may_hold_more_packets_than_answers_may_wait() {
    const MESSAGES: u16 = 10_000;
    let hub = hub().await;
    let mut request = "wss://localhost/$iothub/websocket".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let stream = secure(&hub, hub.https_address()).await;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let (device_end, wire) = tokio::io::duplex(512 * 1024);
    let carry = carry(&mut socket, wire, 500 * 1024);
    let talk = async {
        let mut device = Device::new(device_end);
        device.connect(&hub).await.unwrap();
        // The hub has to make room for this, and reads as much at once from then on.
        device.tell(1, &[b'x'; 60_000]).await.unwrap();
        let bytes: Vec<u8> = (1..=MESSAGES).flat_map(telemetry_at_qos_1).collect();
        device.stream.write_all(&bytes).await.unwrap();
        let mut acknowledgements = vec![0; usize::from(MESSAGES) * 4];
        soon(device.stream.read_exact(&mut acknowledgements)).await.unwrap();
        assert_eq!(acknowledgements[acknowledgements.len() - 4..], puback(MESSAGES));
    };
    tokio::join!(carry, talk);
}

/// Carries bytes between a WebSocket and `wire` until that is closed, in messages of up to `len_max` bytes.
pub(crate) async fn carry(socket: &mut WebSocketStream<Tls>, mut wire: DuplexStream, len_max: usize) {
    let mut bytes = vec![0; len_max];
    loop {
        tokio::select! {
            read = wire.read(&mut bytes) => {
                let len = read.unwrap();
                if len == 0 {
                    return;
                }
                socket.send(Message::Binary(bytes[..len].to_vec().into())).await.unwrap();
            }
            message = socket.next() => {
                let message = message.unwrap().unwrap();
                assert!(message.is_binary(), "{message:?}");
                wire.write_all(&message.into_data()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_second_connection_of_a_device_closes_the_first() {
    let hub = hub().await;
    let mut first = Device::new(secure(&hub, hub.mqtt_address()).await);
    first.connect(&hub).await.unwrap();
    let mut second = Device::new(secure(&hub, hub.mqtt_address()).await);
    second.connect(&hub).await.unwrap();
    assert!(first.next().await.is_err());
    second.tell(1, b"still here").await.unwrap();
}

#[tokio::test]
async fn the_service_api_wants_a_token_and_answers_json() {
    let hub = hub().await;
    let path = "/devices/dev1?api-version=2021-04-12";
    let refused = ask_with(&hub, "GET", path, "", "").await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let reply = ask(&hub, "GET", path, "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains("\r\ncontent-type: application/json; charset=utf-8\r\n"), "{reply:?}");
    assert!(reply.head.contains("\r\ndate: "), "{reply:?}");
    assert_eq!(reply.json()["deviceId"], "dev1");
}

#[tokio::test]
async fn a_method_travels_from_the_service_api_to_the_device_and_back() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    device.subscribe(b"\0\x16$iothub/methods/POST/#\0").await;
    let body = r#"{"methodName":"reboot","payload":{"delay":5}}"#;
    let answer = async {
        assert_eq!(device.answer("reboot").await, br#"{"delay":5}"#);
    };
    let (reply, ()) =
        tokio::join!(ask(&hub, "POST", "/twins/dev1/methods?api-version=2021-04-12", body), answer);
    assert_eq!(
        (reply.status, reply.json()),
        (200, serde_json::json!({"status": 200, "payload": {"ok": true}}))
    );
}

#[tokio::test]
async fn the_hub_knows_that_a_device_is_gone_however_it_goes() {
    let hub = hub().await;
    let state = async || {
        let twin = ask(&hub, "GET", "/twins/dev1?api-version=2021-04-12", "").await.json();
        twin["connectionState"].as_str().unwrap().to_owned()
    };
    for polite in [true, false] {
        let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
        device.connect(&hub).await.unwrap();
        assert_eq!(state().await, "Connected");
        if polite {
            device.send(&Packet::Disconnect(iothub_codec::Ack::SUCCESS)).await.unwrap();
            closed(&mut device.stream).await;
        }
        drop(device);
        soon(async { while state().await != "Disconnected" {} }).await;
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_longer_makes_room_for_others() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    device.subscribe(b"\0\x16$iothub/methods/POST/#\0").await;
    let path = "/twins/dev1/methods?api-version=2021-04-12";
    let body = r#"{"methodName":"reboot","responseTimeoutInSeconds":300}"#;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        owner_token(&hub),
        body.len()
    );
    // As many as may be open for one device.
    for _ in 0..10 {
        let mut client = secure(&hub, hub.https_address()).await;
        client.write_all(request.as_bytes()).await.unwrap();
        device.next().await.unwrap();
    }
    // All ten have hung up. Once the hub has noticed, there is room.
    let status = soon(async {
        loop {
            match ask(&hub, "POST", path, body).await.status {
                403 => {}
                status => return status,
            }
        }
    });
    let answer = async {
        device.answer("reboot").await;
        core::future::pending().await
    };
    let status = tokio::select! {
        status = status => status,
        status = answer => status,
    };
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_hub_is_called_when_it_wants_to_be() {
    let hub = hub().await;
    let body = r#"{"methodName":"reboot","connectTimeoutInSeconds":1}"#;
    let reply = ask(&hub, "POST", "/twins/dev1/methods?api-version=2021-04-12", body).await;
    assert_eq!(reply.status, 404, "{reply:?}");
}

#[tokio::test]
async fn events_are_read_as_they_come_and_end_with_the_hub() {
    let hub = hub().await;
    let mut stream = secure(&hub, hub.https_address()).await;
    let request = format!(
        "GET /$local/events HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n",
        owner_token(&hub)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "HTTP/1.1 200 OK");
    while !lines.next_line().await.unwrap().unwrap().is_empty() {}

    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    device.tell(1, b"{\"temperature\":21.5}").await.unwrap();
    let event = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if line.contains("\"kind\":\"telemetry\"") {
            break serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    };
    assert_eq!(event["deviceId"], "dev1");
    assert_eq!(event["body"]["temperature"], 21.5);
    hub.stop().await;
    while lines.next_line().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_device_that_falls_silent_is_closed() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    let password = token(hub.device_connection_string().unwrap());
    device.connect_with(&password, 1).await.unwrap();
    assert!(device.next().await.is_err());
}

#[tokio::test]
async fn many_hubs_run_at_once() {
    let mut hubs = Vec::new();
    for _ in 0..8 {
        hubs.push(hub().await);
    }
    for hub in &hubs {
        let mut device = Device::new(secure(hub, hub.mqtt_address()).await);
        assert!(matches!(device.connect(hub).await.unwrap(), PacketBuf::Connected(..)));
    }
    for hub in hubs {
        hub.stop().await;
    }
}

#[tokio::test]
async fn pings_are_answered() {
    let hub = hub().await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    device.mqtt.handle_timeout(Instant::from_millis(60_000)).unwrap();
    let ping = device.mqtt.poll_bytes().unwrap().to_vec();
    assert_eq!(ping, [0xc0, 0]);
    device.stream.write_all(&ping).await.unwrap();
    let mut pong = [0; 2];
    tokio::io::AsyncReadExt::read_exact(&mut device.stream, &mut pong).await.unwrap();
    assert_eq!(pong, [0xd0, 0]);
}
