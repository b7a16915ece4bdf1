use core::time::Duration;

use iothub_hub::{ExchangeId, Input};
use serde_json::{Value, json};

use crate::world::{Line, Message, World};

const METHODS: (&str, u8) = ("$iothub/methods/POST/#", 0);

fn listening(world: &mut World) -> Line {
    let line = world.connect("dev1");
    world.subscribe(line, &[METHODS]);
    line
}

fn call(world: &mut World, body: &str) -> ExchangeId {
    world.ask("POST", "/twins/dev1/methods", body, &[])
}

/// Answers a call that reached the device.
fn answer(world: &mut World, line: Line, call: &Message, status: i32, payload: &[u8]) {
    let (_, request) = call.topic.split_once("?$rid=").expect("the id is the only parameter");
    let topic = format!("$iothub/methods/res/{status}/?$rid={request}");
    world.publish(line, &topic, payload, Some(5));
}

fn outcome(world: &mut World, exchange: ExchangeId) -> (u16, Value, Option<String>) {
    let response = world.response(exchange).expect("an outcome by now");
    let code = response.headers.iter().find(|(name, _)| *name == "iothub-errorcode");
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    // Errors about methods are JSON within JSON.
    let inner = body["Message"].as_str().map(|text| serde_json::from_str(text).unwrap());
    (response.status, inner.unwrap_or(body), code.map(|(_, value)| value.clone()))
}

#[test]
fn a_call_travels_to_the_device_and_its_answer_back() {
    let mut world = World::new();
    let line = listening(&mut world);
    for (payload, arrives) in
        [(r#","payload":{"z": 1, "a": [ ]}"#, r#"{"z":1,"a":[]}"#), (r#","payload":null"#, "null"), ("", "")]
    {
        let exchange = call(&mut world, &format!(r#"{{"methodName":"reboot"{payload}}}"#));
        let [message] = &world.published(line)[..] else { panic!() };
        assert!(message.topic.starts_with("$iothub/methods/POST/reboot/?$rid="), "{}", message.topic);
        assert_eq!((message.payload.as_str(), message.ack), (arrives, None));
        assert!(world.response(exchange).is_none(), "not before the answer");
        answer(&mut world, line, message, 201, br#"{"ok": true}"#);
        assert_eq!(world.acknowledged(line), [5], "clients wait for it even here");
        let response = world.response(exchange).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.body, br#"{"status":201,"payload":{"ok":true}}"#);
    }
}

#[test]
fn the_devices_own_failure_is_a_success_of_the_call() {
    let mut world = World::new();
    let line = listening(&mut world);
    for (status, payload, body) in [
        (500, &b""[..], json!({"status": 500, "payload": null})),
        (-7, b"\"why\"", json!({"status": -7, "payload": "why"})),
    ] {
        let exchange = call(&mut world, r#"{"methodName":"reboot"}"#);
        let message = world.published(line).remove(0);
        answer(&mut world, line, &message, status, payload);
        assert_eq!(outcome(&mut world, exchange), (200, body, None));
    }
}

#[test]
fn what_goes_wrong_has_its_number() {
    let mut world = World::new();
    let offline = call(&mut world, r#"{"methodName":"reboot"}"#);
    let (status, body, code) = outcome(&mut world, offline);
    assert_eq!(
        (status, &body["errorCode"], code.as_deref()),
        (404, &json!(404_103), Some("DeviceNotOnline"))
    );

    let line = world.connect("dev1");
    let deaf = call(&mut world, r#"{"methodName":"reboot"}"#);
    assert_eq!(outcome(&mut world, deaf).1["errorCode"], 404_103, "connected, and without the subscription");

    world.subscribe(line, &[METHODS]);
    let slow = call(&mut world, r#"{"methodName":"reboot","responseTimeoutInSeconds":5}"#);
    world.pass(Duration::from_millis(4_999));
    assert!(world.response(slow).is_none());
    world.pass(Duration::from_millis(1));
    let (status, body, code) = outcome(&mut world, slow);
    assert_eq!((status, &body["errorCode"], code.as_deref()), (504, &json!(504_101), Some("GatewayTimeout")));
    let late = world.published(line).remove(0);
    answer(&mut world, line, &late, 200, b"{}");
    assert_eq!(world.acknowledged(line), [5]);
    assert!(!world.is_closed(line), "a late answer is nothing");

    let garbled = call(&mut world, r#"{"methodName":"reboot"}"#);
    let message = world.published(line).remove(0);
    answer(&mut world, line, &message, 200, b"{");
    assert_eq!(outcome(&mut world, garbled).0, 502);

    for (len, status) in [(128 * 1024, 200), (128 * 1024 + 1, 502)] {
        let long = call(&mut world, r#"{"methodName":"reboot"}"#);
        let message = world.published(line).remove(0);
        answer(&mut world, line, &message, 200, format!(r#""{}""#, "x".repeat(len - 2)).as_bytes());
        assert_eq!(outcome(&mut world, long).0, status, "an answer of {len} bytes");
    }

    let lost = call(&mut world, r#"{"methodName":"reboot"}"#);
    world.cut(line);
    assert_eq!(outcome(&mut world, lost).1["errorCode"], 404_103);
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let mut world = World::new();
    let line = listening(&mut world);
    let large = format!(r#"{{"methodName":"m","payload":"{}"}}"#, "x".repeat(128 * 1024));
    for (path, body, status, code) in [
        ("/twins/none/methods", r#"{"methodName":"m"}"#, 404, "DeviceNotFound"),
        ("/twins/dev1/modules/none/methods", r#"{"methodName":"m"}"#, 404, "ModuleNotFound"),
        ("/twins/dev1/methods", "{", 400, "IotHubFormatError"),
        ("/twins/dev1/methods", "{}", 400, "IotHubFormatError"),
        ("/twins/dev1/methods", " [\"m\"]", 400, "IotHubFormatError"),
        ("/twins/dev1/methods", r#"{"methodName":"a/b"}"#, 400, "ArgumentInvalid"),
        ("/twins/dev1/methods", r#"{"methodName":""}"#, 400, "ArgumentInvalid"),
        ("/twins/dev1/methods", r#"{"methodName":"a#"}"#, 400, "ArgumentInvalid"),
        ("/twins/dev1/methods", &large, 413, "MessageTooLarge"),
    ] {
        let response = world.rest_with("POST", path, body, &[]);
        let header = response.headers.iter().find(|(name, _)| *name == "iothub-errorcode").unwrap();
        assert_eq!((response.status, header.1.as_str()), (status, code), "{path} {body:.40}");
    }
    assert!(world.published(line).is_empty());
    world.cut(line);
    let body = r#"{"methodName":"a/b","connectTimeoutInSeconds":10}"#;
    assert_eq!(
        world.rest_with("POST", "/twins/dev1/methods", body, &[]).status,
        400,
        "also of who is offline"
    );
}

#[test]
fn a_caller_may_wait_for_the_device_to_connect() {
    let mut world = World::new();
    let body = r#"{"methodName":"reboot","connectTimeoutInSeconds":10}"#;
    let in_time = call(&mut world, body);
    world.pass(Duration::from_secs(9));
    let line = listening(&mut world);
    let message = world.published(line).remove(0);
    world.pass(Duration::from_secs(9));
    answer(&mut world, line, &message, 200, b"");
    assert_eq!(outcome(&mut world, in_time).0, 200);
    world.cut(line);

    let too_late = call(&mut world, body);
    world.pass(Duration::from_secs(10));
    assert_eq!(outcome(&mut world, too_late).1["errorCode"], 404_103);

    let abandoned = call(&mut world, body);
    world.put(Input::Abandoned { exchange: abandoned });
    let line = world.connect("dev1");
    assert!(world.published(line).is_empty(), "nobody waits for it");
}

#[test]
fn who_waits_for_a_device_does_not_wait_for_another_of_its_name() {
    let mut world = World::new();
    let waiting = call(&mut world, r#"{"methodName":"reboot","connectTimeoutInSeconds":10}"#);
    world.rest("DELETE", "/devices/dev1", json!(null));
    let response = world.response(waiting).expect("it is told at once");
    assert_eq!(response.status, 404);
    assert!(String::from_utf8_lossy(&response.body).contains("DeviceNotFound"));
    world.create_device("dev1");
    let line = listening(&mut world);
    assert!(world.published(line).is_empty());
}

#[test]
fn a_lasting_session_is_called_as_soon_as_it_is_back() {
    let mut world = World::new();
    let line = listening(&mut world);
    world.cut(line);
    call(&mut world, r#"{"methodName":"reboot","connectTimeoutInSeconds":10}"#);
    let line = world.connect("dev1");
    assert_eq!(world.published(line).len(), 1);
}

#[test]
fn a_device_answers_several_calls_in_any_order() {
    let mut world = World::new();
    let line = listening(&mut world);
    let exchanges: Vec<_> =
        (0..10).map(|n| call(&mut world, &format!(r#"{{"methodName":"m{n}"}}"#))).collect();
    let one_more = call(&mut world, r#"{"methodName":"m"}"#);
    let (status, body, _) = outcome(&mut world, one_more);
    assert_eq!((status, &body["errorCode"]), (403, &json!(403_800)));
    let messages = world.published(line);
    for (n, message) in messages.iter().enumerate().rev() {
        answer(&mut world, line, message, i32::try_from(n).unwrap(), b"");
    }
    for (n, exchange) in exchanges.into_iter().enumerate() {
        assert_eq!(outcome(&mut world, exchange).1["status"], n, "each has its own answer");
    }
}

#[test]
fn nobody_answers_anothers_call() {
    let mut world = World::new();
    world.create_device("dev2");
    let line = listening(&mut world);
    let other = world.connect("dev2");
    world.subscribe(other, &[METHODS]);
    let exchange = call(&mut world, r#"{"methodName":"reboot"}"#);
    let message = world.published(line).remove(0);
    answer(&mut world, other, &message, 200, b"\"stolen\"");
    assert!(world.response(exchange).is_none());
    answer(&mut world, line, &message, 200, b"\"own\"");
    assert_eq!(outcome(&mut world, exchange).1["payload"], "own");
}

#[test]
fn an_abandoned_call_frees_its_place() {
    let mut world = World::new();
    let line = listening(&mut world);
    for _ in 0..30 {
        let exchange = call(&mut world, r#"{"methodName":"reboot"}"#);
        assert_eq!(world.published(line).len(), 1);
        world.put(Input::Abandoned { exchange });
    }
    assert!(world.hub.poll_timeout().is_some(), "the token's end is still watched");
    world.pass(Duration::from_secs(60));
}

#[test]
fn a_hub_that_stops_tells_every_caller_and_takes_no_further_call() {
    let mut world = World::new();
    world.create_device("away");
    let line = world.connect("dev1");
    world.subscribe(line, &[("$iothub/methods/POST/#", 0)]);
    let call = json!({"methodName": "m", "connectTimeoutInSeconds": 30});
    let open = world.ask("POST", "/twins/dev1/methods", &call.to_string(), &[]);
    let waiting = world.ask("POST", "/twins/away/methods", &call.to_string(), &[]);
    assert!(world.response(open).is_none() && world.response(waiting).is_none());
    world.put(Input::Stop);
    let late = world.ask("POST", "/twins/dev1/methods", &call.to_string(), &[]);
    for exchange in [open, waiting, late] {
        assert_eq!(world.response(exchange).expect("nobody waits for ever").status, 503);
    }
    // What comes afterwards finds nothing.
    world.publish(line, "$iothub/methods/res/200/?$rid=1", b"{}", None);
    world.pass(Duration::from_secs(60));
    assert!([open, waiting, late].into_iter().all(|exchange| world.response(exchange).is_none()));
}
