//! What no hub and no device should read: what is wrong with it, and where.

use iothub_codec::{DecodeError, DecodeErrorKind, Field, Place, Publish, Qos, SystemProperty};

use crate::ends::device;
use crate::mark::refused;
use DecodeErrorKind::{BadQos, BadValue, Missing, UnknownProperty, UnknownTopic};

#[test]
fn what_a_hub_cannot_read_and_where() {
    let too_long = format!("$az/iot/twin/get/?rid=‸{}", "x".repeat(33));
    let property = |property| BadValue(Field::Property(property));
    for (marked, kind) in [
        ("‸", UnknownTopic),
        ("‸$az", UnknownTopic),
        ("‸$az/iot", UnknownTopic),
        ("‸$az/iot/", UnknownTopic),
        ("‸$az/iot/?", UnknownTopic),
        ("‸$az/iot/events/?a=1", UnknownTopic),
        ("‸$az/iot/Telemetry/?", UnknownTopic),
        ("‸$AZ/iot/telemetry/?", UnknownTopic),
        ("‸az/iot/telemetry/?", UnknownTopic),
        ("‸$az/iot/telemetry/", UnknownTopic),
        ("‸$az/iot/telemetry/mid=1", UnknownTopic),
        ("‸$az/iot/telemetry?mid=1", UnknownTopic),
        ("‸$az/iot/telemetry//?mid=1", UnknownTopic),
        ("‸$az/iot/twin/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/GET/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/get/all/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/patch/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/patch/desired/?rid=1", UnknownTopic),
        ("‸$az/iot/methods/a/b/response/?rid=1&rc=1", UnknownTopic),
        ("‸$az/iot/methods/response/?rid=1&rc=1", UnknownTopic),
        ("‸$az/iot/methods/a/Response/?rid=1&rc=1", UnknownTopic),
        ("$az/iot/methods/‸/response/?rid=1&rc=1", BadValue(Field::MethodName)),
        // What is missing would have stood at the end.
        ("$az/iot/twin/get‸", Missing(Field::RequestId)),
        ("$az/iot/twin/get/?‸", Missing(Field::RequestId)),
        ("$az/iot/twin/get/reported/?iv=1‸", Missing(Field::RequestId)),
        ("$az/iot/twin/patch/reported/?iv=3‸", Missing(Field::RequestId)),
        ("$az/iot/methods/a/response/?rc=1‸", Missing(Field::RequestId)),
        ("$az/iot/methods/a/response/?s=06A0‸", Missing(Field::RequestId)),
        ("$az/iot/methods/a/response/?rid=1‸", Missing(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&s=0000‸", Missing(Field::Status)),
        ("$az/iot/twin/get/?rid=‸", BadValue(Field::RequestId)),
        ("$az/iot/twin/get/?rid‸", BadValue(Field::RequestId)),
        (&too_long, BadValue(Field::RequestId)),
        ("$az/iot/twin/patch/reported/?rid=1&iv=‸", BadValue(Field::Version)),
        ("$az/iot/twin/patch/reported/?rid=1&iv=‸x", BadValue(Field::Version)),
        ("$az/iot/twin/patch/reported/?rid=1&iv=‸-1", BadValue(Field::Version)),
        ("$az/iot/twin/patch/reported/?rid=1&iv=‸+1", BadValue(Field::Version)),
        ("$az/iot/twin/patch/reported/?iv=‸18446744073709551616&rid=1", BadValue(Field::Version)),
        ("$az/iot/methods/a/response/?rid=1&rc=‸", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&rc=‸ok", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&rc=‸-1", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&rc=‸2147483648", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&s=‸6A0", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&s=‸006A0", BadValue(Field::Status)),
        ("$az/iot/methods/a/response/?rid=1&status=‸06G0", BadValue(Field::Status)),
        // No parameter of that operation, though perhaps of another.
        ("$az/iot/twin/get/?rid=1&‸$rid=1", UnknownProperty),
        ("$az/iot/twin/get/?rid=1&‸Rid=1", UnknownProperty),
        ("$az/iot/twin/get/?rid=1&‸iv=1", UnknownProperty),
        ("$az/iot/twin/get/?rid=1&‸@a=1", UnknownProperty),
        ("$az/iot/twin/get/reported/?rid=1&‸v=1", UnknownProperty),
        ("$az/iot/twin/patch/reported/?rid=1&‸ct=x", UnknownProperty),
        ("$az/iot/methods/a/response/?rid=1&rc=1&‸v=1", UnknownProperty),
        ("$az/iot/telemetry/?‸color=red", UnknownProperty),
        ("$az/iot/telemetry/?mid=1&‸$.ct=x", UnknownProperty),
        ("$az/iot/telemetry/?‸=x", UnknownProperty),
        ("$az/iot/telemetry/?‸rid=1", UnknownProperty),
        ("$az/iot/telemetry/?‸sn=1", UnknownProperty),
        ("$az/iot/telemetry/?‸et=1", UnknownProperty),
        ("$az/iot/telemetry/?crt=‸2020-10-01T00:00:00Z", property(SystemProperty::CreationTime)),
        ("$az/iot/telemetry/?crt=‸", property(SystemProperty::CreationTime)),
        ("$az/iot/telemetry/?@a=1&crt‸", property(SystemProperty::CreationTime)),
        // What only a hub sends.
        ("‸$az/iot/commands/?sn=1&et=2&ent=3&dc=4", UnknownTopic),
        ("‸$az/iot/methods/reboot/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/get/response/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/patch/response/?rid=1&v=1", UnknownTopic),
        ("‸$az/iot/twin/events/desired-changed/?v=1", UnknownTopic),
        // The other dialects.
        ("‸devices/dev-1/messages/events/", UnknownTopic),
        ("‸$iothub/telemetry", UnknownTopic),
    ] {
        refused(marked, kind, Place::Topic, |topic| {
            device().decode_to_hub(&Publish::new(topic, b"")).map(|read| format!("{read:?}"))
        });
    }
}

#[test]
fn what_a_device_cannot_read_and_where() {
    let missing = |property| Missing(Field::Property(property));
    let bad = |property| BadValue(Field::Property(property));
    use SystemProperty::{CreationTime, DeliveryCount, EnqueuedTime, Expiry, SequenceNumber};
    for (marked, kind) in [
        ("$az/iot/commands‸", missing(SequenceNumber)),
        ("$az/iot/commands/?et=2&ent=3&dc=4‸", missing(SequenceNumber)),
        ("$az/iot/commands/?sn=1&ent=3&dc=4‸", missing(Expiry)),
        ("$az/iot/commands/?sn=1&et=2&dc=4‸", missing(EnqueuedTime)),
        ("$az/iot/commands/?sn=1&et=2&ent=3‸", missing(DeliveryCount)),
        ("$az/iot/commands/?@sn=1&et=2&ent=3&dc=4‸", missing(SequenceNumber)),
        ("$az/iot/commands/?sn=‸x&et=2&ent=3&dc=4", bad(SequenceNumber)),
        ("$az/iot/commands/?sn=‸18446744073709551616", bad(SequenceNumber)),
        ("$az/iot/commands/?sn=1&et=‸2.5&ent=3&dc=4", bad(Expiry)),
        ("$az/iot/commands/?sn=1&et=2&ent=‸&dc=4", bad(EnqueuedTime)),
        ("$az/iot/commands/?sn=1&et=2&ent=3&dc=‸4294967296", bad(DeliveryCount)),
        ("$az/iot/commands/?sn=1&et=2&ent=3&dc=4&crt=‸now", bad(CreationTime)),
        ("$az/iot/commands/?sn=1&et=2&ent=3&dc=4&‸dts=x", UnknownProperty),
        ("$az/iot/commands/?sn=1&et=2&ent=3&dc=4&‸traceparent=x", UnknownProperty),
        ("$az/iot/commands/?sn=1&et=2&ent=3&dc=4&‸to=x", UnknownProperty),
        // Not the request of a method without its parameter.
        ("$az/iot/methods/reboot‸", Missing(Field::RequestId)),
        ("$az/iot/methods/‸", BadValue(Field::MethodName)),
        ("$az/iot/methods/‸/?rid=1", BadValue(Field::MethodName)),
        ("$az/iot/methods/‸a b/?rid=1", BadValue(Field::MethodName)),
        ("$az/iot/methods/‸+/?rid=1", BadValue(Field::MethodName)),
        ("‸$az/iot/methods", UnknownTopic),
        ("‸$az/iot/methods/a/b/?rid=1", UnknownTopic),
        ("$az/iot/methods/a/?rid=1&‸rc=1", UnknownProperty),
        ("$az/iot/methods/a/?rid=1&‸s=0100", UnknownProperty),
        ("$az/iot/twin/events/desired-changed‸", Missing(Field::Version)),
        ("$az/iot/twin/events/desired/changed/?‸", Missing(Field::Version)),
        ("$az/iot/twin/events/desired-changed/?v=‸1.5", BadValue(Field::Version)),
        ("$az/iot/twin/events/desired-changed/?v=1&‸rid=1", UnknownProperty),
        ("‸$az/iot/twin/events/desired_changed/?v=1", UnknownTopic),
        ("$az/iot/twin/get/response/?v=1‸", Missing(Field::RequestId)),
        ("$az/iot/twin/get/response/?rid=1&v=‸", BadValue(Field::Version)),
        ("$az/iot/twin/get/response/?rid=1&s=‸504", BadValue(Field::Status)),
        ("$az/iot/twin/get/response/?rid=1&‸ct=x", UnknownProperty),
        ("$az/iot/twin/patch/response/?rid=1‸", Missing(Field::Version)),
        ("$az/iot/twin/patch/response/?s=0104‸", Missing(Field::RequestId)),
        // What only a device sends.
        ("‸$az/iot/telemetry/?", UnknownTopic),
        ("‸$az/iot/twin/get/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/get/reported/?rid=1", UnknownTopic),
        ("‸$az/iot/twin/patch/reported/?rid=1", UnknownTopic),
        ("‸$az/iot/methods/a/response/?rid=1&rc=1", UnknownTopic),
    ] {
        refused(marked, kind, Place::Topic, |topic| {
            device().decode_to_device(&Publish::new(topic, b"")).map(|read| format!("{read:?}"))
        });
    }
}

#[test]
fn requests_and_answers_are_not_acknowledged() {
    let error = DecodeError { place: Place::Whole, kind: BadQos };
    let publish = |topic| Publish { qos: Qos::AtLeastOnce, ..Publish::new(topic, b"") };
    for topic in [
        "$az/iot/twin/get/?rid=1",
        "$az/iot/twin/get/reported/?rid=1",
        "$az/iot/twin/get/desired/?rid=1",
        "$az/iot/twin/patch/reported/?rid=1",
        "$az/iot/methods/a/response/?rid=1&rc=1",
        // Whatever else is wrong with them.
        "$az/iot/twin/get",
    ] {
        assert_eq!(device().decode_to_hub(&publish(topic)), Err(error), "{topic}");
    }
    for topic in [
        "$az/iot/methods/a/?rid=1",
        "$az/iot/twin/get/response/?rid=1",
        "$az/iot/twin/patch/response/?rid=1&v=1",
    ] {
        assert_eq!(device().decode_to_device(&publish(topic)), Err(error), "{topic}");
    }
    assert!(device().decode_to_hub(&publish("$az/iot/telemetry/?")).is_ok());
    for topic in ["$az/iot/commands/?sn=1&et=2&ent=3&dc=4", "$az/iot/twin/events/desired-changed/?v=1"] {
        assert!(device().decode_to_device(&publish(topic)).is_ok(), "{topic}");
    }
}

#[test]
fn what_filter_is_not_granted_and_where() {
    for marked in [
        "‸",
        "‸#",
        "‸+",
        "‸$az/iot/#",
        "‸$az/iot/+",
        "‸$az/iot/+/+",
        "‸$az/iot/commands/#",
        "‸$az/iot/commands/",
        "‸$az/iot/commands/?",
        "‸$az/iot/commands/+/+",
        "‸$az/iot/commands+",
        "‸$az/iot/telemetry/+",
        "‸$az/iot/events/+",
        "‸$az/iot/methods",
        "‸$az/iot/methods/",
        "‸$az/iot/methods/#",
        "‸$az/iot/methods/+/#",
        "‸$az/iot/methods//+",
        "‸$az/iot/methods/a+/+",
        "‸$az/iot/methods/+/a",
        "‸$az/iot/methods/a b/+",
        "‸$az/iot/methods/a/response",
        "‸$az/iot/methods/a/response/+",
        "‸$az/iot/methods/+/response/+",
        "‸$az/iot/twin/get/+",
        "‸$az/iot/twin/get/response/#",
        "‸$az/iot/twin/+/response/+",
        "‸$az/iot/twin/patch/reported/+",
        "‸$az/iot/twin/events/+",
        "‸$az/iot/twin/events/desired/+",
        "‸$az/iot/twin/events/desired_changed/+",
        "‸$iothub/methods/POST/#",
        "‸devices/dev-1/messages/devicebound/#",
    ] {
        refused(marked, UnknownTopic, Place::Filter, |filter| {
            device().decode_filter(filter).map(|read| format!("{read:?}"))
        });
    }
}
