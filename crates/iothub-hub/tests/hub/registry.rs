use iothub_codec::TokenRequest;
use serde_json::{Value, json};

use crate::world::{HOST, World, sign};

#[test]
fn a_device_is_created_with_keys_and_reads_back_the_same() {
    let mut world = World::new();
    let keys = json!({"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}});
    let wish = json!({"deviceId": "dev-1", "status": "enabled", "authentication": keys});
    let (status, created) = world.rest("PUT", "/devices/dev-1", wish);
    assert_eq!(status, 200);
    for key in ["primaryKey", "secondaryKey"] {
        let key = created["authentication"]["symmetricKey"][key].as_str().unwrap();
        assert_eq!(key.len(), 44, "32 bytes in base64");
    }
    assert_eq!(
        created["authentication"]["x509Thumbprint"],
        json!({"primaryThumbprint": null, "secondaryThumbprint": null})
    );
    assert_eq!(created["connectionState"], "Disconnected");
    assert_eq!(created["connectionStateUpdatedTime"], "0001-01-01T00:00:00Z");
    for path in ["/devices/dev-1", "/Devices/dev-1/", "//devices//dev-1"] {
        let (status, read) = world.rest("GET", path, json!(null));
        assert_eq!((status, &read), (200, &created), "{path}");
    }
    let response = world.rest_with("GET", "/devices/dev-1", "", &[]);
    let etag = format!("\"{}\"", created["etag"].as_str().unwrap());
    assert!(response.headers.contains(&("etag".into(), etag)));
}

#[test]
fn names_may_need_encoding_in_the_path() {
    let mut world = World::new();
    let (status, body) = world.rest("PUT", "/devices/a%25b%23c%3F", json!({"deviceId": "a%b#c?"}));
    assert_eq!((status, &body["deviceId"]), (200, &json!("a%b#c?")));
}

#[test]
fn if_match_decides_what_a_put_and_a_delete_do() {
    let mut world = World::new();
    let wish = json!({"deviceId": "d"});
    let put = |world: &mut World, if_match: Option<&str>| {
        world.rest_if("PUT", "/devices/d", wish.clone(), if_match)
    };
    assert_eq!(put(&mut world, Some("*")).0, 404, "an update of nothing");
    let (status, created) = put(&mut world, None);
    assert_eq!(status, 200);
    let (status, body) = put(&mut world, None);
    assert_eq!(status, 409);
    assert!(body["Message"].as_str().unwrap().starts_with("ErrorCode:DeviceAlreadyExists;"), "{body}");
    let etag = created["etag"].as_str().unwrap().to_owned();
    let (status, updated) = put(&mut world, Some(&format!("\"{etag}\"")));
    assert_eq!(status, 200);
    assert_ne!(updated["etag"], created["etag"]);
    assert_eq!(updated["generationId"], created["generationId"]);
    assert_eq!(updated["authentication"], created["authentication"], "keys that are not mentioned stay");
    assert_eq!(put(&mut world, Some(&etag)).0, 412);
    let delete = |world: &mut World, if_match| world.rest_if("DELETE", "/devices/d", json!(null), if_match).0;
    assert_eq!(delete(&mut world, Some(etag.as_str())), 412);
    assert_eq!(delete(&mut world, Some("*")), 204);
    assert_eq!(delete(&mut world, Some("*")), 404);
    let (_, again) = put(&mut world, None);
    assert_ne!(again["generationId"], created["generationId"], "another device of the same name");
}

#[test]
fn lists_are_in_order_and_have_a_length() {
    let mut world = World::new();
    for id in ["b", "a", "c"] {
        world.create_device(id);
    }
    let names = |body: &Value| -> Vec<String> {
        body.as_array().unwrap().iter().map(|device| device["deviceId"].as_str().unwrap().into()).collect()
    };
    let (_, all) = world.rest("GET", "/devices", json!(null));
    assert_eq!(names(&all), ["a", "b", "c", "dev1"]);
    let (_, two) = world.rest("GET", "/devices/?top=2&api-version=2021-04-12", json!(null));
    assert_eq!(names(&two), ["a", "b"]);
    for top in ["0", "1001", "x", "-1"] {
        let path = format!("/devices?top={top}&api-version=2021-04-12");
        assert_eq!(world.rest("GET", &path, json!(null)).0, 400, "{top}");
    }
}

#[test]
fn modules_belong_to_a_device_and_go_with_it() {
    let mut world = World::new();
    assert_eq!(world.rest("PUT", "/devices/no/modules/m", json!({"deviceId": "no", "moduleId": "m"})).0, 404);
    for module in ["m2", "m1"] {
        world.create_module("dev1", module);
    }
    world.create_device("dev10");
    world.create_module("dev10", "other");
    let (_, modules) = world.rest("GET", "/devices/dev1/modules", json!(null));
    let names: Vec<_> = modules.as_array().unwrap().iter().map(|module| module["moduleId"].clone()).collect();
    assert_eq!(names, [json!("m1"), json!("m2")]);
    let line = world.connect("dev1/m1");
    assert_eq!(world.rest("DELETE", "/devices/dev1", json!(null)).0, 204);
    assert!(world.is_closed(line));
    assert_eq!(world.rest("GET", "/devices/dev1/modules/m1", json!(null)).0, 404);
    assert_eq!(world.rest("GET", "/devices/dev10/modules/other", json!(null)).0, 200);
}

#[test]
fn a_device_has_room_for_so_many_modules() {
    let mut world = World::new();
    for n in 0..50 {
        world.create_module("dev1", &format!("m{n}"));
    }
    let (status, body) =
        world.rest("PUT", "/devices/dev1/modules/x", json!({"deviceId": "dev1", "moduleId": "x"}));
    assert_eq!(status, 413);
    assert!(body["Message"].as_str().unwrap().starts_with("ErrorCode:TooManyModulesOnDevice;"));
}

#[test]
fn an_edge_device_comes_with_its_two_modules() {
    let mut world = World::new();
    world.rest("PUT", "/devices/edge", json!({"deviceId": "edge", "capabilities": {"iotEdge": true}}));
    for module in ["%24edgeAgent", "$edgeHub"] {
        assert_eq!(world.rest("GET", &format!("/devices/edge/modules/{module}"), json!(null)).0, 200);
    }
}

#[test]
fn bad_requests_are_refused_with_their_code() {
    let mut world = World::new();
    let short = json!({"deviceId": "d", "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "c2hvcnQ="}}});
    let print = json!({"deviceId": "d", "authentication": {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "zz"}}});
    let long = json!({"deviceId": "d", "statusReason": "x".repeat(129)});
    for (method, path, body, status, name) in [
        ("GET", "/devices/none", json!(null), 404, "DeviceNotFound"),
        ("GET", "/devices/dev1/modules/none", json!(null), 404, "ModuleNotFound"),
        ("GET", "/twins/none", json!(null), 404, "DeviceNotFound"),
        ("PUT", "/devices/d", json!([]), 400, "IotHubFormatError"),
        ("PUT", "/devices/d", json!({"deviceId": "e"}), 400, "ArgumentInvalid"),
        ("PUT", "/devices/d", json!({}), 400, "IotHubFormatError"),
        ("PUT", "/devices/d", json!({"deviceId": "d", "status": "maybe"}), 400, "IotHubFormatError"),
        ("PUT", "/devices/d", short, 400, "ArgumentInvalid"),
        ("PUT", "/devices/d", print, 400, "ArgumentInvalid"),
        ("PUT", "/devices/d", long, 400, "ArgumentInvalid"),
        ("GET", "/devices/a%20b", json!(null), 400, "ArgumentInvalid"),
        ("GET", "/devices/a%2", json!(null), 400, "ArgumentInvalid"),
        ("GET", "/devices/%ff", json!(null), 400, "ArgumentInvalid"),
        ("GET", "/nonsense", json!(null), 404, "GenericNotFound"),
        ("POST", "/devices/dev1", json!({}), 405, "GenericMethodNotAllowed"),
        ("DELETE", "/devices", json!(null), 405, "GenericMethodNotAllowed"),
        ("GET", "/devices/dev1?", json!(null), 400, "InvalidProtocolVersion"),
        ("PATCH", "/twins/dev1", json!({"properties": {"desired": {"a.b": 1}}}), 400, "ArgumentInvalid"),
    ] {
        let response = world.rest_with(method, path, &body.to_string(), &[]);
        let header =
            response.headers.iter().find(|(name, _)| *name == "iothub-errorcode").map(|(_, v)| v.as_str());
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!((response.status, header), (status, Some(name)), "{method} {path} {text}");
        let body: Value = serde_json::from_str(&text).unwrap();
        assert!(body["Message"].as_str().unwrap().starts_with(&format!("ErrorCode:{name};")), "{text}");
        assert!(body["ExceptionMessage"].as_str().unwrap().starts_with("Tracking ID:"), "{text}");
        let why = &world.notices.last().unwrap().why;
        assert!(why.starts_with(&format!("{method} /")) && why.contains(name), "{why}");
    }
}

#[test]
fn each_path_takes_one_right_and_a_policy_without_it_is_refused() {
    const READ: &str = "RegistryRead";
    const WRITE: &str = "RegistryWrite";
    const SERVICE: &str = "ServiceConnect";
    const DEVICE: &str = "DeviceConnect";
    let routes = [
        ("GET", "/devices", READ),
        ("POST", "/devices", WRITE),
        ("GET", "/devices/dev1", READ),
        ("PUT", "/devices/dev1", WRITE),
        ("DELETE", "/devices/none", WRITE),
        ("GET", "/devices/dev1/modules", READ),
        ("GET", "/devices/dev1/modules/m", READ),
        ("PUT", "/devices/dev1/modules/m", WRITE),
        ("DELETE", "/devices/dev1/modules/m", WRITE),
        ("GET", "/devices/dev1/commands", SERVICE),
        ("DELETE", "/devices/dev1/commands", SERVICE),
        ("GET", "/messages/serviceBound/feedback", SERVICE),
        ("DELETE", "/messages/serviceBound/feedback/none", SERVICE),
        ("POST", "/messages/serviceBound/feedback/none/abandon", SERVICE),
        ("GET", "/devices/dev1/messages/deviceBound", DEVICE),
        ("DELETE", "/devices/dev1/messages/deviceBound/none", DEVICE),
        ("POST", "/devices/dev1/messages/deviceBound/none/abandon", DEVICE),
        ("POST", "/devices/dev1/messages/events", DEVICE),
        ("GET", "/$local/devices/dev1/deadLetters", SERVICE),
        ("DELETE", "/$local/devices/dev1/deadLetters", SERVICE),
        ("GET", "/statistics/devices", READ),
        ("GET", "/statistics/service", SERVICE),
        ("GET", "/twins/dev1", SERVICE),
        ("PATCH", "/twins/dev1", SERVICE),
        ("PUT", "/twins/dev1", SERVICE),
        ("GET", "/twins/dev1/modules/m", SERVICE),
        ("PATCH", "/twins/dev1/modules/m", SERVICE),
        ("PUT", "/twins/dev1/modules/m", SERVICE),
        ("POST", "/twins/dev1/methods", SERVICE),
        ("POST", "/twins/dev1/modules/m/methods", SERVICE),
        ("POST", "/$local/devices/dev1/commands", SERVICE),
        ("POST", "/$local/devices/dev1/modules/m/commands", SERVICE),
        ("GET", "/$local/events", SERVICE),
        ("GET", "/$local/devices/dev1/refusals", READ),
        ("GET", "/$local/authorities", READ),
        ("GET", "/$local/authorities/a", READ),
        ("PUT", "/$local/authorities/a", WRITE),
        ("DELETE", "/$local/authorities/a", WRITE),
        ("GET", "/$local/registry", WRITE),
        ("POST", "/$local/registry", WRITE),
    ];
    let policies: [(&str, &[&str]); 5] = [
        ("iothubowner", &[READ, WRITE, SERVICE, DEVICE]),
        ("service", &[SERVICE]),
        ("registryRead", &[READ]),
        ("registryReadWrite", &[READ, WRITE]),
        ("device", &[DEVICE]),
    ];
    let mut world = World::new();
    for (policy, rights) in policies {
        let token = world.policy_token(policy);
        for (method, path, right) in routes {
            // Bodies that nothing is done about, so that each row finds the same hub.
            let exchange = world.ask(method, path, "[", &[("authorization", &token)]);
            let response = world.response(exchange).unwrap();
            assert_eq!(response.status != 401, rights.contains(&right), "{policy}: {method} {path}");
            let override_ = [("authorization", token.as_str()), ("x-http-method-override", method)];
            if method == "PATCH" {
                let status = world.rest_with("POST", path, "[", &override_).status;
                assert_eq!(status != 401, rights.contains(&right), "{policy}: POST for {method} {path}");
            }
        }
    }
}

#[test]
fn preconditions_are_told_by_if_match_alone() {
    let mut world = World::new();
    world.create_module("dev1", "m");
    let identity = json!({"deviceId": "dev1", "moduleId": "m", "etag": "d3Jvbmc="});
    let patch = json!({"etag": "d3Jvbmc=", "tags": {"t": 1}});
    for (path, body) in [
        ("/devices/dev1", &identity),
        ("/devices/dev1/modules/m", &identity),
        ("/twins/dev1", &patch),
        ("/twins/dev1/modules/m", &patch),
    ] {
        let methods: &[&str] = if path.starts_with("/twins") { &["PATCH", "PUT"] } else { &["PUT"] };
        for method in methods {
            let etag = |world: &mut World| {
                let response = world.rest_with("GET", path, "", &[]);
                let (_, quoted) = response.headers.iter().find(|(name, _)| *name == "etag").unwrap();
                quoted.clone()
            };
            let first = etag(&mut world);
            let bare = first.trim_matches('"').to_owned();
            // Without a condition a PUT of an identity creates, and a twin is there anyway.
            let without = if path.starts_with("/twins") { 200 } else { 409 };
            for (if_match, status) in [
                (None, without),
                (Some("*"), 200),
                (Some("\"*\""), 200),
                (Some("\"d3Jvbmc=\""), 412),
                (Some("\"a\", \"b\""), 400),
            ] {
                let what = format!("{method} {path} {if_match:?}");
                assert_eq!(world.rest_if(method, path, body.clone(), if_match).0, status, "{what}");
            }
            assert_eq!(world.rest_if(method, path, body.clone(), Some(&bare)).0, 412, "it has changed since");
            let now = etag(&mut world);
            assert_eq!(world.rest_if(method, path, body.clone(), Some(&now)).0, 200, "{method} {path} {now}");
            let now = etag(&mut world).trim_matches('"').to_owned();
            let (status, answer) = world.rest_if(method, path, body.clone(), Some(&now));
            assert_eq!(status, 200, "{method} {path} {now}");
            assert_eq!(
                format!("{}", answer["etag"]),
                etag(&mut world),
                "the body says the same as the header"
            );
        }
    }
    for (path, if_match, status) in [
        ("/devices/dev1/modules/m", Some("\"d3Jvbmc=\""), 412),
        ("/devices/dev1/modules/m", None, 204),
        ("/devices/dev1/modules/m", None, 404),
        ("/devices/dev1/modules/m", Some("*"), 404),
    ] {
        assert_eq!(world.rest_if("DELETE", path, json!(null), if_match).0, status, "{path} {if_match:?}");
    }
    for path in ["/devices/none", "/devices/dev1/modules/none"] {
        for if_match in ["*", "\"d3Jvbmc=\""] {
            let body = json!({"deviceId": path.split('/').nth(2), "moduleId": "none"});
            assert_eq!(world.rest_if("PUT", path, body, Some(if_match)).0, 404, "{path} {if_match}");
        }
    }
}

#[test]
fn documents_of_hostile_depth_and_width_are_refused_or_ignored() {
    let mut world = World::new();
    let deep = |len: usize| format!("{}1{}", "[".repeat(len), "]".repeat(len));
    let wide: String = (0..50_000).map(|n| format!("\"x{n}\":{n},")).collect();
    for (method, path, body, status) in [
        ("PUT", "/devices/d", format!("{{\"deviceId\":\"d\",\"x\":{}}}", deep(400_000)), 200),
        ("PUT", "/devices/w", format!("{{{wide}\"deviceId\":\"w\"}}"), 200),
        (
            "PUT",
            "/devices/e",
            format!("{{\"deviceId\":\"e\",\"statusReason\":{:?}}}", "x".repeat(900_000)),
            400,
        ),
        ("PATCH", "/twins/dev1", format!("{{\"tags\":{{\"x\":{}}}}}", deep(400_000)), 400),
        ("PATCH", "/twins/dev1", format!("{{\"tags\":{{\"x\":{}}}}}", deep(100)), 400),
        ("PATCH", "/twins/dev1", format!("{{\"tags\":{{{wide}\"x\":1}}}}"), 400),
        ("POST", "/devices", deep(400_000), 400),
        ("POST", "/devices", format!("[{{{wide}\"id\":\"f\"}}]"), 200),
        ("POST", "/$local/registry", format!("{{\"id\":\"g\",\"tags\":{}}}", deep(400_000)), 200),
        ("PUT", "/$local/authorities/a", format!("{{\"certificate\":{}}}", deep(400_000)), 400),
        ("POST", "/twins/dev1/methods", format!("{{\"methodName\":{}}}", deep(400_000)), 400),
    ] {
        let response = world.rest_with(method, path, &body, &[]);
        assert_eq!(response.status, status, "{method} {path} {body:.40}");
    }
    assert_eq!(world.rest("GET", "/devices/g", json!(null)).0, 404, "its line was reported, not done");
}

#[test]
fn any_version_of_the_api_is_served_and_none_is_not() {
    let mut world = World::new();
    for (query, status) in [
        ("api-version=2021-04-12", 200),
        ("API-VERSION=2016-11-14", 200),
        ("api-version=2099-01-01-preview", 200),
        ("top=1&api-version=x", 200),
        ("api-version=", 400),
        ("version=2021-04-12", 400),
        ("", 400),
    ] {
        let path = format!("/devices?{query}");
        assert_eq!(world.rest_with("GET", &path, "", &[]).status, status, "{query}");
    }
}

#[test]
fn a_request_without_a_good_token_is_unauthorized() {
    let mut world = World::new();
    let good = world.policy_token("iothubowner");
    let device = world.token("dev1", 60);
    let unknown = good.replace("skn=iothubowner", "skn=nobody");
    let moved = good.replace("se=", "se=1");
    for (headers, why) in [
        (vec![("authorization", "")], "missing"),
        (vec![("authorization", "Bearer abc")], "cannot be read"),
        (vec![("authorization", device.as_str())], "not for"),
        (vec![("authorization", unknown.as_str())], "no policy"),
        (vec![("authorization", moved.as_str())], "neither key"),
        (vec![("authorization", good.as_str()), ("host", "hub2.test")], "not for hub2.test"),
    ] {
        let response = world.rest_with("GET", "/devices", "", &headers);
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!(response.status, 401, "{text}");
        assert!(text.contains("ErrorCode:IotHubUnauthorizedAccess;") && text.contains(why), "{text}");
        assert!(!text.contains("sig="), "the token does not show");
    }
    let upper = HOST.to_uppercase() + ":8443";
    let headers = [("authorization", good.as_str()), ("host", upper.as_str())];
    assert_eq!(world.rest_with("GET", "/devices", "", &headers).status, 200, "case and port do not matter");
}

#[test]
fn who_has_no_good_token_is_not_told_what_there_is() {
    let mut world = World::new();
    let (reader, device) = (world.policy_token("registryRead"), world.token("dev1", 60));
    let foreign = reader.replace("se=", "se=1");
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/twins", 404),
        ("GET", "/devices/%zz", 400),
        ("PUT", "/devices/a%2Fb", 400),
        ("GET", "/$local/nothing", 404),
    ] {
        for (token, status) in [("", 401), (foreign.as_str(), 401), (&device, 401), (&reader, status)] {
            let response = world.rest_with(method, path, "", &[("authorization", token)]);
            assert_eq!(response.status, status, "{method} {path}");
        }
    }
    // Where a device may ask for something that is not there, it is told so.
    for (path, status) in [("/devices/dev1/nothing", 404), ("/devices/dev2/files", 401)] {
        let response = world.rest_with("POST", path, "", &[("authorization", &device)]);
        assert_eq!(response.status, status, "{path}");
    }
}

#[test]
fn a_token_may_name_the_host_as_a_connection_string_does_that_has_a_port() {
    let mut world = World::new();
    let key = world.hub.policy_key("iothubowner").unwrap();
    let expiry_s = world.now.timestamp.as_secs() + 60;
    let host = &format!("{HOST}:8443");
    let token = sign(key, &TokenRequest { host, identity: None, expiry_s, policy: Some("iothubowner") });
    for (asked, status) in [(host.as_str(), 200), (&format!("{HOST}:8444"), 401), (HOST, 401)] {
        let headers = [("authorization", token.as_str()), ("host", asked)];
        assert_eq!(world.rest_with("GET", "/devices", "", &headers).status, status, "{asked}");
    }
}

#[test]
fn statistics_count() {
    let mut world = World::new();
    for id in ["a", "b"] {
        world.create_device(id);
    }
    for status in ["disabled", "enabled", "disabled", "disabled"] {
        world.rest_if("PUT", "/devices/b", json!({"deviceId": "b", "status": status}), Some("*"));
    }
    world.rest("PUT", "/devices/c", json!({"deviceId": "c", "status": "disabled"}));
    world.rest("DELETE", "/devices/c", json!(null));
    world.create_module("dev1", "m");
    world.connect("dev1");
    world.connect("dev1/m");
    let (_, devices) = world.rest("GET", "/statistics/devices", json!(null));
    assert_eq!(devices, json!({"totalDeviceCount": 3, "enabledDeviceCount": 2, "disabledDeviceCount": 1}));
    let (_, service) = world.rest("GET", "/statistics/service", json!(null));
    assert_eq!(service, json!({"connectedDeviceCount": 1}));
}
