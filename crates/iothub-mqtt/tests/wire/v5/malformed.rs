//! What MQTT 5 or a hub forbids, what it is called, and the code with which the connection ends.

use iothub_mqtt::{PacketType, WireError};
use iothub_proto::{Limits, Packet};

use super::ends::{client, reader, server, server_with};
use crate::connection::{End, START};

const LIMITS: Limits =
    Limits { receive_maximum: 2, maximum_packet_size: 96, topic_alias_maximum: 2, ..Limits::PREVIEW5 };

const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;

#[test]
fn what_is_forbidden_is_refused_and_says_why() {
    let rows = headers().into_iter().chain(connects()).chain(from_devices()).chain(from_hubs());
    for (sender, bytes, code, error) in rows {
        let mut reader = reader(sender, bytes[0], LIMITS);
        assert_eq!(reader.handle_bytes(bytes), bytes.len(), "{bytes:02x?}");
        assert_eq!(reader.poll_packet(), Err(error), "{bytes:02x?} from {sender:?}");
        assert_eq!(reader.poll_packet(), Err(error), "{bytes:02x?} from {sender:?}, asked again");
        assert_eq!(error.reason_code(), code, "{error}");
    }
}

#[test]
fn what_the_header_gives_away_is_refused_before_the_rest_has_come() {
    for (sender, bytes, _, error) in headers() {
        let mut reader = reader(sender, bytes[0], LIMITS);
        let known = bytes.iter().enumerate().find_map(|(at, byte)| {
            assert_eq!(reader.handle_bytes(&[*byte]), 1);
            reader.poll_packet().err().map(|error| (at, error))
        });
        assert_eq!(known, Some((bytes.len() - 1, error)), "{bytes:02x?}");
    }
}

#[test]
fn a_whole_packet_is_never_waited_for_again() {
    let rows = connects().into_iter().chain(from_devices()).chain(from_hubs());
    for (sender, bytes, _, _) in rows {
        // Shorter, with a header that says so: it is another packet or a malformed one, but a whole one.
        for len in 2..bytes.len().min(128) {
            let mut short = bytes[..len].to_vec();
            short[1] = (len - 2) as u8;
            let mut reader = reader(sender, bytes[0], LIMITS);
            assert_eq!(reader.handle_bytes(&short), len);
            assert_ne!(reader.poll_packet(), Ok(None), "{short:02x?} from {sender:?}");
        }
    }
}

#[test]
fn auth_belongs_to_a_connection_with_a_method() {
    let out_of_place = Err(WireError::OutOfPlace { packet: PacketType::Auth });
    let mut server = server_with(LIMITS, b"\x10\x0e\0\x04MQTT\x05\0\0\xf0\0\0\x01d");
    assert_eq!(server.handle_bytes(START, b"\xf0\x02\x19\0"), 4);
    assert_eq!(server.poll_packet(), out_of_place);
    let mut late = super::ends::connecting(LIMITS, super::ends::opening());
    assert_eq!(late.handle_bytes(START, b"\xf0\x02\0\0"), 4);
    assert_eq!(late.poll_packet(), out_of_place, "before CONNACK");
}

#[test]
fn nothing_follows_a_disconnect() {
    let mut server = server(LIMITS);
    assert_eq!(server.handle_bytes(START, b"\xe0\0\x40\x02\0\x01"), 6);
    assert!(matches!(server.poll_packet(), Ok(Some(Packet::Disconnect(_)))));
    assert_eq!(server.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::PubAck }));
    assert_eq!(server.poll_bytes(), None, "it is gone");
    let mut client = client(LIMITS);
    assert_eq!(client.handle_bytes(START, b"\xe0\x01\x8e\x40\x02\0\x01"), 7);
    assert!(matches!(client.poll_packet(), Ok(Some(Packet::Disconnect(_)))));
    assert_eq!(client.poll_packet(), Err(WireError::OutOfPlace { packet: PacketType::PubAck }));
    assert_eq!(client.poll_bytes(), None, "it is gone");
}

type Row = (End, &'static [u8], u8, WireError);

/// Each row ends with the byte that gives it away.
fn headers() -> Vec<Row> {
    use PacketType::*;
    let from_device = |bytes: &'static [u8], code, error| (End::Device, bytes, code, error);
    let from_hub = |bytes: &'static [u8], code, error| (End::Hub, bytes, code, error);
    let too_long = |packet, len| WireError::PacketTooLong { packet, len, max: 96 };
    vec![
        from_device(b"\x00", MALFORMED, WireError::ReservedType { first: 0 }),
        from_device(b"\xf1", MALFORMED, WireError::BadFlags { first: 0xf1 }),
        from_device(b"\x36", MALFORMED, WireError::BadFlags { first: 0x36 }),
        from_device(b"\x38", MALFORMED, WireError::BadFlags { first: 0x38 }),
        from_device(b"\x80", MALFORMED, WireError::BadFlags { first: 0x80 }),
        from_device(b"\xc8", MALFORMED, WireError::BadFlags { first: 0xc8 }),
        from_device(b"\x34", 0x9b, WireError::QosNotSupported { packet: Publish }),
        from_device(b"\x20", PROTOCOL_ERROR, WireError::WrongEnd { packet: ConnAck }),
        from_device(b"\x50", PROTOCOL_ERROR, WireError::WrongEnd { packet: PubRec }),
        from_device(b"\x62", PROTOCOL_ERROR, WireError::WrongEnd { packet: PubRel }),
        from_device(b"\x70", PROTOCOL_ERROR, WireError::WrongEnd { packet: PubComp }),
        from_device(b"\x90", PROTOCOL_ERROR, WireError::WrongEnd { packet: SubAck }),
        from_device(b"\xb0", PROTOCOL_ERROR, WireError::WrongEnd { packet: UnsubAck }),
        from_device(b"\x30\x80\x00", MALFORMED, WireError::BadRemainingLength { packet: Publish }),
        from_device(b"\xf0\xff\xff\xff\xff", MALFORMED, WireError::BadRemainingLength { packet: Auth }),
        from_device(b"\x30\x5f", 0x95, too_long(Publish, 97)),
        from_device(b"\xf0\x80\x01", 0x95, too_long(Auth, 131)),
        from_device(b"\xc0\x01", MALFORMED, WireError::TrailingBytes { packet: PingReq, at: 2 }),
        from_hub(b"\x82", PROTOCOL_ERROR, WireError::WrongEnd { packet: Subscribe }),
        from_hub(b"\xa2", PROTOCOL_ERROR, WireError::WrongEnd { packet: Unsubscribe }),
        from_hub(b"\xc0", PROTOCOL_ERROR, WireError::WrongEnd { packet: PingReq }),
        from_hub(b"\xe1", MALFORMED, WireError::BadFlags { first: 0xe1 }),
        from_hub(b"\xf8", MALFORMED, WireError::BadFlags { first: 0xf8 }),
    ]
}

fn connects() -> Vec<Row> {
    use PacketType::Connect as packet;
    let truncated = |at| WireError::Truncated { packet, at };
    let bad = |at| WireError::BadProperty { packet, at };
    let not_allowed = |at| WireError::PropertyNotAllowed { packet, at };
    [
        (&b"\x10\x0a\0\x04MQTT\x05\0\0\xf0"[..], MALFORMED, truncated(12)),
        (b"\x10\x0b\0\x04MQTT\x05\0\0\xf0\x05", MALFORMED, truncated(12)),
        (b"\x10\x0b\0\x04MQTT\x05\0\0\xf0\0", MALFORMED, truncated(13)),
        (b"\x10\x0f\0\x04MQTT\x05\0\0\xf0\0\0\x01dx", MALFORMED, WireError::TrailingBytes { packet, at: 16 }),
        (b"\x10\x0e\0\x04MQTT\x05\x01\0\xf0\0\0\x01d", MALFORMED, WireError::BadConnectFlags { flags: 1 }),
        (b"\x10\x0e\0\x04MQTT\x05\x20\0\xf0\0\0\x01d", MALFORMED, WireError::BadConnectFlags { flags: 0x20 }),
        (b"\x10\x0e\0\x04MQTT\x05\x14\0\xf0\0\0\x01d", 0x9b, WireError::QosNotSupported { packet }),
        (b"\x10\x0e\0\x04MQTT\x06\0\0\xf0\0\0\x01d", 0x84, WireError::ProtocolLevel { level: 6 }),
        (b"\x10\x0e\0\x04MQTT\x05\0\0\xf0\0\0\x01\0", MALFORMED, WireError::BadText { packet, at: 13 }),
        (b"\x10\x0f\0\x04MQTT\x05\0\0\xf0\x80\0\0\x01d", MALFORMED, WireError::BadLength { packet, at: 12 }),
        // A property of CONNACK, an unknown one, half a one.
        (b"\x10\x10\0\x04MQTT\x05\0\0\xf0\x02\x24\x01\0\x01d", MALFORMED, bad(13)),
        (b"\x10\x10\0\x04MQTT\x05\0\0\xf0\x02\x7f\x01\0\x01d", MALFORMED, bad(13)),
        (b"\x10\x10\0\x04MQTT\x05\0\0\xf0\x02\x11\0\0\x01d", MALFORMED, bad(13)),
        // One twice, one with 0, one with 2.
        (b"\x10\x14\0\x04MQTT\x05\0\0\xf0\x06\x21\0\x01\x21\0\x01\0\x01d", PROTOCOL_ERROR, not_allowed(16)),
        (b"\x10\x11\0\x04MQTT\x05\0\0\xf0\x03\x21\0\0\0\x01d", PROTOCOL_ERROR, not_allowed(13)),
        (b"\x10\x10\0\x04MQTT\x05\0\0\xf0\x02\x17\x02\0\x01d", PROTOCOL_ERROR, not_allowed(13)),
        // Authentication data of no method.
        (b"\x10\x12\0\x04MQTT\x05\0\0\xf0\x04\x16\0\x01x\0\x01d", PROTOCOL_ERROR, not_allowed(12)),
        // A will with a property of CONNECT, with a wildcard, without a topic.
        (b"\x10\x16\0\x04MQTT\x05\x04\0\xf0\0\0\x01d\x02\x19\x01\0\x01w\0\0", MALFORMED, bad(17)),
        (
            b"\x10\x14\0\x04MQTT\x05\x04\0\xf0\0\0\x01d\0\0\x01#\0\0",
            0x90,
            WireError::BadTopic { packet, at: 17 },
        ),
        (
            b"\x10\x13\0\x04MQTT\x05\x04\0\xf0\0\0\x01d\0\0\0\0\0",
            0x90,
            WireError::BadTopic { packet, at: 17 },
        ),
    ]
    .map(|(bytes, code, error)| (End::Device, bytes, code, error))
    .into()
}

fn from_devices() -> Vec<Row> {
    use PacketType::{Auth, Disconnect, PubAck, Publish, Subscribe, Unsubscribe};
    let bad_filters = |packet, at| WireError::BadFilters { packet, at };
    let filter = |packet, at| WireError::FilterNotAllowed { packet, at };
    let code = |packet, at, code| WireError::BadReturnCode { packet, at, code };
    let property = |packet, at| WireError::BadProperty { packet, at };
    [
        (&b"\x30\0"[..], MALFORMED, WireError::Truncated { packet: Publish, at: 2 }),
        (b"\x30\x03\0\x01a", MALFORMED, WireError::Truncated { packet: Publish, at: 5 }),
        (b"\x30\x04\0\x01a\x01", MALFORMED, WireError::Truncated { packet: Publish, at: 5 }),
        (b"\x30\x03\0\0\0", PROTOCOL_ERROR, WireError::NoTopic { packet: Publish }),
        (b"\x30\x06\0\0\x03\x23\0\x01", PROTOCOL_ERROR, WireError::NoTopic { packet: Publish }),
        (b"\x30\x07\0\x01a\x03\x23\0\x03", 0x94, WireError::TopicAlias { alias: 3 }),
        (
            b"\x30\x07\0\x01a\x03\x23\0\0",
            PROTOCOL_ERROR,
            WireError::PropertyNotAllowed { packet: Publish, at: 6 },
        ),
        (b"\x30\x04\0\x01#\0", 0x90, WireError::BadTopic { packet: Publish, at: 2 }),
        (b"\x30\x04\0\x01\0\0", MALFORMED, WireError::BadText { packet: Publish, at: 2 }),
        (b"\x30\x05\0\x02\xc3a\0", MALFORMED, WireError::BadText { packet: Publish, at: 2 }),
        (b"\x32\x06\0\x01a\0\0\0", PROTOCOL_ERROR, WireError::ZeroPacketId { packet: Publish }),
        (b"\x31\x04\0\x01a\0", 0x9a, WireError::RetainNotSupported),
        (
            b"\x30\x06\0\x01a\x02\x01\x02",
            PROTOCOL_ERROR,
            WireError::PropertyNotAllowed { packet: Publish, at: 6 },
        ),
        (
            b"\x30\x06\0\x01a\x02\x0b\x01",
            PROTOCOL_ERROR,
            WireError::SubscriptionIdentifier { packet: Publish },
        ),
        (
            b"\x30\x08\0\x01a\x04\x08\0\x01#",
            PROTOCOL_ERROR,
            WireError::PropertyNotAllowed { packet: Publish, at: 6 },
        ),
        (b"\x30\x09\0\x01a\x05\x26\0\x01\0\0", MALFORMED, property(Publish, 6)),
        (b"\x30\x0a\0\x01a\x06\x26\0\x01\xff\0\0", MALFORMED, property(Publish, 6)),
        // Whatever a publisher may put into a section, it cannot get into the payload.
        (b"\x30\x0a\0\x01a\x06\x26\0\x05a\0\0", MALFORMED, property(Publish, 6)),
        (b"\x82\x02\0\x01", MALFORMED, WireError::Truncated { packet: Subscribe, at: 4 }),
        (b"\x82\x03\0\x01\0", PROTOCOL_ERROR, filter(Subscribe, 5)),
        (b"\x82\x06\0\x01\0\0\0\0", PROTOCOL_ERROR, filter(Subscribe, 5)),
        (b"\x82\x07\0\x01\0\0\x01a\x03", PROTOCOL_ERROR, filter(Subscribe, 5)),
        (b"\x82\x07\0\x01\0\0\x01a\x30", PROTOCOL_ERROR, filter(Subscribe, 5)),
        (b"\x82\x0b\0\x01\0\0\x01a\x01\0\x01b\x40", MALFORMED, bad_filters(Subscribe, 9)),
        (b"\x82\x0f\0\x01\0\0\x09$share/ab\x05", PROTOCOL_ERROR, filter(Subscribe, 5)),
        (b"\x82\x06\0\x01\0\0\x01a", MALFORMED, bad_filters(Subscribe, 5)),
        (b"\x82\x07\0\x01\0\0\x01\xff\0", MALFORMED, bad_filters(Subscribe, 5)),
        (b"\x82\x07\0\0\0\0\x01a\0", PROTOCOL_ERROR, WireError::ZeroPacketId { packet: Subscribe }),
        (
            b"\x82\x09\0\x01\x02\x0b\x01\0\x01a\0",
            0xa1,
            WireError::SubscriptionIdentifier { packet: Subscribe },
        ),
        (b"\x82\x09\0\x01\x02\x01\x01\0\x01a\0", MALFORMED, property(Subscribe, 5)),
        (b"\xa2\x03\0\x01\0", PROTOCOL_ERROR, filter(Unsubscribe, 5)),
        (b"\xa2\x05\0\x01\0\0\0", PROTOCOL_ERROR, filter(Unsubscribe, 5)),
        (b"\xa2\x07\0\x01\0\0\x01a\0", MALFORMED, bad_filters(Unsubscribe, 8)),
        (b"\xa2\x06\0\0\0\0\x01a", PROTOCOL_ERROR, WireError::ZeroPacketId { packet: Unsubscribe }),
        (b"\x40\x01\0", MALFORMED, WireError::Truncated { packet: PubAck, at: 2 }),
        (b"\x40\x02\0\0", PROTOCOL_ERROR, WireError::ZeroPacketId { packet: PubAck }),
        (b"\x40\x03\0\x01\x92", PROTOCOL_ERROR, code(PubAck, 4, 0x92)),
        (b"\x40\x04\0\x01\0\x01", MALFORMED, WireError::Truncated { packet: PubAck, at: 5 }),
        (b"\x40\x05\0\x01\0\0\0", MALFORMED, WireError::TrailingBytes { packet: PubAck, at: 6 }),
        (b"\x40\x07\0\x01\0\x03\x23\0\x01", MALFORMED, property(PubAck, 6)),
        (b"\xe0\x01\x8e", PROTOCOL_ERROR, code(Disconnect, 2, 0x8e)),
        (b"\xe0\x02\0\x01", MALFORMED, WireError::Truncated { packet: Disconnect, at: 3 }),
        (b"\xe0\x03\0\0\0", MALFORMED, WireError::TrailingBytes { packet: Disconnect, at: 4 }),
        (b"\xf0\0", PROTOCOL_ERROR, code(Auth, 2, 0)),
        (b"\xf0\x02\0\0", PROTOCOL_ERROR, code(Auth, 2, 0)),
        (b"\xf0\x01\x19", MALFORMED, WireError::Truncated { packet: Auth, at: 3 }),
    ]
    .map(|(bytes, code, error)| (End::Device, bytes, code, error))
    .into()
}

fn from_hubs() -> Vec<Row> {
    use PacketType::{Auth, ConnAck, Disconnect, Publish, SubAck, UnsubAck};
    let code = |packet, at, code| WireError::BadReturnCode { packet, at, code };
    let truncated = |packet, at| WireError::Truncated { packet, at };
    [
        (&b"\x20\x02\0\0"[..], MALFORMED, truncated(ConnAck, 4)),
        (b"\x20\x03\0\0\x01", MALFORMED, truncated(ConnAck, 4)),
        (b"\x20\x04\0\0\0\0", MALFORMED, WireError::TrailingBytes { packet: ConnAck, at: 5 }),
        (b"\x20\x03\x02\0\0", PROTOCOL_ERROR, code(ConnAck, 2, 2)),
        (b"\x20\x03\0\x05\0", PROTOCOL_ERROR, code(ConnAck, 3, 5)),
        (b"\x20\x03\x01\x87\0", PROTOCOL_ERROR, code(ConnAck, 2, 1)),
        (
            b"\x20\x05\0\0\x02\x24\x02",
            PROTOCOL_ERROR,
            WireError::PropertyNotAllowed { packet: ConnAck, at: 5 },
        ),
        (b"\x20\x05\0\0\x02\x17\x01", MALFORMED, WireError::BadProperty { packet: ConnAck, at: 5 }),
        (b"\x90\x03\0\x01\0", MALFORMED, truncated(SubAck, 5)),
        (b"\x90\x04\0\0\0\0", PROTOCOL_ERROR, WireError::ZeroPacketId { packet: SubAck }),
        (b"\x90\x05\0\x01\0\0\x02", PROTOCOL_ERROR, code(SubAck, 6, 2)),
        (b"\x90\x04\0\x01\0\x81", PROTOCOL_ERROR, code(SubAck, 5, 0x81)),
        (b"\xb0\x02\0\x01", MALFORMED, truncated(UnsubAck, 4)),
        (b"\xb0\x03\0\x01\0", MALFORMED, truncated(UnsubAck, 5)),
        (b"\xb0\x04\0\x01\0\x01", PROTOCOL_ERROR, code(UnsubAck, 5, 1)),
        (b"\xb0\x04\0\x01\0\x97", PROTOCOL_ERROR, code(UnsubAck, 5, 0x97)),
        (b"\x30\x07\0\x01a\x03\x23\0\x01", 0x94, WireError::TopicAlias { alias: 1 }),
        (b"\x30\x03\0\0\0", PROTOCOL_ERROR, WireError::NoTopic { packet: Publish }),
        (
            b"\x30\x06\0\x01a\x02\x0b\0",
            PROTOCOL_ERROR,
            WireError::PropertyNotAllowed { packet: Publish, at: 6 },
        ),
        (b"\xe0\x01\x04", PROTOCOL_ERROR, code(Disconnect, 2, 4)),
        (b"\xe0\x07\0\x05\x11\0\0\0\x01", PROTOCOL_ERROR, WireError::SessionExpiry),
        (b"\xf0\x02\x19\0", PROTOCOL_ERROR, code(Auth, 2, 0x19)),
    ]
    .map(|(bytes, code, error)| (End::Hub, bytes, code, error))
    .into()
}
