use core::time::Duration;

use iothub_codec::{
    Ack, Connect, Proof, ProvisioningReply, Publish, Register, Registration, RegistrationStatus, RequestId,
    Text,
};

use crate::backoff::{Backoff, Seed};
use crate::document::member;
use crate::error::{PeerError, SendError, StateKind};
use crate::packet::{AckToken, Opening, Packet, Session};
use crate::refusal::RefusalReason;
use crate::time::Instant;

/// A device's end of its conversation with the Device Provisioning Service.
///
/// Driven as a [`DeviceSession`](crate::DeviceSession) is: [`Self::connect`] gives the first packet, then
/// [`Self::poll_transmit`] all others, [`Self::handle_packet`] takes what arrives, and [`Self::handle_timeout`] is called
/// when [`Self::poll_timeout`] says. The device registers, and asks what became of that as often as the service wants it
/// asked, until [`RegisteringEvent::Done`] or [`RegisteringEvent::Refused`]. Where the service is hindered, it asks again after
/// a while. It can be connected again at any time, and goes on where it was.
#[derive(Clone, Debug)]
pub struct RegistrationSession<'d> {
    registration: Registration<'d>,
    payload: &'d [u8],
    state: State,
    /// Of the answers that are to be acknowledged, in order.
    owed: Option<AckToken>,
    /// Of the packet that was sent last that wants an acknowledgement.
    token: AckToken,
    /// Names the request that was sent last.
    request: u32,
    operation: Operation,
    /// Answers in a row that say that the service is hindered.
    failures: u32,
    seed: Seed,
}

/// What came of a registration, or is coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisteringEvent<'a> {
    /// The service does not let the device in. The connection is over.
    ConnectRefused {
        /// Why.
        reason: RefusalReason,
    },
    /// The registration has come to an end: well, or the document says why not.
    Done {
        /// JSON: `operationId`, `status`, and `registrationState` with `assignedHub` and `deviceId`.
        document: &'a [u8],
    },
    /// The service has taken it in, and has not decided yet. It is asked again.
    Pending,
    /// The service is hindered, by too many devices or otherwise, or knows nothing any longer of what it had taken in. It is
    /// asked again.
    Hindered {
        /// What it says, as HTTP does: 404, 429, or 500 and more.
        code: u16,
        /// JSON: `errorCode`, `message`, `trackingId`.
        document: &'a [u8],
    },
    /// The service does not do it.
    Refused {
        /// What it says, as HTTP does: 300 to 428.
        code: u16,
        /// JSON: `errorCode`, `message`, `trackingId`.
        document: &'a [u8],
    },
    /// The service has not answered in time: the connection is of no further use.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offline,
    Connecting,
    MustSubscribe,
    Subscribing {
        until: Instant,
    },
    MustAsk,
    Asked {
        until: Instant,
    },
    /// For the time to ask again.
    Waiting {
        until: Instant,
    },
    Over,
}

/// What the service calls the registration that it has taken in.
#[derive(Clone, Debug)]
struct Operation {
    /// 0 as long as it has none.
    len: usize,
    bytes: [u8; RegistrationSession::OPERATION_LEN_MAX],
}

impl<'d> RegistrationSession<'d> {
    /// Longest name that a service gives a registration, in bytes. Those that are known have 56.
    pub const OPERATION_LEN_MAX: usize = 128;
    /// How long the service has for an answer.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
    /// When to ask again if the service does not say.
    pub const RETRY_AFTER: Duration = Duration::from_secs(2);
    /// When to ask again at the latest, whatever the service says.
    pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

    /// A registration that has not begun. `payload` is what the device says about itself: JSON with `registrationId`, and
    /// `payload` if it has something to say; or nothing. `seed` spreads questions of many devices in time.
    pub const fn new(registration: Registration<'d>, payload: &'d [u8], seed: Seed) -> Self {
        Self {
            registration,
            payload,
            state: State::Offline,
            owed: None,
            token: AckToken::FIRST,
            request: 0,
            operation: Operation { len: 0, bytes: [0; RegistrationSession::OPERATION_LEN_MAX] },
            failures: 0,
            seed,
        }
    }

    /// Begins a connection: the packet to send first. Its answer comes within a time that is the transport's to set.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] when `out` is too small, and for a proof that is no token and not nothing.
    pub fn connect<'b>(
        &mut self,
        client_agent: Option<&str>,
        proof: Proof<'b>,
        keep_alive_s: u16,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let connect: Connect<'b> = self.registration.encode_connect(client_agent, &proof, out)?;
        self.handle_disconnect();
        self.state = State::Connecting;
        // Sessions of the service never outlive their connections.
        Ok(Packet::Connect(Opening { session: Session::Fresh, keep_alive_s, ..Opening::new(connect) }))
    }

    /// The connection is gone. What the service calls the registration is remembered for the next.
    pub const fn handle_disconnect(&mut self) {
        self.owed = None;
        if !matches!(self.state, State::Over) {
            self.state = State::Offline;
        }
    }

    /// Takes in what arrived.
    ///
    /// # Errors
    ///
    /// [`PeerError`] ends the connection: the service does not keep to the rules.
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        packet: &Packet<'a>,
    ) -> Result<Option<RegisteringEvent<'a>>, PeerError> {
        match (self.state, packet) {
            (State::Connecting, Packet::Connected { .. }) => {
                self.state = State::MustSubscribe;
                Ok(None)
            }
            (State::Connecting, Packet::Refused(refusal)) => {
                self.state = State::Offline;
                Ok(Some(RegisteringEvent::ConnectRefused { reason: refusal.reason }))
            }
            (State::Subscribing { .. }, Packet::SubAck { granted, .. })
                if granted.iter().all(|outcome| outcome.is_ok()) =>
            {
                self.state = State::MustAsk;
                Ok(None)
            }
            (State::Asked { .. }, Packet::Publish { ack, publish }) => {
                self.owed = *ack;
                self.answered(now, publish)
            }
            // To a question that was asked before: it is heard and means nothing any longer.
            (State::MustAsk | State::Waiting { .. } | State::Over, Packet::Publish { ack, .. }) => {
                self.owed = *ack;
                Ok(None)
            }
            // That a question has arrived is no answer to it.
            (
                State::Asked { .. } | State::MustAsk | State::Waiting { .. } | State::Over,
                Packet::Ack { .. },
            ) => Ok(None),
            (state, packet) => Err(PeerError::OutOfPlace { packet: packet.kind(), state: state.kind() }),
        }
    }

    /// The next packet to be sent; `None` when there is none before something happens.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] when `out` is too small; it says how much is needed.
    pub fn poll_transmit<'b>(
        &mut self,
        now: Instant,
        out: &'b mut [u8],
    ) -> Result<Option<Packet<'b>>, SendError>
    where
        'd: 'b,
    {
        if let Some(token) = self.owed.take() {
            return Ok(Some(Packet::Ack { token, ack: Ack::SUCCESS }));
        }
        match self.state {
            State::MustSubscribe => {
                self.state = State::Subscribing { until: now.after(Self::ANSWER_TIMEOUT) };
                let filters = ProvisioningReply::filters();
                Ok(Some(Packet::Subscribe { token: self.token, filters }))
            }
            State::MustAsk => {
                let number = self.request.wrapping_add(1);
                let request = RequestId::from_u32(number);
                let publish = match self.operation.as_str() {
                    None => Register { request, payload: self.payload }.encode(out)?,
                    Some(operation) => {
                        RegistrationStatus { request, operation: Text::plain(operation) }.encode(out)?
                    }
                };
                self.request = number;
                self.token = self.token.next();
                self.state = State::Asked { until: now.after(Self::ANSWER_TIMEOUT) };
                Ok(Some(Packet::Publish { ack: Some(self.token), publish }))
            }
            State::Offline
            | State::Connecting
            | State::Subscribing { .. }
            | State::Asked { .. }
            | State::Waiting { .. }
            | State::Over => Ok(None),
        }
    }

    /// Time has passed: it may be time to ask again, or an answer may be overdue.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<RegisteringEvent<'static>> {
        match self.state {
            State::Waiting { until } if until <= now => {
                self.state = State::MustAsk;
                None
            }
            State::Subscribing { until } | State::Asked { until } if until <= now => {
                self.handle_disconnect();
                Some(RegisteringEvent::TimedOut)
            }
            State::Offline
            | State::Connecting
            | State::MustSubscribe
            | State::Subscribing { .. }
            | State::MustAsk
            | State::Asked { .. }
            | State::Waiting { .. }
            | State::Over => None,
        }
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub const fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match self.state {
            State::Waiting { until } => Some((until, "the service is to be asked again")),
            State::Subscribing { until } | State::Asked { until } => Some((until, "an answer is due")),
            State::Offline | State::Connecting | State::MustSubscribe | State::MustAsk | State::Over => None,
        }
    }

    fn answered<'a>(
        &mut self,
        now: Instant,
        publish: &Publish<'a>,
    ) -> Result<Option<RegisteringEvent<'a>>, PeerError> {
        let reply = ProvisioningReply::decode(publish)?;
        if reply.request != RequestId::from_u32(self.request) {
            return Ok(None);
        }
        let (code, document) = (reply.code, reply.payload);
        let asked_to_wait = reply.retry_after_s.map(|seconds| Duration::from_secs(seconds.into()));
        // A service that has forgotten what it was asked is asked anew.
        let is_forgotten = code == NOT_FOUND && self.operation.as_str().is_some();
        if is_forgotten {
            self.operation.len = 0;
        }
        if reply.is_retryable() || is_forgotten {
            let delay = Backoff::DEFAULT.delay(self.failures, &mut self.seed);
            self.failures = self.failures.saturating_add(1);
            let base = asked_to_wait.unwrap_or(Self::RETRY_AFTER);
            self.wait(now, base + delay);
            return Ok(Some(RegisteringEvent::Hindered { code, document }));
        }
        self.failures = 0;
        if !reply.is_success() {
            self.state = State::Over;
            return Ok(Some(RegisteringEvent::Refused { code, document }));
        }
        if !is_pending(document) {
            self.state = State::Over;
            return Ok(Some(RegisteringEvent::Done { document }));
        }
        self.operation.remember(document);
        self.wait(now, asked_to_wait.unwrap_or(Self::RETRY_AFTER));
        Ok(Some(RegisteringEvent::Pending))
    }

    /// Devices that were answered together do not ask again together.
    fn wait(&mut self, now: Instant, time: Duration) {
        let time = time.min(Self::RETRY_AFTER_MAX);
        let quarter = u64::try_from(time.as_millis() / 4).unwrap_or_default();
        let later = Duration::from_millis(self.seed.up_to(quarter));
        self.state = State::Waiting { until: now.after(time + later) };
    }
}

impl Operation {
    fn as_str(&self) -> Option<&str> {
        let text = core::str::from_utf8(self.bytes.get(..self.len)?).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// Without a name that fits, the device registers again instead of asking.
    fn remember(&mut self, document: &[u8]) {
        let name = text_member(document, b"operationId").unwrap_or_default();
        self.len = 0;
        if let Some(room) = self.bytes.get_mut(..name.len()) {
            room.copy_from_slice(name);
            self.len = name.len();
        }
    }
}

impl State {
    const fn kind(self) -> StateKind {
        match self {
            Self::Offline => StateKind::Offline,
            Self::Connecting => StateKind::Connecting,
            Self::MustSubscribe | Self::Subscribing { .. } => StateKind::Subscribing,
            Self::MustAsk | Self::Asked { .. } | Self::Waiting { .. } | Self::Over => StateKind::Ready,
        }
    }
}

/// HTTP's number for what is not there.
const NOT_FOUND: u16 = 404;

/// Whether the service has not decided yet.
fn is_pending(document: &[u8]) -> bool {
    let status = text_member(document, b"status").unwrap_or_default();
    [&b"assigning"[..], b"unassigned"].iter().any(|word| status.eq_ignore_ascii_case(word))
}

/// The text of a member, if nothing in it is escaped.
fn text_member<'a>(document: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let text = member(document, name)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some(text).filter(|text| !text.contains(&b'\\'))
}
