//! What back ends may ask of configurations, and what is refused.

use core::num::NonZeroU16;

use iothub_hub::{Edition, Sku};
use serde_json::{Value, json};

use crate::world::World;

fn plain(id: &str) -> Value {
    json!({"id": id, "content": {"deviceContent": {"properties.desired.x": 1}}})
}

fn code(body: &Value) -> String {
    let message = body["Message"].as_str().or(body["message"].as_str()).unwrap_or_default();
    message.trim_start_matches("ErrorCode:").split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn a_configuration_is_made_read_changed_and_deleted() {
    let mut world = World::new();
    let asked = json!({
        "id": "chillers", "schemaVersion": "1.0", "labels": {"app": "hvac"}, "priority": 5,
        "content": {"deviceContent": {"properties.desired.chiller": {"temperature": 38}}},
        "targetCondition": "tags.plant = 'p1'",
        "metrics": {"queries": {"waiting": "SELECT deviceId FROM devices WHERE properties.reported.chiller.status = 'pending'"}},
    });
    let response =
        world.rest_with("PUT", "/configurations/chillers?api-version=2021-04-12", &asked.to_string(), &[]);
    assert_eq!(response.status, 201);
    let made: Value = serde_json::from_slice(&response.body).unwrap();
    let etag = made["etag"].as_str().unwrap().to_owned();
    assert!(response.headers.contains(&("etag".into(), format!("\"{etag}\""))), "{:?}", response.headers);
    for (member, value) in asked.as_object().unwrap() {
        match member.as_str() {
            "metrics" => assert_eq!(made["metrics"]["queries"], value["queries"]),
            _ => assert_eq!(made[member], *value, "{member}"),
        }
    }
    assert_eq!(made["createdTimeUtc"], "2030-01-01T00:00:00.0000000Z");
    assert_eq!(made["systemMetrics"]["results"], json!({"targetedCount": 0, "appliedCount": 0}));
    assert_eq!(
        made["systemMetrics"]["queries"],
        json!({
            "targetedCount": "SELECT deviceId FROM devices WHERE tags.plant = 'p1'",
            "appliedCount": "SELECT deviceId FROM devices WHERE configurations.[[chillers]].status = 'Applied'",
        })
    );
    assert_eq!(world.rest("GET", "/configurations/chillers", json!(null)), (200, made.clone()));
    assert_eq!(
        world.rest("GET", "/Configurations/?top=5&api-version=2021-04-12", json!(null)),
        (200, json!([made]))
    );

    let mut changed = made.clone();
    changed["labels"] = json!({});
    let (status, changed) = world.rest_if("PUT", "/configurations/chillers", changed, Some(&etag));
    assert_eq!((status, &changed["labels"]), (200, &json!({})));
    assert_ne!(changed["etag"], made["etag"]);
    let mut without_content = changed.clone();
    without_content["content"] = json!(null);
    let (status, kept) = world.rest_if("PUT", "/configurations/chillers", without_content, Some("*"));
    assert_eq!((status, &kept["content"]), (200, &made["content"]), "what is not mentioned of it stays");
    assert_eq!(world.rest("DELETE", "/configurations/chillers", json!(null)).0, 204);
    let (status, body) = world.rest("GET", "/configurations/chillers", json!(null));
    assert_eq!((status, code(&body).as_str()), (404, "ConfigurationNotFound"), "{body}");
}

#[test]
fn etags_are_conditions_as_the_reference_has_them() {
    let mut world = World::new();
    world.rest("PUT", "/configurations/old", plain("old"));
    let etag = world.rest("GET", "/configurations/old", json!(null)).1["etag"].as_str().unwrap().to_owned();
    let quoted = format!("\"{etag}\"");
    for (method, id, if_match, status, name) in [
        ("PUT", "old", None, 409, "ConfigurationAlreadyExists"),
        ("PUT", "old", Some("other"), 412, "PreconditionFailed"),
        ("PUT", "new", Some("*"), 404, "ConfigurationNotFound"),
        ("PUT", "new", Some("other"), 404, "ConfigurationNotFound"),
        ("DELETE", "new", None, 404, "ConfigurationNotFound"),
        ("DELETE", "old", Some("other"), 412, "PreconditionFailed"),
        ("PUT", "old", Some(quoted.as_str()), 200, ""),
        ("PUT", "old", Some(etag.as_str()), 412, "PreconditionFailed"),
        ("PUT", "old", Some("\"*\""), 200, ""),
        ("DELETE", "old", Some("*"), 204, ""),
    ] {
        let (found, body) = world.rest_if(method, &format!("/configurations/{id}"), plain(id), if_match);
        assert_eq!((found, code(&body).as_str()), (status, name), "{method} {id} {if_match:?}: {body}");
    }
}

#[test]
fn what_is_no_configuration_is_refused_and_why() {
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("m{n}"), json!({}))).collect();
    let labels: serde_json::Map<String, Value> = (0..51).map(|n| (format!("l{n}"), json!("x"))).collect();
    let queries: serde_json::Map<String, Value> =
        (0..21).map(|n| (format!("q{n}"), json!("SELECT * FROM devices"))).collect();
    for (members, name, told) in [
        (json!({"id": "other"}), "ArgumentInvalid", "in the path"),
        (json!({"priority": -1}), "IotHubFormatError", "expected u32"),
        (json!({"priority": 2_147_483_648_u32}), "ArgumentInvalid", "priority"),
        (json!({"content": {}}), "InvalidConfigurationContent", "and 0 are"),
        (
            json!({"content": {"deviceContent": {"properties.desired.x": 1}, "moduleContent": {"properties.desired.x": 1}}}),
            "InvalidConfigurationContent",
            "and 2 are",
        ),
        (json!({"content": {"deviceContent": {"x": 1}}}), "InvalidConfigurationContent", "is no place"),
        (
            json!({"content": {"deviceContent": {"properties.reported.x": 1}}}),
            "InvalidConfigurationContent",
            "no place",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.": 1}}}),
            "InvalidConfigurationContent",
            "no place",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.a..b": 1}}}),
            "InvalidConfigurationContent",
            "no place",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desiredx": 1}}}),
            "InvalidConfigurationContent",
            "no place",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired": 1}}}),
            "InvalidConfigurationContent",
            "takes an object",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.a$": 1}}}),
            "InvalidConfigurationContent",
            "'$' is not allowed",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.a": [null]}}}),
            "InvalidConfigurationContent",
            "a[0]: null",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.a": "x".repeat(5000)}}}),
            "InvalidConfigurationContent",
            "5000 bytes",
        ),
        (
            json!({"content": {"deviceContent": {"properties.desired.a": vec!["x".repeat(4000); 70]}}}),
            "InvalidConfigurationContent",
            "are taken",
        ),
        (
            json!({"content": {"modulesContent": {"a b": {}}}}),
            "InvalidConfigurationContent",
            "name of a module",
        ),
        (
            json!({"content": {"modulesContent": {"m": {"properties.desired.$": 1}}}}),
            "InvalidConfigurationContent",
            "m: ",
        ),
        (json!({"content": {"modulesContent": many}}), "InvalidConfigurationContent", "51 modules"),
        (json!({"targetCondition": "tags.a = = 1"}), "InvalidConfigurationTargetCondition", "column 10"),
        (
            json!({"targetCondition": "FROM devices.jobs WHERE jobId = 'a'"}),
            "InvalidConfigurationTargetCondition",
            "jobs",
        ),
        (
            json!({"targetCondition": "FROM devices.modules WHERE moduleId = 'a'"}),
            "InvalidConfigurationTargetCondition",
            "moduleContent",
        ),
        (
            json!({"content": {"moduleContent": {"properties.desired.x": 1}}, "targetCondition": "*"}),
            "InvalidConfigurationTargetCondition",
            "FROM devices.modules WHERE",
        ),
        (
            json!({"metrics": {"queries": {"q": "SELECT"}}}),
            "InvalidConfigurationCustomMetricsQuery",
            "q: expected",
        ),
        (
            json!({"metrics": {"queries": {"q": "SELECT COUNT() AS n FROM devices"}}}),
            "InvalidConfigurationCustomMetricsQuery",
            "aggregates",
        ),
        (
            json!({"metrics": {"queries": {"q": "SELECT * FROM devices.jobs"}}}),
            "InvalidConfigurationCustomMetricsQuery",
            "jobs",
        ),
        (
            json!({"metrics": {"queries": {"": "SELECT * FROM devices"}}}),
            "ArgumentInvalid",
            "name of a metric",
        ),
        (json!({"metrics": {"queries": queries}}), "InvalidConfigurationCustomMetricsQuery", "at most 20"),
        (json!({"labels": labels}), "ArgumentInvalid", "at most 50"),
        (json!({"labels": {"l": "x".repeat(1025)}}), "ArgumentInvalid", "label l"),
        (json!({"schemaVersion": "1".repeat(17)}), "ArgumentInvalid", "schemaVersion"),
    ] {
        let mut world = World::new();
        let mut asked = plain("one");
        for (member, value) in members.as_object().unwrap() {
            asked[member] = value.clone();
        }
        let (status, body) = world.rest("PUT", "/configurations/one", asked);
        assert_eq!((status, code(&body).as_str()), (400, name), "{members:.200}: {body}");
        assert!(body.to_string().contains(told), "{members:.200}: {body}");
        assert_eq!(world.rest("GET", "/configurations", json!(null)).1, json!([]));
    }
}

#[test]
fn an_id_has_few_characters() {
    let mut world = World::new();
    for (id, path, good) in [
        ("a-1_b.c:d", "a-1_b.c:d", true),
        ("a+%*!'", "a+%25*!'", true),
        ("Upper", "Upper", false),
        ("a b", "a%20b", false),
        ("ä", "%C3%A4", false),
        (&"a".repeat(128), &"a".repeat(128), true),
        (&"a".repeat(129), &"a".repeat(129), false),
    ] {
        let (status, body) = world.rest("PUT", &format!("/configurations/{path}"), plain(id));
        assert_eq!(status, if good { 201 } else { 400 }, "{id}: {body}");
    }
    let (status, _) = world.rest("PUT", "/configurations/testQueries", plain("testQueries"));
    assert_eq!(status, 400, "this one is an address");
}

#[test]
fn content_never_changes() {
    let mut world = World::new();
    world.rest("PUT", "/configurations/one", plain("one"));
    let mut other = plain("one");
    other["content"]["deviceContent"]["properties.desired.x"] = json!(2);
    let (status, body) = world.rest_if("PUT", "/configurations/one", other, Some("*"));
    assert_eq!((status, code(&body).as_str()), (400, "CannotModifyImmutableConfigurationContent"));
    let (status, _) = world.rest_if("PUT", "/configurations/one", plain("one"), Some("*"));
    assert_eq!(status, 200, "the same is no change");
}

#[test]
fn there_are_as_many_as_the_edition_has() {
    for (edition, max) in [(Edition::UNLIMITED, 100), (Edition::new(Sku::F1, NonZeroU16::MIN).unwrap(), 10)] {
        let mut world = World::of(edition);
        for n in 0..max {
            // Few are allowed in a minute.
            world.now.instant = world.now.instant.after(core::time::Duration::from_secs(60));
            let id = format!("c{n}");
            assert_eq!(world.rest("PUT", &format!("/configurations/{id}"), plain(&id)).0, 201);
        }
        let (status, body) = world.rest("PUT", "/configurations/last", plain("last"));
        assert_eq!((status, code(&body).as_str()), (413, "ConfigurationCountLimitExceeded"), "{body}");
    }
}

#[test]
fn queries_are_tested_without_a_configuration() {
    let mut world = World::new();
    let asked = json!({
        "targetCondition": "tags.a = ",
        "customMetricQueries": {"good": "SELECT deviceId FROM devices", "bad": "SELECT deviceId"},
    });
    let (status, answer) = world.rest("POST", "/configurations/testQueries", asked);
    assert_eq!(status, 200);
    assert_eq!(answer["targetConditionError"], "expected a value, found the end at line 1, column 10");
    let errors = answer["customMetricQueryErrors"].as_object().unwrap();
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["bad"]);
    let asked = json!({"targetCondition": "FROM devices.modules WHERE moduleId = 'm'"});
    let (_, answer) = world.rest("POST", "/configurations/testQueries", asked);
    assert_eq!(answer, json!({"targetConditionError": "", "customMetricQueryErrors": {}}));
}

#[test]
fn content_is_applied_to_one_device_at_once_all_or_nothing() {
    let mut world = World::new();
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"own": 1}}}));
    let apply = |world: &mut World, content: Value| {
        world.rest("POST", "/devices/dev1/applyConfigurationContent", content)
    };
    let desired = |world: &mut World, path: &str| {
        let (_, mut twin) = world.rest("GET", path, json!(null));
        let desired = twin["properties"]["desired"].as_object_mut().unwrap();
        desired.retain(|name, _| !name.starts_with('$'));
        Value::Object(desired.clone())
    };
    let content = json!({
        "deviceContent": {"properties.desired.x": 1},
        "modulesContent": {"pump": {"properties.desired": {"rate": 5}}},
    });
    assert_eq!(apply(&mut world, content).0, 204);
    assert_eq!(desired(&mut world, "/twins/dev1"), json!({"own": 1, "x": 1}));
    assert_eq!(desired(&mut world, "/twins/dev1/modules/pump"), json!({"rate": 5}));
    let again = json!({"modulesContent": {"pump": {"properties.desired": {"mode": 1}}}, "deviceContent": {}});
    assert_eq!(apply(&mut world, again).0, 204);
    assert_eq!(desired(&mut world, "/twins/dev1/modules/pump"), json!({"mode": 1}), "it is the whole");
    let crowd: serde_json::Map<String, Value> = (0..50).map(|n| (format!("m{n}"), json!({}))).collect();
    let full = json!({"properties.desired.large": vec!["x".repeat(4000); 7]});
    assert_eq!(apply(&mut world, json!({"deviceContent": full})).0, 204);
    for (content, status, name) in [
        (json!({}), 400, "InvalidConfigurationContent"),
        (json!({"moduleContent": {"properties.desired.x": 1}}), 400, "InvalidConfigurationContent"),
        (json!({"deviceContent": {"x": 1}}), 400, "InvalidConfigurationContent"),
        (
            json!({"modulesContent": {"new": {"properties.desired.x": 1}}, "deviceContent": {"properties.desired.more": "x".repeat(4096), "properties.desired.most": "x".repeat(4000)}}),
            400,
            "InvalidConfigurationContent",
        ),
        (json!({"modulesContent": crowd}), 413, "TooManyModulesOnDevice"),
    ] {
        let (found, body) = apply(&mut world, content.clone());
        assert_eq!((found, code(&body).as_str()), (status, name), "{content:.100}: {body}");
    }
    assert_eq!(world.rest("GET", "/devices/dev1/modules", json!(null)).1.as_array().unwrap().len(), 1);
    let (status, body) =
        world.rest("POST", "/devices/none/applyConfigurationContent", json!({"deviceContent": {}}));
    assert_eq!((status, code(&body).as_str()), (404, "DeviceNotFound"));
}

#[test]
fn reading_and_writing_take_different_rights() {
    let mut world = World::new();
    world.rest("PUT", "/configurations/one", plain("one"));
    for (policy, read, write) in
        [("registryRead", 200, 401), ("registryReadWrite", 200, 204), ("service", 401, 401)]
    {
        let token = world.policy_token(policy);
        let path = "/configurations/one?api-version=2021-04-12";
        let headers = [("authorization", token.as_str())];
        assert_eq!(world.rest_with("GET", path, "", &headers).status, read, "{policy}");
        assert_eq!(world.rest_with("DELETE", path, "", &headers).status, write, "{policy}");
    }
}
