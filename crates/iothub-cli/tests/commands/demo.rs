use serde_json::Value;

use crate::place::Place;

#[test]
fn every_step_is_named_and_as_it_should_be() {
    let steps = [
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
        "every step was as it should be",
    ];
    let out = Place::new().line("demo -o json").ok();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named: Vec<_> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
    assert_eq!(named, steps);
    // The way of the answer that counts: from the device through the hub to the back end.
    let ways: Vec<_> =
        lines.iter().filter_map(|line| Some((line["from"].as_str()?, line["to"].as_str()?))).collect();
    let way = [("back end", "hub"), ("hub", "device"), ("device", "hub"), ("hub", "back end")];
    assert!(ways.windows(way.len()).any(|part| part == way), "{ways:?}");
}
