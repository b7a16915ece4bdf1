//! What becomes of commands, as back ends are told.

use core::time::Duration;

use iothub_codec::{Channels, Dialect, Outcome, ToDevice};
use iothub_hub::Change;
use iothub_proto::AckToken;
use serde_json::{Value, json};

use crate::speaker::Speaker;
use crate::world::World;

const COMMANDS: &str = "/$local/devices/dev1/commands";
const FEEDBACK: &str = "/messages/serviceBound/feedback";

fn send(world: &mut World, id: &str, ack: &str, payload: &str) {
    let headers = [("iothub-messageid", id), ("iothub-ack", ack)];
    assert_eq!(world.rest_with("POST", COMMANDS, payload, &headers).status, 202);
}

/// What waits to be told: the message ids, and what became of them. It is completed with that.
fn told(world: &mut World) -> Vec<(String, String)> {
    let response = world.rest_with("GET", FEEDBACK, "", &[]);
    if response.status == 204 {
        return Vec::new();
    }
    let records: Value = serde_json::from_slice(&response.body).unwrap();
    let lock = lock(&response);
    assert_eq!(world.rest_with("DELETE", &format!("{FEEDBACK}/{lock}"), "", &[]).status, 204);
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (text(r, "originalMessageId"), text(r, "statusCode")))
        .collect()
}

fn lock(response: &iothub_hub::Response) -> String {
    let etag = response.headers.iter().find(|(name, _)| name == "etag");
    etag.expect("there is a lock").1.trim_matches('"').to_owned()
}

fn listening(world: &mut World) -> Speaker {
    let speaker = world.speak(Dialect::Preview5, "dev1");
    world.listen(&speaker, Channels::COMMANDS);
    speaker
}

fn tokens(world: &mut World, speaker: &Speaker) -> Vec<AckToken> {
    world.heard(speaker, |ack, message| {
        assert!(matches!(message, ToDevice::Command(_)));
        ack.unwrap()
    })
}

#[test]
fn who_asks_is_told_what_became_of_a_command() {
    type Deed = fn(&mut World);
    let complete: Deed = |world| {
        let speaker = listening(world);
        let [ack] = tokens(world, &speaker)[..] else { panic!() };
        world.settle(&speaker, ack, Outcome::DONE);
    };
    let reject: Deed = |world| {
        let speaker = listening(world);
        let [ack] = tokens(world, &speaker)[..] else { panic!() };
        world.settle(&speaker, ack, Outcome::REJECTED);
    };
    let abandon: Deed = |world| {
        let speaker = listening(world);
        while let [ack] = tokens(world, &speaker)[..] {
            world.settle(&speaker, ack, Outcome::ABANDONED);
        }
    };
    let expire: Deed = |world| world.pass(Duration::from_secs(3600));
    let purge: Deed = |world| assert_eq!(world.rest("DELETE", "/devices/dev1/commands", json!(null)).0, 200);
    for (deed, outcome, dead) in [
        (complete, "Success", false),
        (reject, "Rejected", true),
        (abandon, "DeliveryCountExceeded", true),
        (expire, "Expired", true),
        (purge, "Purged", false),
    ] {
        for wanted in ["none", "positive", "negative", "full"] {
            let mut world = World::new();
            send(&mut world, "c1", wanted, "payload");
            deed(&mut world);
            let is_told = match wanted {
                "positive" => outcome == "Success",
                "negative" => outcome != "Success",
                _ => wanted == "full",
            };
            let expected = if is_told { vec![("c1".to_owned(), outcome.to_owned())] } else { Vec::new() };
            assert_eq!(told(&mut world), expected, "{wanted}");
            let (_, letters) = world.rest("GET", "/$local/devices/dev1/deadLetters", json!(null));
            let letters = letters.as_array().unwrap();
            assert_eq!(letters.len(), usize::from(dead), "{outcome}");
            if let [letter] = &letters[..] {
                assert_eq!((&letter["outcome"], &letter["body"]), (&json!(outcome), &json!("payload")));
            }
        }
    }
}

#[test]
fn feedback_is_one_readers_until_its_lock_ends() {
    let mut world = World::new();
    send(&mut world, "c1", "full", "");
    world.rest("DELETE", "/devices/dev1/commands", json!(null));
    let first = world.rest_with("GET", FEEDBACK, "", &[]);
    assert_eq!(first.status, 200);
    assert_eq!(world.rest_with("GET", FEEDBACK, "", &[]).status, 204, "it is held");
    world.pass(Duration::from_secs(60));
    let lost = world.rest_with("DELETE", &format!("{FEEDBACK}/{}", lock(&first)), "", &[]);
    assert_eq!(lost.status, 412, "{}", String::from_utf8_lossy(&lost.body));
    let second = world.rest_with("GET", &format!("/$local{FEEDBACK}"), "", &[]);
    let back = format!("{FEEDBACK}/{}/abandon", lock(&second));
    assert_eq!(world.rest_with("POST", &back, "", &[]).status, 204);
    assert_eq!(world.rest_with("POST", &back, "", &[]).status, 412);
    assert_eq!(told(&mut world).len(), 1);
    for lock in ["", "x", "0000000000000000", "\"", "ffffffffffffffffffffff"] {
        let path = format!("{FEEDBACK}/{lock}");
        let status = world.rest_with("DELETE", &path, "", &[]).status;
        assert!([412, 405].contains(&status), "{lock}: {status}");
    }
}

#[test]
fn feedback_that_nobody_reads_or_completes_ends() {
    let mut world = World::new();
    for id in ["c1", "c2"] {
        send(&mut world, id, "full", "");
    }
    world.rest("DELETE", "/devices/dev1/commands", json!(null));
    for _ in 0..10 {
        assert_eq!(world.rest_with("GET", FEEDBACK, "", &[]).status, 200);
        world.pass(Duration::from_secs(60));
    }
    assert_eq!(told(&mut world), [], "ten times are enough");
    send(&mut world, "c3", "full", "");
    world.rest("DELETE", "/devices/dev1/commands", json!(null));
    world.pass(Duration::from_secs(3600));
    assert_eq!(told(&mut world), [], "an hour is enough");
    let kept = world.changes.iter().filter(|change| matches!(change, Change::FeedbackRemoved { .. })).count();
    assert_eq!(kept, 2, "its end is on record");
}

#[test]
fn feedback_and_dead_letters_outlive_a_restart() {
    let mut world = World::new();
    send(&mut world, "c1", "full", "late");
    world.pass(Duration::from_secs(3600));
    let mut restored = World::empty();
    for change in &world.changes {
        restored.hub.apply(change).unwrap();
        restored.changes.push(change.clone());
    }
    restored.now = world.now;
    restored.put(iothub_hub::Input::Start);
    assert_eq!(told(&mut restored), [("c1".to_owned(), "Expired".to_owned())]);
    let path = "/$local/devices/dev1/deadLetters";
    assert_eq!(restored.rest("GET", path, json!(null)).1[0]["body"], "late");
    assert_eq!(restored.rest("DELETE", path, json!(null)).0, 204);
    assert_eq!(restored.rest("GET", path, json!(null)).1, json!([]));
}

#[test]
fn feedback_needs_a_name_and_a_known_wish() {
    let mut world = World::new();
    for (headers, status) in [
        (&[("iothub-ack", "full")][..], 400),
        (&[("iothub-ack", "sometimes"), ("iothub-messageid", "c")], 400),
        (&[("iothub-ack", "none")], 202),
        (&[("iothub-ack", "Negative"), ("iothub-messageid", "c")], 202),
    ] {
        assert_eq!(world.rest_with("POST", COMMANDS, "", headers).status, status, "{headers:?}");
    }
}
