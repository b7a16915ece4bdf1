//! Digital twins: how a twin is seen, and what becomes of changes.

use serde_json::{Value, json};

use crate::world::World;

const AT: &str = "2030-01-01T00:00:00.0000000Z";

/// The twin of `dev1` after these were wanted and reported.
fn twin_of(desired: Value, reported: Value) -> World {
    let mut world = World::new();
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": desired}}));
    let mut greeting = world.greeting("dev1");
    greeting.username += "&model-id=dtmi:com:example:Thermostat;1";
    let (line, answer) = world.greet(&greeting);
    answer.unwrap();
    world.publish(
        line,
        "$iothub/twin/PATCH/properties/reported/?$rid=1",
        reported.to_string().as_bytes(),
        None,
    );
    world
}

fn desired(world: &mut World) -> Value {
    let (_, mut twin) = world.rest("GET", "/twins/dev1", json!(null));
    let desired = twin["properties"]["desired"].as_object_mut().unwrap();
    desired.retain(|name, _| !name.starts_with('$'));
    Value::Object(desired.clone())
}

#[test]
fn properties_and_components_are_seen_with_what_is_wanted_of_them() {
    let mut world = twin_of(
        json!({"rate": 5, "only": {"x": 1}, "fan": {"__t": "c", "speed": 7}}),
        json!({
            "serial": "s-1",
            "rate": {"value": 4, "ac": 200, "av": 1, "ad": "done"},
            "plain": {"value": 1},
            "fan": {"__t": "c", "speed": {"value": 7, "ac": 202, "av": 2}, "hot": false},
        }),
    );
    let response = world.rest_with("GET", "/digitaltwins/dev1?api-version=2021-04-12", "", &[]);
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    let expected = json!({
        "$dtId": "dev1",
        "serial": "s-1",
        "rate": 4,
        "plain": {"value": 1},
        "fan": {
            "speed": 7,
            "hot": false,
            "$metadata": {
                "speed": {
                    "desiredValue": 7, "desiredVersion": 2, "ackVersion": 2, "ackCode": 202, "lastUpdateTime": AT,
                },
                "hot": {"lastUpdateTime": AT},
            },
        },
        "$metadata": {
            "$model": "dtmi:com:example:Thermostat;1",
            "serial": {"lastUpdateTime": AT},
            "rate": {
                "desiredValue": 5, "desiredVersion": 2, "ackVersion": 1, "ackCode": 200, "ackDescription": "done",
                "lastUpdateTime": AT,
            },
            "plain": {"lastUpdateTime": AT},
            "only": {"desiredValue": {"x": 1}, "desiredVersion": 2, "lastUpdateTime": AT},
        },
    });
    assert_eq!(document, expected);
    assert_eq!(response.status, 200);
    assert!(response.headers.iter().any(|(name, value)| name == "etag" && value == "\"AAAAAAAAAAI=\""));
}

#[test]
fn a_json_patch_becomes_a_change_of_what_is_wanted() {
    for (before, patch, after) in [
        (json!({}), json!([{"op": "add", "path": "/rate", "value": 5}]), json!({"rate": 5})),
        (
            json!({"rate": 1}),
            json!([{"op": "replace", "path": "/rate", "value": {"x": 1}}]),
            json!({"rate": {"x": 1}}),
        ),
        (
            json!({"rate": {"x": 1, "y": 1}}),
            json!([{"op": "replace", "path": "/rate", "value": {"x": 2}}]),
            json!({"rate": {"x": 2}}),
        ),
        (json!({"rate": 1, "b": 2}), json!([{"op": "remove", "path": "/rate"}]), json!({"b": 2})),
        (
            json!({}),
            json!([{"op": "add", "path": "/fan", "value": {"$metadata": {}, "speed": 7}}]),
            json!({"fan": {"__t": "c", "speed": 7}}),
        ),
        (
            json!({"fan": {"__t": "c", "old": 1}}),
            json!([{"op": "replace", "path": "/fan", "value": {"$metadata": {}}}]),
            json!({"fan": {"__t": "c"}}),
        ),
        (
            json!({}),
            json!([{"op": "add", "path": "/fan/speed", "value": 7}]),
            json!({"fan": {"__t": "c", "speed": 7}}),
        ),
        (
            json!({"fan": {"__t": "c", "speed": 7, "on": true}}),
            json!([{"op": "remove", "path": "/fan/speed"}]),
            json!({"fan": {"__t": "c", "on": true}}),
        ),
        (
            json!({}),
            json!([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"}, {"op": "add", "path": "/b", "value": 2}]),
            json!({"b": 2}),
        ),
        (json!({"a": 1}), json!([]), json!({"a": 1})),
    ] {
        let mut world = twin_of(before.clone(), json!({}));
        let path = "/digitaltwins/dev1?api-version=2021-04-12";
        let response = world.rest_with("PATCH", path, &patch.to_string(), &[("if-match", "*")]);
        assert_eq!(response.status, 202, "{before} {patch}: {}", String::from_utf8_lossy(&response.body));
        assert_eq!(desired(&mut world), after, "{before} {patch}");
        let header = |name: &str| response.headers.iter().find(|(each, _)| each == name).unwrap().1.clone();
        let (_, twin) = world.rest("GET", "/twins/dev1", json!(null));
        assert_eq!(header("etag"), format!("\"{}\"", twin["etag"].as_str().unwrap()));
        assert_eq!(header("location"), "/digitaltwins/dev1");
    }
}

#[test]
fn commands_are_methods_of_the_device() {
    for (path, body, method, argument, answer, status, response) in [
        (
            "/digitaltwins/dev1/commands/reboot",
            r#"{"delay":5}"#,
            "reboot",
            r#"{"delay":5}"#,
            r#"{"ok":true}"#,
            "200",
            r#"{"ok":true}"#,
        ),
        ("/digitaltwins/dev1/commands/reboot", "7", "reboot", "7", "", "404", "null"),
        ("/digitaltwins/dev1/commands/reboot", "", "reboot", "", r#""x""#, "200", r#""x""#),
        ("/digitaltwins/dev1/components/fan/commands/stop", "null", "fan*stop", "null", "[1]", "-3", "[1]"),
    ] {
        let mut world = World::new();
        let line = world.connect("dev1");
        world.subscribe(line, &[("$iothub/methods/POST/#", 0)]);
        let exchange = world.ask("POST", &format!("{path}?api-version=2021-04-12"), body, &[]);
        let call = world.published(line).remove(0);
        let (topic, request) = call.topic.split_once("/?$rid=").unwrap();
        assert_eq!(
            (topic, call.payload.as_str()),
            (format!("$iothub/methods/POST/{method}").as_str(), argument)
        );
        world.publish(
            line,
            &format!("$iothub/methods/res/{status}/?$rid={request}"),
            answer.as_bytes(),
            None,
        );
        let found = world.response(exchange).unwrap();
        assert_eq!(
            (found.status, String::from_utf8(found.body).unwrap().as_str()),
            (200, response),
            "{path} {body}"
        );
        let header = |name: &str| found.headers.iter().find(|(each, _)| each == name).unwrap().1.clone();
        assert_eq!(header("x-ms-command-statuscode"), status);
        assert!(!header("x-ms-request-id").is_empty());
    }
}

#[test]
fn what_is_no_command_is_refused() {
    let mut world = World::new();
    let long = format!("\"{}\"", "x".repeat(128 * 1024));
    for (path, body, status) in [
        ("/digitaltwins/dev1/commands/reboot?api-version=2021-04-12", "1", 404),
        ("/digitaltwins/none/commands/reboot?api-version=2021-04-12", "1", 404),
        ("/digitaltwins/dev1/commands/reboot?api-version=2021-04-12", "{", 400),
        ("/digitaltwins/dev1/commands/reboot?api-version=2021-04-12&connectTimeoutInSeconds=x", "1", 400),
        ("/digitaltwins/dev1/commands/re%2Fboot?api-version=2021-04-12", "1", 400),
        ("/digitaltwins/dev1/commands/reboot?api-version=2021-04-12", long.as_str(), 413),
    ] {
        assert_eq!(world.rest_with("POST", path, body, &[]).status, status, "{path} {body:.100}");
    }
    // The device does not come, and another call is no command.
    let path = "/digitaltwins/dev1/commands/reboot?api-version=2021-04-12&connectTimeoutInSeconds=5";
    let exchange = world.ask("POST", path, "1", &[]);
    world.pass(core::time::Duration::from_secs(5));
    assert_eq!(world.response(exchange).unwrap().status, 404);
}

#[test]
fn what_is_no_change_of_a_digital_twin_is_refused_and_nothing_is_done() {
    let many = Value::Array(vec![json!({"op": "add", "path": "/a", "value": 1}); 501]);
    for (patch, name) in [
        (json!({"op": "add", "path": "/a", "value": 1}), "InvalidDigitalTwinJsonPatch"),
        (json!([{"op": "move", "from": "/a", "path": "/b"}]), "InvalidDigitalTwinJsonPatch"),
        (json!([{"op": "add", "path": "/a"}]), "InvalidDigitalTwinJsonPatch"),
        (many, "InvalidDigitalTwinJsonPatch"),
        (json!([{"op": "add", "path": "a", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/a/b/c", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/a//b", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/$metadata", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/fan/__t", "value": "d"}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "add", "path": "/kept/x", "value": 1}]), "InvalidDigitalTwinPatchPath"),
        (json!([{"op": "remove", "path": "/none"}]), "InvalidDigitalTwinPatch"),
        (json!([{"op": "remove", "path": "/none/x"}]), "InvalidDigitalTwinPatch"),
        (json!([{"op": "add", "path": "/a", "value": null}]), "InvalidDigitalTwinPatch"),
        (json!([{"op": "add", "path": "/a", "value": [null]}]), "InvalidDigitalTwinPatch"),
        (json!([{"op": "add", "path": "/a b", "value": 1}]), "InvalidDigitalTwinPatch"),
        (
            json!([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}]),
            "InvalidDigitalTwinPatch",
        ),
    ] {
        let mut world = twin_of(json!({"kept": {"x": 0}}), json!({}));
        let (status, body) = world.rest("PATCH", "/digitaltwins/dev1", patch.clone());
        assert_eq!(status, 400, "{patch:.200}: {body}");
        assert!(
            body["Message"].as_str().unwrap().starts_with(&format!("ErrorCode:{name};")),
            "{patch:.200}: {body}"
        );
        assert_eq!(desired(&mut world), json!({"kept": {"x": 0}}), "{patch:.200}");
    }
    let mut world = World::new();
    for (method, path, if_match, status) in [
        ("GET", "/digitaltwins/none", None, 404),
        ("PATCH", "/digitaltwins/none", None, 404),
        ("PATCH", "/digitaltwins/dev1", Some("other"), 412),
        ("PUT", "/digitaltwins/dev1", None, 405),
    ] {
        assert_eq!(world.rest_if(method, path, json!([]), if_match).0, status, "{method} {path}");
    }
}
