//! Ends that are ready to be tested: connected over MQTT 5, with nothing waiting.

use iothub_codec::{Connect, PropertySection, SectionOf, Version};
use iothub_mqtt::{Client, Server};
use iothub_proto::{Limits, Opening, Packet, Session};

use crate::connection::{End, Reader, START};

/// What [`OPENING`] looks like: client identifier `d`, Clean Start 0, keep-alive 240 s, a session of an hour, an
/// authentication method.
pub(super) const CONNECT: &[u8] = b"\x10\x17\0\x04MQTT\x05\0\0\xf0\x09\x15\0\x01S\x11\0\0\x0e\x10\0\x01d";
const PROPERTIES: &[u8] = b"\x15\0\x01S\x11\0\0\x0e\x10";
/// A CONNACK that says nothing but success.
pub(super) const CONNACK: &[u8] = b"\x20\x03\0\0\0";

pub(crate) fn opening() -> Opening<'static> {
    let properties = PropertySection::from_wire(PROPERTIES, SectionOf::Connect).unwrap();
    let connect =
        Connect { version: Version::V5, client_id: "d", username: None, password: None, properties };
    Opening {
        session: Session::Resume,
        keep_alive_s: 240,
        session_expiry_s: Some(3600),
        ..Opening::new(connect)
    }
}

/// A server whose client waits for the answer to that CONNECT.
pub(super) fn answering(limits: Limits, connect: &[u8]) -> Server {
    let mut server = Server::new(limits);
    assert_eq!(server.handle_bytes(START, connect), connect.len());
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Connect(_)))), "{connect:02x?}");
    server
}

/// A server that has let in whoever sent that CONNECT.
pub(super) fn server_with(limits: Limits, connect: &[u8]) -> Server {
    let mut server = answering(limits, connect);
    server.send(START, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
    server.consume(usize::MAX);
    server
}

pub(super) fn server(limits: Limits) -> Server {
    server_with(limits, CONNECT)
}

/// A client that has sent that CONNECT.
pub(super) fn connecting(limits: Limits, opening: Opening<'_>) -> Client {
    let mut client = Client::new(limits);
    client.send(START, &Packet::Connect(opening)).unwrap();
    client.consume(usize::MAX);
    client
}

/// A client that was let in with that CONNACK.
pub(super) fn client_with(limits: Limits, opening: Opening<'_>, connack: &[u8]) -> Client {
    let mut client = connecting(limits, opening);
    assert_eq!(client.handle_bytes(START, connack), connack.len());
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Connected { .. }))), "{connack:02x?}");
    client
}

pub(super) fn client(limits: Limits) -> Client {
    client_with(limits, opening(), CONNACK)
}

/// The end that reads what `sender` has sent, at the moment when a packet with that first byte may come.
pub(super) fn reader(sender: End, first: u8, limits: Limits) -> Reader {
    match (sender, first >> 4) {
        (End::Device, 1) => Reader::Server(Server::new(limits)),
        (End::Device, _) => Reader::Server(server(limits)),
        (End::Hub, 2) => Reader::Client(connecting(limits, opening())),
        (End::Hub, _) => Reader::Client(client(limits)),
    }
}

/// The bytes that an end sends for a packet.
pub(super) fn written(sender: End, packet: &Packet<'_>, limits: Limits) -> Vec<u8> {
    match sender {
        End::Device => {
            let is_first = matches!(packet, Packet::Connect(_));
            let mut client = if is_first { Client::new(limits) } else { client(limits) };
            client.send(START, packet).unwrap();
            client.poll_bytes().unwrap().to_vec()
        }
        End::Hub => {
            let is_first = matches!(packet, Packet::Connected { .. } | Packet::Refused(_));
            let mut server = if is_first { answering(limits, CONNECT) } else { server(limits) };
            server.send(START, packet).unwrap();
            server.poll_bytes().unwrap().to_vec()
        }
    }
}

pub(super) fn section(of: SectionOf, wire: &'static [u8]) -> PropertySection<'static> {
    PropertySection::from_wire(wire, of).unwrap()
}
