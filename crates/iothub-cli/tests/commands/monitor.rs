use rustix::process::Signal;

use crate::hub::Hub;
use crate::program::Program;

#[test]
fn what_devices_send_and_what_happens_to_them_is_seen() {
    let hub = Hub::start();
    let mut monitor = watching(&hub, &["--count", "5"]);
    let mut device = hub.simulate("dev1 --interval 20ms --count 2");
    device.json_with("event", "telemetry");
    device.json_with("event", "telemetry");
    assert_eq!(device.end().code, Some(0));
    hub.line("device create pump-7").json();

    let mut events: Vec<_> = (0..5).map(|_| monitor.json()).collect();
    assert_eq!(monitor.end().ok(), "");
    // The simulation tells of its end when its last message was acknowledged.
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        kinds,
        ["connectionState", "telemetry", "telemetry", "connectionState", "deviceLifecycle"],
        "{events:?}"
    );
    let created = events.pop().unwrap();
    assert_eq!(
        (&created["deviceId"], &created["properties"]["opType"]),
        (&"pump-7".into(), &"createDeviceIdentity".into())
    );
    for (event, number) in events[1..3].iter().zip([1, 2]) {
        assert_eq!(
            (&event["deviceId"], &event["body"]["number"]),
            (&"dev1".into(), &number.into()),
            "{event}"
        );
        assert_eq!(event["properties"]["simulated"], "true", "{event}");
    }
}

#[test]
fn only_the_device_that_was_asked_for_is_shown() {
    let hub = Hub::start();
    hub.line("device create pump-7").json();
    let mut monitor = watching(&hub, &["--device", "pump-7", "--count", "1"]);
    let _other = hub.simulate("dev1 --interval 20ms");
    let _device = hub.simulate("pump-7 --no-telemetry");
    assert_eq!(monitor.json()["deviceId"], "pump-7");
    assert_eq!(monitor.end().ok(), "");
}

#[test]
fn a_table_of_events_is_one_line_for_each() {
    let hub = Hub::start();
    let mut monitor = watching(&hub, &["--count", "1", "-o", "table"]);
    hub.line("device create pump-7").json();
    let line = monitor.line();
    assert!(line.contains("  pump-7  ") && line.contains("opType=createDeviceIdentity"), "{line}");
    assert_eq!(monitor.end().ok(), "");
}

#[test]
fn ctrl_c_ends_it_well() {
    let hub = Hub::start();
    for signal in [Signal::INT, Signal::TERM] {
        let monitor = watching(&hub, &[]);
        monitor.signal(signal);
        assert_eq!(monitor.end().ok(), "");
    }
}

#[test]
fn silence_is_its_end_when_a_time_was_given() {
    let hub = Hub::start();
    for (arguments, code, err) in [
        (&["--timeout", "50ms"][..], 0, ""),
        (
            &["--timeout", "50ms", "--count", "2"],
            1,
            "iothub: nothing for 50ms, and 2 more would have been wanted\n",
        ),
    ] {
        let end = watching(&hub, arguments).end();
        assert_eq!((end.code, &*end.out, &*end.err), (Some(code), "", err), "{arguments:?}");
    }
}

#[test]
fn a_hub_that_stops_or_dies_ends_it_with_a_line() {
    for signal in [Signal::TERM, Signal::KILL] {
        let hub = Hub::start();
        let monitor = watching(&hub, &[]);
        let _ = hub.stop(signal);
        let line = monitor.end().refused(1);
        assert!(line.contains("stopped"), "{signal:?}: {line}");
    }
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let hub = Hub::start();
    let _device = hub.simulate("dev1 --interval 10ms");
    let end = hub.shell("iothub monitor --device dev1 2>monitor.err | head -n 1; cat monitor.err");
    let out = end.ok();
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(out.ends_with("iothub: watching localhost; Ctrl-C ends it\n"), "{out}");
}

/// Starts it, and waits until it watches.
fn watching(hub: &Hub, arguments: &[&str]) -> Program {
    let mut monitor = hub.start(&[&["monitor"], arguments].concat());
    assert_eq!(monitor.remark(), "iothub: watching localhost; Ctrl-C ends it");
    monitor
}
