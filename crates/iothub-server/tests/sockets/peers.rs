//! The other ends of a hub's sockets: devices and back ends, as little as will do.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use iothub_codec::{
    Codec, Connect, ConnectionString, DeviceId, Dialect, Filters, Identity, Introduction, Proof,
    PropertySection, Publish, Qos, SharedKey, Terms, Text, TokenRequest, Version,
};
use iothub_hub::{AckBuf, PacketBuf};
use iothub_mqtt::Client;
use iothub_proto::{AckToken, Instant, Limits, Opening, Packet, Session};
use iothub_server::{Options, Running, Server};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const DEVICE: &str = "dev1";

/// Fails a test that would otherwise wait for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    const LIMIT: Duration = Duration::from_secs(20);
    tokio::time::timeout(LIMIT, what).await.unwrap_or_else(|_| panic!("nothing happens for {LIMIT:?}"))
}

/// A hub in memory with a device.
pub(crate) async fn hub() -> Running {
    start(options()).await
}

pub(crate) fn options() -> Options {
    Options { ready_device: Some(DEVICE.into()), ..Options::free_ports() }
}

pub(crate) async fn start(options: Options) -> Running {
    Server::start(options).await.unwrap()
}

pub(crate) type Tls = TlsStream<TcpStream>;

/// A TLS connection that trusts the hub's authority and nobody else.
pub(crate) async fn secure(hub: &Running, address: SocketAddr) -> Tls {
    secure_by(hub, address, rustls::ALL_VERSIONS).await.unwrap()
}

/// A TLS connection to a hub by another of its names.
pub(crate) async fn secure_as(hub: &Running, address: SocketAddr, name: &'static str) -> io::Result<Tls> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(trust(hub.ca_pem(), rustls::ALL_VERSIONS)).connect(name, stream).await
}

/// A TLS connection on which the client shows a certificate if it is asked.
pub(crate) async fn secure_showing(
    hub: &Running,
    address: SocketAddr,
    versions: &[&'static SupportedProtocolVersion],
    certificate: Arc<dyn ResolvesClientCert>,
) -> io::Result<Tls> {
    secure_with(showing(hub, versions, certificate), address).await
}

/// How a client sets TLS up that shows a certificate if it is asked. It remembers sessions.
pub(crate) fn showing(
    hub: &Running,
    versions: &[&'static SupportedProtocolVersion],
    certificate: Arc<dyn ResolvesClientCert>,
) -> Arc<ClientConfig> {
    let mut config = (*trust(hub.ca_pem(), versions)).clone();
    config.client_auth_cert_resolver = certificate;
    Arc::new(config)
}

pub(crate) async fn secure_with(config: Arc<ClientConfig>, address: SocketAddr) -> io::Result<Tls> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(config).connect(name, stream).await
}

pub(crate) async fn secure_by(
    hub: &Running,
    address: SocketAddr,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<Tls> {
    let socket = TcpSocket::new_v4()?;
    // What the kernel takes without anybody reading it shall be little.
    socket.set_recv_buffer_size(4096)?;
    let stream = socket.connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(trust(hub.ca_pem(), versions)).connect(name, stream).await
}

fn trust(ca_pem: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A token of the hub's owner.
pub(crate) fn owner_token(hub: &Running) -> String {
    token(hub.service_connection_string())
}

/// A token as whom a connection string speaks for.
pub(crate) fn token(connection_string: &str) -> String {
    let string = ConnectionString::parse(connection_string).unwrap();
    let key = SharedKey::from_base64(string.key().unwrap()).unwrap();
    let identity = string.device().map(|device| Identity::device(DeviceId::new(device.as_str()).unwrap()));
    let host = string.host().unwrap().split(':').next().unwrap();
    let request = TokenRequest { host, identity, expiry_s: 4_102_444_800, policy: string.key_name() };
    request.sign(&key, &mut [0; 512]).unwrap().to_owned()
}

/// A device's end of MQTT over any stream.
pub(crate) struct Device<S> {
    pub(crate) stream: S,
    pub(crate) mqtt: Client,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Device<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, mqtt: Client::new(Limits::CLASSIC) }
    }

    /// Connects as [`DEVICE`], and gives the answer.
    pub(crate) async fn connect(&mut self, hub: &Running) -> io::Result<PacketBuf> {
        let password = token(hub.device_connection_string().unwrap());
        self.connect_with(&password, 60).await
    }

    pub(crate) async fn connect_with(&mut self, password: &str, keep_alive_s: u16) -> io::Result<PacketBuf> {
        self.connect_as(DEVICE, Some(password), keep_alive_s).await
    }

    /// Connects as another device, perhaps without a password.
    pub(crate) async fn connect_as(
        &mut self,
        device: &str,
        password: Option<&str>,
        keep_alive_s: u16,
    ) -> io::Result<PacketBuf> {
        self.connect_to("localhost", device, password, keep_alive_s).await
    }

    /// The same to a hub of that name.
    pub(crate) async fn connect_to(
        &mut self,
        host: &str,
        device: &str,
        password: Option<&str>,
        keep_alive_s: u16,
    ) -> io::Result<PacketBuf> {
        let username = format!("{host}/{device}/?api-version=2021-04-12");
        let connect = Connect {
            version: Version::V311,
            client_id: device,
            username: Some(&username),
            password: password.map(str::as_bytes),
            properties: PropertySection::EMPTY,
        };
        let opening = Opening { keep_alive_s, ..Opening::new(connect) };
        self.send(&Packet::Connect(opening)).await?;
        self.next().await
    }

    /// Connects as [`DEVICE`] in one of the previews, with a session that lasts, and gives the answer.
    pub(crate) async fn connect_signed(&mut self, hub: &Running, dialect: Dialect) -> io::Result<PacketBuf> {
        let string = ConnectionString::parse(hub.device_connection_string().unwrap()).unwrap();
        let key = SharedKey::from_base64(string.key().unwrap()).unwrap();
        let codec = Codec::new(dialect, Identity::device(DeviceId::new(DEVICE).unwrap()));
        let terms = Terms { expiry_ms: 4_102_444_800_000, at_ms: None, policy: None };
        let host = Text::plain("localhost");
        let signature = terms.sign(host, codec.identity(), &key, &mut [0; 256]).unwrap();
        let who = Introduction { host: "localhost", client_agent: None, model_id: None };
        let mut out = [0; 512];
        let connect = codec.encode_connect(&who, &Proof::Signature(signature), &mut out).unwrap();
        let session_expiry_s = (connect.version == Version::V5).then_some(3600);
        let opening =
            Opening { keep_alive_s: 60, session: Session::Resume, session_expiry_s, ..Opening::new(connect) };
        self.send(&Packet::Connect(opening)).await?;
        self.next().await
    }

    pub(crate) async fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.mqtt.send(Instant::default(), packet).unwrap();
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = self.stream.write(bytes).await?;
            self.mqtt.consume(len);
        }
        self.stream.flush().await
    }

    /// The next packet of the hub; the end of the connection is an error.
    pub(crate) async fn next(&mut self) -> io::Result<PacketBuf> {
        loop {
            if let Some(packet) = self.mqtt.poll_packet().unwrap() {
                return Ok(PacketBuf::new(&packet).unwrap());
            }
            let len = soon(self.stream.read(self.mqtt.read_buffer())).await?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.mqtt.handle_read(Instant::default(), len);
        }
    }

    /// Subscribes to a filter as it stands in a SUBSCRIBE.
    pub(crate) async fn subscribe(&mut self, filter: &[u8]) {
        let filters = Filters::from_subscribe(filter).unwrap();
        self.send(&Packet::Subscribe { token: AckToken::FIRST, filters }).await.unwrap();
        assert!(matches!(self.next().await.unwrap(), PacketBuf::SubAck(..)));
    }

    /// Answers the next call of a method with 200, and gives its payload.
    pub(crate) async fn answer(&mut self, method: &str) -> Vec<u8> {
        let call = self.next().await.unwrap();
        let Packet::Publish { publish: call, .. } = call.as_packet() else { panic!("{call:?}") };
        let request = call.topic.strip_prefix(&format!("$iothub/methods/POST/{method}/?$rid=")).unwrap();
        let topic = format!("$iothub/methods/res/200/?$rid={request}");
        let publish = Publish { topic: &topic, payload: b"{\"ok\":true}", ..telemetry() };
        self.send(&Packet::Publish { ack: None, publish }).await.unwrap();
        call.payload.to_vec()
    }

    /// Sends telemetry at QoS 1 and waits for its acknowledgement.
    pub(crate) async fn tell(&mut self, id: u16, payload: &[u8]) -> io::Result<()> {
        let ack = AckToken::new(id).unwrap();
        let publish = Publish { payload, qos: Qos::AtLeastOnce, ..telemetry() };
        self.send(&Packet::Publish { ack: Some(ack), publish }).await?;
        assert_eq!(self.next().await?, PacketBuf::Ack(ack, AckBuf::SUCCESS));
        Ok(())
    }
}

pub(crate) const fn telemetry() -> Publish<'static> {
    Publish {
        topic: "devices/dev1/messages/events/",
        properties: PropertySection::EMPTY,
        payload: b"21.5",
        qos: Qos::AtMostOnce,
        retain: false,
        duplicate: false,
    }
}

/// A PUBLISH with telemetry, from a device that does not wait for what it sent before.
pub(crate) fn telemetry_at_qos_1(id: u16) -> Vec<u8> {
    let topic = b"devices/dev1/messages/events/";
    [&[0x32, 37, 0, 29], &topic[..], &id.to_be_bytes(), b"21.5"].concat()
}

/// A PUBLISH with a change of reported properties.
pub(crate) fn report(value: u16) -> Vec<u8> {
    let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={value}");
    let payload = format!("{{\"value\":{value}}}");
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    let head = [0x30, 2 + len(&topic) + len(&payload), 0, len(&topic)];
    [&head, topic.as_bytes(), payload.as_bytes()].concat()
}

/// The PUBACK of a message.
pub(crate) const fn puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 2, high, low]
}

/// Reads until the hub closes the connection.
pub(crate) async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    // How it closes is a matter of what was under way.
    let _ = soon(stream.read_to_end(&mut rest)).await;
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One HTTP request with the owner's token.
pub(crate) async fn ask(hub: &Running, method: &str, path: &str, body: &str) -> Reply {
    let headers = format!("authorization: {}\r\n", owner_token(hub));
    ask_with(hub, method, path, &headers, body).await
}

pub(crate) async fn ask_with(hub: &Running, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let len = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {len}\r\nconnection: close\r\n\r\n{body}"
    );
    exchange(hub, request.as_bytes()).await
}

/// Writes bytes to the HTTPS port and reads all that comes back.
pub(crate) async fn exchange(hub: &Running, request: &[u8]) -> Reply {
    let (mut reader, mut writer) = tokio::io::split(secure(hub, hub.https_address()).await);
    let mut reply = Vec::new();
    // The hub may answer and close before it has read everything.
    let (_, _) =
        soon(async { tokio::join!(writer.write_all(request), reader.read_to_end(&mut reply)) }).await;
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {reply:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A folder for one test.
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iothub-server-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
