use iothub_codec::{Ack, Introduction, Outcome, Proof, PropertySection, Publish, Qos, Status, Version};

use super::event::{DeviceEvent, Retry};
use super::{DeviceSession, OWED, State};
use crate::backoff::Seed;
use crate::error::{PeerError, SendError};
use crate::flow::Flow;
use crate::packet::{Limits, Opening, Packet, Session};
use crate::refusal::{Refusal, RefusalReason};
use crate::time::{Instant, Now, Timestamp};

/// What a device says when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// Which hub, and what software this is.
    pub introduction: Introduction<'a>,
    /// Why the hub should believe it: a token in the classic dialect, a signature in the others, or nothing, which
    /// is the certificate of TLS.
    pub proof: Proof<'a>,
    /// When a token expires; [`DeviceEvent::RenewSoon`] comes before that. A signature says so itself, and what is
    /// not said does not expire.
    pub valid_until: Option<Timestamp>,
    /// Whether subscriptions and queued commands of an earlier connection go on, and those of this one behind it.
    pub session: Session,
    /// Seconds within which something is sent; the MQTT layer pings when there is nothing else.
    pub keep_alive_s: u16,
    /// What the hub publishes when the connection ends without a goodbye.
    pub will: Option<Publish<'a>>,
    /// Longest packet that the device takes, in bytes, from 1. `None` is any, and all that MQTT 3.1.1 can say.
    pub packet_len_max: Option<u32>,
    /// Chance for the moments of renewing credentials and of asking again: another for each device.
    pub seed: Seed,
}

impl<'d, const REQUESTS: usize, const WINDOW: usize> DeviceSession<'d, REQUESTS, WINDOW> {
    /// Begins a connection: the packet to send first.
    ///
    /// The hub's answer comes as [`DeviceEvent::Ready`] or [`DeviceEvent::ConnectRefused`]. A connection that
    /// was there before is over, as after [`Self::handle_disconnect`].
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] when `out` is too small; it says how much is needed. And for a proof that the dialect
    /// does not have.
    pub fn connect<'b>(
        &mut self,
        now: Now,
        hello: &Hello<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let connect = self.codec.encode_connect(&hello.introduction, &hello.proof, out)?;
        self.end_connection();
        self.state = State::Connecting;
        self.flow = flow(connect.version, &Limits::CLASSIC);
        self.seed = hello.seed;
        if hello.session == Session::Fresh {
            self.forget_subscriptions();
        }
        let valid_until = match hello.proof {
            Proof::Signature(signature) => Some(Timestamp::from_millis(signature.terms.expiry_ms)),
            Proof::Token(_) | Proof::None => hello.valid_until,
        };
        self.renewal.begin(now, valid_until, &mut self.seed);
        let opening = Opening {
            session: hello.session,
            keep_alive_s: hello.keep_alive_s,
            will: hello.will,
            ..Opening::new(connect)
        };
        Ok(Packet::Connect(match connect.version {
            Version::V311 => opening,
            Version::V5 => Opening {
                session_expiry_s: (hello.session == Session::Resume).then_some(u32::MAX),
                // As many as there is always room for, whatever kind of messages they are.
                receive_maximum: Some(OWED),
                maximum_packet_size: hello.packet_len_max,
                ..opening
            },
        }))
    }

    /// The connection is gone. Open requests end as [`DeviceEvent::Lost`] from [`Self::handle_timeout`].
    pub fn handle_disconnect(&mut self) {
        self.end_connection();
    }

    pub(super) fn connected<'a>(
        &mut self,
        now: Instant,
        session: Session,
        limits: &Limits,
    ) -> Option<DeviceEvent<'a>> {
        self.flow = flow(self.flow.version, limits);
        if session == Session::Fresh {
            self.forget_subscriptions();
        }
        self.settle_subscriptions(now)
    }

    pub(super) fn connect_refused<'a>(&mut self, refusal: &Refusal<'a>) -> DeviceEvent<'a> {
        // Nothing has happened to what the hub kept.
        self.state = State::Offline;
        self.end_connection();
        let reason = refusal.reason;
        // What is readable is only good for a better answer than the reason alone.
        let outcome = self.codec.decode_ack(&refusal.as_ack()).unwrap_or(Outcome::new(nearest(reason)));
        let bare = Ack { properties: PropertySection::EMPTY, ..refusal.as_ack() };
        let unsaid = self.codec.decode_ack(&bare).map_or(true, |bare| bare.status == outcome.status);
        let retryable = if unsaid { reason.is_retryable() } else { outcome.status.is_retryable() };
        DeviceEvent::ConnectRefused { reason, outcome, retry: Retry::when(retryable) }
    }

    /// DISCONNECT came from the hub.
    pub(super) fn disconnected<'a>(&mut self, ack: &Ack<'a>) -> Result<DeviceEvent<'a>, PeerError> {
        let outcome = self.codec.decode_ack(ack)?;
        self.end_connection();
        let retry = Retry::when(outcome.status.is_success() || outcome.status.is_retryable());
        Ok(DeviceEvent::Disconnected { reason_code: ack.reason_code, outcome, retry })
    }

    pub(super) fn end_connection(&mut self) {
        // The answer may have been that the hub has forgotten them. What it has instead is an empty session, and the
        // next answer says no more than that it is still there.
        if self.state == State::Connecting {
            self.forget_subscriptions();
        }
        self.state = State::Offline;
        self.end_subscribing();
        self.end_commands();
        self.requests.lose_all();
        self.desired.end();
        self.renewal.end();
    }
}

const fn flow(version: Version, limits: &Limits) -> Flow {
    Flow {
        version,
        receive_maximum: limits.receive_maximum,
        packet_len_max: limits.maximum_packet_size,
        qos_max: limits.maximum_qos,
    }
}

impl Flow {
    /// Before the other end has said anything.
    pub(super) const UNKNOWN: Self =
        Self { version: Version::V311, receive_maximum: 0, packet_len_max: 0, qos_max: Qos::AtMostOnce };
}

/// The status that comes closest to what MQTT says.
const fn nearest(reason: RefusalReason) -> Status {
    match reason {
        RefusalReason::MalformedPacket
        | RefusalReason::ProtocolError
        | RefusalReason::BadClientId
        | RefusalReason::BadUserName
        | RefusalReason::BadTopic
        | RefusalReason::BadPayloadFormat
        | RefusalReason::PacketTooLarge => Status::BAD_REQUEST,
        RefusalReason::NotAuthorized | RefusalReason::Banned | RefusalReason::BadAuthenticationMethod => {
            Status::NOT_AUTHORIZED
        }
        RefusalReason::UnacceptableProtocol
        | RefusalReason::RetainNotSupported
        | RefusalReason::QosNotSupported => Status::NOT_ALLOWED,
        RefusalReason::Unavailable | RefusalReason::Busy => Status::SERVER_BUSY,
        RefusalReason::QuotaExceeded => Status::QUOTA_EXCEEDED,
        RefusalReason::ConnectionRateExceeded => Status::THROTTLED,
        RefusalReason::Unspecified
        | RefusalReason::ImplementationSpecific
        | RefusalReason::UseAnotherServer
        | RefusalReason::ServerMoved => Status::SERVER_ERROR,
    }
}
