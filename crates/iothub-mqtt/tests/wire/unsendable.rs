//! Packets that cannot be sent: nothing is written of them, and the connection goes on.

use iothub_codec::{Ack, Connect, Filters, PropertySection, Publish, Qos};
use iothub_mqtt::{Client, Server, WriteError};
use iothub_proto::{AckToken, Granted, Limits, Opening, Packet, PacketKind, Refusal, RefusalReason, Session};

use crate::connection::{OPENING, START, client, connecting, server};

const LIMITS: Limits = Limits { receive_maximum: 2, maximum_packet_size: 200_000, ..Limits::CLASSIC };

#[test]
fn a_client_refuses_what_cannot_be_sent() {
    let long = "x".repeat(65_536);
    let filters = |wire| Filters::from_subscribe(wire).unwrap();
    let token = AckToken::FIRST;
    let publish = |topic| Packet::Publish { ack: None, publish: Publish::new(topic, b"") };
    let at_least_once = Publish { qos: Qos::AtLeastOnce, ..Publish::new("a", b"") };
    let huge = vec![0; 200_000];
    let kind = PacketKind::Publish;
    let many = b"\0\x01a\0".repeat(51);
    for (packet, error) in [
        (publish(""), WriteError::BadTopic { packet: kind }),
        (publish("a/#"), WriteError::BadTopic { packet: kind }),
        (publish("a\0"), WriteError::BadTopic { packet: kind }),
        (publish(&long), WriteError::FieldTooLong { packet: kind, len: 65_536 }),
        (
            Packet::Publish { ack: None, publish: Publish::new("a", &huge) },
            WriteError::PacketTooLong { packet: kind, len: 200_007, max: 200_000 },
        ),
        (Packet::Publish { ack: Some(token), publish: Publish::new("a", b"") }, WriteError::TokenMismatch),
        (Packet::Publish { ack: None, publish: at_least_once }, WriteError::TokenMismatch),
        (
            Packet::Ack { token, ack: Ack { reason_code: 131, ..Ack::SUCCESS } },
            WriteError::NotExpressible { packet: PacketKind::PubAck },
        ),
        (
            Packet::Disconnect(Ack { reason_code: 4, ..Ack::SUCCESS }),
            WriteError::NotExpressible { packet: PacketKind::Disconnect },
        ),
        (
            Packet::Subscribe { token, filters: Filters::from_unsubscribe(b"\0\x01a").unwrap() },
            WriteError::BadFilters { packet: PacketKind::Subscribe },
        ),
        (
            Packet::Unsubscribe { token, filters: filters(b"\0\x01a\0") },
            WriteError::BadFilters { packet: PacketKind::Unsubscribe },
        ),
        (
            Packet::Subscribe { token, filters: filters(b"\0\x01a\x04") },
            WriteError::BadFilters { packet: PacketKind::Subscribe },
        ),
        (
            Packet::Subscribe { token, filters: filters(&many) },
            WriteError::BadFilters { packet: PacketKind::Subscribe },
        ),
        (Packet::Connect(OPENING), WriteError::OutOfPlace { packet: PacketKind::Connect }),
        (
            Packet::Connected { session: Session::Fresh, limits: LIMITS },
            WriteError::WrongEnd { packet: PacketKind::ConnAck },
        ),
        (
            Packet::SubAck { token, granted: Granted::EMPTY },
            WriteError::WrongEnd { packet: PacketKind::SubAck },
        ),
    ] {
        let mut client = client(LIMITS);
        client.send(START, &Packet::Ack { token, ack: Ack::SUCCESS }).unwrap();
        assert_eq!(client.send(START, &packet), Err(error));
        assert_eq!(client.poll_bytes(), Some(&[0x40, 2, 0, 1][..]), "{error}");
        assert_eq!(client.send(START, &publish("a")), Ok(()), "after {error}");
    }
}

#[test]
fn a_server_refuses_what_cannot_be_sent() {
    let token = AckToken::FIRST;
    let filters = Filters::from_subscribe(b"\0\x01a\0").unwrap();
    for (packet, error) in [
        (
            Packet::SubAck { token, granted: Granted::EMPTY },
            WriteError::NotExpressible { packet: PacketKind::SubAck },
        ),
        (
            Packet::Connected { session: Session::Fresh, limits: LIMITS },
            WriteError::OutOfPlace { packet: PacketKind::ConnAck },
        ),
        (
            Packet::Refused(Refusal::new(RefusalReason::Unavailable)),
            WriteError::OutOfPlace { packet: PacketKind::ConnAck },
        ),
        (Packet::Connect(OPENING), WriteError::WrongEnd { packet: PacketKind::Connect }),
        (Packet::Subscribe { token, filters }, WriteError::WrongEnd { packet: PacketKind::Subscribe }),
        (Packet::Unsubscribe { token, filters }, WriteError::WrongEnd { packet: PacketKind::Unsubscribe }),
        (Packet::Disconnect(Ack::SUCCESS), WriteError::WrongEnd { packet: PacketKind::Disconnect }),
    ] {
        let mut server = server(LIMITS);
        assert_eq!(server.send(START, &packet), Err(error));
        assert_eq!(server.poll_bytes(), None, "{error}");
    }
}

#[test]
fn a_connect_that_mqtt_has_no_words_for_is_refused() {
    let connect = OPENING.connect;
    let long = "x".repeat(65_536);
    let with = |connect| Opening { connect, ..OPENING };
    let will = |topic| Opening { will: Some(Publish::new(topic, b"")), ..OPENING };
    let packet = PacketKind::Connect;
    for (opening, error) in [
        (with(Connect { password: Some(b"p"), ..connect }), WriteError::NotExpressible { packet }),
        (with(Connect { client_id: "a\0", ..connect }), WriteError::BadText { packet }),
        (with(Connect { username: Some("a\0"), ..connect }), WriteError::BadText { packet }),
        (with(Connect { client_id: &long, ..connect }), WriteError::FieldTooLong { packet, len: 65_536 }),
        (
            with(Connect { username: Some(""), password: Some(long.as_bytes()), ..connect }),
            WriteError::FieldTooLong { packet, len: 65_536 },
        ),
        (will("#"), WriteError::BadTopic { packet }),
        (will(""), WriteError::BadTopic { packet }),
    ] {
        let mut client = Client::new(LIMITS);
        assert_eq!(client.send(START, &Packet::Connect(opening)), Err(error));
        assert_eq!(client.poll_bytes(), None, "{error}");
        assert_eq!(client.poll_timeout(), None, "{error}");
        assert_eq!(client.send(START, &Packet::Connect(OPENING)), Ok(()), "after {error}");
    }
}

#[test]
fn nothing_but_connect_is_sent_before_connack() {
    let message = Packet::Publish { ack: None, publish: Publish::new("a", b"") };
    let out_of_place = Err(WriteError::OutOfPlace { packet: PacketKind::Publish });
    assert_eq!(Client::new(LIMITS).send(START, &message), out_of_place);
    assert_eq!(connecting(LIMITS).send(START, &message), out_of_place);
    assert_eq!(Server::new(LIMITS).send(START, &message), out_of_place);
}

#[test]
fn nothing_is_sent_behind_disconnect() {
    let mut client = client(LIMITS);
    client.send(START, &Packet::Disconnect(Ack::SUCCESS)).unwrap();
    let packet = PacketKind::PubAck;
    let ack = Packet::Ack { token: AckToken::FIRST, ack: Ack::SUCCESS };
    assert_eq!(client.send(START, &ack), Err(WriteError::OutOfPlace { packet }));
}

#[test]
fn the_longest_packet_is_sent_and_a_longer_one_is_not() {
    let limits = Limits { maximum_packet_size: 300, ..LIMITS };
    let mut server = server(limits);
    let payload = [0; 295];
    let longest = Publish { properties: PropertySection::EMPTY, ..Publish::new("a", &payload[..294]) };
    server.send(START, &Packet::Publish { ack: None, publish: longest }).unwrap();
    assert_eq!(server.poll_bytes().map(<[u8]>::len), Some(300));
    let longer = Packet::Publish { ack: None, publish: Publish::new("a", &payload) };
    let error = WriteError::PacketTooLong { packet: PacketKind::Publish, len: 301, max: 300 };
    assert_eq!(server.send(START, &longer), Err(error));
}

#[test]
fn a_peer_that_does_not_read_is_not_written_to_for_ever() {
    let limits = Limits { maximum_packet_size: 100, receive_maximum: 2, ..Limits::CLASSIC };
    let mut server = server(limits);
    let message = Packet::Publish { ack: None, publish: Publish::new("a", &[0; 95]) };
    for _ in 0..3 {
        assert_eq!(server.send(START, &message), Ok(()));
    }
    let error = WriteError::Backlog { packet: PacketKind::Publish, limit: 300 };
    assert_eq!(server.send(START, &message), Err(error));
    assert_eq!(server.poll_bytes().map(<[u8]>::len), Some(300));
    server.consume(100);
    assert_eq!(server.send(START, &message), Ok(()));
}
