use core::time::Duration;

use iothub_codec::{Dialect, Outcome, Proof, RequestIdBuf, Status, Text, TwinPart, Version};
use iothub_mqtt::Server;
use iothub_proto::{
    AckToken, FilterRefusal, Granted, HubEvent, HubSession, Instant, Limits, Packet, Received, RefusalReason,
    Session, Verdict, refuse_connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::options::Options;
use crate::transport::Transport;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What fits into a wire while nobody reads, in bytes.
const WIRE: usize = 16 * 1024;
/// The same of a wide one: more than a device keeps for it.
const WIDE_WIRE: usize = 1024 * 1024;

/// Each dialect; that of a test that fails is the last one printed.
pub(super) fn dialects() -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().inspect(|dialect| println!("in the dialect {dialect}"))
}

pub(super) fn options(dialect: Dialect) -> Options {
    options_of("DeviceId=dev-1").dialect(dialect)
}

pub(super) fn options_of(who: &str) -> Options {
    let text = format!("HostName=hub1.azure-devices.net;{who};SharedAccessKey={KEY}");
    Options::from_connection_string(&text).unwrap()
}

/// How long ago the clock was started.
pub(super) fn elapsed(clock: Clock) -> Duration {
    clock.now().since(Instant::default())
}

/// Calls that the hub has open at most.
pub(super) const CALLS: usize = 32;

/// Dials by handing the other end of a pipe to a [`Hub`].
pub(super) struct Wire {
    arriving: mpsc::UnboundedSender<DuplexStream>,
    takes: Duration,
    room: usize,
}

impl Wire {
    /// Dials for that long before there is a connection.
    pub(super) fn slow(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    /// Takes at once whatever a device has to say.
    pub(super) fn wide(mut self) -> Self {
        self.room = WIDE_WIRE;
        self
    }
}

impl Transport for Wire {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, ConnectError> {
        tokio::time::sleep(self.takes).await;
        let (ours, theirs) = duplex(self.room);
        self.arriving.send(theirs).expect("the test has a hub");
        Ok(ours)
    }
}

/// Where connections arrive.
pub(super) struct Hub {
    arriving: mpsc::UnboundedReceiver<DuplexStream>,
    clock: Clock,
}

/// The hub's end of one connection: the MQTT endpoint and session that a real hub has, and a test in the
/// place of its registry.
pub(super) struct Connection {
    stream: DuplexStream,
    mqtt: Server,
    session: HubSession<CALLS>,
    clock: Clock,
    version: Version,
    pub(super) dialect: Dialect,
    /// What this hub announces.
    pub(super) limits: Limits,
    /// What shows that the device is who it says.
    pub(super) proof: Shown,
    /// What the CONNECT wants of the session before.
    pub(super) wants: Session,
    /// The payload of the will.
    pub(super) will: Option<Vec<u8>>,
    /// How this hub answers subscriptions.
    pub(super) suback: Suback,
    /// SUBSCRIBE packets that came.
    pub(super) subscribes: usize,
}

/// What becomes of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suback {
    Granted,
    Refused,
    Never,
}

/// What a CONNECT or AUTH shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Token(String),
    Signature { at_ms: Option<u64>, expiry_ms: u64 },
}

/// What the device did, as far as a test has to react to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Did {
    Telemetry {
        ack: Option<AckToken>,
        payload: Vec<u8>,
        duplicate: bool,
    },
    TwinGet {
        request: RequestIdBuf,
        part: TwinPart,
        known_version: Option<u64>,
    },
    TwinPatch {
        request: RequestIdBuf,
        patch: Vec<u8>,
        if_version: Option<u64>,
    },
    Answered {
        code: i32,
        payload: Vec<u8>,
        content_type: Option<String>,
    },
    Declined(Status),
    /// To a call that was answered before.
    AnsweredAgain,
    Completed(AckToken),
    /// Something that the session has not sent.
    Acknowledged(AckToken),
    Abandoned(AckToken),
    Rejected(AckToken),
    Renews(Shown),
    SaidGoodbye,
    /// With a DISCONNECT that says why.
    GaveUp(u8),
    Closed,
}

impl Hub {
    pub(super) fn new() -> (Self, Wire) {
        let (dialled, arriving) = mpsc::unbounded_channel();
        (
            Self { arriving, clock: Clock::start() },
            Wire { arriving: dialled, takes: Duration::ZERO, room: WIRE },
        )
    }

    /// A device that has connected, and its connection.
    pub(super) async fn with_device(options: Options) -> (Self, Device, Connection) {
        Self::with_device_over(|wire| wire, options).await
    }

    /// The same over another wire.
    pub(super) async fn with_device_over(
        change: impl FnOnce(Wire) -> Wire,
        options: Options,
    ) -> (Self, Device, Connection) {
        let (mut hub, wire) = Self::new();
        let connecting = tokio::spawn(Device::connect_over(options, change(wire)));
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        let (device, connection) = connection.during(connecting).await;
        (hub, device.unwrap().unwrap(), connection)
    }

    /// The next connection, with its CONNECT read.
    pub(super) async fn arrival(&mut self) -> Connection {
        let stream = self.arriving.recv().await.expect("a device is there to dial");
        Connection::open(stream, self.clock).await
    }

    /// The next connection, before anything is read; `None` when the device dials no more.
    pub(super) async fn dialled(&mut self) -> Option<DuplexStream> {
        self.arriving.recv().await
    }
}

impl Connection {
    async fn open(mut stream: DuplexStream, clock: Clock) -> Self {
        let mut mqtt = Server::new(Limits::CLASSIC);
        loop {
            if let Some(Packet::Connect(opening)) = mqtt.poll_packet().unwrap() {
                let (dialect, claim) = iothub_codec::open_connect(&opening.connect).unwrap();
                let (proof, wants) = (Shown::from(claim.proof), opening.session);
                let will = opening.will.map(|will| will.payload.to_vec());
                let version = opening.connect.version;
                let (session, accepted) =
                    HubSession::<CALLS>::accept(dialect, claim.identity, &opening, None, 1);
                let Packet::Connected { limits, .. } = accepted else { panic!("{accepted:?}") };
                let (suback, subscribes) = (Suback::Granted, 0);
                return Self {
                    stream,
                    mqtt,
                    session,
                    clock,
                    version,
                    dialect,
                    limits,
                    proof,
                    wants,
                    will,
                    suback,
                    subscribes,
                };
            }
            let len = stream.read(mqtt.read_buffer()).await.unwrap();
            assert_ne!(len, 0, "the device closed before CONNECT");
            mqtt.handle_read(clock.now(), len);
        }
    }

    pub(super) async fn accept(&mut self, session: Session) {
        self.send(&Packet::Connected { session, limits: self.limits }).await;
    }

    /// Refuses in the dialect's own way, with a status where it can say one.
    pub(super) async fn refuse(mut self, reason: RefusalReason, status: Status) {
        let mut out = [0; 64];
        let outcome = Outcome { reason: Some(Text::plain("as the test wants it")), ..Outcome::new(status) };
        let refusal = refuse_connect((self.version, self.dialect), reason, &outcome, &mut out).unwrap();
        self.mqtt.send(self.clock.now(), &refusal).unwrap();
        self.flush().await;
    }

    pub(super) async fn acknowledge(&mut self, token: AckToken) {
        self.send(&HubSession::<CALLS>::acknowledge(token)).await;
    }

    /// Sends what the session writes.
    pub(super) async fn say<T>(
        &mut self,
        say: impl for<'b> FnOnce(&'b mut HubSession<CALLS>, &'b mut [u8]) -> (T, Packet<'b>),
    ) -> T {
        self.say_times(1, say).await
    }

    /// The same, as if the packet were delivered so many times.
    pub(super) async fn say_times<T>(
        &mut self,
        times: usize,
        say: impl for<'b> FnOnce(&'b mut HubSession<CALLS>, &'b mut [u8]) -> (T, Packet<'b>),
    ) -> T {
        let mut out = [0; 512];
        let (value, packet) = say(&mut self.session, &mut out);
        for _ in 0..times {
            self.mqtt.send(self.clock.now(), &packet).unwrap();
        }
        self.flush().await;
        value
    }

    pub(super) async fn send(&mut self, packet: &Packet<'_>) {
        self.mqtt.send(self.clock.now(), packet).unwrap();
        self.flush().await;
    }

    /// Telemetry, which has to come next.
    pub(super) async fn telemetry(&mut self) -> (Option<AckToken>, Vec<u8>) {
        let did = self.next().await;
        let Did::Telemetry { ack, payload, .. } = did else { panic!("instead of telemetry: {did:?}") };
        (ack, payload)
    }

    /// What the device does next. Subscriptions are granted on the way.
    pub(super) async fn next(&mut self) -> Did {
        loop {
            if let Some(did) = self.poll_next() {
                return did;
            }
            self.flush().await;
            let len = self.stream.read(self.mqtt.read_buffer()).await.unwrap();
            if len == 0 {
                return Did::Closed;
            }
            self.mqtt.handle_read(self.clock.now(), len);
        }
    }

    /// Grants subscriptions while a task of the device's runs, during which it does nothing else.
    pub(super) async fn during<T>(mut self, task: JoinHandle<T>) -> (Result<T, JoinError>, Self) {
        let outcome = tokio::select! {
            outcome = task => outcome,
            did = self.next() => panic!("while only a task should run: {did:?}"),
        };
        (outcome, self)
    }

    /// Whether nothing comes from the device for that long.
    pub(super) async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next()).await.is_err()
    }

    fn poll_next(&mut self) -> Option<Did> {
        while let Some(packet) = self.mqtt.poll_packet().unwrap() {
            let duplicate = matches!(packet, Packet::Publish { publish, .. } if publish.duplicate);
            let event = self.session.handle_packet(self.clock.now(), &packet).unwrap();
            let (ack, message) = match event {
                HubEvent::Received { ack, message } => (ack, message),
                HubEvent::Settled { token, verdict, .. } => {
                    return Some(match verdict {
                        Verdict::Complete => Did::Completed(token),
                        Verdict::Abandon => Did::Abandoned(token),
                        Verdict::Reject => Did::Rejected(token),
                    });
                }
                HubEvent::Goodbye => return Some(Did::SaidGoodbye),
                HubEvent::GaveUp { reason_code } => return Some(Did::GaveUp(reason_code)),
                HubEvent::AuthStep { signature } => {
                    return Some(Did::Renews(Proof::Signature(signature).into()));
                }
                HubEvent::Subscribed { token, granted, .. } => {
                    self.subscribes += 1;
                    let granted = match self.suback {
                        Suback::Granted => granted,
                        Suback::Refused => granted.iter().fold(Granted::EMPTY, |mut refused, _| {
                            assert!(refused.push(Err(FilterRefusal::Unspecified)));
                            refused
                        }),
                        Suback::Never => continue,
                    };
                    self.mqtt.send(self.clock.now(), &Packet::SubAck { token, granted }).unwrap();
                    continue;
                }
                HubEvent::LateAck { token } => return Some(Did::Acknowledged(token)),
                HubEvent::Unsubscribed { .. }
                | HubEvent::Unanswered { .. }
                | HubEvent::Unreadable { .. }
                | HubEvent::Expired => {
                    panic!("{event:?}")
                }
            };
            return Some(match message {
                Received::Telemetry(telemetry) => {
                    Did::Telemetry { ack, payload: telemetry.payload.to_vec(), duplicate }
                }
                Received::TwinGet(get) => {
                    let (request, part) = (get.request.to_buf(), get.part);
                    Did::TwinGet { request, part, known_version: get.known_version }
                }
                Received::TwinPatch(patch) => Did::TwinPatch {
                    request: patch.request.to_buf(),
                    patch: patch.patch.to_vec(),
                    if_version: patch.if_version,
                },
                Received::Answer { code, payload, content, .. } => Did::Answered {
                    code,
                    payload: payload.to_vec(),
                    content_type: content.media_type.map(|text| text.to_string()),
                },
                Received::Declined { status, .. } => Did::Declined(status),
                Received::LateAnswer => Did::AnsweredAgain,
            });
        }
        None
    }

    async fn flush(&mut self) {
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = self.stream.write(bytes).await.unwrap();
            self.mqtt.consume(len);
        }
    }
}

impl From<Proof<'_>> for Shown {
    fn from(proof: Proof<'_>) -> Self {
        match proof {
            Proof::Token(token) => Self::Token(token.to_owned()),
            Proof::Signature(signature) => {
                Self::Signature { at_ms: signature.terms.at_ms, expiry_ms: signature.terms.expiry_ms }
            }
            Proof::None => panic!("a device without a proof"),
        }
    }
}
