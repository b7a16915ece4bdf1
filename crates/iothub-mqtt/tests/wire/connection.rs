//! Ends that are ready to be tested: connected, with nothing waiting.

use iothub_codec::{Connect, PropertySection, Version};
use iothub_mqtt::{Client, Server, WireError};
use iothub_proto::{Instant, Limits, Opening, Packet, Session};

pub(crate) const START: Instant = Instant::from_millis(1_000);

/// What [`OPENING`] looks like: client identifier `d`, CleanSession 0, keep-alive 240 s.
pub(crate) const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\0\0\xf0\0\x01d";

pub(crate) const OPENING: Opening<'static> = Opening {
    session: Session::Resume,
    keep_alive_s: 240,
    ..Opening::new(Connect {
        version: Version::V311,
        client_id: "d",
        username: None,
        password: None,
        properties: PropertySection::EMPTY,
    })
};

/// A server whose client has connected.
pub(crate) fn server(limits: Limits) -> Server {
    server_with(limits, CONNECT)
}

/// A server whose client has sent that CONNECT, and was let in.
pub(crate) fn server_with(limits: Limits, connect: &[u8]) -> Server {
    let mut server = opening_with(limits, connect);
    server.send(START, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
    server.consume(usize::MAX);
    server
}

/// A server whose client waits for the answer to its CONNECT.
fn opening(limits: Limits) -> Server {
    opening_with(limits, CONNECT)
}

fn opening_with(limits: Limits, connect: &[u8]) -> Server {
    let mut server = Server::new(limits);
    assert_eq!(server.handle_bytes(START, connect), connect.len());
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Connect(_)))));
    server
}

/// A client that has sent CONNECT.
pub(crate) fn connecting(limits: Limits) -> Client {
    let mut client = Client::new(limits);
    client.send(START, &Packet::Connect(OPENING)).unwrap();
    client.consume(usize::MAX);
    client
}

/// A client that was let in.
pub(crate) fn client(limits: Limits) -> Client {
    let mut client = connecting(limits);
    accept(&mut client, Session::Fresh);
    client
}

/// Lets a client in.
pub(crate) fn accept(client: &mut Client, session: Session) {
    let present = u8::from(session == Session::Resume);
    assert_eq!(client.handle_bytes(START, &[0x20, 2, present, 0]), 4);
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Connected { .. }))));
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Device,
    Hub,
}

/// Whichever end it is, as far as arriving bytes go.
pub(crate) enum Reader {
    Client(Client),
    Server(Server),
}

impl Reader {
    /// The end that reads what `sender` has sent, at the moment when a packet with that first byte may come.
    pub(crate) fn of(sender: End, first: u8, limits: Limits) -> Self {
        match (sender, first >> 4) {
            (End::Device, 1) => Self::Server(Server::new(limits)),
            (End::Device, _) => Self::Server(server(limits)),
            (End::Hub, 2) => Self::Client(connecting(limits)),
            (End::Hub, _) => Self::Client(client(limits)),
        }
    }

    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Client(client) => client.handle_bytes(START, bytes),
            Self::Server(server) => server.handle_bytes(START, bytes),
        }
    }

    /// Reads by way of the end's own buffer, and says how much of `bytes` found room.
    pub(crate) fn handle_read(&mut self, bytes: &[u8]) -> usize {
        let room = match self {
            Self::Client(client) => client.read_buffer(),
            Self::Server(server) => server.read_buffer(),
        };
        let len = room.len().min(bytes.len());
        room[..len].copy_from_slice(&bytes[..len]);
        match self {
            Self::Client(client) => client.handle_read(START, len),
            Self::Server(server) => server.handle_read(START, len),
        }
        len
    }

    /// Answers a CONNECT; `false` if that cannot be said.
    pub(crate) fn let_in(&mut self, limits: Limits) -> bool {
        let connected = Packet::Connected { session: Session::Fresh, limits };
        match self {
            Self::Client(_) => false,
            Self::Server(server) => server.send(START, &connected).is_ok(),
        }
    }

    pub(crate) fn poll_packet(&mut self) -> Result<Option<Packet<'_>>, WireError> {
        match self {
            Self::Client(client) => client.poll_packet(),
            Self::Server(server) => server.poll_packet(),
        }
    }
}

/// The bytes that an end sends for a packet.
pub(crate) fn written(sender: End, packet: &Packet<'_>, limits: Limits) -> Vec<u8> {
    match sender {
        End::Device => {
            let is_first = matches!(packet, Packet::Connect(_));
            let mut client = if is_first { Client::new(limits) } else { client(limits) };
            client.send(START, packet).unwrap();
            client.poll_bytes().unwrap().to_vec()
        }
        End::Hub => {
            let is_first = matches!(packet, Packet::Connected { .. } | Packet::Refused(_));
            let mut server = if is_first { opening(limits) } else { server(limits) };
            server.send(START, packet).unwrap();
            server.poll_bytes().unwrap().to_vec()
        }
    }
}

/// Hexadecimal digits, with space between them or not.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0, "{text}");
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
