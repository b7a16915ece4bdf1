//! What queries answer.

use iothub_query::{Groups, Query, TooManyGroups};
use serde_json::{Value, json};

fn twins() -> Vec<Value> {
    vec![
        json!({"deviceId": "a", "status": "enabled", "tags": {"plant": "p1", "n": 1}}),
        json!({"deviceId": "b", "status": "disabled", "tags": {"plant": "p2", "n": 2.5}}),
        json!({"deviceId": "c", "status": "enabled", "tags": {"plant": "p1", "n": "many"}}),
        json!({"deviceId": "d", "status": "enabled", "tags": {"n": 3}}),
        json!({"deviceId": "e", "status": "enabled", "tags": {"plant": null}}),
    ]
}

#[test]
fn rows_are_what_the_query_says() {
    for (text, rows) in [
        (
            "SELECT * FROM devices WHERE deviceId = 'd'",
            json!([{"deviceId": "d", "status": "enabled", "tags": {"n": 3}}]),
        ),
        (
            "SELECT DEVICEID, tags.plant FROM devices WHERE tags.n > 2",
            json!([{"deviceId": "b", "plant": "p2"}, {"deviceId": "d"}]),
        ),
        ("SELECT tags.plant AS p FROM devices WHERE deviceId = 'e'", json!([{"p": null}])),
        ("SELECT TOP 2 deviceId AS id FROM devices", json!([{"id": "a"}, {"id": "b"}])),
        ("SELECT TOP 2 deviceId FROM devices WHERE status = 'none'", json!([])),
        ("SELECT COUNT() AS n FROM devices", json!([{"n": 5}])),
        ("SELECT COUNT() FROM devices WHERE status = 'none'", json!([{"count": 0}])),
        (
            "SELECT SUM(tags.n), AVG(tags.n), MIN(tags.n), MAX(tags.n) AS most FROM devices",
            json!([{"sum": 6.5, "avg": 6.5 / 3.0, "min": 1, "most": 3}]),
        ),
        ("SELECT SUM(tags.x), AVG(tags.x), MIN(tags.x) FROM devices", json!([{"sum": 0}])),
        (
            "SELECT tags.plant AS plant, COUNT() AS n, SUM(tags.n) AS s FROM devices GROUP BY tags.plant",
            json!([
                {"n": 1, "s": 3},
                {"plant": null, "n": 1, "s": 0},
                {"plant": "p1", "n": 2, "s": 1},
                {"plant": "p2", "n": 1, "s": 2.5},
            ]),
        ),
        (
            "SELECT TOP 1 COUNT() FROM devices WHERE is_string(tags.plant) GROUP BY tags.plant",
            json!([{"count": 2}]),
        ),
        (
            "SELECT status FROM devices GROUP BY status",
            json!([{"status": "disabled"}, {"status": "enabled"}]),
        ),
        ("SELECT status FROM devices WHERE deviceId = 'x' GROUP BY STATUS", json!([])),
    ] {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.run(&twins()), Ok(rows.as_array().unwrap().clone()), "{text}");
    }
}

#[test]
fn equal_numbers_are_one_group() {
    let query = Query::parse("SELECT version, COUNT() AS n FROM devices GROUP BY version").unwrap();
    let twins = [1.0, 1.5].map(|version| json!({"version": version}));
    let rows = query.run(twins.iter().chain([&json!({"version": 1})])).unwrap();
    assert_eq!(rows, [json!({"version": 1.0, "n": 2}), json!({"version": 1.5, "n": 1})]);
}

#[test]
fn great_sums_are_exact() {
    let query = Query::parse("SELECT SUM(version) AS s FROM devices").unwrap();
    let twins = [9_007_199_254_740_993_i64, 1, -2].map(|version| json!({"version": version}));
    assert_eq!(query.run(&twins), Ok(vec![json!({"s": 9_007_199_254_740_992_i64})]));
}

#[test]
fn only_so_many_groups_are_kept() {
    let query = Query::parse("SELECT COUNT() AS n FROM devices GROUP BY version").unwrap();
    let mut groups = query.groups();
    for version in 0..Groups::MAX {
        groups.add(&json!({"version": version})).unwrap();
    }
    assert_eq!(groups.add(&json!({"version": -1})), Err(TooManyGroups));
    groups.add(&json!({"version": 7})).unwrap();
    assert_eq!(groups.into_rows().len(), Groups::MAX);
}
