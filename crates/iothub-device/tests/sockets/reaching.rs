//! Ways to a hub.

use core::time::Duration;

use iothub_device::{
    Backoff, ConnectError, ConnectionStatus, Device, Dialect, Message, MethodResponse, Options, Proxy,
    ProxyError, Roots,
};
use iothub_model::MethodInvocation;
use serde_json::json;

use crate::proxies::{Manner, Relay};
use crate::site::{Site, dialects, pump};

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

/// The options of the device for that carrier, and the port that it ends at.
fn carried(site: &Site, carrier: Carrier, dialect: Dialect) -> (Options, u16) {
    let options = site.options().dialect(dialect);
    match carrier {
        Carrier::Tls => (options, site.hub.mqtt_address().port()),
        #[cfg(feature = "websocket")]
        Carrier::WebSocket => {
            let port = site.hub.https_address().port();
            (options.over_websocket().connect_to(format!("localhost:{port}").parse().unwrap()), port)
        }
    }
}

/// Telemetry, a long one, and a method: both directions, and more than one segment.
async fn converse(site: &mut Site, device: &Device, what: &str) {
    device
        .on_any_method(async |_, payload: bytes::Bytes| MethodResponse::new(200, json!(payload.len())))
        .await
        .unwrap();
    device.send(Message::new(json!(what).to_string())).await.unwrap();
    assert_eq!(site.event("telemetry").await["body"], json!(what));
    let long = "x".repeat(200 * 1024);
    device.send(Message::new(long.clone())).await.unwrap();
    assert!(site.event("telemetry").await["body"] == long.as_str(), "{what}");
    let mut call = MethodInvocation::new("m");
    call.payload = Some(serde_json::value::to_raw_value(&"y".repeat(100 * 1024)).unwrap());
    let result = site.service.invoke_method(pump(), &call).await.unwrap();
    assert_eq!(result.payload.get(), (100 * 1024 + 2).to_string(), "{what}");
}

#[tokio::test]
async fn every_dialect_goes_every_way() {
    let (plain, private) = (Relay::new(Manner::Guarded).await, Relay::in_tls(Manner::Guarded).await);
    let mut site = Site::new().await;
    for dialect in dialects() {
        for carrier in CARRIERS.iter().copied() {
            for via in [None, Some(&plain), Some(&private)] {
                let (mut options, port) = carried(&site, carrier, dialect);
                if let Some(relay) = via {
                    options = options
                        .proxy(relay.proxy())
                        .ca_pem(relay.ca_pem.as_deref().unwrap_or(site.hub.ca_pem()));
                }
                let what = format!("{dialect} over {carrier:?} by {:?}", via.map(Relay::proxy));
                let device = Device::connect(options).await.unwrap_or_else(|error| panic!("{what}: {error}"));
                converse(&mut site, &device, &what).await;
                device.close().await;
                if let Some(relay) = via {
                    let asked = relay.asked().pop().unwrap();
                    assert!(asked.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")), "{asked}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_device_comes_back_the_way_it_came() {
    for carrier in CARRIERS.iter().copied() {
        let relay = Relay::new(Manner::Open).await;
        let mut site = Site::new().await;
        let (options, _) = carried(&site, carrier, Dialect::Classic);
        let device = Device::connect(options.proxy(relay.anonymous()).backoff(SOON)).await.unwrap();
        let mut status = device.status();
        relay.cut();
        assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
        device.send(Message::new("here again")).await.unwrap();
        assert_eq!(site.event("telemetry").await["body"], json!("here again"));
        assert_eq!(relay.asked().len(), 2);
        device.close().await;
    }
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_said() {
    let site = Site::new().await;
    let (given, none) = (Relay::proxy, Relay::anonymous);
    let target = site.options().address().to_string();
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
        let error = Device::connect(site.options().proxy(proxy.clone())).await.unwrap_err();
        let expected = format!("proxy {proxy}: {}", shown.replace("TARGET", &target));
        assert!(error.to_string().starts_with(&expected), "{error} instead of {expected}");
        assert!(error.is_retryable(), "{error}");
        for secret in ["pass", "dXNlcjpwYXNz"] {
            assert!(!format!("{error:?}").replace("password", "").contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_stalls_is_given_up_in_time() {
    let site = Site::new().await;
    let relay = Relay::new(Manner::Silent).await;
    let within = Duration::from_millis(200);
    let options = site.options().proxy(relay.anonymous()).connect_timeout(within);
    let error = Device::connect(options).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { after } if after == within), "{error}");
}

#[tokio::test]
async fn where_no_proxy_listens_it_is_said_that_it_was_the_proxy() {
    let site = Site::new().await;
    // Bound, and nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = Proxy::new(socket.local_addr().unwrap().to_string().parse().unwrap());
    let error = Device::connect(site.options().proxy(proxy)).await.unwrap_err();
    let ConnectError::Proxy { source: ProxyError::Unreachable(_), .. } = error else { panic!("{error}") };
}

#[tokio::test]
async fn a_proxy_in_tls_has_to_be_trusted_too() {
    let site = Site::new().await;
    let relay = Relay::in_tls(Manner::Open).await;
    let error = Device::connect(site.options().proxy(relay.proxy())).await.unwrap_err();
    let ConnectError::Proxy { source: ProxyError::Tls(_), .. } = error else { panic!("{error}") };
    assert!(relay.asked().is_empty(), "it was told nothing");
}

#[tokio::test]
async fn who_is_exempt_goes_directly() {
    let site = Site::new().await;
    let nowhere = "http://127.0.0.1:9".parse::<Proxy>().unwrap().with_exemptions("other, localhost");
    Device::connect(site.options().proxy(nowhere)).await.unwrap().close().await;
}

#[tokio::test]
async fn a_hub_is_trusted_from_when_its_authority_is_and_no_longer() {
    let (site, other) = (Site::new().await, Site::new().await);
    let (its, others) = (site.hub.ca_pem().as_bytes(), other.hub.ca_pem().as_bytes());
    let roots = Roots::from_pem(others).unwrap();
    let options = site.options().roots(roots.clone());
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
    let (site, other) = (Site::new().await, Site::new().await);
    let roots = Roots::from_pem(site.hub.ca_pem().as_bytes()).unwrap();
    let relay = Relay::new(Manner::Open).await;
    let options = site.options().proxy(relay.anonymous()).roots(roots.clone()).backoff(SOON);
    let device = Device::connect(options).await.unwrap();
    let mut status = device.status();
    roots.replace(&Roots::from_pem(other.hub.ca_pem().as_bytes()).unwrap());
    relay.cut();
    loop {
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        if matches!(*cause, ConnectError::Tls { .. }) {
            break;
        }
    }
    roots.replace(&Roots::from_pem(site.hub.ca_pem().as_bytes()).unwrap());
    assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
    device.close().await;
}

#[tokio::test]
async fn a_pem_that_is_none_is_the_first_error() {
    let site = Site::new().await;
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = Device::connect(site.options().ca_pem(pem)).await.unwrap_err();
    assert!(error.to_string().starts_with("no trusted certificates: certificate 1 in the PEM: "), "{error}");
    assert!(!error.is_retryable());
}

#[cfg(feature = "websocket")]
#[tokio::test]
async fn a_hub_that_opens_no_websocket_is_said_with_its_status() {
    let site = Site::new().await;
    // A web server of the same name, behind a proxy that does not connect to the hub: the status is its own.
    let options = carried(&site, Carrier::WebSocket, Dialect::Classic).0;
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
    let (_, mqtt) = carried(&site, Carrier::Tls, Dialect::Classic);
    let at = format!("localhost:{mqtt}").parse().unwrap();
    let error = Device::connect(options.connect_to(at)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoWebSocket { .. }), "{error}");
}
