//! The topic filters: those that are written, and those that clients were seen to send.

use iothub_codec::{
    Channels, Codec, DeviceId, Dialect, EncodeError, Filter, Identity, Qos, Subscription, Variant,
};

use crate::ends::{device, module};

#[test]
fn each_channel_has_its_filter() {
    for (codec, channel, topic, qos) in [
        (device(), Channels::COMMANDS, "devices/dev-1/messages/devicebound/#", Qos::AtLeastOnce),
        (
            module(),
            Channels::COMMANDS,
            "devices/dev-1/modules/mod-1/messages/devicebound/#",
            Qos::AtLeastOnce,
        ),
        (module(), Channels::INPUTS, "devices/dev-1/modules/mod-1/inputs/#", Qos::AtLeastOnce),
        (device(), Channels::METHODS, "$iothub/methods/POST/#", Qos::AtMostOnce),
        (module(), Channels::METHODS, "$iothub/methods/POST/#", Qos::AtMostOnce),
        (device(), Channels::REPLIES, "$iothub/twin/res/#", Qos::AtMostOnce),
        (device(), Channels::DESIRED, "$iothub/twin/PATCH/properties/desired/#", Qos::AtMostOnce),
    ] {
        let mut out = [0; 128];
        let filters = codec.filters(channel, &mut out).unwrap();
        assert_eq!(filters.iter().collect::<Vec<_>>(), [Filter { topic, qos }]);
        let subscription = Subscription { channels: channel, method: None, variant: Variant::Usual };
        assert_eq!(codec.decode_filter(topic), Ok(subscription), "{topic}");
    }
}

#[test]
fn several_channels_are_several_filters() {
    let mut out = [0; 256];
    let all = Channels::COMMANDS | Channels::METHODS | Channels::REPLIES | Channels::DESIRED;
    let filters = device().filters(all, &mut out).unwrap();
    let opened = filters.iter().map(|filter| device().decode_filter(filter.topic).unwrap().channels);
    assert_eq!(opened.fold(Channels::NONE, Channels::union), all);
    assert_eq!(filters.iter().count(), all.iter().count());
}

#[test]
fn filters_are_read_as_clients_write_them() {
    let all = Channels::COMMANDS | Channels::INPUTS;
    for (codec, topic, channels) in [
        // The embedded C client does not write its name.
        (device(), "devices/+/messages/devicebound/#", Channels::COMMANDS),
        (module(), "devices/+/modules/+/messages/devicebound/#", Channels::COMMANDS),
        (module(), "devices/dev-1/modules/+/inputs/#", Channels::INPUTS),
        // C#, C and the documents ask for everything at once.
        (module(), "devices/dev-1/modules/mod-1/#", all),
        (module(), "devices/+/modules/mod-1/#", all),
    ] {
        assert_eq!(
            codec.decode_filter(topic),
            Ok(Subscription { channels, method: None, variant: Variant::Usual }),
            "{topic}"
        );
    }
    for (topic, name) in [
        ("$iothub/methods/POST/reboot/#", "reboot"),
        ("$iothub/methods/POST/get.State_2-x/#", "get.State_2-x"),
        ("$iothub/methods/POST/%20/#", "%20"),
    ] {
        let only = Subscription { channels: Channels::METHODS, method: Some(name), variant: Variant::Usual };
        assert_eq!(device().decode_filter(topic), Ok(only), "{topic}");
    }
}

#[test]
fn a_channel_that_an_identity_cannot_have_is_not_asked_for() {
    let with_wildcard = Codec::new(Dialect::Classic, Identity::device(DeviceId::new("a+b").unwrap()));
    for (codec, channels, expected) in [
        (device(), Channels::INPUTS, Err(EncodeError::NotExpressible)),
        (device(), Channels::METHODS | Channels::INPUTS, Err(EncodeError::NotExpressible)),
        (device(), Channels::NONE, Err(EncodeError::NotExpressible)),
        // Such a name cannot stand in a topic, which methods and twins do not need it for.
        (with_wildcard, Channels::COMMANDS, Err(EncodeError::NotExpressible)),
        (with_wildcard, Channels::METHODS | Channels::REPLIES | Channels::DESIRED, Ok(3)),
    ] {
        let mut out = [0; 256];
        let written = codec.filters(channels, &mut out).map(|filters| filters.iter().count());
        assert_eq!(written, expected, "{channels:?}");
    }
}
