use serde_json::{Value, json};

use crate::world::World;

/// All pages of an export, and how many there were.
fn export(world: &mut World, query: &str) -> (Vec<Value>, usize) {
    let (mut lines, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let response = world.rest_with(
            "GET",
            &format!("/$local/registry?{query}"),
            "",
            &[("x-ms-continuation", &after)],
        );
        assert_eq!(response.status, 200);
        let text = String::from_utf8(response.body).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        pages += 1;
        match response.headers.iter().find(|(name, _)| *name == "x-ms-continuation") {
            Some((_, value)) => after.clone_from(value),
            None => return (lines, pages),
        }
    }
}

fn import(world: &mut World, query: &str, lines: &str) -> Value {
    let response = world.rest_with("POST", &format!("/$local/registry?{query}"), lines, &[]);
    assert_eq!(response.status, 200);
    serde_json::from_slice(&response.body).unwrap()
}

fn filled() -> World {
    let mut world = World::new();
    world.rest("PUT", "/devices/edge", json!({"deviceId": "edge", "capabilities": {"iotEdge": true}}));
    world.rest(
        "PUT",
        "/devices/off",
        json!({"deviceId": "off", "status": "disabled", "statusReason": "sold", "authentication":
            {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "A".repeat(40)}}}),
    );
    world.create_module("dev1", "m");
    let twin = json!({"tags": {"t": {"u": [1]}}, "properties": {"desired": {"a": {"b": "ž"}}}});
    world.rest("PATCH", "/twins/dev1/modules/m", twin.clone());
    world.rest("PATCH", "/twins/dev1", twin);
    let line = world.connect("dev1");
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", br#"{"r":1}"#, None);
    world
}

/// What of a line has to come through a hub unchanged.
fn essence(mut line: Value) -> Value {
    line.as_object_mut().unwrap().remove("eTag");
    for section in ["desired", "reported"] {
        line["properties"][section].as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
    }
    line
}

#[test]
fn a_registry_that_is_exported_makes_the_same_registry_elsewhere() {
    let mut one = filled();
    let (lines, pages) = export(&mut one, "");
    assert_eq!((lines.len(), pages), (6, 1));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut other = World::new();
    for _twice in 0..2 {
        let report = import(&mut other, "", &text);
        assert_eq!(report, json!({"done": 6, "errors": []}));
        let (again, _) = export(&mut other, "");
        let essences = |lines: &[Value]| lines.iter().cloned().map(essence).collect::<Vec<_>>();
        assert_eq!(essences(&again), essences(&lines));
    }
    let (_, twin) = other.rest("GET", "/twins/dev1", json!(null));
    assert_eq!(twin["properties"]["reported"]["r"], 1);
    assert_eq!(one.hub.device_key("dev1"), other.hub.device_key("dev1"));
}

#[test]
fn an_export_may_leave_keys_out() {
    let mut world = filled();
    let key = world.hub.device_key("dev1").unwrap().to_owned();
    let texts = |lines: &[Value]| lines.iter().map(ToString::to_string).collect::<String>();
    assert!(texts(&export(&mut world, "").0).contains(&key));
    let (lines, _) = export(&mut world, "keys=exclude");
    assert!(!texts(&lines).contains(&key));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(import(&mut world, "", &text)["done"], 6);
    assert_eq!(world.hub.device_key("dev1"), Some(key.as_str()), "what is not given stays");
    assert_eq!(world.rest_with("GET", "/$local/registry?keys=maybe", "", &[]).status, 400);
}

#[test]
fn an_export_comes_in_pages_of_many_lines_or_many_bytes() {
    let mut world = World::new();
    for hundred in 0..25 {
        let entries: Vec<_> = (0..100).map(|n| json!({"id": format!("d{:04}", hundred * 100 + n)})).collect();
        assert_eq!(world.rest("POST", "/devices", json!(entries)).0, 200);
    }
    for n in 0..50 {
        let desired: serde_json::Map<String, Value> =
            (0..7).map(|k| (format!("k{k}"), json!("x".repeat(4000)))).collect();
        let body = json!({"properties": {"desired": desired}});
        assert_eq!(world.rest("PATCH", &format!("/twins/d{n:04}"), body).0, 200);
    }
    let (lines, pages) = export(&mut world, "");
    let mut ids: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), pages > 4), (2501, true), "{pages} pages");
    ids.dedup();
    assert_eq!(ids.len(), 2501);
    assert!(ids.is_sorted());
    for after in ["a b", "a/b/c", "/"] {
        let response = world.rest_with("GET", "/$local/registry", "", &[("x-ms-continuation", after)]);
        assert_eq!(response.status, 400, "{after}");
    }
}

#[test]
fn lines_that_fail_are_named_and_others_are_done() {
    let mut world = World::new();
    let text = concat!(
        r#"{"id":"a"}"#,
        "\r\n\n",
        "{\"id\":\"b\"\n",
        r#"{"id":"c","properties":{"desired":{"a.b":1}}}"#,
        "\n",
        r#"{"id":"dev1","importMode":"create"}"#,
        "\n",
        r#"{"id":"d","moduleId":"m"}"#,
        "\n",
        r#"{"id":"e","tags":{"t":1}}"#,
    );
    let report = import(&mut world, "mode=create", text);
    assert_eq!(report["done"], 2);
    let errors: Vec<_> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["line"].as_u64().unwrap(),
                error["deviceId"].as_str().unwrap(),
                error["errorCode"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (3, "", "IotHubFormatError"),
            (4, "c", "ArgumentInvalid"),
            (5, "dev1", "DeviceAlreadyExists"),
            (6, "d", "DeviceNotFound")
        ]
    );
    for (id, status) in [("a", 200), ("c", 404), ("e", 200)] {
        assert_eq!(world.rest("GET", &format!("/devices/{id}"), json!(null)).0, status, "{id}");
    }
    assert_eq!(
        import(&mut world, "mode=create", r#"{"id":"a"}"#)["done"],
        0,
        "the mode is for lines without one"
    );
    assert_eq!(world.rest_with("POST", "/$local/registry?mode=none", "", &[]).status, 400);
    let many = "{}\n".repeat(1001);
    assert_eq!(world.rest_with("POST", "/$local/registry", &many, &[]).status, 413);
}
