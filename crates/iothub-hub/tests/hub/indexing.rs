//! What a query costs: indexes, and looks at many twins.

use core::time::Duration;

use iothub_hub::{Change, Input};
use serde_json::{Value, json};

use crate::world::World;

/// So many devices, with tags and desired properties by their numbers.
fn fleet(count: usize) -> World {
    let mut world = World::new();
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(100) {
        let devices: Vec<Value> = batch
            .iter()
            .map(|n| {
                json!({
                    "id": format!("d{n:05}"),
                    "importMode": "create",
                    "status": if n % 50 == 49 { "disabled" } else { "enabled" },
                    "tags": {"line": n % 10, "serial": format!("s{n}"), "at": {"floor": n % 3}},
                    "properties": {"desired": {"rate": n}},
                })
            })
            .collect();
        let (status, _) = world.rest("POST", "/devices", Value::Array(devices));
        assert_eq!(status, 200);
    }
    world
}

fn explained(world: &mut World, query: &str) -> (Value, Vec<String>) {
    let (status, mut body) = world.rest("POST", "/$local/devices/query", json!({"query": query}));
    assert_eq!(status, 200, "{query}: {body}");
    let ids = body["rows"].as_array().unwrap().iter();
    let mut ids: Vec<_> = ids.map(|row| row["deviceId"].as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    (body["plan"].take(), ids)
}

#[test]
fn a_plan_says_which_index_has_served_and_how_many_were_looked_at() {
    let mut world = fleet(100);
    world.create_module("d00007", "camera");
    world.connect("d00003");
    for (condition, access, indexes, looked_at) in [
        ("tags.serial = 's42'", "index", "tags.serial = 's42': 1", 1),
        ("tags.line = 7.0 AND tags.at.floor = 1", "index", "tags.line = 7.0: 10, tags.at.floor = 1: 33", 4),
        ("tags.serial IN ['s1', 's2', 'none']", "index", "tags.serial IN ['s1', 's2', 'none']: 2", 2),
        ("tags.line >= 8", "index", "tags.line >= 8: 20", 20),
        ("starts_with(tags.serial, 's9')", "index", "starts_with(tags.serial, 's9'): 11", 11),
        (
            "tags.line = 1 OR tags.line = 2 AND tags.at.floor = 0",
            "index",
            "tags.line = 1: 10, tags.line = 2: 10, tags.at.floor = 0: 34",
            13,
        ),
        ("tags.line = 1 OR deviceId = 'd00002'", "index", "tags.line = 1: 10, deviceId = 'd00002': 1", 11),
        ("deviceId IN ['d00001', 'd00007']", "index", "deviceId IN ['d00001', 'd00007']: 3", 2),
        ("starts_with(deviceId, 'd0000')", "index", "starts_with(deviceId, 'd0000'): 11", 10),
        ("status = 'disabled'", "index", "status = 'disabled': 2", 2),
        ("connectionState = 'Connected'", "index", "connectionState = 'Connected': 1", 1),
        ("tags.missing = 1", "index", "tags.missing = 1: 0", 0),
        ("is_defined(tags.at)", "all", "is_defined(tags.at): 100", 101),
        ("deviceId > 'd00020'", "names", "deviceId > 'd00020': 81", 81),
        ("properties.desired.rate = 7", "all", "", 102),
        ("version > 100", "all", "", 102),
        ("tags.line = 1 OR version > 100", "all", "", 102),
    ] {
        let (plan, _) = explained(&mut world, &format!("SELECT deviceId FROM devices WHERE {condition}"));
        let said = plan["indexes"].as_array().unwrap().iter();
        let said: Vec<String> = said
            .map(|each| format!("{}: {}", each["constraint"].as_str().unwrap(), each["identities"]))
            .collect();
        let found = (plan["access"].as_str().unwrap(), said.join(", "), plan["lookedAt"].as_u64().unwrap());
        assert_eq!(found, (access, indexes.to_owned(), looked_at), "{condition}: {plan}");
        assert_eq!(plan["reason"].is_null(), access == "index", "{condition}: {plan}");
        assert_eq!(plan["identities"], 102);
    }
    let (plan, ids) = explained(&mut world, "SELECT deviceId FROM devices.modules");
    assert_eq!(
        (plan["access"].as_str(), &plan["lookedAt"], ids),
        (Some("index"), &json!(1), vec!["d00007".into()])
    );
}

#[test]
fn an_index_keeps_up_with_every_change_and_with_a_restart() {
    let mut world = fleet(20);
    let line = world.connect("d00004");
    world.rest("PATCH", "/twins/d00001", json!({"tags": {"line": "one", "at": null}}));
    world.rest("PUT", "/twins/d00002", json!({"tags": {"line": 3}}));
    world.rest("DELETE", "/devices/d00003", json!(null));
    world.create_device("new");
    world.rest("PATCH", "/twins/new", json!({"tags": {"line": 3}}));
    let queries = [
        ("tags.line = 3", vec!["d00002", "d00013", "new"]),
        ("tags.line = 'one'", vec!["d00001"]),
        ("tags.line = 1", vec!["d00011"]),
        ("tags.at.floor = 1 AND tags.line < 5", vec!["d00004", "d00010", "d00013"]),
        ("tags.serial = 's3'", vec![]),
    ];
    for (condition, expected) in &queries {
        let (plan, ids) = explained(&mut world, &format!("SELECT deviceId FROM devices WHERE {condition}"));
        assert_eq!(
            (plan["access"].as_str(), ids.as_slice()),
            (Some("index"), &expected[..].iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..]),
            "{condition}"
        );
    }
    let (_, ids) = explained(&mut world, "SELECT deviceId FROM devices WHERE connectionState = 'Connected'");
    assert_eq!(ids, ["d00004"]);
    world.cut(line);
    let (_, ids) = explained(&mut world, "SELECT deviceId FROM devices WHERE connectionState = 'Connected'");
    assert_eq!(ids, [""; 0]);

    world.put(Input::Restate { identities: 1000 });
    let begun = world.changes.iter().rposition(|change| *change == Change::RestatementBegan).unwrap();
    let (whole, restated) = (&world.changes[..begun], &world.changes[begun..]);
    for record in [whole, restated] {
        let mut restored = World::empty();
        record.iter().for_each(|change| restored.hub.apply(change).unwrap());
        restored.put(Input::Start);
        for (condition, expected) in &queries {
            let (plan, ids) =
                explained(&mut restored, &format!("SELECT deviceId FROM devices WHERE {condition}"));
            assert_eq!(
                (plan["access"].as_str(), ids),
                (Some("index"), expected.iter().map(ToString::to_string).collect()),
                "{condition}"
            );
        }
    }
}

#[test]
fn a_property_that_is_asked_for_gets_an_index_in_a_while() {
    let mut world = fleet(6000);
    let query = "SELECT deviceId FROM devices WHERE properties.desired.rate = 5999";
    let (plan, ids) = explained(&mut world, query);
    assert_eq!((plan["access"].as_str(), ids.len()), (Some("all"), 1));
    world.pass(Duration::from_millis(6));
    assert_eq!(explained(&mut world, query).0["access"], "all", "5000 are read at a time");
    // One that was read, one that was not.
    for id in ["d00001", "d05998"] {
        world.rest("PATCH", &format!("/twins/{id}"), json!({"properties": {"desired": {"rate": 5999}}}));
    }
    world.rest("DELETE", "/devices/d00002", json!(null));
    world.pass(Duration::from_millis(10));
    let (plan, ids) = explained(&mut world, query);
    assert_eq!((plan["access"].as_str(), &plan["lookedAt"]), (Some("index"), &json!(3)));
    assert_eq!(ids, ["d00001", "d05998", "d05999"]);
    assert_eq!(world.hub.poll_timeout(), None, "nothing goes on for ever");
}

#[test]
fn an_aggregate_of_many_twins_lets_others_have_their_turn() {
    let mut world = fleet(10_100);
    let text =
        "SELECT tags.line AS line, COUNT() AS n FROM devices WHERE is_defined(tags.line) GROUP BY tags.line";
    let body = json!({"query": text}).to_string();
    let ask = |world: &mut World, size: &str, after: &str| {
        let headers = [("x-ms-max-item-count", size), ("x-ms-continuation", after)];
        world.ask("POST", "/devices/query", &body, &headers)
    };
    let exchange = ask(&mut world, "4", "");
    assert!(world.response(exchange).is_none(), "there are more than are looked at at once");
    world.pass(Duration::from_millis(1));
    let first = world.response(exchange).unwrap();
    let rows: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(rows[0], json!({"line": 0, "n": 1010}));
    let (_, next) = first.headers.iter().find(|(name, _)| name == "x-ms-continuation").unwrap();
    let second = ask(&mut world, "4", next);
    let second = world.response(second).expect("rows that were made are kept for the pages to come");
    assert_eq!(serde_json::from_slice::<Value>(&second.body).unwrap()[0], json!({"line": 4, "n": 1010}));
    for _ in 0..4 {
        let other = ask(&mut world, "1", "");
        world.pass(Duration::from_millis(1));
        assert!(world.response(other).is_some());
    }
    let late = ask(&mut world, "4", next);
    assert!(world.response(late).is_none(), "not for ever: then they are made again");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.response(late).unwrap().body, second.body);

    let narrow = json!({"query": "SELECT COUNT() AS n FROM devices WHERE tags.serial = 's7'"}).to_string();
    let response = world.rest_with("POST", "/devices/query", &narrow, &[]);
    assert_eq!(response.body, br#"[{"n":1}]"#, "what an index narrows is there at once");
}

#[test]
fn aggregates_under_way_are_few_and_end_with_whoever_waits() {
    let mut world = fleet(10_100);
    let body = json!({"query": "SELECT COUNT() AS n FROM devices"}).to_string();
    let ask = |world: &mut World| world.ask("POST", "/devices/query", &body, &[]);
    let running: Vec<_> = (0..8).map(|_| ask(&mut world)).collect();
    let ninth = ask(&mut world);
    assert_eq!(world.response(ninth).unwrap().status, 429);
    world.put(Input::Abandoned { exchange: running[0] });
    let other = ask(&mut world);
    assert!(world.response(other).is_none(), "there is room again");
    world.put(Input::Stop);
    for exchange in running[1..].iter().chain([&other]) {
        assert_eq!(world.response(*exchange).unwrap().status, 503);
    }
    assert!(world.response(running[0]).is_none());
    assert_eq!(world.hub.poll_timeout(), None);
}
