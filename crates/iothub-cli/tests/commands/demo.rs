use serde_json::Value;

use crate::place::Place;

const STEPS: [&str; 10] = [
    "start a hub",
    "register a device",
    "connect it",
    "call a method",
    "call a method that fails on the device",
    "call a method that is not answered",
    "want a property to change",
    "send telemetry",
    "send a message to the device",
    "call a method of a device that is gone",
];

#[test]
fn every_step_is_named_and_as_it_should_be() {
    let lines = lines("demo -o json");
    assert_eq!(named(&lines), [&STEPS[..], &["every step was as it should be"]].concat());
    // The way of the answer that counts: from the device through the hub to the back end.
    let ways: Vec<_> =
        lines.iter().filter_map(|line| Some((line["from"].as_str()?, line["to"].as_str()?))).collect();
    let way = [("back end", "hub"), ("hub", "device"), ("device", "hub"), ("hub", "back end")];
    assert!(ways.windows(way.len()).any(|part| part == way), "{ways:?}");
}

#[test]
fn the_same_happens_in_each_dialect() {
    let lines = lines("demo --dialect all -o json");
    let end = "every step was as it should be, in each dialect";
    assert_eq!(named(&lines), [&STEPS[..], &STEPS, &STEPS, &[end]].concat());
    let acts: Vec<_> = lines.split(|line| !line["dialect"].is_null()).skip(1).collect();
    let headings: Vec<_> = lines.iter().filter(|line| !line["dialect"].is_null()).collect();
    let dialects = [("classic", "MQTT 3.1.1"), ("preview311", "MQTT 3.1.1"), ("preview5", "MQTT 5")];
    assert_eq!((acts.len(), headings.len()), (dialects.len(), dialects.len()));
    for ((act, heading), (dialect, over)) in acts.iter().zip(headings).zip(dialects) {
        assert_eq!((&heading["dialect"], &heading["over"]), (&dialect.into(), &over.into()));
        let connect = format!("TLS, {over} CONNECT as pump-7 with ");
        let connects = |line: &Value| line["what"].as_str().is_some_and(|what| what.starts_with(&connect));
        assert!(act.iter().any(connects), "{dialect}: {act:?}");
    }
}

fn lines(call: &str) -> Vec<Value> {
    let out = Place::new().line(call).ok();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn named(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["step"].as_str()).collect()
}
