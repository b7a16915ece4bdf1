//! The device's end of a pair.

use iothub_codec::{Ack, Introduction, Proof, Signature, Status, Terms};
use iothub_mqtt::{Client, WireError};
use iothub_proto::{
    Backoff, DeviceSession, Hello, Instant, Limits, Now, Packet, Seed, SendError, Session, Timestamp,
};

use super::app::{Action, App, METHOD, Reaction, Sight};
use super::setting::Setting;
use super::{Connection, PACKET_LEN_MAX, Pair, REQUESTS, Serving};
use crate::aliasing::Aliasing;
use crate::chance::Chance;
use crate::fault::Fault;
use crate::ledger::{Ledger, Property};
use crate::link::{End, Link};

pub(super) struct DeviceEnd {
    pub(super) session: DeviceSession<'static, REQUESTS>,
    pub(super) client: Client,
    pub(super) app: App,
    pub(super) connect_at: Option<Instant>,
    pub(super) asleep_until: Option<Instant>,
    /// The link is of no use until then.
    pub(super) unreachable_until: Option<Instant>,
    failures: u32,
    seed: Seed,
    valid_until: Option<Timestamp>,
    connections: u32,
}

/// More than a session can owe at once: sixteen acknowledgements, a subscription and a question for the twin.
const OWED_MAX: usize = 20;
/// More than can end at one moment: the requests, a renewal and what becomes of the question for the twin.
const EVENTS_MAX: usize = REQUESTS + 3;

impl DeviceEnd {
    pub(super) fn new(setting: &Setting, chance: &mut Chance) -> Self {
        Self {
            session: DeviceSession::new(setting.codec(), setting.wanted_first),
            client: Client::new(Limits::CLASSIC),
            app: App::default(),
            connect_at: Some(Instant::default()),
            asleep_until: None,
            unreachable_until: None,
            failures: 0,
            seed: Seed::new(chance.number()),
            valid_until: None,
            connections: 0,
        }
    }

    /// When it takes notice of what happens at that time.
    pub(super) fn awake(&self, at: Instant) -> Instant {
        self.asleep_until.map_or(at, |until| until.max(at))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.app.due.iter().map(|(at, _)| *at);
        let timers = [self.session.poll_timeout(), self.client.poll_timeout()];
        let timers = timers.into_iter().flatten().map(|(at, _)| at);
        due.chain(timers).chain(self.connect_at).min().map(|at| self.awake(at))
    }

    /// It is another program from now on.
    pub(super) fn crash(&mut self, setting: &Setting, chance: &mut Chance) {
        let (connect_at, connections) = (self.connect_at, self.connections);
        let unreachable_until = self.unreachable_until;
        *self = Self { connect_at, connections, unreachable_until, ..Self::new(setting, chance) };
    }
}

impl Pair {
    /// Opens a connection, if that can be done.
    fn device_connects(&mut self, ledger: &mut Ledger) {
        let (now, name) = (self.now, self.setting.name);
        if self.device.unreachable_until.is_some_and(|until| now < until) {
            ledger.fault(name, Fault::Unreachable);
            return self.device_retries();
        }
        self.device.connections += 1;
        let number = self.device.connections;
        let timestamp = self.timestamp();
        let device = &mut self.device;
        device.client.reset(Session::Resume);
        device.valid_until = self.setting.lifetime.map(|lifetime| timestamp.after(lifetime));
        let proof = match device.valid_until {
            Some(_) if self.setting.dialect == iothub_codec::Dialect::Classic => Proof::Token("a token"),
            Some(until) => Proof::Signature(signature(until)),
            None => Proof::None,
        };
        let hello = Hello {
            introduction: Introduction { host: "hub1", client_agent: None, model_id: None },
            proof,
            valid_until: device.valid_until,
            session: self.setting.session,
            keep_alive_s: self.setting.keep_alive_s,
            will: None,
            packet_len_max: None,
            seed: Seed::new(self.chance.number()),
        };
        let mut out = [0; PACKET_LEN_MAX];
        ledger.note(name, || format!("connects, connection {number}"));
        let packet = device.session.connect(Now { instant: now, timestamp }, &hello, &mut out);
        let sent = packet.map(|packet| device.client.send(now, &packet));
        if !matches!(sent, Ok(Ok(()))) {
            ledger.breaks(name, Property::Rules, || format!("CONNECT cannot be sent: {sent:?}"));
        }
        let serving =
            Serving { server: iothub_mqtt::Server::new(Limits::CLASSIC), session: None, opened: now };
        self.connections.push(Connection {
            number,
            link: Link::new(self.setting.weather.room),
            aliasing: (self.setting.speaks_v5() && self.chance.happens(50)).then(Aliasing::default),
            held_by_device: true,
            serving: Some(Box::new(serving)),
        });
    }

    pub(super) fn device_receives(&mut self, at: usize, bytes: &[u8], ledger: &mut Ledger) {
        if !self.connections[at].held_by_device {
            return;
        }
        let mut rest = bytes;
        let mut reaction = Reaction::Nothing;
        loop {
            let taken = self.device.client.handle_bytes(self.now, rest);
            rest = rest.get(taken..).unwrap_or_default();
            loop {
                match self.device_hears(ledger) {
                    Some(Reaction::Close) => return self.device_closes(ledger),
                    Some(Reaction::Nothing) => {}
                    Some(other) => reaction = other,
                    None => break,
                }
                if ledger.broken.is_some() {
                    return;
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        self.device_reacts(reaction, ledger);
    }

    /// The next packet, if one is there, and what it comes to.
    fn device_hears(&mut self, ledger: &mut Ledger) -> Option<Reaction> {
        let Self { device, truth, chance, setting, .. } = self;
        let packet = match device.client.poll_packet() {
            Ok(packet) => packet?,
            Err(error) => {
                ledger.breaks(setting.name, Property::Rules, || format!("the hub's bytes: {error}"));
                return Some(Reaction::Close);
            }
        };
        ledger.packets += 1;
        ledger.note(setting.name, || format!("hears {packet:?}"));
        let event = match device.session.handle_packet(self.now, &packet) {
            Ok(event) => event,
            Err(error) => {
                ledger.breaks(setting.name, Property::Rules, || format!("the hub: {error}"));
                return Some(Reaction::Close);
            }
        };
        let Some(event) = event else { return Some(Reaction::Nothing) };
        let mut sight = Sight {
            now: self.now,
            name: setting.name,
            speaks_v5: setting.speaks_v5(),
            truth,
            chance,
            ledger,
            pace_ms: PACE_MS,
        };
        Some(device.app.on_event(&event, &mut sight))
    }

    fn device_reacts(&mut self, reaction: Reaction, ledger: &mut Ledger) {
        match reaction {
            Reaction::Nothing => {}
            Reaction::Ready => self.device.failures = 0,
            Reaction::Close => self.device_closes(ledger),
            Reaction::Renew => self.device_renews(ledger),
        }
    }

    /// Over MQTT 5 with a new signature, otherwise by connecting again.
    fn device_renews(&mut self, ledger: &mut Ledger) {
        if !self.setting.speaks_v5() {
            self.device_says_goodbye(ledger);
            self.device.connect_at = Some(self.now);
            return;
        }
        let until = self.setting.lifetime.map(|lifetime| self.timestamp().after(lifetime));
        let Some(until) = until else {
            return ledger
                .breaks(self.setting.name, Property::Rules, || "what never expires is renewed".to_owned());
        };
        let now = Now { instant: self.now, timestamp: self.timestamp() };
        let mut out = [0; PACKET_LEN_MAX];
        let packet = self.device.session.renew(now, &signature(until), &mut out);
        let sent = packet.map(|packet| self.device.client.send(self.now, &packet));
        if !matches!(sent, Ok(Ok(()))) {
            ledger.breaks(self.setting.name, Property::Rules, || format!("AUTH cannot be sent: {sent:?}"));
        }
    }

    /// Closes the connection politely.
    pub(super) fn device_says_goodbye(&mut self, ledger: &mut Ledger) {
        if self.device.session.is_ready() {
            let goodbye =
                Packet::Disconnect(Ack { reason_code: Status::SUCCESS.reason_code(), ..Ack::SUCCESS });
            let sent = self.device.client.send(self.now, &goodbye);
            if let Err(error) = sent {
                ledger.breaks(self.setting.name, Property::Rules, || format!("no goodbye: {error}"));
            }
        }
        self.flush(ledger);
        self.device_closes(ledger);
    }

    /// The connection is over for the device, which will try again.
    pub(super) fn device_closes(&mut self, ledger: &mut Ledger) {
        if let Some(at) = self.current() {
            let connection = &mut self.connections[at];
            connection.held_by_device = false;
            connection.link.close(self.now, End::Device, &self.setting.weather, &mut self.chance);
        }
        ledger.note(self.setting.name, || "closes".to_owned());
        self.device.session.handle_disconnect();
        self.device.client.reset(Session::Resume);
        self.device.app.disconnected();
        self.device_retries();
        self.device_session_times_out(ledger);
        if self.device.session.is_ready() {
            ledger.breaks(self.setting.name, Property::Rules, || "ready without a connection".to_owned());
        }
    }

    fn device_retries(&mut self) {
        let device = &mut self.device;
        let wait = Backoff::DEFAULT.delay(device.failures, &mut device.seed);
        device.failures = device.failures.saturating_add(1);
        device.connect_at = Some(self.now.after(wait));
    }

    pub(super) fn device_times_out(&mut self, ledger: &mut Ledger) {
        if self.device.awake(self.now) > self.now {
            return;
        }
        self.device.asleep_until = None;
        if self.device.connect_at.take_if(|at| *at <= self.now).is_some() && self.current().is_none() {
            self.device_connects(ledger);
        }
        match self.device.client.handle_timeout(self.now) {
            Ok(()) => {}
            Err(WireError::Silent { .. }) => self.device_closes(ledger),
            Err(error) => {
                ledger.breaks(self.setting.name, Property::Rules, || format!("by time: {error}"));
            }
        }
        self.device_session_times_out(ledger);
        self.device_acts(ledger);
        let (now, name) = (self.now, self.setting.name);
        let session = self.device.session.poll_timeout();
        for (at, why) in [session, self.device.client.poll_timeout()].into_iter().flatten() {
            if at <= now {
                ledger.breaks(name, Property::OnTime, || format!("{why} was due and not dealt with"));
            }
        }
    }

    fn device_session_times_out(&mut self, ledger: &mut Ledger) {
        let mut reaction = Reaction::Nothing;
        let mut events = 0;
        while let Some(event) = self.device.session.handle_timeout(self.now) {
            let Self { device, truth, chance, setting, .. } = self;
            let mut sight = Sight {
                now: self.now,
                name: setting.name,
                speaks_v5: setting.speaks_v5(),
                truth,
                chance,
                ledger,
                pace_ms: PACE_MS,
            };
            let comes_to = device.app.on_event(&event, &mut sight);
            if comes_to != Reaction::Nothing {
                reaction = comes_to;
            }
            events += 1;
            if events > EVENTS_MAX {
                return ledger.breaks(setting.name, Property::Bounded, || "no end of events".to_owned());
            }
        }
        self.device_reacts(reaction, ledger);
    }

    /// What the application has put off until now.
    fn device_acts(&mut self, ledger: &mut Ledger) {
        let now = self.now;
        while let Some(at) = self.device.app.due.iter().position(|(at, _)| *at <= now) {
            let (_, action) = self.device.app.due.swap_remove(at);
            let mut out = [0; PACKET_LEN_MAX];
            let session = &mut self.device.session;
            let text;
            let packet = match &action {
                Action::Answer { request, declines: true, .. } => {
                    session.decline(request.as_id(), METHOD, Status::TARGET_UNAVAILABLE, &mut out)
                }
                Action::Answer { request, number, .. } => {
                    text = number.to_string();
                    session.reply(request.as_id(), METHOD, 200, text.as_bytes(), &mut out)
                }
                Action::Settle { token, number, verdict } => {
                    self.truth.commands[*number as usize].said = Some(*verdict);
                    session.settle(*token, *verdict, &mut out)
                }
            };
            let sent = packet.map(|packet| self.device.client.send(now, &packet));
            let nowhere = matches!((&action, &sent), (Action::Answer { .. }, Err(SendError::NotReady)));
            if !nowhere && !matches!(sent, Ok(Ok(()))) {
                ledger.breaks(self.setting.name, Property::Rules, || format!("{action:?}: {sent:?}"));
            }
        }
    }

    /// What the session owes the hub.
    pub(super) fn device_transmits(&mut self, ledger: &mut Ledger) {
        if self.device.awake(self.now) > self.now {
            return;
        }
        let name = self.setting.name;
        let mut out = [0; PACKET_LEN_MAX];
        for _ in 0..OWED_MAX {
            let packet = match self.device.session.poll_transmit(&mut out) {
                Ok(Some(packet)) => packet,
                Ok(None) => return,
                Err(error) => {
                    return ledger.breaks(name, Property::Rules, || format!("cannot be written: {error}"));
                }
            };
            ledger.note(name, || format!("owes {packet:?}"));
            if let Err(error) = self.device.client.send(self.now, &packet) {
                return ledger.breaks(name, Property::Rules, || format!("cannot be sent: {error}"));
            }
        }
        ledger.breaks(name, Property::Bounded, || "there is no end to what is owed".to_owned());
    }
}

fn signature(until: Timestamp) -> Signature<'static> {
    Signature { terms: Terms { expiry_ms: until.as_millis(), at_ms: None, policy: None }, code: [7; 32] }
}

/// How long applications take, in milliseconds.
const PACE_MS: (u64, u64) = (1, 6_000);
