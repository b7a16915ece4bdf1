//! The hub's end: what it remembers, and where packets and time come in. Each of its concerns has a file.

mod accepting;
mod event;
mod refusing;
mod sending;

pub use event::{HubEvent, Received};
pub use refusing::{Dismissal, refuse_connect};
pub use sending::Delivery;

use iothub_codec::{
    Ack, AuthStep, Channels, Codec, DecodeErrorKind, Dialect, Filter, Identity, IdentityBuf, Publish, ToHub,
    Version,
};

use crate::error::{PeerError, StateKind};
use crate::flow::Flow;
use crate::outcomes::{FilterRefusal, Granted, Removal, Removed};
use crate::packet::{AckToken, Packet};
use crate::requests::Requests;
use crate::subscriptions::Subscriptions;
use crate::time::Instant;
use crate::verdict::Verdict;
use crate::window::Window;

/// The hub's end of one connection, in any dialect, remembering at most `CALLS` open method calls.
///
/// It begins when a CONNECT was accepted, and ends with the connection. What it means for a twin or a
/// queue is the hub's business; the session says what the device asked for, and writes what the hub answers.
#[derive(Clone, Debug)]
pub struct HubSession<const CALLS: usize = 10> {
    dialect: Dialect,
    identity: IdentityBuf,
    subscriptions: Subscriptions,
    flow: Flow,
    /// Whether the subscriptions outlive the connection.
    lasts: bool,
    /// Whether the device wants to know why a message is refused.
    explains: bool,
    /// When its credentials do.
    expires: Option<Instant>,
    /// AUTH came and is not answered.
    renewing: bool,
    unacknowledged: Window<{ WINDOW as usize }>,
    calls: Requests<(), CALLS>,
}

/// Most QoS 1 messages that a hub sends ahead of their acknowledgement, however many more the device would take.
const WINDOW: u16 = 16;
/// With what the filter of a shared subscription begins. The CONNACK says that there are none.
const SHARED: &str = "$share/";

impl<const CALLS: usize> HubSession<CALLS> {
    /// Who is at the other end.
    pub fn identity(&self) -> Identity<'_> {
        self.identity.as_identity()
    }

    /// What the device has subscribed to.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Takes in a packet.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when the device broke the rules; close the connection, over MQTT 5 after [`Self::dismiss`] with
    /// [`Dismissal::Broken`].
    pub fn handle_packet<'a>(
        &mut self,
        _now: Instant,
        packet: &Packet<'a>,
    ) -> Result<HubEvent<'a>, PeerError> {
        match packet {
            Packet::Publish { ack, publish } => self.received(*ack, publish),
            Packet::Ack { token, ack } if self.unacknowledged.contains(*token) => {
                let status = self.codec().decode_ack(ack)?.status;
                self.unacknowledged.close(*token);
                Ok(HubEvent::Settled { token: *token, verdict: Verdict::of(status), status })
            }
            Packet::Ack { token, .. } => Ok(HubEvent::LateAck { token: *token }),
            Packet::Subscribe { token, filters } => {
                let mut granted = Granted::EMPTY;
                let mut channels = Channels::NONE;
                for (at, filter) in filters.iter().enumerate() {
                    let outcome = if at < Granted::MAX_LEN {
                        self.subscribe(filter).map(|added| {
                            channels = channels.union(added);
                            filter.qos
                        })
                    } else {
                        // No device has as many subscriptions: it is not looked whether there is such a topic.
                        Err(FilterRefusal::QuotaExceeded)
                    };
                    if !granted.push(outcome) {
                        return Err(Self::out_of_place(packet));
                    }
                }
                Ok(HubEvent::Subscribed { token: *token, filters: *filters, granted, channels })
            }
            Packet::Unsubscribe { token, filters } => {
                let mut removed = Removed::EMPTY;
                for filter in filters.iter() {
                    let removal = self.unsubscribe(filter.topic);
                    if !removed.push(Ok(removal)) {
                        return Err(Self::out_of_place(packet));
                    }
                }
                Ok(HubEvent::Unsubscribed { token: *token, removed })
            }
            Packet::Auth(auth) if !self.renewing => match self.codec().decode_auth(auth)? {
                AuthStep::Renew(signature) => {
                    self.renewing = true;
                    Ok(HubEvent::AuthStep { signature })
                }
                // Only a hub says that.
                AuthStep::Renewed => Err(Self::out_of_place(packet)),
            },
            Packet::Disconnect(ack) => Ok(self.parted(ack)),
            Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::UnsubAck { .. }
            | Packet::Auth(_) => Err(Self::out_of_place(packet)),
        }
    }

    /// Notices what time has done. Call it at the time of [`Self::poll_timeout`], until it gives `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<HubEvent<'static>> {
        if self.expires.take_if(|at| *at <= now).is_some() {
            return Some(HubEvent::Expired);
        }
        self.calls.expire(now).map(|(ticket, ())| HubEvent::Unanswered { ticket })
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let answer = self.calls.deadline().map(|at| (at, "the answer to a method call is due"));
        let expiry = self.expires.map(|at| (at, "the device's credentials expire"));
        [answer, expiry].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn codec(&self) -> Codec<'_> {
        Codec::new(self.dialect, self.identity.as_identity())
    }

    fn received<'a>(
        &mut self,
        ack: Option<AckToken>,
        publish: &Publish<'a>,
    ) -> Result<HubEvent<'a>, PeerError> {
        match (self.codec().decode_to_hub(publish), ack, self.flow.version) {
            (Ok(message), _, _) => Ok(HubEvent::Received { ack, message: self.receive(message) }),
            // There is a way to tell the device, and nothing has happened to the connection.
            (Err(error), Some(token), Version::V5) => Ok(HubEvent::Unreadable { token, error }),
            (Err(error), _, _) => Err(error.into()),
        }
    }

    fn receive<'a>(&mut self, message: ToHub<'a>) -> Received<'a> {
        let reply = match message {
            ToHub::Telemetry(telemetry) => return Received::Telemetry(telemetry),
            ToHub::TwinGet(get) => return Received::TwinGet(get),
            ToHub::TwinPatch(patch) => return Received::TwinPatch(patch),
            ToHub::Reply(reply) => reply,
        };
        let Some((ticket, ())) = self.calls.close(reply.request) else { return Received::LateAnswer };
        // The codec reads no answer that has neither a number nor a refusal.
        match reply.code.filter(|_| reply.status.is_success()) {
            Some(code) => Received::Answer { ticket, code, payload: reply.payload, content: reply.content },
            None => Received::Declined { ticket, status: reply.status },
        }
    }

    fn subscribe(&mut self, filter: Filter<'_>) -> Result<Channels, FilterRefusal> {
        // To MQTT 3.1.1 that is a filter like any other.
        if self.flow.version == Version::V5 && filter.topic.starts_with(SHARED) {
            return Err(FilterRefusal::SharedNotSupported);
        }
        let codec = Codec::new(self.dialect, self.identity.as_identity());
        let meaning = codec.decode_filter(filter.topic).map_err(|error| {
            if error.kind == DecodeErrorKind::Wildcard {
                FilterRefusal::WildcardsNotSupported
            } else {
                FilterRefusal::TopicFilterInvalid
            }
        })?;
        let added = self.subscriptions.add(filter, meaning);
        if added { Ok(meaning.channels) } else { Err(FilterRefusal::QuotaExceeded) }
    }

    fn unsubscribe(&mut self, filter: &str) -> Removal {
        let codec = Codec::new(self.dialect, self.identity.as_identity());
        let known =
            codec.decode_filter(filter).is_ok_and(|meaning| self.subscriptions.remove(filter, meaning));
        if known { Removal::Gone } else { Removal::NeverThere }
    }

    /// DISCONNECT came.
    fn parted(&mut self, ack: &Ack<'_>) -> HubEvent<'static> {
        // Over MQTT 5 it may end a session that was to last.
        if ack.properties.session_expiry_interval() == Some(0) {
            self.lasts = false;
        }
        match ack.reason_code {
            0 => HubEvent::Goodbye,
            reason_code => HubEvent::GaveUp { reason_code },
        }
    }

    fn out_of_place(packet: &Packet<'_>) -> PeerError {
        PeerError::OutOfPlace { packet: packet.kind(), state: StateKind::Ready }
    }
}

const _: () = assert!(size_of::<HubSession<8>>() <= 1024, "a hub has one for each device that is connected");
