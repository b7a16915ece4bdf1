//! The crate `mqttbytes`: a second opinion on what packets mean, and the reasons why it is not more.
//!
//! Each fault below was found in 0.6.0. A test that fails here announces an upgrade that mends something.

use ::mqttbytes::v4::{
    Connect, ConnectReturnCode, Login, Packet as Theirs, Publish, SubscribeReasonCode, read,
};
use ::mqttbytes::{Error, QoS, matches, v5};
use bytes::BytesMut;
use iothub_codec::Qos;
use iothub_proto::{Limits, Opening, Packet, RefusalReason, Session};
use proptest::prelude::*;

use crate::connection::{Reader, hex};
use crate::generated::{any_damage, damaged};
use crate::sample::any_sample;

const MAX: usize = Limits::CLASSIC.maximum_packet_size as usize;

proptest! {
    #[test]
    fn both_read_the_same(sample in any_sample(), damage in any_damage()) {
        let mut bytes = sample.bytes();
        damaged(&mut bytes, &damage);
        let mut reader = Reader::of(sample.sender(), bytes[0], Limits::CLASSIC);
        prop_assert_eq!(reader.handle_bytes(&bytes), bytes.len());
        if let Ok(Some(ours)) = reader.poll_packet() {
            match read(&mut BytesMut::from(&bytes[..]), MAX) {
                Ok(theirs) => prop_assert!(agree(&ours, &theirs), "{:?}\n{:?}", ours, theirs),
                // Passwords that are no text are the one thing that only ours reads.
                Err(error) => prop_assert!(error == Error::TopicNotUtf8 && has_binary_password(&ours), "{:?}", ours),
            }
        }
    }
}

fn has_binary_password(ours: &Packet<'_>) -> bool {
    matches!(ours, Packet::Connect(opening)
        if opening.connect.password.is_some_and(|password| core::str::from_utf8(password).is_err()))
}

fn agree(ours: &Packet<'_>, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Packet::Connect(ours), Theirs::Connect(theirs)) => agree_on_connect(ours, theirs),
        (Packet::Connected { session, .. }, Theirs::ConnAck(theirs)) => {
            theirs.code == ConnectReturnCode::Success
                && theirs.session_present == (*session == Session::Resume)
        }
        (Packet::Refused(ours), Theirs::ConnAck(theirs)) => {
            let code = match ours.reason {
                RefusalReason::UnacceptableProtocol => ConnectReturnCode::RefusedProtocolVersion,
                RefusalReason::BadClientId => ConnectReturnCode::BadClientId,
                RefusalReason::Unavailable => ConnectReturnCode::ServiceUnavailable,
                RefusalReason::BadUserName => ConnectReturnCode::BadUserNamePassword,
                RefusalReason::NotAuthorized => ConnectReturnCode::NotAuthorized,
                RefusalReason::Unspecified
                | RefusalReason::MalformedPacket
                | RefusalReason::ProtocolError
                | RefusalReason::ImplementationSpecific
                | RefusalReason::Busy
                | RefusalReason::Banned
                | RefusalReason::BadAuthenticationMethod
                | RefusalReason::BadTopic
                | RefusalReason::PacketTooLarge
                | RefusalReason::QuotaExceeded
                | RefusalReason::BadPayloadFormat
                | RefusalReason::RetainNotSupported
                | RefusalReason::QosNotSupported
                | RefusalReason::UseAnotherServer
                | RefusalReason::ServerMoved
                | RefusalReason::ConnectionRateExceeded => return false,
            };
            theirs.code == code && !theirs.session_present
        }
        (Packet::Subscribe { token, filters }, Theirs::Subscribe(theirs)) => {
            let pairs = || filters.iter().zip(&theirs.filters);
            token.get() == theirs.pkid
                && filters.iter().count() == theirs.filters.len()
                && pairs().all(|(ours, theirs)| {
                    ours.topic == theirs.path && at_most_1(theirs.qos) == Some(ours.qos)
                })
        }
        (Packet::SubAck { token, granted }, Theirs::SubAck(theirs)) => {
            let outcome = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(qos) => at_most_1(*qos),
                SubscribeReasonCode::Failure => None,
            };
            token.get() == theirs.pkid
                && granted.iter().map(Result::ok).eq(theirs.return_codes.iter().map(outcome))
        }
        (Packet::Unsubscribe { token, filters }, Theirs::Unsubscribe(theirs)) => {
            token.get() == theirs.pkid && filters.iter().map(|filter| filter.topic).eq(theirs.topics.iter())
        }
        (Packet::UnsubAck { token, .. }, Theirs::UnsubAck(theirs)) => token.get() == theirs.pkid,
        (Packet::Publish { ack, publish }, Theirs::Publish(theirs)) => {
            ack.map_or(0, |token| token.get()) == theirs.pkid
                && at_most_1(theirs.qos) == Some(publish.qos)
                && publish.topic == theirs.topic
                && publish.payload == theirs.payload
                && (publish.retain, publish.duplicate) == (theirs.retain, theirs.dup)
        }
        (Packet::Ack { token, .. }, Theirs::PubAck(theirs)) => token.get() == theirs.pkid,
        (Packet::Disconnect(_), Theirs::Disconnect) => true,
        (_, _) => false,
    }
}

fn agree_on_connect(ours: &Opening<'_>, theirs: &Connect) -> bool {
    let username = ours.connect.username.unwrap_or_default();
    let password = ours.connect.password.unwrap_or_default();
    let (their_username, their_password) = match &theirs.login {
        Some(Login { username, password }) => (username.as_str(), password.as_bytes()),
        None => ("", &b""[..]),
    };
    let will = match (&ours.will, &theirs.last_will) {
        (None, None) => true,
        (Some(ours), Some(theirs)) => {
            ours.topic == theirs.topic
                && ours.payload == theirs.message
                && at_most_1(theirs.qos) == Some(ours.qos)
                && ours.retain == theirs.retain
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    will && ours.connect.client_id == theirs.client_id
        && (username, password) == (their_username, their_password)
        && ours.keep_alive_s == theirs.keep_alive
        && (ours.session == Session::Fresh) == theirs.clean_session
}

/// As a hub grants it.
fn at_most_1(qos: QoS) -> Option<Qos> {
    match qos {
        QoS::AtMostOnce => Some(Qos::AtMostOnce),
        QoS::AtLeastOnce | QoS::ExactlyOnce => Some(Qos::AtLeastOnce),
    }
}

fn theirs(text: &str) -> Result<Theirs, Error> {
    read(&mut BytesMut::from(&hex(text)[..]), MAX)
}

#[test]
#[should_panic(expected = "byte index 1 is not a char boundary")]
fn fault_1_a_topic_that_starts_with_a_letter_of_two_bytes_panics() {
    let _ = matches("é/x", "a/#");
}

#[test]
fn fault_2_no_filter_matches_a_topic_with_a_dollar() {
    assert!(!matches("$iothub/methods/POST/x", "$iothub/methods/POST/#"));
    assert!(!matches("$iothub/x", "$iothub/x"));
}

#[test]
fn fault_10_writing_connect_damages_what_stands_before_it() {
    let mut buffer = BytesMut::from(&[0xaa; 64][..]);
    Connect::new("d").write(&mut buffer).unwrap();
    let changed: Vec<usize> = (0..64).filter(|at| buffer[*at] != 0xaa).collect();
    assert_eq!(changed, [9]);
}

#[test]
fn fault_11_the_length_of_a_long_text_wraps_around() {
    let mut buffer = BytesMut::new();
    Publish::new("t".repeat(65_541), QoS::AtMostOnce, "").write(&mut buffer).unwrap();
    let Ok(Theirs::Publish(publish)) = read(&mut buffer, MAX) else { panic!("no PUBLISH") };
    assert_eq!((publish.topic.len(), publish.payload.len()), (5, 65_536));
}

#[test]
fn fault_12_a_refused_packet_leaves_a_part_of_it_behind() {
    let mut buffer = BytesMut::new();
    assert_eq!(Publish::new("a", QoS::AtLeastOnce, "").write(&mut buffer), Err(Error::PacketIdZero));
    assert_eq!(buffer.len(), 5);
}

#[test]
fn fault_13_passwords_have_to_be_text_and_empty_user_names_get_lost() {
    let binary = "10 14 00 04 4d515454 04 c0 00f0 0001 64 0001 75 0002 ff fe";
    assert_eq!(theirs(binary), Err(Error::TopicNotUtf8));
    let nameless = "10 0f 00 04 4d515454 04 80 00f0 0001 64 0000";
    assert!(matches!(theirs(nameless), Ok(Theirs::Connect(Connect { login: None, .. }))));
}

#[test]
fn fault_15_much_is_accepted_that_mqtt_forbids() {
    for (what, text) in [
        ("flags of a SUBSCRIBE", "80 06 0001 0001 61 00"),
        ("flags of a PINGREQ", "c8 00"),
        ("DUP at QoS 0", "38 03 0001 61"),
        ("reserved flag of a CONNECT", "10 0d 0004 4d515454 04 01 00f0 0001 64"),
        ("password without user name", "10 10 0004 4d515454 04 40 00f0 0001 64 0001 70"),
        ("SUBSCRIBE to nothing", "82 02 0001"),
        ("SUBSCRIBE to an empty filter", "82 05 0001 0000 00"),
        ("reserved options of a SUBSCRIBE", "82 06 0001 0001 61 fc"),
        ("UNSUBSCRIBE from nothing", "a2 02 0001"),
        ("packet identifier 0 in a PUBACK", "40 02 0000"),
        ("packet identifier 0 in a SUBSCRIBE", "82 06 0000 0001 61 00"),
        ("trailing bytes in a PUBACK", "40 03 0001 00"),
        ("trailing bytes in a CONNECT", "10 0e 0004 4d515454 04 00 00f0 0001 64 00"),
        ("trailing bytes in a PINGREQ", "c0 01 00"),
        ("trailing bytes in a DISCONNECT", "e0 01 00"),
        ("reserved flags of a CONNACK", "20 02 fe 00"),
        ("empty topic", "30 02 0000"),
        ("wildcard in a topic", "30 03 0001 23"),
        ("NUL in a topic", "30 03 0001 00"),
        ("over-long remaining length", "c0 80 00"),
    ] {
        assert!(theirs(text).is_ok(), "{what}: {text}");
    }
}

#[test]
fn fault_16_a_connect_of_another_version_is_read_as_something_else() {
    // MQTT 5, without properties.
    let connect = "10 0e 0004 4d515454 05 02 00f0 00 0001 64";
    let Ok(Theirs::Connect(misread)) = theirs(connect) else { panic!("no CONNECT") };
    assert_eq!(misread.client_id, "");
    // And the other way round.
    let connect = "10 0d 0004 4d515454 04 02 00f0 0000 00";
    assert!(v5::read(&mut BytesMut::from(&hex(connect)[..]), MAX).is_ok());
}

#[test]
fn fault_17_a_subscribe_of_nothings_takes_many_times_its_size() {
    const ENTRIES: usize = 10_000;
    let mut bytes = vec![0x82, 0xb2, 0xea, 0x01, 0, 1];
    bytes.extend([0; 3 * ENTRIES]);
    let Ok(Theirs::Subscribe(subscribe)) = read(&mut BytesMut::from(&bytes[..]), MAX) else {
        panic!("no SUBSCRIBE")
    };
    let taken = subscribe.filters.capacity() * size_of_val(&subscribe.filters[0]);
    assert!(taken > 10 * bytes.len(), "{taken} bytes for {}", bytes.len());
}
