use core::error::Error;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use iothub_codec::{
    Channels, Codec, ConnectionString, Dialect, Identity, IdentityBuf, Introduction, Proof, Publish, Qos,
    SectionOf, SharedKey, Telemetry, Terms, Text, TokenRequest,
};
use iothub_proto::{
    AckToken, Backoff, DeviceEvent, DeviceSession, Hello, Instant, Packet, Retry, Seed, Session, Timestamp,
    Verdict,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::arrived::{Arrived, Section};
use crate::clock::Clock;
use crate::link::{Address, Link};

/// Who connects where.
pub(crate) struct Device {
    identity: IdentityBuf,
    dialect: Dialect,
    key: SharedKey,
    address: Address,
    clock: Clock,
}

/// What outlives connections.
struct Memory<'d> {
    session: DeviceSession<'d, REQUESTS>,
    /// Messages that are not acknowledged, to be sent again over the next connection. The session lets there be sixteen.
    unacknowledged: BTreeMap<AckToken, Unacknowledged>,
    /// Where the session writes topics.
    scratch: [u8; 1024],
}

/// What a message goes out with again.
struct Unacknowledged {
    topic: String,
    section: Section,
    payload: Vec<u8>,
}

/// How a connection ended, if nothing was wrong with it.
enum End {
    /// Everything is done.
    Done,
    /// It wants new credentials.
    Renewal,
    /// The hub did not accept it.
    Refused(String, Retry),
}

/// Requests that await an answer at a time.
const REQUESTS: usize = 2;
const KEEP_ALIVE_S: u16 = 60;
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long connecting may take.
const READY_WITHIN: Duration = Duration::from_secs(30);

impl Device {
    pub(crate) fn new(
        connection_string: &str,
        ca_pem: &[u8],
        dialect: Dialect,
    ) -> Result<Self, Box<dyn Error>> {
        if dialect == Dialect::Preview311 {
            return Err("rumqttc takes a text for the password, and a signature is none".into());
        }
        let parts = ConnectionString::parse(connection_string)?;
        let identity = parts.identity().ok_or("the connection string names no device")?;
        let host = parts.host().ok_or("the connection string names no host")?;
        let (host, port) = host.split_once(':').unwrap_or((host, "8883"));
        let key = SharedKey::from_base64(parts.key().ok_or("the connection string has no key")?)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem)?)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = Address { host: host.to_owned(), port: port.parse()?, tls: Arc::new(tls) };
        Ok(Self { identity: IdentityBuf::new(identity), dialect, key, address, clock: Clock::start() })
    }

    /// Connects, and again when a connection is lost, until a message from the back end has been dealt with.
    pub(crate) async fn run(&self) -> Result<(), Box<dyn Error>> {
        let codec = Codec::new(self.dialect, self.identity());
        let channels = Channels::METHODS | Channels::COMMANDS | Channels::REPLIES;
        let mut memory = Memory {
            session: DeviceSession::new(codec, channels),
            unacknowledged: BTreeMap::new(),
            scratch: [0; 1024],
        };
        let mut seed = self.seed();
        let mut failures = 0;
        loop {
            let end = self.connection(&mut memory).await;
            memory.session.handle_disconnect();
            while let Some(event) = memory.session.handle_timeout(self.clock.now()) {
                println!("{event:?}");
            }
            match end {
                Ok(End::Done) => return Ok(()),
                Ok(End::Renewal) => {
                    failures = 0;
                    continue;
                }
                Ok(End::Refused(why, Retry::Never)) => return Err(why.into()),
                Ok(End::Refused(why, Retry::Later)) => println!("{why}"),
                Err(error) => println!("disconnected: {error}"),
            }
            let pause = Backoff::DEFAULT.delay(failures, &mut seed);
            failures = failures.saturating_add(1);
            self.clock.sleep_until(Some(self.clock.now().after(pause))).await;
        }
    }

    /// One connection, until it ends.
    async fn connection(&self, memory: &mut Memory<'_>) -> Result<End, Box<dyn Error>> {
        let mut link = self.open(memory)?;
        let ready_by = self.clock.now().after(READY_WITHIN);
        loop {
            while let Some(packet) = memory.session.poll_transmit(&mut memory.scratch)? {
                link.send(&packet)?;
            }
            let due = memory.session.poll_timeout().map(|(at, _)| at);
            let connecting = (!memory.session.is_ready()).then_some(ready_by);
            let wake = [due, connecting].into_iter().flatten().min();
            let end = tokio::select! {
                arrived = link.receive() => self.handle_arrived(memory, &mut link, &arrived?)?,
                () = self.clock.sleep_until(wake) => self.handle_timeout(memory, &mut link, ready_by)?,
            };
            if let Some(end) = end {
                link.close().await;
                return Ok(end);
            }
        }
    }

    fn handle_arrived(
        &self,
        memory: &mut Memory<'_>,
        link: &mut Link,
        arrived: &Arrived,
    ) -> Result<Option<End>, Box<dyn Error>> {
        let packet = arrived.as_packet().ok_or("the hub sends what was not asked for")?;
        match memory.session.handle_packet(self.clock.now(), &packet)? {
            Some(event) => self.handle_event(memory, link, &event),
            None => Ok(None),
        }
    }

    fn handle_timeout(
        &self,
        memory: &mut Memory<'_>,
        link: &mut Link,
        ready_by: Instant,
    ) -> Result<Option<End>, Box<dyn Error>> {
        let now = self.clock.now();
        if !memory.session.is_ready() && ready_by <= now {
            return Err("the hub does not answer".into());
        }
        while let Some(event) = memory.session.handle_timeout(now) {
            if let Some(end) = self.handle_event(memory, link, &event)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn open(&self, memory: &mut Memory<'_>) -> Result<Link, Box<dyn Error>> {
        let now = self.clock.now_on_both();
        let valid_until = now.timestamp.after(TOKEN_LIFETIME);
        let host = self.address.host.as_str();
        let mut scratch = Vec::new();
        let hello = Hello {
            introduction: Introduction { host, client_agent: None, model_id: None },
            proof: self.prove(now.timestamp, valid_until, &mut scratch)?,
            valid_until: Some(valid_until),
            session: Session::Resume,
            keep_alive_s: KEEP_ALIVE_S,
            will: None,
            packet_len_max: None,
            seed: self.seed(),
        };
        let packet = memory.session.connect(now, &hello, &mut memory.scratch)?;
        let Packet::Connect(opening) = packet else {
            return Err(format!("{} is no beginning", packet.kind()).into());
        };
        Link::open(&self.address, &opening)
    }

    /// A token in the classic dialect, otherwise a signature over what CONNECT says.
    fn prove<'t>(
        &self,
        now: Timestamp,
        valid_until: Timestamp,
        scratch: &'t mut Vec<u8>,
    ) -> Result<Proof<'t>, Box<dyn Error>> {
        let (host, identity) = (self.address.host.as_str(), self.identity());
        if self.dialect == Dialect::Classic {
            let expiry_s = valid_until.as_secs();
            let request = TokenRequest { host, identity: Some(identity), expiry_s, policy: None };
            scratch.resize(request.len_max(), 0);
            return Ok(Proof::Token(request.sign(&self.key, scratch)?));
        }
        let terms = Terms { expiry_ms: valid_until.as_millis(), at_ms: Some(now.as_millis()), policy: None };
        scratch.resize(1024, 0);
        Ok(Proof::Signature(terms.sign(Text::plain(host), identity, &self.key, scratch)?))
    }

    fn handle_event(
        &self,
        memory: &mut Memory<'_>,
        link: &mut Link,
        event: &DeviceEvent<'_>,
    ) -> Result<Option<End>, Box<dyn Error>> {
        let Memory { session, unacknowledged, scratch } = memory;
        let now = self.clock.now();
        println!("{event:?}");
        match event {
            DeviceEvent::Ready | DeviceEvent::SubscribeRefused { .. } => {
                for (token, Unacknowledged { topic, section, payload }) in unacknowledged.iter() {
                    let properties = section.read(SectionOf::Publish).unwrap_or_default();
                    let (qos, duplicate) = (Qos::AtLeastOnce, true);
                    let publish = Publish { qos, duplicate, properties, ..Publish::new(topic, payload) };
                    link.send(&Packet::Publish { ack: Some(*token), publish })?;
                }
                let (_, packet) = session.get_twin(now, ANSWER_WITHIN, scratch)?;
                link.send(&packet)?;
            }
            DeviceEvent::Twin { .. } => {
                let patch = br#"{"firmware":"1.4.2"}"#;
                let (_, packet) = session.report(now, ANSWER_WITHIN, patch, None, scratch)?;
                link.send(&packet)?;
            }
            DeviceEvent::Reported { .. } => {
                let telemetry =
                    Telemetry { payload: br#"{"t":21.5}"#, qos: Qos::AtLeastOnce, ..Telemetry::default() };
                let (token, packet) = session.send_telemetry(&telemetry, scratch)?;
                if let (Some(token), Packet::Publish { publish, .. }) = (token, &packet) {
                    let section = Section::of(publish.properties);
                    let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
                    unacknowledged.insert(token, Unacknowledged { topic, section, payload });
                }
                link.send(&packet)?;
            }
            DeviceEvent::Sent { token } | DeviceEvent::SendRefused { token, .. } => {
                drop(unacknowledged.remove(token));
            }
            DeviceEvent::Method(call) => {
                let answer = format!(r#"{{"got":{}}}"#, call.payload.len());
                link.send(&session.reply(call.request, call.name, 200, answer.as_bytes(), scratch)?)?;
            }
            DeviceEvent::Command { ack, .. } => {
                if let Some(token) = ack {
                    link.send(&session.settle(*token, Verdict::Complete, scratch)?)?;
                }
                return Ok(Some(End::Done));
            }
            DeviceEvent::RenewSoon => return Ok(Some(End::Renewal)),
            DeviceEvent::ConnectRefused { reason, retry, .. } => {
                return Ok(Some(End::Refused(format!("refused: {reason}"), *retry)));
            }
            // A request that came to nothing; a connection that lasts does not repeat it here.
            DeviceEvent::Refused { .. } | DeviceEvent::TimedOut { .. } | DeviceEvent::Lost { .. }
            // Nothing that this device asks for, or rumqttc hands on, leads to these.
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::Renewed
            | DeviceEvent::NotRenewed
            | DeviceEvent::NotModified { .. }
            | DeviceEvent::Input { .. }
            | DeviceEvent::DesiredChanged(_)
            | DeviceEvent::DesiredMissed { .. }
            | DeviceEvent::DesiredCurrent { .. }
            | DeviceEvent::DesiredUnavailable { .. } => {}
        }
        Ok(None)
    }
    fn identity(&self) -> Identity<'_> {
        self.identity.as_identity()
    }

    /// Differs between devices, as their names do, and from one start to the next.
    fn seed(&self) -> Seed {
        let name = self.identity().device.as_str().bytes();
        let name = name.fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Seed::new(name ^ self.clock.now_on_both().timestamp.as_millis())
    }
}
