//! QoS 1 messages of a device, until they are acknowledged.

use iothub_codec::{Filters, Publish, Qos};
use iothub_mqtt::{Client, WriteError};
use iothub_proto::{AckToken, Limits, Packet, PacketKind, Session};

use crate::connection::{OPENING, START, accept, client};

const LIMITS: Limits = Limits { receive_maximum: 3, maximum_packet_size: 100, ..Limits::CLASSIC };

fn token(packet_id: u16) -> AckToken {
    AckToken::new(packet_id).unwrap()
}

fn message(packet_id: u16, payload: &[u8]) -> Packet<'_> {
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new("a", payload) };
    Packet::Publish { ack: Some(token(packet_id)), publish }
}

fn acknowledge(client: &mut Client, packet_id: u8) {
    assert_eq!(client.handle_bytes(START, &[0x40, 2, 0, packet_id]), 4);
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Ack { .. }))));
}

/// Loses the connection, and has the next one accepted; says what is sent on it behind CONNECT.
fn reconnect(client: &mut Client, session: Session) -> Vec<u8> {
    client.reset(Session::Resume);
    client.send(START, &Packet::Connect(OPENING)).unwrap();
    client.consume(usize::MAX);
    accept(client, session);
    let sent = client.poll_bytes().unwrap_or_default().to_vec();
    client.consume(usize::MAX);
    sent
}

#[test]
fn what_was_not_acknowledged_is_repeated_in_order_and_marked() {
    let mut client = client(LIMITS);
    for (packet_id, payload) in [(9, b"x"), (2, b"y"), (3, b"z")] {
        client.send(START, &message(packet_id, payload)).unwrap();
    }
    acknowledge(&mut client, 9);
    let repeated = b"\x3a\x06\0\x01a\0\x02y\x3a\x06\0\x01a\0\x03z";
    assert_eq!(reconnect(&mut client, Session::Resume), repeated);
    acknowledge(&mut client, 2);
    assert_eq!(reconnect(&mut client, Session::Resume), b"\x3a\x06\0\x01a\0\x03z");
    acknowledge(&mut client, 3);
    assert_eq!(reconnect(&mut client, Session::Resume), b"");
}

#[test]
fn nothing_of_an_acknowledged_message_is_left_in_a_later_one() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"long")).unwrap();
    acknowledge(&mut client, 1);
    client.send(START, &message(2, b"x")).unwrap();
    assert_eq!(reconnect(&mut client, Session::Resume), b"\x3a\x06\0\x01a\0\x02x");
}

#[test]
fn a_message_that_was_never_written_is_repeated_too() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"x")).unwrap();
    client.consume(3);
    assert_eq!(reconnect(&mut client, Session::Resume), b"\x3a\x06\0\x01a\0\x01x");
}

#[test]
fn to_a_hub_that_has_forgotten_the_session_the_repeated_is_new() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"x")).unwrap();
    assert_eq!(reconnect(&mut client, Session::Resume), b"\x3a\x06\0\x01a\0\x01x");
    assert_eq!(reconnect(&mut client, Session::Fresh), b"\x32\x06\0\x01a\0\x01x");
    acknowledge(&mut client, 1);
    assert_eq!(reconnect(&mut client, Session::Fresh), b"");
}

#[test]
fn nothing_is_repeated_when_the_device_wants_it_forgotten() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"x")).unwrap();
    client.reset(Session::Fresh);
    assert_eq!(reconnect(&mut client, Session::Resume), b"");
}

#[test]
fn what_is_forgotten_between_connections_is_not_repeated_and_leaves_its_name() {
    let mut client = client(LIMITS);
    for (packet_id, payload) in [(9, b"x"), (2, b"y"), (3, b"z")] {
        client.send(START, &message(packet_id, payload)).unwrap();
    }
    client.forget(token(2));
    client.reset(Session::Resume);
    for packet_id in [9, 3, 77] {
        client.forget(token(packet_id));
    }
    assert_eq!(client.poll_bytes(), None, "nothing goes before CONNECT");
    assert_eq!(
        reconnect(&mut client, Session::Resume),
        b"\x3a\x06\0\x01a\0\x02y",
        "it is not forgotten while it is under way"
    );
    client.send(START, &message(9, b"w")).unwrap();
    assert_eq!(client.poll_bytes(), Some(&b"\x32\x06\0\x01a\0\x09w"[..]));
}

#[test]
fn messages_at_qos_0_are_not_kept() {
    let mut client = client(LIMITS);
    client.send(START, &Packet::Publish { ack: None, publish: Publish::new("a", b"x") }).unwrap();
    assert_eq!(reconnect(&mut client, Session::Resume), b"");
}

#[test]
fn no_more_are_sent_than_the_hub_lets_be_unacknowledged() {
    let mut client = client(LIMITS);
    for packet_id in 1..=3 {
        client.send(START, &message(packet_id, b"")).unwrap();
    }
    let waiting = client.poll_bytes().map(<[u8]>::len);
    assert_eq!(client.send(START, &message(4, b"")), Err(WriteError::WindowFull { limit: 3 }));
    assert_eq!(client.poll_bytes().map(<[u8]>::len), waiting);
    acknowledge(&mut client, 1);
    assert_eq!(client.send(START, &message(4, b"")), Ok(()));
}

#[test]
fn a_token_names_one_thing_at_a_time() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"")).unwrap();
    let in_use = Err(WriteError::TokenInUse { token: token(1) });
    assert_eq!(client.send(START, &message(1, b"")), in_use);
    let filters = Filters::from_subscribe(b"\0\x01a\0").unwrap();
    assert_eq!(client.send(START, &Packet::Subscribe { token: token(1), filters }), in_use);
    let filters = Filters::from_unsubscribe(b"\0\x01a").unwrap();
    assert_eq!(client.send(START, &Packet::Unsubscribe { token: token(1), filters }), in_use);
    acknowledge(&mut client, 1);
    assert_eq!(client.send(START, &message(1, b"")), Ok(()));
}

#[test]
fn a_message_that_was_refused_is_not_kept() {
    let mut client = client(LIMITS);
    let long = [0; 100];
    let error = WriteError::PacketTooLong { packet: PacketKind::Publish, len: 107, max: 100 };
    assert_eq!(client.send(START, &message(1, &long)), Err(error));
    assert_eq!(reconnect(&mut client, Session::Resume), b"");
}

#[test]
fn an_acknowledgement_of_nothing_is_passed_on_and_changes_nothing() {
    let mut client = client(LIMITS);
    client.send(START, &message(1, b"x")).unwrap();
    acknowledge(&mut client, 7);
    assert_eq!(reconnect(&mut client, Session::Resume), b"\x3a\x06\0\x01a\0\x01x");
}

#[test]
fn half_a_packet_of_the_old_connection_is_not_read_on_the_new_one() {
    let mut client = client(LIMITS);
    assert_eq!(client.handle_bytes(START, b"\x30\x09\0\x01a"), 5);
    assert_eq!(client.poll_packet(), Ok(None));
    reconnect(&mut client, Session::Fresh);
    assert_eq!(client.handle_bytes(START, b"\x30\x04\0\x01ab"), 6);
    assert!(
        matches!(client.poll_packet(), Ok(Some(Packet::Publish { publish, .. })) if publish.payload == b"b")
    );
}

#[test]
fn an_error_of_the_old_connection_is_not_one_of_the_new() {
    let mut client = client(LIMITS);
    assert_eq!(client.handle_bytes(START, b"\x90\x02\0\x01"), 4);
    assert!(client.poll_packet().is_err());
    reconnect(&mut client, Session::Fresh);
    assert_eq!(client.poll_packet(), Ok(None));
}
