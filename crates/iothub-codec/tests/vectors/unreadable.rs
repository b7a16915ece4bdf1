//! What no hub and no device should read: what is wrong with it, and where.

use iothub_codec::{Codec, DecodeError, DecodeErrorKind, Field, Place, Publish, Status};

use crate::ends::{device, module};
use crate::mark::refused;
use DecodeErrorKind::{
    BadQos, BadValue, Malformed, Missing, NotAllowed, UnknownProperty, UnknownTopic, Wildcard, WrongDevice,
};

#[test]
fn what_a_hub_cannot_read_and_where() {
    let too_long = format!("$iothub/twin/GET/?$rid=‸{}", "x".repeat(65));
    for (codec, marked, kind) in [
        (device(), "‸", UnknownTopic),
        (device(), "‸devices", UnknownTopic),
        (device(), "devices/‸", WrongDevice),
        (device(), "‸Devices/dev-1/messages/events/", UnknownTopic),
        (device(), "‸devices/dev-1", UnknownTopic),
        (device(), "‸devices/dev-1/", UnknownTopic),
        (device(), "‸devices/dev-1/messages", UnknownTopic),
        (device(), "‸devices/dev-1/messages/eventsx", UnknownTopic),
        (device(), "‸devices/dev-1/messages/events?a=1", UnknownTopic),
        (device(), "‸devices/dev-1/messages/Events/", UnknownTopic),
        (device(), "devices/‸dev-2/messages/events/", WrongDevice),
        (device(), "devices/‸dev-10/messages/events/", WrongDevice),
        (device(), "devices/‸DEV-1/messages/events/", WrongDevice),
        (device(), "devices/‸dev%2D1/messages/events/", WrongDevice),
        (device(), "devices/‸+/messages/events/", WrongDevice),
        (device(), "devices/dev-1/‸modules/mod-1/messages/events/", WrongDevice),
        (module(), "devices/dev-1/‸messages/events/", WrongDevice),
        (module(), "devices/dev-1/modules/‸mod-2/messages/events/", WrongDevice),
        (module(), "devices/‸dev-2/modules/mod-1/messages/events/", WrongDevice),
        (module(), "devices/dev-1/‸modules", WrongDevice),
        (module(), "‸devices/dev-1/modules/mod-1", UnknownTopic),
        (device(), "‸$iothub", UnknownTopic),
        (device(), "‸$iothub/twin/GETT/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/get/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/GET?$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/GET/$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/PATCH/properties/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/methods/res/200", UnknownTopic),
        (device(), "$iothub/twin/GET/‸", Missing(Field::RequestId)),
        (device(), "$iothub/twin/GET/?‸", Missing(Field::RequestId)),
        (device(), "$iothub/twin/GET/?rid=1‸", Missing(Field::RequestId)),
        (device(), "$iothub/twin/GET/?$rid=‸", BadValue(Field::RequestId)),
        (device(), "$iothub/twin/GET/?$rid‸", BadValue(Field::RequestId)),
        (device(), "$iothub/twin/GET/?$rid‸&a=1", BadValue(Field::RequestId)),
        (device(), "$iothub/twin/GET/?$rid=‸a\u{7}", BadValue(Field::RequestId)),
        (device(), &too_long, BadValue(Field::RequestId)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=‸", BadValue(Field::Version)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=1&$version‸", BadValue(Field::Version)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=‸x", BadValue(Field::Version)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=‸-1", BadValue(Field::Version)),
        (device(), "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=‸+1", BadValue(Field::Version)),
        (
            device(),
            "$iothub/twin/PATCH/properties/reported/?$version=‸18446744073709551616&$rid=1",
            BadValue(Field::Version),
        ),
        (device(), "$iothub/methods/res/‸/?$rid=1", BadValue(Field::Status)),
        (device(), "$iothub/methods/res/‸ok/?$rid=1", BadValue(Field::Status)),
        (device(), "$iothub/methods/res/‸+1/?$rid=1", BadValue(Field::Status)),
        (device(), "$iothub/methods/res/‸2147483648/?$rid=1", BadValue(Field::Status)),
        (device(), "$iothub/methods/res/‸2.5/?$rid=", BadValue(Field::Status)),
        (device(), "$iothub/methods/res/200/‸", Missing(Field::RequestId)),
        // What only a hub sends.
        (device(), "‸devices/dev-1/messages/devicebound/%24.to=x", UnknownTopic),
        (module(), "‸devices/dev-1/modules/mod-1/inputs/in1/", UnknownTopic),
        (device(), "‸$iothub/methods/POST/reboot/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/res/200/?$rid=00000001", UnknownTopic),
        (device(), "‸$iothub/twin/PATCH/properties/desired/?$version=1", UnknownTopic),
        // The other dialects.
        (device(), "‸$az/iot/telemetry/?a=1", UnknownTopic),
        (device(), "‸$iothub/telemetry", UnknownTopic),
    ] {
        refused(marked, kind, Place::Topic, |topic| {
            codec.decode_to_hub(&Publish::new(topic, b"")).map(|read| format!("{read:?}"))
        });
    }
}

#[test]
fn what_a_device_cannot_read_and_where() {
    for (codec, marked, kind) in [
        (device(), "devices/‸dev-2/messages/devicebound/", WrongDevice),
        (module(), "devices/dev-1/‸messages/devicebound/", WrongDevice),
        (device(), "‸devices/dev-1/messages/deviceBound/", UnknownTopic),
        (device(), "‸devices/dev-1/messages/devicebound", UnknownTopic),
        (device(), "‸devices/dev-1/inputs/in1/", UnknownTopic),
        (module(), "‸devices/dev-1/modules/mod-1/inputs/in1", UnknownTopic),
        (module(), "devices/dev-1/modules/mod-1/inputs/‸/", BadValue(Field::InputName)),
        // Old documents give the topic of a method without its parameter.
        (device(), "$iothub/methods/POST/reboot/‸", Missing(Field::RequestId)),
        (device(), "‸$iothub/methods/POST/reboot", UnknownTopic),
        (device(), "$iothub/methods/POST/‸/?$rid=1", BadValue(Field::MethodName)),
        (device(), "$iothub/twin/PATCH/properties/desired/‸", Missing(Field::Version)),
        (device(), "$iothub/twin/PATCH/properties/desired/?$version=‸1.5", BadValue(Field::Version)),
        (device(), "$iothub/twin/res/‸/?$rid=1", BadValue(Field::Status)),
        (device(), "$iothub/twin/res/200/?$version=1‸", Missing(Field::RequestId)),
        (device(), "‸$iothub/twin/res/200", UnknownTopic),
        // What only a device sends.
        (device(), "‸devices/dev-1/messages/events/", UnknownTopic),
        (device(), "‸$iothub/twin/GET/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/twin/PATCH/properties/reported/?$rid=1", UnknownTopic),
        (device(), "‸$iothub/methods/res/200/?$rid=00000001", UnknownTopic),
    ] {
        refused(marked, kind, Place::Topic, |topic| {
            codec.decode_to_device(&Publish::new(topic, b"")).map(|read| format!("{read:?}"))
        });
    }
}

#[test]
fn what_filter_is_not_granted_and_where() {
    let read = |codec: Codec<'static>, marked, kind| {
        refused(marked, kind, Place::Filter, |filter| {
            codec.decode_filter(filter).map(|read| format!("{read:?}"))
        });
    };
    for (codec, marked, kind) in [
        (device(), "‸", UnknownTopic),
        (device(), "‸#", UnknownTopic),
        (device(), "‸+/#", UnknownTopic),
        (device(), "‸$iothub/#", UnknownTopic),
        (device(), "‸$iothub/methods/POST/", UnknownTopic),
        (device(), "‸$iothub/methods/POST/+", UnknownTopic),
        (device(), "‸$iothub/methods/POST/+/#", UnknownTopic),
        (device(), "‸$iothub/methods/POST//#", UnknownTopic),
        (device(), "‸$iothub/methods/POST/a/b/#", UnknownTopic),
        (device(), "‸$iothub/methods/POST/a#", UnknownTopic),
        (device(), "‸$iothub/methods/res/#", UnknownTopic),
        (device(), "‸$iothub/twin/res/200/#", UnknownTopic),
        (device(), "‸$iothub/twin/PATCH/properties/reported/#", UnknownTopic),
        (device(), "‸devices/dev-1/messages/events/#", UnknownTopic),
        (device(), "‸devices/dev-1/messages/devicebound/", UnknownTopic),
        (device(), "‸devices/dev-1/messages/devicebound#", UnknownTopic),
        (device(), "‸devices/dev-1/#", UnknownTopic),
        (device(), "‸devices/dev-1/inputs/#", UnknownTopic),
        (module(), "‸devices/dev-1/modules/mod-1#", UnknownTopic),
        (device(), "devices/‸#", WrongDevice),
        (device(), "devices/‸dev-2/messages/devicebound/#", WrongDevice),
        (device(), "devices/‸dev+/messages/devicebound/#", WrongDevice),
        (device(), "devices/dev-1/‸modules/mod-1/messages/devicebound/#", WrongDevice),
        (module(), "devices/+/‸messages/devicebound/#", WrongDevice),
        (module(), "devices/dev-1/modules/‸mod-2/inputs/#", WrongDevice),
        (module(), "devices/‸dev-2/modules/mod-1/#", WrongDevice),
    ] {
        read(codec, marked, kind);
    }
}

#[test]
fn each_kind_of_error_has_the_status_that_a_hub_answers_with() {
    for (kind, status, text) in [
        (UnknownTopic, Status::NOT_FOUND, "byte 3 of the topic: unknown topic"),
        (WrongDevice, Status::NOT_AUTHORIZED, "byte 3 of the topic: another device or module"),
        (Missing(Field::RequestId), Status::BAD_REQUEST, "byte 3 of the topic: no request id"),
        (BadValue(Field::MethodName), Status::BAD_REQUEST, "byte 3 of the topic: bad method name"),
        (UnknownProperty, Status::BAD_REQUEST, "byte 3 of the topic: unknown property"),
        (Malformed, Status::BAD_REQUEST, "byte 3 of the topic: malformed properties"),
        (BadQos, Status::BAD_REQUEST, "byte 3 of the topic: QoS 1, where the operation knows only QoS 0"),
    ] {
        let error = DecodeError { place: Place::Topic(3), kind };
        assert_eq!((error.status(), error.to_string().as_str()), (status, text));
    }
}

#[test]
fn an_error_names_its_place_before_it_says_what_is_wrong() {
    for (place, kind, text) in [
        (Place::Filter(9), Wildcard, "byte 9 of the filter: a wildcard, where none may stand"),
        (Place::UserName(0), BadValue(Field::Host), "byte 0 of the user name: bad host name"),
        (Place::ClientId, WrongDevice, "the client identifier: another device or module"),
        (Place::Password, BadValue(Field::Signature), "the password: bad signature"),
        (Place::Properties(4), NotAllowed, "byte 4 of the properties: properties that MQTT does not allow"),
        (Place::Whole, Missing(Field::UserName), "the message: no user name"),
    ] {
        assert_eq!(DecodeError { place, kind }.to_string(), text);
    }
}
