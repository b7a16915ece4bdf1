use rustix::process::Signal;

use crate::hub::Hub;
use crate::place::Place;
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

#[test]
fn what_came_before_is_shown_from_any_position_on() {
    let hub = Hub::start();
    hub.line("device create pump-7").json();
    let first = |arguments: &str| {
        let mut monitor = watching(&hub, &arguments.split(' ').chain(["--count", "1"]).collect::<Vec<_>>());
        let event = monitor.json();
        assert_eq!(monitor.end().ok(), "");
        event
    };
    let created = first("--from earliest --device pump-7");
    assert_eq!(created["properties"]["opType"], "createDeviceIdentity");
    let (partition, sequence) = (&created["partition"], &created["sequenceNumber"]);
    let time = created["enqueuedTime"].as_str().unwrap();
    for arguments in [
        format!("--partition {partition} --from {sequence}"),
        format!("--from {time} --device pump-7"),
        "--enqueued-time 0 --device pump-7".to_owned(),
    ] {
        assert_eq!(first(&arguments), created, "{arguments}");
    }
    for (line, code, reason) in [
        ("monitor --partition 0 --from 1000", 1, "read from earliest"),
        ("monitor --partition 4", 3, "numbered from 0 to 3"),
        ("monitor --from 17", 2, "add --partition"),
        ("monitor --from yesterday", 2, "write earliest, latest"),
        ("monitor --from checkpoint --consumer-group none", 3, "no consumer group none"),
    ] {
        let refused = hub.line(line).refused(code);
        assert!(refused.contains(reason), "{line}: {refused}");
    }
}

#[test]
fn a_group_goes_on_where_it_has_stopped_and_others_are_not_concerned() {
    let hub = Hub::start();
    assert_eq!(hub.line("consumer-group create billing").json()["name"], "billing");
    for device in ["a", "b", "c", "d"] {
        hub.line(&format!("device create {device}")).json();
    }
    let read = |group: &str, count: &str| {
        let mut monitor = watching(&hub, &["--consumer-group", group, "--checkpoint", "--count", count]);
        let events: Vec<_> = (0..count.parse().unwrap()).map(|_: u32| monitor.json()).collect();
        assert_eq!(monitor.end().ok(), "");
        events.iter().map(|event| event["deviceId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut all = read("billing", "3");
    all.extend(read("billing", "1"));
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
    assert_eq!(read("$Default", "4").len(), 4);
    let shown = hub.line("consumer-group show billing").json();
    let waiting = |each: &serde_json::Value| each["waiting"].as_u64().unwrap();
    assert_eq!(shown.as_array().unwrap().iter().map(waiting).sum::<u64>(), 0, "{shown}");
    assert_eq!(hub.line("consumer-group list").json().as_array().unwrap().len(), 2);
    assert_eq!(hub.line("consumer-group delete billing").ok(), "");
    let refused = hub.line("consumer-group show billing").refused(3);
    assert!(refused.contains("no consumer group billing"), "{refused}");
}

#[test]
fn a_monitor_that_waits_for_its_hub_shows_each_event_once() {
    let hub = Hub::start_in(Place::new(), &["--data", "data", "--partitions", "8", "--retention", "2d"]);
    let mut monitor = watching(&hub, &["--reconnect", "--from", "earliest"]);
    hub.line("device create before").json();
    assert_eq!(monitor.json()["deviceId"], "before");
    let address = hub.text("serviceConnectionString").split(';').next().unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    let (_, place) = hub.stop(Signal::TERM);
    let waiting = monitor.remark();
    assert!(waiting.contains("waiting for it"), "{waiting}");
    let mut up =
        place.start(&["up", "--mqtt-port", "0", "--https-port", port, "--data", "data", "-o", "json"]);
    up.json();
    assert_eq!(monitor.remark(), "iothub: watching again");
    place.line("device create after").json();
    assert_eq!(monitor.json()["deviceId"], "after");
    monitor.signal(Signal::INT);
    assert_eq!(monitor.end().ok(), "");
}

/// Starts it, and waits until it watches.
fn watching(hub: &Hub, arguments: &[&str]) -> Program {
    let mut monitor = hub.start(&[&["monitor"], arguments].concat());
    assert_eq!(monitor.remark(), "iothub: watching localhost; Ctrl-C ends it");
    monitor
}
