use serde_json::{Value, json};

use crate::hub::Hub;
use crate::place::Place;

#[test]
fn twins_are_found_by_what_they_say() {
    let hub = Hub::start();
    for (id, tags) in [("pump-1", r#"{"site":"north"}"#), ("pump-2", r#"{"site":"south"}"#)] {
        hub.run(&["device", "create", id]).json();
        hub.run(&["twin", "update", id, "--tags", tags]).json();
    }
    let twin = hub.run(&["query", "SELECT * FROM devices WHERE tags.site = 'north'"]).json();
    assert_eq!(twin, hub.line("twin show pump-1").json());
    let rows = hub.run(&["query", "SELECT deviceId AS id FROM devices WHERE is_defined(tags.site)"]).ok();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, [json!({"id": "pump-1"}), json!({"id": "pump-2"})]);
    let table = hub.run(&["query", "SELECT * FROM devices WHERE tags.site = 'south'", "-o", "table"]).ok();
    assert!(table.contains("DEVICEID") && table.contains("pump-2") && !table.contains("pump-1"), "{table}");
    let none = hub.run(&["query", "SELECT * FROM devices WHERE tags.site = 'west'"]).ok();
    assert_eq!(none, "");
}

#[test]
fn what_is_wrong_with_a_query_is_pointed_at() {
    let hub = Hub::start();
    let end = hub.run(&["query", "SELECT * FROM devices WHERE tags.site == 'north'"]);
    assert_eq!(end.code, Some(1), "{}", end.err);
    assert!(end.err.contains("found `=` at line 1, column 40"), "{}", end.err);
}

#[test]
fn a_query_is_written_as_whoever_reads_it_wants_it() {
    let hub = Hub::start_in(Place::new(), &["--no-device"]);
    for (id, tags) in [("a", r#"{"site":"no\"rth","n":1}"#), ("b", r#"{"site":"x,y"}"#), ("c", "{}")] {
        hub.line(&format!("device create {id}")).json();
        hub.run(&["twin", "update", id, "--tags", tags]).json();
    }
    let query = "SELECT deviceId, tags.site AS site, tags.n AS n FROM devices";
    let rows: [Value; 3] = [
        json!({"deviceId": "a", "site": "no\"rth", "n": 1}),
        json!({"deviceId": "b", "site": "x,y"}),
        json!({"deviceId": "c"}),
    ];
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let list = format!("{}\n", Value::from(rows.to_vec()));
    for (arguments, written) in [
        (&["query", query][..], &*lines),
        (&["query", "-q", query, "-o", "ndjson"], &lines),
        (&["query", query, "-o", "json"], &list),
        (&["query", query, "-o", "csv"], "deviceId,site,n\r\na,\"no\"\"rth\",1\r\nb,\"x,y\",\r\nc,,\n"),
        (&["query", query, "--top", "1"], lines.lines().next().unwrap()),
        (&["query", "SELECT deviceId FROM devices WHERE tags.site = 'none'", "-o", "json"], "[]\n"),
        (&["query", "SELECT deviceId FROM devices WHERE tags.site = 'none'", "-o", "csv"], ""),
    ] {
        assert_eq!(hub.run(arguments).ok().trim_end(), written.trim_end(), "{arguments:?}");
    }
    let csv = hub.line("device list -o csv").ok();
    assert!(csv.starts_with("deviceId,") && csv.lines().count() == 4, "{csv}");
    assert_eq!(hub.line("device list -o ndjson").ok().lines().count(), 3);
}

#[test]
fn a_hub_says_by_which_index_it_has_found_what_was_asked_for() {
    let hub = Hub::start_in(Place::new(), &["--no-device"]);
    for id in ["a", "b", "c"] {
        hub.line(&format!("device create {id}")).json();
        hub.run(&["twin", "update", id, "--tags", &json!({"name": id}).to_string()]).json();
    }
    let query = "SELECT * FROM devices WHERE tags.name = 'b'";
    let plan = hub.run(&["query", query, "--explain"]).json();
    let expected = json!({
        "access": "index",
        "indexes": [{"constraint": "tags.name = 'b'", "identities": 1}],
        "candidates": 1,
        "lookedAt": 1,
        "identities": 3,
    });
    assert_eq!(plan, expected);
    let table = hub.run(&["query", query, "--explain", "-o", "table"]).ok();
    assert!(table.contains("tags.name = 'b': 1") && table.contains("1 of 3"), "{table}");
    let all = hub.run(&["query", "SELECT * FROM devices", "--explain", "-o", "table"]).ok();
    assert!(all.contains("there is no condition") && all.contains("3 of 3"), "{all}");
}
