use iothub_codec::DecodeErrorKind::{self, BadValue, Missing, UnknownTopic};
use iothub_codec::{
    DecodeError, EncodeError, Field, Filter, Filters, Place, ProvisioningReply, Publish, Qos, Register,
    RegistrationStatus, RequestId, Text, ToProvisioning,
};

use crate::mark;

#[test]
fn requests_are_written_as_documented_and_read_back() {
    let request = RequestId::new(b"a1").unwrap();
    let register = Register { request, payload: br#"{"registrationId":"reg-1"}"# };
    let mut out = [0; 128];
    let publish = register.encode(&mut out).unwrap();
    assert_eq!(publish.topic, "$dps/registrations/PUT/iotdps-register/?$rid=a1");
    assert_eq!(publish.payload, register.payload);
    assert_eq!(publish.qos, Qos::AtLeastOnce);
    assert_eq!(ToProvisioning::decode(&publish), Ok(ToProvisioning::Register(register)));

    for (operation, written) in [("4.op1", "4.op1"), ("a&b/c", "a%26b%2Fc")] {
        let status = RegistrationStatus { request, operation: Text::plain(operation) };
        let publish = status.encode(&mut out).unwrap();
        let topic =
            format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=a1&operationId={written}");
        assert_eq!(publish.topic, topic);
        assert_eq!(publish.payload, b"");
        assert_eq!(publish.qos, Qos::AtLeastOnce);
        assert_eq!(ToProvisioning::decode(&publish), Ok(ToProvisioning::Status(status)));
    }
}

#[test]
fn replies_are_written_as_documented_and_read_back() {
    for (topic, code, retry_after_s) in [
        ("$dps/registrations/res/202/?$rid=a1&retry-after=3", 202, Some(3)),
        ("$dps/registrations/res/200/?$rid=a1", 200, None),
        ("$dps/registrations/res/401/?$rid=a1", 401, None),
        ("$dps/registrations/res/429/?$rid=a1&retry-after=30", 429, Some(30)),
    ] {
        let request = RequestId::new(b"a1").unwrap();
        let reply = ProvisioningReply { request, code, retry_after_s, payload: b"{}" };
        let mut out = [0; 64];
        let publish = reply.encode(&mut out).unwrap();
        assert_eq!((publish.topic, publish.payload, publish.qos), (topic, &b"{}"[..], Qos::AtLeastOnce));
        assert_eq!(ProvisioningReply::decode(&publish), Ok(reply));
    }
}

#[test]
fn what_clients_and_services_write_differently_is_read_as_well() {
    for (topic, expected) in [
        ("$dps/registrations/res/202/?$rid=a1&Retry-After=3", Some(3)),
        ("$dps/registrations/res/202/?retry-after=3&$rid=a1", Some(3)),
        ("$dps/registrations/res/202/?%24rid=a1&retry-after=3&x=y", Some(3)),
        ("$dps/registrations/res/202/?$rid=a1&x", None),
    ] {
        let reply = ProvisioningReply::decode(&Publish::new(topic, b"")).unwrap();
        assert_eq!(
            (reply.request.to_buf().as_bytes(), reply.retry_after_s),
            (&b"a1"[..], expected),
            "{topic}"
        );
    }
    // Two clients send a space where there is nothing to say.
    let topic = "$dps/registrations/GET/iotdps-get-operationstatus/?operationId=4.op1&$rid=a1";
    assert!(matches!(ToProvisioning::decode(&Publish::new(topic, b" ")), Ok(ToProvisioning::Status(_))));
}

#[test]
fn what_a_device_cannot_have_sent_is_refused_at_its_place() {
    for (marked, kind) in [
        ("‸$dps/registrations/PUT/iotdps-register", UnknownTopic),
        ("$dps/registrations/PUT/iotdps-register/‸", Missing(Field::RequestId)),
        ("$dps/registrations/PUT/iotdps-register/?‸", Missing(Field::RequestId)),
        ("$dps/registrations/PUT/iotdps-register/?$rid=‸", BadValue(Field::RequestId)),
        ("$dps/registrations/PUT/iotdps-register/?$rid=‸a#", BadValue(Field::RequestId)),
        ("‸$dps/registrations/PUT/iotdps-register/$rid=1", UnknownTopic),
        ("‸$dps/registrations/POST/iotdps-register/?$rid=1", UnknownTopic),
        ("‸$dps/registrations/GET/iotdps-register/?$rid=1", UnknownTopic),
        ("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1‸", Missing(Field::OperationId)),
        ("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=x‸", Missing(Field::RequestId)),
        (
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=‸",
            BadValue(Field::OperationId),
        ),
        ("‸$dps/registrations/res/200/?$rid=1", UnknownTopic),
        ("‸$iothub/twin/GET/?$rid=1", UnknownTopic),
        ("‸", UnknownTopic),
    ] {
        assert_refused(marked, kind, |publish| ToProvisioning::decode(publish).map(|_| ()));
    }
}

#[test]
fn what_the_service_cannot_have_sent_is_refused_at_its_place() {
    for (marked, kind) in [
        ("‸$dps/registrations/res/200", UnknownTopic),
        ("$dps/registrations/res/200/‸", Missing(Field::RequestId)),
        ("$dps/registrations/res/‸/?$rid=1", BadValue(Field::Status)),
        ("$dps/registrations/res/‸+200/?$rid=1", BadValue(Field::Status)),
        ("$dps/registrations/res/‸99/?$rid=1", BadValue(Field::Status)),
        ("$dps/registrations/res/‸1000/?$rid=1", BadValue(Field::Status)),
        ("$dps/registrations/res/200/?$rid=1&retry-after=‸", BadValue(Field::RetryAfter)),
        ("$dps/registrations/res/200/?$rid=1&retry-after=‸soon", BadValue(Field::RetryAfter)),
        ("$dps/registrations/res/200/?$rid=1&retry-after=‸4294967296", BadValue(Field::RetryAfter)),
        ("‸$dps/registrations/PUT/iotdps-register/?$rid=1", UnknownTopic),
    ] {
        assert_refused(marked, kind, |publish| ProvisioningReply::decode(publish).map(|_| ()));
    }
}

fn assert_refused(
    marked: &str,
    kind: DecodeErrorKind,
    decode: impl Fn(&Publish<'_>) -> Result<(), DecodeError>,
) {
    mark::refused(marked, kind, Place::Topic, |topic| decode(&Publish::new(topic, b"")));
}

#[test]
fn what_cannot_be_written_is_not() {
    let request = RequestId::new(b"a1").unwrap();
    let unwritable = RequestId::new(b"a&b").unwrap();
    let mut out = [0; 128];
    assert_eq!(
        Register { request: unwritable, payload: b"" }.encode(&mut out),
        Err(EncodeError::BadValue(Field::RequestId))
    );
    let status = |operation| RegistrationStatus { request, operation: Text::plain(operation) };
    assert_eq!(status("").encode(&mut out), Err(EncodeError::BadValue(Field::OperationId)));
    let long = "a".repeat(66_000);
    let len = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=a1&operationId=".len() + long.len();
    assert_eq!(status(&long).encode(&mut out), Err(EncodeError::TopicTooLong { len }));
    for code in [0, 99, 1000] {
        let reply = ProvisioningReply { request, code, retry_after_s: None, payload: b"" };
        assert_eq!(reply.encode(&mut out), Err(EncodeError::BadValue(Field::Status)), "{code}");
    }
}

#[test]
fn replies_say_whether_to_go_on_to_wait_or_to_give_up() {
    for (code, success, retryable) in [
        (200, true, false),
        (202, true, false),
        (299, true, false),
        (300, false, false),
        (401, false, false),
        (428, false, false),
        (429, false, true),
        (500, false, true),
        (503, false, true),
    ] {
        let request = RequestId::from_u32(1);
        let reply = ProvisioningReply { request, code, retry_after_s: None, payload: b"" };
        assert_eq!((reply.is_success(), reply.is_retryable()), (success, retryable), "{code}");
    }
}

#[test]
fn there_is_one_filter_and_the_service_knows_no_other() {
    let filters = ProvisioningReply::filters();
    assert_eq!(Filters::from_subscribe(filters.as_wire()), Ok(filters));
    let expected = Filter { topic: "$dps/registrations/res/#", qos: Qos::AtLeastOnce };
    assert_eq!(filters.iter().collect::<Vec<_>>(), [expected]);
    assert_eq!(ProvisioningReply::decode_filter(expected.topic), Ok(()));
    for other in ["$dps/registrations/res/+", "$dps/registrations/#", "$dps/#", "#", ""] {
        let error = DecodeError { place: Place::Filter(0), kind: UnknownTopic };
        assert_eq!(ProvisioningReply::decode_filter(other), Err(error), "{other}");
    }
}
