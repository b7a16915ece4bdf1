use core::time::Duration;

use iothub_codec::{
    Ack, Connect, DeviceId, Filters, Identity, ModuleId, PropertySection, Publish, Qos, SharedKey,
    TokenRequest, Version,
};
use iothub_hub::{
    Change, Config, ConnectionId, Edition, Effect, Errand, Event, ExchangeId, FileSettings, FileStep, Hub,
    Input, Level, Notice, PacketBuf, Peer, ProvisioningConfig, Reading, Report, Response, RestRequest, Seed,
    TransferStep, Transport,
};
use iothub_proto::{AckToken, Instant, Now, Opening, Packet, RefusalReason, Session, Timestamp};
use serde_json::{Value, json};

pub(crate) const HOST: &str = "hub1.test";
/// 2030-01-01T00:00:00Z
pub(crate) const BEGIN: Timestamp = Timestamp::from_secs(1_893_456_000);

/// A hub, the time, and what the hub has had done.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) now: Now,
    pub(crate) changes: Vec<Change>,
    pub(crate) events: Vec<Event>,
    pub(crate) notices: Vec<Notice>,
    sent: Vec<(ConnectionId, PacketBuf)>,
    responses: Vec<(ExchangeId, Response)>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) steps: Vec<(u64, TransferStep)>,
    pub(crate) file_steps: Vec<FileStep>,
    pub(crate) delegated: Vec<(String, Errand)>,
    pub(crate) reports: Vec<Report>,
    /// What TLS knows those by who make requests.
    pub(crate) shown: Vec<Vec<u8>>,
    closing: Vec<ConnectionId>,
    gone: Vec<ConnectionId>,
    last_id: u64,
}

/// A device's end of a connection, as far as a hub sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) ConnectionId);

/// What a device says when it connects, to be varied by tests.
pub(crate) struct Greeting {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) session: Session,
    pub(crate) will: Option<(String, Vec<u8>)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self::empty();
        world.put(Input::Start);
        world
    }

    /// A hub before its start, for a record to be replayed into.
    pub(crate) fn empty() -> Self {
        Self::empty_of(Edition::UNLIMITED)
    }

    pub(crate) fn of(edition: Edition) -> Self {
        let mut world = Self::empty_of(edition);
        world.put(Input::Start);
        world
    }

    pub(crate) fn empty_of(edition: Edition) -> Self {
        let mut config = Config::new(Seed([7; 32]));
        config.edition = edition;
        config.ready_device = Some("dev1".into());
        config.transfers = true;
        config.files = Some(FileSettings::default());
        Self::of_config(config)
    }

    /// A hub that keeps the provisioning service for hubs of these names, the first of which is its own.
    pub(crate) fn provisioning(hubs: &[&str]) -> Self {
        let mut world = Self::empty_provisioning(hubs);
        world.put(Input::Start);
        world
    }

    /// The same before its start.
    pub(crate) fn empty_provisioning(hubs: &[&str]) -> Self {
        let mut config = Config::new(Seed([7; 32]));
        let hubs = hubs.iter().map(|hub| (*hub).to_owned()).collect();
        config.provisioning = Some(ProvisioningConfig { id_scope: "0ne000ABCDE".into(), hubs, port: None });
        Self::of_config(config)
    }

    fn of_config(config: Config) -> Self {
        Self {
            hub: Hub::new(config),
            now: Now { instant: Instant::from_millis(1_000_000), timestamp: BEGIN },
            changes: Vec::new(),
            events: Vec::new(),
            notices: Vec::new(),
            sent: Vec::new(),
            responses: Vec::new(),
            readings: Vec::new(),
            steps: Vec::new(),
            file_steps: Vec::new(),
            delegated: Vec::new(),
            reports: Vec::new(),
            shown: Vec::new(),
            closing: Vec::new(),
            gone: Vec::new(),
            last_id: 0,
        }
    }

    pub(crate) fn put(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Record(change) => self.changes.push(change),
                Effect::Append(event) => self.events.push(event),
                Effect::Send { connection, packet } => self.sent.push((connection, packet)),
                Effect::Respond { exchange, response } => self.responses.push((exchange, response)),
                Effect::Read { exchange, reading } => {
                    let response = Response { status: 200, headers: Vec::new(), body: b"read".to_vec() };
                    self.responses.push((exchange, response));
                    self.readings.push(reading);
                }
                Effect::Transfer { number, step } => self.steps.push((number, step)),
                Effect::Files(step) => self.file_steps.push(step),
                Effect::Delegate { hub, errand } => self.delegated.push((hub, errand)),
                Effect::Report(report) => self.reports.push(report),
                Effect::Close { connection } => self.closing.push(connection),
                Effect::Log(notice) => self.notices.push(notice),
            }
        }
        // A server tells of every connection that it has closed.
        for connection in core::mem::take(&mut self.closing) {
            self.put(Input::Closed { connection, why: "closed by the hub", level: Level::Info });
            self.gone.push(connection);
        }
    }

    /// Lets time pass, and has the hub do what falls due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while let Some((at, _)) = self.hub.poll_timeout().filter(|(at, _)| *at <= end) {
            self.advance_to(at);
            self.put(Input::Tick);
            assert!(self.hub.poll_timeout().is_none_or(|(next, _)| next > at), "what was due is done");
        }
        self.advance_to(end);
    }

    fn advance_to(&mut self, at: Instant) {
        let by = at.since(self.now.instant);
        self.now = Now { instant: self.now.instant.after(by), timestamp: self.now.timestamp.after(by) };
    }

    // Devices.

    /// What a device or module (`d/m`) says that is in order.
    pub(crate) fn greeting(&self, id: &str) -> Greeting {
        Greeting {
            client_id: id.into(),
            username: format!("{HOST}/{id}/?api-version=2021-04-12"),
            password: Some(self.token(id, 3600).into_bytes()),
            session: Session::Resume,
            will: None,
        }
    }

    /// A token signed with the first key of a device or module.
    pub(crate) fn token(&self, id: &str, valid_s: u64) -> String {
        let key = self.key(id);
        let expiry_s = self.now.timestamp.as_secs() + valid_s;
        sign(&key, &TokenRequest { host: HOST, identity: Some(identity(id)), expiry_s, policy: None })
    }

    /// The first key of a device or module.
    pub(crate) fn key(&self, id: &str) -> String {
        match id.split_once('/') {
            None => self.hub.device_key(id).expect("a device of the registry").to_owned(),
            Some(_) => self.module_key(id),
        }
    }

    /// A token of a policy for the hub as a whole.
    pub(crate) fn policy_token(&self, policy: &str) -> String {
        let key = self.hub.policy_key(policy).expect("a policy of every hub");
        let expiry_s = self.now.timestamp.as_secs() + 3600;
        sign(key, &TokenRequest { host: HOST, identity: None, expiry_s, policy: Some(policy) })
    }

    pub(crate) fn greet(&mut self, greeting: &Greeting) -> (Line, Result<Session, RefusalReason>) {
        let line = self.open();
        let will = greeting.will.as_ref().map(|(topic, payload)| Publish::new(topic, payload));
        let opening = Opening {
            session: greeting.session,
            keep_alive_s: 60,
            will,
            ..Opening::new(Connect {
                version: Version::V311,
                client_id: &greeting.client_id,
                username: Some(&greeting.username),
                password: greeting.password.as_deref(),
                properties: PropertySection::EMPTY,
            })
        };
        self.send(line, &Packet::Connect(opening));
        let answer = self.take(line, |packet| match packet {
            PacketBuf::Connected(session, _) => Some(Ok(*session)),
            PacketBuf::Refused(reason, _) => Some(Err(*reason)),
            _ => None,
        });
        (line, *answer.first().expect("every CONNECT is answered"))
    }

    pub(crate) fn open(&mut self) -> Line {
        self.open_as(None)
    }

    /// From a device that asked TLS for the hub by that name.
    pub(crate) fn open_as(&mut self, server_name: Option<&str>) -> Line {
        self.open_with(server_name, Vec::new())
    }

    /// From a device that TLS knows by these certificates.
    pub(crate) fn open_behind(&mut self, certificates: Vec<Vec<u8>>) -> Line {
        self.open_with(None, certificates)
    }

    fn open_with(&mut self, server_name: Option<&str>, certificates: Vec<Vec<u8>>) -> Line {
        let connection = ConnectionId(self.next_id());
        let peer = Peer {
            address: ([127, 0, 0, 1], 50_000).into(),
            transport: Transport::Mqtt,
            server_name: server_name.map(str::to_owned),
            certificates,
        };
        self.put(Input::Opened { connection, peer });
        Line(connection)
    }

    pub(crate) fn connect(&mut self, id: &str) -> Line {
        let (line, answer) = self.greet(&self.greeting(id));
        answer.unwrap_or_else(|reason| panic!("{id}: {reason}, {:?}", self.notices.last()));
        line
    }

    pub(crate) fn send(&mut self, line: Line, packet: &Packet<'_>) {
        self.put(Input::Packet { connection: line.0, packet });
    }

    pub(crate) fn publish(&mut self, line: Line, topic: &str, payload: &[u8], ack: Option<u16>) {
        let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let publish = Publish { qos, ..Publish::new(topic, payload) };
        self.send(line, &Packet::Publish { ack: ack.map(token), publish });
    }

    pub(crate) fn acknowledge(&mut self, line: Line, ack: AckToken) {
        self.send(line, &Packet::Ack { token: ack, ack: Ack::SUCCESS });
    }

    pub(crate) fn subscribe(&mut self, line: Line, filters: &[(&str, u8)]) -> Vec<Option<Qos>> {
        let mut wire = Vec::new();
        for (filter, qos) in filters {
            wire.extend(u16::try_from(filter.len()).unwrap().to_be_bytes());
            wire.extend(filter.bytes());
            wire.push(*qos);
        }
        let filters = Filters::from_subscribe(&wire).unwrap();
        self.send(line, &Packet::Subscribe { token: token(99), filters });
        let answers = self.take(line, |packet| match packet {
            PacketBuf::SubAck(_, granted) => Some(granted.iter().map(Result::ok).collect()),
            _ => None,
        });
        answers.into_iter().next().expect("every SUBSCRIBE is answered")
    }

    pub(crate) fn disconnect(&mut self, line: Line) {
        self.send(line, &Packet::Disconnect(Ack::SUCCESS));
    }

    /// The device's socket goes away.
    pub(crate) fn cut(&mut self, line: Line) {
        self.put(Input::Closed { connection: line.0, why: "the peer closed the socket", level: Level::Info });
        self.gone.push(line.0);
    }

    pub(crate) fn is_closed(&self, line: Line) -> bool {
        self.gone.contains(&line.0)
    }

    /// What the hub published on a line since the last look.
    pub(crate) fn published(&mut self, line: Line) -> Vec<Message> {
        self.take(line, |packet| match (packet, packet.as_packet()) {
            (PacketBuf::Publish { .. }, Packet::Publish { ack, publish }) => Some(Message {
                topic: publish.topic.into(),
                payload: String::from_utf8_lossy(publish.payload).into_owned(),
                ack,
                duplicate: publish.duplicate,
            }),
            _ => None,
        })
    }

    /// The messages that the hub acknowledged on a line since the last look.
    pub(crate) fn acknowledged(&mut self, line: Line) -> Vec<u16> {
        self.take(line, |packet| match packet {
            PacketBuf::Ack(token, _) => Some(token.get()),
            _ => None,
        })
    }

    /// Everything that the hub sent on a line since the last look.
    pub(crate) fn sent(&mut self, line: Line) -> Vec<PacketBuf> {
        self.take(line, |packet| Some(packet.clone()))
    }

    pub(crate) fn take<T>(&mut self, line: Line, pick: impl Fn(&PacketBuf) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        self.sent.retain(|(connection, packet)| match pick(packet).filter(|_| *connection == line.0) {
            Some(value) => {
                picked.push(value);
                false
            }
            None => true,
        });
        picked
    }

    // Back ends.

    /// A request of the hub's owner.
    pub(crate) fn rest(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.rest_if(method, path, body, None)
    }

    pub(crate) fn rest_if(
        &mut self,
        method: &str,
        path: &str,
        body: Value,
        if_match: Option<&str>,
    ) -> (u16, Value) {
        let response = self.rest_with(
            method,
            path,
            &body.to_string(),
            &if_match.map_or(vec![], |etag| vec![("if-match", etag)]),
        );
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        (response.status, body)
    }

    /// The same with everything to choose; the response must come at once.
    pub(crate) fn rest_with(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let exchange = self.ask(method, path, body, headers);
        self.response(exchange).expect("a response at once")
    }

    /// Makes a request whose response may take its time.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> ExchangeId {
        let token = self.policy_token("iothubowner");
        let mut all = headers.to_vec();
        for header in [("host", HOST), ("authorization", token.as_str())] {
            if !headers.iter().any(|(name, _)| *name == header.0) {
                all.push(header);
            }
        }
        all.retain(|(_, value)| !value.is_empty());
        let exchange = ExchangeId(self.next_id());
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, Some("api-version=2021-04-12")),
        };
        let certificates = self.shown.clone();
        let (certificates, body) = (&certificates[..], body.as_bytes());
        let request = RestRequest { method, path, query, headers: &all, certificates, body };
        self.put(Input::Rest { exchange, request });
        exchange
    }

    pub(crate) fn response(&mut self, exchange: ExchangeId) -> Option<Response> {
        let at = self.responses.iter().position(|(each, _)| *each == exchange)?;
        Some(self.responses.remove(at).1)
    }

    pub(crate) fn create_device(&mut self, id: &str) {
        let (status, body) = self.rest("PUT", &format!("/devices/{id}"), json!({"deviceId": id}));
        assert_eq!(status, 200, "{body}");
    }

    pub(crate) fn create_module(&mut self, device: &str, module: &str) {
        let path = format!("/devices/{device}/modules/{module}");
        let (status, body) = self.rest("PUT", &path, json!({"deviceId": device, "moduleId": module}));
        assert_eq!(status, 201, "{body}");
    }

    fn module_key(&self, id: &str) -> String {
        let of = |change: &Change| match change {
            Change::IdentitySet { key, record, .. } if key.to_string() == id => {
                record.authentication.symmetric_key.primary_key.clone()
            }
            _ => None,
        };
        self.changes.iter().rev().find_map(of).expect("a module of the registry")
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// A PUBLISH that a device got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) ack: Option<AckToken>,
    pub(crate) duplicate: bool,
}

impl Message {
    /// Answers may have no payload.
    pub(crate) fn json_or_null(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_else(|error| panic!("{}: {error}", self.payload))
    }
}

pub(crate) fn token(id: u16) -> AckToken {
    AckToken::new(id).expect("not zero")
}

pub(crate) fn identity(id: &str) -> Identity<'_> {
    match id.split_once('/') {
        None => Identity::device(DeviceId::new(id).unwrap()),
        Some((device, module)) => {
            Identity::module(DeviceId::new(device).unwrap(), ModuleId::new(module).unwrap())
        }
    }
}

pub(crate) fn sign(key: &str, request: &TokenRequest<'_>) -> String {
    let key = SharedKey::from_base64(key).unwrap();
    request.sign(&key, &mut [0; 1024]).unwrap().to_owned()
}
