//! What conditions are worth.

use iothub_query::{Condition, Datum, Message};
use serde_json::{Value, json};

fn twin() -> Value {
    json!({
        "deviceId": "pump-7",
        "status": "enabled",
        "tags": {"plant": "p1", "floor": 2, "spare": null, "on": true, "off": false, "x": {"y": 1}, "list": [1, 2],
                 "name": "Käse & 😀", "rate": 59.5, "text": "12.5"},
    })
}

/// What the condition is worth, as JSON; `undefined` is none.
fn worth(text: &str) -> Option<Value> {
    let condition = Condition::of_twins(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.expr().evaluate(&twin()).into_value()
}

fn check(rows: &[(&str, Option<Value>)]) {
    for (text, expected) in rows {
        assert_eq!(worth(text), *expected, "{text}");
    }
}

fn yes() -> Option<Value> {
    Some(Value::Bool(true))
}

fn no() -> Option<Value> {
    Some(Value::Bool(false))
}

#[test]
fn primitives_of_one_type_are_compared() {
    check(&[
        ("tags.plant = 'p1'", yes()),
        ("tags.plant != 'p1'", no()),
        ("tags.plant < 'p2'", yes()),
        ("tags.plant = 'P1'", no()),
        ("tags.floor = 2.0", yes()),
        ("tags.floor >= 2", yes()),
        ("tags.floor > 2", no()),
        ("tags.rate <= 0x3C", yes()),
        ("tags.on = true", yes()),
        ("tags.off < tags.on", yes()),
        ("tags.spare = null", yes()),
        ("tags.spare != null", no()),
        ("tags.plant != null", yes()),
        ("null = tags.plant", no()),
    ]);
}

#[test]
fn what_is_not_there_spreads() {
    check(&[
        ("tags.none = 1", None),
        ("tags.none != 1", None),
        ("tags.none = undefined", None),
        ("tags.none != null", None),
        ("NOT tags.none = 1", None),
        ("tags.plant.deeper = 1", None),
        ("Tags.Plant = 'p1'", None),
        ("tags.none + 1", None),
        ("-tags.none", None),
        ("tags.none IN [1]", None),
        ("tags.none NIN [1]", None),
        ("upper(tags.none)", None),
        ("starts_with(tags.plant, tags.none)", None),
    ]);
}

#[test]
fn what_cannot_be_compared_is_undefined() {
    check(&[
        ("tags.plant = 1", None),
        ("tags.plant != 1", None),
        ("tags.floor < '3'", None),
        ("tags.on = 1", None),
        ("tags.x = tags.x", None),
        ("tags.list = [1, 2]", None),
        ("tags.list != null", None),
        ("tags.spare < 1", None),
        ("tags.spare <= null", None),
    ]);
}

#[test]
fn and_and_or_have_three_values() {
    let (t, f, u) = ("tags.on", "tags.off", "tags.none");
    for (left, right, and, or) in [
        (t, t, yes(), yes()),
        (t, f, no(), yes()),
        (t, u, None, yes()),
        (f, f, no(), no()),
        (f, u, no(), None),
        (u, u, None, None),
        (t, "tags.floor", None, yes()),
        (f, "'true'", no(), None),
        (t, "null", None, yes()),
    ] {
        for (left, right) in [(left, right), (right, left)] {
            assert_eq!(worth(&format!("{left} AND {right}")), and, "{left} AND {right}");
            assert_eq!(worth(&format!("{left} OR {right}")), or, "{left} OR {right}");
        }
    }
    check(&[("NOT tags.on", no()), ("NOT tags.off", yes()), ("NOT tags.floor", None), ("NOT null", None)]);
}

#[test]
fn a_condition_holds_only_where_it_is_true() {
    for (text, holds) in [
        ("tags.on", true),
        ("*", true),
        ("tags.off", false),
        ("tags.none", false),
        ("tags.spare", false),
        ("tags.plant", false),
        ("tags.x", false),
        ("1", false),
        ("'true'", false),
        ("deviceID = 'pump-7' AND STATUS = 'enabled'", true),
    ] {
        assert_eq!(Condition::of_twins(text).unwrap().holds(&twin()), holds, "{text}");
    }
}

#[test]
fn a_value_is_looked_for_in_a_list() {
    check(&[
        ("tags.floor IN [1, 2.0, 'x']", yes()),
        ("tags.floor IN ['2']", no()),
        ("tags.floor NIN ['2', 3]", yes()),
        ("tags.floor NIN [2]", no()),
        ("tags.spare IN [null]", yes()),
        ("tags.x IN [1]", None),
    ]);
}

#[test]
fn numbers_are_calculated_with() {
    check(&[
        ("tags.floor + 1", Some(json!(3))),
        ("tags.floor - 1.5", Some(json!(0.5))),
        ("tags.floor * tags.rate", Some(json!(119.0))),
        ("tags.floor / 4", Some(json!(0.5))),
        ("7 % tags.floor", Some(json!(1))),
        ("tags.floor / 0", None),
        ("-tags.floor", Some(json!(-2))),
        ("tags.plant + 'x'", None),
        ("9007199254740993 + 0", Some(json!(9_007_199_254_740_993_i64))),
        ("abs(-3)", Some(json!(3))),
        ("abs(-2.5)", Some(json!(2.5))),
        ("exp(0)", Some(json!(1))),
        ("power(2, 10)", Some(json!(1024))),
        ("power(2, 0.5) > 1.41", yes()),
        ("square(-4)", Some(json!(16))),
        ("sqrt(9)", Some(json!(3))),
        ("sqrt(-1)", None),
        ("ceiling(tags.rate)", Some(json!(60))),
        ("floor(tags.rate)", Some(json!(59))),
        ("sign(-0.5)", Some(json!(-1))),
        ("sign(0)", Some(json!(0))),
        ("as_number(tags.text)", Some(json!(12.5))),
        ("as_number('-7')", Some(json!(-7))),
        ("as_number('seven')", None),
        ("as_number(tags.on)", None),
        ("as_number(tags.floor)", Some(json!(2))),
    ]);
}

#[test]
fn types_are_told_apart() {
    for (function, of) in [
        ("is_null", "tags.spare"),
        ("is_number", "tags.floor"),
        ("is_string", "tags.plant"),
        ("is_bool", "tags.on"),
        ("is_array", "tags.list"),
        ("is_object", "tags.x"),
    ] {
        for other in ["tags.spare", "tags.floor", "tags.plant", "tags.on", "tags.list", "tags.x", "tags.none"]
        {
            assert_eq!(
                worth(&format!("{function}({other})")),
                Some(json!(of == other)),
                "{function} {other}"
            );
        }
    }
    check(&[
        ("is_defined(tags.spare)", yes()),
        ("is_defined(tags.none)", no()),
        ("is_primitive(tags.spare)", yes()),
        ("is_primitive(tags.list)", no()),
        ("is_primitive(undefined)", no()),
    ]);
}

#[test]
fn texts_are_taken_apart() {
    check(&[
        ("concat(tags.plant, '-', 'x')", Some(json!("p1-x"))),
        ("concat(tags.plant, 1)", None),
        ("length(tags.name)", Some(json!(8))),
        ("lower('ÄB')", Some(json!("äb"))),
        ("upper('äb')", Some(json!("ÄB"))),
        ("substring(tags.name, 1)", Some(json!("äse & 😀"))),
        ("substring(tags.name, 1, 3)", Some(json!("äse"))),
        ("substring('abc', 3)", Some(json!(""))),
        ("substring('abc', 4)", None),
        ("substring('abc', -1)", None),
        ("substring('abc', 0.5)", None),
        ("substring('abc', 1, 99)", Some(json!("bc"))),
        ("index_of(tags.name, '&')", Some(json!(5))),
        ("index_of(tags.name, '?')", Some(json!(-1))),
        ("starts_with(deviceId, 'pump-')", yes()),
        ("starts_with(deviceId, 'Pump-')", no()),
        ("ends_with(deviceId, '-7')", yes()),
        ("contains(deviceId, 'ump')", yes()),
        ("contains(deviceId, 7)", None),
    ]);
}

#[test]
fn routes_look_at_messages() {
    let application = [
        ("level", "hot"),
        ("severity", "10"),
        ("a.b", "c"),
        ("$userId", "app"),
        ("$own", "x"),
        ("True", "t"),
    ];
    let system = [("connectionDeviceId", "dev-1"), ("userId", "sys"), ("iothub-message-source", "Telemetry")];
    let body = json!({"temp": 61, "list": [{"x": 1}, 2], "o": {}, "n": null});
    let twin = json!({"tags": {"plant": "p1"}, "properties": {"desired": {"rate": 5}}});
    let whole = Message { application: &application, system: &system, body: Some(&body), twin: Some(&twin) };
    for (text, holds) in [
        ("true", true),
        ("level = 'hot' AND as_number(severity) >= 2", true),
        ("LEVEL = 'hot'", true),
        ("severity > '2'", false),
        ("$body.temp > 60 AND $connectionDeviceId = 'dev-1'", true),
        ("$CONNECTIONDEVICEID = 'dev-1'", true),
        ("$twin.tags.plant = 'p1' OR is_defined($body.alarm)", true),
        ("$twin.properties.desired.rate = 5", true),
        ("$body.list[0].x = 1 AND $body.list[1] = 2", true),
        ("is_defined($body.list[2])", false),
        ("$body.Temp > 60", false),
        ("$body.o = $body.o", false),
        ("is_null($body.n) AND NOT is_null($body.none)", true),
        ("$iothub-message-source = 'Telemetry'", true),
        ("$userId = 'sys' AND {$userId} = 'sys'", true),
        ("$own = 'x'", true),
        ("is_defined({$own})", false),
        ("a.b = 'c'", true),
        ("True = 't'", true),
        ("level || '-' || severity = 'hot-10'", true),
        ("(missing ?? level) = 'hot'", true),
        ("twin_change_includes(list)", true),
        ("twin_change_includes(properties.reported.x)", false),
    ] {
        assert_eq!(Condition::of_messages(text).unwrap().holds(&whole), holds, "{text}");
    }
    let bare = Message { application: &application, ..Message::default() };
    assert!(!Condition::of_messages("$body.temp > 60").unwrap().holds(&bare));
    for (content_type, encoding, has_body) in [
        ("application/json", "utf-8", true),
        ("Application/JSON; charset=utf-8", "UTF-16", true),
        ("application/json", "", false),
        ("text/plain", "utf-8", false),
    ] {
        assert_eq!(Message::has_body(content_type, encoding), has_body, "{content_type} {encoding}");
    }
}

#[test]
fn undefined_is_not_null() {
    assert_eq!(Datum::Undefined.into_value(), None);
    assert_eq!(Datum::Null.into_value(), Some(Value::Null));
}
