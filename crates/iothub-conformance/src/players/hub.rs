use core::time::Duration;
use std::collections::VecDeque;

use iothub_codec::{Codec, Dialect};
use iothub_hub::{
    Config, ConnectionId, Effect, Event, ExchangeId, Hub, Input, Level, Peer, Response, RestRequest, Seed,
    Transport,
};
use iothub_proto::{AckToken, Instant, Now, Packet, Timestamp};
use serde_json::Value;

use super::back_end::{self, Question};
use crate::conversation::{Actor, Conversation, Deed};
use crate::credentials::{Greeting, identity};
use crate::packets::{Draft, written};
use crate::player::{Part, Player, Trouble};

/// Tries the whole hub in memory: plays the device and the back end, in virtual time.
pub(super) struct HubPlayer<'a> {
    dialect: Dialect,
    module: Option<&'a str>,
    hub: Hub,
    now: Now,
    /// The device's connections, the present one last.
    lines: Vec<ConnectionId>,
    sent: VecDeque<(ConnectionId, Deed)>,
    events: VecDeque<Event>,
    responses: VecDeque<(ExchangeId, Response)>,
    /// What back ends wait for, in the order of their asking.
    asked: VecDeque<(ExchangeId, Question)>,
    awaited: Option<AckToken>,
    /// Why the hub does what it does, for whoever is surprised.
    notice: Option<String>,
    last: u64,
}

const HOST: &str = "hub1.test";
/// 2030-01-01T00:00:00Z
const BEGIN: Timestamp = Timestamp::from_secs(1_893_456_000);

impl<'a> HubPlayer<'a> {
    pub(super) fn new(conversation: &'a Conversation) -> Result<Self, Trouble> {
        let mut player = Self {
            dialect: conversation.dialect,
            module: conversation.module.as_deref(),
            hub: Hub::new(Config::new(Seed([7; 32]))),
            now: Now { instant: Instant::from_millis(1_000_000), timestamp: BEGIN },
            lines: Vec::new(),
            sent: VecDeque::new(),
            events: VecDeque::new(),
            responses: VecDeque::new(),
            asked: VecDeque::new(),
            awaited: None,
            notice: None,
            last: 0,
        };
        player.put(Input::Start);
        for request in back_end::beginning(player.module) {
            player.ask(Question::Done, &request)?;
        }
        Ok(player)
    }

    fn put(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        let mut closed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Record(_) => {}
                Effect::Append(event) => self.events.push_back(event),
                Effect::Send { connection, packet } => {
                    let deed = written(&packet.as_packet(), self.dialect.version(), self.awaited);
                    self.sent.push_back((connection, deed));
                }
                Effect::Respond { exchange, response } => self.responses.push_back((exchange, response)),
                Effect::Read { .. }
                | Effect::Transfer { .. }
                | Effect::Files(_)
                | Effect::Delegate { .. }
                | Effect::Report(_) => {}
                Effect::Close { connection } => closed.push(connection),
                Effect::Log(notice) => self.notice = Some(notice.why),
            }
        }
        // A server tells of every connection that it has closed.
        for connection in closed {
            self.sent.push_back((connection, Deed::new("closes")));
            self.put(Input::Closed { connection, why: "closed by the hub", level: Level::Info });
        }
    }

    fn ask(&mut self, question: Question, request: &back_end::Request) -> Result<(), Trouble> {
        let key = self.hub.policy_key("iothubowner").unwrap_or_default();
        let authorization = back_end::authorization(HOST, key, self.now.timestamp)?;
        let own = [("host", HOST), ("authorization", authorization.as_str())];
        let given = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<(&str, &str)> = own.into_iter().chain(given).collect();
        let exchange = ExchangeId(self.next_id());
        let (path, query) = match request.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request.path.as_str(), None),
        };
        let request = RestRequest {
            method: request.method,
            path,
            query,
            headers: &headers,
            certificates: &[],
            body: &request.body,
        };
        self.put(Input::Rest { exchange, request });
        self.asked.push_back((exchange, question));
        if question == Question::Done {
            return match self.answer()? {
                None => Ok(()),
                Some(refused) => Err(Trouble::new(refused)),
            };
        }
        Ok(())
    }

    /// The answer to the last question for which there is one to be told at once.
    fn answer(&mut self) -> Result<Option<Deed>, Trouble> {
        let found = self
            .asked
            .iter()
            .position(|(asked, _)| self.responses.iter().any(|(exchange, _)| exchange == asked));
        let Some((exchange, question)) = found.and_then(|at| self.asked.remove(at)) else { return Ok(None) };
        let at = self.responses.iter().position(|(each, _)| *each == exchange);
        let Some((_, response)) = at.and_then(|at| self.responses.remove(at)) else { return Ok(None) };
        back_end::answer(question, response.status, &response.body)
    }

    fn telemetry(&mut self) -> Option<Deed> {
        while let Some(event) = self.events.pop_front() {
            let event = serde_json::to_value(&event).unwrap_or(Value::Null);
            if let Some(deed) = back_end::telemetry(&event) {
                return Some(deed);
            }
        }
        None
    }

    fn device(&mut self, deed: &Deed) -> Result<(), Trouble> {
        match deed.verb.as_str() {
            "CONNECT" => {
                let line = ConnectionId(self.next_id());
                let peer = Peer {
                    address: ([127, 0, 0, 1], 50_000).into(),
                    transport: Transport::Mqtt,
                    server_name: None,
                    certificates: Vec::new(),
                };
                self.put(Input::Opened { connection: line, peer });
                self.lines.push(line);
                let codec = Codec::new(self.dialect, identity(self.module)?);
                let greeting = Greeting { codec, host: HOST, now: self.now.timestamp, deed };
                greeting.with(|opening| {
                    self.put(Input::Packet { connection: line, packet: &Packet::Connect(opening) });
                })
            }
            "AUTH" => {
                let connection = self.line()?;
                let codec = Codec::new(self.dialect, identity(self.module)?);
                let greeting = Greeting { codec, host: HOST, now: self.now.timestamp, deed };
                greeting.with_renewal(|auth| {
                    self.put(Input::Packet { connection, packet: &Packet::Auth(auth) });
                })
            }
            "closes" => {
                let connection = self.line()?;
                let why = "the peer closed the socket";
                self.put(Input::Closed { connection, why, level: Level::Info });
                Ok(())
            }
            verb => {
                let token = AckToken::new(self.next_token()).ok_or_else(|| Trouble::new("no token"))?;
                if verb == "SUBSCRIBE" || verb == "UNSUBSCRIBE" {
                    self.awaited = Some(token);
                }
                let connection = self.line()?;
                let draft = Draft::new(self.dialect, Actor::Device, deed, token)?;
                self.put(Input::Packet { connection, packet: &draft.as_packet() });
                Ok(())
            }
        }
    }

    fn line(&self) -> Result<ConnectionId, Trouble> {
        self.lines.last().copied().ok_or_else(|| Trouble::new("no connection"))
    }

    /// Lets time pass, and has the hub do what falls due.
    fn pass(&mut self, seconds: u64) {
        let end = self.now.instant.after(Duration::from_secs(seconds));
        while let Some((at, _)) = self.hub.poll_timeout().filter(|(at, _)| *at <= end) {
            self.advance_to(at);
            self.put(Input::Tick);
        }
        self.advance_to(end);
    }

    fn advance_to(&mut self, at: Instant) {
        let by = at.since(self.now.instant);
        self.now = Now { instant: self.now.instant.after(by), timestamp: self.now.timestamp.after(by) };
    }

    fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Not one that a conversation counts up to.
    fn next_token(&mut self) -> u16 {
        self.last += 1;
        u16::try_from(self.last).unwrap_or(0) | 0x4000
    }

    fn whose(&self, line: ConnectionId) -> Actor {
        if self.lines.last() == Some(&line) { Actor::Hub } else { Actor::Old }
    }
}

impl Player for HubPlayer<'_> {
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
        match actor {
            Actor::Device => self.device(deed),
            Actor::Back => {
                let (question, request) = back_end::request(self.module, deed)?;
                self.ask(question, &request)
            }
            Actor::Time => {
                self.pass(deed.at(0).parse().map_err(Trouble::new)?);
                Ok(())
            }
            Actor::Hub | Actor::Old | Actor::App | Actor::Told | Actor::Seen => Ok(()),
        }
    }

    fn next(&mut self, actor: Actor, wanted: &Deed) -> Result<Option<Deed>, Trouble> {
        if actor == Actor::Seen {
            return if wanted.verb == "telemetry" { Ok(self.telemetry()) } else { self.answer() };
        }
        let at = self.sent.iter().position(|(line, _)| self.whose(*line) == actor);
        match at.and_then(|at| self.sent.remove(at)) {
            Some((_, deed)) => Ok(Some(deed)),
            None => match &self.notice {
                Some(notice) => Err(Trouble::new(format!("nothing (the hub's last word: {notice})"))),
                None => Ok(None),
            },
        }
    }

    fn finish(&mut self) -> Result<Option<(Actor, Deed)>, Trouble> {
        if let Some((line, deed)) = self.sent.pop_front() {
            return Ok(Some((self.whose(line), deed)));
        }
        let seen = match self.telemetry() {
            Some(telemetry) => Some(telemetry),
            None => self.answer()?,
        };
        Ok(seen.map(|deed| (Actor::Seen, deed)))
    }
}
