//! What stands in the log: one line for everything that is refused, and no secret.

use std::io;
use std::sync::{Arc, Mutex, Once};

use futures_util::{SinkExt, StreamExt};
use iothub_server::Running;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tracing_subscriber::EnvFilter;

use crate::peers::*;

/// Everything that is logged on this thread while it is there, down to the last detail.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        /// Whether a line is wanted at all is remembered for all threads. While tests come and go that listen on their
        /// own, a line could be taken for unwanted, unless somebody listens all the time.
        static SOMEBODY: Once = Once::new();
        SOMEBODY.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace"));
            tracing::subscriber::set_global_default(subscriber.with_writer(io::sink).finish()).unwrap();
        });
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("trace"))
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines from byte `from` on that are not for debugging.
    fn lines(&self, from: usize) -> Vec<String> {
        let lines = self.all()[from..].lines().map(str::to_owned).collect::<Vec<_>>();
        let counts = |line: &&String| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level));
        lines.iter().filter(counts).cloned().collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn own_token(hub: &Running, host_or_device: &str) -> String {
    let string = hub.device_connection_string().unwrap();
    token(&string.replace("DeviceId=dev1", &format!("DeviceId={host_or_device}")))
}

async fn send(hub: &Running, bytes: &[u8]) {
    let mut stream = secure(hub, hub.mqtt_address()).await;
    stream.write_all(bytes).await.unwrap();
    closed(&mut stream).await;
}

async fn connect(hub: &Running, password: &str) {
    let mut device = Device::new(secure(hub, hub.mqtt_address()).await);
    device.connect_with(password, 60).await.unwrap();
    closed(&mut device.stream).await;
}

/// Says something over a WebSocket that MQTT is not, and reads until that is closed.
async fn say_text(hub: &Running) {
    let mut request = "wss://localhost/$iothub/websocket".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let stream = secure(hub, hub.https_address()).await;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    socket.send("hello".into()).await.unwrap();
    while let Some(Ok(_)) = soon(socket.next()).await {}
}

#[tokio::test]
async fn what_is_refused_is_one_line_with_the_reason() {
    let log = Log::default();
    let _listening = log.listen();
    let hub = hub().await;
    let mut cases: Vec<(&str, usize, &[&str])> = Vec::new();
    let mut from = log.all().len();
    let mut next = |what, words: &'static [&'static str]| {
        cases.push((what, core::mem::replace(&mut from, log.all().len()), words));
    };

    connect(&hub, "SharedAccessSignature sr=localhost&sig=AAAA&se=1").await;
    next("a token that is no token of the device", &["WARN", "dev1", "CONNECT refused", "peer=127.0.0.1:"]);
    connect(&hub, &own_token(&hub, "dev2")).await;
    next("a token for another device", &["WARN", "dev1", "CONNECT refused"]);
    connect(&hub, "").await;
    next("no token", &["WARN", "dev1", "CONNECT refused"]);
    send(&hub, b"\xf0\x00").await;
    next("bytes that are no MQTT", &["WARN", "reserved packet type", "127.0.0.1:"]);
    send(&hub, b"\x10\xff\xff\xff\x7f").await;
    next("a packet that is too long", &["WARN", "CONNECT of 268435460 bytes", "127.0.0.1:"]);
    send(&hub, b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04dev1").await;
    next("MQTT 5 without a proof", &["WARN", "no authentication method", "trace id", "127.0.0.1:"]);
    let mut plain = TcpStream::connect(hub.https_address()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    closed(&mut plain).await;
    next("plain text", &["not TLS", "HTTPS", "127.0.0.1:"]);
    ask_with(&hub, "GET", "/devices/dev1?api-version=2021-04-12", "", "").await;
    next("a request without a token", &["WARN", "request refused", "401"]);
    let unreadable = b"GET /devices HTTP/1.1\r\nhost: localhost\r\nx-a: \xe9\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(&hub, unreadable).await.status, 400);
    next("a header that is not UTF-8", &["WARN", "HTTP request refused", "UTF-8", "127.0.0.1:"]);
    let long = "x".repeat(10_000);
    ask(&hub, "GET", &format!("/{long}?api-version=2021-04-12"), "").await;
    next("a path that is nobody's", &["WARN", "GET /xxx", "404"]);
    assert!(
        log.all().lines().all(|line| line.len() < 1000),
        "what a peer says is not repeated at any length"
    );
    ask_with(&hub, "GET", "/$iothub/websocket", "", "").await;
    next("no WebSocket", &["WARN", "WebSocket refused", "127.0.0.1:"]);
    say_text(&hub).await;
    next("text in a WebSocket", &["WARN", "a text message", "before CONNECT", "127.0.0.1:"]);

    let ends = cases.iter().skip(1).map(|case| case.1).chain([from]).collect::<Vec<_>>();
    for ((what, from, words), end) in cases.iter().zip(ends) {
        let lines = log.lines(*from);
        let upto = log.lines(end).len();
        let lines = &lines[..lines.len() - upto];
        assert_eq!(lines.len(), 1, "{what}: {lines:#?}");
        assert!(lines[0].matches("127.0.0.1:").count() < 2, "{what}: an address twice in {}", lines[0]);
        for word in *words {
            assert!(lines[0].contains(word), "{what}: {word} in {}", lines[0]);
        }
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let log = Log::default();
    let _listening = log.listen();
    let hub = hub().await;
    let owner = owner_token(&hub);
    let own = own_token(&hub, "dev1");
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect_with(&own, 60).await.unwrap();
    device.tell(1, b"21.5").await.unwrap();
    connect(&hub, &own.replace("sig=", "sig=x")).await;
    ask(&hub, "GET", "/devices/dev1?api-version=2021-04-12", "").await;
    ask(&hub, "GET", "/devices/nobody?api-version=2021-04-12", "").await;
    let wrong = format!("authorization: {}\r\n", owner.replace("&se=4", "&se=1"));
    ask_with(&hub, "GET", "/devices/dev1?api-version=2021-04-12", &wrong, "").await;
    let key = |string: &str| string.split_once("SharedAccessKey=").unwrap().1.to_owned();
    let signature = |token: &str| token.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let secrets = [
        key(hub.service_connection_string()),
        key(hub.device_connection_string().unwrap()),
        signature(&owner),
        signature(&own),
    ];
    hub.stop().await;
    let log = log.all();
    assert!(log.contains("CONNECT refused") && log.contains("request refused"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in\n{log}");
    }
}
