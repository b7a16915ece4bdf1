use serde_json::{Value, json};

use crate::hub::Hub;
use crate::program::Program;

#[test]
fn an_update_merges_and_a_replacement_forgets() {
    let hub = Hub::start();
    for (verb, option, text, desired, tags) in [
        ("update", "--desired", r#"{"a":1,"b":{"c":2}}"#, json!({"a": 1, "b": {"c": 2}}), json!({})),
        ("update", "--tags", r#"{"site":"north"}"#, json!({"a": 1, "b": {"c": 2}}), json!({"site": "north"})),
        (
            "update",
            "--desired",
            r#"{"a":null,"b":{"d":3}}"#,
            json!({"b": {"c": 2, "d": 3}}),
            json!({"site": "north"}),
        ),
        ("replace", "--desired", r#"{"e":4}"#, json!({"e": 4}), json!({})),
    ] {
        let twin = hub.run(&["twin", verb, "dev1", option, text]).json();
        assert_eq!(
            (own(&twin["properties"]["desired"]), &twin["tags"]),
            (desired, &tags),
            "{verb} {option} {text}"
        );
        assert_eq!(
            hub.line("twin show dev1").json()["properties"],
            twin["properties"],
            "{verb} {option} {text}"
        );
    }
}

#[test]
fn sections_come_from_files_and_from_standard_input() {
    let hub = Hub::start();
    let file = hub.file("desired.json", br#"{"from":"file"}"#);
    let update = ["twin", "update", "dev1", "--desired", &format!("@{file}"), "--tags", "-"];
    let twin = Program::start(hub.command(&update), br#"{"from":"pipe"}"#).end().json();
    assert_eq!(
        (&twin["properties"]["desired"]["from"], &twin["tags"]["from"]),
        (&"file".into(), &"pipe".into())
    );
}

#[test]
fn a_device_reports_what_is_desired_of_it() {
    let hub = Hub::start();
    hub.line(r#"twin update dev1 --desired {"before":1}"#).json();
    let mut device = hub.simulate("dev1 --no-telemetry");
    assert_eq!(device.json_with("event", "reported")["properties"], json!({"before": 1}));
    hub.line(r#"twin update dev1 --desired {"interval":5}"#).json();
    assert_eq!(device.json_with("event", "desired")["properties"], json!({"interval": 5}));
    assert_eq!(device.json_with("event", "reported")["properties"], json!({"interval": 5}));
    let twin = hub.line("twin show dev1").json();
    assert_eq!(own(&twin["properties"]["reported"]), json!({"before": 1, "interval": 5}));
}

#[test]
fn the_table_shows_sections_without_their_metadata() {
    let hub = Hub::start();
    let text = hub.line(r#"twin update dev1 --desired {"interval":5} -o table"#).ok();
    assert!(text.contains("\"interval\": 5") && text.contains("\"$version\": 2"), "{text}");
    assert!(!text.contains("$metadata"), "{text}");
}

#[test]
fn an_etag_keeps_what_somebody_else_has_changed() {
    let hub = Hub::start();
    let old = hub.line("twin show dev1").json()["etag"].as_str().unwrap().to_owned();
    hub.line(&format!(r#"twin update dev1 --tags {{"a":1}} --if-match {old}"#)).json();
    let line = hub.line(&format!(r#"twin update dev1 --tags {{"a":2}} --if-match {old}"#)).refused(5);
    assert!(line.starts_with("dev1 has been changed since that etag was read"), "{line}");
    assert_eq!(hub.line("twin show dev1").json()["tags"], json!({"a": 1}));
}

#[test]
fn what_is_no_section_or_no_twin_is_one_line() {
    let hub = Hub::start();
    for (line, code, part) in [
        ("twin update dev1", 2, "--desired"),
        ("twin update dev1 --desired {a:1}", 2, "--desired: not JSON: "),
        ("twin update dev1 --desired [1]", 2, "--desired: not a JSON object"),
        ("twin update dev1 --tags 5", 2, "--tags: not a JSON object"),
        ("twin update dev1 --desired - --tags -", 2, "cannot both be standard input"),
        ("twin update dev1 --desired -", 2, "--desired: not JSON: "),
        ("twin update dev1 --desired @nothing", 1, "--desired @nothing: "),
        (r#"twin update dev1 --desired {"a.b":1}"#, 1, "'.' is not allowed"),
        ("twin show pump-7", 3, "no device named pump-7 in this hub"),
        ("twin update pump-7 --tags {}", 3, "no device named pump-7 in this hub"),
    ] {
        let refused = hub.line(line).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
}

/// A section without what the hub adds to it.
fn own(section: &Value) -> Value {
    let mut own = section.as_object().unwrap().clone();
    own.retain(|name, _| !name.starts_with('$'));
    own.into()
}
