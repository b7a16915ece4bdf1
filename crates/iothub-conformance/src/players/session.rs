use core::time::Duration;
use std::collections::VecDeque;

use iothub_codec::{
    Ack, Codec, Dialect, Operation, Outcome, Publish, Qos, RequestIdBuf, Telemetry, ToDevice, Version,
    open_connect,
};
use iothub_model::ErrorCode;
use iothub_proto::{
    AckToken, Delivery, Dismissal, HubEvent, HubSession, Instant, Opening, Packet, PeerError, Received,
    SendError, Subscriptions, Ticket, Timestamp, refuse_connect,
};

use super::application::{verdict_name, with_properties};
use crate::conversation::{Actor, Conversation, Deed};
use crate::credentials::{Greeting, identity};
use crate::packets::{Draft, written};
use crate::player::{Part, Player, Trouble};

/// Tries the hub's session: plays the device, and as much of a hub as the conversation says it does. What a hub sends
/// must come out of the session when it is asked for it; what a hub decides is not tried here.
pub(super) struct SessionPlayer<'a> {
    dialect: Dialect,
    module: Option<&'a str>,
    now: Instant,
    session: Option<HubSession>,
    /// By what the device broke the rules: the hub has to end the connection.
    broken: Option<PeerError>,
    /// CONNECT came, and is to be answered: the session and its CONNACK, or why there is none.
    greeted: Option<(HubSession, Deed)>,
    kept: Option<Subscriptions>,
    sent: VecDeque<Deed>,
    seen: VecDeque<Deed>,
    /// Requests of the device that are not answered.
    asked: VecDeque<(RequestIdBuf, Operation<'static>)>,
    /// Messages of the device that are not acknowledged.
    owed: Vec<AckToken>,
    /// Calls of a back end that are not made yet, and those that are made.
    calls: VecDeque<Deed>,
    open: Vec<Ticket>,
    /// The number of the first call of the next connection.
    next_call: u32,
    last_token: u16,
}

const HOST: &str = "hub1.test";
const BEGIN: Timestamp = Timestamp::from_secs(1_893_456_000);
/// Room for what a session writes.
const ROOM: usize = 8192;
/// How long a call waits for its answer unless it says so.
const ANSWER_WITHIN_S: u64 = 30;
/// Most calls that a conversation makes over one connection.
const CALLS_MAX: u32 = 1000;

impl<'a> SessionPlayer<'a> {
    pub(super) fn new(conversation: &'a Conversation) -> Result<Self, Trouble> {
        Ok(Self {
            dialect: conversation.dialect,
            module: conversation.module.as_deref(),
            now: Instant::from_millis(1_000_000),
            session: None,
            broken: None,
            greeted: None,
            kept: None,
            sent: VecDeque::new(),
            seen: VecDeque::new(),
            asked: VecDeque::new(),
            owed: Vec::new(),
            calls: VecDeque::new(),
            open: Vec::new(),
            next_call: 1,
            last_token: 0x4000,
        })
    }

    fn codec(&self) -> Result<Codec<'a>, Trouble> {
        Ok(Codec::new(self.dialect, identity(self.module)?))
    }

    fn device(&mut self, deed: &Deed) -> Result<(), Trouble> {
        match deed.verb.as_str() {
            "CONNECT" => {
                self.end();
                let greeting = Greeting { codec: self.codec()?, host: HOST, now: BEGIN, deed };
                greeting.with(|opening| self.greet(&opening))
            }
            "AUTH" => {
                let greeting = Greeting { codec: self.codec()?, host: HOST, now: BEGIN, deed };
                greeting.with_renewal(|auth| self.take(&Packet::Auth(auth)))?
            }
            "closes" => {
                self.end();
                Ok(())
            }
            _ => {
                self.last_token += 1;
                let token = AckToken::new(self.last_token).ok_or_else(|| Trouble::new("no token"))?;
                let draft = Draft::new(self.dialect, Actor::Device, deed, token)?;
                self.take(&draft.as_packet())
            }
        }
    }

    /// A CONNECT that cannot be read, or is of somebody else, makes no session.
    fn greet(&mut self, opening: &Opening<'_>) {
        let Ok((dialect, claim)) = open_connect(&opening.connect) else { return };
        let kept = self.kept;
        let (session, answer) = HubSession::accept(dialect, claim.identity, opening, kept, self.next_call);
        self.next_call += CALLS_MAX;
        let answer = written(&answer, self.dialect.version(), None);
        self.greeted = Some((session, answer));
    }

    fn take(&mut self, packet: &Packet<'_>) -> Result<(), Trouble> {
        let mqtt = self.dialect.version();
        let now = self.now;
        let session = self.session.as_mut().ok_or_else(|| Trouble::new("nobody is connected"))?;
        let event = match session.handle_packet(now, packet) {
            Ok(event) => event,
            Err(error) => {
                self.broken = Some(error);
                return Ok(());
            }
        };
        match event {
            HubEvent::Received { ack, message } => {
                self.owed.extend(ack);
                self.received(message);
            }
            HubEvent::Unreadable { token, .. } => self.owed.push(token),
            HubEvent::Subscribed { token, granted, .. } => {
                self.sent.push_back(written(&Packet::SubAck { token, granted }, mqtt, Some(token)));
            }
            HubEvent::Unsubscribed { token, removed } => {
                self.sent.push_back(written(&Packet::UnsubAck { token, removed }, mqtt, Some(token)));
            }
            HubEvent::Goodbye | HubEvent::GaveUp { .. } => {
                self.sent.push_back(Deed::new("closes"));
                self.end();
            }
            HubEvent::Settled { verdict, .. } => {
                self.seen.push_back(Deed::new("settled").word(verdict_name(verdict)));
            }
            // What becomes of a signature is the hub's business.
            HubEvent::LateAck { .. } | HubEvent::AuthStep { .. } => {}
            HubEvent::Unanswered { .. } | HubEvent::Expired => {
                return Err(Trouble::new("an event of time from a packet"));
            }
        }
        Ok(())
    }

    fn received(&mut self, message: Received<'_>) {
        match message {
            Received::Telemetry(telemetry) => self.seen.push_back(seen_telemetry(&telemetry)),
            Received::TwinGet(get) => self.asked.push_back((get.request.to_buf(), Operation::TwinGet)),
            Received::TwinPatch(patch) => {
                self.asked.push_back((patch.request.to_buf(), Operation::TwinPatch));
            }
            Received::Answer { ticket, code, payload, .. } => {
                self.open.retain(|open| *open != ticket);
                // To a back end nothing is null.
                let payload: &[u8] = if payload.is_empty() { b"null" } else { payload };
                self.seen.push_back(Deed::new("answered").word(code).payload(payload));
            }
            Received::Declined { ticket, .. } => {
                self.open.retain(|open| *open != ticket);
                self.seen.push_back(refused(ErrorCode::DeviceNotOnline));
            }
            Received::LateAnswer => {}
        }
    }

    /// What the hub is to send now, written by the session.
    fn sends(&mut self, wanted: &Deed) -> Result<Deed, Trouble> {
        let mqtt = self.dialect.version();
        if wanted.verb == "CONNACK" {
            return self.answers_connect(wanted);
        }
        let draft = Draft::new(self.dialect, Actor::Hub, wanted, AckToken::FIRST)?;
        let mut room = [0; ROOM];
        let packet = match draft.as_packet() {
            Packet::Publish { ack, publish } => return self.publishes(ack, &publish),
            Packet::Ack { token, ack } => {
                let owed = self.owed.iter().position(|each| *each == token);
                self.owed.remove(owed.ok_or_else(|| Trouble::new("the session owes no such PUBACK"))?);
                self.acknowledges(token, &ack, &mut room)?
            }
            Packet::Disconnect(ack) => self.dismisses(&ack, &mut room)?,
            Packet::Auth(_) => {
                let until = self.now.after(Duration::from_secs(3600));
                self.session()?.renewed(until, &mut room).map_err(Trouble::new)?
            }
            Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::Subscribe { .. }
            | Packet::SubAck { .. }
            | Packet::Unsubscribe { .. }
            | Packet::UnsubAck { .. } => return Err(Trouble::new("nothing")),
        };
        Ok(written(&packet, mqtt, None))
    }

    /// The last words of a hub: why it closes is its own business, unless the session has told it to.
    fn dismisses<'b>(&mut self, ack: &Ack<'_>, room: &'b mut [u8]) -> Result<Packet<'b>, Trouble> {
        let outcome = self.codec()?.decode_ack(ack).map_err(Trouble::new)?;
        let own = match (self.broken.take(), ack.reason_code) {
            (Some(error), _) => Dismissal::Broken(error),
            (None, 0x87) => Dismissal::NotAuthorized,
            (None, Ack::SESSION_TAKEN_OVER) => Dismissal::TakenOver,
            (None, Ack::CONNECTION_RATE_EXCEEDED) => Dismissal::TooManyConnections,
            (None, _) => Dismissal::Refused(outcome),
        };
        self.session()?.dismiss(&own, room).map_err(Trouble::new)
    }

    fn answers_connect(&mut self, wanted: &Deed) -> Result<Deed, Trouble> {
        if wanted.at(0) != "refused" {
            let (session, answer) =
                self.greeted.take().ok_or_else(|| Trouble::new("the CONNECT is no good"))?;
            self.session = Some(session);
            return Ok(answer);
        }
        let draft = Draft::new(self.dialect, Actor::Hub, wanted, AckToken::FIRST)?;
        let Packet::Refused(refusal) = draft.as_packet() else { return Err(Trouble::new("no refusal")) };
        let (mqtt, codec) = (self.dialect.version(), self.codec()?);
        let ack = Ack { reason_code: refusal.reason.code(), properties: refusal.properties };
        let outcome = codec.decode_ack(&ack).unwrap_or(Outcome::DONE);
        let mut room = [0; ROOM];
        let packet = refuse_connect((mqtt, self.dialect), refusal.reason, &outcome, &mut room);
        Ok(written(&packet.map_err(Trouble::new)?, mqtt, None))
    }

    fn acknowledges<'b>(
        &mut self,
        token: AckToken,
        ack: &Ack<'_>,
        room: &'b mut [u8],
    ) -> Result<Packet<'b>, Trouble> {
        if ack.reason_code == 0 {
            return Ok(HubSession::<10>::acknowledge(token));
        }
        let outcome = self.codec()?.decode_ack(ack).map_err(Trouble::new)?;
        self.session()?.refuse(token, &outcome, room).map_err(Trouble::new)
    }

    /// The message is read as a device reads it, and the session is asked to say the same.
    fn publishes(&mut self, ack: Option<AckToken>, publish: &Publish<'_>) -> Result<Deed, Trouble> {
        let (mqtt, now) = (self.dialect.version(), self.now);
        let codec = self.codec()?;
        let message = codec.decode_to_device(publish).map_err(Trouble::new)?;
        let mut room = [0; ROOM];
        let packet = match message {
            ToDevice::Method(_) => {
                let call = self.calls.pop_front().ok_or_else(|| Trouble::new("nobody calls a method"))?;
                let within = call.get("answer-within").map_or(Ok(ANSWER_WITHIN_S), str::parse);
                let within = Duration::from_secs(within.map_err(Trouble::new)?);
                let (ticket, packet) = self
                    .session()?
                    .call(now, within, call.at(0), call.bytes(), &mut room)
                    .map_err(Trouble::new)?;
                let deed = written(&packet, mqtt, None);
                self.open.push(ticket);
                return Ok(deed);
            }
            ToDevice::Command(mut command) => {
                command.qos = Qos::AtMostOnce;
                let again = ack.filter(|_| publish.duplicate).map(Delivery::Again);
                let sent = self.session()?.command(&command, again.unwrap_or(Delivery::First), &mut room);
                sent.map_err(Trouble::new)?.1
            }
            ToDevice::DesiredChanged(change) => {
                self.session()?.desired_changed(&change, &mut room).map_err(Trouble::new)?
            }
            ToDevice::Reply(reply) => {
                let asked = self.asked.iter().position(|(each, _)| each.as_id() == reply.request);
                let asked = asked.and_then(|at| self.asked.remove(at));
                let (_, operation) = asked.ok_or_else(|| Trouble::new("no request has that id"))?;
                self.session()?.reply(operation, &reply, &mut room).map_err(Trouble::new)?
            }
            ToDevice::Input(_) => return Err(Trouble::new("no hub sends to inputs")),
        };
        Ok(written(&packet, mqtt, None))
    }

    /// A back end sees that its call is not made, or came to nothing.
    fn sees_refusal(&mut self) -> Result<Option<Deed>, Trouble> {
        let now = self.now;
        let Some(call) = self.calls.pop_front() else { return Ok(None) };
        let mut room = [0; ROOM];
        match &mut self.session {
            None => Ok(Some(refused(ErrorCode::DeviceNotOnline))),
            Some(session) => match session.call(now, Duration::ZERO, call.at(0), call.bytes(), &mut room) {
                Err(SendError::NotSubscribed) => Ok(Some(refused(ErrorCode::DeviceNotOnline))),
                Err(SendError::TooManyOpen { .. }) => {
                    Ok(Some(refused(ErrorCode::DeviceMaximumInflightMethodExceeded)))
                }
                Err(error) => Err(Trouble::new(error)),
                Ok((_, packet)) => Ok(Some(written(&packet, self.dialect.version(), None))),
            },
        }
    }

    fn session(&mut self) -> Result<&mut HubSession, Trouble> {
        self.session.as_mut().ok_or_else(|| Trouble::new("nobody is connected"))
    }

    /// The connection is gone.
    fn end(&mut self) {
        if let Some(session) = self.session.take() {
            self.kept = session.kept();
        }
        self.broken = None;
        self.greeted = None;
        self.asked.clear();
        self.owed.clear();
        let lost = self.open.drain(..).map(|_| refused(ErrorCode::DeviceNotOnline));
        self.seen.extend(lost);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
        while let Some(event) = self.session.as_mut().and_then(|session| session.handle_timeout(self.now)) {
            if let HubEvent::Unanswered { ticket } = event {
                self.open.retain(|open| *open != ticket);
                self.seen.push_back(refused(ErrorCode::GatewayTimeout));
            }
        }
    }
}

impl Player for SessionPlayer<'_> {
    fn part(&self, actor: Actor, deed: &Deed) -> Part {
        match (actor, deed.verb.as_str()) {
            (Actor::Device | Actor::Time, _) | (Actor::Back, "calls") => Part::Acts,
            (Actor::Hub, _) | (Actor::Seen, "telemetry" | "answered" | "refused" | "settled") => {
                Part::Watched
            }
            // Twins, queues and other connections are the hub's.
            (Actor::Old | Actor::App | Actor::Told | Actor::Back | Actor::Seen, _) => Part::Elsewhere,
        }
    }

    fn act(&mut self, actor: Actor, deed: &Deed) -> Result<(), Trouble> {
        match actor {
            Actor::Device => self.device(deed)?,
            Actor::Back => self.calls.push_back(deed.clone()),
            Actor::Time => self.pass(deed.at(0).parse().map_err(Trouble::new)?),
            Actor::Hub | Actor::Old | Actor::App | Actor::Told | Actor::Seen => {}
        }
        Ok(())
    }

    fn next(&mut self, actor: Actor, wanted: &Deed) -> Result<Option<Deed>, Trouble> {
        if actor == Actor::Seen {
            return match self.seen.pop_front() {
                Some(seen) => Ok(Some(seen)),
                None if wanted.verb == "refused" => self.sees_refusal(),
                None => Ok(None),
            };
        }
        if let Some(sent) = self.sent.pop_front() {
            return Ok(Some(sent));
        }
        if wanted.verb == "closes" {
            if let (Some(error), Version::V5) = (self.broken, self.dialect.version()) {
                return Err(Trouble::new(format!("a DISCONNECT first, since {error}")));
            }
            self.end();
            return Ok(Some(Deed::new("closes")));
        }
        self.sends(wanted).map(Some)
    }

    fn finish(&mut self) -> Result<Option<(Actor, Deed)>, Trouble> {
        if let Some(error) = self.broken {
            return Err(Trouble::new(error));
        }
        if !self.asked.is_empty() {
            return Err(Trouble::new("a request of the device is not answered"));
        }
        if !self.owed.is_empty() {
            return Err(Trouble::new("a message of the device is not acknowledged"));
        }
        let sent = self.sent.pop_front().map(|deed| (Actor::Hub, deed));
        Ok(sent.or_else(|| self.seen.pop_front().map(|deed| (Actor::Seen, deed))))
    }
}

fn refused(code: ErrorCode) -> Deed {
    Deed::new("refused").word(code.number())
}

/// As a hub shows it to back ends.
fn seen_telemetry(telemetry: &Telemetry<'_>) -> Deed {
    with_properties(Deed::new("telemetry").payload(telemetry.payload), &telemetry.properties)
}
