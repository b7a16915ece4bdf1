use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use iothub_codec::{SharedKey, TokenRequest};
use iothub_device::{ConnectError, Dialect, Options, Transport};
use iothub_hub::{
    Config, ConnectionId, Edition, Effect, ExchangeId, Input, Level, PacketBuf, Peer, RestRequest, Seed,
    Transport as Over,
};
use iothub_mqtt::Server;
use iothub_proto::{Instant, Limits, Now, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;

use crate::chance::Chance;

const HOST: &str = "hub1.azure-devices.net";
pub(crate) const DEVICE: &str = "dev-1";

/// A whole hub in memory, and the links to it, which break as chance wants it.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Mutex<World>>);

struct World {
    hub: iothub_hub::Hub,
    begin: tokio::time::Instant,
    chance: Chance,
    faults: Faults,
    /// One of [`ConnectionId`] and of [`ExchangeId`].
    last_id: u64,
    outboxes: BTreeMap<ConnectionId, mpsc::UnboundedSender<PacketBuf>>,
    responses: BTreeMap<ExchangeId, (u16, Vec<u8>)>,
}

/// What goes wrong.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Of so many connections one breaks after some bytes; 0 for none.
    pub(crate) cut_one_of: u64,
    /// Of so many messages at QoS 0 the hub loses one; 0 for none.
    pub(crate) lose_one_of: u64,
    /// Nobody gets a connection.
    pub(crate) is_unreachable: bool,
}

impl Hub {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self::with(seed, faults, Edition::UNLIMITED)
    }

    /// One that bears so much.
    pub(crate) fn of(edition: Edition) -> Self {
        Self::with(1, Faults::default(), edition)
    }

    fn with(seed: u64, faults: Faults, edition: Edition) -> Self {
        let mut config = Config::new(Seed([7; 32]));
        config.edition = edition;
        config.ready_device = Some(DEVICE.to_owned());
        let world = World {
            hub: iothub_hub::Hub::new(config),
            begin: now_on_runtime(),
            chance: Chance::new(seed),
            faults,
            last_id: 0,
            outboxes: BTreeMap::new(),
            responses: BTreeMap::new(),
        };
        let hub = Self(Arc::new(Mutex::new(world)));
        hub.world().put(Input::Start);
        hub
    }

    /// What the device of this hub connects with.
    pub(crate) fn options(&self, dialect: Dialect) -> Options {
        let world = self.world();
        let key = world.hub.device_key(DEVICE).unwrap();
        let text = format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={key}");
        Options::from_connection_string(&text).unwrap().dialect(dialect)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        self.world().outboxes.clear();
    }

    /// Changes what is wanted.
    pub(crate) fn want(&self, desired: &Value) {
        let body = json!({ "properties": { "desired": desired } });
        self.rest("PATCH", &format!("/twins/{DEVICE}"), &body);
    }

    /// What was reported, and its version.
    pub(crate) fn reported(&self) -> (Value, u64) {
        let twin = self.rest("GET", &format!("/twins/{DEVICE}"), &Value::Null);
        let mut reported = twin["properties"]["reported"].clone();
        let version = reported["$version"].as_u64().unwrap();
        reported.as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
        (reported, version)
    }

    /// What a back end asks for.
    pub(crate) fn rest(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut world = self.world();
        let token = world.token();
        let headers = [("host", HOST), ("authorization", &token)];
        let exchange = ExchangeId(world.next_id());
        let body = body.to_string();
        let query = Some("api-version=2021-04-12");
        let request =
            RestRequest { method, path, query, headers: &headers, body: body.as_bytes(), certificates: &[] };
        world.put(Input::Rest { exchange, request });
        let (status, body) = world.responses.remove(&exchange).expect("a response at once");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The hub's end of one connection.
    async fn serve(
        self,
        mut stream: Breaking,
        connection: ConnectionId,
        mut outbox: mpsc::UnboundedReceiver<PacketBuf>,
    ) {
        let mut mqtt = Server::new(Limits::CLASSIC);
        let _ = self.converse(&mut stream, &mut mqtt, connection, &mut outbox).await;
        let mut world = self.world();
        world.outboxes.remove(&connection);
        world.put(Input::Closed { connection, why: "the link broke", level: Level::Info });
    }

    async fn converse(
        &self,
        stream: &mut Breaking,
        mqtt: &mut Server,
        connection: ConnectionId,
        outbox: &mut mpsc::UnboundedReceiver<PacketBuf>,
    ) -> io::Result<()> {
        loop {
            while let Some(bytes) = mqtt.poll_bytes() {
                let len = stream.write(bytes).await?;
                mqtt.consume(len);
            }
            tokio::select! {
                read = stream.read(mqtt.read_buffer()) => match read? {
                    0 => return Ok(()),
                    len => mqtt.handle_read(self.world().now().instant, len),
                },
                packet = outbox.recv() => match packet {
                    // It may have said goodbye.
                    Some(packet) => drop(mqtt.send(self.world().now().instant, &packet.as_packet())),
                    None => return Ok(()),
                },
            }
            while let Some(packet) = mqtt.poll_packet().map_err(io::Error::other)? {
                self.world().put(Input::Packet { connection, packet: &packet });
            }
        }
    }
}

impl World {
    fn put(&mut self, input: Input<'_>) {
        let now = self.now();
        let mut effects = Vec::new();
        self.hub.handle(now, Input::Tick, &mut effects);
        self.hub.handle(now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send { connection, packet } => self.send(connection, packet),
                Effect::Respond { exchange, response } => {
                    self.responses.insert(exchange, (response.status, response.body));
                }
                Effect::Close { connection } => drop(self.outboxes.remove(&connection)),
                Effect::Record(_) | Effect::Append(_) | Effect::Log(_) => {}
                Effect::Read { .. }
                | Effect::Transfer { .. }
                | Effect::Files(_)
                | Effect::Delegate { .. }
                | Effect::Report(_) => panic!("nobody asks for that"),
            }
        }
    }

    fn send(&mut self, connection: ConnectionId, packet: PacketBuf) {
        let may_be_lost = matches!(packet, PacketBuf::Publish { ack: None, .. });
        if may_be_lost && self.chance.one_of(self.faults.lose_one_of) {
            return;
        }
        if let Some(outbox) = self.outboxes.get(&connection) {
            let _ = outbox.send(packet);
        }
    }

    fn now(&self) -> Now {
        let since = u64::try_from(self.begin.elapsed().as_millis()).unwrap();
        Now { instant: Instant::from_millis(since), timestamp: now_on_earth() }
    }

    fn token(&self) -> String {
        let policy = "iothubowner";
        let key = SharedKey::from_base64(self.hub.policy_key(policy).unwrap()).unwrap();
        let expiry_s = now_on_earth().as_secs() + 3600;
        let request = TokenRequest { host: HOST, identity: None, expiry_s, policy: Some(policy) };
        request.sign(&key, &mut [0; 1024]).unwrap().to_owned()
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl Transport for Hub {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, ConnectError> {
        let (ours, theirs) = duplex(4096);
        let mut world = self.world();
        if world.faults.is_unreachable {
            let (address, source) = (HOST.to_owned(), io::ErrorKind::ConnectionRefused.into());
            return Err(ConnectError::Unreachable { address, source });
        }
        let connection = ConnectionId(world.next_id());
        let (out, outbox) = mpsc::unbounded_channel();
        world.outboxes.insert(connection, out);
        let peer = Peer {
            address: ([127, 0, 0, 1], 50_000).into(),
            transport: Over::Mqtt,
            server_name: Some(HOST.to_owned()),
            certificates: Vec::new(),
        };
        world.put(Input::Opened { connection, peer });
        let breaks = {
            let Faults { cut_one_of, .. } = world.faults;
            world.chance.one_of(cut_one_of)
        };
        let bytes = if breaks { world.chance.below(4_000) } else { u64::MAX };
        drop(world);
        tokio::spawn(self.clone().serve(Breaking { stream: theirs, bytes }, connection, outbox));
        Ok(ours)
    }
}

/// A stream that breaks after so many bytes in both directions together.
struct Breaking {
    stream: DuplexStream,
    bytes: u64,
}

impl Breaking {
    fn carry(&mut self, len: usize) {
        self.bytes = self.bytes.saturating_sub(len as u64);
    }

    fn check(&self) -> io::Result<()> {
        if self.bytes == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Breaking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let before = room.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, room);
        self.carry(room.filled().len() - before);
        outcome
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let most = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(bytes.len());
        let outcome = Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]);
        if let Poll::Ready(Ok(len)) = outcome {
            self.carry(len);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of this hub is that of the runtime, which is in virtual time"
)]
fn now_on_runtime() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "devices sign for the time that it is, and the hub checks that"
)]
fn now_on_earth() -> Timestamp {
    let since: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_secs(since.as_secs())
}
