//! What MQTT 3.1.1 or a hub forbids, and what it is called.

use iothub_mqtt::{PacketType, Server, WireError};
use iothub_proto::{FilterRefusal, Granted, Limits, Packet, Session};

use crate::connection::{CONNECT, End, Reader, START, client, connecting, server};

const LIMITS: Limits = Limits { receive_maximum: 4, maximum_packet_size: 64, ..Limits::CLASSIC };

#[test]
fn what_is_forbidden_is_refused_and_says_why() {
    let rows = headers().into_iter().chain(connects()).chain(from_devices()).chain(from_hubs());
    for (sender, bytes, error) in rows {
        let mut reader = Reader::of(sender, bytes[0], LIMITS);
        assert_eq!(reader.handle_bytes(bytes), bytes.len(), "{bytes:02x?}");
        assert_eq!(reader.poll_packet(), Err(error), "{bytes:02x?} from {sender:?}");
        assert_eq!(reader.poll_packet(), Err(error), "{bytes:02x?} from {sender:?}, asked again");
    }
}

#[test]
fn what_the_header_gives_away_is_refused_before_the_rest_has_come() {
    for (sender, bytes, error) in headers() {
        let mut reader = Reader::of(sender, bytes[0], LIMITS);
        let known = bytes.iter().enumerate().find_map(|(at, byte)| {
            assert_eq!(reader.handle_bytes(&[*byte]), 1);
            reader.poll_packet().err().map(|error| (at, error))
        });
        assert_eq!(known, Some((bytes.len() - 1, error)), "{bytes:02x?}");
    }
}

#[test]
fn a_device_of_another_version_is_told_so_in_the_way_of_the_nearest() {
    for (name, level, answer) in [
        (&b"\0\x06MQIsdp"[..], 3, &b"\x20\x02\0\x01"[..]),
        (b"\0\x04MQTT", 3, b"\x20\x02\0\x01"),
        (b"\0\x04MQTT", 0, b"\x20\x02\0\x01"),
        (b"\0\x04MQTT", 6, b"\x20\x03\0\x84\0"),
        (b"\0\x04MQTT", 255, b"\x20\x03\0\x84\0"),
    ] {
        let mut server = Server::new(LIMITS);
        let body = [name, &[level], b"\0\0\xf0\0\x01d"].concat();
        let connect = [&[0x10, body.len() as u8], &body[..]].concat();
        assert_eq!(server.handle_bytes(START, &connect), connect.len());
        assert_eq!(server.poll_packet(), Err(WireError::ProtocolLevel { level }));
        assert_eq!(server.poll_bytes(), Some(answer), "level {level}");
    }
    let mut server = Server::new(LIMITS);
    assert_eq!(server.handle_bytes(START, b"\x10\x0d\0\x04mqtt\x04\0\0\xf0\0\x01d"), 15);
    assert_eq!(server.poll_packet(), Err(WireError::UnknownProtocol));
    assert_eq!(server.poll_bytes(), None, "who knows what that would understand");
}

#[test]
fn packets_before_a_bad_one_are_still_read() {
    let mut server = server(LIMITS);
    assert_eq!(server.handle_bytes(START, b"\x40\x02\0\x01\xf0"), 5);
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Ack { .. }))));
    assert_eq!(server.poll_packet(), Err(WireError::ReservedType { first: 0xf0 }));
}

#[test]
fn a_connection_begins_with_connect_and_has_only_one() {
    for (first, packet) in [
        (0x30, PacketType::Publish),
        (0x40, PacketType::PubAck),
        (0x82, PacketType::Subscribe),
        (0xa2, PacketType::Unsubscribe),
        (0xc0, PacketType::PingReq),
        (0xe0, PacketType::Disconnect),
    ] {
        let mut new = Server::new(LIMITS);
        assert_eq!(new.handle_bytes(START, &[first]), 1);
        assert_eq!(new.poll_packet(), Err(WireError::OutOfPlace { packet }));
    }
    let mut server = server(LIMITS);
    assert_eq!(server.handle_bytes(START, CONNECT), CONNECT.len());
    assert_eq!(server.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::Connect }));
}

#[test]
fn what_comes_behind_connect_waits_for_its_answer_up_to_a_limit() {
    let mut server = Server::new(LIMITS);
    assert_eq!(server.handle_bytes(START, CONNECT), CONNECT.len());
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Connect(_)))));
    let message = b"\x30\x03\0\x01a";
    let many = message.repeat(1_000);
    let kept = server.handle_bytes(START, &many);
    assert!((64..=64 + 2048).contains(&kept), "{kept}: the longest packet, and what is read ahead");
    assert_eq!(server.poll_packet(), Ok(None));
    assert_eq!((server.handle_bytes(START, &many), server.read_buffer().len()), (0, 0));
    server.send(START, &Packet::Connected { session: Session::Fresh, limits: LIMITS }).unwrap();
    let mut arrived = 0;
    while let Some(packet) = server.poll_packet().unwrap() {
        assert!(matches!(packet, Packet::Publish { .. }), "{packet:?}");
        arrived += 1;
    }
    assert_eq!(arrived, kept / message.len());
    assert_ne!(server.handle_bytes(START, &many[kept..]), 0);
}

#[test]
fn a_hub_answers_connect_before_it_says_anything_else() {
    for (first, packet) in [
        (0x30, PacketType::Publish),
        (0x40, PacketType::PubAck),
        (0x90, PacketType::SubAck),
        (0xb0, PacketType::UnsubAck),
        (0xd0, PacketType::PingResp),
    ] {
        let mut client = connecting(LIMITS);
        assert_eq!(client.handle_bytes(START, &[first]), 1);
        assert_eq!(client.poll_packet(), Err(WireError::OutOfPlace { packet }));
    }
    let mut client = client(LIMITS);
    assert_eq!(client.handle_bytes(START, b"\x20\x02\0\0"), 4);
    assert_eq!(client.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::ConnAck }));
}

#[test]
fn nothing_follows_a_refusal_or_a_disconnect() {
    let mut ended = server(LIMITS);
    assert_eq!(ended.handle_bytes(START, b"\xe0\0\x40\x02\0\x01"), 6);
    assert!(matches!(ended.poll_packet(), Ok(Some(Packet::Disconnect(_)))));
    assert_eq!(ended.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::PubAck }));

    let mut refused = Reader::of(End::Hub, 0x20, LIMITS);
    assert_eq!(refused.handle_bytes(b"\x20\x02\0\x05\x20\x02\0\0"), 8);
    assert!(matches!(refused.poll_packet(), Ok(Some(Packet::Refused(_)))));
    assert_eq!(refused.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::ConnAck }));
}

#[test]
fn the_longest_packet_is_read_and_a_longer_one_is_not() {
    let mut longest = vec![b'x'; 64];
    longest[..5].copy_from_slice(b"\x30\x3e\0\x01a");
    let mut server = server(LIMITS);
    assert_eq!(server.handle_bytes(START, &longest), 64);
    assert!(
        matches!(server.poll_packet(), Ok(Some(Packet::Publish { publish, .. })) if publish.payload.len() == 59)
    );
    assert_eq!(server.handle_bytes(START, b"\x30\x3f"), 2);
    let packet = PacketType::Publish;
    assert_eq!(server.poll_packet(), Err(WireError::PacketTooLong { packet, len: 65, max: 64 }));
}

#[test]
fn who_is_not_let_in_gets_no_more_room_than_a_connect_needs() {
    // 200,000 bytes, header included.
    const LONG: [u8; 4] = [0xbc, 0x9a, 0x0c, 0];
    let (max, packet) = (Server::CONNECT_LEN_MAX, PacketType::Connect);
    let mut new = Server::new(Limits::CLASSIC);
    assert_eq!(new.handle_bytes(START, &[&[0x10], &LONG[..]].concat()), 5);
    assert_eq!(new.poll_packet(), Err(WireError::PacketTooLong { packet, len: 200_000, max }));

    let mut waiting = Server::new(Limits::CLASSIC);
    assert_eq!(waiting.handle_bytes(START, CONNECT), CONNECT.len());
    assert!(waiting.poll_packet().unwrap().is_some());
    let mut message = vec![b'x'; 200_000];
    message[0] = 0x30;
    message[1..5].copy_from_slice(&LONG);
    message[5..7].copy_from_slice(&[1, b'a']);
    let kept = waiting.handle_bytes(START, &message);
    assert!(kept <= max as usize + 2048, "{kept}");
    waiting.send(START, &Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC }).unwrap();
    let mut rest = &message[kept..];
    while !rest.is_empty() {
        assert_eq!(waiting.poll_packet(), Ok(None));
        let taken = waiting.handle_bytes(START, rest);
        rest = &rest[taken..];
    }
    assert!(matches!(waiting.poll_packet(), Ok(Some(Packet::Publish { .. }))), "let in, it may say more");
}

#[test]
fn more_filters_than_a_device_may_have_are_refused() {
    let filters = [b"\xa2\x9b\x01\0\x01".to_vec(), b"\0\x01a".repeat(51)].concat();
    let outcomes = [b"\x90\x35\0\x01".to_vec(), vec![0; 51]].concat();
    for (sender, bytes, packet) in
        [(End::Device, filters, PacketType::Unsubscribe), (End::Hub, outcomes, PacketType::SubAck)]
    {
        let mut reader = Reader::of(sender, bytes[0], Limits::CLASSIC);
        assert_eq!(reader.handle_bytes(&bytes), bytes.len());
        assert_eq!(reader.poll_packet(), Err(WireError::TooManyFilters { packet, max: 50 }));
    }
}

#[test]
fn more_filters_than_a_device_may_have_are_refused_one_by_one() {
    // 300 filters of a byte each, at QoS 0.
    let filters = [b"\x82\xb2\x09\0\x01".to_vec(), b"\0\x01a\0".repeat(300)].concat();
    let mut server = server(Limits::CLASSIC);
    assert_eq!(server.handle_bytes(START, &filters), filters.len());
    let Ok(Some(Packet::Subscribe { token, filters })) = server.poll_packet() else { panic!() };
    let mut granted = Granted::EMPTY;
    for (at, filter) in filters.iter().enumerate() {
        let outcome = if at < 50 { Ok(filter.qos) } else { Err(FilterRefusal::QuotaExceeded) };
        assert!(granted.push(outcome));
    }
    server.send(START, &Packet::SubAck { token, granted }).unwrap();
    let said = server.poll_bytes().unwrap();
    assert_eq!(said, [&b"\x90\xae\x02\0\x01"[..], &[0; 50], &[0x80; 250]].concat());
    let mut client = client(Limits::CLASSIC);
    assert_eq!(client.handle_bytes(START, said), said.len());
    assert_eq!(client.poll_packet(), Ok(Some(Packet::SubAck { token, granted })));
}

#[test]
fn an_end_shows_nothing_of_what_a_packet_says() {
    let mut server = Server::new(LIMITS);
    let connect = b"\x10\x19\0\x04MQTT\x04\xc0\0\xf0\0\x01d\0\x01u\0\x06secret!";
    assert_eq!(server.handle_bytes(START, connect), connect.len());
    let held = format!("{server:?}");
    let error = server.poll_packet().unwrap_err();
    assert_eq!(error, WireError::TrailingBytes { packet: PacketType::Connect, at: 26 });
    let shown = format!("{held} {error} {error:?} {server:?}");
    for secret in ["secret", "115, 101, 99"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

type Row = (End, &'static [u8], WireError);

/// Each row ends with the byte that gives it away.
fn headers() -> Vec<Row> {
    use PacketType::*;
    let from_device = |bytes: &'static [u8], error| (End::Device, bytes, error);
    let from_hub = |bytes: &'static [u8], error| (End::Hub, bytes, error);
    vec![
        from_device(b"\x00", WireError::ReservedType { first: 0x00 }),
        from_device(b"\xf0", WireError::ReservedType { first: 0xf0 }),
        from_device(b"\x11", WireError::BadFlags { first: 0x11 }),
        from_device(b"\x36", WireError::BadFlags { first: 0x36 }),
        from_device(b"\x38", WireError::BadFlags { first: 0x38 }),
        from_device(b"\x41", WireError::BadFlags { first: 0x41 }),
        from_device(b"\x80", WireError::BadFlags { first: 0x80 }),
        from_device(b"\xa0", WireError::BadFlags { first: 0xa0 }),
        from_device(b"\xc8", WireError::BadFlags { first: 0xc8 }),
        from_device(b"\xe2", WireError::BadFlags { first: 0xe2 }),
        from_device(b"\x34", WireError::QosNotSupported { packet: Publish }),
        from_device(b"\x3d", WireError::QosNotSupported { packet: Publish }),
        from_device(b"\x20", WireError::WrongEnd { packet: ConnAck }),
        from_device(b"\x50", WireError::WrongEnd { packet: PubRec }),
        from_device(b"\x62", WireError::WrongEnd { packet: PubRel }),
        from_device(b"\x70", WireError::WrongEnd { packet: PubComp }),
        from_device(b"\x90", WireError::WrongEnd { packet: SubAck }),
        from_device(b"\xb0", WireError::WrongEnd { packet: UnsubAck }),
        from_device(b"\xd0", WireError::WrongEnd { packet: PingResp }),
        from_device(b"\x30\x80\x00", WireError::BadRemainingLength { packet: Publish }),
        from_device(b"\x30\x80\x80\x80\x80", WireError::BadRemainingLength { packet: Publish }),
        from_device(b"\x30\x3f", WireError::PacketTooLong { packet: Publish, len: 65, max: 64 }),
        from_device(
            b"\x30\xff\xff\xff\x7f",
            WireError::PacketTooLong { packet: Publish, len: 268_435_460, max: 64 },
        ),
        from_device(b"\xc0\x01", WireError::TrailingBytes { packet: PingReq, at: 2 }),
        from_hub(b"\x10", WireError::WrongEnd { packet: Connect }),
        from_hub(b"\x82", WireError::WrongEnd { packet: Subscribe }),
        from_hub(b"\xa2", WireError::WrongEnd { packet: Unsubscribe }),
        from_hub(b"\xc0", WireError::WrongEnd { packet: PingReq }),
        from_hub(b"\xe0", WireError::WrongEnd { packet: Disconnect }),
        from_hub(b"\x34", WireError::QosNotSupported { packet: Publish }),
        from_hub(b"\xb2", WireError::BadFlags { first: 0xb2 }),
        from_hub(b"\xd0\x01", WireError::TrailingBytes { packet: PingResp, at: 2 }),
    ]
}

fn connects() -> Vec<Row> {
    use PacketType::Connect as packet;
    [
        (&b"\x10\0"[..], WireError::Truncated { packet, at: 2 }),
        (b"\x10\x07\0\x04MQTT\x04", WireError::Truncated { packet, at: 9 }),
        (b"\x10\x0c\0\x04MQTT\x04\0\0\xf0\0\x01", WireError::Truncated { packet, at: 12 }),
        (b"\x10\x0e\0\x04MQTT\x04\0\0\xf0\0\x01dx", WireError::TrailingBytes { packet, at: 15 }),
        (b"\x10\x0d\0\x04MQTT\x03\0\0\xf0\0\x01d", WireError::ProtocolLevel { level: 3 }),
        (b"\x10\x0f\0\x06MQIsdp\x03\0\0\xf0\0\x01d", WireError::ProtocolLevel { level: 3 }),
        (b"\x10\x0d\0\x04mqtt\x04\0\0\xf0\0\x01d", WireError::UnknownProtocol),
        (b"\x10\x0d\0\x04MQTT\x04\x01\0\xf0\0\x01d", WireError::BadConnectFlags { flags: 0x01 }),
        (b"\x10\x0d\0\x04MQTT\x04\x08\0\xf0\0\x01d", WireError::BadConnectFlags { flags: 0x08 }),
        (b"\x10\x0d\0\x04MQTT\x04\x20\0\xf0\0\x01d", WireError::BadConnectFlags { flags: 0x20 }),
        (b"\x10\x10\0\x04MQTT\x04\x40\0\xf0\0\x01d\0\x01p", WireError::BadConnectFlags { flags: 0x40 }),
        (b"\x10\x12\0\x04MQTT\x04\x1c\0\xf0\0\x01d\0\x01w\0\0", WireError::BadConnectFlags { flags: 0x1c }),
        (b"\x10\x12\0\x04MQTT\x04\x14\0\xf0\0\x01d\0\x01w\0\0", WireError::QosNotSupported { packet }),
        (b"\x10\x0d\0\x04MQTT\x04\0\0\xf0\0\x01\0", WireError::BadText { packet, at: 12 }),
        (b"\x10\x0d\0\x04MQTT\x04\0\0\xf0\0\x01\xff", WireError::BadText { packet, at: 12 }),
        (b"\x10\x12\0\x04MQTT\x04\x04\0\xf0\0\x01d\0\x01#\0\0", WireError::BadTopic { packet, at: 15 }),
        (b"\x10\x10\0\x04MQTT\x04\x80\0\xf0\0\x01d\0\x01\0", WireError::BadText { packet, at: 15 }),
    ]
    .map(|(bytes, error)| (End::Device, bytes, error))
    .into()
}

fn from_devices() -> Vec<Row> {
    use PacketType::{Disconnect, Publish, Subscribe, Unsubscribe};
    let bad = |packet, at| WireError::BadFilters { packet, at };
    [
        (&b"\x30\0"[..], WireError::Truncated { packet: Publish, at: 2 }),
        (b"\x30\x01\0", WireError::Truncated { packet: Publish, at: 2 }),
        (b"\x30\x03\0\x02a", WireError::Truncated { packet: Publish, at: 2 }),
        (b"\x30\x02\0\0", WireError::BadTopic { packet: Publish, at: 2 }),
        (b"\x30\x03\0\x01#", WireError::BadTopic { packet: Publish, at: 2 }),
        (b"\x30\x05\0\x03a/+", WireError::BadTopic { packet: Publish, at: 2 }),
        (b"\x30\x03\0\x01\0", WireError::BadText { packet: Publish, at: 2 }),
        // A surrogate, which UTF-8 has no room for.
        (b"\x30\x05\0\x03\xed\xa0\x80", WireError::BadText { packet: Publish, at: 2 }),
        (b"\x32\x04\0\x01a\0", WireError::Truncated { packet: Publish, at: 5 }),
        (b"\x32\x05\0\x01a\0\0", WireError::ZeroPacketId { packet: Publish }),
        (b"\x82\x02\0\x01", bad(Subscribe, 4)),
        (b"\x82\x05\0\x01\0\0\0", bad(Subscribe, 4)),
        (b"\x82\x06\0\x01\0\x01a\x03", bad(Subscribe, 4)),
        // No local, of MQTT 5.
        (b"\x82\x0a\0\x01\0\x01a\x01\0\x01b\x05", bad(Subscribe, 8)),
        (b"\x82\x0a\0\x01\0\x01a\x01\0\x02b\x01", bad(Subscribe, 8)),
        (b"\x82\x06\0\0\0\x01a\0", WireError::ZeroPacketId { packet: Subscribe }),
        (b"\xa2\x02\0\x01", bad(Unsubscribe, 4)),
        (b"\xa2\x06\0\x01\0\x01a\0", bad(Unsubscribe, 7)),
        (b"\xa2\x05\0\0\0\x01a", WireError::ZeroPacketId { packet: Unsubscribe }),
        (b"\x40\0", WireError::Truncated { packet: PacketType::PubAck, at: 2 }),
        (b"\x40\x02\0\0", WireError::ZeroPacketId { packet: PacketType::PubAck }),
        (b"\x40\x03\0\x01\0", WireError::TrailingBytes { packet: PacketType::PubAck, at: 4 }),
        (b"\xe0\x01\0", WireError::TrailingBytes { packet: Disconnect, at: 2 }),
    ]
    .map(|(bytes, error)| (End::Device, bytes, error))
    .into()
}

fn from_hubs() -> Vec<Row> {
    use PacketType::{ConnAck, PubAck, Publish, SubAck, UnsubAck};
    let code = |packet, at, code| WireError::BadReturnCode { packet, at, code };
    [
        (&b"\x20\x01\0"[..], WireError::Truncated { packet: ConnAck, at: 3 }),
        (b"\x20\x03\0\0\0", WireError::TrailingBytes { packet: ConnAck, at: 4 }),
        (b"\x20\x02\x02\0", code(ConnAck, 2, 2)),
        (b"\x20\x02\0\x06", code(ConnAck, 3, 6)),
        // What was refused has no session.
        (b"\x20\x02\x01\x05", code(ConnAck, 2, 1)),
        (b"\x40\x02\0\0", WireError::ZeroPacketId { packet: PubAck }),
        (b"\x90\x02\0\x01", WireError::Truncated { packet: SubAck, at: 4 }),
        (b"\x90\x03\0\0\0", WireError::ZeroPacketId { packet: SubAck }),
        (b"\x90\x04\0\x01\0\x02", code(SubAck, 5, 2)),
        (b"\x90\x04\0\x01\x81\0", code(SubAck, 4, 0x81)),
        (b"\xb0\x02\0\0", WireError::ZeroPacketId { packet: UnsubAck }),
        (b"\xb0\x03\0\x01\0", WireError::TrailingBytes { packet: UnsubAck, at: 4 }),
        (b"\x30\x02\0\0", WireError::BadTopic { packet: Publish, at: 2 }),
    ]
    .map(|(bytes, error)| (End::Hub, bytes, error))
    .into()
}
