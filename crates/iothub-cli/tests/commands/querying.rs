use serde_json::{Value, json};

use crate::hub::Hub;

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
