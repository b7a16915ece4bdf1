//! Acknowledgements, and the ends of connections.

use iothub_codec::{
    Ack, Codec, DecodeError, DecodeErrorKind, Detail, Dialect, EncodeError, Field, Outcome, Place,
    PropertySection, Publish, SectionOf, Status, Text,
};

use crate::ends::device;
use crate::wire::{section, wire};

/// The tables of the references: telemetry's, commands', and the list of all responses.
const TABLE: &[(u8, u16, bool, bool)] = &[
    (0, 0x0000, false, false),
    (0, 0x0001, false, false),
    (131, 0x0100, true, false),
    (135, 0x0101, false, true),
    (131, 0x0102, true, false),
    (131, 0x0103, true, true),
    (131, 0x0104, false, false),
    (151, 0x0501, false, false),
    (151, 0x0502, false, false),
    (131, 0x0503, true, false),
    (131, 0x0504, true, false),
    (131, 0x0601, false, true),
    (131, 0x0602, false, true),
    (131, 0x0603, false, true),
    (131, 0x06A0, false, false),
    (131, 0x06A1, true, true),
    (131, 0x06A2, true, false),
];

#[test]
fn each_outcome_has_its_reason_code_and_properties() {
    assert_eq!(TABLE.len(), Status::ALL.len());
    for (reason_code, code, reason, trace_id) in TABLE.iter().copied() {
        let status = Status::from_code(code);
        let outcome = Outcome {
            status,
            reason: reason.then_some(Text::plain("too hot")),
            trace_id: trace_id.then_some(Text::plain("t-1")),
        };
        let mut words = String::new();
        if code != 0 {
            words += &format!("status={code:04X}");
        }
        if reason {
            words += " 26 \"reason\" \"too hot\"";
        }
        if trace_id {
            words += " trace-id=t-1";
        }
        let all =
            Outcome { reason: Some(Text::plain("too hot")), trace_id: Some(Text::plain("t-1")), status };
        for said in [outcome, all] {
            let mut out = [0; 128];
            let ack = device().encode_ack(&said, Detail::FULL, &mut out).unwrap();
            assert_eq!(ack.reason_code, reason_code, "{status}");
            assert_eq!(ack.properties.as_wire(), wire(&words).0, "{status}");
            for of in [SectionOf::PubAck, SectionOf::ConnAck, SectionOf::Disconnect] {
                assert_eq!(section(ack.properties.as_wire(), of), ack.properties);
            }
            assert_eq!(device().decode_ack(&ack), Ok(outcome), "{status}");
        }
    }
}

/// B6: at QoS 1 the acknowledgement says it, and at QoS 0 the end of the connection.
#[test]
fn a_topic_that_is_not_defined_is_refused_either_way() {
    let error = device().decode_to_hub(&Publish::new("$iothub/telemetry/", b"")).unwrap_err();
    let outcome = Outcome { reason: Some(Text::plain("no such topic")), ..Outcome::new(error.status()) };
    let mut out = [0; 64];
    let ack = device().encode_ack(&outcome, Detail::FULL, &mut out).unwrap();
    let (bytes, _) = wire("status=0504 26 \"reason\" \"no such topic\"");
    assert_eq!((ack.reason_code, ack.properties.as_wire()), (131, &bytes[..]));
    let end = Ack { reason_code: Ack::TOPIC_NAME_INVALID, ..ack };
    assert_eq!(end.reason_code, 144);
    for said in [ack, end, Ack { properties: PropertySection::EMPTY, ..end }] {
        let read = device().decode_ack(&said).unwrap();
        assert_eq!(read.status, Status::NOT_FOUND);
        assert!(!read.status.is_retryable(), "B13: whatever its bits say");
    }
}

#[test]
fn a_device_takes_a_command_or_leaves_it_or_throws_it_away() {
    for (outcome, reason_code, words) in [
        (Outcome::DONE, 0, ""),
        (Outcome::ABANDONED, 131, "status=0603"),
        (Outcome::REJECTED, 131, "status=0100"),
    ] {
        let mut out = [0; 32];
        let ack = device().encode_ack(&outcome, Detail::FULL, &mut out).unwrap();
        assert_eq!((ack.reason_code, ack.properties.as_wire()), (reason_code, &wire(words).0[..]));
        assert_eq!(device().decode_ack(&ack), Ok(outcome));
    }
}

#[test]
fn what_has_no_room_is_left_out_from_the_end() {
    let outcome = Outcome {
        status: Status::CONFLICT,
        reason: Some(Text::plain("busy")),
        trace_id: Some(Text::plain("t")),
    };
    let (status, reason, trace_id) = ("status=0103", "reason=busy", "trace-id=t");
    let len = |words: &str| wire(words).0.len();
    let (one, two) = (len(status), len(status) + len(reason));
    let three = two + len(trace_id);
    for (detail, words) in [
        (Detail::ReasonCode, String::new()),
        (Detail::UpTo(0), String::new()),
        (Detail::UpTo(one - 1), String::new()),
        (Detail::UpTo(one), status.to_owned()),
        (Detail::UpTo(two - 1), status.to_owned()),
        (Detail::UpTo(two), format!("{status} {reason}")),
        (Detail::UpTo(three - 1), format!("{status} {reason}")),
        (Detail::UpTo(three), format!("{status} {reason} {trace_id}")),
        (Detail::FULL, format!("{status} {reason} {trace_id}")),
    ] {
        let mut out = [0; 64];
        let ack = device().encode_ack(&outcome, detail, &mut out).unwrap();
        assert_eq!(ack.reason_code, 131);
        assert_eq!(ack.properties.as_wire(), wire(&words).0, "{detail:?}");
    }
    // A long reason does not make room for the trace id behind it.
    let long = "x".repeat(70_000);
    let outcome = Outcome { reason: Some(Text::plain(&long)), ..outcome };
    let mut out = [0; 64];
    let ack = device().encode_ack(&outcome, Detail::UpTo(64), &mut out).unwrap();
    assert_eq!(ack.properties.as_wire(), wire(status).0);
    let too_long = device().encode_ack(&outcome, Detail::FULL, &mut out);
    assert_eq!(too_long, Err(EncodeError::PropertyTooLong { len: 70_000 }));
}

#[test]
fn the_size_named_is_enough_and_no_more_than_enough() {
    let outcome = Outcome { reason: Some(Text::plain("why")), ..Outcome::REJECTED };
    let small = device().encode_ack(&outcome, Detail::FULL, &mut []);
    let Err(EncodeError::BufferTooSmall { needed }) = small else { panic!("{small:?}") };
    assert!(device().encode_ack(&outcome, Detail::FULL, &mut vec![0; needed]).is_ok());
    assert_eq!(device().encode_ack(&outcome, Detail::FULL, &mut vec![0; needed - 1]), small);
}

#[test]
fn a_reason_code_alone_says_what_comes_closest() {
    for (codes, status) in [
        (&[0, 0x10, 0x7F][..], Status::SUCCESS),
        (&[0x81, 0x82, 0x94, 0x95, 0x99], Status::BAD_REQUEST),
        (&[0x86, 0x87, 0x8A, 0x8C], Status::NOT_AUTHORIZED),
        (&[0x88, 0x89, 0x8B], Status::SERVER_BUSY),
        (&[0x8E, 0x91], Status::CONFLICT),
        (&[0x8F, 0x90], Status::NOT_FOUND),
        (&[0x93, 0x96, 0x9F], Status::THROTTLED),
        (&[0x97], Status::QUOTA_EXCEEDED),
        (&[0x9A, 0x9B, 0x9E, 0xA1, 0xA2], Status::NOT_ALLOWED),
        (&[0x80, 0x83, 0xFF], Status::SERVER_ERROR),
    ] {
        for reason_code in codes.iter().copied() {
            let ack = Ack { reason_code, properties: PropertySection::EMPTY };
            assert_eq!(device().decode_ack(&ack), Ok(Outcome::new(status)), "{reason_code:#x}");
        }
    }
}

#[test]
fn more_is_read_than_is_written() {
    let outcome = |status, reason, trace_id: Option<&'static str>| Outcome {
        status,
        reason: Option::map(reason, Text::plain),
        trace_id: trace_id.map(Text::plain),
    };
    for (reason_code, words, expected) in [
        // Any case, any order, and properties of others.
        (131, "trace-id=t reason=r status=06a0", outcome(Status::TARGET_UNAVAILABLE, Some("r"), Some("t"))),
        (131, "other=1 status=0100 @a=1", outcome(Status::BAD_REQUEST, None, None)),
        (0, "status=0000", outcome(Status::SUCCESS, None, None)),
        (131, "status=0199", outcome(Status::from_code(0x0199), None, None)),
        // MQTT's own place for words, unless there are better ones.
        (135, "1f \"no\"", outcome(Status::NOT_AUTHORIZED, Some("no"), None)),
        (131, "reason=because 1f \"no\"", outcome(Status::SERVER_ERROR, Some("because"), None)),
        // A reason code that MQTT has for more than the statuses say.
        (144, "reason=undefined", outcome(Status::NOT_FOUND, Some("undefined"), None)),
        (144, "status=0504", outcome(Status::NOT_FOUND, None, None)),
    ] {
        let (bytes, _) = wire(words);
        let ack = Ack { reason_code, properties: section(&bytes, SectionOf::PubAck) };
        assert_eq!(device().decode_ack(&ack), Ok(expected), "{words}");
    }
}

#[test]
fn a_status_must_be_one_and_fit_the_reason_code() {
    for (reason_code, words) in [
        (131, "@a=1 ‸status=1"),
        (131, "‸status="),
        (131, "‸status=01000"),
        (131, "reason=x ‸status=zzzz"),
        (131, "‸status=0000"),
        (151, "‸status=0001"),
        (0, "‸status=0501"),
    ] {
        let (bytes, at) = wire(words);
        let ack = Ack { reason_code, properties: section(&bytes, SectionOf::PubAck) };
        let error = DecodeError {
            place: Place::Properties(at.unwrap()),
            kind: DecodeErrorKind::BadValue(Field::Status),
        };
        assert_eq!(device().decode_ack(&ack), Err(error), "{words}");
    }
}

#[test]
fn without_mqtt_5_there_is_only_success() {
    for dialect in [Dialect::Classic, Dialect::Preview311] {
        let codec = Codec::new(dialect, device().identity());
        let done = Ack { reason_code: 0, properties: PropertySection::EMPTY };
        assert_eq!(codec.encode_ack(&Outcome::DONE, Detail::FULL, &mut []), Ok(done));
        assert_eq!(codec.decode_ack(&done), Ok(Outcome::DONE));
        for outcome in [Outcome::ABANDONED, Outcome::REJECTED, Outcome::new(Status::NOT_MODIFIED)] {
            let refused = codec.encode_ack(&outcome, Detail::ReasonCode, &mut []);
            assert_eq!(refused, Err(EncodeError::NotExpressible), "{outcome:?}");
        }
        let ack = Ack { reason_code: 131, ..done };
        let error = DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::Status) };
        assert_eq!(codec.decode_ack(&ack), Err(error));
    }
}
