//! Ways to a hub.

use core::time::Duration;

use iothub_device::{
    Backoff, ConnectError, ConnectStage, ConnectionStatus, Device, Dialect, Message, MethodResponse, Options,
    Proxy, ProxyError, Roots,
};
use iothub_test::TestHub;
use serde_json::json;

use crate::proxies::{Manner, Relay};
use crate::site::{DEVICE, dialects};

const SOON: Backoff = Backoff { base: Duration::from_millis(20), longest: Duration::from_millis(200) };

#[derive(Clone, Copy, Debug)]
enum Carrier {
    Tls,
    #[cfg(feature = "websocket")]
    WebSocket,
}

const CARRIERS: &[Carrier] = &[
    Carrier::Tls,
    #[cfg(feature = "websocket")]
    Carrier::WebSocket,
];

/// The options of the device for that carrier.
async fn carried(hub: &TestHub, carrier: Carrier, dialect: Dialect) -> Options {
    carrier.carry(hub.device(DEVICE).dialect(dialect).await)
}

impl Carrier {
    fn carry(self, options: Options) -> Options {
        match self {
            Self::Tls => options,
            #[cfg(feature = "websocket")]
            Self::WebSocket => options.over_websocket(),
        }
    }
}

/// Telemetry, a long one, and a method: both directions, and more than one segment.
async fn converse(hub: &TestHub, device: &Device, what: &str) {
    device
        .on_any_method(async |_, payload: bytes::Bytes| MethodResponse::new(200, json!(payload.len())))
        .await
        .unwrap();
    device.send(Message::new(json!(what).to_string())).await.unwrap();
    hub.expect_telemetry(DEVICE).json(what).await;
    let long = "x".repeat(200 * 1024);
    device.send(Message::new(long.clone())).await.unwrap();
    hub.expect_telemetry(DEVICE).body(long).await;
    hub.expect_method(DEVICE, "m").with("y".repeat(100 * 1024)).answer(100 * 1024 + 2).await;
}

#[tokio::test]
async fn every_dialect_goes_every_way() {
    let (plain, private) = (Relay::new(Manner::Guarded).await, Relay::in_tls(Manner::Guarded).await);
    let hub = TestHub::start().await;
    for dialect in dialects() {
        for carrier in CARRIERS.iter().copied() {
            for via in [None, Some(&plain), Some(&private)] {
                let mut options = carried(&hub, carrier, dialect).await;
                let address = options.address();
                if let Some(relay) = via {
                    options =
                        options.proxy(relay.proxy()).ca_pem(relay.ca_pem.as_deref().unwrap_or(hub.ca_pem()));
                }
                let what = format!("{dialect} over {carrier:?} by {:?}", via.map(Relay::proxy));
                let device = Device::connect(options).await.unwrap_or_else(|error| panic!("{what}: {error}"));
                converse(&hub, &device, &what).await;
                device.close().await;
                if let Some(relay) = via {
                    let asked = relay.asked().pop().unwrap();
                    assert!(asked.starts_with(&format!("CONNECT {address} HTTP/1.1\r\n")), "{asked}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_is_shown_on_every_way() {
    let hub = TestHub::start().await;
    for carrier in CARRIERS.iter().copied() {
        let options = carrier.carry(hub.device(DEVICE).x509().await);
        let device = Device::connect(options).await.unwrap_or_else(|error| panic!("{carrier:?}: {error}"));
        device.send(Message::new("1")).await.unwrap();
        hub.expect_telemetry(DEVICE).await;
    }
}

#[tokio::test]
async fn a_device_comes_back_the_way_it_came() {
    for carrier in CARRIERS.iter().copied() {
        let relay = Relay::new(Manner::Open).await;
        let hub = TestHub::start().await;
        let options = carried(&hub, carrier, Dialect::Classic).await;
        let device = Device::connect(options.proxy(relay.anonymous()).backoff(SOON)).await.unwrap();
        let mut status = device.status();
        relay.cut();
        assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
        device.send(Message::new("here again")).await.unwrap();
        hub.expect_telemetry(DEVICE).body("here again").await;
        assert_eq!(relay.asked().len(), 2);
        device.close().await;
    }
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_said() {
    let hub = TestHub::start().await;
    let (given, none) = (Relay::proxy, Relay::anonymous);
    let target = hub.device(DEVICE).await.address().to_string();
    type Row = (Manner, fn(&Relay) -> Proxy, &'static str);
    let rows: [Row; 8] = [
        (Manner::Guarded, none, "wants a name and a password: 407 Proxy Authentication Required"),
        (Manner::Says("HTTP/1.1 407 No\r\n\r\n"), given, "does not accept the name and password: 407 No"),
        (Manner::Says("HTTP/1.1 403 Forbidden\r\n\r\n"), given, "does not connect to TARGET: 403 Forbidden"),
        (
            Manner::Says("HTTP/1.1 502 Bad Gateway\r\n\r\n<p>"),
            none,
            "does not connect to TARGET: 502 Bad Gateway",
        ),
        (Manner::Says("\u{16}\u{3}\u{1}"), none, "no answer of a proxy: not HTTP/1.1"),
        (Manner::Says(""), none, "connection broken before the answer: "),
        (Manner::Repeats("HTTP/1.1 100 Continue\r\nA: b"), none, "no answer of a proxy: "),
        (Manner::Repeats("HTTP/1.1 200 A"), none, "an answer of more than 8192 bytes"),
    ];
    for (manner, proxy, shown) in rows {
        let relay = Relay::new(manner).await;
        let proxy = proxy(&relay);
        let error = Device::connect(hub.device(DEVICE).await.proxy(proxy.clone())).await.unwrap_err();
        let expected = format!("proxy {proxy}: {}", shown.replace("TARGET", &target));
        assert!(error.to_string().starts_with(&expected), "{error} instead of {expected}");
        assert!(error.is_retryable(), "{error}");
        for secret in ["pass", "dXNlcjpwYXNz"] {
            assert!(!format!("{error:?}").replace("password", "").contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn who_stalls_after_a_while_is_given_up_in_time_and_named() {
    let hub = TestHub::start().await;
    let (mute, mute_in_tls) = (Relay::new(Manner::Silent).await, Relay::in_tls(Manner::Silent).await);
    let open = Relay::new(Manner::Open).await;
    let options = hub.device(DEVICE).await.ca_pem(mute_in_tls.ca_pem.as_deref().unwrap());
    let to = |relay: &Relay| options.clone().connect_to(format!("localhost:{}", relay.port).parse().unwrap());
    // As long as handshakes take on a machine with much else to do.
    let within = Duration::from_secs(2);
    let connecting: Vec<_> = [
        (options.clone().proxy(mute_in_tls.proxy()), ConnectStage::Proxy),
        (to(&mute).proxy(open.anonymous()), ConnectStage::Tls),
        #[cfg(feature = "websocket")]
        (to(&mute_in_tls).over_websocket(), ConnectStage::WebSocket),
        (to(&mute_in_tls), ConnectStage::Admission),
    ]
    .into_iter()
    .map(|(options, named)| (tokio::spawn(Device::connect(options.connect_timeout(within))), named))
    .collect();
    for (connecting, named) in connecting {
        let error = connecting.await.unwrap().unwrap_err();
        assert!(
            matches!(error, ConnectError::TimedOut { after, waiting_for } if (after, waiting_for) == (within, named)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn where_no_proxy_listens_it_is_said_that_it_was_the_proxy() {
    let hub = TestHub::start().await;
    // Bound, and nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = Proxy::new(socket.local_addr().unwrap().to_string().parse().unwrap());
    let error = Device::connect(hub.device(DEVICE).await.proxy(proxy)).await.unwrap_err();
    let ConnectError::Proxy { source: ProxyError::Unreachable(_), .. } = error else { panic!("{error}") };
}

#[tokio::test]
async fn a_proxy_in_tls_has_to_be_trusted_too() {
    let hub = TestHub::start().await;
    let relay = Relay::in_tls(Manner::Open).await;
    let error = Device::connect(hub.device(DEVICE).await.proxy(relay.proxy())).await.unwrap_err();
    let ConnectError::Proxy { source: ProxyError::Tls(_), .. } = error else { panic!("{error}") };
    assert!(relay.asked().is_empty(), "it was told nothing");
}

#[tokio::test]
async fn who_is_exempt_goes_directly() {
    let hub = TestHub::start().await;
    let nowhere = "http://127.0.0.1:9".parse::<Proxy>().unwrap().with_exemptions("other, localhost");
    Device::connect(hub.device(DEVICE).await.proxy(nowhere)).await.unwrap().close().await;
}

#[tokio::test]
async fn a_hub_is_trusted_from_when_its_authority_is_and_no_longer() {
    let (hub, other) = (TestHub::start().await, TestHub::start().await);
    let (its, others) = (hub.ca_pem().as_bytes(), other.ca_pem().as_bytes());
    let roots = Roots::from_pem(others).unwrap();
    let options = hub.device(DEVICE).await.roots(roots.clone());
    let connect = || Device::connect(options.clone());
    let error = connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
    roots.replace(&roots.clone().with_pem(its).unwrap());
    let device = connect().await.unwrap();
    roots.replace(&Roots::from_pem(others).unwrap());
    device.send(Message::new("the connection goes on")).await.unwrap();
    assert!(matches!(connect().await.unwrap_err(), ConnectError::Tls { .. }));
    device.close().await;
}

#[tokio::test]
async fn a_device_that_is_connected_heeds_other_roots_with_its_next_connection() {
    let (hub, other) = (TestHub::start().await, TestHub::start().await);
    let roots = Roots::from_pem(hub.ca_pem().as_bytes()).unwrap();
    let relay = Relay::new(Manner::Open).await;
    let options = hub.device(DEVICE).await.proxy(relay.anonymous()).roots(roots.clone()).backoff(SOON);
    let device = Device::connect(options).await.unwrap();
    let mut status = device.status();
    roots.replace(&Roots::from_pem(other.ca_pem().as_bytes()).unwrap());
    relay.cut();
    loop {
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        if matches!(*cause, ConnectError::Tls { .. }) {
            break;
        }
    }
    roots.replace(&Roots::from_pem(hub.ca_pem().as_bytes()).unwrap());
    assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
    device.close().await;
}

#[tokio::test]
async fn a_pem_that_is_none_is_the_first_error() {
    let hub = TestHub::start().await;
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = Device::connect(hub.device(DEVICE).await.ca_pem(pem)).await.unwrap_err();
    assert!(error.to_string().starts_with("no trusted certificates: certificate 1 in the PEM: "), "{error}");
    assert!(!error.is_retryable());
}

#[cfg(feature = "websocket")]
#[tokio::test]
async fn a_hub_that_opens_no_websocket_is_said_with_its_status() {
    let hub = TestHub::start().await;
    // A web server of the same name, behind a proxy that does not connect to the hub: the status is its own.
    let options = carried(&hub, Carrier::WebSocket, Dialect::Classic).await;
    for (answer, status) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
        ("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 503),
    ] {
        let server = Relay::in_tls(Manner::Says(answer)).await;
        let at = format!("localhost:{}", server.port).parse().unwrap();
        let options = options.clone().connect_to(at).ca_pem(server.ca_pem.as_deref().unwrap());
        let error = Device::connect(options).await.unwrap_err();
        assert!(matches!(error, ConnectError::NotUpgraded { status: said } if said == status), "{error}");
        assert!(server.asked()[0].starts_with("GET /$iothub/websocket HTTP/1.1\r\n"), "{:?}", server.asked());
        assert!(error.is_retryable());
    }
    // The port of MQTT speaks no HTTP at all.
    let at = format!("localhost:{}", hub.mqtt_port().unwrap()).parse().unwrap();
    let error = Device::connect(options.connect_to(at)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoWebSocket { .. }), "{error}");
}
