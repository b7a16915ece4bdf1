use iothub_codec::{Ack, Version};
use iothub_proto::{Instant, Limits, Opening, Packet, Refusal, RefusalReason};

use crate::aliases::Aliases;
use crate::error::{WireError, WriteError};
use crate::fields::Fields;
use crate::frame::{Frame, PacketType};
use crate::inbox::Inbox;
use crate::keep_alive::IdleLimit;
use crate::outbox::Outbox;
use crate::wire5::Sender;
use crate::{protocol, wire4, wire5};

/// The hub's end of one MQTT connection.
///
/// Hands in what arrives, takes out packets until there are none, sends what the hub has to say, writes
/// what is waiting; and, when the time of [`Self::poll_timeout`] has come, calls [`Self::handle_timeout`].
/// PINGREQ is answered in here, and a CONNECT of an unknown version refused. The CONNECT says which version of MQTT the
/// connection speaks. What comes behind it waits until it is answered: no device is told of a failure that its hub has
/// let in. After a [`WireError`] write what is still waiting, which over MQTT 5 is a CONNACK or DISCONNECT
/// that says why, and close.
#[derive(Debug)]
pub struct Server {
    inbox: Inbox,
    aliases: Aliases,
    line: Line,
}

/// All but what packets borrow.
#[derive(Debug)]
struct Line {
    outbox: Outbox,
    /// Of this end; those that a [`Packet::Connected`] announces from then on.
    own: Limits,
    device: Device,
    /// How many messages await the device's acknowledgement.
    unacknowledged: u16,
    /// How many messages of the device await their acknowledgement.
    unanswered: u16,
    state: State,
    /// There from CONNECT on.
    idle: Option<IdleLimit>,
    arrived: Instant,
    failed: Option<WireError>,
}

/// What a CONNECT has said that is to be kept to.
#[derive(Clone, Copy, Debug)]
struct Device {
    version: Version,
    receive_maximum: u16,
    maximum_packet_size: u32,
    /// It wants to be told why something was refused.
    wants_reasons: bool,
    /// The session ends with the connection.
    ends: bool,
    /// There is an authentication method, so that credentials can be renewed.
    renews: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has arrived.
    New,
    /// CONNECT has arrived and was not answered.
    Opening,
    Open,
    /// DISCONNECT has arrived or was sent, CONNECT was refused, or the device has failed.
    Ended,
}

impl Server {
    /// Longest CONNECT, in bytes: with a will of the longest payload that MQTT has, and 16 KiB for all else. Who has
    /// not been let in makes a hub keep no more than that, and 2 KiB.
    pub const CONNECT_LEN_MAX: u32 = 80 * 1024;

    /// The end of a connection that has just been accepted.
    ///
    /// `limits.maximum_packet_size` holds both ways, and [`Self::CONNECT_LEN_MAX`] for what arrives before CONNECT is
    /// answered. Up to `limits.receive_maximum` packets of that size,
    /// and one more, may wait to be sent. What a [`Packet::Connected`] announces over MQTT 5 replaces `limits` for what
    /// arrives behind it.
    pub fn new(limits: Limits) -> Self {
        let mut aliases = Aliases::default();
        aliases.restart(limits.topic_alias_maximum);
        Self {
            inbox: Inbox::new(limits.maximum_packet_size.min(Self::CONNECT_LEN_MAX)),
            aliases,
            line: Line {
                outbox: Outbox::new(limits),
                own: limits,
                device: Device::UNKNOWN,
                unacknowledged: 0,
                unanswered: 0,
                state: State::New,
                idle: None,
                arrived: Instant::default(),
                failed: None,
            },
        }
    }

    /// Where to put bytes that arrive; [`Self::handle_read`] then says how many those were.
    ///
    /// Never empty once [`Self::poll_packet`] has given `None`, but while a CONNECT awaits its answer. No more than one
    /// packet of the longest kind and 2 KiB are kept.
    pub fn read_buffer(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// Takes in the first `len` bytes of [`Self::read_buffer`]; more than it had room for are not there.
    pub fn handle_read(&mut self, now: Instant, len: usize) {
        self.inbox.fill(len);
        self.line.arrived = now;
    }

    /// Takes in bytes that arrived somewhere else than in [`Self::read_buffer`], by copying them, and
    /// returns how many it took: at least one once [`Self::poll_packet`] has given `None`, but while a CONNECT awaits
    /// its answer.
    #[must_use = "what was not taken has to be handed in again"]
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.line.arrived = now;
        self.inbox.copy(bytes)
    }

    /// The next packet that has arrived as a whole. It borrows the buffer: done with it before any other
    /// call.
    ///
    /// `None` while a CONNECT awaits its answer: ask again once that is sent.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] but [`WireError::Silent`], as soon as it can be known.
    pub fn poll_packet(&mut self) -> Result<Option<Packet<'_>>, WireError> {
        let Self { inbox, aliases, line } = self;
        if let Some(error) = line.failed {
            return Err(error);
        }
        if line.state == State::Opening {
            return Ok(None);
        }
        let frame = loop {
            match inbox.next(line.device.version, |packet| line.state.admit(packet)) {
                Ok(Some(frame)) => {
                    if let Some(idle) = &mut line.idle {
                        idle.heard(line.arrived);
                    }
                    if frame.packet != PacketType::PingReq {
                        break frame;
                    }
                    line.answer_ping().map_err(|error| line.fail(error))?;
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(line.fail(error)),
            }
        };
        if frame.packet == PacketType::Connect {
            line.hear_version(frame, inbox.lent()).map_err(|error| line.fail(error))?;
        }
        let read = match line.device.version {
            Version::V311 => wire4::read(frame, inbox.lent(), line.own),
            Version::V5 => wire5::read(frame, inbox.lent(), Sender::Client, aliases),
        };
        match read.and_then(|packet| line.take(&packet).map(|()| packet)) {
            Ok(packet) => Ok(Some(packet)),
            Err(error) => Err(line.fail(error)),
        }
    }

    /// Appends a packet to what waits to be sent. `limits` of a [`Packet::Connected`], what became
    /// of the filters of a [`Packet::UnsubAck`], and why those of a [`Packet::SubAck`] were refused, are not said over
    /// MQTT 3.1.1; properties of a [`Packet::Ack`] are not said to a device that does not want to be told why.
    ///
    /// # Errors
    ///
    /// [`WriteError`], and then nothing was written. After [`WriteError::Backlog`] it is time to give up
    /// on a device that does not read.
    pub fn send(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        let Self { inbox, aliases, line } = self;
        line.send(packet)?;
        if let Packet::Connected { limits, .. } = packet {
            line.opened(now);
            inbox.set_packet_len_max(line.own.maximum_packet_size);
            if line.device.version == Version::V5 {
                aliases.set_max(limits.topic_alias_maximum);
            }
        }
        Ok(())
    }

    /// What waits to be sent; [`Self::consume`] then says how much of it was.
    pub fn poll_bytes(&self) -> Option<&[u8]> {
        self.line.outbox.waiting()
    }

    /// The first `len` bytes of [`Self::poll_bytes`] have been written.
    pub fn consume(&mut self, len: usize) {
        self.line.outbox.consume(len);
    }

    /// When to call [`Self::handle_timeout`], and what is waited for. `None` until CONNECT is answered: how long to
    /// wait for one is up to whoever accepted the connection, and the answer is not for the device to give.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.line.idle.filter(|_| self.line.state != State::Opening).map(|idle| idle.poll_timeout())
    }

    /// Looks whether the device has been silent for too long: one and a half times its keep-alive, or that which a
    /// [`Packet::Connected`] has replaced it with, and 1767 s at the most, which also hold for a device that promises
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`WireError::Silent`] if so.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), WireError> {
        match self.line.idle {
            Some(_) if self.line.state == State::Opening => Ok(()),
            Some(idle) => idle.handle_timeout(now).map_err(|error| self.line.fail(error)),
            None => Ok(()),
        }
    }
}

impl Line {
    fn send(&mut self, packet: &Packet<'_>) -> Result<(), WriteError> {
        let version = self.device.version;
        let state = self.state.after(version, packet)?;
        self.check(packet)?;
        let packet = &self.as_wanted(*packet);
        let max = self.own.maximum_packet_size.min(self.device.maximum_packet_size);
        self.outbox.append(packet.kind(), |out| match version {
            Version::V311 => wire4::write(packet, out, max),
            Version::V5 => wire5::write(packet, Sender::Server, out, max),
        })?;
        self.state = state;
        match packet {
            Packet::Publish { ack: Some(_), .. } if version == Version::V5 => self.unacknowledged += 1,
            Packet::Ack { .. } => self.unanswered = self.unanswered.saturating_sub(1),
            Packet::Connected { limits, .. } => {
                if version == Version::V5 {
                    self.own = *limits;
                    if let (Some(idle), Some(keep_alive_s)) = (&mut self.idle, limits.keep_alive_s) {
                        idle.replace(keep_alive_s);
                    }
                }
            }
            Packet::Publish { .. }
            | Packet::Connect(_)
            | Packet::Refused(_)
            | Packet::Subscribe { .. }
            | Packet::SubAck { .. }
            | Packet::Unsubscribe { .. }
            | Packet::UnsubAck { .. }
            | Packet::Disconnect(_)
            | Packet::Auth(_) => {}
        }
        Ok(())
    }

    /// CONNECT is answered: what has come behind it in the meantime counts as if it came now.
    fn opened(&mut self, now: Instant) {
        self.arrived = now;
        if let Some(idle) = &mut self.idle {
            idle.heard(now);
        }
    }

    /// Refuses what this device or this connection has no place for.
    fn check(&self, packet: &Packet<'_>) -> Result<(), WriteError> {
        let limit = self.device.receive_maximum;
        match packet {
            Packet::Publish { ack: Some(_), .. } if self.unacknowledged >= limit => {
                Err(WriteError::WindowFull { limit })
            }
            // Nobody here could say them to the hub.
            Packet::Connected { limits, .. }
                if self.device.version == Version::V5 && limits.subscription_identifiers_available =>
            {
                Err(WriteError::NotExpressible { packet: packet.kind() })
            }
            Packet::Auth(_) if !self.device.renews => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            Packet::Publish { .. }
            | Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::Subscribe { .. }
            | Packet::SubAck { .. }
            | Packet::Unsubscribe { .. }
            | Packet::UnsubAck { .. }
            | Packet::Ack { .. }
            | Packet::Disconnect(_)
            | Packet::Auth(_) => Ok(()),
        }
    }

    /// Leaves out what the device has asked not to be told.
    fn as_wanted<'p>(&self, packet: Packet<'p>) -> Packet<'p> {
        if let Packet::Ack { token, ack: Ack { reason_code, .. } } = packet
            && !self.device.wants_reasons
        {
            return Packet::Ack { token, ack: Ack { reason_code, ..Ack::SUCCESS } };
        }
        packet
    }

    /// Learns from a CONNECT in which version it is to be read, and answered.
    fn hear_version(&mut self, frame: Frame, bytes: &[u8]) -> Result<(), WireError> {
        let version = protocol::version(&mut Fields::new(frame, bytes));
        self.device.version = match version {
            Ok(version) => version,
            // Later versions are expected to understand the answer of MQTT 5.
            Err(WireError::ProtocolLevel { level: 6.. }) => Version::V5,
            Err(_) => Version::V311,
        };
        version.map(|_| ())
    }

    /// Takes note of a packet that has come.
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), WireError> {
        match packet {
            Packet::Connect(opening) => {
                self.state = State::Opening;
                self.idle = Some(IdleLimit::new(self.arrived, opening.keep_alive_s));
                if self.device.version == Version::V5 {
                    self.device = Device::of(opening);
                }
            }
            Packet::Publish { ack, publish } if self.device.version == Version::V5 => {
                if publish.retain && !self.own.retain_available {
                    return Err(WireError::RetainNotSupported);
                }
                if publish.qos > self.own.maximum_qos {
                    return Err(WireError::QosNotSupported { packet: PacketType::Publish });
                }
                if ack.is_some() {
                    let max = self.own.receive_maximum;
                    if self.unanswered >= max {
                        return Err(WireError::ReceiveMaximumExceeded { max });
                    }
                    self.unanswered += 1;
                }
            }
            Packet::Ack { .. } => self.unacknowledged = self.unacknowledged.saturating_sub(1),
            Packet::Disconnect(ack) => {
                let expiry_s = ack.properties.session_expiry_interval();
                if self.device.ends && expiry_s.is_some_and(|expiry_s| expiry_s > 0) {
                    return Err(WireError::SessionExpiry);
                }
                self.state = State::Ended;
            }
            Packet::Auth(_) if !self.device.renews => {
                return Err(WireError::OutOfPlace { packet: PacketType::Auth });
            }
            Packet::Publish { .. }
            | Packet::Subscribe { .. }
            | Packet::Unsubscribe { .. }
            | Packet::Auth(_) => {}
            Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::UnsubAck { .. } => debug_assert!(false, "not admitted: {packet:?}"),
        }
        Ok(())
    }

    /// The connection is of no further use. Says so, if the device can be told.
    fn fail(&mut self, error: WireError) -> WireError {
        self.failed = Some(error);
        let code = error.reason_code();
        let words = match (self.device.version, self.state) {
            (Version::V311, State::New) if matches!(error, WireError::ProtocolLevel { .. }) => {
                Some(Packet::Refused(Refusal::new(RefusalReason::UnacceptableProtocol)))
            }
            (Version::V5, State::New) => {
                // Some are for a DISCONNECT only.
                let reason = RefusalReason::from_code(code).unwrap_or(RefusalReason::ProtocolError);
                Some(Packet::Refused(Refusal::new(reason)))
            }
            (Version::V5, State::Open) => Some(Packet::Disconnect(Ack { reason_code: code, ..Ack::SUCCESS })),
            // While CONNECT awaits its answer nothing is looked at that could fail.
            (Version::V311, _) | (Version::V5, State::Opening | State::Ended) => None,
        };
        if let Some(words) = words {
            // A device that takes no more is not told.
            let _ = self.send(&words);
        }
        self.state = State::Ended;
        error
    }

    fn answer_ping(&mut self) -> Result<(), WireError> {
        if self.outbox.put(PINGRESP) {
            return Ok(());
        }
        Err(WireError::NotReading { limit: self.outbox.limit() })
    }
}

impl Device {
    /// Before CONNECT, and over MQTT 3.1.1, which says nothing of all this.
    const UNKNOWN: Self = Self {
        version: Version::V311,
        receive_maximum: u16::MAX,
        maximum_packet_size: u32::MAX,
        wants_reasons: true,
        ends: false,
        renews: false,
    };

    fn of(opening: &Opening<'_>) -> Self {
        let properties = opening.connect.properties;
        Self {
            version: opening.connect.version,
            receive_maximum: opening.receive_maximum.unwrap_or(u16::MAX),
            maximum_packet_size: opening.maximum_packet_size.unwrap_or(u32::MAX),
            wants_reasons: properties.request_problem_information().unwrap_or(true),
            ends: opening.session_expiry_s.unwrap_or(0) == 0,
            renews: properties.authentication_method().is_some(),
        }
    }
}

impl State {
    /// Whether a packet may arrive now.
    fn admit(self, packet: PacketType) -> Result<(), WireError> {
        match (self, packet) {
            (Self::New, PacketType::Connect) => Ok(()),
            (
                Self::Open,
                PacketType::Publish
                | PacketType::PubAck
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq
                | PacketType::Disconnect
                | PacketType::Auth,
            ) => Ok(()),
            (
                Self::New | Self::Opening | Self::Open | Self::Ended,
                PacketType::Connect
                | PacketType::Publish
                | PacketType::PubAck
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq
                | PacketType::Disconnect
                | PacketType::Auth,
            ) => Err(WireError::OutOfPlace { packet }),
            (
                _,
                PacketType::ConnAck
                | PacketType::PubRec
                | PacketType::PubRel
                | PacketType::PubComp
                | PacketType::SubAck
                | PacketType::UnsubAck
                | PacketType::PingResp,
            ) => Err(WireError::WrongEnd { packet }),
        }
    }

    /// The state behind a packet that is sent.
    fn after(self, version: Version, packet: &Packet<'_>) -> Result<Self, WriteError> {
        match (self, packet) {
            (Self::Opening, Packet::Connected { .. }) => Ok(Self::Open),
            // Also before CONNECT could be read.
            (Self::New | Self::Opening, Packet::Refused(_)) => Ok(Self::Ended),
            (
                Self::Open,
                Packet::Publish { .. } | Packet::Ack { .. } | Packet::SubAck { .. } | Packet::UnsubAck { .. },
            ) => Ok(Self::Open),
            // MQTT 3.1.1 knows DISCONNECT from the device only.
            (_, Packet::Disconnect(_)) if version == Version::V311 => {
                Err(WriteError::WrongEnd { packet: packet.kind() })
            }
            (Self::Open, Packet::Disconnect(_)) => Ok(Self::Ended),
            (Self::Open, Packet::Auth(_)) if version == Version::V5 => Ok(Self::Open),
            (
                Self::New | Self::Opening | Self::Open | Self::Ended,
                Packet::Connected { .. }
                | Packet::Refused(_)
                | Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::SubAck { .. }
                | Packet::UnsubAck { .. }
                | Packet::Disconnect(_)
                | Packet::Auth(_),
            ) => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            (_, Packet::Connect(_) | Packet::Subscribe { .. } | Packet::Unsubscribe { .. }) => {
                Err(WriteError::WrongEnd { packet: packet.kind() })
            }
        }
    }
}

const PINGRESP: &[u8] = &[0xd0, 0x00];
