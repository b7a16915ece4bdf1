//! What no hub and no device should read: what is wrong with it, and where.

use iothub_codec::{DecodeError, DecodeErrorKind, Field, Place, Publish, Qos, Status, SystemProperty};

use crate::ends::device;
use crate::wire::{publish, wire};
use DecodeErrorKind::{BadQos, BadValue, Missing, UnknownProperty, UnknownTopic};

#[derive(Clone, Copy, Debug)]
enum End {
    Hub,
    Device,
}

/// Why it cannot be read there.
fn refused(end: End, publish: &Publish<'_>) -> DecodeError {
    match end {
        End::Hub => device().decode_to_hub(publish).map(|read| format!("{read:?}")),
        End::Device => device().decode_to_device(publish).map(|read| format!("{read:?}")),
    }
    .expect_err("it is not to be read")
}

#[test]
fn topics_are_exact() {
    // Good enough for every message that has one of the topics below.
    let (bytes, _) = wire("09 \"1\"");
    for (end, topic, at, kind) in [
        (End::Hub, "", 0, UnknownTopic),
        (End::Hub, "$iothub", 0, UnknownTopic),
        (End::Hub, "$iothub/", 0, UnknownTopic),
        (End::Hub, "$iothub/telemetry/", 0, UnknownTopic),
        (End::Hub, "$iothub/Telemetry", 0, UnknownTopic),
        (End::Hub, "$iothub/telemetry/a=1", 0, UnknownTopic),
        (End::Hub, "$iothub/twin/get/", 0, UnknownTopic),
        (End::Hub, "$iothub/twin", 0, UnknownTopic),
        (End::Hub, "$iothub/twin/patch", 0, UnknownTopic),
        (End::Hub, "$iothub/twin/patch/reported/", 0, UnknownTopic),
        (End::Hub, "$iothub/responses/", 0, UnknownTopic),
        (End::Hub, "iothub/telemetry", 0, UnknownTopic),
        (End::Hub, "telemetry", 0, UnknownTopic),
        // What only a hub sends.
        (End::Hub, "$iothub/commands", 0, UnknownTopic),
        (End::Hub, "$iothub/methods/reboot", 0, UnknownTopic),
        (End::Hub, "$iothub/twin/patch/desired", 0, UnknownTopic),
        // The other dialects.
        (End::Hub, "devices/dev-1/messages/events/", 0, UnknownTopic),
        (End::Hub, "$iothub/twin/GET/?$rid=1", 0, UnknownTopic),
        (End::Hub, "$az/iot/telemetry", 0, UnknownTopic),
        (End::Device, "$iothub/commands/", 0, UnknownTopic),
        (End::Device, "$iothub/methods", 0, UnknownTopic),
        (End::Device, "$iothub/methods/", 16, BadValue(Field::MethodName)),
        (End::Device, "$iothub/methods/reboot/", 0, UnknownTopic),
        (End::Device, "$iothub/methods/a/b", 0, UnknownTopic),
        (End::Device, "$iothub/methods//", 0, UnknownTopic),
        (End::Device, "methods/reboot", 0, UnknownTopic),
        // What only a device sends.
        (End::Device, "$iothub/telemetry", 0, UnknownTopic),
        (End::Device, "$iothub/twin/get", 0, UnknownTopic),
        (End::Device, "$iothub/twin/patch/reported", 0, UnknownTopic),
    ] {
        let message = Publish { properties: publish(&bytes), ..Publish::new(topic, b"") };
        assert_eq!(refused(end, &message), DecodeError { place: Place::Topic(at), kind }, "{topic}");
    }
}

#[test]
fn what_is_wrong_in_a_section_and_where() {
    let property = |property| BadValue(Field::Property(property));
    let missing = |property| Missing(Field::Property(property));
    use SystemProperty::{CreationTime, DeliveryCount, EnqueuedTime, SequenceNumber};
    for (end, topic, section, kind) in [
        // Names are exact, and application properties are marked.
        (End::Hub, "telemetry", "@a=1 ‸color=red", UnknownProperty),
        (End::Hub, "telemetry", "‸a@b=1", UnknownProperty),
        (End::Hub, "telemetry", "message-id=1 ‸Message-Id=1", UnknownProperty),
        (End::Hub, "telemetry", "‸=1", UnknownProperty),
        (End::Hub, "telemetry", "‸26 \"Content Type\" \"x\"", UnknownProperty),
        (End::Hub, "telemetry", "‸content-type=x", UnknownProperty),
        (End::Hub, "telemetry", "‸sequence-no=1", UnknownProperty),
        (End::Hub, "telemetry", "‸version=1", UnknownProperty),
        (End::Hub, "telemetry", "‸status=0100", UnknownProperty),
        (End::Hub, "telemetry", "‸creation-time=", property(CreationTime)),
        (End::Hub, "telemetry", "@a=1 ‸creation-time=2020-01-01T00:00:00Z", property(CreationTime)),
        (End::Hub, "telemetry", "‸creation-time=-1", property(CreationTime)),
        (End::Hub, "telemetry", "‸creation-time=+1", property(CreationTime)),
        (End::Hub, "telemetry", "‸creation-time=18446744073709551616", property(CreationTime)),
        (End::Hub, "twin/get", "‸", Missing(Field::CorrelationData)),
        (End::Hub, "twin/get", "08 \"x\"‸", Missing(Field::CorrelationData)),
        (End::Hub, "twin/get", "‸09 0000", BadValue(Field::CorrelationData)),
        (End::Hub, "twin/get", "01 00 ‸09 \"0123456789abcdefX\"", BadValue(Field::CorrelationData)),
        (End::Hub, "twin/get", "09 \"1\" ‸if-version=1", UnknownProperty),
        (End::Hub, "twin/get", "09 \"1\" ‸@a=1", UnknownProperty),
        (End::Hub, "twin/patch/reported", "if-version=1‸", Missing(Field::CorrelationData)),
        (End::Hub, "twin/patch/reported", "09 \"1\" ‸if-version=", BadValue(Field::Version)),
        (End::Hub, "twin/patch/reported", "09 \"1\" ‸if-version=1.5", BadValue(Field::Version)),
        (
            End::Hub,
            "twin/patch/reported",
            "‸if-version=18446744073709551616 09 \"1\"",
            BadValue(Field::Version),
        ),
        (End::Hub, "twin/patch/reported", "09 \"1\" ‸version=1", UnknownProperty),
        (End::Hub, "twin/patch/reported", "09 \"1\" ‸If-Version=1", UnknownProperty),
        (End::Hub, "responses", "response-code=200‸", Missing(Field::CorrelationData)),
        (End::Hub, "responses", "09 \"1\"‸", Missing(Field::Status)),
        (End::Hub, "responses", "09 \"1\" status=0000‸", Missing(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸response-code=", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸response-code=-1", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸response-code=2147483648", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸status=100", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸status=+100", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸status=0x10", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸status=01000", BadValue(Field::Status)),
        (End::Hub, "responses", "09 \"1\" ‸version=1", UnknownProperty),
        (End::Hub, "responses", "09 \"1\" response-code=1 ‸content-encoding=utf-8", UnknownProperty),
        (End::Hub, "responses", "09 \"1\" response-code=1 ‸@a=1", UnknownProperty),
        (End::Device, "commands", "‸", missing(SequenceNumber)),
        (End::Device, "commands", "enqueued-time=1 delivery-count=1‸", missing(SequenceNumber)),
        (End::Device, "commands", "sequence-no=1 delivery-count=1 @a=1‸", missing(EnqueuedTime)),
        (End::Device, "commands", "sequence-no=1 enqueued-time=1‸", missing(DeliveryCount)),
        (End::Device, "commands", "‸sequence-no=x", property(SequenceNumber)),
        (End::Device, "commands", "sequence-no=1 ‸delivery-count=4294967296", property(DeliveryCount)),
        (End::Device, "commands", "‸enqueued-time=now", property(EnqueuedTime)),
        (End::Device, "commands", "sequence-no=1 ‸to=x", UnknownProperty),
        (End::Device, "methods/m", "‸", Missing(Field::CorrelationData)),
        (End::Device, "methods/m", "09 \"1\" ‸content-encoding=utf-8", UnknownProperty),
        (End::Device, "methods/m", "09 \"1\" ‸@a=1", UnknownProperty),
        (End::Device, "twin/patch/desired", "‸", Missing(Field::Version)),
        (End::Device, "twin/patch/desired", "09 \"1\"‸", Missing(Field::Version)),
        (End::Device, "twin/patch/desired", "‸version=one", BadValue(Field::Version)),
        (End::Device, "twin/patch/desired", "version=1 ‸if-version=1", UnknownProperty),
        (End::Device, "responses", "version=1‸", Missing(Field::CorrelationData)),
        (End::Device, "responses", "09 \"1\" ‸version=", BadValue(Field::Version)),
        (End::Device, "responses", "09 \"1\" ‸response-code=200", UnknownProperty),
        (End::Device, "responses", "09 \"1\" ‸status=", BadValue(Field::Status)),
    ] {
        let (bytes, at) = wire(section);
        let topic = format!("$iothub/{topic}");
        let message = Publish { properties: publish(&bytes), ..Publish::new(&topic, b"") };
        let error = DecodeError { place: Place::Properties(at.expect("there is a mark")), kind };
        assert_eq!(refused(end, &message), error, "{topic} {section}");
        assert_eq!(error.status(), Status::BAD_REQUEST);
    }
}

/// B7: the only place for the refusal is the acknowledgement, and the request is not carried out.
#[test]
fn requests_are_not_made_at_qos_1() {
    let (bytes, _) = wire("09 \"1\"");
    for (end, topic) in [
        (End::Hub, "$iothub/twin/get"),
        (End::Hub, "$iothub/twin/patch/reported"),
        (End::Device, "$iothub/methods/m"),
    ] {
        let message =
            Publish { qos: Qos::AtLeastOnce, properties: publish(&bytes), ..Publish::new(topic, b"") };
        let error = refused(end, &message);
        assert_eq!(error, DecodeError { place: Place::Whole, kind: BadQos }, "{topic}");
        assert_eq!(error.status(), Status::BAD_REQUEST);
    }
}
