//! What happens to a twin when it is changed.

use iothub_model::{
    Date, NotOnePatch, Object, Patch, Rule, Section, Tags, Update, Violation, compose, merge,
};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a_patch_is_merged_as_published() {
    // Every row of the table in RFC 7396, appendix A, in which both sides are objects, and the example of
    // the twin's reference.
    for (target, patch, merged) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        (r#"{"a":5}"#, r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, r#"{"a":{"b":1}}"#),
        (r#"{}"#, r#"{"gone":null}"#, r#"{}"#),
        (
            r#"{"a":{"x":1,"y":2},"b":"t"}"#,
            r#"{"a":{"x":null,"z":[1,2]},"b":5}"#,
            r#"{"a":{"y":2,"z":[1,2]},"b":5}"#,
        ),
    ] {
        let mut result = object(target);
        merge(&mut result, &object(patch));
        assert_eq!(Value::Object(result).to_string(), merged, "{target} {patch}");
    }
}

#[test]
fn a_device_is_told_the_patch_and_the_version() {
    let mut section = Section::desired(at(0));
    for (update, told, left) in [
        (
            Update::Merge(object(r#"{"a":1,"b":{"c":2}}"#)),
            r#"{"a":1,"b":{"c":2},"$version":2}"#,
            r#"{"a":1,"b":{"c":2}}"#,
        ),
        (
            Update::Merge(object(r#"{"b":{"c":null,"d":3}}"#)),
            r#"{"b":{"c":null,"d":3},"$version":3}"#,
            r#"{"a":1,"b":{"d":3}}"#,
        ),
        (Update::Merge(object("{}")), r#"{"$version":4}"#, r#"{"a":1,"b":{"d":3}}"#),
        (
            Update::Replace(object(r#"{"x":1,"y":null,"z":{"w":null}}"#)),
            r#"{"x":1,"z":{},"$version":5}"#,
            r#"{"x":1,"z":{}}"#,
        ),
        (Update::Clear, r#"{"x":null,"z":null,"$version":6}"#, r#"{}"#),
        (Update::Clear, r#"{"$version":7}"#, r#"{}"#),
    ] {
        let shown = format!("{update:?}");
        let answer = section.apply(update, at(1)).unwrap();
        assert_eq!(Value::Object(answer).to_string(), told, "{shown}");
        assert_eq!(Value::Object(section.properties().clone()).to_string(), left, "{shown}");
    }
    assert_eq!(section.version(), 7);
    assert_eq!(Value::Object(section.device_view()), json!({"$version": 7}));
}

#[test]
fn metadata_says_when_each_part_last_changed() {
    let mut section = Section::desired(at(0));
    section.apply(Update::Merge(object(r#"{"a":{"x":1,"y":2},"b":[{"c":1}]}"#)), at(1)).unwrap();
    section.apply(Update::Merge(object(r#"{"a":{"x":null,"z":3}}"#)), at(2)).unwrap();
    let stamp = |seconds: u64| {
        let version = seconds + 1;
        json!({"$lastUpdated": at(seconds).to_string(), "$lastUpdatedVersion": version})
    };
    let with = |mut stamp: Value, name: &str, member: Value| {
        stamp[name] = member;
        stamp
    };
    let a = with(with(stamp(2), "y", stamp(1)), "z", stamp(2));
    let expected = json!({
        "a": {"y": 2, "z": 3},
        "b": [{"c": 1}],
        "$metadata": with(with(stamp(2), "a", a), "b", stamp(1)),
        "$version": 3,
    });
    assert_eq!(Value::Object(section.service_view()), expected);
}

#[test]
fn metadata_starts_afresh_where_something_else_takes_the_place() {
    let mut section = Section::desired(at(0));
    section.apply(Update::Merge(object(r#"{"a":{"x":{"y":1}}}"#)), at(1)).unwrap();
    section.apply(Update::Merge(object(r#"{"a":5}"#)), at(2)).unwrap();
    section.apply(Update::Merge(object(r#"{"a":{"z":1}}"#)), at(3)).unwrap();
    let a = &section.service_view()["$metadata"]["a"];
    assert_eq!(a["x"], Value::Null);
    assert_eq!(a["z"]["$lastUpdatedVersion"], 4);

    section.apply(Update::Replace(object(r#"{"b":1}"#)), at(4)).unwrap();
    let metadata = &section.service_view()["$metadata"];
    assert_eq!(metadata["a"], Value::Null);
    assert_eq!(metadata["b"]["$lastUpdatedVersion"], 5);
}

#[test]
fn only_desired_properties_say_the_version_of_a_change() {
    let mut reported = Section::reported(at(0));
    reported.apply(Update::Merge(object(r#"{"a":{"b":1}}"#)), at(1)).unwrap();
    let updated = at(1).to_string();
    assert_eq!(
        reported.service_view()["$metadata"],
        json!({"$lastUpdated": updated, "a": {"$lastUpdated": updated, "b": {"$lastUpdated": updated}}})
    );
}

#[test]
fn what_a_client_read_it_may_send_back() {
    let mut section = Section::desired(at(0));
    section.apply(Update::Merge(object(r#"{"a":1}"#)), at(1)).unwrap();
    let mut sent = section.service_view();
    sent.insert("$etag".into(), "x".into());
    for update in [Update::Merge(sent.clone()), Update::Replace(sent.clone())] {
        let told = section.clone().apply(update, at(2)).unwrap();
        assert_eq!(Value::Object(told), json!({"a": 1, "$version": 3}));
    }
    let mut tags = Tags::default();
    tags.apply(Update::Merge(sent)).unwrap();
    assert_eq!(tags.as_object(), &object(r#"{"a":1}"#));
}

#[test]
fn a_part_that_is_not_mentioned_stays_in_a_patch_and_is_emptied_in_a_replacement() {
    let value = object(r#"{"a":1}"#);
    for (sent, patch, replacement) in [
        (Patch::Absent, None, Update::Replace(Object::new())),
        (Patch::Null, Some(Update::Clear), Update::Replace(Object::new())),
        (Patch::Value(value.clone()), Some(Update::Merge(value.clone())), Update::Replace(value)),
    ] {
        assert_eq!(Update::from_patch(sent.clone()), patch, "{sent:?}");
        assert_eq!(Update::from_replacement(sent.clone()), replacement, "{sent:?}");
    }
}

#[test]
fn what_is_not_allowed_is_refused_with_its_place() {
    let long_name = "k".repeat(1025);
    let long_text = "é".repeat(2049);
    let shown_name = format!("{}…", "k".repeat(64));
    for (patch, path, rule) in [
        (json!({"a": {"b.c": 1}}), "a.b.c", Rule::KeyCharacter('.')),
        (json!({"a b": 1}), "a b", Rule::KeyCharacter(' ')),
        (json!({"a": {"$x": null}}), "a.$x", Rule::KeyCharacter('$')),
        (json!({"a": {"$metadata": {}}}), "a.$metadata", Rule::KeyCharacter('$')),
        (json!({"a\u{1b}": 1}), "a\\u{1b}", Rule::KeyCharacter('\u{1b}')),
        (json!({"a\u{85}": 1}), "a\\u{85}", Rule::KeyCharacter('\u{85}')),
        (json!({"a": {&long_name: 1}}), &format!("a.{shown_name}"), Rule::KeyLength { len: 1025 }),
        (json!({"a": [1, &long_text]}), "a[1]", Rule::StringLength { len: 4098 }),
        (json!({"a": 4_503_599_627_370_496_i64}), "a", Rule::Integer),
        (json!({"a": -4_503_599_627_370_497_i64}), "a", Rule::Integer),
        (json!({"a": u64::MAX}), "a", Rule::Integer),
        (json!({"a": [[0], [1, null]]}), "a[1][1]", Rule::NullInArray),
        (json!({"a": [{"b": {"c": null}}]}), "a[0].b.c", Rule::NullInArray),
        (json!({"x": nested(10, json!({}))}), "x.x.x.x.x.x.x.x.x.x.x", Rule::Depth),
        (json!({"x": nested(9, json!([[]]))}), "x.x.x.x.x.x.x.x.x.x[0]", Rule::Depth),
    ] {
        let Value::Object(patch) = patch else { unreachable!("each row is an object") };
        let violation = Violation { path: path.into(), rule };
        let mut section = Section::reported(at(0));
        let before = section.clone();
        assert_eq!(section.apply(Update::Merge(patch.clone()), at(1)), Err(violation.clone()), "{patch:?}");
        assert_eq!(section.apply(Update::Replace(patch.clone()), at(1)), Err(violation.clone()), "{patch:?}");
        assert_eq!(section, before, "nothing has changed");
        assert_eq!(Tags::default().apply(Update::Merge(patch)), Err(violation));
    }
}

#[test]
fn what_is_at_its_limit_is_accepted() {
    for patch in [
        json!({"k".repeat(1024): 1}),
        json!({"a": "é".repeat(2048)}),
        json!({"a": 4_503_599_627_370_495_i64, "b": -4_503_599_627_370_496_i64, "c": 1e300, "d": -0.5}),
        json!({"x": nested(9, json!({}))}),
        json!({"x": nested(9, json!([1]))}),
        json!({"a": [], "b": [{}], "é#/{}[]": true, "": 1}),
        json!({"azureiot*com^dtracing^1*0*0": {"sampling_mode": 1, "sampling_rate": 50}}),
    ] {
        let Value::Object(patch) = patch else { unreachable!("each row is an object") };
        let mut section = Section::desired(at(0));
        section.apply(Update::Merge(patch.clone()), at(1)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(section.properties(), &patch);
    }
}

#[test]
fn size_is_counted_by_the_published_formula() {
    // The rest of a section of which `ab` and its value are a part, up to the last byte.
    for (value, size) in [
        (json!(""), 0),
        (json!("é\n\u{7f}\u{85}x"), 3),
        (json!(1), 8),
        (json!(1.5), 8),
        (json!(true), 4),
        (json!(null), 0),
        (json!([1, "abc", false, []]), 15),
        (json!({"abc": "d", "e": {"f": 2}}), 3 + 1 + 1 + 1 + 8),
    ] {
        let max = Section::SIZE_MAX;
        let counted = if value.is_null() { 0 } else { "ab".len() + size };
        let patch = |len: usize| {
            let mut patch = filler(len);
            patch.insert("ab".into(), value.clone());
            patch
        };
        let mut section = Section::desired(at(0));
        assert!(section.apply(Update::Merge(patch(max - counted)), at(1)).is_ok(), "{value}");
        let rule = Rule::Size { size: max + 1, max };
        assert_eq!(
            Section::desired(at(0)).apply(Update::Merge(patch(max - counted + 1)), at(1)),
            Err(Violation { path: String::new(), rule }),
            "{value}"
        );
    }
    assert!(Tags::default().apply(Update::Replace(filler(8192))).is_ok());
    assert!(Tags::default().apply(Update::Replace(filler(8193))).is_err());
}

#[test]
fn what_counts_is_the_size_afterwards() {
    let mut section = Section::reported(at(0));
    section.apply(Update::Merge(filler(Section::SIZE_MAX)), at(1)).unwrap();
    assert!(section.apply(Update::Merge(object(r#"{"a":""}"#)), at(2)).is_err());
    section.apply(Update::Merge(object(r#"{"f0":null,"a":"much smaller"}"#)), at(2)).unwrap();
    assert_eq!(section.version(), 3);
}

#[test]
fn what_the_formula_counts_as_nothing_is_not_unlimited() {
    const MAX: usize = 120 * 1024;
    let removals = |count: usize| (0..count).map(|n| (format!("{n:07}"), Value::Null)).collect::<Object>();
    for (what, patch) in [
        ("empty lists", json!({"a": vec![json!([]); 60_000]})),
        ("empty texts", json!({"a": vec![""; 60_000]})),
        ("empty objects", json!({"a": vec![json!({}); 60_000]})),
        ("control characters", json!({"a": vec!["\u{1}".repeat(4096); 10]})),
        ("removals", Value::Object(removals(10_000))),
    ] {
        let Value::Object(patch) = patch else { unreachable!("rows are objects") };
        let rule = Rule::JsonLength { len: Value::Object(patch.clone()).to_string().len() };
        let violation = Err(Violation { path: String::new(), rule });
        assert_eq!(Section::reported(at(0)).apply(Update::Merge(patch.clone()), at(1)), violation, "{what}");
        assert_eq!(Section::desired(at(0)).apply(Update::Replace(patch.clone()), at(1)), violation, "{what}");
        assert!(Tags::default().apply(Update::Merge(patch)).is_err(), "{what}");
    }
    // A patch that is short enough adds up to a section that is not.
    let part = |name: &str| object(&json!({name: vec![""; MAX / 7]}).to_string());
    let mut section = Section::reported(at(0));
    section.apply(Update::Merge(part("a")), at(1)).unwrap();
    section.apply(Update::Merge(part("b")), at(2)).unwrap();
    let violation = section.apply(Update::Merge(part("c")), at(3)).unwrap_err();
    assert!(matches!(violation.rule, Rule::JsonLength { len } if len > MAX), "{violation}");
    assert_eq!(section.version(), 3);
}

#[test]
fn what_is_received_is_checked_for_its_extent_and_nothing_else() {
    let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!({ "x": inner }));
    let fat = |count: usize| json!(vec!["y".repeat(1024); count]);
    for (properties, rule) in [
        (json!({ "a b": null, "n": 1u64 << 60 }), None),
        (json!({ "x": deep(10) }), None),
        (json!({ "x": deep(11) }), Some(Rule::Depth)),
        (json!({ "x": [[[[[[[[[[[]]]]]]]]]]] }), Some(Rule::Depth)),
        (json!({ "": fat(32) }), None),
        (json!({ "x": fat(32) }), Some(Rule::Size { size: 32 * 1024 + 1, max: 32 * 1024 })),
        (json!({ "x": vec![""; 50_000] }), Some(Rule::JsonLength { len: 150_007 })),
    ] {
        let checked = Section::check_extent(properties.as_object().unwrap());
        assert_eq!(checked.map_err(|violation| violation.rule).err(), rule, "{:.40}", properties.to_string());
    }
}

#[test]
fn two_patches_are_one_unless_what_was_taken_away_is_filled_anew() {
    for (first, next, both) in [
        (json!({}), json!({ "a": null }), Some(json!({ "a": null }))),
        (json!({ "a": 1, "b": 2 }), json!({ "a": null }), Some(json!({ "a": null, "b": 2 }))),
        (json!({ "a": null }), json!({ "a": [1] }), Some(json!({ "a": [1] }))),
        (
            json!({ "a": { "x": 1 } }),
            json!({ "a": { "y": null } }),
            Some(json!({ "a": { "x": 1, "y": null } })),
        ),
        (json!({ "a": { "x": 1 } }), json!({ "a": 5 }), Some(json!({ "a": 5 }))),
        (json!({ "a": null }), json!({ "a": { "x": 1 } }), None),
        (json!({ "a": 5 }), json!({ "b": 1, "a": { "x": 1 } }), None),
        (json!({ "a": { "x": 5 } }), json!({ "b": 1, "a": { "x": {} } }), None),
    ] {
        let mut patch = first.as_object().unwrap().clone();
        match (compose(&mut patch, next.as_object().unwrap()), both) {
            (Ok(()), Some(both)) => assert_eq!(Value::Object(patch), both, "{first} {next}"),
            (Err(NotOnePatch), None) => assert_eq!(Value::Object(patch), first, "{next}"),
            (outcome, _) => panic!("{first} {next}: {outcome:?}"),
        }
    }
}

#[test]
fn a_violation_reads_as_a_sentence_after_a_colon() {
    for (path, rule, text) in [
        ("a.b", Rule::KeyCharacter('$'), "a.b: '$' is not allowed in a name"),
        ("a[3]", Rule::NullInArray, "a[3]: null is not allowed inside an array"),
        ("", Rule::Size { size: 9000, max: 8192 }, "9000 bytes in all, at most 8192 are allowed"),
    ] {
        assert_eq!(Violation { path: path.into(), rule }.to_string(), text);
    }
}

#[test]
fn nothing_is_stored_of_what_has_been_removed() {
    for removal in [
        Update::Merge(object(r#"{"gone":null}"#)),
        Update::Merge(object(r#"{"gone":5}"#)),
        Update::Replace(object("{}")),
        Update::Clear,
    ] {
        let mut section = Section::desired(at(0));
        section.apply(Update::Merge(object(r#"{"gone":{"inner":{"deep":1}}}"#)), at(1)).unwrap();
        let shown = format!("{removal:?}");
        section.apply(removal, at(2)).unwrap();
        let stored = serde_json::to_string(&section).unwrap();
        assert!(!stored.contains("inner"), "{shown}: {stored}");
        assert_eq!(stored.contains("gone"), section.properties().contains_key("gone"), "{shown}: {stored}");
    }
}

#[test]
fn a_section_is_stored_and_read_back_whole() {
    let mut section = Section::desired(at(0));
    section
        .apply(Update::Merge(object(r#"{"z":{"y":[1,{"x":2}]},"at":1,"version":2,"members":{}}"#)), at(1))
        .unwrap();
    section.apply(Update::Merge(object(r#"{"z":{"w":1.5}}"#)), at(2)).unwrap();
    let stored = serde_json::to_string(&section).unwrap();
    let read: Section = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, section);
    assert_eq!(read.service_view(), section.service_view());
}

proptest! {
    #[test]
    fn merging_agrees_with_the_text_of_the_rfc(target in any_object(), patch in any_object()) {
        let mut merged = target.clone();
        merge(&mut merged, &patch);
        prop_assert_eq!(Value::Object(merged), rfc_7396(Value::Object(target), &Value::Object(patch)));
    }

    #[test]
    fn two_patches_as_one_do_what_both_do(target in any_object(), first in any_object(), next in any_object()) {
        let mut one_by_one = target.clone();
        merge(&mut one_by_one, &first);
        merge(&mut one_by_one, &next);
        let mut both = first;
        if compose(&mut both, &next).is_ok() {
            let mut at_once = target;
            merge(&mut at_once, &both);
            prop_assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn whatever_is_done_to_a_section_its_version_and_its_views_fit(updates in proptest::collection::vec(any_update(), 1..8)) {
        let mut section = Section::desired(at(0));
        let mut model = Value::Object(Object::new());
        // What a device knows that listens from the beginning.
        let mut device = Value::Object(Object::new());
        for (step, update) in updates.into_iter().enumerate() {
            let before = section.clone();
            let is_replacement = matches!(update, Update::Replace(_));
            let expected = match &update {
                Update::Merge(patch) => rfc_7396(model.clone(), &Value::Object(patch.clone())),
                Update::Replace(next) => rfc_7396(json!({}), &Value::Object(next.clone())),
                Update::Clear => json!({}),
            };
            match section.apply(update, at(step as u64 + 1)) {
                Ok(mut told) => {
                    prop_assert_eq!(section.version(), before.version() + 1);
                    prop_assert_eq!(told.remove("$version"), Some(json!(section.version())));
                    device = rfc_7396(if is_replacement { json!({}) } else { device }, &Value::Object(told));
                    model = expected;
                }
                Err(_) => prop_assert_eq!(&section, &before),
            }
            prop_assert_eq!(&Value::Object(section.properties().clone()), &model);
            prop_assert_eq!(&device, &model);
            let view = section.service_view();
            prop_assert!(mirrors(&view["$metadata"], section.properties()), "{:?}", view);
            let (viewed, written) = (json!(view).to_string(), serde_json::to_string(&section.as_written()));
            prop_assert_eq!(viewed, written.unwrap(), "what is written has the members of the view, in its order");
        }
    }
}

/// The function of RFC 7396, section 2, line by line.
fn rfc_7396(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Object::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let old = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), rfc_7396(old, value));
        }
    }
    Value::Object(target)
}

/// Whether there is an entry for each property, in the same tree, and for nothing else.
fn mirrors(metadata: &Value, properties: &Object) -> bool {
    let names =
        metadata.as_object().expect("metadata is an object").keys().filter(|name| !name.starts_with('$'));
    names.eq(properties.keys())
        && metadata["$lastUpdated"].is_string()
        && properties.iter().all(|(name, value)| match value {
            Value::Object(members) => mirrors(&metadata[name], members),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                mirrors(&metadata[name], &Object::new())
            }
        })
}

fn any_update() -> impl Strategy<Value = Update> {
    prop_oneof![
        6 => any_object().prop_map(Update::Merge),
        2 => any_object().prop_map(Update::Replace),
        1 => Just(Update::Clear),
        1 => any_object().prop_map(|mut patch| {
            patch.insert("not.allowed".into(), 1.into());
            Update::Merge(patch)
        }),
    ]
}

/// Few names, so that patches meet what is there.
fn any_object() -> impl Strategy<Value = Object> {
    let leaf = prop_oneof![
        3 => Just(Value::Null),
        3 => (0..5).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => "[a-z]{0,3}".prop_map(Value::from),
        1 => proptest::collection::vec(0..3, 0..3).prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| members(inner).prop_map(Value::Object));
    members(value)
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    proptest::collection::vec(("[abcd]", value), 0..4).prop_map(|members| members.into_iter().collect())
}

/// Properties of exactly `len` bytes by the formula.
fn filler(len: usize) -> Object {
    let mut filler = Object::new();
    let mut left = len;
    for index in 0.. {
        let name = format!("f{index}");
        let Some(room) = left.checked_sub(name.len()) else { break };
        let text = room.min(4000);
        filler.insert(name.clone(), "x".repeat(text).into());
        left -= name.len() + text;
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0, "a length that can be filled");
    filler
}

/// `leaf` inside `levels` objects called `x`.
fn nested(levels: usize, leaf: Value) -> Value {
    (0..levels).fold(leaf, |inner, _| json!({"x": inner}))
}

fn at(seconds: u64) -> Date {
    Date::from_millis(1_893_452_400_000 + seconds * 1000)
}

fn object(text: &str) -> Object {
    serde_json::from_str(text).expect("the test says JSON")
}
