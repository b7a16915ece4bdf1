use iothub_proto::{Instant, Limits, Packet};

use crate::error::{WireError, WriteError};
use crate::frame::PacketType;
use crate::inbox::Inbox;
use crate::keep_alive::IdleLimit;
use crate::outbox::Outbox;
use crate::wire4;

/// The hub's end of one MQTT connection.
///
/// Hands in what arrives, takes out packets until there are none, sends what the hub has to say, writes
/// what is waiting; and, when the time of [`Self::poll_timeout`] has come, calls [`Self::handle_timeout`].
/// PINGREQ is answered in here. After a [`WireError`] write what is still waiting, and close.
#[derive(Debug)]
pub struct Server {
    inbox: Inbox,
    outbox: Outbox,
    limits: Limits,
    state: State,
    /// There from CONNECT on.
    idle: Option<IdleLimit>,
    /// A ping came before CONNECT was answered, and will be answered behind it.
    early_ping: bool,
    arrived: Instant,
    failed: Option<WireError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has arrived.
    New,
    /// CONNECT has arrived and was not answered.
    Opening,
    Open,
    /// DISCONNECT has arrived, or CONNECT was refused.
    Ended,
}

impl Server {
    /// The end of a connection that has just been accepted.
    ///
    /// `limits.maximum_packet_size` holds both ways. Up to `limits.receive_maximum` packets of that size,
    /// and one more, may wait to be sent.
    pub fn new(limits: Limits) -> Self {
        Self {
            inbox: Inbox::new(limits.maximum_packet_size),
            outbox: Outbox::new(limits),
            limits,
            state: State::New,
            idle: None,
            early_ping: false,
            arrived: Instant::default(),
            failed: None,
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
        self.arrived = now;
    }

    /// Takes in bytes that arrived somewhere else than in [`Self::read_buffer`], by copying them, and
    /// returns how many it took: at least one once [`Self::poll_packet`] has given `None`.
    #[must_use = "what was not taken has to be handed in again"]
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.arrived = now;
        self.inbox.copy(bytes)
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
            if let Some(idle) = &mut self.idle {
                idle.heard(self.arrived);
            }
            if frame.packet != PacketType::PingReq {
                break frame;
            }
            if let Err(error) = self.answer_ping() {
                self.failed = Some(error);
                return Err(error);
            }
        };
        match wire4::read(frame, self.inbox.lent(), self.limits) {
            Ok(packet) => {
                match packet {
                    Packet::Connect(opening) => {
                        self.state = State::Opening;
                        self.idle = Some(IdleLimit::new(self.arrived, opening.keep_alive_s));
                    }
                    Packet::Disconnect(_) => self.state = State::Ended,
                    Packet::Publish { .. }
                    | Packet::Ack { .. }
                    | Packet::Subscribe { .. }
                    | Packet::Unsubscribe { .. } => {}
                    Packet::Connected { .. }
                    | Packet::Refused(_)
                    | Packet::SubAck { .. }
                    | Packet::UnsubAck { .. }
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

    /// Appends a packet to what waits to be sent. `limits` of a [`Packet::Connected`], what became
    /// of the filters of a [`Packet::UnsubAck`], and why those of a [`Packet::SubAck`] were refused, are not said over
    /// MQTT 3.1.1.
    ///
    /// # Errors
    ///
    /// [`WriteError`], and then nothing was written. After [`WriteError::Backlog`] it is time to give up
    /// on a device that does not read.
    pub fn send(&mut self, _now: Instant, packet: &Packet<'_>) -> Result<(), WriteError> {
        let state = self.state.after(packet)?;
        let max = self.limits.maximum_packet_size;
        self.outbox.append(packet.kind(), |out| wire4::write(packet, out, max))?;
        self.state = state;
        if matches!(packet, Packet::Connected { .. }) && core::mem::take(&mut self.early_ping) {
            self.answer_ping()
                .map_err(|_| WriteError::Backlog { packet: packet.kind(), limit: self.outbox.limit() })?;
        }
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

    /// When to call [`Self::handle_timeout`], and what is waited for. `None` until CONNECT: how long to
    /// wait for that is up to whoever accepted the connection.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.idle.map(|idle| idle.poll_timeout())
    }

    /// Looks whether the device has been silent for too long: one and a half times its keep-alive, and
    /// 1767 s at the most, which also hold for a device that promises nothing.
    ///
    /// # Errors
    ///
    /// [`WireError::Silent`] if so.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), WireError> {
        self.idle.map_or(Ok(()), |idle| idle.handle_timeout(now))
    }

    fn answer_ping(&mut self) -> Result<(), WireError> {
        match self.state {
            // CONNACK goes first. A client that pings again before it has come is not one to wait for.
            State::Opening if self.early_ping => Err(WireError::OutOfPlace { packet: PacketType::PingReq }),
            State::Opening => {
                self.early_ping = true;
                Ok(())
            }
            State::New | State::Open | State::Ended if self.outbox.put(PINGRESP) => Ok(()),
            State::New | State::Open | State::Ended => {
                Err(WireError::NotReading { limit: self.outbox.limit() })
            }
        }
    }
}

impl State {
    /// Whether a packet may arrive now.
    fn admit(self, packet: PacketType) -> Result<(), WireError> {
        match (self, packet) {
            (Self::New, PacketType::Connect) => Ok(()),
            (
                Self::Opening | Self::Open,
                PacketType::Publish
                | PacketType::PubAck
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq
                | PacketType::Disconnect,
            ) => Ok(()),
            (
                Self::New | Self::Opening | Self::Open | Self::Ended,
                PacketType::Connect
                | PacketType::Publish
                | PacketType::PubAck
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::PingReq
                | PacketType::Disconnect,
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
    fn after(self, packet: &Packet<'_>) -> Result<Self, WriteError> {
        match (self, packet) {
            (Self::Opening, Packet::Connected { .. }) => Ok(Self::Open),
            // Also before CONNECT could be read: of another version it cannot be.
            (Self::New | Self::Opening, Packet::Refused(_)) => Ok(Self::Ended),
            (
                Self::Open,
                Packet::Publish { .. } | Packet::Ack { .. } | Packet::SubAck { .. } | Packet::UnsubAck { .. },
            ) => Ok(Self::Open),
            (
                Self::New | Self::Opening | Self::Open | Self::Ended,
                Packet::Connected { .. }
                | Packet::Refused(_)
                | Packet::Publish { .. }
                | Packet::Ack { .. }
                | Packet::SubAck { .. }
                | Packet::UnsubAck { .. },
            ) => Err(WriteError::OutOfPlace { packet: packet.kind() }),
            // MQTT 3.1.1 knows DISCONNECT from the device only.
            (
                _,
                Packet::Connect(_)
                | Packet::Subscribe { .. }
                | Packet::Unsubscribe { .. }
                | Packet::Disconnect(_)
                | Packet::Auth(_),
            ) => Err(WriteError::WrongEnd { packet: packet.kind() }),
        }
    }
}

const PINGRESP: &[u8] = &[0xd0, 0x00];
