//! Who is given up when, on a clock that the test owns.

use core::time::Duration;

use iothub_codec::Publish;
use iothub_mqtt::{Client, Server, WireError};
use iothub_proto::{Instant, Limits, Opening, Packet, Session};

use crate::connection::{CONNECT, OPENING, START, accept, server_with};

const LIMITS: Limits = Limits::CLASSIC;
const PINGREQ: &[u8] = &[0xc0, 0];
const PINGRESP: &[u8] = &[0xd0, 0];

fn after(seconds: u64) -> Instant {
    START.after(Duration::from_secs(seconds))
}

/// A server whose client has promised something every `keep_alive_s` seconds.
fn server(keep_alive_s: u16) -> Server {
    let [high, low] = keep_alive_s.to_be_bytes();
    server_with(LIMITS, &[b"\x10\x0d\0\x04MQTT\x04\0".as_slice(), &[high, low], b"\0\x01d"].concat())
}

fn connecting(keep_alive_s: u16) -> Client {
    let mut client = Client::new(LIMITS);
    client.send(START, &Packet::Connect(Opening { keep_alive_s, ..OPENING })).unwrap();
    client.consume(usize::MAX);
    client
}

fn client(keep_alive_s: u16) -> Client {
    let mut client = connecting(keep_alive_s);
    accept(&mut client, Session::Fresh);
    client
}

fn message() -> Packet<'static> {
    Packet::Publish { ack: None, publish: Publish::new("a", b"") }
}

#[test]
fn a_hub_waits_half_as_long_again_as_was_promised_and_29_45_minutes_at_most() {
    for (keep_alive_s, limit_ms) in [
        (1, 1_500),
        (60, 90_000),
        (240, 360_000),
        (1_177, 1_765_500),
        (1_178, 1_767_000),
        (u16::MAX, 1_767_000),
        (0, 1_767_000),
    ] {
        let mut server = server(keep_alive_s);
        let limit = START.after(Duration::from_millis(limit_ms));
        assert_eq!(server.poll_timeout(), Some((limit, "idle limit")), "{keep_alive_s} s");
        let early = Instant::from_millis(limit.as_millis() - 1);
        assert_eq!(server.handle_timeout(early), Ok(()), "{keep_alive_s} s");
        let seconds = (limit_ms / 1000) as u32;
        assert_eq!(server.handle_timeout(limit), Err(WireError::Silent { seconds }), "{keep_alive_s} s");
    }
}

#[test]
fn a_hub_waits_again_after_every_packet_but_not_after_a_part_of_one() {
    let mut server = server(60);
    for (at, bytes) in [(80, PINGREQ), (160, b"\x40\x02\0\x01"), (240, b"\x30\x03\0\x01a")] {
        assert_eq!(server.handle_bytes(after(at), bytes), bytes.len());
        while server.poll_packet().unwrap().is_some() {}
        assert_eq!(server.poll_timeout().unwrap().0, after(at + 90));
    }
    assert_eq!(server.handle_bytes(after(300), b"\x30\x03"), 2);
    assert_eq!(server.poll_packet(), Ok(None));
    assert_eq!(server.poll_timeout().unwrap().0, after(240 + 90));
    assert_eq!(server.handle_timeout(after(330)), Err(WireError::Silent { seconds: 90 }));
}

#[test]
fn what_a_hub_sends_does_not_keep_a_silent_device() {
    let mut server = server(60);
    server.send(after(80), &message()).unwrap();
    assert_eq!(server.poll_timeout().unwrap().0, after(90));
}

#[test]
fn a_hub_answers_pings() {
    let mut server = server(60);
    assert_eq!(server.handle_bytes(after(1), &[PINGREQ, PINGREQ].concat()), 4);
    assert_eq!(server.poll_packet(), Ok(None));
    assert_eq!(server.poll_bytes(), Some(&[PINGRESP, PINGRESP].concat()[..]));
}

#[test]
fn pings_right_behind_connect_are_answered_behind_connack() {
    let mut server = Server::new(LIMITS);
    let all = [CONNECT, PINGREQ, PINGREQ].concat();
    assert_eq!(server.handle_bytes(START, &all), all.len());
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Connect(_)))));
    assert_eq!(server.poll_packet(), Ok(None));
    assert_eq!(server.poll_bytes(), None, "not before CONNACK");
    server.send(START, &Packet::Connected { session: Session::Fresh, limits: LIMITS }).unwrap();
    assert_eq!(server.poll_packet(), Ok(None));
    assert_eq!(server.poll_bytes(), Some(&[&b"\x20\x02\0\0"[..], PINGRESP, PINGRESP].concat()[..]));
}

#[test]
fn a_device_that_waits_for_connack_is_not_silent() {
    let mut server = Server::new(LIMITS);
    assert_eq!(server.handle_bytes(START, CONNECT), CONNECT.len());
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Connect(_)))));
    assert_eq!(server.poll_timeout(), None);
    assert_eq!(server.handle_timeout(after(10_000)), Ok(()));
    server.send(after(10_000), &Packet::Connected { session: Session::Fresh, limits: LIMITS }).unwrap();
    assert_eq!(server.poll_timeout(), Some((after(10_360), "idle limit")));
}

#[test]
fn a_hub_gives_up_who_pings_and_does_not_read() {
    let limits = Limits { receive_maximum: 1, maximum_packet_size: 20, ..Limits::CLASSIC };
    let mut server = crate::connection::server(limits);
    for _ in 0..20 {
        assert_eq!(server.handle_bytes(START, PINGREQ), 2);
        assert_eq!(server.poll_packet(), Ok(None));
    }
    assert_eq!(server.handle_bytes(START, PINGREQ), 2);
    assert_eq!(server.poll_packet(), Err(WireError::NotReading { limit: 40 }));
    assert_eq!(server.poll_packet(), Err(WireError::NotReading { limit: 40 }));
}

#[test]
fn a_silent_device_pings_when_it_has_promised_to() {
    let mut client = client(60);
    assert_eq!(client.poll_timeout(), Some((after(60), "keep-alive")));
    client.handle_timeout(after(59)).unwrap();
    assert_eq!(client.poll_bytes(), None);
    client.handle_timeout(after(60)).unwrap();
    assert_eq!(client.poll_bytes(), Some(PINGREQ));
    client.handle_timeout(after(60)).unwrap();
    assert_eq!(client.poll_bytes(), Some(PINGREQ), "once");

    assert_eq!(client.poll_timeout(), Some((after(90), "no PINGRESP")));
    assert_eq!(client.handle_bytes(after(61), PINGRESP), 2);
    assert_eq!(client.poll_packet(), Ok(None));
    assert_eq!(client.poll_timeout(), Some((after(120), "keep-alive")));
}

#[test]
fn a_device_gives_up_a_hub_that_does_not_answer() {
    for (keep_alive_s, patience_s) in [(10, 5), (60, 30), (1_177, 30)] {
        let mut client = client(keep_alive_s);
        let ping = u64::from(keep_alive_s);
        client.handle_timeout(after(ping)).unwrap();
        let (at, why) = client.poll_timeout().unwrap();
        assert_eq!((at, why), (after(ping + patience_s), "no PINGRESP"));
        let seconds = (ping + patience_s) as u32;
        assert_eq!(client.handle_timeout(at), Err(WireError::Silent { seconds }));
    }
}

#[test]
fn anything_that_arrives_shows_that_the_hub_lives() {
    let mut client = client(60);
    client.handle_timeout(after(60)).unwrap();
    assert_eq!(client.handle_bytes(after(80), b"\x30"), 1);
    assert_eq!(client.poll_packet(), Ok(None));
    client.handle_timeout(after(90)).unwrap();
    assert_eq!(client.poll_timeout(), Some((after(120), "keep-alive")));
}

#[test]
fn reading_nothing_shows_nothing() {
    let mut client = client(60);
    client.handle_timeout(after(60)).unwrap();
    client.handle_read(after(80), 0);
    assert_eq!(client.handle_bytes(after(80), b""), 0);
    assert_eq!(client.handle_timeout(after(90)), Err(WireError::Silent { seconds: 90 }));
}

#[test]
fn a_device_that_only_sends_pings_too_since_nothing_else_shows_that_the_hub_is_gone() {
    let mut client = client(60);
    for at in [20, 40] {
        client.send(after(at), &message()).unwrap();
    }
    client.consume(usize::MAX);
    assert_eq!(client.poll_timeout(), Some((after(60), "keep-alive")));
    client.handle_timeout(after(60)).unwrap();
    assert_eq!(client.poll_bytes(), Some(PINGREQ));
}

#[test]
fn a_device_that_only_listens_pings_too() {
    let mut client = client(60);
    assert_eq!(client.handle_bytes(after(50), b"\x30\x03\0\x01a"), 5);
    assert!(client.poll_packet().unwrap().is_some());
    assert_eq!(client.poll_timeout(), Some((after(60), "keep-alive")));
}

#[test]
fn talk_both_ways_makes_pings_unnecessary() {
    let mut client = client(60);
    client.send(after(50), &message()).unwrap();
    assert_eq!(client.handle_bytes(after(55), b"\x30\x03\0\x01a"), 5);
    assert_eq!(client.poll_timeout(), Some((after(110), "keep-alive")));
}

#[test]
fn a_keep_alive_of_0_sends_no_pings_but_still_wants_connack() {
    let mut client = connecting(0);
    assert_eq!(client.poll_timeout(), Some((after(30), "no CONNACK")));
    accept(&mut client, Session::Fresh);
    assert_eq!(client.poll_timeout(), None);
    client.handle_timeout(after(1_000_000)).unwrap();
    assert_eq!(client.poll_bytes(), None);
}

#[test]
fn a_hub_that_does_not_answer_connect_is_given_up() {
    let mut client = connecting(240);
    client.handle_timeout(after(29)).unwrap();
    assert_eq!(client.handle_timeout(after(30)), Err(WireError::Silent { seconds: 30 }));
}

#[test]
fn nothing_is_waited_for_before_connect() {
    let mut client = Client::new(LIMITS);
    let mut server = Server::new(LIMITS);
    assert_eq!((client.poll_timeout(), server.poll_timeout()), (None, None));
    client.handle_timeout(after(1_000_000)).unwrap();
    server.handle_timeout(after(1_000_000)).unwrap();
}
