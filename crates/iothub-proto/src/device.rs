use core::time::Duration;

use iothub_codec::{
    Ack, Channels, Codec, Command, DesiredChanged, Input, Introduction, MethodCall, Operation, Proof,
    Publish, Qos, Reply, RequestId, Status, Telemetry, ToDevice, TwinGet, TwinPatch,
};

use crate::error::{PeerError, SendError, StateKind};
use crate::outcomes::Granted;
use crate::packet::{AckToken, Limits, Opening, Packet, Session};
use crate::refusal::RefusalReason;
use crate::requests::{Requests, Ticket};
use crate::time::{Instant, Now, Timestamp};
use crate::window::Window;

/// The device's end of the conversation, remembering at most `REQUESTS` open requests.
///
/// It outlives connections: [`Self::connect`] begins one, [`Self::handle_disconnect`] ends it, and
/// messages that were not acknowledged keep their [`AckToken`] from one to the next. Whoever has the bytes
/// of a QoS 1 message repeats it after a reconnect.
#[derive(Clone, Debug)]
pub struct DeviceSession<'d, const REQUESTS: usize = 8> {
    codec: Codec<'d>,
    state: State,
    limits: Limits,
    wanted: Channels,
    confirmed: Channels,
    subscribing: Option<Subscribing>,
    unacknowledged: Window<{ WINDOW as usize }>,
    /// What the session acknowledges by itself.
    owed: Window<{ OWED as usize }>,
    /// What came over this connection and awaits [`Self::complete`].
    uncompleted: Window<{ UNCOMPLETED as usize }>,
    requests: Requests<Asked, REQUESTS>,
    renew_at: Option<Instant>,
}

/// Most QoS 1 messages a device leaves unacknowledged, however many more the hub would take.
const WINDOW: u16 = 16;
/// Most QoS 1 messages of the hub that await their PUBACK from this session.
const OWED: u16 = 16;
/// Most commands and input messages that await the application: the queue of a device holds 50.
const UNCOMPLETED: u16 = 64;
/// The token of SUBSCRIBE, of which there is one at a time. No message ever has it.
const SUBSCRIBE: AckToken = Window::<0>::RESERVED;
/// Credentials are renewed when this share of their lifetime is over, in percent.
const RENEW_AFTER_PERCENT: u64 = 85;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offline,
    Connecting,
    Subscribing,
    Ready,
}

/// What the SUBSCRIBE that awaits its answer asks for.
#[derive(Clone, Copy, Debug)]
struct Subscribing {
    channels: Channels,
    /// How many outcomes the answer has.
    filters: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Twin,
    Report,
}

/// What a device says when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// Which hub, and what software this is.
    pub introduction: Introduction<'a>,
    /// Why the hub should believe it.
    pub proof: Proof<'a>,
    /// When the proof expires; [`DeviceEvent::RenewSoon`] comes before that. `None` for a certificate.
    pub valid_until: Option<Timestamp>,
    /// Whether subscriptions and queued commands of an earlier connection go on.
    pub session: Session,
    /// Seconds within which something is sent; the MQTT layer pings when there is nothing else.
    pub keep_alive_s: u16,
    /// What the hub publishes when the connection ends without a goodbye.
    pub will: Option<Publish<'a>>,
}

/// What happened, for the application. Borrows the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceEvent<'a> {
    /// Connected, and subscribed to every channel: everything can be sent now.
    Ready,
    /// The hub did not accept the connection and closes it.
    ConnectRefused {
        /// Why.
        reason: RefusalReason,
    },
    /// The hub did not grant a subscription: these channels stay silent, and for all else this is
    /// [`DeviceEvent::Ready`].
    SubscribeRefused {
        /// Those that were asked for in one packet with the refused one.
        channels: Channels,
    },
    /// The credentials expire soon: connect again with new ones.
    RenewSoon,
    /// The twin that [`DeviceSession::get_twin`] asked for.
    Twin {
        /// Which request.
        ticket: Ticket,
        /// JSON with the members `desired` and `reported`.
        document: &'a [u8],
    },
    /// The hub took over what [`DeviceSession::report`] sent.
    Reported {
        /// Which request.
        ticket: Ticket,
        /// The version of the reported properties from now on, where the hub said it.
        version: Option<u64>,
    },
    /// The hub refused a request.
    Refused {
        /// Which request.
        ticket: Ticket,
        /// Why.
        status: Status,
        /// The number that stood in the answer.
        code: Option<i32>,
    },
    /// No answer came in time. What was asked for may or may not have happened.
    TimedOut {
        /// Which request.
        ticket: Ticket,
    },
    /// The connection ended before the answer. What was asked for may or may not have happened.
    Lost {
        /// Which request.
        ticket: Ticket,
    },
    /// The hub acknowledged a telemetry message.
    Sent {
        /// Which message.
        token: AckToken,
    },
    /// A command. With a token, it is repeated until [`DeviceSession::complete`].
    Command {
        /// The command.
        command: Command<'a>,
        /// There at QoS 1.
        ack: Option<AckToken>,
    },
    /// A message for an input of this module. With a token, as for a command.
    Input {
        /// The message.
        input: Input<'a>,
        /// There at QoS 1.
        ack: Option<AckToken>,
    },
    /// A direct method that awaits [`DeviceSession::reply`].
    Method(MethodCall<'a>),
    /// Somebody changed the desired properties.
    DesiredChanged(DesiredChanged<'a>),
}

impl<'d, const REQUESTS: usize> DeviceSession<'d, REQUESTS> {
    /// A session that is offline and will subscribe to `channels`.
    pub const fn new(codec: Codec<'d>, channels: Channels) -> Self {
        Self {
            codec,
            state: State::Offline,
            limits: Limits::CLASSIC,
            wanted: channels,
            confirmed: Channels::NONE,
            subscribing: None,
            unacknowledged: Window::new(),
            owed: Window::new(),
            uncompleted: Window::new(),
            requests: Requests::new(),
            renew_at: None,
        }
    }

    /// Begins a connection: the packet to send first.
    ///
    /// The hub's answer comes as [`DeviceEvent::Ready`] or [`DeviceEvent::ConnectRefused`]. A connection that
    /// was there before is over, as after [`Self::handle_disconnect`].
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] when `out` is too small; it says how much is needed.
    pub fn connect<'b>(
        &mut self,
        now: Now,
        hello: &Hello<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let connect = self.codec.encode_connect(&hello.introduction, hello.proof, out)?;
        self.end_connection();
        self.state = State::Connecting;
        if hello.session == Session::Fresh {
            self.confirmed = Channels::NONE;
        }
        self.renew_at = hello.valid_until.map(|end| {
            let left_ms = u64::try_from(end.since(now.timestamp).as_millis()).unwrap_or(u64::MAX);
            now.instant.after(Duration::from_millis(left_ms / 100 * RENEW_AFTER_PERCENT))
        });
        Ok(Packet::Connect(Opening {
            session: hello.session,
            keep_alive_s: hello.keep_alive_s,
            will: hello.will,
            ..Opening::new(connect)
        }))
    }

    /// Adds channels to subscribe to. [`DeviceEvent::Ready`] comes again when the hub has granted them.
    pub fn want(&mut self, channels: Channels) {
        self.wanted = self.wanted.union(channels);
        if self.state == State::Ready && !self.missing().is_empty() {
            self.state = State::Subscribing;
        }
    }

    /// Takes in a packet.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when the hub broke the rules; close the connection.
    pub fn handle_packet<'a>(
        &mut self,
        _now: Instant,
        packet: &Packet<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        let event = match (self.state, packet) {
            (State::Connecting, Packet::Connected { session, limits }) => {
                self.limits = *limits;
                if *session == Session::Fresh {
                    self.confirmed = Channels::NONE;
                }
                self.settle_subscriptions()
            }
            (State::Connecting, Packet::Refused(refusal)) => {
                self.state = State::Offline;
                Some(DeviceEvent::ConnectRefused { reason: refusal.reason })
            }
            (State::Subscribing, Packet::SubAck { token: SUBSCRIBE, granted }) => {
                let asked = self.subscribing.take().ok_or(self.out_of_place(packet))?;
                self.subscribed(asked, granted)?
            }
            (State::Subscribing | State::Ready, Packet::Publish { ack, publish }) => {
                self.receive(*ack, publish)?
            }
            (State::Subscribing | State::Ready, Packet::Ack { token, .. }) => {
                if !self.unacknowledged.close(*token) {
                    return Err(self.out_of_place(packet));
                }
                Some(DeviceEvent::Sent { token: *token })
            }
            _ => return Err(self.out_of_place(packet)),
        };
        Ok(event)
    }

    /// Notices what time has done. Call it at the time of [`Self::poll_timeout`], until it gives `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DeviceEvent<'static>> {
        if let Some((ticket, _)) = self.requests.take_lost() {
            return Some(DeviceEvent::Lost { ticket });
        }
        if let Some((ticket, _)) = self.requests.expire(now) {
            return Some(DeviceEvent::TimedOut { ticket });
        }
        if self.is_connected() && self.renew_at.take_if(|at| *at <= now).is_some() {
            return Some(DeviceEvent::RenewSoon);
        }
        None
    }

    /// The connection is gone. Open requests end as [`DeviceEvent::Lost`] from [`Self::handle_timeout`].
    pub fn handle_disconnect(&mut self) {
        self.end_connection();
    }

    /// The next packet that the session owes the hub: a subscription or an acknowledgement.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] when `out` is too small; nothing is lost, call again with more.
    pub fn poll_transmit<'b>(&mut self, out: &'b mut [u8]) -> Result<Option<Packet<'b>>, SendError> {
        if !self.is_connected() {
            return Ok(None);
        }
        if let Some(token) = self.owed.first() {
            self.owed.close(token);
            return Ok(Some(Packet::Ack { token, ack: Ack::SUCCESS }));
        }
        let missing = self.missing();
        if self.subscribing.is_some() || missing.is_empty() {
            return Ok(None);
        }
        let filters = self.codec.filters(missing, out)?;
        self.subscribing = Some(Subscribing { channels: missing, filters: filters.iter().count() });
        Ok(Some(Packet::Subscribe { token: SUBSCRIBE, filters }))
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        if self.requests.any_lost() {
            return Some((Instant::default(), "requests were lost with the connection"));
        }
        let answer = self.requests.deadline().map(|at| (at, "an answer is due"));
        let renewal = self.renew_at.filter(|_| self.is_connected()).map(|at| (at, "credentials expire soon"));
        [answer, renewal].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Sends a message to the cloud.
    ///
    /// At QoS 1 the token names it until [`DeviceEvent::Sent`]; at QoS 0 there is none, and no outcome.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] until [`DeviceEvent::Ready`], [`SendError::WindowFull`] while as many
    /// messages as the hub takes are unacknowledged. Nothing has been sent or remembered.
    pub fn send_telemetry<'b>(
        &mut self,
        telemetry: &Telemetry<'b>,
        out: &'b mut [u8],
    ) -> Result<(Option<AckToken>, Packet<'b>), SendError> {
        self.must_be_ready()?;
        let publish = self.codec.encode(telemetry, out)?;
        let ack = match telemetry.qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce => {
                let limit = self.limits.receive_maximum.min(WINDOW);
                let token = self.unacknowledged.open(usize::from(limit));
                Some(token.ok_or(SendError::WindowFull { limit })?)
            }
        };
        Ok((ack, Packet::Publish { ack, publish }))
    }

    /// Asks for the twin.
    ///
    /// It comes as [`DeviceEvent::Twin`] within `timeout`; otherwise the request ends as
    /// [`DeviceEvent::Refused`], [`DeviceEvent::TimedOut`] or [`DeviceEvent::Lost`].
    ///
    /// # Errors
    ///
    /// [`SendError::TooManyOpen`] while `REQUESTS` requests await their answer, and
    /// [`SendError::NotReady`] until [`DeviceEvent::Ready`]. Nothing has been sent or remembered.
    pub fn get_twin<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        let codec = self.codec;
        self.ask(Asked::Twin, now.after(timeout), |request| codec.encode(&TwinGet::new(request), out))
    }

    /// Changes the reported properties of the twin.
    ///
    /// `patch` is a JSON merge patch: members set to `null` are removed. `if_version` makes the hub refuse
    /// the change unless the reported properties are at exactly that version. The outcome comes as
    /// [`DeviceEvent::Reported`] or [`DeviceEvent::Refused`] within `timeout`, and otherwise as
    /// [`DeviceEvent::TimedOut`] or [`DeviceEvent::Lost`]; then the change may or may not have happened.
    ///
    /// # Errors
    ///
    /// As for [`Self::get_twin`].
    pub fn report<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        patch: &'b [u8],
        if_version: Option<u64>,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        let codec = self.codec;
        self.ask(Asked::Report, now.after(timeout), |request| {
            codec.encode(&TwinPatch { request, patch, if_version }, out)
        })
    }

    /// Answers a direct method: `code` is the device's own number, `payload` JSON or nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] while there is no connection: the hub has given up on the call.
    pub fn reply<'b>(
        &mut self,
        request: RequestId<'b>,
        name: &'b str,
        code: i32,
        payload: &'b [u8],
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.must_be_connected()?;
        let reply = Reply { code: Some(code), payload, ..Reply::new(request, Status::SUCCESS) };
        let publish = self.codec.encode_reply(Operation::Method(name), &reply, out)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// Tells the hub that a command or input message was dealt with.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] while there is no connection, and [`SendError::NotAwaited`] for a token that
    /// this connection did not bring, or that was completed before. A message that is still to be completed
    /// is delivered again by the hub.
    pub fn complete(&mut self, token: AckToken) -> Result<Packet<'static>, SendError> {
        self.must_be_connected()?;
        // A hub that is told of what it did not send closes the connection.
        if !self.uncompleted.close(token) {
            return Err(SendError::NotAwaited);
        }
        Ok(Packet::Ack { token, ack: Ack::SUCCESS })
    }

    /// Whether everything can be sent: true between [`DeviceEvent::Ready`] and the end of the connection.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    fn end_connection(&mut self) {
        self.state = State::Offline;
        self.subscribing = None;
        self.owed = Window::new();
        self.uncompleted = Window::new();
        self.requests.lose_all();
        self.renew_at = None;
    }

    fn subscribed(
        &mut self,
        asked: Subscribing,
        granted: &Granted,
    ) -> Result<Option<DeviceEvent<'static>>, PeerError> {
        let Subscribing { channels, filters } = asked;
        let outcomes = granted.iter().len();
        if outcomes != filters {
            return Err(PeerError::WrongCount { outcomes, filters });
        }
        Ok(if granted.iter().any(|outcome| outcome.is_err()) {
            self.wanted = self.wanted.difference(channels);
            // The refusal is the event; that everything else is ready goes with it.
            self.settle_subscriptions();
            Some(DeviceEvent::SubscribeRefused { channels })
        } else {
            self.confirmed = self.confirmed.union(channels);
            self.settle_subscriptions()
        })
    }

    fn receive<'a>(
        &mut self,
        ack: Option<AckToken>,
        publish: &Publish<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        let message = self.codec.decode_to_device(publish)?;
        if let Some(token) = ack {
            // The application says when these two are dealt with; all else is when it is read.
            let (room, limit) = match message {
                ToDevice::Command(_) | ToDevice::Input(_) => (self.uncompleted.admit(token), UNCOMPLETED),
                ToDevice::Method(_) | ToDevice::DesiredChanged(_) | ToDevice::Reply(_) => {
                    (self.owed.admit(token), OWED)
                }
            };
            if !room {
                return Err(PeerError::WindowOverrun { limit });
            }
        }
        Ok(match message {
            ToDevice::Command(command) => Some(DeviceEvent::Command { command, ack }),
            ToDevice::Input(input) => Some(DeviceEvent::Input { input, ack }),
            ToDevice::Method(call) => Some(DeviceEvent::Method(call)),
            ToDevice::DesiredChanged(change) => Some(DeviceEvent::DesiredChanged(change)),
            ToDevice::Reply(reply) => self.answered(&reply),
        })
    }

    fn answered<'a>(&mut self, reply: &Reply<'a>) -> Option<DeviceEvent<'a>> {
        let (ticket, asked) = self.requests.close(reply.request)?;
        if !reply.status.is_success() {
            return Some(DeviceEvent::Refused { ticket, status: reply.status, code: reply.code });
        }
        Some(match asked {
            Asked::Twin => DeviceEvent::Twin { ticket, document: reply.payload },
            Asked::Report => DeviceEvent::Reported { ticket, version: reply.version },
        })
    }

    fn ask<'b>(
        &mut self,
        asked: Asked,
        deadline: Instant,
        write: impl FnOnce(RequestId<'static>) -> Result<Publish<'b>, iothub_codec::EncodeError>,
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        self.must_be_ready()?;
        let full = SendError::TooManyOpen { limit: REQUESTS };
        let ticket = self.requests.open(asked, deadline).ok_or(full)?;
        match write(ticket.request()) {
            Ok(publish) => Ok((ticket, Packet::Publish { ack: None, publish })),
            Err(error) => {
                self.requests.forget(ticket);
                Err(error.into())
            }
        }
    }

    /// Ready when nothing is left to subscribe to; subscribing otherwise.
    fn settle_subscriptions(&mut self) -> Option<DeviceEvent<'static>> {
        if self.missing().is_empty() {
            self.state = State::Ready;
            Some(DeviceEvent::Ready)
        } else {
            self.state = State::Subscribing;
            None
        }
    }

    fn missing(&self) -> Channels {
        self.wanted.difference(self.confirmed)
    }

    fn must_be_ready(&self) -> Result<(), SendError> {
        if self.state == State::Ready { Ok(()) } else { Err(SendError::NotReady) }
    }

    fn must_be_connected(&self) -> Result<(), SendError> {
        if self.is_connected() { Ok(()) } else { Err(SendError::NotReady) }
    }

    fn is_connected(&self) -> bool {
        match self.state {
            State::Subscribing | State::Ready => true,
            State::Offline | State::Connecting => false,
        }
    }

    fn out_of_place(&self, packet: &Packet<'_>) -> PeerError {
        let state = match self.state {
            State::Offline => StateKind::Offline,
            State::Connecting => StateKind::Connecting,
            State::Subscribing => StateKind::Subscribing,
            State::Ready => StateKind::Ready,
        };
        PeerError::OutOfPlace { packet: packet.kind(), state }
    }
}

const _: () =
    assert!(size_of::<DeviceSession<'static, 8>>() <= 512, "fits beside a TLS session on a small device");
