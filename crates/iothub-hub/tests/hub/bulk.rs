use iothub_hub::EventKind;
use serde_json::{Value, json};

use crate::world::World;

/// A hub with a device `dev1`, a device `old` with a module, and the etags of `old`.
fn world() -> (World, Value, Value) {
    let mut world = World::new();
    world.create_device("old");
    world.create_module("old", "m");
    let body = json!({"tags": {"a": 1, "b": 1}, "properties": {"desired": {"a": 1, "b": 1}}});
    let (_, twin) = world.rest("PATCH", "/twins/old", body);
    (world, twin["deviceEtag"].clone(), twin["etag"].clone())
}

fn bulk(world: &mut World, entries: Value) -> (u16, Value) {
    world.rest("POST", "/devices", entries)
}

#[test]
fn each_mode_does_what_it_says_and_only_if_it_may() {
    let (given, twin, other) = ("given", "twin", "other");
    // (mode in some case, id, which etag as eTag, which as twinETag, the code of the error, the status reason then)
    let rows: &[(&str, &str, &str, &str, &str, &str)] = &[
        ("create", "new", "", "", "", "changed"),
        ("Create", "old", "", "", "DeviceAlreadyExists", ""),
        ("createOrUpdate", "new", other, "", "", "changed"),
        ("CREATEORUPDATE", "old", other, "", "", "changed"),
        ("createOrUpdateIfMatchETag", "new", other, "", "", "changed"),
        ("createOrUpdateIfMatchETag", "old", given, "", "", "changed"),
        ("CreateOrUpdateIfMatchETag", "old", other, "", "PreconditionFailed", ""),
        ("createOrUpdateIfMatchETag", "old", "", "", "ArgumentNull", ""),
        ("update", "old", other, "", "", "changed"),
        ("Update", "old", "", twin, "", "changed"),
        ("update", "old", "", other, "PreconditionFailed", ""),
        ("update", "new", "", "", "DeviceNotFound", ""),
        ("updateIfMatchETag", "old", given, "", "", "changed"),
        ("UpdateIfMatchETag", "old", other, "", "PreconditionFailed", ""),
        ("updateIfMatchEtag", "new", other, "", "DeviceNotFound", ""),
        ("updateTwin", "old", other, other, "", ""),
        ("updateTwin", "new", "", "", "DeviceNotFound", ""),
        ("updateTwinIfMatchETag", "old", "", twin, "", ""),
        ("UpdateTwinIfMatchETag", "old", "", other, "PreconditionFailed", ""),
        ("delete", "old", other, "", "", "gone"),
        ("Delete", "new", "", "", "DeviceNotFound", ""),
        ("deleteIfMatchETag", "old", given, "", "", "gone"),
        ("DeleteIfMatchETag", "old", other, "", "PreconditionFailed", ""),
        ("deleteIfMatchETag", "new", other, "", "DeviceNotFound", ""),
    ];
    for (mode, id, etag, twin_etag, code, reason) in rows {
        let what = format!("{mode} {id} {etag:?} {twin_etag:?}");
        let (mut world, identity, twin) = world();
        let tag = |which: &str| match which {
            "given" => identity.clone(),
            "twin" => twin.clone(),
            "other" => json!("MTIz"),
            _ => Value::Null,
        };
        let (_, before) = world.rest("GET", "/twins/old", json!(null));
        let entry = json!({
            "id": id, "importMode": mode, "eTag": tag(etag), "twinETag": tag(twin_etag), "statusReason": "changed",
            "tags": {"b": null, "c": 2}, "properties": {"desired": {"b": null, "c": 2}},
        });
        let (status, result) = bulk(&mut world, json!([entry]));
        let (_, after) = world.rest("GET", &format!("/twins/{id}"), json!(null));
        if !code.is_empty() {
            assert_eq!((status, &result["isSuccessful"]), (400, &json!(false)), "{what}: {result}");
            let error = &result["errors"][0];
            assert_eq!(
                (&error["errorCode"], &error["deviceId"]),
                (&json!(code), &json!(id)),
                "{what}: {result}"
            );
            assert_eq!(error["operation"], *mode);
            let (_, still) = world.rest("GET", "/twins/old", json!(null));
            assert_eq!(still, before, "{what}: nothing is done");
            continue;
        }
        assert_eq!(status, 200, "{what}: {result}");
        assert_eq!(result, json!({"isSuccessful": true, "errors": [], "warnings": []}), "{what}");
        let merged = mode.to_lowercase().starts_with("updatetwin");
        let expected = if merged { json!({"a": 1, "c": 2}) } else { json!({"c": 2}) };
        match *reason {
            "gone" => {
                assert_eq!(world.rest("GET", &format!("/devices/{id}"), json!(null)).0, 404, "{what}");
                assert_eq!(world.rest("GET", "/devices/old/modules/m", json!(null)).0, 404, "{what}");
            }
            reason => {
                assert_eq!(after["statusReason"].as_str().unwrap_or_default(), reason, "{what}");
                assert_eq!(after["tags"], expected, "{what}");
                let mut desired = after["properties"]["desired"].clone();
                desired.as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
                assert_eq!(desired, expected, "{what}");
            }
        }
    }
}

#[test]
fn modules_are_in_bulk_as_devices_are() {
    let (mut world, ..) = world();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let (status, result) = bulk(
        &mut world,
        json!([
            {"id": "edge", "importMode": "create", "capabilities": {"iotEdge": true}, "generationId": "1", "etag": "x"},
            {"id": "edge", "moduleId": "m", "importMode": "create", "managedBy": "me",
             "authentication": {"type": "sas", "symmetricKey": {"primaryKey": key, "secondaryKey": ""}}},
            {"id": "edge", "moduleId": "$edgeHub", "importMode": "update", "tags": null, "properties": null},
            {"id": "old", "moduleId": "m", "importMode": "updateTwin", "tags": {"t": 1}},
            {"id": "none", "moduleId": "m", "importMode": "create"},
            {"id": "old", "moduleId": "m2", "importMode": "delete"},
        ]),
    );
    assert_eq!(status, 400, "{result}");
    let codes: Vec<_> = result["errors"].as_array().unwrap().iter().map(|e| &e["errorCode"]).collect();
    assert_eq!(codes, [&json!("DeviceNotFound"), &json!("ModuleNotFound")]);
    assert_eq!(result["errors"][1]["moduleId"], "m2");
    let (_, module) = world.rest("GET", "/devices/edge/modules/m", json!(null));
    assert_eq!(
        (&module["managedBy"], &module["authentication"]["symmetricKey"]["primaryKey"]),
        (&json!("me"), &json!(key))
    );
    let (_, twin) = world.rest("GET", "/twins/old/modules/m", json!(null));
    assert_eq!(twin["tags"], json!({"t": 1}));
}

#[test]
fn an_entry_that_cannot_be_read_does_not_keep_others_from_being_done() {
    let mut world = World::new();
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let bad = [
        (json!([1]), "IotHubFormatError", ""),
        (json!("text"), "IotHubFormatError", ""),
        (json!(null), "IotHubFormatError", ""),
        (json!({}), "IotHubFormatError", ""),
        (json!({"id": 1}), "IotHubFormatError", ""),
        (json!({"id": "a b"}), "ArgumentInvalid", "a b"),
        (json!({"id": "x".repeat(129)}), "ArgumentInvalid", &"x".repeat(128)),
        (json!({"id": "d", "moduleId": "/"}), "ArgumentInvalid", "d"),
        (json!({"id": "d", "importMode": "explode"}), "IotHubFormatError", "d"),
        (json!({"id": "d1", "statusReason": "x".repeat(129)}), "ArgumentInvalid", "d1"),
        (json!({"id": "d2", "deviceScope": "x".repeat(513)}), "ArgumentInvalid", "d2"),
        (json!({"id": "d3", "parentScopes": vec!["x"; 17]}), "ArgumentInvalid", "d3"),
        (
            json!({"id": "d4", "authentication": {"symmetricKey": {"primaryKey": "c2hvcnQ="}}}),
            "ArgumentInvalid",
            "d4",
        ),
        (json!({"id": "d5", "authentication": {"type": "selfSigned"}}), "ArgumentInvalid", "d5"),
        (json!({"id": "d6", "tags": [], "importMode": "create"}), "IotHubFormatError", "d6"),
        (json!({"id": "dev1", "importMode": "updateTwin", "tags": {"a.b": 1}}), "ArgumentInvalid", "dev1"),
        (json!({"id": "d7", "status": "maybe"}), "IotHubFormatError", "d7"),
    ];
    let mut entries: Vec<Value> = bad.iter().map(|(entry, ..)| entry.clone()).collect();
    entries.push(json!({"id": "good"}));
    entries.push(json!({"id": "good"}));
    let (status, result) = bulk(&mut world, json!(entries));
    assert_eq!(status, 400);
    let errors = result["errors"].as_array().unwrap();
    assert_eq!(errors.len(), bad.len() + 1, "{result}");
    for ((entry, code, id), error) in bad.iter().zip(errors) {
        assert_eq!((&error["errorCode"], &error["deviceId"]), (&json!(code), &json!(id)), "{entry}");
    }
    assert_eq!(errors.last().unwrap()["errorCode"], "DeviceDefinedMultipleTimes");
    assert_eq!(world.rest("GET", "/devices/good", json!(null)).0, 200);
    // What nests deeper than anything is read is refused as a whole.
    let (status, body) = bulk(&mut world, json!([deep]));
    assert_eq!(status, 400, "{body}");
}

#[test]
fn a_device_whose_twin_breaks_a_rule_is_registered_without_it() {
    let mut world = World::new();
    let entry =
        json!({"id": "d", "importMode": "create", "tags": {"ok": 1}, "properties": {"desired": {"a.b": 1}}});
    let (status, result) = bulk(&mut world, json!([entry]));
    assert_eq!((status, &result["isSuccessful"]), (200, &json!(true)));
    assert_eq!(result["warnings"][0]["warningCode"], "DeviceRegisteredWithoutTwin");
    assert_eq!(result["warnings"][0]["deviceId"], "d");
    let (_, twin) = world.rest("GET", "/twins/d", json!(null));
    assert_eq!(twin["tags"], json!({}));
}

#[test]
fn a_hundred_entries_are_taken_and_no_more() {
    let mut world = World::new();
    let entries = |n| Value::Array((0..n).map(|n| json!({"id": format!("n{n}")})).collect());
    assert_eq!(bulk(&mut world, entries(100)).0, 200);
    let response = world.rest_with("POST", "/devices", &entries(101).to_string(), &[]);
    assert_eq!(response.status, 413);
    assert!(response.headers.contains(&("iothub-errorcode".into(), "TooManyDevices".into())));
    assert_eq!(bulk(&mut world, json!([])).0, 200);
    for body in ["{}", "", "[", "null", "[{}"] {
        let response = world.rest_with("POST", "/devices", body, &[]);
        assert!(
            response.headers.contains(&("iothub-errorcode".into(), "IotHubFormatError".into())),
            "{body}"
        );
    }
}

#[test]
fn life_cycles_in_bulk_are_told_as_any_others() {
    let (mut world, ..) = world();
    world.events.clear();
    let create = json!({"id": "new", "importMode": "create", "tags": {"t": 1}});
    bulk(&mut world, json!([create, {"id": "old", "importMode": "delete"}]));
    let told: Vec<_> = world
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Lifecycle)
        .map(|event| (event.properties["opType"].as_str(), event.device.as_str(), event.module.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("createDeviceIdentity", "new", None),
            ("deleteModuleIdentity", "old", Some("m")),
            ("deleteDeviceIdentity", "old", None)
        ]
    );
    let body: Value = serde_json::from_slice(&world.events[0].body).unwrap();
    assert_eq!(body["tags"], json!({"t": 1}), "with the twin that it came with");
}
