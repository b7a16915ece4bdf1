//! Packets as the documentation of the preview has them on the wire, byte for byte, both ways; and every other packet.

use iothub_codec::{Ack, Auth, Connect, Filters, PropertySection, Publish, Qos, SectionOf, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removal, Removed,
    Session,
};

use super::ends::{reader, section, written};
use crate::connection::{End, hex};

const LIMITS: Limits = Limits { retain_available: true, ..Limits::PREVIEW5 };

struct Example {
    name: &'static str,
    sender: End,
    bytes: Vec<u8>,
    packet: Packet<'static>,
}

#[test]
fn a_packet_is_read_as_what_it_means() {
    for Example { name, sender, bytes, packet } in examples().into_iter().chain(short_forms()) {
        let mut reader = reader(sender, bytes[0], LIMITS);
        assert_eq!(reader.handle_bytes(&bytes), bytes.len(), "{name}");
        assert_eq!(reader.poll_packet(), Ok(Some(packet)), "{name}");
        assert_eq!(reader.poll_packet(), Ok(None), "{name}");
    }
}

#[test]
fn a_packet_is_written_byte_for_byte() {
    for Example { name, sender, bytes, packet } in examples() {
        assert_eq!(written(sender, &packet, LIMITS), bytes, "{name}");
    }
}

#[test]
fn a_packet_that_comes_in_two_parts_is_waited_for() {
    for Example { name, sender, bytes, packet } in examples() {
        for cut in 0..bytes.len() {
            let mut reader = reader(sender, bytes[0], LIMITS);
            assert_eq!(reader.handle_read(&bytes[..cut]), cut);
            assert_eq!(reader.poll_packet(), Ok(None), "{name} cut at {cut}");
            assert_eq!(reader.handle_read(&bytes[cut..]), bytes.len() - cut);
            assert_eq!(reader.poll_packet(), Ok(Some(packet)), "{name} cut at {cut}");
        }
    }
}

fn examples() -> Vec<Example> {
    let device = opens().into_iter().chain(asks()).chain(both());
    let device = device.map(|(name, bytes, packet)| Example { name, sender: End::Device, bytes, packet });
    let hub = answers().into_iter().chain(tells()).chain(both());
    let hub = hub.map(|(name, bytes, packet)| Example { name, sender: End::Hub, bytes, packet });
    device.chain(hub).collect()
}

type Row = (&'static str, Vec<u8>, Packet<'static>);

fn opens() -> Vec<Row> {
    const SAS: &[u8] = b"\x11\0\0\x0e\x10\
        \x15\0\x03SAS\
        \x16\0\x20\x0f\x60\xbf\x68\x23\xb9\x90\x46\x5b\x4d\xf0\x0c\x9a\xc6\x47\x52\
        \x49\x34\x08\xa8\xfb\x60\xde\xf3\x97\x0b\x50\x39\xdb\x86\x9b\x4b\
        \x26\0\x0bapi-version\0\x122020-10-01-preview\
        \x26\0\x04host\0\x16hub1.azure-devices.net\
        \x26\0\x06sas-at\0\x0d1893452400000\
        \x26\0\x0asas-expiry\0\x0d1893456000000";
    let connect = |client_id, username, password, properties| Connect {
        version: Version::V5,
        client_id,
        username,
        password,
        properties,
    };
    let sas = Opening {
        session: Session::Resume,
        keep_alive_s: 300,
        session_expiry_s: Some(3600),
        ..Opening::new(connect("dev-1", None, None, section(SectionOf::Connect, SAS)))
    };
    let will = Publish {
        qos: Qos::AtLeastOnce,
        retain: true,
        properties: section(SectionOf::Will, b"\x18\0\0\0\x05\x26\0\x01n\0\x01v"),
        ..Publish::new("$iothub/telemetry", b"gone\0\xff")
    };
    vec![
        (
            "CONNECT of the reference",
            hex("10 b6 01 00 04 4d 51 54 54 05 00 01 2c a3 01
                 11 00 00 0e 10
                 15 00 03 53 41 53
                 16 00 20 0f 60 bf 68 23 b9 90 46 5b 4d f0 0c 9a c6 47 52 49 34 08 a8 fb 60 de f3 97 0b 50 39 db
                 86 9b 4b
                 26 00 0b 61 70 69 2d 76 65 72 73 69 6f 6e 00 12 32 30 32 30 2d 31 30 2d 30 31 2d 70 72 65 76 69
                 65 77
                 26 00 04 68 6f 73 74 00 16 68 75 62 31 2e 61 7a 75 72 65 2d 64 65 76 69 63 65 73 2e 6e 65 74
                 26 00 06 73 61 73 2d 61 74 00 0d 31 38 39 33 34 35 32 34 30 30 30 30 30
                 26 00 0a 73 61 73 2d 65 78 70 69 72 79 00 0d 31 38 39 33 34 35 36 30 30 30 30 30 30
                 00 05 64 65 76 2d 31"),
            Packet::Connect(sas),
        ),
        (
            "CONNECT without anything",
            b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0".to_vec(),
            Packet::Connect(Opening::new(connect("", None, None, PropertySection::EMPTY))),
        ),
        (
            "CONNECT with a password and no user name",
            b"\x10\x13\0\x04MQTT\x05\x42\0\0\0\0\x01d\0\x03\0\xff\xfe".to_vec(),
            Packet::Connect(Opening::new(connect("d", None, Some(&[0, 0xff, 0xfe]), PropertySection::EMPTY))),
        ),
        (
            "CONNECT with a will and a login",
            b"\x10\x3c\0\x04MQTT\x05\xee\0\xf0\0\0\x01d\x0c\x18\0\0\0\x05\x26\0\x01n\0\x01v\
              \0\x11$iothub/telemetry\0\x06gone\0\xff\0\x01u\0\x01p"
                .to_vec(),
            Packet::Connect(Opening {
                keep_alive_s: 240,
                will: Some(will),
                ..Opening::new(connect("d", Some("u"), Some(b"p"), PropertySection::EMPTY))
            }),
        ),
    ]
}

fn asks() -> Vec<Row> {
    let subscribe =
        Filters::from_subscribe(b"\0\x10$iothub/commands\x01\0\x11$iothub/methods/+\x2c").unwrap();
    let unsubscribe = Filters::from_unsubscribe(b"\0\x10$iothub/commands").unwrap();
    let get = Publish {
        properties: section(SectionOf::Publish, b"\x09\0\x02\x01\xfa"),
        ..Publish::new("$iothub/twin/get", b"")
    };
    let renew = section(SectionOf::Auth, b"\x15\0\x03SAS\x16\0\x02\xff\0\x26\0\x0asas-expiry\0\x011");
    let expiry = section(SectionOf::Disconnect, b"\x11\0\0\0\x05");
    vec![
        (
            "get twin",
            hex("30 18 00 10 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 67 65 74 05 09 00 02 01 fa"),
            Packet::Publish { ack: None, publish: get },
        ),
        (
            "SUBSCRIBE",
            b"\x82\x2a\0\x01\0\0\x10$iothub/commands\x01\0\x11$iothub/methods/+\x2c".to_vec(),
            Packet::Subscribe { token: token(1), filters: subscribe },
        ),
        (
            "UNSUBSCRIBE",
            b"\xa2\x15\xff\xff\0\0\x10$iothub/commands".to_vec(),
            Packet::Unsubscribe { token: token(0xffff), filters: unsubscribe },
        ),
        (
            "AUTH",
            b"\xf0\x1d\x19\x1b\x15\0\x03SAS\x16\0\x02\xff\0\x26\0\x0asas-expiry\0\x011".to_vec(),
            Packet::Auth(Auth { reason_code: Auth::RENEW, properties: renew }),
        ),
        (
            "DISCONNECT with the will",
            hex("e0 02 04 00"),
            Packet::Disconnect(Ack { reason_code: 4, ..Ack::SUCCESS }),
        ),
        (
            "DISCONNECT with another expiry",
            hex("e0 07 00 05 11 00 00 00 05"),
            Packet::Disconnect(Ack { reason_code: 0, properties: expiry }),
        ),
    ]
}

fn answers() -> Vec<Row> {
    let reference = Limits { session_expiry_s: Some(u32::MAX), ..Limits::PREVIEW5 };
    let everything = Limits {
        receive_maximum: 1,
        maximum_packet_size: 1,
        keep_alive_s: Some(1140),
        session_expiry_s: Some(0),
        topic_alias_maximum: 1,
        maximum_qos: Qos::AtMostOnce,
        retain_available: false,
        wildcards_available: false,
        subscription_identifiers_available: false,
        shared_subscriptions_available: false,
    };
    let status = section(SectionOf::ConnAck, b"\x26\0\x06status\0\x040100\x1f\0\x01x");
    let mut granted = Granted::EMPTY;
    for outcome in [
        Ok(Qos::AtMostOnce),
        Ok(Qos::AtLeastOnce),
        Err(FilterRefusal::TopicFilterInvalid),
        Err(FilterRefusal::QuotaExceeded),
        Err(FilterRefusal::WildcardsNotSupported),
    ] {
        assert!(granted.push(outcome));
    }
    let mut removed = Removed::EMPTY;
    for outcome in [Ok(Removal::Gone), Ok(Removal::NeverThere), Err(FilterRefusal::NotAuthorized)] {
        assert!(removed.push(outcome));
    }
    vec![
        (
            "CONNACK of the reference",
            hex("20 1b 00 00 18 11 ff ff ff ff 21 00 10 24 01 25 00 27 00 04 00 00 22 00 0a 29 00 2a 00"),
            Packet::Connected { session: Session::Fresh, limits: reference },
        ),
        (
            "CONNACK with everything",
            hex("20 20 01 00 1d 11 00 00 00 00 13 04 74 21 00 01 24 00 25 00 27 00 00 00 01 22 00 01 28 00 29 00
                 2a 00"),
            Packet::Connected { session: Session::Resume, limits: everything },
        ),
        (
            "CONNACK that refuses",
            b"\x20\x16\0\x83\x13\x26\0\x06status\0\x040100\x1f\0\x01x".to_vec(),
            Packet::Refused(Refusal { reason: RefusalReason::ImplementationSpecific, properties: status }),
        ),
        (
            "CONNACK that only refuses",
            hex("20 03 00 8c 00"),
            Packet::Refused(Refusal::new(RefusalReason::BadAuthenticationMethod)),
        ),
        ("SUBACK", hex("90 08 00 01 00 00 01 8f 97 a2"), Packet::SubAck { token: token(1), granted }),
        ("UNSUBACK", hex("b0 06 ff ff 00 00 11 87"), Packet::UnsubAck { token: token(0xffff), removed }),
    ]
}

fn tells() -> Vec<Row> {
    let response = Publish {
        properties: section(SectionOf::Publish, b"\x09\0\x02\x01\xfa"),
        ..Publish::new("$iothub/responses", br#"{"desired":{"$version":1},"reported":{"$version":1}}"#)
    };
    let throttled = section(SectionOf::PubAck, b"\x26\0\x06status\0\x040501");
    let missing = section(
        SectionOf::Disconnect,
        b"\x26\0\x06status\0\x040100\x26\0\x06reason\0\x26`Correlation Data` property is missing",
    );
    let numbered = Publish {
        properties: section(SectionOf::Publish, b"\x0b\x01\x0b\x80\x01"),
        ..Publish::new("a", b"x")
    };
    vec![
        (
            "twin",
            hex("30 4d 00 11 24 69 6f 74 68 75 62 2f 72 65 73 70 6f 6e 73 65 73 05 09 00 02 01 fa
                 7b 22 64 65 73 69 72 65 64 22 3a 7b 22 24 76 65 72 73 69 6f 6e 22 3a 31 7d 2c 22 72 65 70 6f 72
                 74 65 64 22 3a 7b 22 24 76 65 72 73 69 6f 6e 22 3a 31 7d 7d"),
            Packet::Publish { ack: None, publish: response },
        ),
        (
            "a message of two subscriptions with numbers",
            b"\x30\x0a\0\x01a\x05\x0b\x01\x0b\x80\x01x".to_vec(),
            Packet::Publish { ack: None, publish: numbered },
        ),
        (
            "throttled telemetry",
            hex("40 13 00 03 97 0f 26 00 06 73 74 61 74 75 73 00 04 30 35 30 31"),
            Packet::Ack { token: token(3), ack: Ack { reason_code: 0x97, properties: throttled } },
        ),
        (
            "missing Correlation Data",
            hex("e0 42 83 40 26 00 06 73 74 61 74 75 73 00 04 30 31 30 30 26 00 06 72 65 61 73 6f 6e
                 00 26 60 43 6f 72 72 65 6c 61 74 69 6f 6e 20 44 61 74 61 60 20 70 72 6f 70 65 72 74 79 20 69 73
                 20 6d 69 73 73 69 6e 67"),
            Packet::Disconnect(Ack { reason_code: 0x83, properties: missing }),
        ),
        (
            "taken over",
            hex("e0 02 8e 00"),
            Packet::Disconnect(Ack { reason_code: Ack::SESSION_TAKEN_OVER, ..Ack::SUCCESS }),
        ),
        (
            "re-authentication",
            hex("f0 08 00 06 15 00 03 53 41 53"),
            Packet::Auth(Auth {
                reason_code: Auth::RENEWED,
                properties: section(SectionOf::Auth, b"\x15\0\x03SAS"),
            }),
        ),
    ]
}

fn both() -> Vec<Row> {
    const ALL: &[u8] = b"\x01\x01\x02\0\0\0\x09\x03\0\x01c\x08\0\x01r\x09\0\x01d\x26\0\0\0\0";
    let full = Publish {
        properties: section(SectionOf::Publish, ALL),
        qos: Qos::AtLeastOnce,
        retain: true,
        duplicate: true,
        ..Publish::new("a/é", b"p")
    };
    vec![
        ("PUBACK", hex("40 02 00 07"), Packet::Ack { token: token(7), ack: Ack::SUCCESS }),
        (
            "PUBACK with a reason",
            hex("40 04 00 07 10 00"),
            Packet::Ack { token: token(7), ack: Ack { reason_code: 0x10, ..Ack::SUCCESS } },
        ),
        ("DISCONNECT", hex("e0 00"), Packet::Disconnect(Ack::SUCCESS)),
        (
            "a message with every flag and property",
            b"\x3b\x22\0\x04a/\xc3\xa9\x12\x34\x18\x01\x01\x02\0\0\0\x09\x03\0\x01c\x08\0\x01r\x09\0\x01d\x26\0\0\0\0p"
                .to_vec(),
            Packet::Publish { ack: Some(token(0x1234)), publish: full },
        ),
    ]
}

/// What is read, and written in another way.
fn short_forms() -> Vec<Example> {
    let reason = |reason_code| Ack { reason_code, ..Ack::SUCCESS };
    let acked = |ack| Packet::Ack { token: token(7), ack };
    let renewed = Auth { reason_code: Auth::RENEWED, properties: PropertySection::EMPTY };
    let unlimited = Limits {
        receive_maximum: u16::MAX,
        maximum_packet_size: u32::MAX,
        topic_alias_maximum: 0,
        subscription_identifiers_available: true,
        shared_subscriptions_available: true,
        ..LIMITS
    };
    let open = Packet::Connected { session: Session::Fresh, limits: unlimited };
    [
        ("PUBACK with a reason only", End::Hub, "40 03 00 07 10", acked(reason(0x10))),
        ("PUBACK with success only", End::Device, "40 03 00 07 00", acked(Ack::SUCCESS)),
        ("PUBACK with success in full", End::Device, "40 04 00 07 00 00", acked(Ack::SUCCESS)),
        ("DISCONNECT with a reason only", End::Device, "e0 01 04", Packet::Disconnect(reason(4))),
        ("DISCONNECT in full", End::Hub, "e0 02 00 00", Packet::Disconnect(Ack::SUCCESS)),
        ("AUTH without anything", End::Hub, "f0 00", Packet::Auth(renewed)),
        ("CONNACK without limits", End::Hub, "20 03 00 00 00", open),
    ]
    .map(|(name, sender, text, packet)| Example { name, sender, bytes: hex(text), packet })
    .into()
}

fn token(packet_id: u16) -> AckToken {
    AckToken::new(packet_id).unwrap()
}
