//! How a device is let in, or is not.

use std::sync::Arc;

use iothub_codec::{
    Claim, Codec, DecodeError, DecodeErrorKind, Dialect, Field, Outcome, Place, Proof, Status, Text, ToHub,
    Version, open_connect,
};
use iothub_proto::{HubSession, Now, Opening, Packet, RefusalReason, Session, refuse_connect};

use crate::auth::{Admission, Bid, Denied};
use crate::connection::{Serving, Stage};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::hub::Hub;
use crate::input::ConnectionId;
use crate::notice::{Level, Notice};
use crate::packet::{PacketBuf, SectionBuf};
use crate::quota::Operation;
use crate::recording::NO_ROOM;
use crate::registry::Key;
use crate::rule::Rule;
use crate::telemetry::Origin;
use crate::timers::Due;

/// A CONNECT that fulfils everything.
struct Admitted<'a> {
    dialect: Dialect,
    claim: Claim<'a>,
    host: String,
    key: Key,
    admission: Admission,
    origin: Arc<Origin>,
    will: Option<Event>,
}

impl Hub {
    pub(crate) fn greet(&mut self, now: Now, id: ConnectionId, opening: &Opening<'_>, effects: &mut Effects) {
        if self.greet_registrant(now, id, opening, effects) {
            return;
        }
        match self.admit(now, id, opening) {
            Ok(admitted) => self.welcome(now, id, opening, admitted, effects),
            Err((who, denied)) => self.turn_away(id, opening, who, &denied, effects),
        }
    }

    /// Everything that a CONNECT has to fulfil. A refusal comes with whom it concerns, if that was readable.
    fn admit<'a>(
        &mut self,
        now: Now,
        id: ConnectionId,
        opening: &Opening<'a>,
    ) -> Result<Admitted<'a>, (Option<String>, Denied)> {
        let version = opening.connect.version;
        if opening.maximum_packet_size.is_some_and(|max| max < CONNACK_LEN_MAX) {
            let why = format!("it takes no packet of {CONNACK_LEN_MAX} bytes, which its CONNACK may have");
            return Err((
                None,
                Denied { reason: RefusalReason::ImplementationSpecific, rule: Rule::UnreadableConnect, why },
            ));
        }
        let (dialect, claim) =
            open_connect(&opening.connect).map_err(|error| (None, unreadable(version, &error)))?;
        let key = Key::from(claim.identity);
        let named = |denied| (Some(key.to_string()), denied);
        let host = match claim.host {
            Some(host) => host.to_string(),
            None => self.server_name(id),
        };
        let certificates =
            self.connections.get(&id).map(|connection| &connection.peer.certificates[..]).unwrap_or_default();
        let bid = Bid { identity: claim.identity, host: &host, proof: claim.proof, certificates };
        let admission = self.gate.admit(&self.registry, &bid, now.timestamp).map_err(named)?;
        if !self.has_room() {
            let (reason, why) = (RefusalReason::Unavailable, NO_ROOM.to_owned());
            return Err(named(Denied { reason, rule: Rule::NoRoom, why }));
        }
        self.spend(now, Operation::Connection, None).map_err(|excess| {
            named(Denied {
                reason: RefusalReason::ConnectionRateExceeded,
                rule: excess.rule(),
                why: excess.to_string(),
            })
        })?;
        let content_type = claim.content_type.map(|content_type| content_type.to_string());
        let generation = self.registry.get(&key).map(|entry| entry.record.generation_id.as_str());
        let scope = admission.credential.scope();
        let origin = Arc::new(Origin::new(dialect, (&key, generation), scope, content_type));
        let will = match &opening.will {
            None => None,
            Some(publish) => match Codec::new(dialect, claim.identity).decode_to_hub(publish) {
                Ok(ToHub::Telemetry(will)) => Some(self.telemetry(now, &key, &origin, &will)),
                Ok(_) => {
                    let why = "the topic of the will is not that of telemetry".to_owned();
                    return Err(named(Denied { reason: RefusalReason::BadTopic, rule: Rule::BadWill, why }));
                }
                Err(error) => return Err(named(bad_will(&error))),
            },
        };
        Ok(Admitted { dialect, claim, host, key, admission, origin, will })
    }

    fn welcome(
        &mut self,
        now: Now,
        id: ConnectionId,
        opening: &Opening<'_>,
        admitted: Admitted<'_>,
        effects: &mut Effects,
    ) {
        let Admitted { dialect, claim, host, key, admission, origin, will } = admitted;
        // A session that is taken over leaves behind what it was subscribed to, as one that has ended.
        self.take_over(now, &key, effects);
        let Some(entry) = self.registry.get_mut(&key) else { return };
        let kept = entry.presence.kept.take().map(|kept| *kept);
        let (mut accepted, answer) =
            HubSession::accept(dialect, claim.identity, opening, kept, self.source.number());
        let Packet::Connected { session, limits } = answer else { return };
        if session == Session::Fresh {
            entry.queue.forget_tokens();
        }
        entry.presence.changed = Some(now.timestamp);
        entry.presence.active = Some(now.timestamp);
        entry.presence.model_id = claim.model_id.map(|model| model.to_string()).unwrap_or_default();
        self.registry.set_connection(&key, Some(id));
        let credentials_until = now.instant.after(admission.until.since(now.timestamp));
        accepted.expire_at(credentials_until);
        self.timers.set(credentials_until, Due::Credentials(id));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let transport = connection.peer.transport;
        // What let it in is kept, and by what it is known.
        connection.peer.certificates = Vec::new();
        connection.stage = Stage::Serving(Box::new(Serving {
            session: accepted,
            key: Arc::new(key.clone()),
            calls: Vec::new(),
            credential: admission.credential,
            origin,
            host,
            policy: policy(&claim),
            credentials_until,
            will,
        }));
        let whose = match session {
            Session::Fresh => "a fresh session",
            Session::Resume => "the session it had",
        };
        let why = format!("by {transport}, in the dialect {dialect}, with {whose}");
        self.log(Level::Info, id, Some(&key), "connected", (None, why), effects);
        self.announce_presence(now, &key, "deviceConnected", effects);
        let packet = PacketBuf::Connected(session, limits);
        effects.push(Effect::Send { connection: id, packet });
        if session == Session::Resume {
            self.deliver(now, &key, effects);
            self.call_waiting(now, &key, effects);
        }
        self.configure(now, &key, effects);
    }

    /// Refuses a CONNECT. Over MQTT 5 a device is told more than a number, and the log where to find it.
    fn turn_away(
        &mut self,
        id: ConnectionId,
        opening: &Opening<'_>,
        who: Option<String>,
        denied: &Denied,
        effects: &mut Effects,
    ) {
        let status = status(denied.reason);
        let mut why = format!("{}: {}", denied.reason, denied.why);
        let trace_id = (opening.connect.version == Version::V5).then(|| self.source.tracking_id());
        if let Some(trace_id) = &trace_id {
            why = format!("{why} (trace id {trace_id})");
        }
        let (level, peer, rule) = (Level::Warn, self.peer(id), Some(denied.rule));
        effects.push(Effect::Log(Notice { level, peer, who, what: "CONNECT refused", rule, why }));
        let outcome = Outcome {
            status,
            reason: Some(Text::plain(&denied.why)),
            trace_id: trace_id.as_deref().map(Text::plain),
        };
        let packet = refusal(opening, denied.reason, outcome);
        effects.push(Effect::Send { connection: id, packet });
        effects.push(Effect::Close { connection: id });
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stage = Stage::Closing;
        }
    }

    /// The name of the hub as TLS has it.
    fn server_name(&self, id: ConnectionId) -> String {
        let connection = self.connections.get(&id);
        connection.and_then(|connection| connection.peer.server_name.clone()).unwrap_or_default()
    }
}

/// The CONNACK of a refusal: of what there is to say, as much as the device takes.
fn refusal(opening: &Opening<'_>, reason: RefusalReason, outcome: Outcome<'_>) -> PacketBuf {
    let version = opening.connect.version;
    let dialect = match version {
        Version::V311 => Dialect::Classic,
        Version::V5 => Dialect::Preview5,
    };
    let max =
        opening.maximum_packet_size.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let mut out = vec![0; 1024];
    for outcome in [outcome, Outcome { trace_id: None, ..outcome }, Outcome::new(outcome.status)] {
        if let Ok(Packet::Refused(refusal)) = refuse_connect((version, dialect), reason, &outcome, &mut out)
            && CONNACK_OVERHEAD + refusal.properties.as_wire().len() <= max
        {
            return PacketBuf::Refused(refusal.reason, SectionBuf::new(refusal.properties));
        }
    }
    PacketBuf::Refused(reason, SectionBuf::EMPTY)
}

/// Longest CONNACK that lets a device in, in bytes: with all limits that IoT Hub announces, a keep-alive and the expiry
/// of the session.
const CONNACK_LEN_MAX: u32 = 32;
/// What a CONNACK has beside its properties, at most: first byte, remaining length, flags, reason code and the length
/// of the properties.
const CONNACK_OVERHEAD: usize = 1 + 4 + 1 + 1 + 4;

/// Which policy's key let the device in, if it was one's.
fn policy(claim: &Claim<'_>) -> Option<String> {
    match &claim.proof {
        Proof::Signature(signature) => signature.terms.policy.map(|policy| policy.to_string()),
        Proof::Token(_) | Proof::None => None,
    }
}

/// Why a CONNECT that cannot be read is refused.
fn unreadable(version: Version, error: &DecodeError) -> Denied {
    let reason = match (version, error.kind, error.place) {
        (_, DecodeErrorKind::WrongDevice, _) | (_, _, Place::ClientId) => RefusalReason::BadClientId,
        (Version::V311, ..) => RefusalReason::BadUserName,
        (Version::V5, DecodeErrorKind::BadValue(Field::AuthenticationMethod), _) => {
            RefusalReason::BadAuthenticationMethod
        }
        (Version::V5, DecodeErrorKind::BadValue(Field::Signature), _) => RefusalReason::NotAuthorized,
        (Version::V5, ..) => RefusalReason::ImplementationSpecific,
    };
    Denied { reason, rule: Rule::UnreadableConnect, why: error.to_string() }
}

fn bad_will(error: &DecodeError) -> Denied {
    let elsewhere = matches!(error.kind, DecodeErrorKind::UnknownTopic | DecodeErrorKind::WrongDevice);
    let reason = if elsewhere { RefusalReason::BadTopic } else { RefusalReason::ImplementationSpecific };
    Denied { reason, rule: Rule::BadWill, why: format!("the will cannot be read: {error}") }
}

/// What a refusal for that reason is called where statuses are told.
fn status(reason: RefusalReason) -> Status {
    use RefusalReason::{BadAuthenticationMethod, NotAuthorized, Unavailable};

    if matches!(reason, NotAuthorized | BadAuthenticationMethod) {
        Status::NOT_AUTHORIZED
    } else if reason == Unavailable {
        Status::SERVER_BUSY
    } else {
        Status::BAD_REQUEST
    }
}
