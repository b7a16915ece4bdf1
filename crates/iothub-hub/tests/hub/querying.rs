use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::world::World;

/// A page: its rows, what they are, and how it goes on.
struct Page {
    rows: Vec<Value>,
    item_type: String,
    next: Option<String>,
}

fn page(world: &mut World, query: &str, size: &str, after: &str) -> Page {
    let body = json!({"query": query}).to_string();
    let headers = [("x-ms-max-item-count", size), ("x-ms-continuation", after)];
    let response = world.rest_with("POST", "/devices/query?api-version=2021-04-12", &body, &headers);
    let header = |name: &str| response.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value);
    assert_eq!(response.status, 200, "{query}: {}", String::from_utf8_lossy(&response.body));
    Page {
        rows: serde_json::from_slice(&response.body).unwrap(),
        item_type: header("x-ms-item-type").unwrap().clone(),
        next: header("x-ms-continuation").cloned(),
    }
}

/// All rows, and how many each page had.
fn all(world: &mut World, query: &str, size: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut rows, mut sizes, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = page(world, query, size, &after);
        sizes.push(page.rows.len());
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = next,
            None => return (rows, sizes),
        }
    }
}

fn refusal(world: &mut World, body: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let response = world.rest_with("POST", "/devices/query?api-version=2021-04-12", body, headers);
    (response.status, String::from_utf8_lossy(&response.body).into_owned())
}

/// Beside `dev1`, pumps from 0 to 9, of which the even ones are of plant p0, and a module of pump-3.
fn fleet() -> World {
    let mut world = World::new();
    for n in 0..10 {
        let id = format!("pump-{n}");
        world.rest("PUT", &format!("/devices/{id}"), json!({"deviceId": id}));
        let twin = json!({"tags": {"plant": format!("p{}", n % 2)}, "properties": {"desired": {"rate": n}}});
        world.rest("PATCH", &format!("/twins/{id}"), twin);
    }
    world.create_module("pump-3", "camera");
    world
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["deviceId"].as_str().unwrap()).collect()
}

#[test]
fn a_query_gives_the_twins_that_it_selects() {
    let mut world = fleet();
    let line = world.connect("pump-4");
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", br#"{"fw":"2"}"#, None);
    for (condition, expected) in [
        ("deviceId = 'pump-7'", vec!["pump-7"]),
        ("DEVICEID IN ['pump-9', 'pump-1', 'none']", vec!["pump-1", "pump-9"]),
        ("starts_with(deviceId, 'dev')", vec!["dev1"]),
        ("deviceId > 'pump-7'", vec!["pump-8", "pump-9"]),
        ("deviceId <= 'pump-0'", vec!["dev1", "pump-0"]),
        ("deviceId = 7", vec![]),
        ("tags.plant = 'p0' AND properties.desired.rate >= 6", vec!["pump-6", "pump-8"]),
        ("properties.reported.fw = '2'", vec!["pump-4"]),
        ("properties.reported.$version > 1", vec!["pump-4"]),
        ("is_defined(properties.reported.$metadata.fw.$lastUpdated)", vec!["pump-4"]),
        ("connectionState = 'Connected'", vec!["pump-4"]),
        ("status != 'enabled'", vec![]),
        ("NOT is_defined(tags.plant)", vec!["dev1"]),
        ("capabilities.iotEdge = true", vec![]),
    ] {
        let query = format!("SELECT * FROM devices WHERE {condition}");
        let (rows, _) = all(&mut world, &query, "");
        assert_eq!(ids(&rows), expected, "{condition}");
        for row in &rows {
            let (_, twin) =
                world.rest("GET", &format!("/twins/{}", row["deviceId"].as_str().unwrap()), json!(null));
            assert_eq!(*row, twin, "{condition}");
        }
    }
    assert_eq!(page(&mut world, "SELECT * FROM devices", "", "").item_type, "Twin");
}

#[test]
fn modules_columns_and_groups_are_rows_too() {
    let mut world = fleet();
    for (query, item_type, rows) in [
        (
            "SELECT deviceId, moduleId AS m FROM devices.modules WHERE moduleId = 'camera'",
            "Raw",
            json!([{"deviceId": "pump-3", "m": "camera"}]),
        ),
        (
            "SELECT tags.plant AS plant, COUNT() AS n, SUM(properties.desired.rate) AS rate FROM devices \
             WHERE is_defined(tags.plant) GROUP BY tags.plant",
            "Raw",
            json!([{"plant": "p0", "n": 5, "rate": 20}, {"plant": "p1", "n": 5, "rate": 25}]),
        ),
        ("SELECT COUNT() AS n FROM devices", "Raw", json!([{"n": 11}])),
        ("SELECT * FROM devices.jobs", "DeviceJob", json!([])),
    ] {
        let page = page(&mut world, query, "", "");
        assert_eq!((page.item_type.as_str(), Value::Array(page.rows)), (item_type, rows), "{query}");
        assert_eq!(page.next, None, "{query}");
    }
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let mut world = fleet();
    for (query, size, sizes) in [
        ("SELECT deviceId FROM devices", "4", vec![4, 4, 3]),
        ("SELECT deviceId FROM devices", "11", vec![11]),
        ("SELECT TOP 5 deviceId FROM devices", "2", vec![2, 2, 1]),
        ("SELECT TOP 4 deviceId FROM devices", "2", vec![2, 2]),
        ("SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId", "5", vec![5, 5, 1]),
        ("SELECT deviceId FROM devices WHERE starts_with(deviceId, 'pump-')", "5", vec![5, 5]),
    ] {
        let (whole, _) = all(&mut world, query, "");
        let (rows, found) = all(&mut world, query, size);
        assert_eq!((rows, found), (whole, sizes), "{query} by {size}");
    }
}

#[test]
fn a_page_ends_where_enough_was_looked_at() {
    let mut world = World::new();
    for batch in 0..101 {
        let devices: Vec<Value> =
            (0..100).map(|n| json!({"id": format!("d{batch:03}{n:02}"), "importMode": "create"})).collect();
        world.rest("POST", "/devices", Value::Array(devices));
    }
    let (rows, sizes) =
        all(&mut world, "SELECT deviceId FROM devices WHERE deviceId >= 'd10099' OR version = 0", "");
    assert_eq!((ids(&rows), sizes), (vec!["d10099", "dev1"], vec![0, 2]));
    let (_, sizes) = all(&mut world, "SELECT deviceId FROM devices WHERE deviceId >= 'd10099'", "");
    assert_eq!(sizes, [2], "what cannot be meant is not looked at");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let mut world = fleet();
    let next = page(&mut world, "SELECT * FROM devices", "1", "").next.unwrap();
    let query = json!({"query": "SELECT * FROM devices"}).to_string();
    let other = json!({"query": "SELECT deviceId FROM devices"}).to_string();
    let long = "A".repeat(2000);
    for (body, headers, message) in [
        (r#"{"query":"SELECT * FROM devices WHERE a = = 1"}"#, vec![], "found `=` at line 1, column 33"),
        (r#"{}"#, vec![], "query"),
        ("[]", vec![], "a list"),
        (&query, vec![("x-ms-max-item-count", "0")], "x-ms-max-item-count"),
        (&query, vec![("x-ms-max-item-count", "-1")], "x-ms-max-item-count"),
        (&query, vec![("x-ms-continuation", "?")], "x-ms-continuation"),
        (&query, vec![("x-ms-continuation", "e30")], "x-ms-continuation"),
        (&query, vec![("x-ms-continuation", long.as_str())], "x-ms-continuation"),
        (&other, vec![("x-ms-continuation", next.as_str())], "x-ms-continuation"),
    ] {
        let (status, text) = refusal(&mut world, body, &headers);
        assert_eq!(status, 400, "{body} {headers:?}: {text}");
        assert!(text.contains(message), "{body} {headers:?}: {text}");
    }
}

#[test]
fn a_continuation_may_say_that_more_rows_were_given_than_can_be_counted() {
    let mut world = fleet();
    let query = "SELECT * FROM devices";
    let next = page(&mut world, query, "1", "").next.unwrap();
    let mut place: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(next).unwrap()).unwrap();
    place["given"] = u64::MAX.into();
    let bent = BASE64_URL_SAFE_NO_PAD.encode(place.to_string());
    let page = page(&mut world, query, "5", &bent);
    assert_eq!((page.rows.len(), page.next), (1, None));
}

#[test]
fn a_device_may_be_called_query() {
    let mut world = World::new();
    let (status, _) = world.rest("PUT", "/devices/query", json!({"deviceId": "query"}));
    assert_eq!(status, 200);
    let (status, device) = world.rest("GET", "/devices/query", json!(null));
    assert_eq!((status, device["deviceId"].as_str()), (200, Some("query")));
}
