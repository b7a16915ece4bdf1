//! What a hub does not put up with, and that it goes on serving the others.

use core::time::Duration;

use crate::peers::*;
use futures_util::StreamExt;
use iothub_codec::{Dialect, Publish, Qos};
use iothub_hub::PacketBuf;
use iothub_proto::{AckToken, Packet};
use iothub_server::{Limits, Options, Running, Server, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// A device that was there before goes on as if nothing had happened.
async fn bystander(hub: &Running) -> Device<Tls> {
    let mut device = Device::new(secure(hub, hub.mqtt_address()).await);
    device.connect(hub).await.unwrap();
    device
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let hub = hub().await;
    let rows: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04dev1",
        &[0; 64],
    ];
    for address in [hub.mqtt_address(), hub.https_address()] {
        for bytes in rows {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            // A TLS alert at the most, and nothing that was asked for.
            assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn malformed_mqtt_closes_that_connection_only() {
    let hub = hub().await;
    let mut other = bystander(&hub).await;
    let rows: &[(&str, &[u8])] = &[
        ("a reserved packet type", b"\xf0\x00"),
        ("an endless remaining length", b"\x10\xff\xff\xff\xff\xff"),
        ("a packet that is too long", b"\x10\xff\xff\xff\x7f"),
        ("something else first", b"\xc0\x00"),
        ("an HTTP request", b"GET / HTTP/1.1\r\n\r\n"),
        ("random bytes", &[0xa5; 300]),
    ];
    for (what, bytes) in rows {
        let mut stream = secure(&hub, hub.mqtt_address()).await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"", "{what}");
    }
    other.tell(1, b"21.5").await.unwrap();
}

#[tokio::test]
async fn another_version_of_mqtt_is_told_so() {
    let hub = hub().await;
    let rows: &[(&str, &[u8], &[u8])] = &[
        ("MQTT 6", b"\x10\x11\x00\x04MQTT\x06\x02\x00\x3c\x00\x00\x04dev1", &[0x20, 3, 0, 0x84, 0]),
        ("MQTT 3.1", b"\x10\x12\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x04dev1", &[0x20, 2, 0, 1]),
    ];
    for (what, bytes, wanted) in rows {
        let mut stream = secure(&hub, hub.mqtt_address()).await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, *wanted, "{what}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_as_documented() {
    let hub = hub().await;
    let token = owner_token(&hub);
    let head = format!(
        "PUT /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n"
    );
    let body = "x".repeat(1024 * 1024 + 1);
    // An announcement is enough.
    let announced = format!("{head}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len());
    let in_chunks =
        format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (what, request) in [("announced", announced), ("in chunks", in_chunks)] {
        let reply = exchange(&hub, request.as_bytes()).await;
        assert_eq!(reply.status, 413, "{what}: {reply:?}");
        assert!(reply.head.contains("\r\niothub-errorcode: messagetoolarge"), "{what}: {reply:?}");
        let message = reply.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("ErrorCode:MessageTooLarge;"), "{what}: {message}");
    }
    assert_eq!(ask(&hub, "GET", "/devices/dev1?api-version=2021-04-12", "").await.status, 200);
}

#[tokio::test]
async fn a_client_that_writes_all_before_it_reads_gets_to_know_that_it_was_too_much() {
    let hub = hub().await;
    let head = format!(
        "PUT /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n",
        owner_token(&hub)
    );
    for _ in 0..5 {
        let mut stream = secure(&hub, hub.https_address()).await;
        let body = "x".repeat(8 * 1024 * 1024);
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        soon(stream.write_all(request.as_bytes())).await.unwrap();
        let mut reply = [0; 12];
        soon(stream.read_exact(&mut reply)).await.unwrap();
        assert_eq!(&reply, b"HTTP/1.1 413");
    }
}

#[tokio::test]
async fn a_websocket_with_anything_but_short_binary_messages_is_closed() {
    let hub = hub().await;
    let text = [&[0x81, 0x83][..], &MASK, b"abc"].concat();
    // Of a message that is too long nobody has to send more than its length.
    let too_long = [&[0x82, 0xff][..], &600_000_u64.to_be_bytes(), &MASK].concat();
    let unmasked = [&[0x82, 0x02][..], b"\xc0\x00"].concat();
    let no_mqtt = [&[0x82, 0x85][..], &MASK, b"hello"].concat();
    let rows = [("text", text), ("too long", too_long), ("unmasked", unmasked), ("no MQTT", no_mqtt)];
    for (what, frame) in rows {
        let mut request = "wss://localhost/$iothub/websocket".into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
        let stream = secure(&hub, hub.https_address()).await;
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        socket.get_mut().write_all(&frame).await.unwrap();
        while let Some(Ok(message)) = soon(socket.next()).await {
            assert!(!message.is_binary(), "{what}: {message:?}");
        }
    }
}

/// What a client's bytes are to be combined with; this one leaves them as they are.
const MASK: [u8; 4] = [0; 4];

#[tokio::test]
async fn a_websocket_for_something_else_is_refused() {
    let hub = hub().await;
    let rows = [
        ("", 426),
        (
            "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
          sec-websocket-protocol: AMQPWSB10\r\n",
            426,
        ),
    ];
    for (headers, status) in rows {
        let reply = ask_with(&hub, "GET", "/$iothub/websocket", headers, "").await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let upgrade = b"GET /$iothub/websocket HTTP/1.0\r\nhost: localhost\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
        sec-websocket-protocol: mqtt\r\n\r\n";
    assert_eq!(exchange(&hub, upgrade).await.status, 426, "HTTP/1.0 has no upgrade");
}

/// A device that may read its twin of some 28 KB, and a hub that may keep any number of answers for it.
async fn patient_hub(unread: Duration) -> (Running, Device<Tls>) {
    let limits = Limits { unread, outbox_packets: usize::MAX, outbox_bytes: usize::MAX, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let filler = "x".repeat(4000);
    let desired: serde_json::Map<_, _> = (0..7).map(|i| (format!("p{i}"), filler.as_str().into())).collect();
    let patch = serde_json::json!({"properties": {"desired": desired}}).to_string();
    let reply = ask(&hub, "PATCH", "/twins/dev1?api-version=2021-04-12", &patch).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut device = bystander(&hub).await;
    device.subscribe(b"\0\x12$iothub/twin/res/#\0").await;
    (hub, device)
}

const TWIN_GET: Packet<'static> = Packet::Publish {
    ack: None,
    publish: Publish { topic: "$iothub/twin/GET/?$rid=1", payload: b"", ..telemetry() },
};

#[tokio::test]
async fn a_device_that_does_not_read_is_closed() {
    let (hub, mut device) = patient_hub(Duration::from_millis(200)).await;
    // Asks for the twin again and again, and never reads an answer: until writing fails.
    soon(async { while device.send(&TWIN_GET).await.is_ok() {} }).await;
    bystander(&hub).await.tell(1, b"21.5").await.unwrap();
}

#[tokio::test]
async fn a_device_that_reads_late_misses_nothing() {
    let (_hub, mut device) = patient_hub(Limits::default().unread).await;
    for _ in 0..300 {
        device.send(&TWIN_GET).await.unwrap();
    }
    for number in 0..300 {
        let answer = device.next().await.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert!(matches!(answer, PacketBuf::Publish { bytes, .. } if bytes.len() > 28_000), "{number}");
    }
}

#[tokio::test]
async fn a_device_for_which_too_much_waits_is_closed() {
    let limits = Limits { outbox_packets: 8, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let mut device = bystander(&hub).await;
    let mut bytes = Vec::new();
    for id in 1..=12 {
        let publish = Publish { qos: Qos::AtLeastOnce, ..telemetry() };
        let ack = AckToken::new(id);
        device.mqtt.send(Default::default(), &Packet::Publish { ack, publish }).unwrap();
        bytes.extend_from_slice(device.mqtt.poll_bytes().unwrap());
        device.mqtt.consume(usize::MAX);
    }
    // Written at once they are read at once, and a dozen acknowledgements are to wait.
    device.stream.write_all(&bytes).await.unwrap();
    closed(&mut device.stream).await;
}

#[tokio::test]
async fn over_mqtt_5_a_device_for_which_too_much_waits_is_told_so() {
    let limits = Limits { outbox_packets: 8, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect_signed(&hub, Dialect::Preview5).await.unwrap();
    let mut bytes = Vec::new();
    for id in 1..=12 {
        let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new("$iothub/telemetry", b"1") };
        let ack = AckToken::new(id);
        device.mqtt.send(Default::default(), &Packet::Publish { ack, publish }).unwrap();
        bytes.extend_from_slice(device.mqtt.poll_bytes().unwrap());
        device.mqtt.consume(usize::MAX);
    }
    device.stream.write_all(&bytes).await.unwrap();
    let farewell = device.next().await.unwrap();
    assert!(matches!(&farewell, PacketBuf::Disconnect(why) if why.reason_code == 0x97), "{farewell:?}");
    assert!(device.next().await.is_err());
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let limits = Limits {
        greeting: Duration::from_millis(100),
        request: Duration::from_millis(100),
        ..Limits::default()
    };
    let hub = start(Options { limits, ..options() }).await;
    for address in [hub.mqtt_address(), hub.https_address()] {
        closed(&mut TcpStream::connect(address).await.unwrap()).await;
        closed(&mut secure(&hub, address).await).await;
    }
}

#[tokio::test]
async fn clients_that_stall_in_the_handshake_keep_nobody_out() {
    let hub = hub().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(hub.mqtt_address()).await.unwrap());
    }
    // Sooner than the hub gives up on the silent ones.
    soon(bystander(&hub)).await.tell(1, b"21.5").await.unwrap();
}

#[tokio::test]
async fn more_connections_than_may_be_are_refused() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let first = secure(&hub, hub.mqtt_address()).await;
    let _second = secure(&hub, hub.https_address()).await;
    assert!(secure_by(&hub, hub.mqtt_address(), rustls::ALL_VERSIONS).await.is_err());
    drop(first);
    // The place is free as soon as the hub has noticed.
    soon(async { while secure_by(&hub, hub.mqtt_address(), rustls::ALL_VERSIONS).await.is_err() {} }).await;
}

#[tokio::test]
async fn more_strangers_than_may_be_are_refused_and_who_is_let_in_is_none() {
    let limits = Limits { strangers: 2, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let is_refused = async || secure_by(&hub, hub.mqtt_address(), rustls::ALL_VERSIONS).await.is_err();
    let mut known = Vec::new();
    for _ in 0..4 {
        known.push(bystander(&hub).await);
        let mut client = secure(&hub, hub.https_address()).await;
        assert!(asks(&mut client, "GET", DEV1, &owner_token(&hub)).await.starts_with("HTTP/1.1 200 "));
        known.push(Device::new(client));
    }
    let first = secure(&hub, hub.mqtt_address()).await;
    let mut second = secure(&hub, hub.https_address()).await;
    for path in [DEV1, "/nothing", "/devices/%zz"] {
        assert!(asks(&mut second, "GET", path, "nonsense").await.starts_with("HTTP/1.1 401 "), "{path}");
        assert!(is_refused().await, "{path}");
    }
    drop(first);
    soon(async { while is_refused().await {} }).await;
}

#[tokio::test]
async fn a_header_that_is_no_text_makes_nobody_known() {
    let limits = Limits { strangers: 1, ..Limits::default() };
    let hub = start(Options { limits, ..options() }).await;
    let mut client = secure(&hub, hub.https_address()).await;
    client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: \xff\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    soon(client.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_stranger_who_may_not_ask_is_told_so_before_its_body_has_come() {
    let hub = hub().await;
    let mut stalled = Vec::new();
    // More than there is room for.
    for _ in 0..80 {
        let mut client = secure(&hub, hub.https_address()).await;
        let head = b"PATCH /twins/dev1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048576\r\n\r\n{";
        client.write_all(head).await.unwrap();
        let mut answer = [0; 13];
        soon(client.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 401 ");
        stalled.push(client);
    }
    let mut client = secure(&hub, hub.https_address()).await;
    let answer = asks(&mut client, "PATCH", "/twins/dev1?api-version=x", &owner_token(&hub)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

const DEV1: &str = "/devices/dev1?api-version=x";

/// Asks on a connection that stays open, and gives the beginning of the answer.
async fn asks(client: &mut Tls, method: &str, path: &str, token: &str) -> String {
    let rest = if method == "GET" { "\r\n" } else { "content-length: 2\r\n\r\n{}" };
    let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n{rest}");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let len = soon(client.read(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer[..len]).into_owned()
}

#[tokio::test]
async fn a_stranger_cannot_have_a_long_message_kept_for_it() {
    let hub = hub().await;
    let mut request = "wss://localhost/$iothub/websocket".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let stream = secure(&hub, hub.https_address()).await;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    // Short enough for a device that is let in; what is missing of it is waited for.
    let head = [&[0x82, 0xff][..], &400_000_u64.to_be_bytes(), &MASK].concat();
    socket.get_mut().write_all(&[&head[..], &[0; 128 * 1024]].concat()).await.unwrap();
    closed(socket.get_mut()).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_option() {
    let hub = hub().await;
    let taken = hub.https_address().port();
    let error = Server::start(Options { https_port: taken, ..options() }).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    let line = error.to_string();
    assert!(
        line.starts_with(&format!("cannot listen on 127.0.0.1:{taken}: port {taken} is taken")),
        "{line}"
    );
    assert!(line.contains("--https-port"), "{line}");
}

#[tokio::test]
async fn a_name_that_no_device_can_have_is_refused_at_the_start() {
    let options = Options { ready_device: Some("a b".into()), ..Options::free_ports() };
    let error = Server::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::ReadyDevice { .. }), "{error}");
}
