use core::time::Duration;

use serde_json::json;

use crate::world::{Line, World};

const PATH: &str = "/$local/devices/dev1/commands";

fn listen(world: &mut World, line: Line, qos: u8) {
    world.subscribe(line, &[("devices/dev1/messages/devicebound/#", qos)]);
}

fn send(world: &mut World, payload: &str) {
    let response = world.rest_with("POST", PATH, payload, &[]);
    assert_eq!(response.status, 202, "{}", String::from_utf8_lossy(&response.body));
}

fn waiting(world: &mut World) -> u64 {
    world.rest("GET", "/devices/dev1", json!(null)).1["cloudToDeviceMessageCount"].as_u64().unwrap()
}

#[test]
fn a_command_waits_for_its_device_and_goes_when_it_is_acknowledged() {
    let mut world = World::new();
    let headers = [
        ("iothub-messageid", "c1"),
        ("content-type", "text/plain"),
        ("iothub-app-color", "dark red"),
        ("iothub-expiry", "2030-01-01T00:10:00Z"),
    ];
    assert_eq!(world.rest_with("POST", PATH, "hi", &headers).status, 202);
    assert_eq!(waiting(&mut world), 1);
    let line = world.connect("dev1");
    assert!(world.published(line).is_empty(), "not without a subscription");
    listen(&mut world, line, 1);
    let [message] = &world.published(line)[..] else { panic!() };
    assert_eq!(
        message.topic,
        "devices/dev1/messages/devicebound/%24.mid=c1&%24.ct=text%2Fplain\
         &%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&%24.exp=2030-01-01T00%3A10%3A00.0000000Z&color=dark%20red"
    );
    assert_eq!((message.payload.as_str(), message.duplicate), ("hi", false));
    world.acknowledge(line, message.ack.unwrap());
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn a_device_may_acknowledge_once_more() {
    let mut world = World::new();
    let line = world.connect("dev1");
    listen(&mut world, line, 1);
    send(&mut world, "one");
    let ack = world.published(line)[0].ack.unwrap();
    world.acknowledge(line, ack);
    world.acknowledge(line, ack);
    assert!(!world.is_closed(line));
    assert_eq!(world.notices.last().unwrap().what, "acknowledgement ignored");
    send(&mut world, "two");
    assert_eq!(world.published(line)[0].payload, "two");
}

#[test]
fn a_command_that_a_dialect_cannot_say_is_refused_and_keeps_none_up() {
    let mut world = World::new();
    // Each of them is three bytes in the topic.
    let slashes = "/".repeat(30_000);
    assert_eq!(world.rest_with("POST", PATH, "", &[("iothub-app-x", &slashes)]).status, 413);
    // No text of MQTT 5 has a NUL.
    assert_eq!(world.rest_with("POST", PATH, "", &[("iothub-app-x", "a\0b")]).status, 400);
    world.create_device("a#b");
    assert_eq!(world.rest_with("POST", "/$local/devices/a%23b/commands", "", &[]).status, 400);
    send(&mut world, "the next");
    let line = world.connect("dev1");
    listen(&mut world, line, 1);
    let [message] = &world.published(line)[..] else { panic!() };
    assert_eq!(message.payload, "the next");
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let mut world = World::new();
    let line = world.connect("dev1");
    listen(&mut world, line, 1);
    send(&mut world, "one");
    send(&mut world, "two");
    let first = world.published(line);
    world.acknowledge(line, first[1].ack.unwrap());
    world.cut(line);
    let line = world.connect("dev1");
    let [again] = &world.published(line)[..] else { panic!("a restored session needs no SUBSCRIBE") };
    assert_eq!((again.payload.as_str(), again.duplicate, again.ack), ("one", true, first[0].ack));
    world.acknowledge(line, again.ack.unwrap());
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn at_qos_0_a_command_is_sent_once() {
    let mut world = World::new();
    let line = world.connect("dev1");
    listen(&mut world, line, 0);
    send(&mut world, "one");
    assert_eq!(world.published(line)[0].ack, None);
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn a_device_is_sent_no_more_at_a_time_than_its_window_and_the_rest_in_order() {
    let mut world = World::new();
    let line = world.connect("dev1");
    listen(&mut world, line, 1);
    for n in 0..40 {
        send(&mut world, &n.to_string());
    }
    let mut got = Vec::new();
    loop {
        let messages = world.published(line);
        if messages.is_empty() {
            break;
        }
        assert!(messages.len() <= 16);
        for message in messages {
            world.acknowledge(line, message.ack.unwrap());
            got.push(message.payload.parse::<i32>().unwrap());
        }
    }
    assert_eq!(got, (0..40).collect::<Vec<_>>());
}

#[test]
fn a_queue_has_an_end() {
    let mut world = World::new();
    for _ in 0..50 {
        send(&mut world, "x");
    }
    let (status, body) = world.rest("POST", PATH, json!("x"));
    assert_eq!(status, 403);
    assert!(body["Message"].as_str().unwrap().starts_with("ErrorCode:DeviceMaximumQueueDepthExceeded;"));
    let (status, body) = world.rest("DELETE", "/devices/dev1/commands", json!(null));
    assert_eq!(
        (status, body),
        (200, json!({"totalMessagesPurged": 50, "deviceId": "dev1", "moduleId": null}))
    );
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn commands_expire() {
    let mut world = World::new();
    let soon = [("iothub-expiry", "2030-01-01T00:01:00Z")];
    assert_eq!(world.rest_with("POST", PATH, "soon", &soon).status, 202);
    send(&mut world, "later");
    world.pass(Duration::from_secs(59));
    assert_eq!(waiting(&mut world), 2);
    world.pass(Duration::from_secs(1));
    assert_eq!(waiting(&mut world), 1);
    world.pass(Duration::from_secs(3600));
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn a_command_on_its_way_expires_only_when_its_connection_ends() {
    let mut world = World::new();
    let line = world.connect("dev1");
    listen(&mut world, line, 1);
    let soon = [("iothub-expiry", "2030-01-01T00:01:00Z")];
    world.rest_with("POST", PATH, "soon", &soon);
    world.pass(Duration::from_secs(120));
    assert_eq!(waiting(&mut world), 1);
    world.cut(line);
    world.pass(Duration::from_millis(1));
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn commands_that_cannot_be_are_refused() {
    let mut world = World::new();
    let large = "x".repeat(64 * 1024);
    for (path, body, headers, status) in [
        ("/$local/devices/none/commands", "x", [("iothub-userid", "u")], 404),
        (PATH, large.as_str(), [("iothub-userid", "u")], 413),
        (PATH, "x", [("iothub-expiry", "2029-12-31T23:59:59Z")], 403),
        (PATH, "x", [("iothub-expiry", "tomorrow")], 400),
    ] {
        assert_eq!(world.rest_with("POST", path, body, &headers).status, status, "{path} {headers:?}");
    }
    world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": "disabled"}), Some("*"));
    assert_eq!(world.rest_with("POST", PATH, "x", &[]).status, 403);
}
