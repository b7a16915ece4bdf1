use serde_json::{Value, json};

use crate::world::{Line, World};

const REPLIES: (&str, u8) = ("$iothub/twin/res/#", 0);
const DESIRED: (&str, u8) = ("$iothub/twin/PATCH/properties/desired/#", 0);

fn listening(world: &mut World) -> Line {
    let line = world.connect("dev1");
    world.subscribe(line, &[REPLIES, DESIRED]);
    line
}

#[test]
fn a_device_reads_its_twin() {
    let mut world = World::new();
    let line = listening(&mut world);
    world.publish(line, "$iothub/twin/GET/?$rid=a%201", b" ", Some(3));
    assert_eq!(world.acknowledged(line), [3]);
    let [answer] = &world.published(line)[..] else { panic!() };
    assert_eq!(answer.topic, "$iothub/twin/res/200/?$rid=a%201", "the id comes back as it was written");
    assert_eq!(answer.json(), json!({"desired": {"$version": 1}, "reported": {"$version": 1}}));
}

#[test]
fn a_device_reports() {
    let mut world = World::new();
    let line = listening(&mut world);
    let report = |world: &mut World, topic: &str, patch: &str| {
        world.publish(line, topic, patch.as_bytes(), None);
        world.published(line).remove(0)
    };
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    let answer = report(&mut world, topic, r#"{"a":{"x":1,"y":2},"b":"t"}"#);
    assert_eq!(
        (answer.topic.as_str(), answer.payload.as_str()),
        ("$iothub/twin/res/204/?$rid=1&$version=2", "")
    );
    report(&mut world, topic, r#"{"a":{"x":null,"z":[1,2]},"b":5}"#);
    let (_, twin) = world.rest("GET", "/twins/dev1", json!(null));
    let reported = &twin["properties"]["reported"];
    assert_eq!(
        (&reported["a"], &reported["b"], &reported["$version"]),
        (&json!({"y": 2, "z": [1, 2]}), &json!(5), &json!(3))
    );
    for (topic, patch, status, code, word) in [
        (topic, "{", 400, 400_004, "not a JSON object"),
        (topic, "[]", 400, 400_004, "not a JSON object"),
        (topic, "", 400, 400_004, "not a JSON object"),
        (topic, r#"{"a.b":1}"#, 400, 400_004, "properties.reported"),
        ("$iothub/twin/PATCH/properties/reported/?$rid=1&$version=9", "{}", 412, 412_001, "version 3"),
    ] {
        let answer = report(&mut world, topic, patch);
        assert_eq!(answer.topic, format!("$iothub/twin/res/{status}/?$rid=1"), "{patch}");
        assert_eq!(answer.json()["errorCode"], code, "{patch}");
        assert!(answer.json()["message"].as_str().unwrap().contains(word), "{}", answer.payload);
        let notice = world.notices.last().unwrap();
        assert!(notice.what == "report refused" && notice.why.contains(word), "{notice:?}");
    }
    let answer = report(&mut world, "$iothub/twin/PATCH/properties/reported/?$rid=2&$version=3", "{}");
    assert_eq!(answer.topic, "$iothub/twin/res/204/?$rid=2&$version=4", "the precondition holds");
}

#[test]
fn a_report_that_is_too_large_changes_nothing() {
    let mut world = World::new();
    let line = listening(&mut world);
    let large: serde_json::Map<String, Value> =
        (0..10).map(|n| (format!("k{n}"), json!("x".repeat(4000)))).collect();
    let patch = Value::Object(large).to_string();
    world.publish(line, "$iothub/twin/PATCH/properties/reported/?$rid=1", patch.as_bytes(), None);
    assert!(world.published(line)[0].topic.starts_with("$iothub/twin/res/400/"));
    let (_, twin) = world.rest("GET", "/twins/dev1", json!(null));
    assert_eq!(twin["properties"]["reported"]["$version"], 1);
}

#[test]
fn the_longest_twin_fits_a_packet() {
    let mut world = World::new();
    let line = listening(&mut world);
    // By the formula for sizes these are nothing.
    let longest = json!({"a": vec![""; 40_900]});
    world.publish(
        line,
        "$iothub/twin/PATCH/properties/reported/?$rid=1",
        longest.to_string().as_bytes(),
        None,
    );
    let (status, _) = world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": longest}}));
    assert_eq!(status, 200);
    world.publish(line, "$iothub/twin/GET/?$rid=2", b"", None);
    let [report, notice, twin] = &world.published(line)[..] else { panic!() };
    assert!(report.topic.starts_with("$iothub/twin/res/204/"), "{}", report.topic);
    assert!(twin.topic.starts_with("$iothub/twin/res/200/"), "{}", twin.topic);
    let max = usize::try_from(iothub_proto::Limits::CLASSIC.maximum_packet_size).unwrap();
    for message in [notice, twin] {
        let len = message.topic.len() + message.payload.len() + 16;
        assert!(len < max, "{len} bytes for {}", message.topic);
    }
}

#[test]
fn a_device_that_listens_is_told_of_desired_changes_in_order() {
    let mut world = World::new();
    let line = listening(&mut world);
    for (method, desired) in [
        ("PATCH", json!({"rate": 5, "mode": "eco"})),
        ("PATCH", json!({"rate": null})),
        ("PATCH", json!(null)),
        ("PUT", json!({"rate": 1})),
    ] {
        let (status, body) = world.rest(method, "/twins/dev1", json!({"properties": {"desired": desired}}));
        assert_eq!(status, 200, "{body}");
    }
    let told: Vec<_> = world.published(line).into_iter().map(|m| (m.topic.clone(), m.json())).collect();
    let topic = |version| format!("$iothub/twin/PATCH/properties/desired/?$version={version}");
    assert_eq!(
        told,
        [
            (topic(2), json!({"rate": 5, "mode": "eco", "$version": 2})),
            (topic(3), json!({"rate": null, "$version": 3})),
            (topic(4), json!({"mode": null, "$version": 4})),
            (topic(5), json!({"rate": 1, "$version": 5})),
        ]
    );
}

#[test]
fn who_does_not_listen_is_told_nothing() {
    let mut world = World::new();
    let line = world.connect("dev1");
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"a": 1}}}));
    world.publish(line, "$iothub/twin/GET/?$rid=1", b"", Some(1));
    assert!(world.published(line).is_empty());
    assert_eq!(world.acknowledged(line), [1], "the request itself was in order");
    assert!(world.notices.iter().any(|notice| notice.what == "twin request unanswered"));
}

#[test]
fn tags_are_the_back_ends_own() {
    let mut world = World::new();
    let line = listening(&mut world);
    let (_, twin) = world.rest("PATCH", "/twins/dev1", json!({"tags": {"plant": "p1"}}));
    assert_eq!(twin["tags"], json!({"plant": "p1"}));
    assert_eq!((&twin["version"], &twin["etag"]), (&json!(3), &json!("AAAAAAAAAAI=")));
    world.publish(line, "$iothub/twin/GET/?$rid=1", b"", None);
    let answers = world.published(line);
    assert_eq!(answers.len(), 1, "no notification");
    assert_eq!(answers[0].json().get("tags"), None);
}

#[test]
fn twins_of_back_ends_are_changed_on_condition() {
    let mut world = World::new();
    let body = json!({"tags": {"a": 1}});
    for (if_match, expected) in [
        (Some("\"AAAAAAAAAAE=\""), 200),
        (Some("\"AAAAAAAAAAE=\""), 412),
        (Some("AAAAAAAAAAI="), 200),
        (Some("\"*\""), 200),
        (Some("*"), 200),
        (None, 200),
        (Some("\"a\", \"b\""), 400),
    ] {
        assert_eq!(world.rest_if("PATCH", "/twins/dev1", body.clone(), if_match).0, expected, "{if_match:?}");
    }
    let response = world.rest_with("GET", "/twins/dev1", "", &[]);
    assert!(response.headers.contains(&("etag".into(), "\"AAAAAAAAAAY=\"".into())), "{:?}", response.headers);
}

#[test]
fn a_method_override_makes_a_post_a_patch() {
    let mut world = World::new();
    let headers = [("x-http-method-override", "PATCH")];
    let response = world.rest_with("POST", "/twins/dev1", r#"{"tags":{"a":1}}"#, &headers);
    assert_eq!(response.status, 200);
    assert_eq!(world.rest("GET", "/twins/dev1", json!(null)).1["tags"], json!({"a": 1}));
}

#[test]
fn a_twin_that_was_read_can_be_sent_back() {
    let mut world = World::new();
    let (_, twin) = world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"a": {"b": 1}}}}));
    let (status, again) = world.rest("PUT", "/twins/dev1", twin.clone());
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["properties"]["desired"]["a"], twin["properties"]["desired"]["a"]);
}

#[test]
fn modules_have_twins_of_their_own() {
    let mut world = World::new();
    world.create_module("dev1", "mod-a");
    let line = world.connect("dev1/mod-a");
    world.subscribe(line, &[REPLIES, DESIRED]);
    world.rest("PATCH", "/twins/dev1/modules/mod-a", json!({"properties": {"desired": {"a": 1}}}));
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"a": 2}}}));
    let told: Vec<_> = world.published(line).iter().map(|message| message.json()).collect();
    assert_eq!(told, [json!({"a": 1, "$version": 2})]);
}
