//! What an end says before it gives a connection up.

use iothub_mqtt::{PacketType, Server, WireError};
use iothub_proto::{Limits, Packet, Session};

use super::ends::{CONNECT, answering, client, connecting, opening, server};
use crate::connection::START;

const LIMITS: Limits = Limits { maximum_packet_size: 100, ..Limits::PREVIEW5 };

#[test]
fn a_device_that_was_let_in_is_told_in_a_disconnect() {
    for (bytes, code) in [
        (&b"\x30\x04\0\x01a\x01"[..], 0x81),
        (b"\x30\x03\0\0\0", 0x82),
        (b"\x30\x04\0\x01#\0", 0x90),
        (b"\x30\x07\0\x01a\x03\x23\0\x0b", 0x94),
        (b"\x30\x63", 0x95),
        (b"\x31\x04\0\x01a\0", 0x9a),
        (b"\x34", 0x9b),
        (b"\x82\x09\0\x01\x02\x0b\x01\0\x01a\0", 0xa1),
        (CONNECT, 0x82),
    ] {
        let mut server = server(LIMITS);
        assert_eq!(server.handle_bytes(START, bytes), bytes.len());
        let error = server.poll_packet().unwrap_err();
        assert_eq!(server.poll_bytes(), Some(&[0xe0, 2, code, 0][..]), "{error}");
        assert_eq!(server.poll_packet(), Err(error));
        assert_eq!(server.poll_bytes().map(<[u8]>::len), Some(4), "once");
        let late =
            server.send(START, &Packet::Publish { ack: None, publish: iothub_codec::Publish::new("a", b"") });
        assert!(late.is_err(), "nothing behind it");
    }
}

#[test]
fn a_device_that_was_not_let_in_is_told_in_a_connack() {
    for (bytes, code) in [
        (&b"\x10\x0e\0\x04MQTT\x05\x01\0\xf0\0\0\x01d"[..], 0x81),
        (b"\x10\x12\0\x04MQTT\x05\0\0\xf0\x04\x16\0\x01x\0\x01d", 0x82),
        (b"\x10\x14\0\x04MQTT\x05\x04\0\xf0\0\0\x01d\0\0\x01#\0\0", 0x90),
        (b"\x10\x0e\0\x04MQTT\x05\x14\0\xf0\0\0\x01d", 0x9b),
    ] {
        let mut server = Server::new(LIMITS);
        assert_eq!(server.handle_bytes(START, bytes), bytes.len());
        let error = server.poll_packet().unwrap_err();
        assert_eq!(server.poll_bytes(), Some(&[0x20, 3, 0, code, 0][..]), "{error}");
    }
}

#[test]
fn who_is_let_in_hears_that_first_and_then_what_was_wrong_behind_its_connect() {
    let limits = Limits { receive_maximum: 1, ..LIMITS };
    let too_many = b"\x32\x06\0\x01a\0\x01\0\x32\x06\0\x01a\0\x02\0";
    for (bytes, code) in
        [(&too_many[..], 0x93), (CONNECT, 0x82), (b"\x36", 0x81), (b"\x34", 0x9b), (b"\x30\x63", 0x95)]
    {
        let mut server = answering(limits, CONNECT);
        assert_eq!(server.handle_bytes(START, bytes), bytes.len());
        assert_eq!(server.poll_packet(), Ok(None), "{bytes:02x?}");
        assert_eq!(server.poll_bytes(), None, "{bytes:02x?}");
        server.send(START, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
        let error = loop {
            match server.poll_packet() {
                Ok(packet) => assert!(packet.is_some(), "{bytes:02x?}"),
                Err(error) => break error,
            }
        };
        let said = server.poll_bytes().unwrap_or_default();
        assert!(said.starts_with(b"\x20") && said[3] == 0, "{said:02x?}: CONNACK with success");
        assert!(said.ends_with(&[0xe0, 2, code, 0]), "{said:02x?}: {error}");
    }
}

#[test]
fn who_did_not_say_mqtt_5_is_told_nothing() {
    for bytes in [&b"\xf0"[..], b"\x30", b"\x10\xff\xff\xff\x7f", b"\x10\x05\0\x04MQT"] {
        let mut server = Server::new(LIMITS);
        assert_eq!(server.handle_bytes(START, bytes), bytes.len());
        assert!(server.poll_packet().is_err(), "{bytes:02x?}");
        assert_eq!(server.poll_bytes(), None, "{bytes:02x?}");
    }
}

#[test]
fn a_silent_device_is_told_so() {
    let mut server = server(LIMITS);
    let (at, _) = server.poll_timeout().unwrap();
    assert_eq!(server.handle_timeout(at), Err(WireError::Silent { seconds: 360 }));
    assert_eq!(server.poll_bytes(), Some(&[0xe0, 2, 0x8d, 0][..]));
}

#[test]
fn a_hub_is_told_as_far_as_a_device_can_say_it() {
    for (bytes, code) in [
        (&b"\x30\x04\0\x01a\x01"[..], 0x81),
        (b"\xe1", 0x81),
        (b"\x30\x63", 0x95),
        (b"\x30\x07\0\x01a\x03\x23\0\x01", 0x94),
        // That QoS 2 is not supported is the server's to say.
        (b"\x34", 0x82),
    ] {
        let mut client = client(LIMITS);
        assert_eq!(client.handle_bytes(START, bytes), bytes.len());
        let error = client.poll_packet().unwrap_err();
        assert_eq!(client.poll_bytes(), Some(&[0xe0, 2, code, 0][..]), "{error}");
    }
    let mut client = connecting(LIMITS, opening());
    assert_eq!(client.handle_bytes(START, b"\x20\x03\0\x05\0"), 5);
    assert!(client.poll_packet().is_err());
    assert_eq!(client.poll_bytes(), Some(&[0xe0, 2, 0x82, 0][..]), "before CONNACK");
}

#[test]
fn a_fresh_session_is_not_resumed() {
    let fresh = iothub_proto::Opening { session: Session::Fresh, ..opening() };
    let mut client = connecting(LIMITS, fresh);
    assert_eq!(client.handle_bytes(START, b"\x20\x03\x01\0\0"), 5);
    let error = WireError::BadReturnCode { packet: PacketType::ConnAck, at: 2, code: 1 };
    assert_eq!(client.poll_packet(), Err(error));
}
