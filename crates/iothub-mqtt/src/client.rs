use iothub_codec::{Ack, Connect, Version};
use iothub_proto::{AckToken, Instant, Limits, Opening, Packet, Session};

use crate::aliases::Aliases;
use crate::error::{PROTOCOL_ERROR, WireError, WriteError};
use crate::frame::PacketType;
use crate::inbox::Inbox;
use crate::inflight::Inflight;
use crate::keep_alive::{Due, Pings};
use crate::outbox::Outbox;
use crate::wire5::Sender;
use crate::{wire4, wire5};

/// The device's end of its MQTT connections, one after the other.
///
/// Hands in what arrives, takes out packets until there are none, sends what the session has to say,
/// writes what is waiting; and, when the time of [`Self::poll_timeout`] has come, calls
/// [`Self::handle_timeout`]. Pings are sent and their answers swallowed in here. The CONNECT says which version of
/// MQTT it is. After a [`WireError`] write what is still waiting, which over MQTT 5 may be a DISCONNECT that says why,
/// and close; after the connection is gone, [`Self::reset`].
///
/// QoS 1 messages are kept until they are acknowledged, well or not, and sent again after the next CONNACK, in their
/// old order and before anything else: marked as duplicates when it says that the hub still has the session of
/// the connection before, and as new messages when it says that the hub has not. One that has become too long for the
/// hub is not sent again, and ends as a [`Packet::Ack`] with reason code 0x95 that no hub has sent.
#[derive(Debug)]
pub struct Client {
    inbox: Inbox,
    aliases: Aliases,
    line: Line,
}

/// All but what packets borrow.
#[derive(Debug)]
struct Line {
    outbox: Outbox,
    inflight: Inflight,
    /// Of this end.
    own: Limits,
    /// Of the hub, from CONNACK on.
    hub: Limits,
    promise: Promise,
    /// How many messages of the hub await their acknowledgement.
    unanswered: u16,
    state: State,
    /// There from CONNECT on.
    pings: Option<Pings>,
    failed: Option<WireError>,
}

/// What a CONNECT has said that is to be kept to.
#[derive(Clone, Copy, Debug)]
struct Promise {
    version: Version,
    session: Session,
    receive_maximum: u16,
    /// The session ends with the connection.
    ends: bool,
    /// There is an authentication method, so that credentials can be renewed.
    renews: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sent.
    Idle,
    /// CONNECT was sent and has not been answered.
    Connecting,
    Open,
    /// DISCONNECT was sent; what was under way may still arrive.
    Leaving,
    /// CONNECT was refused, the hub has said goodbye, or it has failed.
    Ended,
}

impl Client {
    /// The end of a device that has not connected yet.
    ///
    /// `limits.maximum_packet_size` holds both ways, and up to `limits.receive_maximum` QoS 1 messages may
    /// be unacknowledged; over MQTT 5 less, if CONNACK says so. As much may wait to be sent.
    /// [`Packet::Connected`] repeats `limits` over MQTT 3.1.1, whose CONNACK says none.
    pub fn new(limits: Limits) -> Self {
        Self {
            inbox: Inbox::new(limits.maximum_packet_size),
            aliases: Aliases::default(),
            line: Line {
                outbox: Outbox::new(limits),
                inflight: Inflight::new(limits.receive_maximum),
                own: limits,
                hub: limits,
                promise: Promise::NONE,
                unanswered: 0,
                state: State::Idle,
                pings: None,
                failed: None,
            },
        }
    }

    /// Forgets the connection, which is gone, and is ready for the next.
    ///
    /// With [`Session::Resume`] unacknowledged messages are kept for it; with [`Session::Fresh`] they are
    /// forgotten too.
    pub fn reset(&mut self, session: Session) {
        self.inbox.clear();
        let Line { outbox, inflight, own: _, hub: _, promise: _, unanswered, state, pings, failed } =
            &mut self.line;
        outbox.clear();
        *unanswered = 0;
        *state = State::Idle;
        *pings = None;
        *failed = None;
        match session {
            Session::Resume => {}
            Session::Fresh => inflight.clear(),
        }
    }

    /// Forgets one unacknowledged message, so that it is not sent again with the next connection: between
    /// [`Self::reset`] and the CONNECT. During a connection, or when there is none of that name, it does nothing.
    pub fn forget(&mut self, token: AckToken) {
        if self.line.state == State::Idle {
            self.line.inflight.forget(token);
        }
    }

    /// Where to put bytes that arrive; [`Self::handle_read`] then says how many those were.
    ///
    /// Never empty once [`Self::poll_packet`] has given `None`. No more than one packet of the longest
    /// kind and 2 KiB are kept.
    pub fn read_buffer(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// Gives back the memory of [`Self::read_buffer`], if nothing is in it: for when nothing is to be read for now. It is
    /// there again when it is asked for.
    pub fn rest(&mut self) {
        self.inbox.rest();
    }

    /// Takes in the first `len` bytes of [`Self::read_buffer`]; more than it had room for are not there.
    pub fn handle_read(&mut self, now: Instant, len: usize) {
        self.inbox.fill(len);
        self.line.heard(now, len);
    }

    /// Takes in bytes that arrived somewhere else than in [`Self::read_buffer`], by copying them, and
    /// returns how many it took: at least one once [`Self::poll_packet`] has given `None`.
    #[must_use = "what was not taken has to be handed in again"]
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let taken = self.inbox.copy(bytes);
        self.line.heard(now, taken);
        taken
    }

    /// The next packet that has arrived as a whole. It borrows the buffer: done with it before any other
    /// call.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] but [`WireError::Silent`], as soon as it can be known.
    pub fn poll_packet(&mut self) -> Result<Option<Packet<'_>>, WireError> {
        let Self { inbox, aliases, line } = self;
        if let Some(error) = line.failed {
            return Err(error);
        }
        if line.state == State::Open
            && let Some(token) = line.inflight.take_refused()
        {
            let ack = Ack { reason_code: PACKET_TOO_LARGE, ..Ack::SUCCESS };
            return Ok(Some(Packet::Ack { token, ack }));
        }
        let version = line.promise.version;
        let frame = loop {
            match inbox.next(version, |packet| line.state.admit(version, packet)) {
                Ok(Some(frame)) if frame.packet == PacketType::PingResp => {}
                Ok(Some(frame)) => break frame,
                Ok(None) => return Ok(None),
                Err(error) => return Err(line.fail(error)),
            }
        };
        let read = match version {
            Version::V311 => wire4::read(frame, inbox.lent(), line.own),
            Version::V5 => wire5::read(frame, inbox.lent(), Sender::Server, aliases),
        };
        match read.and_then(|packet| line.take(&packet).map(|()| packet)) {
            Ok(packet) => Ok(Some(packet)),
            Err(error) => Err(line.fail(error)),
        }
    }

    /// Appends a packet to what waits to be sent. Before [`Packet::Connected`] has come, that is only
    /// [`Packet::Connect`].
    ///
    /// # Errors
    ///
    /// [`WriteError`], and then nothing was written or kept.
    pub fn send(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        if let Packet::Connect(opening) = packet {
            return self.connect(now, opening);
        }
        self.line.send(now, packet)
    }

    /// What waits to be sent; [`Self::consume`] then says how much of it was.
    pub fn poll_bytes(&self) -> Option<&[u8]> {
        self.line.outbox.waiting()
    }

    /// The first `len` bytes of [`Self::poll_bytes`] have been written.
    pub fn consume(&mut self, len: usize) {
        let Line { outbox, inflight, state, .. } = &mut self.line;
        outbox.consume(len);
        if *state == State::Open {
            inflight.send_more(outbox);
        }
    }

    /// When to call [`Self::handle_timeout`], and what is waited for. `None` until CONNECT is sent, and
    /// with a keep-alive of 0 again once it is answered.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.line.pings.and_then(|pings| pings.poll_timeout())
    }

    /// Sends PINGREQ when nothing was sent, or nothing has come, for the keep-alive of the CONNECT, or for that of
    /// the CONNACK if it has one.
    ///
    /// # Errors
    ///
    /// [`WireError::Silent`] when nothing came for half the keep-alive after that, or for 30 s if that is
    /// less, and when no CONNACK came within 30 s.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), WireError> {
        let Some(pings) = &mut self.line.pings else { return Ok(()) };
        match pings.handle_timeout(now)? {
            Due::Nothing => Ok(()),
            Due::Ping if self.line.outbox.put(PINGREQ) => Ok(()),
            Due::Ping => Err(WireError::NotReading { limit: self.line.outbox.limit() }),
        }
    }

    fn connect(&mut self, now: Instant, opening: &Opening<'_>) -> Result<(), WriteError> {
        let Self { inbox, aliases, line } = self;
        line.state.after(opening.connect.version, &Packet::Connect(*opening))?;
        let properties = opening.connect.properties;
        line.hub = line.own;
        line.inflight.restart(opening.connect.version)?;
        line.promise = Promise::of(opening);
        line.send(now, &Packet::Connect(*opening))?;
        line.pings = Some(Pings::new(now, opening.keep_alive_s));
        let own = line.own.maximum_packet_size;
        let said = opening.maximum_packet_size.or(properties.maximum_packet_size());
        inbox.set_packet_len_max(said.unwrap_or(own).min(own));
        aliases.restart(properties.topic_alias_maximum().unwrap_or(0));
        Ok(())
    }
}

impl Line {
    fn send(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        let version = self.promise.version;
        let state = self.state.after(version, packet)?;
        self.check(packet)?;
        let max = self.own.maximum_packet_size.min(self.hub.maximum_packet_size);
        let bytes = self.outbox.append(packet.kind(), |out| match version {
            Version::V311 => wire4::write(packet, out, max),
            Version::V5 => wire5::write(packet, Sender::Client, out, max),
        })?;
        if let Packet::Publish { ack: Some(token), .. } = packet {
            self.inflight.push(*token, bytes);
        }
        if let Packet::Ack { .. } = packet {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        if let Some(pings) = &mut self.pings {
            pings.sent(now);
        }
        self.state = state;
        Ok(())
    }

    /// Refuses what this hub or this connection has no place for.
    fn check(&self, packet: &Packet<'_>) -> Result<(), WriteError> {
        match packet {
            Packet::Publish { publish, .. } if publish.retain && !self.hub.retain_available => {
                Err(WriteError::RetainNotSupported)
            }
            Packet::Publish { publish, .. } if publish.qos > self.hub.maximum_qos => {
                Err(WriteError::QosNotSupported)
            }
            Packet::Publish { ack: Some(token), .. } => self.inflight.admit(*token),
            Packet::Subscribe { token, .. } | Packet::Unsubscribe { token, .. } => {
                self.inflight.is_free(*token)
            }
            Packet::Disconnect(ack)
                if self.promise.ends && ack.properties.session_expiry_interval().is_some_and(|s| s > 0) =>
            {
                Err(WriteError::NotExpressible { packet: packet.kind() })
            }
            Packet::Auth(_) if !self.promise.renews => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            Packet::Publish { ack: None, .. }
            | Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::UnsubAck { .. }
            | Packet::Ack { .. }
            | Packet::Disconnect(_)
            | Packet::Auth(_) => Ok(()),
        }
    }

    /// Takes note of a packet that has come.
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), WireError> {
        match packet {
            Packet::Connected { session, limits } => self.connected(*session, *limits)?,
            Packet::Refused(_) | Packet::Disconnect(_) => self.state = State::Ended,
            Packet::Ack { token, .. } => self.inflight.settle(*token, &mut self.outbox),
            Packet::Publish { ack: Some(_), .. } if self.promise.version == Version::V5 => {
                let max = self.promise.receive_maximum;
                if self.unanswered >= max {
                    return Err(WireError::ReceiveMaximumExceeded { max });
                }
                self.unanswered += 1;
            }
            Packet::Auth(_) if !self.promise.renews => {
                return Err(WireError::OutOfPlace { packet: PacketType::Auth });
            }
            Packet::Publish { .. } | Packet::SubAck { .. } | Packet::UnsubAck { .. } | Packet::Auth(_) => {}
            Packet::Connect(_) | Packet::Subscribe { .. } | Packet::Unsubscribe { .. } => {
                debug_assert!(false, "not admitted: {packet:?}");
            }
        }
        Ok(())
    }

    fn connected(&mut self, session: Session, limits: Limits) -> Result<(), WireError> {
        let Promise { version, session: asked, .. } = self.promise;
        if version == Version::V5 && (asked, session) == (Session::Fresh, Session::Resume) {
            return Err(WireError::BadReturnCode { packet: PacketType::ConnAck, at: 2, code: 1 });
        }
        self.state = State::Open;
        self.hub = limits;
        if let Some(pings) = &mut self.pings {
            pings.connected(limits.keep_alive_s);
        }
        self.inflight.resume(session, limits, &mut self.outbox);
        Ok(())
    }

    /// The connection is of no further use. Says so, if the hub can be told.
    fn fail(&mut self, error: WireError) -> WireError {
        self.failed = Some(error);
        let can_be_told =
            self.promise.version == Version::V5 && matches!(self.state, State::Connecting | State::Open);
        if can_be_told {
            let code = error.reason_code();
            // Some are the server's to say only.
            let reason_code = if wire5::may_disconnect(Sender::Client, code) { code } else { PROTOCOL_ERROR };
            let words = Packet::Disconnect(Ack { reason_code, ..Ack::SUCCESS });
            // A hub that takes no more is not told.
            let _ = self.outbox.append(words.kind(), |out| {
                wire5::write(&words, Sender::Client, out, self.hub.maximum_packet_size)
            });
        }
        self.state = State::Ended;
        error
    }

    fn heard(&mut self, now: Instant, len: usize) {
        if let Some(pings) = self.pings.as_mut().filter(|_| len > 0) {
            pings.heard(now);
        }
    }
}

impl Promise {
    /// Before CONNECT.
    const NONE: Self = Self {
        version: Version::V311,
        session: Session::Fresh,
        receive_maximum: u16::MAX,
        ends: true,
        renews: false,
    };

    fn of(opening: &Opening<'_>) -> Self {
        let Connect { version, properties, .. } = opening.connect;
        let expiry_s = opening.session_expiry_s.or(properties.session_expiry_interval());
        let receive_maximum = opening.receive_maximum.or(properties.receive_maximum());
        Self {
            version,
            session: opening.session,
            receive_maximum: receive_maximum.unwrap_or(u16::MAX),
            ends: expiry_s.unwrap_or(0) == 0,
            renews: properties.authentication_method().is_some(),
        }
    }
}

impl State {
    /// Whether a packet may arrive now.
    fn admit(self, version: Version, packet: PacketType) -> Result<(), WireError> {
        match (self, packet) {
            (Self::Connecting, PacketType::ConnAck) => Ok(()),
            (
                Self::Open | Self::Leaving,
                PacketType::Publish
                | PacketType::PubAck
                | PacketType::SubAck
                | PacketType::UnsubAck
                | PacketType::PingResp,
            ) => Ok(()),
            (Self::Open | Self::Leaving, PacketType::Disconnect | PacketType::Auth)
                if version == Version::V5 =>
            {
                Ok(())
            }
            (_, PacketType::Disconnect) if version == Version::V311 => Err(WireError::WrongEnd { packet }),
            (
                Self::Idle | Self::Connecting | Self::Open | Self::Leaving | Self::Ended,
                PacketType::ConnAck
                | PacketType::Publish
                | PacketType::PubAck
                | PacketType::SubAck
                | PacketType::UnsubAck
                | PacketType::PingResp
                | PacketType::Disconnect
                | PacketType::Auth,
            ) => Err(WireError::OutOfPlace { packet }),
            (
                _,
                PacketType::Connect
                | PacketType::PubRec
                | PacketType::PubRel
                | PacketType::PubComp
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq,
            ) => Err(WireError::WrongEnd { packet }),
        }
    }

    /// The state behind a packet that is sent.
    fn after(self, version: Version, packet: &Packet<'_>) -> Result<Self, WriteError> {
        match (self, packet) {
            (Self::Idle, Packet::Connect(_)) => Ok(Self::Connecting),
            (
                Self::Open,
                Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::Subscribe { .. }
                | Packet::Unsubscribe { .. },
            ) => Ok(Self::Open),
            (Self::Open, Packet::Auth(_)) if version == Version::V5 => Ok(Self::Open),
            (Self::Open, Packet::Disconnect(_)) => Ok(Self::Leaving),
            (
                Self::Idle | Self::Connecting | Self::Open | Self::Leaving | Self::Ended,
                Packet::Connect(_)
                | Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::Subscribe { .. }
                | Packet::Unsubscribe { .. }
                | Packet::Disconnect(_)
                | Packet::Auth(_),
            ) => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            (
                _,
                Packet::Connected { .. }
                | Packet::Refused(_)
                | Packet::SubAck { .. }
                | Packet::UnsubAck { .. },
            ) => Err(WriteError::WrongEnd { packet: packet.kind() }),
        }
    }
}

const PINGREQ: &[u8] = &[0xc0, 0x00];
/// Of a PUBACK: the message is longer than the hub takes. MQTT has this code for a DISCONNECT.
const PACKET_TOO_LARGE: u8 = 0x95;
