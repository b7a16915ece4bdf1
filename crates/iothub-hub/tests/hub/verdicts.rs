//! What devices make of commands: over MQTT 5 they can give them back.

use iothub_codec::{Channels, Dialect, Outcome, SystemProperty, ToDevice};
use iothub_proto::AckToken;
use serde_json::json;

use crate::speaker::{Hello, Speaker};
use crate::world::World;

const COMMANDS: &str = "/$local/devices/dev1/commands";

/// The commands that came since the last look: their tokens, payloads and delivery counts.
fn commands(world: &mut World, speaker: &Speaker) -> Vec<(AckToken, String, String)> {
    world.heard(speaker, |ack, message| {
        let ToDevice::Command(command) = message else { panic!("{message:?}") };
        let count = command.properties.system(SystemProperty::DeliveryCount).unwrap().to_string();
        (ack.unwrap(), String::from_utf8(command.payload.to_vec()).unwrap(), count)
    })
}

fn waiting(world: &mut World) -> u64 {
    world.rest("GET", "/devices/dev1", json!(null)).1["cloudToDeviceMessageCount"].as_u64().unwrap()
}

#[test]
fn an_abandoned_command_comes_again_and_counts_but_not_for_ever() {
    let mut world = World::new();
    let speaker = world.speak(Dialect::Preview5, "dev1");
    world.listen(&speaker, Channels::COMMANDS);
    world.rest_with("POST", COMMANDS, "stubborn", &[]);
    world.rest_with("POST", COMMANDS, "other", &[]);
    let first = commands(&mut world, &speaker);
    let [(mut ack, ..), (other, ..)] = first[..] else { panic!("{first:?}") };
    for time in 1..10 {
        world.settle(&speaker, ack, Outcome::ABANDONED);
        let again = commands(&mut world, &speaker);
        let [(next, payload, count)] = &again[..] else { panic!("{time}: {again:?}") };
        assert_eq!((payload.as_str(), count), ("stubborn", &time.to_string()));
        ack = *next;
    }
    assert_eq!(waiting(&mut world), 2);
    world.settle(&speaker, ack, Outcome::ABANDONED);
    assert!(commands(&mut world, &speaker).is_empty(), "ten times are enough");
    assert_eq!(world.notices.last().unwrap().what, "command dropped");
    assert_eq!(waiting(&mut world), 1);
    world.settle(&speaker, other, Outcome::DONE);
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn how_often_a_command_was_given_back_is_on_record() {
    let mut world = World::new();
    let speaker = world.speak(Dialect::Preview5, "dev1");
    world.listen(&speaker, Channels::COMMANDS);
    world.rest_with("POST", COMMANDS, "x", &[]);
    let (ack, ..) = commands(&mut world, &speaker)[0].clone();
    world.settle(&speaker, ack, Outcome::ABANDONED);
    let mut restored = World::empty();
    for change in &world.changes {
        restored.hub.apply(change).unwrap();
    }
    restored.changes = world.changes.clone();
    restored.put(iothub_hub::Input::Start);
    let speaker = restored.speak(Dialect::Preview5, "dev1");
    restored.listen(&speaker, Channels::COMMANDS);
    let again = commands(&mut restored, &speaker);
    assert_eq!((again[0].1.as_str(), again[0].2.as_str()), ("x", "1"));
}

#[test]
fn a_rejected_command_is_dropped_at_once() {
    let mut world = World::new();
    let speaker = world.speak(Dialect::Preview5, "dev1");
    world.listen(&speaker, Channels::COMMANDS);
    world.rest_with("POST", COMMANDS, "bad", &[]);
    let (ack, ..) = commands(&mut world, &speaker)[0].clone();
    world.settle(&speaker, ack, Outcome::REJECTED);
    assert_eq!(waiting(&mut world), 0);
    assert!(commands(&mut world, &speaker).is_empty());
    let last = world.notices.iter().rev().find(|notice| notice.what == "command dropped").unwrap();
    assert!(last.why.contains("rejected by the device with status 0100"), "{}", last.why);
}

#[test]
fn a_command_that_the_device_has_no_room_for_keeps_no_other_up() {
    let mut world = World::new();
    let hello = Hello { maximum_packet_size: Some(500), ..Hello::new(&world, "dev1") };
    let (speaker, _) = world.say_hello(Dialect::Preview5, &hello);
    world.listen(&speaker, Channels::COMMANDS);
    world.rest_with("POST", COMMANDS, &"x".repeat(500), &[]);
    world.rest_with("POST", COMMANDS, "short", &[]);
    let got = commands(&mut world, &speaker);
    assert_eq!(got.iter().map(|(_, payload, _)| payload.as_str()).collect::<Vec<_>>(), ["short"]);
    assert!(world.notices.iter().any(|notice| notice.what == "command dropped"));
}
