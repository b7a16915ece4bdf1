use core::net::SocketAddr;
use std::sync::Arc;

use iothub_proto::{Dismissal, HubSession, Instant, Now, Packet, SendError};
use serde_json::json;

use crate::call::{OpenCall, compose};
use crate::change::Change;
use crate::credential::Credential;
use crate::effect::{Effect, Effects};
use crate::event::{Event, EventKind};
use crate::hub::Hub;
use crate::input::{ConnectionId, Peer};
use crate::notice::{Level, Notice};
use crate::packet::PacketBuf;
use crate::provisioning::Registrant;
use crate::recording::NO_ROOM;
use crate::registry::Key;
use crate::rule::Rule;
use crate::telemetry::Origin;
use crate::timers::Due;

/// Most method calls that await the answer of one device.
pub(crate) const CALLS: usize = 10;

/// One device's way to the hub.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Nothing has come yet.
    Greeting,
    /// The device is let in.
    Serving(Box<Serving>),
    /// A device speaks to the provisioning service.
    Registering(Box<Registrant>),
    /// The hub has done with it; what still comes is left over.
    Closing,
}

/// A device that is let in.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) key: Arc<Key>,
    pub(crate) session: HubSession<CALLS>,
    pub(crate) calls: Vec<OpenCall>,
    /// What let it in.
    pub(crate) credential: Credential,
    /// Where its messages come from, as events tell it.
    pub(crate) origin: Arc<Origin>,
    /// The name of the hub that its credentials are for.
    pub(crate) host: String,
    /// The policy that its signature at CONNECT named.
    pub(crate) policy: Option<String>,
    pub(crate) credentials_until: Instant,
    pub(crate) will: Option<Event>,
}

impl Connection {
    pub(crate) const fn new(peer: Peer) -> Self {
        Self { peer, stage: Stage::Greeting }
    }
}

impl Hub {
    pub(crate) fn take_packet(
        &mut self,
        now: Now,
        id: ConnectionId,
        packet: &Packet<'_>,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let serving = match (&mut connection.stage, packet) {
            (Stage::Serving(serving), _) => serving,
            (Stage::Registering(_), _) => return self.registrant_packet(now, id, packet, effects),
            (Stage::Greeting, Packet::Connect(opening)) => return self.greet(now, id, opening, effects),
            (Stage::Greeting, _) => {
                return self.close_with(
                    now,
                    id,
                    None,
                    (Rule::BrokenProtocol, "the first packet is not CONNECT"),
                    effects,
                );
            }
            (Stage::Closing, _) => return,
        };
        match serving.session.handle_packet(now.instant, packet) {
            Ok(event) => {
                let key = Arc::clone(&serving.key);
                if let Some(entry) = self.registry.get_mut(&key) {
                    entry.presence.active = Some(now.timestamp);
                }
                self.happened(now, id, &key, event, effects);
            }
            Err(error) => self.broken(now, id, error, effects),
        }
    }

    /// The device is gone, or the hub has closed the connection: both end here.
    pub(crate) fn closed(
        &mut self,
        now: Now,
        id: ConnectionId,
        why: &str,
        level: Level,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let rule = (level == Level::Warn).then_some(Rule::Transport);
        match core::mem::replace(&mut connection.stage, Stage::Closing) {
            Stage::Greeting => {
                let why = format!("{why}, before CONNECT");
                self.log(level, id, None, "connection closed", (rule, why), effects);
            }
            Stage::Closing => {}
            Stage::Registering(registrant) => {
                let who = Some(registrant.attested.id.clone());
                let (peer, what, why) = (self.peer(id), "disconnected", why.into());
                effects.push(Effect::Log(Notice { level, peer, who, what, rule, why }));
            }
            Stage::Serving(serving) => {
                self.log(level, id, Some(&serving.key), "disconnected", (rule, why.into()), effects);
                self.part(now, id, *serving, effects);
            }
        }
        self.connections.remove(&id);
    }

    /// Closes a connection and takes it out of service at once: what still comes is ignored. The device is told why
    /// where that can be said, and the log is in any case.
    pub(crate) fn close(
        &mut self,
        now: Now,
        id: ConnectionId,
        (dismissal, rule, why): (&Dismissal<'_>, Rule, &str),
        effects: &mut Effects,
    ) {
        let words = self.dismissal(id, dismissal);
        self.close_with(now, id, words, (rule, why), effects);
    }

    /// What there is to be said to a device whose connection is closed; over MQTT 3.1.1 nothing.
    pub(crate) fn dismissal(&mut self, id: ConnectionId, why: &Dismissal<'_>) -> Option<PacketBuf> {
        let written = self.written(id, |session, out| {
            let packet = session.dismiss(why, out)?;
            Ok(PacketBuf::new(&packet).expect("a DISCONNECT is for both ends"))
        });
        written.and_then(Result::ok)
    }

    /// The same with last words that were found already.
    pub(crate) fn close_with(
        &mut self,
        now: Now,
        id: ConnectionId,
        words: Option<PacketBuf>,
        (rule, why): (Rule, &str),
        effects: &mut Effects,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let stage = core::mem::replace(&mut connection.stage, Stage::Closing);
        let key = match &stage {
            Stage::Serving(serving) => Some(Arc::clone(&serving.key)),
            Stage::Greeting | Stage::Registering(_) => None,
            Stage::Closing => return,
        };
        self.log(
            Level::Warn,
            id,
            key.as_deref(),
            "connection closed by the hub",
            (Some(rule), why.into()),
            effects,
        );
        if let Some(packet) = words {
            effects.push(Effect::Send { connection: id, packet });
        }
        effects.push(Effect::Close { connection: id });
        if let Stage::Serving(serving) = stage {
            self.part(now, id, *serving, effects);
        }
    }

    /// The device has said goodbye: its will is void, and it is gone.
    pub(crate) fn leave(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        if let Some(serving) = self.serving(id) {
            serving.will = None;
        }
        self.gone(now, id, "it said goodbye", effects);
    }

    /// The device has said that it gives up on the connection: its will is not void.
    pub(crate) fn given_up(&mut self, now: Now, id: ConnectionId, reason_code: u8, effects: &mut Effects) {
        self.gone(now, id, &format!("it gave up, with reason code {reason_code:#04x}"), effects);
    }

    fn gone(&mut self, now: Now, id: ConnectionId, why: &str, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let stage = core::mem::replace(&mut connection.stage, Stage::Closing);
        effects.push(Effect::Close { connection: id });
        if let Stage::Serving(serving) = stage {
            self.log(Level::Info, id, Some(&serving.key), "disconnected", (None, why.into()), effects);
            self.part(now, id, *serving, effects);
        }
    }

    /// Closes a device's connection, if there is one, because of what its back end did.
    pub(crate) fn expel(&mut self, now: Now, key: &Key, why: &str, effects: &mut Effects) {
        if let Some(id) = self.registry.get(key).and_then(|entry| entry.connection) {
            self.close(now, id, (&Dismissal::NotAuthorized, Rule::ChangedInRegistry, why), effects);
        }
    }

    /// Closes the connections that were let in by such a credential, because of what the back end did.
    pub(crate) fn expel_where(
        &mut self,
        now: Now,
        is_lost: impl Fn(&Credential) -> bool,
        why: &str,
        effects: &mut Effects,
    ) {
        let lost = |connection: &Connection| match &connection.stage {
            Stage::Serving(serving) => is_lost(&serving.credential).then(|| Arc::clone(&serving.key)),
            Stage::Greeting | Stage::Registering(_) | Stage::Closing => None,
        };
        let keys: Vec<Arc<Key>> = self.connections.values().filter_map(lost).collect();
        for key in keys {
            self.expel(now, &key, why, effects);
        }
    }

    /// Closes a device's connection, if there is one, because of its next.
    pub(crate) fn take_over(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        if let Some(id) = self.registry.get(key).and_then(|entry| entry.connection) {
            let why = "the device has opened another connection";
            self.close(now, id, (&Dismissal::TakenOver, Rule::TakenOver, why), effects);
        }
    }

    /// A device that was let in is not served any longer.
    fn part(&mut self, now: Now, id: ConnectionId, serving: Serving, effects: &mut Effects) {
        let Serving { key, session, calls, credentials_until, will, .. } = serving;
        self.timers.cancel(credentials_until, Due::Credentials(id));
        if let Some(entry) = self.registry.get_mut(&key) {
            entry.queue.recall();
            if entry.connection == Some(id) {
                entry.presence.changed = Some(now.timestamp);
                entry.presence.kept = session.kept().map(Box::new);
                self.registry.set_connection(&key, None);
            }
        }
        if let Some(will) = will.as_ref().filter(|_| !self.has_room()) {
            let why = format!("a will of {} bytes: {NO_ROOM}", will.body.len());
            self.log(Level::Warn, id, Some(&key), "will not appended", (Some(Rule::NoRoom), why), effects);
        } else if let Some(mut will) = will {
            will.enqueued = now.timestamp;
            will.properties.insert("iothub-MessageType".into(), "Will".into());
            effects.push(Effect::Append(will));
        }
        self.announce_presence(now, &key, "deviceDisconnected", effects);
        for call in calls {
            self.call_lost(now, id, (&key, &call), effects);
        }
        self.command_watch(now, &key);
        self.configure(now, &key, effects);
    }

    /// Time has passed on that connection: calls may have gone unanswered, credentials may have expired.
    pub(crate) fn session_due(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.registrant_due(now, id, effects);
        while let Some(serving) = self.serving(id) {
            let Some(event) = serving.session.handle_timeout(now.instant) else { return };
            let key = Arc::clone(&serving.key);
            self.happened(now, id, &key, event, effects);
        }
    }

    /// Has a session write a packet; `None` when the connection is not served.
    pub(crate) fn written(
        &mut self,
        id: ConnectionId,
        mut write: impl FnMut(&mut HubSession<CALLS>, &mut [u8]) -> Result<PacketBuf, SendError>,
    ) -> Option<Result<PacketBuf, SendError>> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let written =
            self.serving(id).map(|serving| compose(&mut scratch, |out| write(&mut serving.session, out)));
        self.scratch = scratch;
        written
    }

    /// The device that is let in on that connection, if one is.
    pub(crate) fn serving(&mut self, id: ConnectionId) -> Option<&mut Serving> {
        match &mut self.connections.get_mut(&id)?.stage {
            Stage::Serving(serving) => Some(serving),
            Stage::Greeting | Stage::Registering(_) | Stage::Closing => None,
        }
    }

    /// The present connection of a device, and what is served on it.
    pub(crate) fn serving_device(&mut self, key: &Key) -> Option<(ConnectionId, &mut Serving)> {
        let id = self.registry.get(key)?.connection?;
        self.serving(id).map(|serving| (id, serving))
    }

    pub(crate) fn announce_presence(&mut self, now: Now, key: &Key, operation: &str, effects: &mut Effects) {
        if let Some(below) = self.presence_numbers.runs_out() {
            self.record(Change::PresenceNumbered { below }, effects);
        }
        let body = json!({"sequenceNumber": format!("{:064X}", self.presence_numbers.next())});
        let about = (key, operation, "deviceConnectionStateNotification");
        self.announce(now, EventKind::ConnectionState, about, &body, effects);
    }

    pub(crate) fn log(
        &self,
        level: Level,
        id: ConnectionId,
        key: Option<&Key>,
        what: &'static str,
        (rule, why): (Option<Rule>, String),
        effects: &mut Effects,
    ) {
        let who = key.map(ToString::to_string);
        effects.push(Effect::Log(Notice { level, peer: self.peer(id), who, what, rule, why }));
    }

    /// Where that connection comes from.
    pub(crate) fn peer(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.connections.get(&id).map(|connection| connection.peer.address)
    }
}
