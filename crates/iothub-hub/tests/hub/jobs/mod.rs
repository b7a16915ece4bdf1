//! Jobs, from their taking in to when they are forgotten.

mod killed;
mod methods;
mod refused;
mod told;
mod twins;

use core::time::Duration;

use serde_json::{Value, json};

use crate::world::{Line, Message, World};

const METHODS: (&str, u8) = ("$iothub/methods/POST/#", 0);
const SECOND: Duration = Duration::from_secs(1);

/// Beside `dev1`, pumps from 0 on, of which the even ones are of plant p0.
fn fleet(world: &mut World, count: u32) {
    for n in 0..count {
        let id = format!("pump-{n:04}");
        world.create_device(&id);
        world.rest("PATCH", &format!("/twins/{id}"), json!({"tags": {"plant": format!("p{}", n % 2)}}));
    }
}

fn update(condition: &str) -> Value {
    let twin = json!({"etag": "*", "properties": {"desired": {"rate": 7}}});
    json!({"type": "scheduleUpdateTwin", "updateTwin": twin, "queryCondition": condition})
}

fn reboot(condition: &str) -> Value {
    let method = json!({"methodName": "reboot", "payload": {"now": true}, "responseTimeoutInSeconds": 30});
    json!({"type": "scheduleDeviceMethod", "cloudToDeviceMethod": method, "queryCondition": condition})
}

fn put(world: &mut World, id: &str, mut job: Value) -> Value {
    job["jobId"] = json!(id);
    let (status, body) = world.rest("PUT", &format!("/jobs/v2/{id}"), job);
    assert_eq!(status, 200, "{body}");
    body
}

fn get(world: &mut World, id: &str) -> Value {
    let (status, body) = world.rest("GET", &format!("/jobs/v2/{id}"), json!(null));
    assert_eq!(status, 200, "{body}");
    body
}

/// Status, and devices: all, succeeded, failed, running, pending.
fn counts(world: &mut World, id: &str) -> (String, [u64; 5]) {
    let job = get(world, id);
    let count = |name: &str| job["deviceJobStatistics"][name].as_u64().unwrap();
    let counts = ["deviceCount", "succeededCount", "failedCount", "runningCount", "pendingCount"].map(count);
    assert_eq!(counts[0], counts[1..].iter().sum::<u64>(), "{job}");
    (job["status"].as_str().unwrap().to_owned(), counts)
}

/// What the job did with each device.
fn rows(world: &mut World, condition: &str) -> Vec<Value> {
    let query = format!("SELECT * FROM devices.jobs WHERE {condition}");
    let (status, body) = world.rest("POST", "/devices/query", json!({"query": query}));
    assert_eq!(status, 200, "{body}");
    body.as_array().unwrap().clone()
}

fn listen(world: &mut World, device: &str) -> Line {
    let line = world.connect(device);
    world.subscribe(line, &[METHODS]);
    line
}

/// Answers a call that reached the device.
fn answer(world: &mut World, line: Line, call: &Message, status: i32, payload: &[u8]) {
    let (_, request) = call.topic.split_once("?$rid=").expect("the id is the only parameter");
    world.publish(line, &format!("$iothub/methods/res/{status}/?$rid={request}"), payload, None);
}
