//! Packets as IoT Hub's documentation and its SDKs have them on the wire, byte for byte, both ways.

use iothub_codec::{Ack, Connect, Filters, PropertySection, Publish, Qos, Version};
use iothub_proto::{
    AckToken, FilterRefusal, Granted, Limits, Opening, Packet, Refusal, RefusalReason, Removed, Session,
};

use crate::connection::{End, Reader, hex, written};

struct Example {
    name: &'static str,
    sender: End,
    bytes: Vec<u8>,
    packet: Packet<'static>,
}

#[test]
fn a_packet_is_read_as_what_it_means() {
    for Example { name, sender, bytes, packet } in examples() {
        let mut reader = Reader::of(sender, bytes[0], Limits::CLASSIC);
        assert_eq!(reader.handle_bytes(&bytes), bytes.len(), "{name}");
        assert_eq!(reader.poll_packet(), Ok(Some(packet)), "{name}");
        assert_eq!(reader.poll_packet(), Ok(None), "{name}");
    }
}

#[test]
fn a_packet_is_written_byte_for_byte() {
    for Example { name, sender, bytes, packet } in examples() {
        assert_eq!(written(sender, &packet, Limits::CLASSIC), bytes, "{name}");
    }
}

#[test]
fn a_packet_that_comes_in_two_parts_is_waited_for() {
    for Example { name, sender, bytes, packet } in examples() {
        for cut in 0..bytes.len() {
            let mut reader = Reader::of(sender, bytes[0], Limits::CLASSIC);
            assert_eq!(reader.handle_read(&bytes[..cut]), cut);
            assert_eq!(reader.poll_packet(), Ok(None), "{name} cut at {cut}");
            assert_eq!(reader.poll_packet(), Ok(None), "{name} cut at {cut}");
            assert_eq!(reader.handle_read(&bytes[cut..]), bytes.len() - cut);
            assert_eq!(reader.poll_packet(), Ok(Some(packet)), "{name} cut at {cut}");
        }
    }
}

#[test]
fn packets_that_come_together_are_taken_out_one_by_one() {
    for sender in [End::Device, End::Hub] {
        let together: Vec<Example> = examples()
            .into_iter()
            .filter(|example| example.sender == sender)
            .filter(|example| !matches!(example.packet, Packet::Connect(_) | Packet::Disconnect(_)))
            .filter(|example| !matches!(example.packet, Packet::Connected { .. } | Packet::Refused(_)))
            .collect();
        let bytes: Vec<u8> = together.iter().flat_map(|example| example.bytes.clone()).collect();
        let mut reader = Reader::of(sender, bytes[0], Limits::CLASSIC);
        assert_eq!(reader.handle_bytes(&bytes), bytes.len());
        for example in together {
            assert_eq!(reader.poll_packet(), Ok(Some(example.packet)), "{}", example.name);
        }
        assert_eq!(reader.poll_packet(), Ok(None));
    }
}

#[test]
fn a_length_takes_as_few_bytes_as_it_can() {
    let limits = Limits { maximum_packet_size: u32::MAX, ..Limits::CLASSIC };
    for (remaining, length) in [
        (3, &[0x03][..]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
    ] {
        let payload = vec![0; remaining - 3];
        let message = Packet::Publish { ack: None, publish: Publish::new("a", &payload) };
        let bytes = written(End::Hub, &message, limits);
        assert_eq!(bytes[1..=length.len()], *length, "{remaining}");
        assert_eq!(bytes.len(), 1 + length.len() + remaining);
    }
}

#[test]
fn what_is_never_repeated_is_not_marked_as_a_repetition() {
    let publish = Publish { duplicate: true, ..Publish::new("a", b"") };
    let bytes = written(End::Hub, &Packet::Publish { ack: None, publish }, Limits::CLASSIC);
    assert_eq!(bytes, b"\x30\x03\0\x01a");
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
    const USER: &str = "hub1.azure-devices.net/dev-1/?api-version=2021-04-12";
    let properties = PropertySection::EMPTY;
    let opening = |username, password| {
        let connect = Connect { version: Version::V311, client_id: "dev-1", username, password, properties };
        Opening { session: Session::Resume, keep_alive_s: 240, ..Opening::new(connect) }
    };
    let will = Publish {
        qos: Qos::AtLeastOnce,
        retain: true,
        ..Publish::new("devices/dev-1/messages/events/", b"gone\0\xff")
    };
    vec![
        (
            "CONNECT with a certificate",
            hex("10 47 00 04 4d 51 54 54 04 80 00 f0
                 00 05 64 65 76 2d 31
                 00 34 68 75 62 31 2e 61 7a 75 72 65 2d 64 65 76 69 63 65 73 2e 6e 65 74 2f 64 65 76 2d 31 2f
                 3f 61 70 69 2d 76 65 72 73 69 6f 6e 3d 32 30 32 31 2d 30 34 2d 31 32"),
            Packet::Connect(opening(Some(USER), None)),
        ),
        (
            "CONNECT with a password that is no text",
            b"\x10\x19\0\x04MQTT\x04\xc0\0\xf0\0\x05dev-1\0\x01u\0\x03\0\xff\xfe".to_vec(),
            Packet::Connect(opening(Some("u"), Some(&[0, 0xff, 0xfe]))),
        ),
        (
            "CONNECT with an empty user name and password",
            b"\x10\x15\0\x04MQTT\x04\xc0\0\xf0\0\x05dev-1\0\0\0\0".to_vec(),
            Packet::Connect(opening(Some(""), Some(b""))),
        ),
        (
            "CONNECT with a will and a fresh session",
            b"\x10\x39\0\x04MQTT\x04\x2e\0\xf0\0\x05dev-1\0\x1edevices/dev-1/messages/events/\0\x06gone\0\xff"
                .to_vec(),
            Packet::Connect(Opening { session: Session::Fresh, will: Some(will), ..opening(None, None) }),
        ),
    ]
}

fn asks() -> Vec<Row> {
    const TELEMETRY: &str = "devices/dev-1/messages/events/%24.mid=m1&%24.ct=application%2Fjson\
        &%24.ce=utf-8&level=hot%20zone";
    let subscribe =
        Filters::from_subscribe(b"\0\x16$iothub/methods/POST/#\0\0\x12$iothub/twin/res/#\x01").unwrap();
    let unsubscribe = Filters::from_unsubscribe(b"\0\x12$iothub/twin/res/#").unwrap();
    vec![
        (
            "telemetry",
            hex(
                "32 6c 00 60 64 65 76 69 63 65 73 2f 64 65 76 2d 31 2f 6d 65 73 73 61 67 65 73 2f 65 76 65 6e
                 74 73 2f 25 32 34 2e 6d 69 64 3d 6d 31 26 25 32 34 2e 63 74 3d 61 70 70 6c 69 63 61 74 69 6f
                 6e 25 32 46 6a 73 6f 6e 26 25 32 34 2e 63 65 3d 75 74 66 2d 38 26 6c 65 76 65 6c 3d 68 6f 74
                 25 32 30 7a 6f 6e 65 00 07 7b 22 74 22 3a 32 31 7d",
            ),
            at_least_once(7, TELEMETRY, b"{\"t\":21}"),
        ),
        (
            "twin GET",
            hex(
                "32 1d 00 19 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 47 45 54 2f 3f 24 72 69 64 3d 61 31 00 08",
            ),
            at_least_once(8, "$iothub/twin/GET/?$rid=a1", b""),
        ),
        (
            "SUBSCRIBE",
            b"\x82\x30\0\x01\0\x16$iothub/methods/POST/#\0\0\x12$iothub/twin/res/#\x01".to_vec(),
            Packet::Subscribe { token: token(1), filters: subscribe },
        ),
        (
            "UNSUBSCRIBE",
            b"\xa2\x16\xff\xff\0\x12$iothub/twin/res/#".to_vec(),
            Packet::Unsubscribe { token: token(0xffff), filters: unsubscribe },
        ),
        ("DISCONNECT", hex("e0 00"), Packet::Disconnect(Ack::SUCCESS)),
    ]
}

fn answers() -> Vec<Row> {
    let limits = Limits::CLASSIC;
    let refused = |reason| Packet::Refused(Refusal::new(reason));
    let mut granted = Granted::EMPTY;
    for outcome in [Ok(Qos::AtMostOnce), Ok(Qos::AtLeastOnce), Err(FilterRefusal::Unspecified)] {
        assert!(granted.push(outcome));
    }
    vec![
        ("accepted", hex("20 02 00 00"), Packet::Connected { session: Session::Fresh, limits }),
        ("accepted again", hex("20 02 01 00"), Packet::Connected { session: Session::Resume, limits }),
        ("bad protocol", hex("20 02 00 01"), refused(RefusalReason::UnacceptableProtocol)),
        ("bad client id", hex("20 02 00 02"), refused(RefusalReason::BadClientId)),
        ("unavailable", hex("20 02 00 03"), refused(RefusalReason::Unavailable)),
        ("bad user name", hex("20 02 00 04"), refused(RefusalReason::BadUserName)),
        ("not authorized", hex("20 02 00 05"), refused(RefusalReason::NotAuthorized)),
        ("SUBACK", hex("90 05 00 01 00 01 80"), Packet::SubAck { token: token(1), granted }),
        ("UNSUBACK", hex("b0 02 ff ff"), Packet::UnsubAck { token: token(0xffff), removed: Removed::EMPTY }),
    ]
}

fn tells() -> Vec<Row> {
    const COMMAND: &str = "devices/dev-1/messages/devicebound/%24.mid=c1\
        &%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound&color=red";
    vec![
        (
            "twin PATCH success",
            hex(
                "30 2a 00 28 24 69 6f 74 68 75 62 2f 74 77 69 6e 2f 72 65 73 2f 32 30 34 2f 3f 24 72 69 64 3d
                 61 32 26 24 76 65 72 73 69 6f 6e 3d 36",
            ),
            at_most_once("$iothub/twin/res/204/?$rid=a2&$version=6", b""),
        ),
        (
            "method call",
            hex(
                "30 2d 00 24 24 69 6f 74 68 75 62 2f 6d 65 74 68 6f 64 73 2f 50 4f 53 54 2f 72 65 62 6f 6f 74
                 2f 3f 24 72 69 64 3d 31 66 7b 22 64 22 3a 35 7d",
            ),
            at_most_once("$iothub/methods/POST/reboot/?$rid=1f", b"{\"d\":5}"),
        ),
        (
            "command",
            [b"\x32\x70\0\x6a", COMMAND.as_bytes(), b"\0\x01hi"].concat(),
            at_least_once(1, COMMAND, b"hi"),
        ),
    ]
}

fn both() -> Vec<Row> {
    let repeated =
        Publish { qos: Qos::AtLeastOnce, retain: true, duplicate: true, ..Publish::new("a/é", b"") };
    vec![
        ("PUBACK", hex("40 02 00 07"), Packet::Ack { token: token(7), ack: Ack::SUCCESS }),
        (
            "a message with every flag",
            b"\x3b\x08\0\x04a/\xc3\xa9\x12\x34".to_vec(),
            Packet::Publish { ack: Some(token(0x1234)), publish: repeated },
        ),
    ]
}

fn token(packet_id: u16) -> AckToken {
    AckToken::new(packet_id).unwrap()
}

fn at_least_once(packet_id: u16, topic: &'static str, payload: &'static [u8]) -> Packet<'static> {
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new(topic, payload) };
    Packet::Publish { ack: Some(token(packet_id)), publish }
}

fn at_most_once(topic: &'static str, payload: &'static [u8]) -> Packet<'static> {
    Packet::Publish { ack: None, publish: Publish::new(topic, payload) }
}
