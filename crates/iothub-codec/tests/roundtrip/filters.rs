//! Of all filters that the words of a dialect make up, those that can be listed are granted.

use iothub_codec::{Channels, Dialect, Subscription, Variant};

use crate::sample::Who;

#[test]
fn exactly_the_classic_filters_that_can_be_listed_are_granted() {
    for module in [None, Some("m")] {
        let who = Who::short(Dialect::Classic, module.is_some());
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

#[test]
fn exactly_the_preview_filters_that_can_be_listed_are_granted() {
    let who = Who::short(Dialect::Preview311, false);
    let mut granted = Vec::new();
    for (topic, channels, variant) in [
        ("$az/iot/commands", Channels::COMMANDS, Variant::Usual),
        ("$az/iot/methods/+", Channels::METHODS, Variant::Usual),
        ("$az/iot/twin/get/response", Channels::REPLIES, Variant::TwinGet),
        ("$az/iot/twin/patch/response", Channels::REPLIES, Variant::TwinPatch),
        ("$az/iot/twin/events/desired-changed", Channels::DESIRED, Variant::Usual),
        ("$az/iot/twin/events/desired/changed", Channels::DESIRED, Variant::DesiredSlash),
    ] {
        for filter in [topic.to_owned(), format!("{topic}/+")] {
            granted.push((filter, Subscription { channels, method: None, variant }));
        }
    }
    const WORDS: [&str; 17] = [
        "$az",
        "iot",
        "commands",
        "telemetry",
        "methods",
        "+",
        "a",
        "twin",
        "get",
        "patch",
        "reported",
        "response",
        "events",
        "desired",
        "changed",
        "desired-changed",
        "",
    ];
    for name in WORDS.into_iter().filter(|name| !["+", "", "$az"].contains(name)) {
        for filter in [format!("$az/iot/methods/{name}"), format!("$az/iot/methods/{name}/+")] {
            let (channels, method, variant) = (Channels::METHODS, Some(name), Variant::Usual);
            granted.push((filter, Subscription { channels, method, variant }));
        }
    }
    let mut paths = vec![String::new()];
    let mut found = 0;
    for _ in 0..7 {
        for filter in paths
            .iter()
            .flat_map(|path| WORDS.iter().chain(&["#", "?", "+?"]).map(move |word| format!("{path}{word}")))
        {
            let expected = granted.iter().find(|(each, _)| *each == filter).map(|(_, meaning)| *meaning);
            found += usize::from(expected.is_some());
            assert_eq!(who.codec().decode_filter(&filter).ok(), expected, "{filter}");
        }
        paths = paths.iter().flat_map(|path| WORDS.map(|word| format!("{path}{word}/"))).collect();
        // Prefixes that lead nowhere are cut, or there would be millions.
        paths.retain(|path| granted.iter().any(|(filter, _)| filter.starts_with(path.as_str())));
    }
    assert_eq!(found, granted.len(), "the words make up the filters");
}
