use rustix::process::Signal;
use serde_json::json;

use crate::hub::Hub;
use crate::place::Place;

#[test]
fn so_many_messages_are_sent_and_then_it_ends_well() {
    let hub = Hub::start();
    let mut device = hub.simulate("dev1 --interval 10ms --count 3");
    let numbers = [(); 3].map(|()| device.json_with("event", "telemetry")["number"].clone());
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(device.end().ok(), "");
    assert_eq!(hub.line("device show dev1").json()["connectionState"], "Disconnected");
}

/// More connections than are ever made anew within a test.
const REPORTS_MAX: usize = 5;

#[test]
fn a_device_of_each_dialect_answers_reports_and_takes_messages() {
    let hub = Hub::start();
    for (number, dialect) in (1..).zip(["classic", "preview311", "preview5"]) {
        let mut device = hub.simulate(&format!("dev1 --no-telemetry --dialect {dialect}"));
        let result = hub.line("method invoke dev1 reboot {\"delay\":5}").json();
        assert_eq!(result, json!({ "status": 200, "payload": { "delay": 5 } }), "{dialect}");
        let desired = json!({ "interval": number }).to_string();
        hub.line(&format!("twin update dev1 --desired {desired}")).json();
        // What the one before has left is reported first, and again by each connection that is made anew.
        let mut reports = (0..REPORTS_MAX).map(|_| device.json_with("event", "reported"));
        let reported = reports.find(|reported| reported["properties"]["interval"] == number);
        let reported = reported.unwrap_or_else(|| panic!("{dialect}: {number} is never reported"));
        assert_eq!(reported["properties"], json!({ "interval": number }), "{dialect}");
        hub.line("device send dev1 --data hi --property color=red").ok();
        let command = device.json_with("event", "command");
        assert_eq!(command["payload"], "hi", "{dialect}");
        assert_eq!(command["properties"], json!([["color", "red"]]), "{dialect}");
        device.signal(Signal::INT);
        assert_eq!(device.end().code, Some(0), "{dialect}");
    }
    assert_eq!(hub.line("twin show dev1").json()["properties"]["reported"]["interval"], 3);
}

#[test]
fn ctrl_c_ends_it_well_and_the_device_is_disconnected() {
    let hub = Hub::start();
    for signal in [Signal::INT, Signal::TERM] {
        let device = hub.simulate("dev1 --no-telemetry");
        assert_eq!(hub.line("device show dev1").json()["connectionState"], "Connected", "{signal:?}");
        device.signal(signal);
        assert_eq!(device.end().ok(), "", "{signal:?}");
        assert_eq!(hub.line("device show dev1").json()["connectionState"], "Disconnected", "{signal:?}");
    }
}

#[test]
fn it_connects_again_when_the_hub_comes_back() {
    let data = Place::new();
    let folder = data.path("data");
    let hub = Hub::start_in(Place::new(), &["--data", &folder]);
    let port = hub.ready["mqttPort"].to_string();
    let mut device = hub.simulate("dev1 --no-telemetry");
    let (end, place) = hub.stop(Signal::TERM);
    assert_eq!(end.code, Some(0));
    device.json_with("event", "disconnected");
    let mut again = place.start(&["up", "--mqtt-port", &port, "--https-port", "0", "--data", &folder]);
    again.json();
    device.json_with("event", "connected");
    device.signal(Signal::INT);
    assert_eq!(device.end().code, Some(0));
}

#[test]
fn it_says_that_the_hub_is_gone_and_can_be_ended_while_it_waits() {
    for signal in [Signal::TERM, Signal::KILL] {
        let hub = Hub::start();
        let mut device = hub.start(&["device", "simulate", "dev1", "--no-telemetry", "-o", "table"]);
        assert!(device.line().ends_with("  connected as dev1"));
        let (_, _place) = hub.stop(signal);
        // It may have had a question open.
        let line = device.line_with("  disconnected: ");
        assert!(line.contains("(again in "), "{signal:?}: {line}");
        device.signal(Signal::INT);
        assert_eq!(device.end().code, Some(0), "{signal:?}");
    }
}

#[test]
fn a_device_that_is_deleted_ends_with_a_line() {
    let hub = Hub::start();
    let device = hub.simulate("dev1 --no-telemetry");
    hub.line("device delete dev1").ok();
    let end = device.end();
    assert_eq!(end.code, Some(1));
    assert!(end.err.starts_with("iothub: dev1 cannot connect again: refused by the hub"), "{}", end.err);
}
