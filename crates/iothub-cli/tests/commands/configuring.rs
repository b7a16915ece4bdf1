use serde_json::{Value, json};

use crate::hub::Hub;

#[test]
fn a_configuration_sets_what_it_says_and_counts_it() {
    let hub = Hub::start();
    hub.run(&["twin", "update", "dev1", "--tags", r#"{"plant":"p1"}"#]).json();
    let content =
        hub.file("fans.json", br#"{"content":{"deviceContent":{"properties.desired.fan.speed":7}}}"#);
    let created = hub
        .run(&[
            "configuration",
            "create",
            "-c",
            "fans",
            "-k",
            &format!("@{content}"),
            "--tc",
            "tags.plant = 'p1'",
            "--pri",
            "10",
            "--lab",
            r#"{"owner":"us"}"#,
            "--metrics",
            r#"{"fast":"SELECT deviceId FROM devices WHERE properties.desired.fan.speed = 7"}"#,
        ])
        .json();
    assert_eq!((&created["id"], &created["priority"]), (&json!("fans"), &json!(10)));
    // The hub does it in slices, between which it does everything else.
    let desired = |id: &str| hub.line(&format!("twin show {id}")).json()["properties"]["desired"].clone();
    eventually(|| desired("dev1")["fan"]["speed"] == 7);
    eventually(|| metric(&hub, "appliedCount --metric-type system")["result"] == 1);
    eventually(|| metric(&hub, "fast")["result"] == 1);
    assert!(metric(&hub, "fast")["query"].as_str().unwrap().starts_with("SELECT"));

    let updated = hub.line("configuration update fans --priority 20").json();
    assert_eq!(
        (&updated["priority"], &updated["targetCondition"]),
        (&json!(20), &json!("tags.plant = 'p1'"))
    );
    let old = created["etag"].as_str().unwrap();
    assert!(
        hub.line(&format!("configuration update fans --priority 1 -e {old}"))
            .refused(5)
            .contains("has been changed")
    );
    assert_eq!(hub.line("configuration list").json()[0]["id"], "fans");
    let table = hub.line("configuration show fans -o table").ok();
    assert!(table.contains("owner: us") && table.contains("fan.speed"), "{table}");
    assert_eq!(hub.line("configuration delete fans").ok(), "");
    assert!(hub.line("configuration show fans").refused(3).contains("no configuration named fans"));
}

#[test]
fn what_cannot_be_a_configuration_is_one_line() {
    let hub = Hub::start();
    let content = r#"--content {"deviceContent":{"properties.desired.a":1}}"#;
    hub.line(&format!("configuration create there {content}")).json();
    for (line, code, part) in [
        (format!("configuration create there {content}"), 5, "configuration there exists already"),
        (format!("configuration create new {content} --tc tags.a==1"), 1, "line 1, column"),
        ("configuration create new --content {}".into(), 2, "neither deviceContent"),
        (format!("configuration create new {content} --metrics 5"), 2, "not an object with texts"),
        ("configuration update there".into(), 2, "nothing to change"),
        ("configuration update none --priority 1".into(), 3, "no configuration named none"),
        ("configuration delete none".into(), 3, "no configuration named none"),
        (
            "configuration show-metric there -m none".into(),
            3,
            "no metric none in configuration there (there are: none)",
        ),
        (
            "device apply-configuration none --content {\"deviceContent\":{\"properties.desired.a\":1}}"
                .into(),
            3,
            "no device named none",
        ),
        ("digital-twin show none".into(), 3, "no device named none"),
        ("digital-twin update dev1 --json-patch {}".into(), 2, "no JSON patch"),
        ("digital-twin invoke-command dev1 --cn reboot".into(), 6, "dev1 is not connected"),
    ] {
        let refused = hub.line(&line).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
    let good = hub.run(&["configuration", "test", "--tc", "tags.plant = 'p1'"]);
    assert_eq!(good.json()["targetConditionError"], "");
    let bad = hub.run(&["configuration", "test", "--tc", "tags.plant ==", "--metrics", r#"{"a":"SELECT"}"#]);
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    assert_eq!(bad.err, "iothub: 2 of them cannot be used\n");
    let said: Value = serde_json::from_str(&bad.out).unwrap();
    assert!(said["customMetricQueryErrors"]["a"].is_string(), "{said}");
}

#[test]
fn content_is_applied_once_and_a_digital_twin_is_changed_and_commanded() {
    let hub = Hub::start();
    let applied =
        r#"device apply-configuration dev1 --content {"deviceContent":{"properties.desired.rate":5}}"#;
    assert_eq!(hub.line(applied).ok(), "");
    assert_eq!(hub.line("twin show dev1").json()["properties"]["desired"]["rate"], 5);
    let patch = r#"digital-twin update dev1 --json-patch {"op":"add","path":"/target","value":42}"#;
    assert!(hub.line(patch).json()["etag"].is_string());
    assert_eq!(hub.line("twin show dev1").json()["properties"]["desired"]["target"], 42);
    assert_eq!(hub.line("digital-twin show dev1").json()["$dtId"], "dev1");
    let mut device = hub.simulate("dev1 --no-telemetry");
    let answer = hub.line("digital-twin invoke-command dev1 --cn reboot --payload 5").json();
    assert_eq!(answer, json!({"status": 200, "payload": 5}));
    assert_eq!(device.json_with("event", "method")["name"], "reboot");
}

fn metric(hub: &Hub, line: &str) -> Value {
    hub.line(&format!("configuration show-metric fans --metric-id {line}")).json()
}

/// Asks again and again, each time by a program that takes its time to start.
fn eventually(mut holds: impl FnMut() -> bool) {
    assert!((0..500).any(|_| holds()), "it does not come to hold");
}
