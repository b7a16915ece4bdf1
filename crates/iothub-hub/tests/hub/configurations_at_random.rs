//! Whatever happens in which order: once it is quiet, twins are as configurations want them.

use core::time::Duration;
use std::collections::BTreeMap;

use iothub_hub::{Change, Input};
use serde_json::{Value, json};

use crate::world::World;

/// More than are changed in one slice.
const DEVICES: usize = 250;
const PLANTS: u64 = 3;
const PLACES: [&str; 4] = ["x", "y", "fan", "fan.speed"];

/// What a test knows of a configuration.
#[derive(Clone, Debug)]
struct Known {
    /// None for all, and a plant that there is not for none.
    plant: Option<u64>,
    priority: u64,
    made: usize,
    places: Vec<&'static str>,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn in_the_end_twins_are_as_configurations_want_them() {
    for seed in 1..=6_u64 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
        let mut world = World::new();
        world.rest("DELETE", "/devices/dev1", json!(null));
        let mut plants: Vec<u64> = (0..DEVICES as u64).map(|n| n % PLANTS).collect();
        for (batch, some) in plants.chunks(50).enumerate() {
            let entry = |(n, plant)| json!({"id": id(batch * 50 + n), "importMode": "create", "tags": {"plant": plant}});
            world.rest("POST", "/devices", Value::Array(some.iter().enumerate().map(entry).collect()));
        }
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for step in 0..25 {
            match dice.roll(6) {
                0 | 1 => make(&mut world, &mut dice, &mut known, step),
                2 => retarget(&mut world, &mut dice, &mut known),
                3 => remove(&mut world, &mut dice, &mut known),
                4 => {
                    let n = dice.roll(DEVICES as u64) as usize;
                    plants[n] = dice.roll(PLANTS);
                    world.rest("PATCH", &format!("/twins/{}", id(n)), json!({"tags": {"plant": plants[n]}}));
                }
                _ => world = restarted(&world),
            }
            world.pass(Duration::from_millis(dice.roll(40)));
        }
        world.pass(Duration::from_secs(10));
        for (n, plant) in plants.iter().enumerate() {
            let (_, twin) = world.rest("GET", &format!("/twins/{}", id(n)), json!(null));
            let (statuses, wanted) = expected(&known, *plant);
            let found = twin.get("configurations").cloned().unwrap_or_else(|| json!({}));
            assert_eq!(found, statuses, "seed {seed}, device {n} of {plant}, {known:?}");
            let mut desired = twin["properties"]["desired"].clone();
            desired.as_object_mut().unwrap().retain(|name, _| !name.starts_with('$'));
            assert_eq!(desired, wanted, "seed {seed}, device {n} of {plant}, {known:?}");
        }
        let begun = |change: &&Change| matches!(change, Change::ConfigurationRemoved { .. });
        let ended = |change: &&Change| matches!(change, Change::ConfigurationForgotten { .. });
        let count = |which: &dyn Fn(&&Change) -> bool| world.changes.iter().filter(which).count();
        assert_eq!(count(&begun), count(&ended), "seed {seed}: nothing of what is deleted is left");
    }
}

fn make(world: &mut World, dice: &mut Dice, known: &mut BTreeMap<String, Known>, step: usize) {
    let name = format!("c{}", dice.roll(5));
    if known.contains_key(&name) {
        return;
    }
    let first = dice.roll(4) as usize;
    let places = PLACES[first..].iter().take(1 + dice.roll(2) as usize).copied().collect();
    let made = Known { plant: plant(dice), priority: dice.roll(3), made: step, places };
    let content: serde_json::Map<String, Value> =
        made.places.iter().map(|place| (format!("properties.desired.{place}"), value(place, step))).collect();
    let body = json!({
        "id": name, "priority": made.priority, "targetCondition": condition(&made),
        "content": {"deviceContent": content},
    });
    assert_eq!(world.rest("PUT", &format!("/configurations/{name}"), body).0, 201);
    known.insert(name, made);
}

fn retarget(world: &mut World, dice: &mut Dice, known: &mut BTreeMap<String, Known>) {
    let at = dice.roll(1 + known.len() as u64) as usize;
    let Some((name, configuration)) = known.iter_mut().nth(at) else { return };
    (configuration.plant, configuration.priority) = (plant(dice), dice.roll(3));
    let body =
        json!({"id": name, "priority": configuration.priority, "targetCondition": condition(configuration)});
    assert_eq!(world.rest_if("PUT", &format!("/configurations/{name}"), body, Some("*")).0, 200);
}

fn remove(world: &mut World, dice: &mut Dice, known: &mut BTreeMap<String, Known>) {
    let at = dice.roll(1 + known.len() as u64) as usize;
    let Some(name) = known.keys().nth(at).cloned() else { return };
    assert_eq!(world.rest("DELETE", &format!("/configurations/{name}"), json!(null)).0, 204);
    known.remove(&name);
}

fn plant(dice: &mut Dice) -> Option<u64> {
    Some(dice.roll(PLANTS + 2)).filter(|plant| *plant <= PLANTS)
}

fn condition(configuration: &Known) -> String {
    configuration.plant.map_or("*".into(), |plant| format!("tags.plant = {plant}"))
}

fn value(place: &str, made: usize) -> Value {
    if place == "fan" { json!({"mode": made}) } else { json!(made) }
}

/// The states of the configurations that target a device of that plant, and what they want of it.
fn expected(known: &BTreeMap<String, Known>, plant: u64) -> (Value, Value) {
    let mut targeting: Vec<(&String, &Known)> =
        known.iter().filter(|(_, each)| each.plant.is_none_or(|wanted| wanted == plant)).collect();
    targeting.sort_by_key(|(_, each)| (each.priority, each.made));
    let (mut statuses, mut wanted) = (json!({}), json!({}));
    for (at, (name, each)) in targeting.iter().enumerate() {
        let covers = |place: &str| {
            let stronger = targeting[at + 1..].iter().flat_map(|(_, stronger)| &stronger.places);
            stronger.into_iter().any(|other| place == *other || place.starts_with(&format!("{other}.")))
        };
        let is_covered = each.places.iter().all(|place| covers(place));
        statuses[*name] = json!({"status": if is_covered { "Targeted" } else { "Applied" }});
        for place in &each.places {
            match place.split_once('.') {
                Some((outer, inner)) => wanted[outer][inner] = value(place, each.made),
                None => wanted[*place] = value(place, each.made),
            }
        }
    }
    (statuses, wanted)
}

fn id(n: usize) -> String {
    format!("d{n:03}")
}

/// The same hub, made of its record.
fn restarted(world: &World) -> World {
    let mut restored = World::empty();
    for change in &world.changes {
        restored.hub.apply(change).unwrap();
    }
    restored.now = world.now;
    restored.changes.clone_from(&world.changes);
    restored.put(Input::Start);
    restored.rest("DELETE", "/devices/dev1", json!(null));
    restored
}
