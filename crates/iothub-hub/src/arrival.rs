//! What a device that is let in did, and what the hub does about it.

use std::sync::Arc;

use iothub_codec::{
    DecodeError, Dialect, Filters, IdentityBuf, Name, Outcome, Proof, Signature, Status, Telemetry, Terms,
    Text,
};
use iothub_proto::{
    AckToken, Dismissal, FilterRefusal, Granted, HubEvent, HubSession, Now, Packet, PeerError, Received,
    Verdict,
};

use crate::auth::Bid;
use crate::connection::CALLS;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::ConnectionId;
use crate::notice::Level;
use crate::packet::{AckBuf, PacketBuf};
use crate::quota::{Edition, Operation};
use crate::recording::NO_ROOM;
use crate::registry::Key;
use crate::rule::Rule;
use crate::timers::Due;

/// Why a message is refused: for the device, for the log, and in words.
type Refusal = (Status, Rule, String);

impl Hub {
    pub(crate) fn happened(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        event: HubEvent<'_>,
        effects: &mut Effects,
    ) {
        match event {
            HubEvent::Received { ack, message } => self.received(now, id, key, (ack, message), effects),
            HubEvent::Unreadable { token, error } => self.refuse_message(id, key, token, &error, effects),
            HubEvent::Subscribed { token, filters, granted, channels } => {
                if let Some(why) = why_not(filters, &granted) {
                    let why = (Some(Rule::RefusedSubscription), why);
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
            HubEvent::Settled { token, verdict, status } => match verdict {
                Verdict::Complete => self.command_completed(now, key, token, effects),
                Verdict::Abandon => self.command_abandoned(now, key, token, effects),
                Verdict::Reject => self.command_rejected(now, key, (token, status), effects),
            },
            HubEvent::AuthStep { signature } => self.renew(now, id, key, &signature, effects),
            HubEvent::GaveUp { reason_code } => self.given_up(now, id, reason_code, effects),
            HubEvent::Expired => {
                let why =
                    (&Dismissal::NotAuthorized, Rule::ExpiredCredentials, "its credentials have expired");
                self.close(now, id, why, effects);
            }
            HubEvent::LateAck { token } => {
                let why = format!("no command awaits {}", token.get());
                self.log(Level::Info, id, Some(key), "acknowledgement ignored", (None, why), effects);
            }
            HubEvent::Goodbye => self.leave(now, id, effects),
            HubEvent::Unanswered { ticket } => self.unanswered(now, id, ticket, effects),
        }
    }

    /// It broke the rules: the connection ends, over MQTT 5 with what is wrong.
    pub(crate) fn broken(&mut self, now: Now, id: ConnectionId, error: PeerError, effects: &mut Effects) {
        let why = error.to_string();
        let unreadable = matches!(error, PeerError::Unreadable(_));
        let rule = if unreadable { Rule::UnreadableMessage } else { Rule::BrokenProtocol };
        self.close(now, id, (&Dismissal::Broken(error), rule, &why), effects);
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
                let packet = PacketBuf::Ack(token, AckBuf::SUCCESS);
                effects.push(Effect::Send { connection: id, packet });
            }
        };
        match message {
            Received::Telemetry(telemetry) => {
                let Some(origin) = self.serving(id).map(|serving| Arc::clone(&serving.origin)) else {
                    return;
                };
                if let Err(refusal) = self.spend_telemetry(now, &telemetry) {
                    return self.refuse_telemetry(now, id, key, (ack, refusal), effects);
                }
                let event = self.telemetry(now, key, &origin, &telemetry);
                effects.push(Effect::Append(event));
                acknowledge(effects);
            }
            Received::TwinGet(get) => {
                acknowledge(effects);
                self.twin_get(now, id, key, &get, effects);
            }
            Received::TwinPatch(patch) => {
                let reply = self.twin_patch(now, id, key, &patch, effects);
                acknowledge(effects);
                self.twin_answer(id, &reply, effects);
            }
            // Whatever it is said to be, it is JSON or cannot be told.
            Received::Answer { ticket, code, payload, content: _ } => {
                acknowledge(effects);
                self.answered(now, id, ticket, (code, payload), effects);
            }
            Received::Declined { ticket, status } => {
                acknowledge(effects);
                self.declined(now, id, ticket, status, effects);
            }
            Received::LateAnswer => {
                acknowledge(effects);
                let why = "it answers no call that is open".to_owned();
                self.log(Level::Info, id, Some(key), "method answer ignored", (None, why), effects);
            }
        }
    }

    /// A message cannot be read, and there is a way to say so: the connection goes on.
    fn refuse_message(
        &mut self,
        id: ConnectionId,
        key: &Key,
        token: AckToken,
        error: &DecodeError,
        effects: &mut Effects,
    ) {
        let refusal = (error.status(), Rule::UnreadableMessage, error.to_string());
        self.refuse_by_ack(id, key, token, refusal, effects);
    }

    fn spend_telemetry(&mut self, now: Now, telemetry: &Telemetry<'_>) -> Result<(), Refusal> {
        if !self.has_room() {
            return Err((Status::SERVER_BUSY, Rule::NoRoom, NO_ROOM.to_owned()));
        }
        // Nobody but a hub with limits needs to know how long it is.
        let len = if self.config.edition == Edition::UNLIMITED { 0 } else { charged(telemetry) };
        self.spend_of_device(now, Operation::Telemetry, len)
            .map_err(|excess| (excess.status(), excess.rule(), excess.to_string()))
    }

    /// There are too many of them, or no room: over MQTT 5 that can be said of a message, else the connection ends.
    fn refuse_telemetry(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        (ack, refusal): (Option<AckToken>, Refusal),
        effects: &mut Effects,
    ) {
        let explains = self.serving(id).is_some_and(|serving| serving.origin.dialect == Dialect::Preview5);
        match ack.filter(|_| explains) {
            Some(token) => self.refuse_by_ack(id, key, token, refusal, effects),
            None => {
                let (status, rule, reason) = refusal;
                let outcome = Outcome { reason: Some(Text::plain(&reason)), ..Outcome::new(status) };
                self.close(now, id, (&Dismissal::Refused(outcome), rule, &reason), effects);
            }
        }
    }

    fn refuse_by_ack(
        &mut self,
        id: ConnectionId,
        key: &Key,
        token: AckToken,
        (status, rule, reason): Refusal,
        effects: &mut Effects,
    ) {
        let trace_id = status.may_have_trace_id().then(|| self.source.tracking_id());
        let mut why = format!("{status}: {reason}");
        if let Some(trace_id) = &trace_id {
            why = format!("{why} (trace id {trace_id})");
        }
        let why = (Some(rule), why);
        self.log(Level::Warn, id, Some(key), "message refused", why, effects);
        let outcome = Outcome {
            status,
            reason: Some(Text::plain(&reason)),
            trace_id: trace_id.as_deref().map(Text::plain),
        };
        let written = self.written(id, |session, out| {
            let packet = session.refuse(token, &outcome, out)?;
            Ok(PacketBuf::new(&packet).expect("a PUBACK is for both ends"))
        });
        if let Some(Ok(packet)) = written {
            effects.push(Effect::Send { connection: id, packet });
        }
    }

    /// It wants to go on with a new signature.
    fn renew(
        &mut self,
        now: Now,
        id: ConnectionId,
        key: &Key,
        signature: &Signature<'_>,
        effects: &mut Effects,
    ) {
        match self.renewed(now, id, signature) {
            Ok(packet) => {
                let why = "by a new signature".to_owned();
                self.log(Level::Info, id, Some(key), "credentials renewed", (None, why), effects);
                effects.push(Effect::Send { connection: id, packet });
            }
            Err(why) => {
                let why = format!("its credentials are not renewed: {why}");
                self.close(now, id, (&Dismissal::NotAuthorized, Rule::FailedRenewal, &why), effects);
            }
        }
    }

    fn renewed(
        &mut self,
        now: Now,
        id: ConnectionId,
        signature: &Signature<'_>,
    ) -> Result<PacketBuf, String> {
        let gone = || "the connection is gone".to_owned();
        let serving = self.serving(id).ok_or_else(gone)?;
        let (host, policy) = (serving.host.clone(), serving.policy.clone());
        // Whoever signed at CONNECT signs again, whether it is named again or not.
        let named = signature.terms.policy.filter(|policy| !policy.is_empty());
        if named.is_some_and(|named| policy.as_deref().is_none_or(|policy| named != *policy)) {
            return Err("the policy is another than that of the CONNECT".to_owned());
        }
        let terms = Terms { policy: policy.as_deref().map(Text::plain), ..signature.terms };
        let identity = IdentityBuf::new(serving.session.identity());
        let proof = Proof::Signature(Signature { terms, ..*signature });
        let bid = Bid { identity: identity.as_identity(), host: &host, proof, certificates: &[] };
        let admission = self.gate.admit(&self.registry, &bid, now.timestamp).map_err(|denied| denied.why)?;
        let until = now.instant.after(admission.until.since(now.timestamp));
        let written = self.written(id, |session: &mut HubSession<CALLS>, out| {
            let packet: Packet<'_> = session.renewed(until, out)?;
            Ok(PacketBuf::new(&packet).expect("an AUTH is for both ends"))
        });
        let packet = written.ok_or_else(gone)?.map_err(|error| error.to_string())?;
        let serving = self.serving(id).ok_or_else(gone)?;
        serving.credential = admission.credential;
        let before = core::mem::replace(&mut serving.credentials_until, until);
        self.timers.cancel(before, Due::Credentials(id));
        self.timers.set(until, Due::Credentials(id));
        Ok(packet)
    }
}

/// What a message is charged for by its length: its body, and its properties as they are meant, not as they travel.
fn charged(telemetry: &Telemetry<'_>) -> usize {
    let properties = telemetry.properties.iter().map(|property| {
        let name = match property.name {
            Name::System(_) => 0,
            Name::Application(name) => name.to_string().len(),
        };
        name + property.value.to_string().len()
    });
    telemetry.payload.len() + properties.sum::<usize>()
}

/// Why not all filters were granted, if so: the first that was not, and how many more.
fn why_not(filters: Filters<'_>, granted: &Granted) -> Option<String> {
    let refused = filters.iter().zip(granted.iter());
    let mut refused = refused.filter_map(|(filter, outcome)| Some((filter.topic, outcome.err()?)));
    let (filter, refusal) = refused.next()?;
    let shown = &filter[..filter.floor_char_boundary(FILTER_SHOWN_MAX)];
    let why = format!("{shown:?}: {}", meaning(refusal));
    Some(match refused.count() {
        0 => why,
        more => format!("{why} (and {more} more)"),
    })
}

fn meaning(refusal: FilterRefusal) -> &'static str {
    match refusal {
        FilterRefusal::QuotaExceeded => "more than the limit",
        FilterRefusal::WildcardsNotSupported => "a wildcard where none may stand",
        FilterRefusal::SharedNotSupported => "a shared subscription, and there are none",
        FilterRefusal::Unspecified
        | FilterRefusal::ImplementationSpecific
        | FilterRefusal::NotAuthorized
        | FilterRefusal::TopicFilterInvalid
        | FilterRefusal::PacketIdentifierInUse
        | FilterRefusal::IdentifiersNotSupported => "unknown or another device's filter",
    }
}

/// As much of a filter goes to the log, in bytes.
const FILTER_SHOWN_MAX: usize = 128;
