//! What back ends may ask of the event log, and how far they have read it.

use core::time::Duration;
use std::collections::BTreeMap;

use iothub_hub::{Change, Input, Reading, Start};
use iothub_proto::Timestamp;
use serde_json::json;

use crate::world::{BEGIN, World};

#[test]
fn a_request_says_what_is_read_and_from_where() {
    let stream = |partition, device: Option<&str>, from| Reading::Stream {
        partition,
        device: device.map(Into::into),
        from,
    };
    let batch = |partition, from, events, wait| Reading::Batch {
        partition,
        from,
        events,
        wait: Duration::from_secs(wait),
    };
    let numbers = |numbers: &[(u8, u64)]| Start::Sequences(numbers.iter().copied().collect());
    let time = || Start::Enqueued(Timestamp::from_secs(1_893_456_000));
    for (path, reading) in [
        ("events", stream(None, None, Start::Latest)),
        ("EVENTS?api-version=x&device=pump-7", stream(None, Some("pump-7"), Start::Latest)),
        ("events?partition=3&from=17", stream(Some(3), None, numbers(&[(3, 17)]))),
        ("events?from=0:17,3:4", stream(None, None, numbers(&[(0, 17), (3, 4)]))),
        ("events?from=0%3A17", stream(None, None, numbers(&[(0, 17)]))),
        ("events?from=earliest", stream(None, None, Start::Earliest)),
        ("events?from=2030-01-01T00:00:00Z", stream(None, None, time())),
        ("events?from=checkpoint", stream(None, None, numbers(&[(1, 5), (2, 6)]))),
        ("events?from=checkpoint&partition=2&group=$Default", stream(Some(2), None, numbers(&[(2, 6)]))),
        ("events?from=checkpoint&group=other", stream(None, None, numbers(&[]))),
        ("events/partitions", Reading::Partitions),
        ("events/partitions/0", batch(0, Start::Earliest, 100, 0)),
        (
            "events/partitions/3?from=18446744073709551615&max=1000&wait=60",
            batch(3, numbers(&[(3, u64::MAX)]), 1000, 60),
        ),
        ("events/partitions/1?from=2030-01-01T02:00:00%2B02:00&max=1", batch(1, time(), 1, 0)),
        ("events/partitions/1?from=latest", batch(1, Start::Latest, 100, 0)),
        ("events/consumerGroups/other/checkpoints", Reading::Checkpoints(BTreeMap::new())),
    ] {
        let mut world = World::new();
        world.rest("PUT", "/$local/events/consumerGroups/other", json!(null));
        for (partition, next) in [(1, 5), (2, 6)] {
            let path = format!("/$local/events/consumerGroups/$Default/checkpoints/{partition}");
            assert_eq!(world.rest("PUT", &path, json!({"next": next})).0, 204);
        }
        let response = world.rest_with("GET", &format!("/$local/{path}"), "", &[]);
        assert_eq!(response.status, 200, "{path}: {}", String::from_utf8_lossy(&response.body));
        assert_eq!(world.readings, [reading], "{path}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let long = "9".repeat(100_000);
    let pairs = "0:1,".repeat(10_000);
    for (method, path, status, reason) in [
        ("GET", "events?form=earliest", 400, "no parameter form"),
        ("GET", "events?max=3", 400, "no parameter max"),
        ("GET", "events?from=17", 400, "of which partition"),
        ("GET", "events?from=yesterday", 400, "none of earliest, latest"),
        ("GET", "events?from=", 400, "from"),
        ("GET", "events?from=,", 400, "from"),
        ("GET", "events?from=0:", 400, "none of earliest"),
        ("GET", "events?from=:1", 404, "no partition"),
        ("GET", "events?from=4:1", 404, "numbered from 0 to 3"),
        ("GET", "events?from=0:1,0:2", 400, "twice"),
        ("GET", "events?from=0:1&partition=1", 400, "not read"),
        ("GET", "events?from=-1&partition=0", 400, "none of earliest"),
        ("GET", "events?from=18446744073709551616&partition=0", 400, "none of earliest"),
        ("GET", &format!("events?partition=0&from={long}"), 400, "none of earliest"),
        ("GET", &format!("events?from={pairs}"), 400, "twice"),
        ("GET", "events?partition=4", 404, "numbered from 0 to 3"),
        ("GET", "events?partition=256", 404, "numbered from 0 to 3"),
        ("GET", "events?device=a/b", 400, "device"),
        ("GET", "events?from=checkpoint&group=none", 404, "no consumer group none"),
        ("GET", "events/partitions/4", 404, "numbered from 0 to 3"),
        ("GET", "events/partitions/x", 404, "no partition x"),
        ("GET", "events/partitions/0?max=0", 400, "1 to 1000"),
        ("GET", "events/partitions/0?max=1001", 400, "1 to 1000"),
        ("GET", "events/partitions/0?wait=61", 400, "0 to 60"),
        ("GET", "events/partitions/0?wait=-1", 400, "0 to 60"),
        ("GET", "events/partitions/0?from=1:2", 400, "not read"),
        ("GET", "events/partitions/0/x", 404, "nothing is served"),
        ("POST", "events", 405, "POST"),
        ("GET", "events/consumerGroups/none", 404, "no consumer group none"),
        ("GET", "events/consumerGroups/none/checkpoints", 404, "PUT it to create it"),
        ("PUT", "events/consumerGroups/none/checkpoints/0", 404, "no consumer group"),
        ("PUT", "events/consumerGroups/$Default/checkpoints/4", 404, "no partition"),
        ("PUT", "events/consumerGroups/$Default/checkpoints/0", 400, "next"),
        ("DELETE", "events/consumerGroups/$Default", 400, "cannot be deleted"),
        ("DELETE", "events/consumerGroups/none", 404, "no consumer group"),
        ("PUT", "events/consumerGroups/-a", 400, "begins with a letter"),
        ("PUT", "events/consumerGroups/a%20b", 400, "letters, digits"),
        ("PUT", "events/consumerGroups/$other", 400, "letters, digits"),
        ("PUT", &format!("events/consumerGroups/{}", "a".repeat(51)), 400, "1 to 50"),
    ] {
        let mut world = World::new();
        let response = world.rest_with(method, &format!("/$local/{path}"), "{}", &[]);
        let body = String::from_utf8_lossy(&response.body);
        assert_eq!(response.status, status, "{method} {path:.60}: {body}");
        assert!(body.contains(reason), "{method} {path:.60}: {body}");
        assert!(body.len() < 1000, "{method} {path:.60}: {body}");
        assert!(world.readings.is_empty(), "{method} {path:.60}");
    }
}

#[test]
fn reading_takes_the_right_of_back_ends() {
    let mut world = World::new();
    for path in
        ["events", "events/partitions", "events/consumerGroups", "events/consumerGroups/$Default/checkpoints"]
    {
        for (policy, status) in
            [("service", 200), ("iothubowner", 200), ("registryRead", 401), ("device", 401)]
        {
            let token = world.policy_token(policy);
            let path = format!("/$local/{path}");
            let response = world.rest_with("GET", &path, "", &[("authorization", &token)]);
            assert_eq!(response.status, status, "{path} by {policy}");
        }
    }
}

#[test]
fn a_hub_has_as_many_groups_as_it_may_and_no_more() {
    let mut world = World::new();
    for number in 1..20 {
        let path = format!("/$local/events/consumerGroups/group-{number}");
        assert_eq!(world.rest("PUT", &path, json!(null)).0, 201);
        assert_eq!(world.rest("PUT", &path, json!(null)).0, 200, "it is there");
    }
    let (status, body) = world.rest("PUT", "/$local/events/consumerGroups/one-more", json!(null));
    assert_eq!(status, 400);
    assert!(body["Message"].as_str().unwrap().contains("at most 20 consumer groups"), "{body}");
    assert_eq!(world.rest("DELETE", "/$local/events/consumerGroups/group-3", json!(null)).0, 204);
    assert_eq!(world.rest("PUT", "/$local/events/consumerGroups/one-more", json!(null)).0, 201);
    let (_, groups) = world.rest("GET", "/$local/events/consumerGroups", json!(null));
    assert_eq!(groups.as_array().unwrap().len(), 20);
    assert_eq!(groups[0], json!({"name": "$Default"}));
}

#[test]
fn checkpoints_are_there_again_after_a_restart_also_from_a_record_that_was_stated_anew() {
    for restated in [false, true] {
        let mut world = World::new();
        for group in ["kept", "gone"] {
            world.rest("PUT", &format!("/$local/events/consumerGroups/{group}"), json!(null));
        }
        for (group, partition, next) in
            [("kept", 0, 7), ("kept", 0, 8), ("kept", 3, 1), ("gone", 0, 9), ("$Default", 2, 4)]
        {
            let path = format!("/$local/events/consumerGroups/{group}/checkpoints/{partition}");
            assert_eq!(world.rest("PUT", &path, json!({"next": next})).0, 204);
        }
        world.rest("DELETE", "/$local/events/consumerGroups/kept/checkpoints/3", json!(null));
        world.rest("DELETE", "/$local/events/consumerGroups/gone", json!(null));
        if restated {
            world.changes.clear();
            world.put(Input::Restate { identities: 100 });
        }
        let mut restored = World::empty();
        for change in &world.changes {
            let text = serde_json::to_string(change).unwrap();
            restored.hub.apply(&serde_json::from_str::<Change>(&text).unwrap()).unwrap();
        }
        restored.put(Input::Start);
        assert_eq!(restored.rest("GET", "/$local/events/consumerGroups/gone", json!(null)).0, 404);
        for (group, partition, next) in [("kept", 0, 8), ("$Default", 2, 4)] {
            let path = format!("/$local/events/consumerGroups/{group}/checkpoints");
            assert_eq!(restored.rest("GET", &path, json!(null)).0, 200);
            let Some(Reading::Checkpoints(checkpoints)) = restored.readings.pop() else {
                panic!("not checkpoints");
            };
            let kept: Vec<_> = checkpoints.iter().map(|(at, each)| (*at, each.next, each.at_ms)).collect();
            assert_eq!(kept, [(partition, next, BEGIN.as_millis())], "{group}, stated anew: {restated}");
        }
    }
}
