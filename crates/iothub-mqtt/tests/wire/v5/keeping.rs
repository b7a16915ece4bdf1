//! What CONNECT and CONNACK announce is kept to, by both.

use core::time::Duration;

use iothub_codec::{Ack, Publish, Qos, SectionOf};
use iothub_mqtt::{Client, WireError, WriteError};
use iothub_proto::{AckToken, Limits, Opening, Packet, PacketKind, Session};

use super::ends::{
    CONNACK, CONNECT, answering, client, client_with, connecting, opening, section, server, server_with,
};
use crate::connection::START;

const LIMITS: Limits = Limits::PREVIEW5;

fn token(packet_id: u16) -> AckToken {
    AckToken::new(packet_id).unwrap()
}

fn message(packet_id: u16, payload: &[u8]) -> Packet<'_> {
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new("a", payload) };
    Packet::Publish { ack: Some(token(packet_id)), publish }
}

fn acknowledged(packet_id: u16) -> Packet<'static> {
    Packet::Ack { token: token(packet_id), ack: Ack::SUCCESS }
}

#[test]
fn a_hub_sends_no_more_than_the_device_takes_unacknowledged() {
    let connect = b"\x10\x11\0\x04MQTT\x05\0\0\xf0\x03\x21\0\x02\0\x01d";
    let mut server = server_with(LIMITS, connect);
    server.send(START, &message(1, b"")).unwrap();
    server.send(START, &message(2, b"")).unwrap();
    assert_eq!(server.send(START, &message(3, b"")), Err(WriteError::WindowFull { limit: 2 }));
    server.send(START, &Packet::Publish { ack: None, publish: Publish::new("a", b"") }).unwrap();
    // A refusal ends a message, too.
    assert_eq!(server.handle_bytes(START, b"\x40\x03\0\x01\x83"), 5);
    assert!(server.poll_packet().unwrap().is_some());
    server.send(START, &message(3, b"")).unwrap();
    assert_eq!(server.send(START, &message(4, b"")), Err(WriteError::WindowFull { limit: 2 }));
}

#[test]
fn a_device_that_sends_more_than_the_hub_takes_unacknowledged_is_disconnected() {
    let limits = Limits { receive_maximum: 2, ..LIMITS };
    let publish = |id: u8| [0x32, 6, 0, 1, b'a', 0, id, 0];
    let mut server = server(limits);
    for id in 1..=10 {
        assert_eq!(server.handle_bytes(START, &publish(id)), 8);
        assert!(matches!(server.poll_packet(), Ok(Some(Packet::Publish { .. }))));
        server.send(START, &acknowledged(u16::from(id))).unwrap();
        server.consume(usize::MAX);
    }
    for id in [1, 2] {
        assert_eq!(server.handle_bytes(START, &publish(id)), 8);
        assert!(server.poll_packet().unwrap().is_some());
    }
    assert_eq!(server.handle_bytes(START, &publish(3)), 8);
    assert_eq!(server.poll_packet(), Err(WireError::ReceiveMaximumExceeded { max: 2 }));
    assert_eq!(server.poll_bytes(), Some(&[0xe0, 2, 0x93, 0][..]));
}

#[test]
fn a_hub_that_sends_more_than_the_device_takes_unacknowledged_is_left() {
    let mut client = client_with(LIMITS, Opening { receive_maximum: Some(1), ..opening() }, CONNACK);
    assert_eq!(client.handle_bytes(START, b"\x32\x06\0\x01a\0\x01\0"), 8);
    assert!(client.poll_packet().unwrap().is_some());
    client.send(START, &acknowledged(1)).unwrap();
    client.consume(usize::MAX);
    let two = b"\x32\x06\0\x01a\0\x01\0\x32\x06\0\x01a\0\x02\0";
    assert_eq!(client.handle_bytes(START, two), 16);
    assert!(client.poll_packet().unwrap().is_some());
    assert_eq!(client.poll_packet(), Err(WireError::ReceiveMaximumExceeded { max: 1 }));
    assert_eq!(client.poll_bytes(), Some(&[0xe0, 2, 0x93, 0][..]));
}

#[test]
fn a_device_sends_no_more_than_the_hub_takes_unacknowledged() {
    let mut client = client_with(LIMITS, opening(), b"\x20\x06\0\0\x03\x21\0\x02");
    client.send(START, &message(1, b"")).unwrap();
    client.send(START, &message(2, b"")).unwrap();
    assert_eq!(client.send(START, &message(3, b"")), Err(WriteError::WindowFull { limit: 2 }));
    assert_eq!(client.handle_bytes(START, b"\x40\x03\0\x01\x97"), 5);
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Ack { .. }))));
    client.send(START, &message(3, b"")).unwrap();
}

/// Loses the connection, and has the next one accepted; says what is sent on it behind CONNECT.
fn reconnect(client: &mut Client, connack: &[u8]) -> Vec<u8> {
    client.reset(Session::Resume);
    client.send(START, &Packet::Connect(opening())).unwrap();
    client.consume(usize::MAX);
    assert_eq!(client.handle_bytes(START, connack), connack.len());
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Connected { .. }))));
    let sent = client.poll_bytes().unwrap_or_default().to_vec();
    client.consume(usize::MAX);
    sent
}

#[test]
fn what_is_repeated_keeps_to_the_limits_of_the_new_connection() {
    let mut client = client(LIMITS);
    for (packet_id, payload) in [(1, &b"x"[..]), (2, b"y"), (3, b"z")] {
        client.send(START, &message(packet_id, payload)).unwrap();
    }
    let first_two = b"\x3a\x07\0\x01a\0\x01\0x\x3a\x07\0\x01a\0\x02\0y";
    assert_eq!(reconnect(&mut client, b"\x20\x06\x01\0\x03\x21\0\x02"), first_two);
    assert_eq!(client.send(START, &message(4, b"")), Err(WriteError::WindowFull { limit: 2 }));
    assert_eq!(client.handle_bytes(START, b"\x40\x02\0\x02"), 4);
    assert!(client.poll_packet().unwrap().is_some());
    assert_eq!(client.poll_bytes(), Some(&b"\x3a\x07\0\x01a\0\x03\0z"[..]), "as soon as there is room");
    client.consume(usize::MAX);
    assert_eq!(
        reconnect(&mut client, b"\x20\x03\0\0\0"),
        b"\x32\x07\0\x01a\0\x01\0x\x32\x07\0\x01a\0\x03\0z"
    );
}

#[test]
fn what_waits_for_room_goes_before_anything_new() {
    let limits = Limits { receive_maximum: 4, maximum_packet_size: 100, ..LIMITS };
    let mut client = client(limits);
    for packet_id in 1..=4 {
        client.send(START, &message(packet_id, b"x")).unwrap();
    }
    assert_eq!(reconnect(&mut client, b"\x20\x06\x01\0\x03\x21\0\x03").len(), 27);
    let filling = Packet::Publish { ack: None, publish: Publish::new("a", &[0; 94]) };
    for _ in 0..5 {
        client.send(START, &filling).unwrap();
    }
    assert_eq!(client.handle_bytes(START, b"\x40\x02\0\x01\x40\x02\0\x02"), 8);
    while client.poll_packet().unwrap().is_some() {}
    assert_eq!(client.poll_bytes().map(<[u8]>::len), Some(500), "no room for the fourth");
    assert_eq!(client.send(START, &message(5, b"")), Err(WriteError::WindowFull { limit: 3 }));
    client.consume(500);
    assert_eq!(client.poll_bytes(), Some(&b"\x3a\x07\0\x01a\0\x04\0x"[..]));
    assert_eq!(client.send(START, &message(5, b"")), Ok(()));
}

#[test]
fn a_hub_that_takes_any_number_gets_no_more_than_this_end_keeps() {
    let mut client = client(Limits { receive_maximum: 1, ..LIMITS });
    client.send(START, &message(1, b"")).unwrap();
    assert_eq!(client.send(START, &message(2, b"")), Err(WriteError::WindowFull { limit: 1 }));
}

#[test]
fn what_was_not_answered_does_not_count_on_the_next_connection() {
    let opening = Opening { receive_maximum: Some(1), ..opening() };
    let mut client = client_with(LIMITS, opening, CONNACK);
    for _ in 0..3 {
        assert_eq!(client.handle_bytes(START, b"\x32\x06\0\x01a\0\x01\0"), 8);
        assert!(client.poll_packet().unwrap().is_some());
        client.reset(Session::Resume);
        client.send(START, &Packet::Connect(opening)).unwrap();
        assert_eq!(client.handle_bytes(START, CONNACK), CONNACK.len());
        assert!(client.poll_packet().unwrap().is_some());
    }
}

#[test]
fn a_second_connect_is_refused_and_changes_nothing() {
    let mut client = client(LIMITS);
    let error = WriteError::OutOfPlace { packet: PacketKind::Connect };
    assert_eq!(client.send(START, &Packet::Connect(crate::connection::OPENING)), Err(error));
    client.send(START, &message(1, b"x")).unwrap();
    assert_eq!(client.poll_bytes(), Some(&b"\x32\x07\0\x01a\0\x01\0x"[..]), "still MQTT 5");
}

#[test]
fn what_has_become_too_long_for_the_hub_ends_all_the_same() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, &[b'x'; 50])).unwrap();
    client.send(START, &message(2, b"y")).unwrap();
    let sent = reconnect(&mut client, b"\x20\x08\x01\0\x05\x27\0\0\0\x20");
    assert_eq!(sent, b"\x3a\x07\0\x01a\0\x02\0y");
    let ack = Ack { reason_code: 0x95, ..Ack::SUCCESS };
    assert_eq!(client.poll_packet(), Ok(Some(Packet::Ack { token: token(1), ack })));
    assert_eq!(client.poll_packet(), Ok(None));
    assert_eq!(client.send(START, &message(1, b"")), Ok(()), "the name is free");
}

#[test]
fn what_nobody_has_heard_of_when_the_connection_breaks_ends_on_the_next() {
    const CONNACK: &[u8] = b"\x20\x08\x01\0\x05\x27\0\0\0\x20";
    let mut client = client(LIMITS);
    client.send(START, &message(1, &[b'x'; 50])).unwrap();
    assert_eq!(reconnect(&mut client, CONNACK), b"");
    client.reset(Session::Resume);
    assert_eq!(client.poll_packet(), Ok(None), "nothing comes without a connection");
    client.send(START, &Packet::Connect(opening())).unwrap();
    assert_eq!(client.poll_packet(), Ok(None), "nor before CONNACK");
    assert_eq!(client.handle_bytes(START, CONNACK), CONNACK.len());
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Connected { .. }))));
    let ack = Ack { reason_code: 0x95, ..Ack::SUCCESS };
    assert_eq!(client.poll_packet(), Ok(Some(Packet::Ack { token: token(1), ack })));
}

#[test]
fn messages_of_one_version_are_not_repeated_over_the_other() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"x")).unwrap();
    client.reset(Session::Resume);
    let other = Packet::Connect(crate::connection::OPENING);
    let error = WriteError::OtherVersion { version: iothub_codec::Version::V5 };
    assert_eq!(client.send(START, &other), Err(error));
    assert_eq!(reconnect(&mut client, b"\x20\x03\x01\0\0"), b"\x3a\x07\0\x01a\0\x01\0x");
    client.reset(Session::Fresh);
    assert_eq!(client.send(START, &other), Ok(()));
}

#[test]
fn nothing_is_sent_that_is_longer_than_the_other_end_takes() {
    let too_long = |len| WriteError::PacketTooLong { packet: PacketKind::Publish, len, max: 32 };
    let (longest, longer) = ([0; 24], [0; 25]);
    let mut server = server_with(LIMITS, b"\x10\x13\0\x04MQTT\x05\0\0\xf0\x05\x27\0\0\0\x20\0\x01d");
    server.send(START, &message(1, &longest)).unwrap();
    assert_eq!(server.send(START, &message(2, &longer)), Err(too_long(33)));
    let mut client = client_with(LIMITS, opening(), b"\x20\x08\0\0\x05\x27\0\0\0\x20");
    client.send(START, &message(1, &longest)).unwrap();
    assert_eq!(client.send(START, &message(2, &longer)), Err(too_long(33)));
}

#[test]
fn what_is_longer_than_this_end_has_announced_is_not_read() {
    let packet = iothub_mqtt::PacketType::Publish;
    let error = Err(WireError::PacketTooLong { packet, len: 33, max: 32 });
    let mut server = answering(LIMITS, CONNECT);
    let limits = Limits { maximum_packet_size: 32, ..LIMITS };
    server.send(START, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
    assert_eq!(server.handle_bytes(START, b"\x30\x1f"), 2);
    assert_eq!(server.poll_packet(), error);
    let mut client = client_with(LIMITS, Opening { maximum_packet_size: Some(32), ..opening() }, CONNACK);
    assert_eq!(client.handle_bytes(START, b"\x30\x1f"), 2);
    assert_eq!(client.poll_packet(), error);
}

#[test]
fn the_keep_alive_of_a_connack_counts_for_both() {
    let limits = Limits { keep_alive_s: Some(1140), ..LIMITS };
    let mut server = server_with(limits, b"\x10\x0e\0\x04MQTT\x05\0\0\0\0\0\x01d");
    assert_eq!(server.poll_timeout().unwrap().0, START.after(Duration::from_secs(1710)));
    let mut client = connecting(LIMITS, opening());
    assert_eq!(client.handle_bytes(START, b"\x20\x06\0\0\x03\x13\0\x3c"), 8);
    assert!(client.poll_packet().unwrap().is_some());
    assert_eq!(client.poll_timeout(), Some((START.after(Duration::from_secs(60)), "keep-alive")));
    assert_eq!(server.handle_timeout(START.after(Duration::from_secs(1709))), Ok(()));
}

#[test]
fn an_alias_stands_for_its_topic_on_this_connection() {
    let mut server = server(LIMITS);
    for (bytes, topic) in [
        (&b"\x30\x0e\0\x08a/longer\x03\x23\0\x01"[..], "a/longer"),
        (b"\x30\x06\0\0\x03\x23\0\x01", "a/longer"),
        (b"\x30\x07\0\x01b\x03\x23\0\x0a", "b"),
        (b"\x30\x06\0\0\x03\x23\0\x0a", "b"),
        (b"\x30\x07\0\x01c\x03\x23\0\x01", "c"),
        (b"\x30\x06\0\0\x03\x23\0\x01", "c"),
    ] {
        assert_eq!(server.handle_bytes(START, bytes), bytes.len());
        let packet = server.poll_packet().unwrap();
        assert!(
            matches!(packet, Some(Packet::Publish { publish, .. }) if publish.topic == topic),
            "{packet:?}"
        );
    }
    let mut other = super::ends::server(Limits { topic_alias_maximum: 1, ..LIMITS });
    assert_eq!(other.handle_bytes(START, b"\x30\x07\0\x01a\x03\x23\0\x02"), 9);
    assert_eq!(other.poll_packet(), Err(WireError::TopicAlias { alias: 2 }));
    let mut other = answering(LIMITS, CONNECT);
    let limits = Limits { topic_alias_maximum: 1, ..LIMITS };
    other.send(START, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
    assert_eq!(other.handle_bytes(START, b"\x30\x07\0\x01a\x03\x23\0\x02"), 9);
    assert_eq!(other.poll_packet(), Err(WireError::TopicAlias { alias: 2 }), "what CONNACK says counts");
    let mut other = super::ends::server(LIMITS);
    assert_eq!(other.handle_bytes(START, b"\x30\x06\0\0\x03\x23\0\x01"), 8);
    let packet = iothub_mqtt::PacketType::Publish;
    assert_eq!(other.poll_packet(), Err(WireError::NoTopic { packet }));
}

#[test]
fn a_device_that_wants_aliases_reads_them_until_it_reconnects() {
    let mut opening = opening();
    opening.connect.properties = section(SectionOf::Connect, b"\x22\0\x01");
    let mut client = client_with(LIMITS, opening, CONNACK);
    let first = b"\x30\x07\0\x01a\x03\x23\0\x01\x30\x06\0\0\x03\x23\0\x01";
    assert_eq!(client.handle_bytes(START, first), first.len());
    for _ in 0..2 {
        assert!(
            matches!(client.poll_packet(), Ok(Some(Packet::Publish { publish, .. })) if publish.topic == "a")
        );
    }
    client.reset(Session::Resume);
    client.send(START, &Packet::Connect(opening)).unwrap();
    assert_eq!(client.handle_bytes(START, CONNACK), CONNACK.len());
    assert!(client.poll_packet().unwrap().is_some());
    assert_eq!(client.handle_bytes(START, b"\x30\x06\0\0\x03\x23\0\x01"), 8);
    assert!(client.poll_packet().is_err());
}

#[test]
fn more_topics_than_are_remembered_end_the_connection() {
    let mut server = server(LIMITS);
    let topic = "x".repeat(40_000);
    for alias in [1, 2] {
        let mut bytes = b"\x30\xc6\xb8\x02".to_vec();
        bytes.extend(40_000_u16.to_be_bytes());
        bytes.extend(topic.bytes());
        bytes.extend([3, 0x23, 0, alias]);
        assert_eq!(server.handle_bytes(START, &bytes), bytes.len());
        let read = server.poll_packet().map(|packet| packet.is_some());
        let error = WireError::TopicAliasesTooLong { max: 65_536 };
        assert_eq!(read, if alias == 1 { Ok(true) } else { Err(error) });
    }
    assert_eq!(server.poll_bytes(), Some(&[0xe0, 2, 0x97, 0][..]));
}

#[test]
fn a_session_that_ends_with_the_connection_is_not_prolonged_at_its_end() {
    let ending = b"\x10\x0e\0\x04MQTT\x05\0\0\xf0\0\0\x01d";
    for (connect, expiry, good) in
        [(&ending[..], 1, false), (ending, 0, true), (CONNECT, 1, true), (CONNECT, 0, true)]
    {
        let mut server = server_with(LIMITS, connect);
        assert_eq!(server.handle_bytes(START, &[0xe0, 7, 0, 5, 0x11, 0, 0, 0, expiry]), 9);
        let read = server.poll_packet().map(|packet| packet.is_some());
        assert_eq!(read, if good { Ok(true) } else { Err(WireError::SessionExpiry) });
    }
    let longer = Ack { reason_code: 0, properties: section(SectionOf::Disconnect, b"\x11\0\0\0\x01") };
    let mut ends = opening();
    (ends.session_expiry_s, ends.connect.properties) = (None, iothub_codec::PropertySection::EMPTY);
    let packet = PacketKind::Disconnect;
    let mut client = client_with(LIMITS, ends, CONNACK);
    assert_eq!(client.send(START, &Packet::Disconnect(longer)), Err(WriteError::NotExpressible { packet }));
    assert_eq!(super::ends::client(LIMITS).send(START, &Packet::Disconnect(longer)), Ok(()));
}

#[test]
fn a_device_that_does_not_want_reasons_gets_the_code_only() {
    let properties = section(SectionOf::PubAck, b"\x26\0\x06status\0\x040501");
    let throttled = Packet::Ack { token: token(3), ack: Ack { reason_code: 0x97, properties } };
    let mut server = server_with(LIMITS, b"\x10\x10\0\x04MQTT\x05\0\0\xf0\x02\x17\0\0\x01d");
    server.send(START, &throttled).unwrap();
    assert_eq!(server.poll_bytes(), Some(&b"\x40\x04\0\x03\x97\0"[..]));
    let mut curious = super::ends::server(LIMITS);
    curious.send(START, &throttled).unwrap();
    assert_eq!(curious.poll_bytes().map(<[u8]>::len), Some(21));
}

#[test]
fn a_device_publishes_nothing_that_the_hub_does_not_take() {
    let mut client = client_with(LIMITS, opening(), b"\x20\x07\0\0\x04\x24\0\x25\0");
    assert_eq!(client.send(START, &message(1, b"")), Err(WriteError::QosNotSupported));
    let retained = Publish { retain: true, ..Publish::new("a", b"") };
    let retained = Packet::Publish { ack: None, publish: retained };
    assert_eq!(client.send(START, &retained), Err(WriteError::RetainNotSupported));
    assert_eq!(client.poll_bytes(), None);
    let limits = Limits { maximum_qos: Qos::AtMostOnce, ..LIMITS };
    let mut server = server(limits);
    assert_eq!(server.handle_bytes(START, b"\x32\x06\0\x01a\0\x01\0"), 8);
    let packet = iothub_mqtt::PacketType::Publish;
    assert_eq!(server.poll_packet(), Err(WireError::QosNotSupported { packet }));
}
