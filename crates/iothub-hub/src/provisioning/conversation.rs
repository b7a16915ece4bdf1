//! What a device and the provisioning service say to each other over MQTT. Clients insist on its order: the
//! acknowledgement of a request comes before the answer, and nothing between them.

use std::sync::Arc;

use iothub_codec::{ProvisioningReply, Publish, Qos, RegistrationClaim, RequestId, ToProvisioning, Version};
use iothub_model::{ErrorCode, Problem};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Now, Opening, Packet, RefusalReason, Removed, Session,
};

use crate::auth::Denied;
use crate::connection::Stage;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::ConnectionId;
use crate::notice::{Level, Notice};
use crate::packet::{AckBuf, PacketBuf, SectionBuf};
use crate::provisioning::{Answer, Attested};
use crate::recording::NO_ROOM;
use crate::rest::Failure;
use crate::rule::Rule;
use crate::timers::Due;
use crate::twin::date;

/// A device that registers, on one connection.
#[derive(Debug)]
pub(crate) struct Registrant {
    pub(crate) attested: Arc<Attested>,
    /// Whether it hears the answers.
    listens: bool,
    next: AckToken,
    /// Answers that it has not acknowledged.
    unacknowledged: u16,
}

/// A device of MQTT 3.1.1 takes so many answers without acknowledging one.
const UNACKNOWLEDGED_MAX: u16 = 16;

impl Hub {
    /// Takes in a CONNECT that is meant for the provisioning service; `false` for any other.
    pub(crate) fn greet_registrant(
        &mut self,
        now: Now,
        id: ConnectionId,
        opening: &Opening<'_>,
        effects: &mut Effects,
    ) -> bool {
        if opening.connect.version != Version::V311 {
            return false;
        }
        let Ok(claim) = RegistrationClaim::open(&opening.connect) else { return false };
        let who = claim.registration.id.as_str();
        match self.admit_registrant(now, id, &claim) {
            Ok(attested) => {
                let until = now.instant.after(attested.until.since(now.timestamp));
                self.timers.set(until, Due::Credentials(id));
                let registrant = Registrant {
                    attested: Arc::new(attested),
                    listens: false,
                    next: AckToken::FIRST,
                    unacknowledged: 0,
                };
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.peer.certificates = Vec::new();
                    connection.stage = Stage::Registering(Box::new(registrant));
                }
                self.say(id, (Level::Info, who), "connected to register", (None, String::new()), effects);
                // Sessions of the service never outlive their connections.
                let packet = PacketBuf::Connected(Session::Fresh, Limits::CLASSIC);
                effects.push(Effect::Send { connection: id, packet });
            }
            Err(Denied { reason, rule, why }) => {
                let why = (Some(rule), format!("{reason}: {why}"));
                self.say(id, (Level::Warn, who), "CONNECT refused", why, effects);
                let packet = PacketBuf::Refused(reason, SectionBuf::EMPTY);
                effects.push(Effect::Send { connection: id, packet });
                self.hang_up(id, effects);
            }
        }
        true
    }

    pub(crate) fn registrant_packet(
        &mut self,
        now: Now,
        id: ConnectionId,
        packet: &Packet<'_>,
        effects: &mut Effects,
    ) {
        let Some(Stage::Registering(registrant)) =
            self.connections.get_mut(&id).map(|connection| &mut connection.stage)
        else {
            return;
        };
        match packet {
            Packet::Subscribe { token, filters } => {
                let mut granted = Granted::EMPTY;
                for filter in filters.iter() {
                    let outcome = match ProvisioningReply::decode_filter(filter.topic) {
                        Ok(()) => {
                            registrant.listens = true;
                            Ok(Qos::AtLeastOnce)
                        }
                        Err(_) => Err(FilterRefusal::Unspecified),
                    };
                    if !granted.push(outcome) {
                        break;
                    }
                }
                effects.push(Effect::Send { connection: id, packet: PacketBuf::SubAck(*token, granted) });
            }
            Packet::Unsubscribe { token, filters } => {
                if filters.iter().any(|filter| ProvisioningReply::decode_filter(filter.topic).is_ok()) {
                    registrant.listens = false;
                }
                let packet = PacketBuf::UnsubAck(*token, Removed::EMPTY);
                effects.push(Effect::Send { connection: id, packet });
            }
            Packet::Publish { ack, publish } => self.requested(now, id, (*ack, publish), effects),
            Packet::Ack { .. } => {
                registrant.unacknowledged = registrant.unacknowledged.saturating_sub(1);
            }
            Packet::Disconnect(_) => {
                let who = Arc::clone(&registrant.attested);
                let why = (None, "it said goodbye".to_owned());
                self.say(id, (Level::Info, &who.id), "disconnected", why, effects);
                self.hang_up(id, effects);
            }
            Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::UnsubAck { .. }
            | Packet::Auth(_) => {
                let why = format!("{} of a device that registers", packet.kind());
                self.dismiss_registrant(id, Rule::BrokenProtocol, why, effects);
            }
        }
    }

    /// Time has passed on a connection: the proof of a device that registers may be good no longer.
    pub(crate) fn registrant_due(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        if self.registrant(id).is_none_or(|registrant| registrant.attested.until > now.timestamp) {
            return;
        }
        self.dismiss_registrant(id, Rule::ExpiredCredentials, "its credentials have expired".into(), effects);
    }

    fn admit_registrant(
        &self,
        now: Now,
        id: ConnectionId,
        claim: &RegistrationClaim<'_>,
    ) -> Result<Attested, Denied> {
        let config = self.config.provisioning.as_ref().ok_or_else(|| {
            Denied::new(Rule::NotEnrolled, "devices register at the first hub of this process")
        })?;
        let scope = claim.registration.scope;
        if scope.as_str() != config.id_scope {
            let why = format!("the id scope is {scope}, and that of this service is {}", config.id_scope);
            return Err(Denied::new(Rule::NotEnrolled, why));
        }
        if !self.has_room() {
            let (reason, why) = (RefusalReason::Unavailable, NO_ROOM.to_owned());
            return Err(Denied { reason, rule: Rule::NoRoom, why });
        }
        let certificates =
            self.connections.get(&id).map(|connection| &connection.peer.certificates[..]).unwrap_or_default();
        let bid = (claim.registration, &claim.proof);
        self.provisioning.attest(&self.gate, bid, certificates, now.timestamp)
    }

    fn requested(
        &mut self,
        now: Now,
        id: ConnectionId,
        (ack, publish): (Option<AckToken>, &Publish<'_>),
        effects: &mut Effects,
    ) {
        let Some(attested) = self.registrant(id).map(|registrant| Arc::clone(&registrant.attested)) else {
            return;
        };
        let request = match ToProvisioning::decode(publish) {
            Ok(request) => request,
            Err(error) => {
                return self.dismiss_registrant(id, Rule::UnreadableMessage, error.to_string(), effects);
            }
        };
        let before = effects.len();
        let (rid, answer) = match request {
            ToProvisioning::Register(register) => {
                (register.request, self.register(now, &attested, register.payload, effects))
            }
            ToProvisioning::Status(status) => {
                (status.request, self.operation_status(&attested, &status.operation.to_string()))
            }
        };
        if let Some(token) = ack {
            // What was decided meanwhile is recorded before it, and none of that is a packet for this connection.
            debug_assert!(
                !effects[before..].iter().any(|effect| is_for(effect, id)),
                "nothing stands between"
            );
            effects.push(Effect::Send { connection: id, packet: PacketBuf::Ack(token, AckBuf::SUCCESS) });
        }
        self.answer_registrant(now, id, rid, answer, effects);
    }

    fn answer_registrant(
        &mut self,
        now: Now,
        id: ConnectionId,
        request: RequestId<'_>,
        answer: Result<Answer, Failure>,
        effects: &mut Effects,
    ) {
        let (code, retry_after_s, body) = match answer {
            Ok(Answer { status, retry_after_s, body }) => {
                let body = serde_json::to_string(&body).expect("documents have text for keys");
                (status, retry_after_s, body)
            }
            Err(failure) => self.registrant_refused(now, id, failure, effects),
        };
        let Some(registrant) = self.registrant(id) else { return };
        if !registrant.listens {
            return;
        }
        if registrant.unacknowledged >= UNACKNOWLEDGED_MAX {
            let why = format!("{UNACKNOWLEDGED_MAX} answers are not acknowledged");
            return self.dismiss_registrant(id, Rule::BrokenProtocol, why, effects);
        }
        let token = registrant.next;
        registrant.next = token.next();
        registrant.unacknowledged += 1;
        let reply = ProvisioningReply { request, code, retry_after_s, payload: body.as_bytes() };
        let mut topic = [0; TOPIC_LEN_MAX];
        let publish =
            reply.encode(&mut topic).expect("a request id that was read fits, and codes have three digits");
        let packet = PacketBuf::new(&Packet::Publish { ack: Some(token), publish });
        let packet = packet.expect("a PUBLISH is for both ends");
        effects.push(Effect::Send { connection: id, packet });
    }

    fn registrant_refused(
        &mut self,
        now: Now,
        id: ConnectionId,
        failure: Failure,
        effects: &mut Effects,
    ) -> (u16, Option<u32>, String) {
        let (code, message) = failure.into_parts();
        let tracking_id = self.source.tracking_id();
        let who = self.registrant(id).map(|registrant| registrant.attested.id.clone()).unwrap_or_default();
        let why = format!("{code}: {message} (tracking id {tracking_id})");
        let why = (Some(Rule::Request(code)), why);
        self.say(id, (Level::Warn, &who), "registration refused", why, effects);
        let problem = Problem { code, message, tracking_id, time: date(now.timestamp) };
        (code.http_status(), is_passing(code).then_some(RETRY_AFTER_S), problem.device_body())
    }

    fn registrant(&mut self, id: ConnectionId) -> Option<&mut Registrant> {
        match &mut self.connections.get_mut(&id)?.stage {
            Stage::Registering(registrant) => Some(registrant),
            Stage::Greeting | Stage::Serving(_) | Stage::Closing => None,
        }
    }

    fn dismiss_registrant(&mut self, id: ConnectionId, rule: Rule, why: String, effects: &mut Effects) {
        let Some(registrant) = self.registrant(id) else { return };
        let who = Arc::clone(&registrant.attested);
        self.say(id, (Level::Warn, &who.id), "connection closed by the hub", (Some(rule), why), effects);
        self.hang_up(id, effects);
    }

    fn hang_up(&mut self, id: ConnectionId, effects: &mut Effects) {
        effects.push(Effect::Close { connection: id });
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stage = Stage::Closing;
        }
    }

    fn say(
        &self,
        id: ConnectionId,
        (level, who): (Level, &str),
        what: &'static str,
        (rule, why): (Option<Rule>, String),
        effects: &mut Effects,
    ) {
        let who = Some(who.to_owned());
        effects.push(Effect::Log(Notice { level, peer: self.peer(id), who, what, rule, why }));
    }
}

/// Whether the same request can succeed later.
pub(crate) const fn is_passing(code: ErrorCode) -> bool {
    code.number() >= 429_000
}

fn is_for(effect: &Effect, id: ConnectionId) -> bool {
    matches!(effect, Effect::Send { connection, .. } if *connection == id)
}

/// After how many seconds a device is to try again where the service is hindered.
pub(crate) const RETRY_AFTER_S: u32 = 5;
/// Longest topic of an answer, in bytes: a request id of 64 bytes has at most three times that when it is escaped.
const TOPIC_LEN_MAX: usize = 512;
