//! Packets that cannot be sent: nothing is written of them, and the connection goes on.

use iothub_codec::{Ack, Auth, Connect, Filters, PropertySection, Publish, Qos, SectionOf};
use iothub_mqtt::{Client, WriteError};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Opening, Packet, PacketKind, Refusal, RefusalReason, Removed,
    Session,
};

use super::ends::{CONNECT, answering, client, opening, section, server, server_with};
use crate::connection::START;

const LIMITS: Limits = Limits::PREVIEW5;
const TOKEN: AckToken = AckToken::FIRST;

fn not_expressible(packet: PacketKind) -> WriteError {
    WriteError::NotExpressible { packet }
}

fn publish(wire: &'static [u8], of: SectionOf) -> Packet<'static> {
    let publish = Publish { properties: section(of, wire), ..Publish::new("a", b"") };
    Packet::Publish { ack: None, publish }
}

fn ack(reason_code: u8, properties: PropertySection<'_>) -> Packet<'_> {
    Packet::Ack { token: TOKEN, ack: Ack { reason_code, properties } }
}

fn disconnect(reason_code: u8, properties: PropertySection<'_>) -> Packet<'_> {
    Packet::Disconnect(Ack { reason_code, properties })
}

#[test]
fn a_client_refuses_what_cannot_be_sent() {
    use PacketKind::{PubAck, Subscribe};
    let filters = |wire| Filters::from_subscribe(wire).unwrap();
    let bad_filters = WriteError::BadFilters { packet: Subscribe };
    let many = b"\0\x01a\0".repeat(51);
    let expiry = section(SectionOf::Connect, b"\x11\0\0\0\x01");
    let none = PropertySection::EMPTY;
    for (packet, error) in [
        (publish(b"\x11\0\0\0\x01", SectionOf::Connect), not_expressible(PacketKind::Publish)),
        (publish(b"\x23\0\x01", SectionOf::Publish), not_expressible(PacketKind::Publish)),
        (publish(b"\x0b\x01", SectionOf::Publish), not_expressible(PacketKind::Publish)),
        (ack(0x92, none), not_expressible(PubAck)),
        (ack(0, expiry), not_expressible(PubAck)),
        (disconnect(0x8e, none), not_expressible(PacketKind::Disconnect)),
        (
            Packet::Auth(Auth { reason_code: Auth::RENEWED, properties: none }),
            not_expressible(PacketKind::Auth),
        ),
        (
            Packet::Auth(Auth { reason_code: Auth::RENEW, properties: expiry }),
            not_expressible(PacketKind::Auth),
        ),
        (Packet::Subscribe { token: TOKEN, filters: filters(b"\0\x01a\x40") }, bad_filters),
        (Packet::Subscribe { token: TOKEN, filters: filters(b"\0\x01a\x30") }, bad_filters),
        (Packet::Subscribe { token: TOKEN, filters: filters(b"\0\x09$share/ab\x04") }, bad_filters),
        (Packet::Subscribe { token: TOKEN, filters: filters(&many) }, bad_filters),
        (Packet::Connect(opening()), WriteError::OutOfPlace { packet: PacketKind::Connect }),
        (
            Packet::UnsubAck { token: TOKEN, removed: Removed::EMPTY },
            WriteError::WrongEnd { packet: PacketKind::UnsubAck },
        ),
    ] {
        let mut client = client(LIMITS);
        assert_eq!(client.send(START, &packet), Err(error), "{packet:?}");
        assert_eq!(client.poll_bytes(), None, "{error}");
        assert_eq!(client.send(START, &publish(b"", SectionOf::Publish)), Ok(()), "after {error}");
    }
}

#[test]
fn a_server_refuses_what_cannot_be_sent() {
    let mut quota = Removed::EMPTY;
    assert!(quota.push(Err(FilterRefusal::QuotaExceeded)));
    let none = PropertySection::EMPTY;
    let expiry = section(SectionOf::Disconnect, b"\x11\0\0\0\x01");
    for (packet, error) in [
        (publish(b"\x23\0\x01", SectionOf::Publish), not_expressible(PacketKind::Publish)),
        (Packet::SubAck { token: TOKEN, granted: Granted::EMPTY }, not_expressible(PacketKind::SubAck)),
        (Packet::UnsubAck { token: TOKEN, removed: Removed::EMPTY }, not_expressible(PacketKind::UnsubAck)),
        (Packet::UnsubAck { token: TOKEN, removed: quota }, not_expressible(PacketKind::UnsubAck)),
        (disconnect(4, none), not_expressible(PacketKind::Disconnect)),
        (disconnect(0, expiry), not_expressible(PacketKind::Disconnect)),
        (
            Packet::Auth(Auth { reason_code: Auth::RENEW, properties: none }),
            not_expressible(PacketKind::Auth),
        ),
        (
            Packet::Refused(Refusal::new(RefusalReason::Busy)),
            WriteError::OutOfPlace { packet: PacketKind::ConnAck },
        ),
    ] {
        let mut server = server(LIMITS);
        assert_eq!(server.send(START, &packet), Err(error), "{packet:?}");
        assert_eq!(server.poll_bytes(), None, "{error}");
        assert_eq!(server.send(START, &publish(b"\x0b\x01", SectionOf::Publish)), Ok(()), "after {error}");
    }
}

#[test]
fn a_hub_announces_no_more_than_its_end_can_do() {
    let connected = |limits| Packet::Connected { session: Session::Fresh, limits };
    for limits in [
        Limits { subscription_identifiers_available: true, ..LIMITS },
        Limits { receive_maximum: 0, ..LIMITS },
        Limits { maximum_packet_size: 0, ..LIMITS },
    ] {
        let mut server = answering(LIMITS, CONNECT);
        let error = not_expressible(PacketKind::ConnAck);
        assert_eq!(server.send(START, &connected(limits)), Err(error), "{limits:?}");
        assert_eq!(server.send(START, &connected(LIMITS)), Ok(()));
    }
}

#[test]
fn a_connect_that_contradicts_itself_is_refused() {
    let with = |wire: &'static [u8]| {
        let connect = Connect { properties: section(SectionOf::Connect, wire), ..opening().connect };
        Opening { session_expiry_s: None, ..Opening::new(connect) }
    };
    let will = |of, wire, topic| Opening {
        will: Some(Publish { properties: section(of, wire), ..Publish::new(topic, b"") }),
        ..opening()
    };
    let packet = PacketKind::Connect;
    for (opening, error) in [
        (Opening { session_expiry_s: Some(1), ..with(b"\x11\0\0\0\x02") }, not_expressible(packet)),
        (Opening { receive_maximum: Some(1), ..with(b"\x21\0\x02") }, not_expressible(packet)),
        (Opening { maximum_packet_size: Some(1), ..with(b"\x27\0\0\0\x02") }, not_expressible(packet)),
        (Opening { receive_maximum: Some(0), ..with(b"") }, not_expressible(packet)),
        (with(b"\x16\0\x01x"), not_expressible(packet)),
        (will(SectionOf::Publish, b"\x23\0\x01", "a"), not_expressible(packet)),
        (will(SectionOf::Will, b"", "#"), WriteError::BadTopic { packet }),
    ] {
        let mut client = Client::new(LIMITS);
        assert_eq!(client.send(START, &Packet::Connect(opening)), Err(error), "{opening:?}");
        assert_eq!(client.poll_bytes(), None, "{error}");
        assert_eq!(client.poll_timeout(), None, "{error}");
        assert_eq!(client.send(START, &Packet::Connect(super::ends::opening())), Ok(()));
    }
}

#[test]
fn what_an_opening_announces_is_written_unless_the_section_says_it() {
    let connect = Connect { properties: section(SectionOf::Connect, b"\x21\0\x02"), ..opening().connect };
    let opening = Opening {
        session_expiry_s: Some(1),
        receive_maximum: Some(2),
        maximum_packet_size: Some(3),
        ..Opening::new(connect)
    };
    let mut client = Client::new(LIMITS);
    client.send(START, &Packet::Connect(opening)).unwrap();
    let written = b"\x10\x1b\0\x04MQTT\x05\x02\0\0\x0d\x11\0\0\0\x01\x27\0\0\0\x03\x21\0\x02\0\x01d";
    assert_eq!(client.poll_bytes(), Some(&written[..]));
}

#[test]
fn auth_is_not_sent_where_no_method_was_agreed_on() {
    let connect = b"\x10\x0e\0\x04MQTT\x05\0\0\xf0\0\0\x01d";
    let renewed = Packet::Auth(Auth { reason_code: Auth::RENEWED, properties: PropertySection::EMPTY });
    let error = Err(WriteError::OutOfPlace { packet: PacketKind::Auth });
    assert_eq!(server_with(LIMITS, connect).send(START, &renewed), error);
    assert_eq!(crate::connection::server(LIMITS).send(START, &renewed), error, "MQTT 3.1.1");
    assert_eq!(server(LIMITS).send(START, &renewed), Ok(()));
}

#[test]
fn nothing_is_sent_behind_disconnect() {
    let mut server = server(LIMITS);
    server.send(START, &disconnect(0x8e, PropertySection::EMPTY)).unwrap();
    let error = WriteError::OutOfPlace { packet: PacketKind::Publish };
    let message = Publish { qos: Qos::AtLeastOnce, ..Publish::new("a", b"") };
    assert_eq!(server.send(START, &Packet::Publish { ack: Some(TOKEN), publish: message }), Err(error));
    assert_eq!(server.poll_bytes(), Some(&[0xe0, 2, 0x8e, 0][..]));
}
