//! The reader and the naive one are asked about the same topics: written, broken and made up.

use iothub_codec::{
    Channels, DecodeErrorKind, Name, Properties, Publish, Subscription, ToDevice, ToHub, Variant,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::naive::{self, Plain, Receiver};
use crate::sample::{Who, any_case};

fn plain(properties: Properties<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = |name| match name {
        Name::System(property) => format!("<{}>", property.event_name()).into_bytes(),
        Name::Application(text) => text.bytes().collect(),
    };
    properties.iter().map(|each| (name(each.name), each.value.bytes().collect())).collect()
}

fn read(who: &Who, receiver: Receiver, topic: &str) -> Result<Plain, DecodeErrorKind> {
    let publish = Publish::new(topic, b"");
    let reply = |reply: iothub_codec::Reply<'_>| {
        let code = reply.code.expect("the classic dialect has a number in every answer");
        Plain::Reply(reply.request.as_bytes().to_vec(), code, reply.version)
    };
    match receiver {
        Receiver::Hub => who.codec().decode_to_hub(&publish).map(|message| match message {
            ToHub::Telemetry(telemetry) => Plain::Telemetry(plain(telemetry.properties)),
            ToHub::TwinGet(get) => Plain::TwinGet(get.request.as_bytes().to_vec()),
            ToHub::TwinPatch(patch) => Plain::TwinPatch(patch.request.as_bytes().to_vec(), patch.if_version),
            ToHub::Reply(read) => reply(read),
        }),
        Receiver::Device => who.codec().decode_to_device(&publish).map(|message| match message {
            ToDevice::Command(command) => Plain::Command(plain(command.properties)),
            ToDevice::Input(input) => Plain::Input(input.name.bytes().collect(), plain(input.properties)),
            ToDevice::Method(call) => Plain::Method(call.request.as_bytes().to_vec(), call.name.to_owned()),
            ToDevice::DesiredChanged(change) => Plain::Desired(change.version),
            ToDevice::Reply(read) => reply(read),
        }),
    }
    .map_err(|error| error.kind)
}

fn agree(who: &Who, topic: &str) -> Result<(), TestCaseError> {
    for receiver in [Receiver::Hub, Receiver::Device] {
        let (one, other) = (read(who, receiver, topic), naive::read(who, receiver, topic));
        prop_assert_eq!(one, other, "{:?} {:?} {}", who, receiver, topic);
    }
    Ok(())
}

/// What is done to a topic.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Remove(Index),
    Insert(Index, &'static str),
    Repeat(Index, Index),
}

const PIECES: &[&str] = &[
    "/",
    "//",
    "?",
    "/?",
    "&",
    "=",
    "%",
    "%2",
    "%24",
    "%2F",
    "+",
    "#",
    "-",
    "0",
    "9",
    "x",
    " ",
    "é",
    "\u{1}",
    "$rid",
    "$rid=",
    "?$rid=1",
    "&$rid=2",
    "$version",
    "&$version=3",
    "&$version=-0",
    "devices",
    "devices/",
    "d",
    "d/",
    "m",
    "modules",
    "modules/",
    "/modules/m/",
    "messages",
    "messages/events",
    "/messages/events/",
    "messages/devicebound/",
    "inputs/",
    "$iothub",
    "$iothub/",
    "twin/",
    "twin/GET/",
    "twin/PATCH/properties/reported/",
    "twin/PATCH/properties/desired/",
    "twin/res/",
    "methods/POST/",
    "methods/res/",
    "200",
    "200/",
    "$.mid",
    "%24.mid=",
    "iothub-ack",
    "a=b",
];

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), select(PIECES)).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(topic: String, damage: &Damage) -> String {
    let characters: Vec<char> = topic.chars().collect();
    let place = |index: &Index| index.index(characters.len() + 1);
    let text = |characters: &[char]| characters.iter().collect::<String>();
    match damage {
        Damage::Cut(at) => text(&characters[..place(at)]),
        Damage::Remove(at) => {
            let at = place(at);
            text(&characters[..at]) + &text(characters.get(at + 1..).unwrap_or_default())
        }
        Damage::Insert(at, piece) => {
            let at = place(at);
            text(&characters[..at]) + piece + &text(&characters[at..])
        }
        Damage::Repeat(from, to) => {
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            text(&characters[..to]) + &text(&characters[from..])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn two_readers_agree_on_what_was_written((who, sample) in any_case()) {
        agree(&who, &sample.topic(&who))?;
    }

    #[test]
    fn two_readers_agree_on_what_was_damaged(
        (who, sample) in any_case(),
        damage in vec(any_damage(), 1..4),
    ) {
        agree(&who, &damage.iter().fold(sample.topic(&who), damaged))?;
    }

    #[test]
    fn two_readers_agree_on_what_was_made_up(
        pieces in vec(select(PIECES), 0..10),
        with_module in any::<bool>(),
    ) {
        let who = Who { device: "d".to_owned(), module: with_module.then(|| "m".to_owned()) };
        agree(&who, &pieces.concat())?;
    }
}

#[test]
fn exactly_the_filters_that_can_be_listed_are_granted() {
    for module in [None, Some("m")] {
        let who = Who { device: "d".to_owned(), module: module.map(str::to_owned) };
        let whole = |channels| Some(Subscription { channels, method: None, variant: Variant::Usual });
        let mut granted = vec![
            ("$iothub/methods/POST/#".to_owned(), whole(Channels::METHODS)),
            ("$iothub/twin/res/#".to_owned(), whole(Channels::REPLIES)),
            ("$iothub/twin/PATCH/properties/desired/#".to_owned(), whole(Channels::DESIRED)),
        ];
        for name in ["a", "d", "m", "9"] {
            let method = Some(Subscription {
                channels: Channels::METHODS,
                method: Some(name),
                variant: Variant::Usual,
            });
            granted.push((format!("$iothub/methods/POST/{name}/#"), method));
        }
        for device in ["d", "+"] {
            match module {
                None => {
                    let filter = format!("devices/{device}/messages/devicebound/#");
                    granted.push((filter, whole(Channels::COMMANDS)));
                }
                Some(_) => {
                    for own in ["m", "+"].map(|name| format!("devices/{device}/modules/{name}")) {
                        let all = Channels::COMMANDS | Channels::INPUTS;
                        granted.push((format!("{own}/messages/devicebound/#"), whole(Channels::COMMANDS)));
                        granted.push((format!("{own}/inputs/#"), whole(Channels::INPUTS)));
                        granted.push((format!("{own}/#"), whole(all)));
                    }
                }
            }
        }
        // Every path of up to six segments of these words, with each ending.
        const WORDS: [&str; 14] = [
            "devices",
            "d",
            "+",
            "modules",
            "m",
            "messages",
            "devicebound",
            "inputs",
            "$iothub",
            "methods",
            "POST",
            "twin",
            "res",
            "a",
        ];
        let mut paths = vec![String::new()];
        let mut found = 0;
        for _ in 0..6 {
            paths = paths.iter().flat_map(|path| WORDS.map(|word| format!("{path}{word}/"))).collect();
            // Prefixes that lead nowhere are cut, or there would be millions.
            paths.retain(|path| granted.iter().any(|(filter, _)| filter.starts_with(path.as_str())));
            for filter in
                paths.iter().flat_map(|path| ["", "#", "+", "x", "/#"].map(|end| format!("{path}{end}")))
            {
                let expected =
                    granted.iter().find(|(each, _)| *each == filter).and_then(|(_, meaning)| *meaning);
                found += usize::from(expected.is_some());
                assert_eq!(who.codec().decode_filter(&filter).ok(), expected, "{filter}");
            }
        }
        assert!(found >= granted.len() / 2, "the words make up the filters");
    }
}
