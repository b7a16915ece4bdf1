//! What an index gives is compared with a look at everything.

use iothub_model::{Authentication, Capabilities, Etag, Object, Status, Update};
use iothub_proto::Timestamp;
use iothub_query::{Condition, Query};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::page::scanned;
use super::place::{Place, Run};
use super::walk::Walk;
use super::{Answer, Asked};
use crate::input::ConnectionId;
use crate::registry::{Key, Record, Registry};
use crate::rest::row::Row;
use crate::restatement::Stated;
use crate::twin::TwinEdit;

/// What happens to a registry.
#[derive(Clone, Debug)]
enum Step {
    Set(Key, Status),
    Remove(Key),
    Edit(Key, Part, Update),
    Connect(Key),
    Part(Key),
    /// As a record does that was stated anew.
    Restore(Key),
    /// A query has asked for that.
    Begin(&'static str),
    /// So many are read into the index that is being made.
    Read(usize),
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Tags,
    Desired,
    Reported,
    /// Breaks a rule in one part, so that nothing changes.
    Refused,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn an_index_never_misses_what_a_look_at_everything_finds(
        are_early in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
        conditions in prop::collection::vec(condition(), 1..12),
    ) {
        let mut registry = Registry::default();
        let early = if are_early { PROPERTIES } else { &[] };
        for path in early {
            perform(&mut registry, Step::Begin(path));
            perform(&mut registry, Step::Read(1));
        }
        for step in steps {
            perform(&mut registry, step);
        }
        for condition in conditions {
            for collection in ["devices", "devices.modules"] {
                compare(&registry, &format!("SELECT deviceId, moduleId FROM {collection} WHERE {condition}"))?;
            }
        }
        let keys: Vec<Key> = registry.iter().map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| registry.remove(key));
        prop_assert!(registry.index().is_empty(), "nothing is left behind: {registry:?}");
    }
}

#[cfg(not(miri))]
const CASES: u32 = 256;
#[cfg(miri)]
const CASES: u32 = 2;

fn compare(registry: &Registry, text: &str) -> Result<(), TestCaseError> {
    let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let selected = |(key, entry): (&Key, &crate::registry::Entry)| {
        (key.collection() == query.from && query.selects(&Row { key, entry })).then(|| key.clone())
    };
    let expected: Vec<Key> = registry.iter().filter_map(selected).collect();
    if let Some(found) = registry.found(query.condition.as_ref().unwrap()) {
        for key in &expected {
            let name = key.device.as_str();
            let slot = registry.slots_from(name).find(|(each, _)| *each == key).unwrap().1;
            prop_assert!(found.contains(slot), "{key} is missed by {text}: {registry:?}");
        }
    }
    let mut pages: Vec<Key> = Vec::new();
    let mut place = Some(Place::begin(text));
    while let Some(from) = place {
        let run = Run::of(&[0; 32]);
        let mut plan = registry.plan(query.condition.as_ref(), query.from);
        let walk = Walk::new(&query, &mut plan, from.after.clone(), registry, run);
        let asked = Asked { query: query.clone(), answer: Answer::Rows, place: from, rows_max: 2 };
        let (page, _) = scanned(registry, &asked, &walk);
        for row in page.rows {
            let row: Value = serde_json::from_slice(&row).unwrap();
            let name = |name: &str| row[name].as_str().map(str::to_owned);
            pages.push(Key { device: name("deviceId").unwrap(), module: name("moduleId") });
        }
        place = page.next;
    }
    pages.sort();
    prop_assert_eq!(pages, expected, "{}: {:?}", text, registry);
    Ok(())
}

fn perform(registry: &mut Registry, step: Step) {
    let at = Timestamp::from_secs(1);
    match step {
        Step::Set(key, status) => registry.set(key, record(status), at),
        Step::Remove(key) => registry.remove(&key),
        Step::Edit(key, part, update) => {
            let update = Some(update);
            let refused = json!({"a.b": 1}).as_object().cloned().map(Update::Merge);
            let edit = match part {
                Part::Tags => TwinEdit { tags: update, ..TwinEdit::default() },
                Part::Desired => TwinEdit { desired: update, ..TwinEdit::default() },
                Part::Reported => TwinEdit { reported: update, ..TwinEdit::default() },
                Part::Refused => TwinEdit { tags: update.clone(), desired: update, reported: refused },
            };
            let outcome = registry.edit(&key, edit, at);
            let is_refused = matches!(part, Part::Refused);
            assert!(outcome.is_none_or(|outcome| outcome.is_err() == is_refused));
        }
        Step::Connect(key) => registry.set_connection(&key, Some(ConnectionId(1))),
        Step::Part(key) => registry.set_connection(&key, None),
        Step::Restore(key) => {
            if let Some(stated) = registry.get(&key).map(Stated::from) {
                registry.restore(key, stated, None);
            }
        }
        Step::Begin(path) => {
            let condition = Condition::of_twins(&format!("is_defined({path})")).unwrap();
            let path = condition.constraints().remove(0).path;
            registry.index_mut().begin(&path);
        }
        Step::Read(identities) => registry.read_into_index(identities),
    }
}

fn record(status: Status) -> Record {
    Record {
        generation_id: String::new(),
        etag: Etag::from_counter(1),
        status,
        status_reason: None,
        status_updated_ms: 0,
        authentication: Authentication::default(),
        capabilities: Capabilities::default(),
        managed_by: None,
        device_scope: None,
        parent_scopes: None,
    }
}

fn key() -> impl Strategy<Value = Key> {
    (0..4, select(vec![None, None, None, None, Some("m")]))
        .prop_map(|(n, module)| Key { device: format!("d{n}"), module: module.map(str::to_owned) })
}

fn step() -> impl Strategy<Value = Step> {
    let part = select(vec![Part::Tags, Part::Desired, Part::Reported, Part::Refused]);
    let status = select(vec![Status::Enabled, Status::Disabled]);
    prop_oneof![
        3 => (key(), status).prop_map(|(key, status)| Step::Set(key, status)),
        1 => key().prop_map(Step::Remove),
        8 => (key(), part, update()).prop_map(|(key, part, update)| Step::Edit(key, part, update)),
        1 => key().prop_map(Step::Connect),
        1 => key().prop_map(Step::Part),
        1 => key().prop_map(Step::Restore),
        1 => select(PROPERTIES).prop_map(Step::Begin),
        4 => (1_usize..8).prop_map(Step::Read),
    ]
}

fn update() -> impl Strategy<Value = Update> {
    prop_oneof![
        6 => members().prop_map(Update::Merge),
        1 => members().prop_map(Update::Replace),
        1 => Just(Update::Clear),
        1 => (60_usize..70).prop_map(|n| Update::Merge((0..n).map(|n| (format!("n{n}"), json!(n))).collect())),
    ]
}

fn members() -> impl Strategy<Value = Object> {
    let name = || select(vec!["a", "a", "b", "A"]);
    let object = (name(), scalar()).prop_map(|(name, value)| json!({name: value}));
    let value = prop_oneof![6 => scalar(), 2 => object, 1 => Just(json!([1])), 1 => Just(json!({}))];
    prop::collection::vec((name(), value), 0..3)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn scalar() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!(4_503_599_627_370_495_u64),
        json!(1e300),
        json!("x"),
        json!("X"),
        json!(""),
        json!("xy"),
        json!("x".repeat(128)),
        json!("x".repeat(129)),
        json!(format!("{}\u{20ac}", "x".repeat(127))),
    ])
}

const PROPERTIES: &[&str] = &["properties.desired.a", "properties.reported.a", "properties.reported.a.b"];

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} AND {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} OR {right})")),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

fn leaf() -> impl Strategy<Value = String> {
    let path = || {
        let identity = ["deviceId", "moduleId", "status", "connectionState", "version"];
        let tags = ["tags", "tags.a", "tags.a", "TAGS.a.b", "tags.A", "tags.[[a.b]]", "tags.none"];
        select([&identity[..], &tags, PROPERTIES, PROPERTIES, &["properties.reported.$version"]].concat())
    };
    let literal = || {
        let texts =
            ["'x'", "'X'", "''", "'xy'", "'d1'", "'d3'", "'m'", "'enabled'", "'disabled'", "'Connected'"];
        let others = ["null", "true", "false", "0", "1", "1.0", "1.5", "-1", "1e300", "4503599627370495"];
        let long = [128, 129, 200].map(|len| format!("'{}'", "x".repeat(len)));
        let short = texts.iter().chain(&others).map(ToString::to_string);
        select(short.chain(long).collect::<Vec<_>>())
    };
    let comparison = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        4 => (path(), comparison.clone(), literal()).prop_map(|(path, is, value)| format!("{path} {is} {value}")),
        1 => (literal(), comparison, path()).prop_map(|(value, is, path)| format!("{value} {is} {path}")),
        2 => (path(), literal(), literal()).prop_map(|(path, one, other)| format!("{path} IN [{one}, {other}]")),
        1 => (path(), literal()).prop_map(|(path, one)| format!("{path} NIN [{one}]")),
        2 => (path(), literal(), literal())
            .prop_map(|(path, low, high)| format!("{path} > {low} AND {path} <= {high}")),
        1 => path().prop_map(|path| format!("is_defined({path})")),
        1 => path().prop_map(|path| format!("is_null({path})")),
        1 => path().prop_map(|path| format!("is_string({path})")),
        1 => path().prop_map(str::to_owned),
        2 => (path(), select(vec!["x", "xy", "d", "", "e", "m"]))
            .prop_map(|(path, prefix)| format!("starts_with({path}, '{prefix}')")),
    ]
}
