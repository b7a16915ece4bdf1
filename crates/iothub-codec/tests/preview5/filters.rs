//! What a device listens to.

use iothub_codec::{
    Channels, DecodeError, DecodeErrorKind, EncodeError, Filter, Place, Qos, Status, Subscription, Variant,
};

use crate::ends::{device, module};

#[test]
fn each_channel_has_its_filter() {
    for codec in [device(), module()] {
        let mut out = [0; 128];
        let all = Channels::COMMANDS | Channels::METHODS | Channels::DESIRED | Channels::REPLIES;
        let filters = codec.filters(all, &mut out).unwrap();
        let expected = [
            Filter { topic: "$iothub/commands", qos: Qos::AtLeastOnce },
            Filter { topic: "$iothub/methods/+", qos: Qos::AtMostOnce },
            Filter { topic: "$iothub/twin/patch/desired", qos: Qos::AtMostOnce },
        ];
        assert!(filters.iter().eq(expected));
        let Err(EncodeError::BufferTooSmall { needed }) = codec.filters(all, &mut []) else { panic!() };
        assert!(codec.filters(all, &mut vec![0; needed]).is_ok());
        assert!(codec.filters(all, &mut vec![0; needed - 1]).is_err());
    }
}

#[test]
fn replies_come_without_being_asked_for() {
    let filters = device().filters(Channels::REPLIES, &mut []).unwrap();
    assert!(filters.is_empty());
    assert_eq!(filters.iter().count(), 0);
    let mut out = [0; 64];
    assert!(!device().filters(Channels::DESIRED | Channels::REPLIES, &mut out).unwrap().is_empty());
}

#[test]
fn there_are_no_inputs() {
    for (channels, codec) in [
        (Channels::INPUTS, module()),
        (Channels::COMMANDS | Channels::INPUTS, module()),
        (Channels::NONE, device()),
    ] {
        let mut out = [0; 128];
        assert_eq!(codec.filters(channels, &mut out), Err(EncodeError::NotExpressible), "{channels:?}");
    }
}

#[test]
fn what_is_granted() {
    for (filter, channels, method) in [
        ("$iothub/commands", Channels::COMMANDS, None),
        ("$iothub/methods/+", Channels::METHODS, None),
        ("$iothub/methods/reboot", Channels::METHODS, Some("reboot")),
        ("$iothub/twin/patch/desired", Channels::DESIRED, None),
        ("$iothub/responses", Channels::REPLIES, None),
        // Defined topics, on which nothing ever comes.
        ("$iothub/telemetry", Channels::NONE, None),
        ("$iothub/twin/get", Channels::NONE, None),
        ("$iothub/twin/patch/reported", Channels::NONE, None),
    ] {
        let expected = Subscription { channels, method, variant: Variant::Usual };
        assert_eq!(device().decode_filter(filter), Ok(expected), "{filter}");
    }
}

#[test]
fn what_is_not_granted_and_where() {
    use DecodeErrorKind::{UnknownTopic, Wildcard};
    for (filter, at, kind, status) in [
        ("$iothub/+", 8, Wildcard, Status::NOT_ALLOWED),
        ("$iothub/#", 8, Wildcard, Status::NOT_ALLOWED),
        ("$iothub/methods/#", 16, Wildcard, Status::NOT_ALLOWED),
        ("$iothub/methods/a+", 17, Wildcard, Status::NOT_ALLOWED),
        ("$iothub/methods/+/", 16, Wildcard, Status::NOT_ALLOWED),
        ("$iothub/twin/patch/+", 19, Wildcard, Status::NOT_ALLOWED),
        ("#", 0, UnknownTopic, Status::NOT_FOUND),
        ("", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/commands/", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/Commands", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/methods/", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/methods/a/b", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/twin/patch", 0, UnknownTopic, Status::NOT_FOUND),
        // B1: a sample of the reference has it without what stands in front.
        ("methods/reboot", 0, UnknownTopic, Status::NOT_FOUND),
        ("methods/+", 0, UnknownTopic, Status::NOT_FOUND),
        ("$iothub/methods/POST/#", 21, Wildcard, Status::NOT_ALLOWED),
        ("devices/dev-1/messages/devicebound/", 0, UnknownTopic, Status::NOT_FOUND),
    ] {
        let error = DecodeError { place: Place::Filter(at), kind };
        assert_eq!(device().decode_filter(filter), Err(error), "{filter}");
        assert_eq!(error.status(), status);
    }
}
