//! Topics that are nearly right.

use iothub_codec::Dialect;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What is done to a topic.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Cut(Index),
    Remove(Index),
    Insert(Index, &'static str),
    Repeat(Index, Index),
}

/// Words of a dialect, for damage and for making topics up.
pub(crate) fn words(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Classic => CLASSIC,
        Dialect::Preview311 => PREVIEW311,
        Dialect::Preview5 => PREVIEW5,
        dialect => panic!("{dialect:?} has no words"),
    }
}

const CLASSIC: &[&str] = &[
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

const PREVIEW311: &[&str] = &[
    "/",
    "//",
    "?",
    "/?",
    "&",
    "=",
    "%",
    "%2",
    "%40",
    "%2F",
    "+",
    "#",
    "-",
    "0",
    "9",
    "x",
    "@",
    " ",
    "é",
    "\u{1}",
    "rid",
    "rid=",
    "/?rid=1",
    "&rid=2",
    "%72id=3",
    "v=1",
    "&v=2",
    "&iv=3",
    "&iv=-0",
    "&rc=200",
    "&rc=2147483648",
    "&s=0104",
    "&status=06a0",
    "&s=1",
    "&r=no",
    "&reason=no",
    "&tid=t",
    "&trace-id=t",
    "&ct=a%2Fb",
    "&ce=x",
    "&crt=5",
    "&sn=1",
    "&et=2&ent=3",
    "&dc=4",
    "&dc=4294967296",
    "&mid=m",
    "&dts=c",
    "&traceparent=00",
    "&@a=b",
    "$az",
    "$az/",
    "$az/iot",
    "$az/iot/telemetry/?",
    "$az/iot/telemetry/?%40a=b",
    "$az/iot/twin/events/desired/changed/?v=1",
    "$az/iot/commands/?sn=1&et=2&ent=3&dc=4",
    "$az/iot/methods/m/response/?rid=1&rc=0",
    "$az/iot/twin/get/response/?rid=1",
    "$az/iot/",
    "telemetry",
    "commands",
    "methods/",
    "/methods/m",
    "/response",
    "twin/",
    "get",
    "/get",
    "/reported",
    "/desired",
    "patch",
    "events/",
    "desired-changed",
    "desired/changed",
];

const PREVIEW5: &[&str] = &[
    "/",
    "//",
    "?",
    "+",
    "#",
    "x",
    " ",
    "é",
    "\u{1}",
    "$iothub",
    "$iothub/",
    "telemetry",
    "$iothub/telemetry",
    "commands",
    "$iothub/commands",
    "methods/",
    "$iothub/methods/",
    "m",
    "responses",
    "$iothub/responses",
    "twin/",
    "get",
    "$iothub/twin/get",
    "patch/",
    "reported",
    "$iothub/twin/patch/reported",
    "desired",
    "$iothub/twin/patch/desired",
];

pub(crate) fn any_damage(dialect: Dialect) -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), select(words(dialect))).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

pub(crate) fn damaged(topic: String, damage: &Damage) -> String {
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
