//! Devices that speak one of the previews, over real sockets.

use crate::peers::*;
use crate::serving::carry;
use iothub_codec::{
    Channels, Codec, Connect, ConnectionString, DeviceId, Dialect, Identity, Operation, Publish, Qos, Reply,
    SectionOf, SectionProperty, SectionWriter, SharedKey, Status, Telemetry, Terms, Text, ToDevice,
    UserProperty, Version,
};
use iothub_hub::{AckBuf, PacketBuf};
use iothub_proto::{AckToken, Limits, Opening, Packet, Session};
use iothub_server::Running;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// A message is acknowledged, a method answered, and the hub says what it says at the end.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    hub: &Running,
    stream: S,
    dialect: Dialect,
) -> Device<S> {
    let mut device = Device::new(stream);
    let answer = device.connect_signed(hub, dialect).await.unwrap();
    let PacketBuf::Connected(_, limits) = answer else { panic!("{dialect:?}: {answer:?}") };
    if dialect == Dialect::Preview5 {
        assert_eq!(limits, Limits { session_expiry_s: Some(u32::MAX), ..Limits::PREVIEW5 });
    }
    let codec = Codec::new(dialect, Identity::device(DeviceId::new(DEVICE).unwrap()));
    let mut out = [0; 256];
    let filters = codec.filters(Channels::METHODS, &mut out).unwrap();
    device.send(&Packet::Subscribe { token: AckToken::FIRST, filters }).await.unwrap();
    let answer = device.next().await.unwrap();
    let PacketBuf::SubAck(_, granted) = answer else { panic!("{answer:?}") };
    assert!(granted.iter().all(|outcome| outcome.is_ok()));

    let telemetry = Telemetry { payload: b"21.5", qos: Qos::AtLeastOnce, ..Default::default() };
    let publish = codec.encode(&telemetry, &mut out).unwrap();
    device.send(&Packet::Publish { ack: Some(AckToken::FIRST), publish }).await.unwrap();
    assert_eq!(device.next().await.unwrap(), PacketBuf::Ack(AckToken::FIRST, AckBuf::SUCCESS));

    let answer = async {
        let call = device.next().await.unwrap();
        let Packet::Publish { publish, .. } = call.as_packet() else { panic!("{call:?}") };
        let ToDevice::Method(call) = codec.decode_to_device(&publish).unwrap() else { panic!("{publish:?}") };
        let mut out = [0; 256];
        let reply = Reply { code: Some(200), payload: b"{}", ..Reply::new(call.request, Status::SUCCESS) };
        let publish = codec.encode_reply(Operation::Method(call.name), &reply, &mut out).unwrap();
        device.send(&Packet::Publish { ack: None, publish }).await.unwrap();
    };
    let path = "/twins/dev1/methods?api-version=2021-04-12";
    let (reply, ()) = tokio::join!(ask(hub, "POST", path, r#"{"methodName":"reboot"}"#), answer);
    assert_eq!(reply.status, 200, "{reply:?}");
    device
}

async fn websocket(hub: &Running) -> WebSocketStream<Tls> {
    let mut request = "wss://localhost/$iothub/websocket".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let stream = secure(hub, hub.https_address()).await;
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

#[tokio::test]
async fn the_previews_are_served_over_tls() {
    for dialect in [Dialect::Preview311, Dialect::Preview5] {
        let hub = hub().await;
        let stream = secure(&hub, hub.mqtt_address()).await;
        converse(&hub, stream, dialect).await;
    }
}

#[tokio::test]
async fn the_previews_are_served_over_websockets() {
    let hub = hub().await;
    for dialect in [Dialect::Preview311, Dialect::Preview5] {
        let mut socket = websocket(&hub).await;
        let (device_end, wire) = tokio::io::duplex(1024);
        let talk = async {
            converse(&hub, device_end, dialect).await;
        };
        tokio::join!(carry(&mut socket, wire, 7), talk);
    }
}

#[tokio::test]
async fn over_mqtt_5_a_message_is_refused_and_a_connection_ended_with_words() {
    let hub = hub().await;
    let mut device = converse(&hub, secure(&hub, hub.mqtt_address()).await, Dialect::Preview5).await;
    let token = AckToken::new(2).unwrap();
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new("$iothub/nonsense", b"x") };
    device.send(&Packet::Publish { ack: Some(token), publish }).await.unwrap();
    let answer = device.next().await.unwrap();
    let PacketBuf::Ack(_, refused) = &answer else { panic!("{answer:?}") };
    let status = refused.properties.as_section(SectionOf::PubAck).user().next();
    assert_eq!((refused.reason_code, status.map(|status| status.value)), (131, Some("0504")));

    // A second connection of the same device goes on with its session.
    let mut second = Device::new(secure(&hub, hub.mqtt_address()).await);
    let answer = second.connect_signed(&hub, Dialect::Preview5).await.unwrap();
    assert!(matches!(answer, PacketBuf::Connected(Session::Resume, _)), "{answer:?}");
    let farewell = device.next().await.unwrap();
    assert!(matches!(&farewell, PacketBuf::Disconnect(why) if why.reason_code == 0x8E), "{farewell:?}");
    assert!(device.next().await.is_err());

    hub.stop().await;
    let farewell = second.next().await.unwrap();
    assert!(matches!(&farewell, PacketBuf::Disconnect(why) if why.reason_code == 0x8B), "{farewell:?}");
    assert!(second.next().await.is_err());
}

/// A CONNECT of MQTT 5 without a host: TLS, or the request for a WebSocket, has said which.
#[tokio::test]
async fn which_hub_is_meant_may_be_left_to_tls() {
    let hub = hub().await;
    let string = ConnectionString::parse(hub.device_connection_string().unwrap()).unwrap();
    let key = SharedKey::from_base64(string.key().unwrap()).unwrap();
    let terms = Terms { expiry_ms: 4_102_444_800_000, at_ms: None, policy: None };
    let identity = Identity::device(DeviceId::new(DEVICE).unwrap());
    let signature = terms.sign(Text::plain("localhost"), identity, &key, &mut [0; 256]).unwrap();
    let mut out = [0; 512];
    let mut writer = SectionWriter::new(SectionOf::Connect, &mut out);
    for property in [
        SectionProperty::AuthenticationMethod("SAS"),
        SectionProperty::AuthenticationData(&signature.code),
        SectionProperty::User(UserProperty { name: "api-version", value: "2020-10-01-preview" }),
        SectionProperty::User(UserProperty { name: "sas-expiry", value: "4102444800000" }),
    ] {
        writer.put(property).unwrap();
    }
    let properties = writer.finish().unwrap();
    let connect =
        Connect { version: Version::V5, client_id: DEVICE, username: None, password: None, properties };
    let opening = Opening { keep_alive_s: 60, ..Opening::new(connect) };
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.send(&Packet::Connect(opening)).await.unwrap();
    assert!(matches!(device.next().await.unwrap(), PacketBuf::Connected(..)));

    let mut socket = websocket(&hub).await;
    let (device_end, wire) = tokio::io::duplex(1024);
    let talk = async {
        let mut device = Device::new(device_end);
        device.send(&Packet::Connect(opening)).await.unwrap();
        assert!(matches!(device.next().await.unwrap(), PacketBuf::Connected(..)));
        device.stream.shutdown().await.unwrap();
    };
    tokio::join!(carry(&mut socket, wire, 100), talk);
}
