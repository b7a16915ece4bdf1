use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use iothub_codec::{Ack, Codec, ConnectionString, Dialect, Filters};
use iothub_mqtt::Client;
use iothub_proto::{AckToken, Instant, Limits, Packet};
use iothub_server::{Options, Running, Server};
use reqwest::Response;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::back_end::{self, Question, Request};
use super::clock;
pub(super) use super::wire::Dial;
use super::wire::Wire;
use crate::conversation::{Actor, Conversation, Deed};
use crate::credentials::{Greeting, identity};
use crate::packets::{Draft, written};
use crate::player::{Part, Player, Trouble};

/// Tries the server: plays the device over MQTT on TLS or a WebSocket, and the back end over HTTPS. A server of its own
/// for each conversation.
pub(super) struct ServerPlayer<'a> {
    runtime: &'a Runtime,
    dialect: Dialect,
    module: Option<&'a str>,
    hub: Option<Running>,
    dial: Dial,
    trust: Arc<ClientConfig>,
    http: reqwest::Client,
    events: Events,
    /// The present connection, and the one before.
    line: Option<Line>,
    old: Option<Line>,
    /// What back ends wait for.
    asked: JoinSet<Result<Answer, Trouble>>,
    last_token: u16,
}

/// What was asked, and the status and body of the response.
type Answer = (Question, u16, Vec<u8>);

/// The device's end of a connection.
struct Line {
    stream: Wire,
    mqtt: Client,
    awaited: Option<AckToken>,
    /// What came while something else was awaited.
    arrived: VecDeque<Deed>,
    /// The device has sent what the hub may not have seen.
    ahead: bool,
    /// Nothing comes any more.
    ended: bool,
}

/// What happens in the hub, a line each.
struct Events {
    response: Response,
    arrived: Vec<u8>,
}

pub(super) const HOST: &str = "localhost";
/// A token that no conversation counts up to.
const SETTLING: AckToken = AckToken::new(u16::MAX).expect("not 0");
/// How long anything that is to happen may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl<'a> ServerPlayer<'a> {
    pub(super) fn start(
        runtime: &'a Runtime,
        conversation: &'a Conversation,
        dial: Dial,
    ) -> Result<Self, Trouble> {
        runtime.block_on(async {
            let hub = Server::start(Options::free_ports()).await.map_err(Trouble::new)?;
            let trust = trust(hub.ca_pem())?;
            let http = reqwest::Client::builder()
                .tls_backend_preconfigured(trust.as_ref().clone())
                .no_proxy()
                .build()
                .map_err(Trouble::new)?;
            let module = conversation.module.as_deref();
            for request in back_end::beginning(module) {
                let (status, body) = read(send(&http, &hub, request).await?).await?;
                back_end::answer(Question::Done, status, &body)?;
            }
            let path = "/$local/events".to_owned();
            let request = Request { method: "GET", path, headers: Vec::new(), body: Vec::new() };
            let events = Events { response: send(&http, &hub, request).await?, arrived: Vec::new() };
            Ok(Self {
                runtime,
                dialect: conversation.dialect,
                module,
                hub: Some(hub),
                dial,
                trust,
                http,
                events,
                line: None,
                old: None,
                asked: JoinSet::new(),
                last_token: 0x4000,
            })
        })
    }

    async fn device(&mut self, deed: &Deed) -> Result<(), Trouble> {
        let codec = Codec::new(self.dialect, identity(self.module)?);
        match deed.verb.as_str() {
            "CONNECT" => {
                let mut line = Line::open(self.dial.to(self.hub()?, &self.trust).await?);
                let greeting = Greeting { codec, host: HOST, now: clock::now(), deed };
                let sent = greeting.with(|opening| line.put(&Packet::Connect(opening)))?;
                sent?;
                line.flush_with(&bytes(deed.get("behind").unwrap_or_default().split_whitespace())?).await?;
                self.old = self.line.replace(line);
                return Ok(());
            }
            "AUTH" => {
                let greeting = Greeting { codec, host: HOST, now: clock::now(), deed };
                let line = self.line()?;
                greeting.with_renewal(|auth| line.put(&Packet::Auth(auth)))??;
            }
            "closes" => {
                // The end of TLS and of TCP, without a word of MQTT.
                let line = self.line()?;
                line.stream.shutdown().await.map_err(Trouble::new)?;
                line.ended = true;
                self.line = None;
                return Ok(());
            }
            "bytes" => {
                let bytes = bytes(deed.words.iter().map(String::as_str))?;
                return self.line()?.stream.write_all(&bytes).await.map_err(Trouble::new);
            }
            verb => {
                self.last_token += 1;
                let token = AckToken::new(self.last_token).ok_or_else(|| Trouble::new("no token"))?;
                let draft = Draft::new(self.dialect, Actor::Device, deed, token)?;
                let line = self.line()?;
                if verb == "SUBSCRIBE" || verb == "UNSUBSCRIBE" {
                    line.awaited = Some(token);
                }
                line.put(&draft.as_packet())?;
            }
        }
        self.line()?.flush().await
    }

    async fn back(&mut self, deed: &Deed) -> Result<(), Trouble> {
        let (question, request) = back_end::request(self.module, deed)?;
        if let Some(line) = &mut self.line {
            line.settle(self.dialect).await?;
        }
        let hub = self.hub.as_ref().ok_or_else(|| Trouble::new("the server is gone"))?;
        if question == Question::Call {
            // It is to arrive while the conversation goes on.
            let sent = prepare(&self.http, hub, request)?;
            let answer = async move {
                let (status, body) = read(sent.send().await.map_err(Trouble::new)?).await?;
                Ok((question, status, body))
            };
            self.asked.spawn(answer);
            return Ok(());
        }
        let (status, body) = read(send(&self.http, hub, request).await?).await?;
        match back_end::answer(question, status, &body)? {
            None => Ok(()),
            Some(deed) if question == Question::Done => Err(Trouble::new(deed)),
            Some(_) => {
                self.asked.spawn(async move { Ok((question, status, body)) });
                Ok(())
            }
        }
    }

    async fn seen(&mut self, wanted: &Deed) -> Result<Option<Deed>, Trouble> {
        if wanted.verb == "telemetry" {
            return self.events.next_telemetry().await;
        }
        let Some(answer) = self.asked.join_next().await else { return Ok(None) };
        let (question, status, body) = answer.map_err(Trouble::new)??;
        back_end::answer(question, status, &body)
    }

    fn hub(&self) -> Result<&Running, Trouble> {
        self.hub.as_ref().ok_or_else(|| Trouble::new("the server is gone"))
    }

    fn line(&mut self) -> Result<&mut Line, Trouble> {
        self.line.as_mut().ok_or_else(|| Trouble::new("no connection"))
    }
}

impl Line {
    fn open(stream: Wire) -> Self {
        Self {
            stream,
            mqtt: Client::new(Limits::CLASSIC),
            awaited: None,
            arrived: VecDeque::new(),
            ahead: false,
            ended: false,
        }
    }

    fn put(&mut self, packet: &Packet<'_>) -> Result<(), Trouble> {
        self.mqtt.send(Instant::default(), packet).map_err(Trouble::new)
    }

    async fn flush(&mut self) -> Result<(), Trouble> {
        self.flush_with(&[]).await
    }

    /// The same with bytes behind it, all in one piece.
    async fn flush_with(&mut self, behind: &[u8]) -> Result<(), Trouble> {
        self.ahead = true;
        let waiting = [self.mqtt.poll_bytes().unwrap_or_default(), behind].concat();
        self.stream.write_all(&waiting).await.map_err(Trouble::new)?;
        self.mqtt.consume(waiting.len());
        self.stream.flush().await.map_err(Trouble::new)
    }

    /// The next packet of the hub, or the end of the connection; nothing after that.
    async fn next(&mut self, dialect: Dialect) -> Result<Option<Deed>, Trouble> {
        match self.arrived.pop_front() {
            Some(deed) => Ok(Some(deed)),
            None => self.receive(dialect).await,
        }
    }

    /// Waits until the hub has seen everything that the device has sent. There is no order between the device's
    /// connection and a back end's: the device gives up what it never had, and the hub answers that in its turn.
    async fn settle(&mut self, dialect: Dialect) -> Result<(), Trouble> {
        if !core::mem::take(&mut self.ahead) || self.ended {
            return Ok(());
        }
        let nothing = [&[0, 7][..], b"nothing"].concat();
        let filters = Filters::from_unsubscribe(&nothing).map_err(Trouble::new)?;
        let before = self.awaited.replace(SETTLING);
        self.put(&Packet::Unsubscribe { token: SETTLING, filters })?;
        self.flush().await?;
        while let Some(deed) = self.receive(dialect).await?.filter(|deed| deed.verb != "UNSUBACK") {
            self.arrived.push_back(deed);
        }
        self.awaited = before;
        self.ahead = false;
        Ok(())
    }

    async fn receive(&mut self, dialect: Dialect) -> Result<Option<Deed>, Trouble> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some(packet) = self.mqtt.poll_packet().map_err(Trouble::new)? {
                return Ok(Some(written(&packet, dialect.version(), self.awaited)));
            }
            // How a connection ends is a matter of what was under way.
            let len = self.stream.read(self.mqtt.read_buffer()).await.unwrap_or(0);
            if len == 0 {
                self.ended = true;
                return Ok(Some(Deed::new("closes")));
            }
            self.mqtt.handle_read(Instant::default(), len);
        }
    }
}

impl Events {
    async fn next_telemetry(&mut self) -> Result<Option<Deed>, Trouble> {
        loop {
            while let Some(end) = self.arrived.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.arrived.drain(..=end).collect();
                let event = serde_json::from_slice(&line).unwrap_or(Value::Null);
                if let Some(deed) = back_end::telemetry(&event) {
                    return Ok(Some(deed));
                }
            }
            match self.response.chunk().await.map_err(Trouble::new)? {
                Some(bytes) => self.arrived.extend(&bytes),
                None => return Ok(None),
            }
        }
    }
}

impl Player for ServerPlayer<'_> {
    fn part(&self, actor: Actor, deed: &Deed) -> Part {
        match actor {
            // A back end learns of it by looking at the queue.
            Actor::Seen if deed.verb == "settled" => Part::Elsewhere,
            Actor::Device | Actor::Back | Actor::Time => Part::Acts,
            Actor::Hub | Actor::Old | Actor::Seen => Part::Watched,
            Actor::App | Actor::Told => Part::Elsewhere,
        }
    }

    fn act(&mut self, actor: Actor, deed: &Deed) -> Result<(), Trouble> {
        let runtime = self.runtime;
        runtime.block_on(soon(async {
            match actor {
                Actor::Device => self.device(deed).await,
                Actor::Back => self.back(deed).await,
                Actor::Time => Err(Trouble::new("time cannot be had for the asking")),
                Actor::Hub | Actor::Old | Actor::App | Actor::Told | Actor::Seen => Ok(()),
            }
        }))
    }

    fn next(&mut self, actor: Actor, wanted: &Deed) -> Result<Option<Deed>, Trouble> {
        let (runtime, dialect) = (self.runtime, self.dialect);
        runtime.block_on(soon(async {
            if actor == Actor::Seen {
                return self.seen(wanted).await;
            }
            let line = if actor == Actor::Old { &mut self.old } else { &mut self.line };
            line.as_mut().ok_or_else(|| Trouble::new("no connection"))?.next(dialect).await
        }))
    }

    /// A hub that has nothing more to say answers a goodbye by closing.
    fn finish(&mut self) -> Result<Option<(Actor, Deed)>, Trouble> {
        let (runtime, dialect) = (self.runtime, self.dialect);
        let Some(line) = self.line.as_mut().filter(|line| !line.ended) else { return Ok(None) };
        runtime.block_on(soon(async {
            if line.put(&Packet::Disconnect(Ack::SUCCESS)).is_ok() {
                line.flush().await?;
            }
            let rest = line.next(dialect).await?;
            Ok(rest.filter(|deed| deed.verb != "closes").map(|deed| (Actor::Hub, deed)))
        }))
    }
}

impl Drop for ServerPlayer<'_> {
    fn drop(&mut self) {
        // Nothing is kept that would have to be in order: it may stop at once, but on its runtime.
        let _guard = self.runtime.enter();
        self.hub = None;
    }
}

/// What is written in hexadecimal.
fn bytes<'w>(words: impl Iterator<Item = &'w str>) -> Result<Vec<u8>, Trouble> {
    words.map(|word| u8::from_str_radix(word, 16)).collect::<Result<_, _>>().map_err(Trouble::new)
}

/// Fails what would otherwise wait for ever.
async fn soon<T>(what: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    match tokio::time::timeout(PATIENCE, what).await {
        Ok(done) => done,
        Err(_) => Err(Trouble::new(format!("nothing for {} s", PATIENCE.as_secs()))),
    }
}

/// Only the authority of that hub.
fn trust(ca_pem: &str) -> Result<Arc<ClientConfig>, Trouble> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(Trouble::new)?;
    roots.add(authority).map_err(Trouble::new)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Trouble::new)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn prepare(
    http: &reqwest::Client,
    hub: &Running,
    request: Request,
) -> Result<reqwest::RequestBuilder, Trouble> {
    let owner = ConnectionString::parse(hub.service_connection_string()).map_err(Trouble::new)?;
    let key = owner.key().unwrap_or_default();
    let authorization = back_end::authorization(HOST, key, clock::now())?;
    let url = format!("https://{HOST}:{}{}", hub.https_address().port(), request.path);
    let method = request.method.parse().map_err(|_| Trouble::new("no method of HTTP"))?;
    let prepared = http.request(method, url).header("authorization", authorization).body(request.body);
    Ok(request.headers.iter().fold(prepared, |prepared, (name, value)| prepared.header(name, value)))
}

async fn send(http: &reqwest::Client, hub: &Running, request: Request) -> Result<Response, Trouble> {
    prepare(http, hub, request)?.send().await.map_err(Trouble::new)
}

async fn read(response: Response) -> Result<(u16, Vec<u8>), Trouble> {
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(Trouble::new)?;
    Ok((status, body.to_vec()))
}
