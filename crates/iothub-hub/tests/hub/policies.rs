use iothub_codec::Dialect;
use iothub_hub::Input;
use serde_json::{Value, json};

use crate::speaker::Hello;
use crate::world::{Line, World};

const POLICIES: &str = "/$local/policies";

/// Key 1 of the samples, and another.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn put(world: &mut World, name: &str, body: Value) -> (u16, Value) {
    world.rest("PUT", &format!("{POLICIES}/{name}"), body)
}

/// Asks for the registry's list with a token of that policy.
fn status_for(world: &mut World, policy: &str) -> u16 {
    let token = world.policy_token(policy);
    world.rest_with("GET", "/devices", "", &[("authorization", &token)]).status
}

/// A device that came in by a policy.
fn admitted(world: &mut World, policy: &'static str) -> Line {
    let key = world.hub.policy_key(policy).unwrap().to_owned();
    let hello = Hello { key, policy: Some(policy), ..Hello::new(world, "dev1") };
    world.say_hello(Dialect::Classic, &hello).0.line
}

#[test]
fn a_new_hub_has_five_policies_and_shows_their_keys_to_its_owner_alone() {
    let mut world = World::new();
    let (status, list) = world.rest("GET", POLICIES, Value::Null);
    assert_eq!(status, 200, "{list}");
    let named: Vec<(&str, &str)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| (policy["keyName"].as_str().unwrap(), policy["rights"].as_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [
            ("device", "DeviceConnect"),
            ("iothubowner", "RegistryWrite, RegistryRead, ServiceConnect, DeviceConnect"),
            ("registryRead", "RegistryRead"),
            ("registryReadWrite", "RegistryWrite, RegistryRead"),
            ("service", "ServiceConnect"),
        ]
    );
    let (_, service) = world.rest("GET", &format!("{POLICIES}/service"), Value::Null);
    assert_eq!(service["primaryKey"].as_str(), world.hub.policy_key("service"));
    for policy in ["device", "registryRead", "registryReadWrite", "service"] {
        for (method, path) in [
            ("GET", "/$local/policies"),
            ("GET", "/$local/policies/device"),
            ("PUT", "/$local/policies/x"),
            ("DELETE", "/$local/policies/device"),
        ] {
            let token = world.policy_token(policy);
            let response = world.rest_with(method, path, "{}", &[("authorization", &token)]);
            assert_eq!(response.status, 401, "{policy} {method} {path}");
        }
    }
}

#[test]
fn a_policy_counts_from_its_creation_to_its_removal() {
    let mut world = World::new();
    let (status, made) = put(&mut world, "readers", json!({"rights": "registryread"}));
    assert_eq!((status, &made["rights"], &made["keyName"]), (200, &json!("RegistryRead"), &json!("readers")));
    assert_eq!(status_for(&mut world, "readers"), 200);
    let (status, changed) = put(&mut world, "readers", json!({"rights": "ServiceConnect"}));
    assert_eq!((status, &changed["primaryKey"]), (200, &made["primaryKey"]), "keys stay that are not given");
    assert_eq!(status_for(&mut world, "readers"), 401);
    let (status, changed) = put(&mut world, "readers", json!({"primaryKey": KEY, "rights": "RegistryRead"}));
    assert_eq!(
        (status, &changed["primaryKey"], &changed["secondaryKey"]),
        (200, &json!(KEY), &made["secondaryKey"])
    );
    let token = world.policy_token("readers");
    assert_eq!(world.rest("DELETE", "/$local/policies/readers", Value::Null).0, 204);
    let response = world.rest_with("GET", "/devices", "", &[("authorization", &token)]);
    assert_eq!(response.status, 401);
    assert_eq!(world.rest("DELETE", "/$local/policies/readers", Value::Null).0, 404);
}

#[test]
fn what_a_hub_would_regret_is_refused() {
    let mut world = World::new();
    for (name, body, part) in [
        ("x", json!({}), "rights must name"),
        ("x", json!({"rights": "Everything"}), "rights must name"),
        ("x", json!({"rights": "RegistryRead", "primaryKey": "short"}), "primaryKey must be base64"),
        ("x", json!({"rights": "RegistryRead", "keyName": "y"}), "the address says \\\"x\\\""),
        ("a%20b", json!({"rights": "RegistryRead"}), "the name of a policy"),
        ("iothubowner", json!({"rights": "ServiceConnect"}), "keeps all rights"),
    ] {
        let (status, body) = put(&mut world, name, body);
        assert!((400..500).contains(&status) && body.to_string().contains(part), "{name}: {status} {body}");
    }
    let (status, body) = world.rest("DELETE", "/$local/policies/iothubowner", Value::Null);
    assert!(status >= 400 && body.to_string().contains("cannot be removed"), "{status} {body}");
    for number in 5..64 {
        assert_eq!(put(&mut world, &format!("p{number}"), json!({"rights": "DeviceConnect"})).0, 200);
    }
    let (status, body) = put(&mut world, "more", json!({"rights": "DeviceConnect"}));
    assert!(status >= 400 && body.to_string().contains("at most 64 policies"), "{status} {body}");
}

#[test]
fn who_came_in_by_a_policy_stays_as_long_as_it_would_let_him_in() {
    for (change, stays) in [
        (json!({"rights": "DeviceConnect,ServiceConnect"}), true),
        (json!({"secondaryKey": OTHER}), true),
        (json!({"primaryKey": KEY}), false),
        (json!({"rights": "ServiceConnect"}), false),
    ] {
        let mut world = World::new();
        let by_policy = admitted(&mut world, "device");
        world.create_device("dev2");
        let by_own_key = world.connect("dev2");
        assert_eq!(put(&mut world, "device", change.clone()).0, 200);
        assert_eq!(!world.is_closed(by_policy), stays, "{change}");
        assert!(!world.is_closed(by_own_key), "{change}");
    }
    let mut world = World::new();
    let line = admitted(&mut world, "device");
    world.rest("DELETE", "/$local/policies/device", Value::Null);
    assert!(world.is_closed(line));
}

#[test]
fn keys_may_change_places_under_a_connection() {
    let mut world = World::new();
    let line = admitted(&mut world, "device");
    let (_, policy) = world.rest("GET", "/$local/policies/device", Value::Null);
    let swapped = json!({"primaryKey": policy["secondaryKey"], "secondaryKey": policy["primaryKey"]});
    assert_eq!(put(&mut world, "device", swapped).0, 200);
    assert!(!world.is_closed(line));
}

#[test]
fn a_restart_brings_no_policy_back() {
    let mut world = World::new();
    world.rest("DELETE", &format!("{POLICIES}/service"), Value::Null);
    put(&mut world, "readers", json!({"rights": "RegistryRead"}));
    let (_, before) = world.rest("GET", POLICIES, Value::Null);
    let mut again = World::empty();
    for change in &world.changes {
        again.hub.apply(change).unwrap();
    }
    again.put(Input::Start);
    assert_eq!(again.rest("GET", POLICIES, Value::Null).1, before);
}
