use iothub_proto::{Instant, Limits, Packet, Session};

use crate::error::{WireError, WriteError};
use crate::frame::PacketType;
use crate::inbox::Inbox;
use crate::inflight::Inflight;
use crate::keep_alive::{Due, Pings};
use crate::outbox::Outbox;
use crate::wire4;

/// The device's end of its MQTT connections, one after the other.
///
/// Hands in what arrives, takes out packets until there are none, sends what the session has to say,
/// writes what is waiting; and, when the time of [`Self::poll_timeout`] has come, calls
/// [`Self::handle_timeout`]. Pings are sent and their answers swallowed in here. After a [`WireError`],
/// close; after the connection is gone, [`Self::reset`].
///
/// QoS 1 messages are kept until they are acknowledged, and sent again after the next CONNACK, in their old
/// order and before anything else: marked as duplicates when it says that the hub still has the session of
/// the connection before, and as new messages when it says that the hub has not.
#[derive(Debug)]
pub struct Client {
    inbox: Inbox,
    outbox: Outbox,
    inflight: Inflight,
    limits: Limits,
    state: State,
    /// There from CONNECT on.
    pings: Option<Pings>,
    failed: Option<WireError>,
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
    /// CONNECT was refused.
    Refused,
}

impl Client {
    /// The end of a device that has not connected yet.
    ///
    /// `limits.maximum_packet_size` holds both ways, and up to `limits.receive_maximum` QoS 1 messages may
    /// be unacknowledged. As much may wait to be sent. [`Packet::Connected`] repeats them, since a CONNACK
    /// of MQTT 3.1.1 says none.
    pub fn new(limits: Limits) -> Self {
        Self {
            inbox: Inbox::new(limits.maximum_packet_size),
            outbox: Outbox::new(limits),
            inflight: Inflight::new(limits.receive_maximum),
            limits,
            state: State::Idle,
            pings: None,
            failed: None,
        }
    }

    /// Forgets the connection, which is gone, and is ready for the next.
    ///
    /// With [`Session::Resume`] unacknowledged messages are kept for it; with [`Session::Fresh`] they are
    /// forgotten too.
    pub fn reset(&mut self, session: Session) {
        self.inbox.clear();
        self.outbox.clear();
        self.state = State::Idle;
        self.pings = None;
        self.failed = None;
        match session {
            Session::Resume => {}
            Session::Fresh => self.inflight.clear(),
        }
    }

    /// Where to put bytes that arrive; [`Self::handle_read`] then says how many those were.
    ///
    /// Never empty once [`Self::poll_packet`] has given `None`. No more than one packet of the longest
    /// kind and 2 KiB are kept.
    pub fn read_buffer(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// Takes in the first `len` bytes of [`Self::read_buffer`]; more than it had room for are not there.
    pub fn handle_read(&mut self, now: Instant, len: usize) {
        self.inbox.fill(len);
        self.heard(now, len);
    }

    /// Takes in bytes that arrived somewhere else than in [`Self::read_buffer`], by copying them, and
    /// returns how many it took: at least one once [`Self::poll_packet`] has given `None`.
    #[must_use = "what was not taken has to be handed in again"]
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let taken = self.inbox.copy(bytes);
        self.heard(now, taken);
        taken
    }

    /// The next packet that has arrived as a whole. It borrows the buffer: done with it before any other
    /// call.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] but [`WireError::Silent`], as soon as it can be known.
    pub fn poll_packet(&mut self) -> Result<Option<Packet<'_>>, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = loop {
            let Some(frame) = self.inbox.next(|packet| self.state.admit(packet))? else { return Ok(None) };
            if frame.packet != PacketType::PingResp {
                break frame;
            }
        };
        match wire4::read(frame, self.inbox.lent(), self.limits) {
            Ok(packet) => {
                match packet {
                    Packet::Connected { session, limits } => {
                        self.state = State::Open;
                        if let Some(pings) = &mut self.pings {
                            pings.connected(limits.keep_alive_s);
                        }
                        self.inflight.resume(session, &mut self.outbox);
                    }
                    Packet::Refused(_) => self.state = State::Refused,
                    Packet::Ack { token, .. } => self.inflight.settle(token),
                    Packet::Publish { .. } | Packet::SubAck { .. } | Packet::UnsubAck { .. } => {}
                    Packet::Connect(_)
                    | Packet::Subscribe { .. }
                    | Packet::Unsubscribe { .. }
                    | Packet::Disconnect(_)
                    | Packet::Auth(_) => debug_assert!(false, "not admitted: {packet:?}"),
                }
                Ok(Some(packet))
            }
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Appends a packet to what waits to be sent. Before [`Packet::Connected`] has come, that is only
    /// [`Packet::Connect`].
    ///
    /// # Errors
    ///
    /// [`WriteError`], and then nothing was written or kept.
    pub fn send(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        let state = self.state.after(packet)?;
        match packet {
            Packet::Publish { ack: Some(token), .. } => self.inflight.admit(*token)?,
            Packet::Subscribe { token, .. } | Packet::Unsubscribe { token, .. } => {
                self.inflight.is_free(*token)?;
            }
            Packet::Publish { ack: None, .. }
            | Packet::Connect(_)
            | Packet::Connected { .. }
            | Packet::Refused(_)
            | Packet::SubAck { .. }
            | Packet::UnsubAck { .. }
            | Packet::Ack { .. }
            | Packet::Disconnect(_)
            | Packet::Auth(_) => {}
        }
        let max = self.limits.maximum_packet_size;
        let bytes = self.outbox.append(packet.kind(), |out| wire4::write(packet, out, max))?;
        if let Packet::Publish { ack: Some(token), .. } = packet {
            self.inflight.push(*token, bytes);
        }
        if let Packet::Connect(opening) = packet {
            self.pings = Some(Pings::new(now, opening.keep_alive_s));
        }
        if let Some(pings) = &mut self.pings {
            pings.sent(now);
        }
        self.state = state;
        Ok(())
    }

    /// What waits to be sent; [`Self::consume`] then says how much of it was.
    pub fn poll_bytes(&self) -> Option<&[u8]> {
        self.outbox.waiting()
    }

    /// The first `len` bytes of [`Self::poll_bytes`] have been written.
    pub fn consume(&mut self, len: usize) {
        self.outbox.consume(len);
    }

    /// When to call [`Self::handle_timeout`], and what is waited for. `None` until CONNECT is sent, and
    /// with a keep-alive of 0 again once it is answered.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.pings.and_then(|pings| pings.poll_timeout())
    }

    /// Sends PINGREQ when nothing was sent, or nothing has come, for the keep-alive of the CONNECT.
    ///
    /// # Errors
    ///
    /// [`WireError::Silent`] when nothing came for half the keep-alive after that, or for 30 s if that is
    /// less, and when no CONNACK came within 30 s.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), WireError> {
        let Some(pings) = &mut self.pings else { return Ok(()) };
        match pings.handle_timeout(now)? {
            Due::Nothing => Ok(()),
            Due::Ping if self.outbox.put(PINGREQ) => Ok(()),
            Due::Ping => Err(WireError::NotReading { limit: self.outbox.limit() }),
        }
    }

    fn heard(&mut self, now: Instant, len: usize) {
        if let Some(pings) = self.pings.as_mut().filter(|_| len > 0) {
            pings.heard(now);
        }
    }
}

impl State {
    /// Whether a packet may arrive now.
    fn admit(self, packet: PacketType) -> Result<(), WireError> {
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
            (
                Self::Idle | Self::Connecting | Self::Open | Self::Leaving | Self::Refused,
                PacketType::ConnAck
                | PacketType::Publish
                | PacketType::PubAck
                | PacketType::SubAck
                | PacketType::UnsubAck
                | PacketType::PingResp,
            ) => Err(WireError::OutOfPlace { packet }),
            (
                _,
                PacketType::Connect
                | PacketType::PubRec
                | PacketType::PubRel
                | PacketType::PubComp
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq
                | PacketType::Disconnect,
            ) => Err(WireError::WrongEnd { packet }),
        }
    }

    /// The state behind a packet that is sent.
    fn after(self, packet: &Packet<'_>) -> Result<Self, WriteError> {
        match (self, packet) {
            (Self::Idle, Packet::Connect(_)) => Ok(Self::Connecting),
            (
                Self::Open,
                Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::Subscribe { .. }
                | Packet::Unsubscribe { .. },
            ) => Ok(Self::Open),
            (Self::Open, Packet::Disconnect(_)) => Ok(Self::Leaving),
            (
                Self::Idle | Self::Connecting | Self::Open | Self::Leaving | Self::Refused,
                Packet::Connect(_)
                | Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::Subscribe { .. }
                | Packet::Unsubscribe { .. }
                | Packet::Disconnect(_),
            ) => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            (
                _,
                Packet::Connected { .. }
                | Packet::Refused(_)
                | Packet::SubAck { .. }
                | Packet::UnsubAck { .. }
                | Packet::Auth(_),
            ) => Err(WriteError::WrongEnd { packet: packet.kind() }),
        }
    }
}

const PINGREQ: &[u8] = &[0xc0, 0x00];
