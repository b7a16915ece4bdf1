use iothub_codec::{Ack, Connect, PropertySection, Publish, Qos, SectionOf, Version};
use iothub_mqtt::{Client, Server};
use iothub_proto::{AckToken, Instant, Limits, Opening, Packet, Session};

pub(crate) const TOPIC: &str = "devices/thermostat-7/messages/events/";

/// A version of MQTT, and how many user properties its messages have.
pub(crate) type Kind = (&'static str, Version, usize);

pub(crate) const KINDS: [Kind; 3] =
    [("MQTT 3.1.1", Version::V311, 0), ("MQTT 5", Version::V5, 5), ("MQTT 5, plain", Version::V5, 0)];

/// Application properties of a message: a few words.
pub(crate) const USER: [(&str, &str); 5] = [
    ("site", "plant-12"),
    ("line", "A/3"),
    ("sensor", "temperature"),
    ("unit", "celsius"),
    ("severity", "warning"),
];

const NOW: Instant = Instant::from_millis(1);

/// A client and a server that are connected, with nothing between them but bytes.
pub(crate) struct Pair {
    device: Client,
    hub: Server,
}

impl Pair {
    pub(crate) fn connected(version: Version) -> Self {
        let limits = match version {
            Version::V311 => Limits::CLASSIC,
            Version::V5 => Limits::PREVIEW5,
        };
        let mut pair = Self { device: Client::new(limits), hub: Server::new(limits) };
        let properties = PropertySection::EMPTY;
        let connect =
            Connect { version, client_id: "thermostat-7", username: None, password: None, properties };
        let opening = Packet::Connect(Opening { keep_alive_s: 240, ..Opening::new(connect) });
        pair.device.send(NOW, &opening).expect("can be sent");
        pair.carry(|_| Some(Packet::Connected { session: Session::Fresh, limits }));
        pair
    }

    /// Sends a message and takes its acknowledgement.
    pub(crate) fn send(&mut self, publish: &Publish<'_>) {
        let message = Packet::Publish { ack: Some(AckToken::FIRST), publish: *publish };
        self.device.send(NOW, &message).expect("can be sent");
        self.carry(|packet| {
            let Packet::Publish { ack, .. } = packet else { return None };
            ack.map(|token| Packet::Ack { token, ack: Ack::SUCCESS })
        });
    }

    /// Carries what waits to the hub, and its answer back.
    fn carry(&mut self, answer: impl Fn(&Packet<'_>) -> Option<Packet<'static>>) {
        while let Some(bytes) = self.device.poll_bytes() {
            let room = self.hub.read_buffer();
            let len = bytes.len().min(room.len());
            room[..len].copy_from_slice(&bytes[..len]);
            self.hub.handle_read(NOW, len);
            self.device.consume(len);
            while let Some(answer) =
                self.hub.poll_packet().expect("is in order").map(|packet| answer(&packet))
            {
                if let Some(answer) = answer {
                    self.hub.send(NOW, &answer).expect("can be sent");
                }
            }
        }
        while let Some(bytes) = self.hub.poll_bytes() {
            let taken = self.device.handle_bytes(NOW, bytes);
            self.hub.consume(taken);
            while self.device.poll_packet().expect("is in order").is_some() {}
        }
    }
}

/// A message with that many of the user properties.
pub(crate) fn message(user: usize, payload: &'static [u8]) -> Publish<'static> {
    let wire = user_properties(&USER[..user]);
    let properties = PropertySection::from_wire(wire, SectionOf::Publish).expect("is in order");
    Publish { qos: Qos::AtLeastOnce, properties, ..Publish::new(TOPIC, payload) }
}

fn user_properties(user: &[(&str, &str)]) -> &'static [u8] {
    let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    let entry = |(name, value): &(&str, &str)| [vec![0x26], text(name), text(value)].concat();
    user.iter().flat_map(entry).collect::<Vec<u8>>().leak()
}
