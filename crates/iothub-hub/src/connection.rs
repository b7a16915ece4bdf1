use iothub_codec::{Claim, Codec, DecodeErrorKind, Dialect, ToHub, Version, open_connect};
use iothub_proto::{
    AckToken, HubEvent, HubSession, Instant, Now, Opening, Packet, Received, RefusalReason, Session,
    Timestamp, Verdict,
};
use serde_json::json;

use crate::auth::{Denied, Scope};
use crate::call::OpenCall;
use crate::effect::{Effect, Effects, PacketBuf};
use crate::event::{Event, EventKind};
use crate::hub::Hub;
use crate::input::{ConnectionId, Peer};
use crate::notice::{Level, Notice};
use crate::registry::Key;
use crate::timers::Due;

/// Most method calls that await the answer of one device.
pub(crate) const CALLS: usize = 10;

/// One device's way to the hub.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing has come yet.
    Greeting,
    /// The device is let in.
    Serving(Box<Serving>),
    /// The hub has done with it; what still comes is left over.
    Closing,
}

/// A device that is let in.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) key: Key,
    pub(crate) session: HubSession<CALLS>,
    pub(crate) calls: Vec<OpenCall>,
    /// By whose key it was let in, as events tell it.
    pub(crate) scope: Scope,
    credentials_until: Instant,
    will: Option<Event>,
}

/// A CONNECT that fulfils everything.
struct Admitted<'a> {
    dialect: Dialect,
    claim: Claim<'a>,
    key: Key,
    until: Timestamp,
    scope: Scope,
    will: Option<Event>,
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
            (Stage::Greeting, Packet::Connect(opening)) => return self.greet(now, id, opening, effects),
            (Stage::Greeting, _) => return self.close(now, id, "the first packet is not CONNECT", effects),
            (Stage::Closing, _) => return,
        };
        match serving.session.handle_packet(now.instant, packet) {
            Ok(event) => {
                let key = serving.key.clone();
                if let Some(entry) = self.registry.get_mut(&key) {
                    entry.presence.active = Some(now.timestamp);
                }
                self.happened(now, id, &key, event, effects);
            }
            Err(error) => self.close(now, id, &error.to_string(), effects),
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
        let Some(connection) = self.connections.remove(&id) else { return };
        match connection.stage {
            Stage::Greeting => {
                let why = format!("{why}, from {}, before CONNECT", connection.peer.address);
                self.log(level, id, None, "connection closed", why, effects);
            }
            Stage::Closing => {}
            Stage::Serving(serving) => {
                self.log(level, id, Some(&serving.key), "disconnected", why.into(), effects);
                self.part(now, id, *serving, effects);
            }
        }
    }

    /// Closes a connection and takes it out of service at once: what still comes is ignored.
    pub(crate) fn close(&mut self, now: Now, id: ConnectionId, why: &str, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let stage = core::mem::replace(&mut connection.stage, Stage::Closing);
        let key = match &stage {
            Stage::Serving(serving) => Some(serving.key.clone()),
            Stage::Greeting => None,
            Stage::Closing => return,
        };
        self.log(Level::Warn, id, key.as_ref(), "connection closed by the hub", why.into(), effects);
        effects.push(Effect::Close { connection: id });
        if let Stage::Serving(serving) = stage {
            self.part(now, id, *serving, effects);
        }
    }

    /// The device has said goodbye: its will is void, and it is gone.
    fn leave(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let stage = core::mem::replace(&mut connection.stage, Stage::Closing);
        effects.push(Effect::Close { connection: id });
        if let Stage::Serving(mut serving) = stage {
            serving.will = None;
            self.log(Level::Info, id, Some(&serving.key), "disconnected", "it said goodbye".into(), effects);
            self.part(now, id, *serving, effects);
        }
    }

    /// Closes a device's connection, if there is one.
    pub(crate) fn expel(&mut self, now: Now, key: &Key, why: &str, effects: &mut Effects) {
        if let Some(id) = self.registry.get(key).and_then(|entry| entry.presence.connection) {
            self.close(now, id, why, effects);
        }
    }

    fn greet(&mut self, now: Now, id: ConnectionId, opening: &Opening<'_>, effects: &mut Effects) {
        match self.admit(now, opening) {
            Ok(admitted) => self.welcome(now, id, opening, admitted, effects),
            Err((who, denied)) => {
                let why = format!("{}: {}", denied.reason, denied.why);
                effects.push(Effect::Log(Notice {
                    level: Level::Warn,
                    connection: Some(id),
                    who,
                    what: "CONNECT refused",
                    why,
                }));
                let packet = PacketBuf::Refused(denied.reason);
                effects.push(Effect::Send { connection: id, packet });
                effects.push(Effect::Close { connection: id });
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.stage = Stage::Closing;
                }
            }
        }
    }

    /// Everything that a CONNECT has to fulfil. A refusal comes with whom it concerns, if that was readable.
    fn admit<'a>(&self, now: Now, opening: &Opening<'a>) -> Result<Admitted<'a>, (Option<String>, Denied)> {
        if opening.connect.version == Version::V5 {
            let why = "MQTT 5 is not served".to_owned();
            return Err((None, Denied { reason: RefusalReason::UnacceptableProtocol, why }));
        }
        let (dialect, claim) = open_connect(&opening.connect)
            .map_err(|error| (None, Denied { reason: refusal(error.kind), why: error.to_string() }))?;
        if dialect != Dialect::Classic {
            let why = "dialect that is not served".to_owned();
            return Err((None, Denied { reason: RefusalReason::BadUserName, why }));
        }
        let key = Key::from(claim.identity);
        let named = |denied| (Some(key.to_string()), denied);
        let admission = self.gate.admit(&self.registry, &claim, now.timestamp).map_err(named)?;
        let will = match &opening.will {
            None => None,
            Some(publish) => match Codec::new(dialect, claim.identity).decode_to_hub(publish) {
                Ok(ToHub::Telemetry(will)) => Some(self.telemetry(now, &key, admission.scope, &will)),
                Ok(_) => return Err(named(Denied::new("the topic of the will is not that of telemetry"))),
                Err(error) => return Err(named(Denied::new(format!("the will cannot be read: {error}")))),
            },
        };
        Ok(Admitted { dialect, claim, key, until: admission.until, scope: admission.scope, will })
    }

    fn welcome(
        &mut self,
        now: Now,
        id: ConnectionId,
        opening: &Opening<'_>,
        admitted: Admitted<'_>,
        effects: &mut Effects,
    ) {
        let Admitted { dialect, claim, key, until, scope, will } = admitted;
        // A session that is taken over leaves behind what it was subscribed to, as one that has ended.
        self.expel(now, &key, "the device has opened another connection", effects);
        let Some(entry) = self.registry.get_mut(&key) else { return };
        let kept = entry.presence.kept.take().map(|kept| *kept);
        let (accepted, answer) = HubSession::accept(dialect, claim.identity, opening, kept);
        let Packet::Connected { session, limits } = answer else { return };
        if session == Session::Fresh {
            entry.queue.forget_tokens();
        }
        entry.presence.connection = Some(id);
        entry.presence.changed = Some(now.timestamp);
        entry.presence.active = Some(now.timestamp);
        entry.presence.model_id = claim.model_id.map(|model| model.to_string()).unwrap_or_default();
        let credentials_until = now.instant.after(until.since(now.timestamp));
        self.timers.set(credentials_until, Due::Credentials(id));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.stage = Stage::Serving(Box::new(Serving {
            session: accepted,
            key: key.clone(),
            calls: Vec::new(),
            scope,
            credentials_until,
            will,
        }));
        let whose = match session {
            Session::Fresh => "a fresh session",
            Session::Resume => "the session it had",
        };
        let why = format!("by {}, with {whose}", connection.peer.transport);
        self.log(Level::Info, id, Some(&key), "connected", why, effects);
        self.announce_presence(now, &key, "deviceConnected", effects);
        let packet = PacketBuf::Connected(session, limits);
        effects.push(Effect::Send { connection: id, packet });
        if session == Session::Resume {
            self.deliver(now, &key, effects);
            self.call_waiting(now, &key, effects);
        }
    }

    /// A device that was let in is not served any longer.
    fn part(&mut self, now: Now, id: ConnectionId, serving: Serving, effects: &mut Effects) {
        let Serving { key, session, calls, credentials_until, will, scope: _ } = serving;
        self.timers.cancel(credentials_until, Due::Credentials(id));
        if let Some(entry) = self.registry.get_mut(&key) {
            entry.queue.recall();
            if entry.presence.connection == Some(id) {
                entry.presence.connection = None;
                entry.presence.changed = Some(now.timestamp);
                entry.presence.kept = session.kept().map(Box::new);
            }
        }
        if let Some(mut will) = will {
            will.enqueued = now.timestamp;
            will.properties.insert("iothub-MessageType".into(), "Will".into());
            effects.push(Effect::Append(will));
        }
        self.announce_presence(now, &key, "deviceDisconnected", effects);
        for call in calls {
            self.call_lost(now, id, &call, effects);
        }
        self.command_watch(now, &key);
    }

    fn happened(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        event: HubEvent<'_>,
        effects: &mut Effects,
    ) {
        match event {
            HubEvent::Received { ack, message } => self.received(now, id, key, (ack, message), effects),
            HubEvent::Subscribed { token, granted, channels } => {
                if granted.iter().any(|outcome| outcome.is_err()) {
                    let why = "unknown or another device's filter, or more than the limit".to_owned();
                    self.log(Level::Warn, id, Some(key), "subscription refused", why, effects);
                }
                let packet = PacketBuf::SubAck(token, granted);
                effects.push(Effect::Send { connection: id, packet });
                self.subscribed(now, key, channels, effects);
            }
            HubEvent::Unsubscribed { token, removed } => {
                let packet = PacketBuf::UnsubAck(token, removed);
                effects.push(Effect::Send { connection: id, packet });
            }
            HubEvent::Settled { token, verdict: Verdict::Complete, .. } => {
                self.command_completed(now, key, token, effects);
            }
            // Over MQTT 3.1.1 there is nothing else to say, and the hub serves nothing else.
            HubEvent::Settled { verdict: Verdict::Abandon | Verdict::Reject, .. }
            | HubEvent::Unreadable { .. }
            | HubEvent::AuthStep { .. }
            | HubEvent::GaveUp { .. } => self.close(now, id, "what only MQTT 5 can say", effects),
            HubEvent::Expired => self.close(now, id, "its credentials have expired", effects),
            HubEvent::LateAck { token } => {
                let why = format!("no command awaits {}", token.get());
                self.log(Level::Info, id, Some(key), "acknowledgement ignored", why, effects);
            }
            HubEvent::Goodbye => self.leave(now, id, effects),
            HubEvent::Unanswered { ticket } => self.unanswered(now, id, ticket, effects),
        }
    }

    fn received(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        (ack, message): (Option<AckToken>, Received<'_>),
        effects: &mut Effects,
    ) {
        let acknowledge = |effects: &mut Effects| {
            if let Some(token) = ack {
                effects.push(Effect::Send { connection: id, packet: PacketBuf::Ack(token) });
            }
        };
        match message {
            Received::Telemetry(telemetry) => {
                let scope = self.serving(id).map_or(Scope::Device, |serving| serving.scope);
                let event = self.telemetry(now, key, scope, &telemetry);
                effects.push(Effect::Append(event));
                acknowledge(effects);
            }
            Received::TwinGet(get) => {
                acknowledge(effects);
                self.twin_get(id, key, &get, effects);
            }
            Received::TwinPatch(patch) => {
                let reply = self.twin_patch(now, id, key, &patch, effects);
                acknowledge(effects);
                self.twin_answer(id, &reply, effects);
            }
            Received::Answer { ticket, code, payload } => {
                acknowledge(effects);
                self.answered(now, id, ticket, (code, payload), effects);
            }
            // The classic dialect cannot say it, and the hub serves no other.
            Received::Declined { .. } => self.close(now, id, "what only the previews can say", effects),
            Received::LateAnswer => {
                acknowledge(effects);
                let why = "it answers no call that is open".to_owned();
                self.log(Level::Info, id, Some(key), "method answer ignored", why, effects);
            }
        }
    }

    /// The device that is let in on that connection, if one is.
    pub(crate) fn serving(&mut self, id: ConnectionId) -> Option<&mut Serving> {
        match &mut self.connections.get_mut(&id)?.stage {
            Stage::Serving(serving) => Some(serving),
            Stage::Greeting | Stage::Closing => None,
        }
    }

    /// The present connection of a device, and what is served on it.
    pub(crate) fn serving_device(&mut self, key: &Key) -> Option<(ConnectionId, &mut Serving)> {
        let id = self.registry.get(key)?.presence.connection?;
        self.serving(id).map(|serving| (id, serving))
    }

    fn announce_presence(&mut self, now: Now, key: &Key, operation: &str, effects: &mut Effects) {
        self.presence_changes += 1;
        let body = json!({"sequenceNumber": format!("{:064X}", self.presence_changes)});
        let about = (key, operation, "deviceConnectionStateNotification");
        self.announce(now, EventKind::ConnectionState, about, &body, effects);
    }

    pub(crate) fn log(
        &self,
        level: Level,
        id: ConnectionId,
        key: Option<&Key>,
        what: &'static str,
        why: String,
        effects: &mut Effects,
    ) {
        let who = key.map(ToString::to_string);
        effects.push(Effect::Log(Notice { level, connection: Some(id), who, what, why }));
    }
}

/// The return code for a CONNECT that cannot be read.
fn refusal(kind: DecodeErrorKind) -> RefusalReason {
    if kind == DecodeErrorKind::WrongDevice { RefusalReason::BadClientId } else { RefusalReason::BadUserName }
}
