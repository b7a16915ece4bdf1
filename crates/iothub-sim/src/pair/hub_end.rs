//! The hub's end of a pair: what it remembers between connections, and what it does with them.

use iothub_codec::{Channels, Operation, Outcome, RequestIdBuf, Status, TwinPart, Version, open_connect};
use iothub_mqtt::WireError;
use iothub_proto::{
    AckToken, Dismissal, Granted, HubEvent, HubSession, Instant, Opening, Packet, RefusalReason, Removed,
    Subscriptions, Timestamp, refuse_connect,
};

use super::{CALLS, PACKET_LEN_MAX, Pair, Serving};
use crate::fault::Fault;
use crate::ledger::{Ledger, Property};
use crate::link::End;

/// What a hub remembers of a device beside what it has on disk.
#[derive(Default)]
pub(super) struct HubEnd {
    /// The subscriptions that outlive connections.
    pub(super) kept: Option<Subscriptions>,
    /// The connection on which it has a session.
    pub(super) serves: Option<u32>,
    /// It takes nobody until then.
    pub(super) down_until: Option<Instant>,
    /// Twin requests that are answered later.
    pub(super) late: Vec<Late>,
    /// What is written into, again and again.
    pub(super) text: String,
}

/// An answer that takes its time.
pub(super) struct Late {
    pub(super) at: Instant,
    pub(super) answer: Answer,
}

/// The answer to a twin request, as it was when that came.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) request: RequestIdBuf,
    pub(super) operation: Operation<'static>,
    /// How much of the twin was asked for.
    pub(super) part: TwinPart,
    pub(super) status: Status,
    pub(super) version: u64,
    pub(super) reported: u64,
}

/// What a packet makes the hub do with the connection that it came on.
pub(super) enum Todo {
    Nothing,
    Accept(Packet<'static>),
    /// CONNECT is refused: in that version of MQTT.
    Refuse(Version),
    Acknowledge(AckToken),
    RefuseMessage(AckToken),
    Subscribed(AckToken, Granted, Channels),
    Unsubscribed(AckToken, Removed),
    Answer(Answer),
    Renewed(Timestamp),
    /// There is room for more commands, or for more calls.
    Deliver,
    Close,
}

impl HubEnd {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.late.iter().map(|late| late.at).min()
    }
}

impl Pair {
    pub(super) fn hub_receives(&mut self, at: usize, bytes: &[u8], ledger: &mut Ledger) {
        let number = self.connections[at].number;
        // What is heard may end other connections: this one is held apart meanwhile.
        let Some(mut serving) = self.connections[at].serving.take() else { return };
        let goes_on = self.hub_takes(&mut serving, number, bytes, ledger);
        self.connections[at].serving = Some(serving);
        if !goes_on {
            self.hub_closes(at, ledger);
        }
    }

    /// Whether the connection goes on.
    fn hub_takes(&mut self, serving: &mut Serving, number: u32, bytes: &[u8], ledger: &mut Ledger) -> bool {
        let mut rest = bytes;
        loop {
            let taken = serving.server.handle_bytes(self.now, rest);
            rest = rest.get(taken..).unwrap_or_default();
            while let Some(todo) = self.hub_hears(serving, number, ledger) {
                if !self.hub_does(serving, number, todo, ledger) || ledger.broken.is_some() {
                    return false;
                }
            }
            if rest.is_empty() {
                return true;
            }
        }
    }

    /// The next packet, if one is there, and what it comes to.
    fn hub_hears(&mut self, serving: &mut Serving, number: u32, ledger: &mut Ledger) -> Option<Todo> {
        let name = self.setting.name;
        let packet = match serving.server.poll_packet() {
            Ok(packet) => packet?,
            Err(error) => {
                ledger.breaks(name, Property::Rules, || format!("the device's bytes: {error}"));
                return Some(Todo::Close);
            }
        };
        ledger.packets += 1;
        ledger.note("hub", || format!("hears on {name}, {number}: {packet:?}"));
        if let Packet::Connect(opening) = &packet {
            let (session, todo) = self.hub_greets(number, opening, ledger);
            serving.session = session;
            return Some(todo);
        }
        let Some(session) = &mut serving.session else {
            ledger.breaks(name, Property::Rules, || "something before CONNECT is answered".to_owned());
            return Some(Todo::Close);
        };
        match session.handle_packet(self.now, &packet) {
            Ok(event) => Some(self.on_hub_event(&event, number, ledger)),
            Err(error) => {
                ledger.breaks(name, Property::Rules, || format!("the device: {error}"));
                Some(Todo::Close)
            }
        }
    }

    fn hub_greets(
        &mut self,
        number: u32,
        opening: &Opening<'_>,
        ledger: &mut Ledger,
    ) -> (Option<HubSession<CALLS>>, Todo) {
        let name = self.setting.name;
        let Ok((dialect, claim)) = open_connect(&opening.connect) else {
            ledger.breaks(name, Property::Rules, || "CONNECT cannot be read".to_owned());
            return (None, Todo::Close);
        };
        if self.hub.down_until.is_some_and(|until| self.now < until) || self.chance.happens(self.storm.busy) {
            ledger.fault(name, Fault::Busy);
            return (None, Todo::Refuse(opening.connect.version));
        }
        if let Some(at) = self.served() {
            ledger.fault(name, Fault::TakeOver);
            self.hub_dismisses(at, &Dismissal::TakenOver, ledger);
        }
        let kept = self.hub.kept.take();
        let (mut session, answer) =
            HubSession::accept(dialect, claim.identity, opening, kept, self.chance.short());
        if matches!(answer, Packet::Connected { session: iothub_proto::Session::Fresh, .. }) {
            self.truth.commands.iter_mut().for_each(|command| command.sent = None);
        }
        if let Some(lifetime) = self.setting.lifetime {
            session.expire_at(self.now.after(lifetime));
        }
        self.hub.serves = Some(number);
        (Some(session), Todo::Accept(answer))
    }

    fn on_hub_event(&mut self, event: &HubEvent<'_>, number: u32, ledger: &mut Ledger) -> Todo {
        match *event {
            HubEvent::Received { ack, message } => self.on_message(&message, ack, number, ledger),
            HubEvent::Subscribed { token, granted, channels, .. } => {
                Todo::Subscribed(token, granted, channels)
            }
            HubEvent::Unsubscribed { token, removed } => Todo::Unsubscribed(token, removed),
            HubEvent::Settled { token, verdict, .. } => self.on_settled(number, token, verdict, ledger),
            HubEvent::AuthStep { signature } => {
                Todo::Renewed(Timestamp::from_millis(signature.terms.expiry_ms))
            }
            HubEvent::Goodbye => Todo::Close,
            HubEvent::LateAck { .. }
            | HubEvent::Unreadable { .. }
            | HubEvent::GaveUp { .. }
            | HubEvent::Unanswered { .. }
            | HubEvent::Expired => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("{event:?} by a packet"));
                Todo::Close
            }
        }
    }

    /// Does what a packet asks for; whether the connection goes on.
    fn hub_does(&mut self, serving: &mut Serving, number: u32, todo: Todo, ledger: &mut Ledger) -> bool {
        let mut out = [0; PACKET_LEN_MAX];
        let packet = match todo {
            Todo::Nothing => return true,
            Todo::Close => return false,
            Todo::Accept(answer) => {
                self.hub_sends(serving, &answer, ledger);
                self.deliver(serving, number, ledger);
                return true;
            }
            Todo::Refuse(version) => {
                let outcome = Outcome::new(Status::SERVER_BUSY);
                let of = (version, self.setting.dialect);
                if let Ok(packet) = refuse_connect(of, RefusalReason::Unavailable, &outcome, &mut out) {
                    self.hub_sends(serving, &packet, ledger);
                }
                return false;
            }
            Todo::Deliver => {
                self.deliver(serving, number, ledger);
                return true;
            }
            Todo::Subscribed(token, granted, channels) => {
                self.hub_sends(serving, &Packet::SubAck { token, granted }, ledger);
                if channels.contains(Channels::COMMANDS) {
                    self.deliver(serving, number, ledger);
                }
                return true;
            }
            Todo::Answer(answer) => {
                self.hub_answers(serving, &answer, ledger);
                return true;
            }
            Todo::Acknowledge(token) => Ok(HubSession::<CALLS>::acknowledge(token)),
            Todo::Unsubscribed(token, removed) => Ok(Packet::UnsubAck { token, removed }),
            Todo::RefuseMessage(token) => match &serving.session {
                Some(session) => session.refuse(token, &Outcome::new(Status::QUOTA_EXCEEDED), &mut out),
                None => return false,
            },
            Todo::Renewed(until) => match &mut serving.session {
                Some(session) => session.renewed(self.now.after(until.since(self.timestamp())), &mut out),
                None => return false,
            },
        };
        match packet {
            Ok(packet) => self.hub_sends(serving, &packet, ledger),
            Err(error) => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("the hub cannot say: {error}"));
            }
        }
        true
    }

    /// Hands a packet to the hub's MQTT.
    pub(super) fn hub_sends(&self, serving: &mut Serving, packet: &Packet<'_>, ledger: &mut Ledger) {
        let name = self.setting.name;
        ledger.note("hub", || format!("says to {name}: {packet:?}"));
        if let Err(error) = serving.server.send(self.now, packet) {
            ledger.breaks(name, Property::Rules, || format!("the hub cannot send: {error}"));
        }
    }

    pub(super) fn hub_times_out(&mut self, ledger: &mut Ledger) {
        self.hub_answers_late(ledger);
        for at in 0..self.connections.len() {
            let Some(mut serving) = self.connections[at].serving.take() else { continue };
            let goes_on = self.serving_times_out(&mut serving, at, ledger);
            self.connections[at].serving = Some(serving);
            if !goes_on {
                self.hub_closes(at, ledger);
            }
        }
    }

    /// Whether the connection goes on.
    fn serving_times_out(&mut self, serving: &mut Serving, at: usize, ledger: &mut Ledger) -> bool {
        let (now, name) = (self.now, self.setting.name);
        let number = self.connections[at].number;
        match serving.server.handle_timeout(now) {
            Ok(()) => {}
            Err(WireError::Silent { .. }) => return false,
            Err(error) => ledger.breaks(name, Property::Rules, || format!("the hub by time: {error}")),
        }
        let Some(session) = &mut serving.session else {
            return serving.opened.after(super::HELLO_WITHIN) > now;
        };
        for _ in 0..=CALLS + 1 {
            match session.handle_timeout(now) {
                None => {
                    let session = session.poll_timeout();
                    for (at, why) in [session, serving.server.poll_timeout()].into_iter().flatten() {
                        if at <= now {
                            ledger.breaks(name, Property::OnTime, || format!("{why} was due at the hub"));
                        }
                    }
                    return true;
                }
                Some(HubEvent::Unanswered { ticket }) => {
                    self.call_ended(number, ticket, ledger);
                }
                Some(HubEvent::Expired) => {
                    if self.calm.has_begun(self.connections[at].link.works(), serving.opened) {
                        ledger.breaks(name, Property::OnTime, || "credentials were not renewed".to_owned());
                    }
                    return false;
                }
                Some(event) => {
                    ledger.breaks(name, Property::Rules, || format!("{event:?} by time"));
                }
            }
        }
        ledger.breaks(name, Property::Bounded, || "no end of events at the hub".to_owned());
        true
    }

    /// The hub ends a connection, over MQTT 5 with a word.
    pub(super) fn hub_dismisses(&mut self, at: usize, why: &Dismissal<'_>, ledger: &mut Ledger) {
        if let Some(mut serving) = self.connections[at].serving.take() {
            let mut out = [0; PACKET_LEN_MAX];
            if self.setting.speaks_v5()
                && let Some(Ok(packet)) =
                    serving.session.as_ref().map(|session| session.dismiss(why, &mut out))
            {
                self.hub_sends(&mut serving, &packet, ledger);
            }
            self.connections[at].serving = Some(serving);
        }
        self.hub_closes(at, ledger);
    }

    /// The connection is over for the hub.
    pub(super) fn hub_closes(&mut self, at: usize, ledger: &mut Ledger) {
        let (now, weather) = (self.now, self.setting.weather);
        let connection = &mut self.connections[at];
        let number = connection.number;
        let Some(mut serving) = connection.serving.take() else { return };
        while let Some(bytes) = serving.server.poll_bytes() {
            let len = connection.link.send((now, End::Device), bytes, &weather, &mut self.chance);
            serving.server.consume(len);
            if len == 0 {
                break;
            }
        }
        connection.link.close(now, End::Hub, &weather, &mut self.chance);
        let name = self.setting.name;
        ledger.note("hub", || format!("closes {number} of {name}"));
        if self.hub.serves == Some(number) {
            self.hub.serves = None;
            self.hub.kept = serving.session.and_then(|session| session.kept());
            self.hub.late.clear();
            self.calls_are_lost(number);
        }
    }
}
