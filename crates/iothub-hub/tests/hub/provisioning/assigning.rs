use iothub_hub::{Done, Input};
use serde_json::{Value, json};

use super::{KEY, OTHER_KEY, POLL, REGISTER, ask, enroll, ready, register, world};
use crate::world::{Line, World};

const TWIN: &str = r#"{"tags": {"plant": 1}, "properties": {"desired": {"rate": 5}}}"#;

/// A service with its own hub and another, whose messages this carries.
struct Pair {
    service: World,
    other: World,
}

impl Pair {
    fn new() -> Self {
        Self { service: world(), other: World::new() }
    }

    /// Carries everything that the hubs want of each other; how much that was.
    fn carry(&mut self) -> usize {
        let mut count = 0;
        loop {
            let delegated = core::mem::take(&mut self.service.delegated);
            if delegated.is_empty() {
                return count;
            }
            for (hub, errand) in delegated {
                assert_eq!(hub, "hub2.test");
                // As good as once, whatever happens in between.
                self.other.put(Input::Errand { errand: errand.clone() });
                self.other.put(Input::Errand { errand });
                count += 1;
            }
            for report in core::mem::take(&mut self.other.reports) {
                self.service.put(Input::Report { report });
            }
        }
    }

    fn register(&mut self, line: Line) -> Value {
        let first = ask(&mut self.service, line, &format!("{REGISTER}1"), b"").json();
        let poll = format!("{POLL}2&operationId={}", first["operationId"].as_str().unwrap());
        self.carry();
        ask(&mut self.service, line, &poll, b"").json()
    }
}

fn enroll_again(world: &mut World, more: Value) {
    let mut body = json!({"registrationId": "reg-1", "attestation": {"type": "symmetricKey"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, body) = world.rest_if("PUT", "/enrollments/reg-1", body, Some("*"));
    assert_eq!(status, 200, "{body}");
}

fn twin(world: &mut World) -> Value {
    let (status, mut twin) = world.rest("GET", "/twins/reg-1", Value::Null);
    if status == 404 {
        return Value::Null;
    }
    for section in ["desired", "reported"] {
        let section = twin["properties"][section].as_object_mut().unwrap();
        section.retain(|name, _| !name.starts_with('$'));
    }
    json!({"tags": twin["tags"], "desired": twin["properties"]["desired"], "reported": twin["properties"]["reported"]})
}

fn initial() -> Value {
    serde_json::from_str(TWIN).unwrap()
}

#[test]
fn a_device_of_another_hub_is_made_there() {
    let mut pair = Pair::new();
    enroll(
        &mut pair.service,
        "reg-1",
        json!({"iotHubs": ["hub2.test"], "allocationPolicy": "static", "initialTwin": initial()}),
    );
    let line = ready(&mut pair.service, "reg-1", KEY);
    let first = ask(&mut pair.service, line, &format!("{REGISTER}1"), b"").json();
    let poll = format!("{POLL}2&operationId={}", first["operationId"].as_str().unwrap());
    let waiting = ask(&mut pair.service, line, &poll, b"");
    assert_eq!(waiting.topic, "$dps/registrations/res/202/?$rid=2&retry-after=1");
    // Whoever registers meanwhile is told of the same.
    let again = ask(&mut pair.service, line, &format!("{REGISTER}3"), b"").json();
    assert_eq!(again["operationId"], first["operationId"]);
    assert_eq!(pair.carry(), 1);
    let done = ask(&mut pair.service, line, &poll, b"").json();
    assert_eq!(done["registrationState"]["assignedHub"], "hub2.test");
    assert_eq!(pair.other.hub.device_key("reg-1"), Some(KEY));
    assert_eq!(twin(&mut pair.other)["desired"], json!({"rate": 5}));
    assert_eq!(pair.service.hub.device_key("reg-1"), None);
}

#[test]
fn a_hub_that_does_nothing_makes_it_fail_and_it_can_be_tried_again() {
    let mut pair = Pair::new();
    enroll(&mut pair.service, "reg-1", json!({"iotHubHostName": "hub2.test"}));
    let line = ready(&mut pair.service, "reg-1", KEY);
    let first = ask(&mut pair.service, line, &format!("{REGISTER}1"), b"").json();
    let (_, errand) = pair.service.delegated.pop().unwrap();
    let stale = errand.clone().failed("late");
    pair.service.put(Input::Report { report: errand.failed("the hub is on fire") });
    let poll = format!("{POLL}2&operationId={}", first["operationId"].as_str().unwrap());
    let failed = ask(&mut pair.service, line, &poll, b"").json();
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["registrationState"]["errorMessage"], "the hub is on fire");
    // What comes late is about something else.
    let second = ask(&mut pair.service, line, &format!("{REGISTER}3"), b"").json();
    pair.service.put(Input::Report { report: stale });
    let poll = format!("{POLL}4&operationId={}", second["operationId"].as_str().unwrap());
    assert_eq!(ask(&mut pair.service, line, &poll, b"").json()["status"], "assigning");
    pair.carry();
    assert_eq!(ask(&mut pair.service, line, &poll, b"").json()["status"], "assigned");
}

#[test]
fn a_move_that_fails_is_made_up_for_by_the_next_attempt() {
    for failing in 0..3 {
        let mut pair = Pair::new();
        enroll(&mut pair.service, "reg-1", json!({"iotHubHostName": "hub2.test", "initialTwin": initial()}));
        let line = ready(&mut pair.service, "reg-1", KEY);
        pair.register(line);
        pair.other.rest("PATCH", "/twins/reg-1", json!({"tags": {"plant": 2}}));
        enroll_again(&mut pair.service, json!({"iotHubHostName": "hub1.test", "initialTwin": initial()}));
        let first = ask(&mut pair.service, line, &format!("{REGISTER}1"), b"").json();
        // It is read at hub 2, made at hub 1, which this one does by itself, and deleted at hub 2.
        for _ in 0..failing {
            let Some((_, errand)) = pair.service.delegated.pop() else { break };
            pair.other.put(Input::Errand { errand });
            pair.service.put(Input::Report { report: pair.other.reports.pop().unwrap() });
        }
        let failed = pair.service.delegated.pop();
        if let Some((_, errand)) = failed {
            pair.service.put(Input::Report { report: errand.failed("the disk is full") });
            let poll = format!("{POLL}2&operationId={}", first["operationId"].as_str().unwrap());
            assert_eq!(ask(&mut pair.service, line, &poll, b"").json()["status"], "failed");
        }
        let state = pair.register(line)["registrationState"].clone();
        assert_eq!((&state["status"], &state["assignedHub"]), (&json!("assigned"), &json!("hub1.test")));
        assert_eq!(twin(&mut pair.service)["tags"], json!({"plant": 2}), "with its twin, failing {failing}");
        if failing == 0 {
            assert_eq!(twin(&mut pair.other), Value::Null, "it is not left behind");
        }
    }
}

/// Where a device is and with what, after it has registered at hub 1, reported, and registered again.
fn registered_again(policy: Value, hub: &str) -> (Value, Value, Value) {
    let mut pair = Pair::new();
    let policy = json!({"reprovisionPolicy": policy, "initialTwin": initial()});
    let mut first = policy.clone();
    first["iotHubHostName"] = json!("hub1.test");
    enroll(&mut pair.service, "reg-1", first);
    let line = ready(&mut pair.service, "reg-1", KEY);
    assert_eq!(pair.register(line)["registrationState"]["substatus"], "initialAssignment");
    let device = pair.service.connect("reg-1");
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    pair.service.publish(device, topic, br#"{"seen": true}"#, None);
    pair.service.rest("PATCH", "/twins/reg-1", json!({"tags": {"plant": 2}}));
    let mut second = policy;
    second["iotHubHostName"] = json!(hub);
    enroll_again(&mut pair.service, second);
    let state = pair.register(line)["registrationState"].clone();
    assert_eq!(state["status"], "assigned");
    let told = json!([state["assignedHub"], state["substatus"]]);
    (told, twin(&mut pair.service), twin(&mut pair.other))
}

#[test]
fn who_registers_again_goes_where_the_policy_says_with_what_it_says() {
    let fresh = json!({"tags": {"plant": 1}, "desired": {"rate": 5}, "reported": {}});
    let grown = json!({"tags": {"plant": 2}, "desired": {"rate": 5}, "reported": {"seen": true}});
    let migrate = json!({"updateHubAssignment": true, "migrateDeviceData": true});
    let reset = json!({"updateHubAssignment": true, "migrateDeviceData": false});
    let never = json!({"updateHubAssignment": false, "migrateDeviceData": false});
    for (policy, hub, told, here, there) in [
        (
            &migrate,
            "hub1.test",
            json!(["hub1.test", "reprovisionedToInitialAssignment"]),
            &grown,
            &Value::Null,
        ),
        (&migrate, "hub2.test", json!(["hub2.test", "deviceDataMigrated"]), &Value::Null, &grown),
        (&Value::Null, "hub2.test", json!(["hub2.test", "deviceDataMigrated"]), &Value::Null, &grown),
        (&reset, "hub1.test", json!(["hub1.test", "deviceDataReset"]), &fresh, &Value::Null),
        (&reset, "hub2.test", json!(["hub2.test", "deviceDataReset"]), &Value::Null, &fresh),
        (&never, "hub2.test", json!(["hub1.test", "initialAssignment"]), &grown, &Value::Null),
    ] {
        let (was_told, is_here, is_there) = registered_again(policy.clone(), hub);
        assert_eq!(was_told, told, "{policy} {hub}");
        assert_eq!((&is_here, &is_there), (here, there), "{policy} {hub}");
    }
}

#[test]
fn a_device_that_registers_at_each_start_stays_connected_and_unchanged() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({"iotHubHostName": "hub1.test"}));
    let line = ready(&mut world, "reg-1", KEY);
    register(&mut world, line, b"");
    let etag = world.rest("GET", "/devices/reg-1", Value::Null).1["etag"].clone();
    let device = world.connect("reg-1");
    register(&mut world, line, b"");
    assert!(!world.is_closed(device));
    assert_eq!(world.rest("GET", "/devices/reg-1", Value::Null).1["etag"], etag);
    // With new keys in its enrollment it has new ones in its hub, and the old connection ends.
    let keys =
        json!({"primaryKey": OTHER_KEY, "secondaryKey": "ISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhISE="});
    let attestation = json!({"type": "symmetricKey", "symmetricKey": keys});
    enroll_again(&mut world, json!({"attestation": attestation, "iotHubHostName": "hub1.test"}));
    register(&mut world, line, b"");
    assert_eq!(world.hub.device_key("reg-1"), Some(OTHER_KEY));
    assert!(world.is_closed(device));
    // A device that was deleted is made again.
    world.rest("DELETE", "/devices/reg-1", Value::Null);
    register(&mut world, line, b"");
    assert_eq!(world.hub.device_key("reg-1"), Some(OTHER_KEY));
}

#[test]
fn an_errand_is_done_once_and_reported_each_time() {
    let mut pair = Pair::new();
    enroll(&mut pair.service, "reg-1", json!({"iotHubHostName": "hub2.test"}));
    let line = ready(&mut pair.service, "reg-1", KEY);
    ask(&mut pair.service, line, &format!("{REGISTER}1"), b"");
    let (_, errand) = pair.service.delegated.pop().unwrap();
    pair.other.put(Input::Errand { errand: errand.clone() });
    let changes = pair.other.changes.len();
    pair.other.put(Input::Errand { errand });
    assert_eq!(pair.other.changes.len(), changes);
    assert!(pair.other.reports.iter().all(|report| report.done == Done::Placed));
    assert_eq!(pair.other.reports.len(), 2);
}

#[test]
fn devices_are_spread_over_the_hubs_that_there_are() {
    let mut pair = Pair::new();
    for number in 0..20 {
        let id = format!("reg-{number}");
        enroll(&mut pair.service, &id, json!({}));
        let line = ready(&mut pair.service, &id, KEY);
        pair.register(line);
    }
    let count = |world: &mut World| {
        let (_, devices) = world.rest("GET", "/devices", Value::Null);
        let devices = devices.as_array().unwrap().iter();
        devices.filter(|device| device["deviceId"].as_str().unwrap().starts_with("reg-")).count()
    };
    let (here, there) = (count(&mut pair.service), count(&mut pair.other));
    assert_eq!(here + there, 20);
    assert!(here > 4 && there > 4, "{here} and {there}");
}
