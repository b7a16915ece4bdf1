//! A client and a server, with nothing between them but bytes.

use core::time::Duration;

use iothub_codec::{Ack, Filters, Publish, Qos, Version};
use iothub_mqtt::{Client, Server};
use iothub_proto::{AckToken, Granted, Instant, Limits, Packet, PacketKind, Session};
use proptest::prelude::*;

use crate::connection::{OPENING, START};

/// Both ends, and how many bytes at most go over at a time.
struct Pair {
    version: Version,
    device: Client,
    hub: Server,
    piece: usize,
    now: Instant,
}

impl Pair {
    fn new(version: Version, piece: usize) -> Self {
        Self {
            version,
            device: Client::new(Limits::CLASSIC),
            hub: Server::new(Limits::CLASSIC),
            piece,
            now: START,
        }
    }

    /// The connection is cut, and the next one goes as far as CONNECT and its answer.
    fn connect(&mut self, session: Session) {
        self.device.reset(Session::Resume);
        self.hub = Server::new(Limits::CLASSIC);
        let opening = match self.version {
            Version::V311 => OPENING,
            Version::V5 => crate::v5::opening(),
        };
        self.device.send(self.now, &Packet::Connect(opening)).unwrap();
        assert_eq!(self.arrived_at_hub(), [PacketKind::Connect]);
        self.hub.send(self.now, &Packet::Connected { session, limits: Limits::CLASSIC }).unwrap();
        assert_eq!(self.arrived_at_device(), [PacketKind::ConnAck]);
    }

    /// Carries what waits from the device to the hub, which acknowledges messages.
    fn arrived_at_hub(&mut self) -> Vec<PacketKind> {
        let mut arrived = Vec::new();
        while let Some(bytes) = self.device.poll_bytes() {
            let taken = self.hub.handle_bytes(self.now, &bytes[..bytes.len().min(self.piece)]);
            self.device.consume(taken);
            while let Some(packet) = self.hub.poll_packet().unwrap() {
                arrived.push(packet.kind());
                if let Packet::Publish { ack: Some(token), .. } = packet {
                    self.hub.send(self.now, &Packet::Ack { token, ack: Ack::SUCCESS }).unwrap();
                }
            }
        }
        arrived
    }

    fn arrived_at_device(&mut self) -> Vec<PacketKind> {
        let mut arrived = Vec::new();
        while let Some(bytes) = self.hub.poll_bytes() {
            let room = self.device.read_buffer();
            let len = bytes.len().min(self.piece).min(room.len());
            room[..len].copy_from_slice(&bytes[..len]);
            self.device.handle_read(self.now, len);
            self.hub.consume(len);
            while let Some(packet) = self.device.poll_packet().unwrap() {
                arrived.push(packet.kind());
            }
        }
        arrived
    }

    /// Lets time go by as far as `until`, stopping wherever one of the two wants it to.
    fn wait(&mut self, until: Instant) {
        while let Some((at, _)) = self.device.poll_timeout().into_iter().chain(self.hub.poll_timeout()).min()
        {
            if at > until {
                break;
            }
            self.now = at;
            self.device.handle_timeout(at).unwrap();
            self.hub.handle_timeout(at).unwrap();
            assert_eq!((self.arrived_at_hub(), self.arrived_at_device()), (vec![], vec![]));
        }
        self.now = until;
    }
}

const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

fn message(packet_id: u16, payload: &[u8]) -> Packet<'_> {
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new("devices/d/messages/events/", payload) };
    Packet::Publish { ack: AckToken::new(packet_id), publish }
}

#[test]
fn a_conversation_comes_through_however_it_is_cut() {
    let pieces = [1, 2, 3, 7, 1_000, usize::MAX];
    for (version, piece) in VERSIONS.into_iter().flat_map(|version| pieces.map(|piece| (version, piece))) {
        let mut pair = Pair::new(version, piece);
        pair.connect(Session::Fresh);

        let token = AckToken::FIRST;
        let filters = Filters::from_subscribe(b"\0\x16$iothub/methods/POST/#\0").unwrap();
        pair.device.send(pair.now, &Packet::Subscribe { token, filters }).unwrap();
        assert_eq!(pair.arrived_at_hub(), [PacketKind::Subscribe]);
        let mut granted = Granted::EMPTY;
        assert!(granted.push(Ok(Qos::AtMostOnce)));
        pair.hub.send(pair.now, &Packet::SubAck { token, granted }).unwrap();
        let call = Publish::new("$iothub/methods/POST/reboot/?$rid=1", b"{}");
        pair.hub.send(pair.now, &Packet::Publish { ack: None, publish: call }).unwrap();
        assert_eq!(pair.arrived_at_device(), [PacketKind::SubAck, PacketKind::Publish]);

        let long = vec![b'x'; 200_000];
        pair.device.send(pair.now, &message(2, &long)).unwrap();
        pair.device.send(pair.now, &message(3, b"short")).unwrap();
        assert_eq!(pair.arrived_at_hub(), [PacketKind::Publish; 2]);
        assert_eq!(pair.arrived_at_device(), [PacketKind::PubAck; 2]);

        pair.device.send(pair.now, &Packet::Disconnect(Ack::SUCCESS)).unwrap();
        assert_eq!(pair.arrived_at_hub(), [PacketKind::Disconnect]);
    }
}

#[test]
fn a_quiet_pair_stays_together_for_a_year() {
    for version in VERSIONS {
        let mut pair = Pair::new(version, usize::MAX);
        pair.connect(Session::Fresh);
        pair.wait(START.after(Duration::from_secs(365 * 24 * 3600)));
        pair.device.send(pair.now, &message(1, b"")).unwrap();
        assert_eq!(pair.arrived_at_hub(), [PacketKind::Publish]);
    }
}

proptest! {
    #[test]
    fn what_is_not_acknowledged_is_repeated_wherever_the_connection_breaks(
        version in proptest::sample::select(VERSIONS.to_vec()),
        cuts in proptest::collection::vec(0..60_usize, 1..12),
    ) {
        let mut pair = Pair::new(version, usize::MAX);
        pair.connect(Session::Fresh);
        for (packet_id, cut) in (1..).zip(&cuts) {
            pair.device.send(pair.now, &message(packet_id, b"21.5")).unwrap();
            // That much of what waits gets over, and what the hub says to it gets lost.
            let bytes = pair.device.poll_bytes().unwrap();
            let taken = pair.hub.handle_bytes(pair.now, &bytes[..bytes.len().min(*cut)]);
            pair.device.consume(taken);
            while pair.hub.poll_packet().unwrap().is_some() {}
            pair.connect(Session::Resume);
        }
        prop_assert_eq!(pair.arrived_at_hub(), vec![PacketKind::Publish; cuts.len()]);
        prop_assert_eq!(pair.arrived_at_device(), vec![PacketKind::PubAck; cuts.len()]);
        pair.connect(Session::Resume);
        prop_assert_eq!(pair.arrived_at_hub(), vec![], "all of them are settled");
    }
}
