use core::time::Duration;

use iothub_codec::{
    Ack, Channels, Codec, Command, DecodeErrorKind, DesiredChanged, Dialect, Identity, IdentityBuf,
    MethodCall, Operation, Publish, Qos, Reply, Telemetry, ToHub, TwinGet, TwinPatch,
};

use crate::error::{PeerError, SendError, StateKind};
use crate::outcomes::{FilterRefusal, Granted, Removal, Removed};
use crate::packet::{AckToken, Packet};
use crate::requests::{Requests, Ticket};
use crate::subscriptions::Subscriptions;
use crate::time::Instant;
use crate::window::Window;

/// The hub's end of one connection, remembering at most `CALLS` open method calls.
///
/// It begins when a CONNECT was accepted, and ends with the connection. What it means for a twin or a
/// queue is the hub's business; the session says what the device asked for, and writes what the hub answers.
#[derive(Clone, Debug)]
pub struct HubSession<const CALLS: usize = 10> {
    dialect: Dialect,
    identity: IdentityBuf,
    subscriptions: Subscriptions,
    unacknowledged: Window<{ WINDOW as usize }>,
    calls: Requests<(), CALLS>,
}

/// Most QoS 1 messages that a hub sends ahead of their acknowledgement.
const WINDOW: u16 = 16;

/// What the device did. Borrows the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HubEvent<'a> {
    /// It sent a message, which at QoS 1 awaits [`HubSession::acknowledge`].
    Received {
        /// There at QoS 1.
        ack: Option<AckToken>,
        /// The message.
        message: Received<'a>,
    },
    /// It subscribed; the answer is [`Packet::SubAck`] with these values.
    Subscribed {
        /// Which SUBSCRIBE.
        token: AckToken,
        /// One outcome a filter.
        granted: Granted,
        /// The channels that were granted.
        channels: Channels,
    },
    /// It gave up subscriptions; the answer is [`Packet::UnsubAck`] with these values.
    Unsubscribed {
        /// Which UNSUBSCRIBE.
        token: AckToken,
        /// One outcome a filter.
        removed: Removed,
    },
    /// It completed a command.
    Completed {
        /// Which one.
        token: AckToken,
    },
    /// It acknowledged what awaits no acknowledgement: a command that it has completed before, over another
    /// connection or over this one. Clients keep what they could not send for their next connection.
    LateAck {
        /// Which one it means.
        token: AckToken,
    },
    /// It says goodbye: its will is void.
    Goodbye,
    /// It did not answer a method call in time.
    Unanswered {
        /// Which call.
        ticket: Ticket,
    },
}

/// A message of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Received<'a> {
    /// For the back end.
    Telemetry(Telemetry<'a>),
    /// A question for the twin; answer with [`HubSession::reply`].
    TwinGet(TwinGet<'a>),
    /// A change of the reported properties; answer with [`HubSession::reply`].
    TwinPatch(TwinPatch<'a>),
    /// The answer to a call of [`HubSession::call`].
    Answer {
        /// Which call.
        ticket: Ticket,
        /// The device's own number.
        code: i32,
        /// JSON, or nothing.
        payload: &'a [u8],
    },
    /// The answer to no call that is open: it comes late, twice, or was never asked for.
    LateAnswer,
}

/// Whether a command goes out for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It does.
    First,
    /// It went out before under that token, and was not acknowledged.
    Again(AckToken),
}

impl<const CALLS: usize> HubSession<CALLS> {
    /// A session for the device or module whose CONNECT was accepted, with what it had subscribed to before.
    pub fn new(dialect: Dialect, identity: Identity<'_>, subscriptions: Subscriptions) -> Self {
        Self {
            dialect,
            identity: IdentityBuf::new(identity),
            subscriptions,
            unacknowledged: Window::new(),
            calls: Requests::new(),
        }
    }

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
    /// [`PeerError`] when the device broke the rules; close the connection.
    pub fn handle_packet<'a>(
        &mut self,
        _now: Instant,
        packet: &Packet<'a>,
    ) -> Result<HubEvent<'a>, PeerError> {
        match packet {
            Packet::Publish { ack, publish } => {
                let message = self.receive(publish)?;
                Ok(HubEvent::Received { ack: *ack, message })
            }
            Packet::Ack { token, .. } if self.unacknowledged.close(*token) => {
                Ok(HubEvent::Completed { token: *token })
            }
            Packet::Subscribe { token, filters } => {
                let mut granted = Granted::EMPTY;
                let mut channels = Channels::NONE;
                for filter in filters.iter() {
                    // The MQTT layer refuses a packet with more filters than there is room for.
                    let outcome = self.subscribe(filter).map(|added| {
                        channels = channels.union(added);
                        filter.qos
                    });
                    if !granted.push(outcome) {
                        return Err(Self::out_of_place(packet));
                    }
                }
                Ok(HubEvent::Subscribed { token: *token, granted, channels })
            }
            Packet::Unsubscribe { token, filters } => {
                let mut removed = Removed::EMPTY;
                for filter in filters.iter() {
                    let was_there = self.subscriptions.remove(filter.topic);
                    if !removed.push(Ok(if was_there { Removal::Gone } else { Removal::NeverThere })) {
                        return Err(Self::out_of_place(packet));
                    }
                }
                Ok(HubEvent::Unsubscribed { token: *token, removed })
            }
            Packet::Disconnect(_) => Ok(HubEvent::Goodbye),
            Packet::Ack { token, .. } => Ok(HubEvent::LateAck { token: *token }),
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
        self.calls.expire(now).map(|(ticket, ())| HubEvent::Unanswered { ticket })
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.calls.deadline().map(|at| (at, "the answer to a method call is due"))
    }

    /// Calls a direct method.
    ///
    /// The answer comes as [`Received::Answer`] within `timeout`, and otherwise the call ends as
    /// [`HubEvent::Unanswered`]. An empty `payload` reaches the device as no bytes.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to this method, [`SendError::TooManyOpen`]
    /// while `CALLS` calls are open. Nothing has been sent or remembered.
    pub fn call<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        name: &'b str,
        payload: &'b [u8],
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        // Calls go out at QoS 0 whatever was granted: a repeated call would be a second call.
        if self.subscriptions.granted_method(name).is_none() {
            return Err(SendError::NotSubscribed);
        }
        let full = SendError::TooManyOpen { limit: CALLS };
        let ticket = self.calls.open((), now.after(timeout)).ok_or(full)?;
        let call = MethodCall::new(ticket.request(), name, payload);
        match self.codec().encode(&call, out) {
            Ok(publish) => Ok((ticket, Packet::Publish { ack: None, publish })),
            Err(error) => {
                self.calls.forget(ticket);
                Err(error.into())
            }
        }
    }

    /// Gives up on a call that nobody waits for any longer; its answer will be [`Received::LateAnswer`].
    pub fn forget_call(&mut self, ticket: Ticket) {
        self.calls.forget(ticket);
    }

    /// Sends a command, at the QoS of the device's subscription.
    ///
    /// At QoS 1 the token names it until [`HubEvent::Completed`]; at QoS 0 there is none, and the command
    /// counts as completed.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to commands, [`SendError::WindowFull`] while
    /// too many are unacknowledged. Nothing has been sent or remembered.
    pub fn command<'b>(
        &mut self,
        command: &Command<'b>,
        delivery: Delivery,
        out: &'b mut [u8],
    ) -> Result<(Option<AckToken>, Packet<'b>), SendError> {
        let qos = self.subscriptions.granted(Channels::COMMANDS).ok_or(SendError::NotSubscribed)?;
        let mut publish = self.codec().encode(&Command { qos, ..*command }, out)?;
        publish.duplicate = matches!(delivery, Delivery::Again(_)) && qos == Qos::AtLeastOnce;
        let ack = self.open_window(qos, delivery)?;
        Ok((ack, Packet::Publish { ack, publish }))
    }

    /// Tells the device of a change of its desired properties.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to such changes.
    pub fn desired_changed<'b>(
        &mut self,
        change: &DesiredChanged<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        if self.subscriptions.granted(Channels::DESIRED).is_none() {
            return Err(SendError::NotSubscribed);
        }
        // At QoS 0 whatever was granted: a device that missed one sees the gap in the versions.
        let publish = self.codec().encode(&DesiredChanged { qos: Qos::AtMostOnce, ..*change }, out)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// Answers a twin request.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSubscribed`] unless the device listens to answers, in a dialect where it must say so.
    pub fn reply<'b>(
        &self,
        operation: Operation<'b>,
        reply: &Reply<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        if self.subscriptions.granted(Channels::REPLIES).is_none() {
            return Err(SendError::NotSubscribed);
        }
        let publish = self.codec().encode_reply(operation, reply, out)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// The acknowledgement of a message that was accepted.
    pub const fn acknowledge(token: AckToken) -> Packet<'static> {
        Packet::Ack { token, ack: Ack::SUCCESS }
    }

    fn codec(&self) -> Codec<'_> {
        Codec::new(self.dialect, self.identity.as_identity())
    }

    fn receive<'a>(&mut self, publish: &Publish<'a>) -> Result<Received<'a>, PeerError> {
        Ok(match self.codec().decode_to_hub(publish)? {
            ToHub::Telemetry(telemetry) => Received::Telemetry(telemetry),
            ToHub::TwinGet(get) => Received::TwinGet(get),
            ToHub::TwinPatch(patch) => Received::TwinPatch(patch),
            ToHub::Reply(reply) => match self.calls.close(reply.request) {
                Some((ticket, ())) => {
                    Received::Answer { ticket, code: reply.code.unwrap_or_default(), payload: reply.payload }
                }
                None => Received::LateAnswer,
            },
        })
    }

    fn subscribe(&mut self, filter: iothub_codec::Filter<'_>) -> Result<Channels, FilterRefusal> {
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

    fn open_window(&mut self, qos: Qos, delivery: Delivery) -> Result<Option<AckToken>, SendError> {
        let limit = usize::from(WINDOW);
        let token = match (qos, delivery) {
            (Qos::AtMostOnce, _) => return Ok(None),
            (Qos::AtLeastOnce, Delivery::First) => self.unacknowledged.open(limit),
            (Qos::AtLeastOnce, Delivery::Again(token)) => self.unacknowledged.reopen(token, limit),
        };
        token.map(Some).ok_or(SendError::WindowFull { limit: WINDOW })
    }

    fn out_of_place(packet: &Packet<'_>) -> PeerError {
        PeerError::OutOfPlace { packet: packet.kind(), state: StateKind::Ready }
    }
}
