//! Devices that have HTTPS only: they fetch commands one by one, and send telemetry.

use core::time::Duration;

use iothub_codec::{DeviceId, Identity, SharedKey, TokenRequest};
use iothub_hub::Response;
use serde_json::json;

use crate::world::World;

const COMMANDS: &str = "/$local/devices/dev1/commands";
const FETCH: &str = "/devices/dev1/messages/deviceBound";

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value)
}

/// Asks as the device does.
fn ask(world: &mut World, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Response {
    let token = world.token("dev1", 3600);
    let mut all = vec![("authorization", &*token)];
    all.extend(headers);
    world.rest_with(method, path, body, &all)
}

fn fetch(world: &mut World) -> (String, String, String) {
    let response = ask(world, "GET", FETCH, "", &[]);
    let lock = header(&response, "etag").trim_matches('"').to_owned();
    let body = String::from_utf8(response.body.clone()).unwrap();
    (lock, body, header(&response, "iothub-deliverycount").to_owned())
}

fn waiting(world: &mut World) -> u64 {
    world.rest("GET", "/devices/dev1", json!(null)).1["cloudToDeviceMessageCount"].as_u64().unwrap()
}

#[test]
fn a_token_of_a_device_may_name_the_host_with_its_port() {
    let mut world = World::new();
    let key = SharedKey::from_base64(world.hub.device_key("dev1").unwrap()).unwrap();
    let identity = Some(Identity::device(DeviceId::new("dev1").unwrap()));
    let expiry_s = world.now.timestamp.as_secs() + 60;
    let request = TokenRequest { host: "hub1.test:8443", identity, expiry_s, policy: None };
    let token = request.sign(&key, &mut [0; 512]).unwrap().to_owned();
    for (host, status) in [("hub1.test:8443", 204), ("hub1.test:8444", 401), ("hub1.test", 401)] {
        let headers = [("authorization", token.as_str()), ("host", host)];
        assert_eq!(world.rest_with("GET", FETCH, "", &headers).status, status, "{host}");
    }
}

#[test]
fn a_command_is_fetched_with_all_that_was_said_of_it() {
    let mut world = World::new();
    let sent = [("iothub-messageid", "c1"), ("content-type", "text/plain"), ("iothub-app-color", "dark red")];
    assert_eq!(world.rest_with("POST", COMMANDS, "hi", &sent).status, 202);
    let response = ask(&mut world, "GET", FETCH, "", &[]);
    assert_eq!((response.status, &*response.body), (200, &b"hi"[..]));
    for (name, value) in [
        ("iothub-messageid", "c1"),
        ("iothub-app-color", "dark red"),
        ("iothub-contenttype", "text/plain"),
        ("iothub-sequencenumber", "1"),
        ("iothub-deliverycount", "0"),
        ("iothub-enqueuedtime", "2030-01-01T00:00:00.0000000Z"),
        ("iothub-expiry", "2030-01-01T01:00:00.0000000Z"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    assert_eq!(ask(&mut world, "GET", FETCH, "", &[]).status, 204, "nothing else waits");
    let lock = header(&response, "etag").trim_matches('"');
    assert_eq!(ask(&mut world, "DELETE", &format!("{FETCH}/{lock}"), "", &[]).status, 204);
    assert_eq!(waiting(&mut world), 0);
    assert_eq!(ask(&mut world, "DELETE", &format!("{FETCH}/{lock}"), "", &[]).status, 412);
}

#[test]
fn what_was_fetched_comes_back_when_it_is_given_back_or_kept_too_long() {
    let mut world = World::new();
    world.rest_with("POST", COMMANDS, "x", &[]);
    for count in 0..9 {
        let (lock, body, counted) = fetch(&mut world);
        assert_eq!((body.as_str(), counted), ("x", count.to_string()));
        if count % 2 == 0 {
            let back = ask(&mut world, "POST", &format!("{FETCH}/{lock}/abandon"), "", &[]);
            assert_eq!(back.status, 204);
        } else {
            world.pass(Duration::from_secs(60));
            assert_eq!(
                ask(&mut world, "DELETE", &format!("{FETCH}/{lock}"), "", &[]).status,
                412,
                "too late"
            );
        }
    }
    fetch(&mut world);
    assert_eq!(waiting(&mut world), 1);
    world.pass(Duration::from_secs(60));
    assert_eq!(waiting(&mut world), 0, "ten times are enough");
    let (_, letters) = world.rest("GET", "/$local/devices/dev1/deadLetters", json!(null));
    assert_eq!(letters[0]["outcome"], "DeliveryCountExceeded");
}

#[test]
fn a_rejected_command_is_never_seen_again() {
    let mut world = World::new();
    world.rest_with("POST", COMMANDS, "x", &[]);
    let (lock, ..) = fetch(&mut world);
    let reject = format!("{FETCH}/{lock}?api-version=2021-04-12&reject");
    assert_eq!(ask(&mut world, "DELETE", &reject, "", &[]).status, 204);
    assert_eq!(waiting(&mut world), 0);
    let (_, letters) = world.rest("GET", "/$local/devices/dev1/deadLetters", json!(null));
    assert_eq!(letters[0]["outcome"], "Rejected");
}

#[test]
fn what_is_fetched_is_not_sent_over_a_connection_and_what_comes_back_is() {
    let mut world = World::new();
    world.rest_with("POST", COMMANDS, "x", &[]);
    fetch(&mut world);
    let line = world.connect("dev1");
    world.subscribe(line, &[("devices/dev1/messages/devicebound/#", 1)]);
    assert!(world.published(line).is_empty());
    let (_, list) = world.rest("GET", COMMANDS, json!(null));
    assert_eq!((&list[0]["delivered"], &list[0]["body"]), (&json!(true), &json!("x")));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.published(line).len(), 1, "the lock has ended");
}

#[test]
fn a_device_sends_telemetry_as_it_does_over_mqtt() {
    let mut world = World::new();
    let headers =
        [("iothub-messageid", "m1"), ("iothub-app-level", "hot"), ("content-type", "application/json")];
    let path = "/devices/dev1/messages/events";
    assert_eq!(ask(&mut world, "POST", path, "{\"t\":21}", &headers).status, 204);
    let event = serde_json::to_value(world.events.last().unwrap()).unwrap();
    assert_eq!((&event["body"], &event["properties"]), (&json!({"t": 21}), &json!({"level": "hot"})));
    let system = &event["systemProperties"];
    assert_eq!(
        (&system["message-id"], &system["iothub-connection-device-id"]),
        (&json!("m1"), &json!("dev1"))
    );
    let long = "x".repeat(256 * 1024 + 1);
    assert_eq!(ask(&mut world, "POST", path, &long, &[]).status, 413);
}

#[test]
fn only_the_device_itself_or_who_may_act_as_any_fetches_and_sends() {
    let mut world = World::new();
    world.create_device("dev2");
    let other = world.token("dev2", 60);
    let service = world.policy_token("service");
    let devices = world.policy_token("device");
    for (token, status) in [(&*other, 401), (&service, 401), (&devices, 204), ("", 401), ("nonsense", 401)] {
        for (method, path) in [("GET", FETCH), ("POST", "/devices/dev1/messages/events")] {
            let response = world.rest_with(method, path, "", &[("authorization", token)]);
            assert_eq!(response.status, status, "{method} {token}");
        }
    }
    world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": "disabled"}), Some("*"));
    assert_eq!(ask(&mut world, "GET", FETCH, "", &[]).status, 401);
}
