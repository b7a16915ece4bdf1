//! The topic filters: those that are written, and those that the reference shows or allows.

use iothub_codec::{Channels, EncodeError, Filter, Qos, Subscription, Variant};

use crate::ends::{device, module};

#[test]
fn each_channel_has_its_filters() {
    let once = Qos::AtMostOnce;
    for (channel, expected) in [
        (Channels::COMMANDS, &[("$az/iot/commands/+", Qos::AtLeastOnce)][..]),
        (Channels::METHODS, &[("$az/iot/methods/+/+", once)]),
        (
            Channels::REPLIES,
            &[("$az/iot/twin/get/response/+", once), ("$az/iot/twin/patch/response/+", once)],
        ),
        (Channels::DESIRED, &[("$az/iot/twin/events/desired-changed/+", once)]),
    ] {
        for codec in [device(), module()] {
            let mut out = [0; 128];
            let filters: Vec<_> = codec.filters(channel, &mut out).unwrap().iter().collect();
            let expected: Vec<_> = expected.iter().map(|(topic, qos)| Filter { topic, qos: *qos }).collect();
            assert_eq!(filters, expected);
            for filter in filters {
                assert_eq!(codec.decode_filter(filter.topic).unwrap().channels, channel, "{filter:?}");
            }
        }
    }
}

#[test]
fn several_channels_are_one_list() {
    let mut out = [0; 256];
    let all = Channels::COMMANDS | Channels::METHODS | Channels::REPLIES | Channels::DESIRED;
    assert_eq!(device().filters(all, &mut out).unwrap().iter().count(), 5);
}

#[test]
fn filters_say_which_of_two_topics_a_device_wants() {
    let whole = |channels, variant| Subscription { channels, method: None, variant };
    let only =
        |method| Subscription { channels: Channels::METHODS, method: Some(method), variant: Variant::Usual };
    for (topic, expected) in [
        ("$az/iot/commands/+", whole(Channels::COMMANDS, Variant::Usual)),
        ("$az/iot/commands", whole(Channels::COMMANDS, Variant::Usual)),
        ("$az/iot/methods/+/+", whole(Channels::METHODS, Variant::Usual)),
        ("$az/iot/methods/+", whole(Channels::METHODS, Variant::Usual)),
        ("$az/iot/methods/rotate/+", only("rotate")),
        ("$az/iot/methods/rotate", only("rotate")),
        ("$az/iot/methods/response/+", only("response")),
        ("$az/iot/twin/get/response/+", whole(Channels::REPLIES, Variant::TwinGet)),
        ("$az/iot/twin/get/response", whole(Channels::REPLIES, Variant::TwinGet)),
        ("$az/iot/twin/patch/response/+", whole(Channels::REPLIES, Variant::TwinPatch)),
        ("$az/iot/twin/patch/response", whole(Channels::REPLIES, Variant::TwinPatch)),
        ("$az/iot/twin/events/desired-changed/+", whole(Channels::DESIRED, Variant::Usual)),
        ("$az/iot/twin/events/desired-changed", whole(Channels::DESIRED, Variant::Usual)),
        ("$az/iot/twin/events/desired/changed/+", whole(Channels::DESIRED, Variant::DesiredSlash)),
        ("$az/iot/twin/events/desired/changed", whole(Channels::DESIRED, Variant::DesiredSlash)),
    ] {
        assert_eq!(device().decode_filter(topic), Ok(expected), "{topic}");
        assert_eq!(module().decode_filter(topic), Ok(expected), "{topic}");
    }
}

#[test]
fn inputs_have_no_topic() {
    for channels in [Channels::INPUTS, Channels::METHODS | Channels::INPUTS, Channels::NONE] {
        let mut out = [0; 256];
        let written = module().filters(channels, &mut out).map(|filters| filters.iter().count());
        assert_eq!(written, Err(EncodeError::NotExpressible), "{channels:?}");
    }
}
