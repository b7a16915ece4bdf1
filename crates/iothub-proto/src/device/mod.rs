//! The device's end: what it remembers, and where packets and time come in. Each of its concerns has a file.

mod commands;
mod connecting;
mod desired;

mod event;
mod messages;
mod renewal;
mod subscribing;
mod twin;

pub use connecting::Hello;
pub use event::{DeviceEvent, Retry};

use iothub_codec::{Ack, Channels, Codec, TwinPart, Version};

use crate::backoff::Seed;
use crate::error::{PeerError, SendError, StateKind};
use crate::flow::Flow;
use crate::packet::{AckToken, Packet};
use crate::requests::Requests;
use crate::time::Instant;
use crate::window::Window;
use desired::Desired;
use renewal::Renewal;
use subscribing::Subscribed;

/// The device's end of the conversation, in any dialect, remembering at most `REQUESTS` open requests and leaving at
/// most `WINDOW` QoS 1 messages unacknowledged, however many more the hub would take.
///
/// It outlives connections: [`Self::connect`] begins one, [`Self::handle_disconnect`] ends it, and
/// messages that were not acknowledged keep their [`AckToken`] from one to the next. Whoever has the bytes
/// of a QoS 1 message repeats it after a reconnect.
///
/// # Desired properties
///
/// With [`Channels::DESIRED`], an application that does as the events say has the desired properties that the hub has,
/// sooner or later: [`DeviceEvent::DesiredCurrent`] brings them all, soon after each [`DeviceEvent::Ready`] of a new
/// connection, because changes that happen meanwhile are sent to nobody; and [`DeviceEvent::DesiredChanged`] each
/// change after that, in order and once. Where one is missing, [`DeviceEvent::DesiredMissed`] says so, and the next is
/// [`DeviceEvent::DesiredCurrent`] again. The session asks the hub for it by itself. An application that asks, too, is
/// told of no change that its [`DeviceEvent::Twin`] contains already.
#[derive(Clone, Debug)]
pub struct DeviceSession<'d, const REQUESTS: usize = 8, const WINDOW: usize = 16> {
    codec: Codec<'d>,
    state: State,
    flow: Flow,
    seed: Seed,
    subscribed: Subscribed,
    unacknowledged: Window<WINDOW>,
    /// What the session acknowledges by itself.
    owed: Window<{ OWED as usize }>,
    /// What came over this connection and awaits [`Self::settle`].
    unsettled: Window<{ UNSETTLED as usize }>,
    requests: Requests<Asked, REQUESTS>,
    desired: Desired,
    renewal: Renewal,
}

/// Most QoS 1 messages of the hub that await their PUBACK from this session.
const OWED: u16 = 16;
/// Most commands and input messages that await the application: the queue of a device holds 50.
const UNSETTLED: u16 = 64;
/// The token of SUBSCRIBE, of which there is one at a time. No message ever has it.
const SUBSCRIBE: AckToken = Window::<0>::RESERVED;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offline,
    Connecting,
    Subscribing,
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Twin(TwinPart),
    Report,
}

impl<'d, const REQUESTS: usize, const WINDOW: usize> DeviceSession<'d, REQUESTS, WINDOW> {
    /// A session that is offline and will subscribe to `channels`; where it follows the desired properties,
    /// [`Channels::DESIRED`] brings [`Channels::REPLIES`] along. What the dialect does not have, such as inputs of what is no module, ends as
    /// [`EncodeError::NotExpressible`](iothub_codec::EncodeError::NotExpressible) from [`Self::poll_transmit`].
    pub const fn new(codec: Codec<'d>, channels: Channels) -> Self {
        Self {
            codec,
            state: State::Offline,
            flow: Flow::UNKNOWN,
            seed: Seed::new(0),
            subscribed: Subscribed::new(channels),
            unacknowledged: Window::new(),
            owed: Window::new(),
            unsettled: Window::new(),
            requests: Requests::new(),
            desired: Desired::new(true),
            renewal: Renewal::NONE,
        }
    }

    /// The same, for an application that follows the versions of the desired properties by itself: it is told of each
    /// change as it comes, also twice, in disorder or behind a gap, and the session asks for no twin.
    #[must_use]
    pub const fn with_desired_as_they_come(mut self) -> Self {
        self.desired = Desired::new(false);
        self
    }

    /// Takes in a packet.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when the hub broke the rules; close the connection.
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        packet: &Packet<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        let out_of_place = self.out_of_place(packet);
        match (self.state, packet) {
            (State::Connecting, Packet::Connected { session, limits }) => {
                Ok(self.connected(now, *session, limits))
            }
            (State::Connecting, Packet::Refused(refusal)) => Ok(Some(self.connect_refused(refusal))),
            (State::Subscribing, Packet::SubAck { token: SUBSCRIBE, granted }) => {
                self.subscription_answered(now, granted)?.ok_or(out_of_place)
            }
            (State::Subscribing | State::Ready, Packet::Publish { ack, publish }) => {
                self.receive(now, *ack, publish)
            }
            (State::Subscribing | State::Ready, Packet::Ack { token, ack }) => {
                self.acknowledged(*token, ack)?.map(Some).ok_or(out_of_place)
            }
            (State::Subscribing | State::Ready, Packet::Auth(auth)) => {
                self.renewal_answered(auth)?.map(Some).ok_or(out_of_place)
            }
            (State::Subscribing | State::Ready, Packet::Disconnect(ack))
                if self.flow.version == Version::V5 =>
            {
                self.disconnected(ack).map(Some)
            }
            _ => Err(out_of_place),
        }
    }

    /// Notices what time has done. Call it at the time of [`Self::poll_timeout`], until it gives `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DeviceEvent<'static>> {
        if self.is_connected() && self.renewal.is_unanswered(now) {
            self.end_connection();
            return Some(DeviceEvent::NotRenewed);
        }
        if let Some((ticket, _)) = self.requests.take_lost() {
            return Some(DeviceEvent::Lost { ticket });
        }
        if let Some((ticket, _)) = self.requests.expire(now) {
            return Some(DeviceEvent::TimedOut { ticket });
        }
        if self.is_connected() && self.renewal.is_due(now) {
            return Some(DeviceEvent::RenewSoon);
        }
        self.desired.handle_timeout(now, &mut self.seed)
    }

    /// The next packet that the session owes the hub: an acknowledgement, a subscription, or a question for the twin.
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
        let unasked = self.unasked();
        if !unasked.is_empty() {
            return self.subscribe(unasked, out).map(Some);
        }
        match self.twin_due() {
            Some(since) => self.fetch_twin(since, out).map(Some),
            None => Ok(None),
        }
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        if self.requests.any_lost() {
            return Some((Instant::default(), "requests were lost with the connection"));
        }
        let answer = self.requests.deadline().map(|at| (at, "an answer is due"));
        let renewal = self.renewal.deadline().filter(|_| self.is_connected());
        [answer, renewal, self.desired.deadline()].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Whether everything can be sent: true between [`DeviceEvent::Ready`] and the end of the connection.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    fn must_be_ready(&self) -> Result<(), SendError> {
        if self.state == State::Ready { Ok(()) } else { Err(SendError::NotReady) }
    }

    fn must_be_connected(&self) -> Result<(), SendError> {
        if self.is_connected() { Ok(()) } else { Err(SendError::NotReady) }
    }

    /// Whether the hub has let the device in. It may still owe an answer to subscriptions: see [`Self::is_ready`].
    pub fn is_connected(&self) -> bool {
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
