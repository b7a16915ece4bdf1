use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::hub::{Hub, UP};
use crate::place::Place;
use crate::program::{PATIENCE, Program};

#[test]
fn a_hub_says_where_it_is_in_one_line_of_json() {
    let place = Place::new();
    // JSON where it was asked for, and where nobody would read anything else.
    for (arguments, is_json) in [(&["-o", "json"][..], true), (&[], true), (&["-o", "table"], false)] {
        let mut hub = place.start(&[&UP[..5], arguments].concat());
        let first = hub.line();
        assert_eq!(serde_json::from_str::<Value>(&first).is_ok(), is_json, "{arguments:?}: {first}");
        hub.signal(Signal::TERM);
        let end = hub.end();
        assert_eq!((end.code, end.out.is_empty()), (Some(0), is_json), "{arguments:?}");
    }
}

#[test]
fn the_text_names_the_addresses_the_connection_strings_the_ca_and_what_to_type_next() {
    let place = Place::new();
    let mut hub = place.start(&[&UP[..5], &["-o", "table"]].concat());
    assert!(hub.line().contains("serves"));
    let ready = place.run(&["env", "-o", "json"]).json();
    hub.signal(Signal::INT);
    let text = hub.end().out;
    for name in ["IOTHUB_CONNECTION_STRING", "IOTHUB_DEVICE_CONNECTION_STRING", "IOTHUB_CA_FILE"] {
        assert!(text.contains(ready[name].as_str().unwrap()), "{name} is missing:\n{text}");
    }
    for part in ["mqtts://localhost:", "wss://localhost:", "https://localhost:", "eval \"$(iothub env)\""] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn a_hub_that_is_told_to_stop_does_so_with_devices_connected() {
    for signal in [Signal::TERM, Signal::INT] {
        let hub = Hub::start();
        let mut device = hub.simulate("dev1 --interval 20ms");
        device.json_with("event", "telemetry");
        let (end, _place) = hub.stop(signal);
        assert_eq!((end.code, &*end.out), (Some(0), ""), "{signal:?}: {}", end.err);
        assert!(end.err.ends_with("iothub: stopping\n") || end.err.contains("disconnected"), "{}", end.err);
        let gone = device.json_with("event", "disconnected");
        assert!(gone["cause"].as_str().unwrap().contains("closed by the hub"), "{gone}");
    }
}

#[test]
fn a_hub_that_stopped_leaves_nothing_to_be_found() {
    let (_, place) = Hub::start().stop(Signal::TERM);
    let left = std::fs::read_dir(place.path("run/iothub")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).filter(|name| name != "lock").collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(place.line("env").refused(6), "no hub runs here (start one with `iothub up`)");
}

#[test]
fn a_hub_that_was_killed_is_not_found_either() {
    let (end, place) = Hub::start().stop(Signal::KILL);
    assert_eq!(end.code, None);
    assert_eq!(place.line("env").refused(6), "no hub runs here (start one with `iothub up`)");
}

#[test]
fn registry_keys_and_authority_outlive_a_restart() {
    let place = Place::new();
    let data = place.path("data");
    let hub = Hub::start_in(place, &["--data", &data]);
    let twin = r#"{"interval":5}"#;
    hub.line("device create pump-7").json();
    hub.run(&["twin", "update", "pump-7", "--desired", twin]).json();
    let before = hub.line("device show pump-7 --show-keys").json();
    let ca = std::fs::read(hub.text("caFile")).unwrap();
    let keys = |ready: &Value| {
        ["serviceConnectionString", "deviceConnectionString"].map(|name| {
            let text = ready[name].as_str().unwrap();
            text.split_once(";SharedAccessKey=").unwrap().1.to_owned()
        })
    };
    let keys_before = keys(&hub.ready);
    let (_, place) = hub.stop(Signal::TERM);

    let hub = Hub::start_in(place, &["--data", &data]);
    assert_eq!(hub.line("device show pump-7 --show-keys").json(), before);
    assert_eq!(hub.line("twin show pump-7").json()["properties"]["desired"]["interval"], 5);
    assert_eq!(std::fs::read(hub.text("caFile")).unwrap(), ca);
    assert_eq!(keys(&hub.ready), keys_before);
}

#[test]
fn without_a_data_folder_everything_is_forgotten() {
    let hub = Hub::start();
    hub.line("device create pump-7").json();
    let before = hub.ready["serviceConnectionString"].clone();
    let (_, place) = hub.stop(Signal::TERM);
    let hub = Hub::start_in(place, &[]);
    assert_ne!(hub.ready["serviceConnectionString"], before);
    hub.line("device show pump-7").refused(3);
}

#[test]
fn a_port_that_is_taken_is_one_line_that_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (option, other, suggestion) in
        [("--mqtt-port", "--https-port", "18883"), ("--https-port", "--mqtt-port", "8443")]
    {
        let line = Place::new().line(&format!("up {option} {port} {other} 0")).refused(1);
        let expected = format!(
            "cannot listen on 127.0.0.1:{port}: port {port} is taken; stop what listens there, or use {option} \
             {suggestion} ({option} 0 picks a free one)"
        );
        assert_eq!(line, expected);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_that_needs_a_privilege_is_one_line_that_says_what_to_do() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|port| port.trim().parse::<u16>().is_ok_and(|port| port <= 443)) {
        // Here it needs none, as in many containers.
        return;
    }
    let place = Place::new();
    let mut command = place.command(&["up", "--mqtt-port", "0"]);
    if rustix::process::geteuid().is_root() {
        place.unprivileged(&mut command);
    }
    let line = Program::start(command, b"").end().refused(1);
    let expected = "cannot listen on 127.0.0.1:443: permission denied; use --https-port 8443, or allow it with `sudo \
                    sysctl net.ipv4.ip_unprivileged_port_start=443`";
    assert_eq!(line, expected);
}

#[test]
fn two_hubs_do_not_share_a_data_folder() {
    let place = Place::new();
    let data = place.path("data");
    let hub = Hub::start_in(place, &["--data", &data]);
    let line = hub.run(&[&UP[..], &["--data", &data]].concat()).refused(1);
    assert_eq!(
        line,
        format!("cannot keep data in {data}: another hub does (stop it, or use another folder)")
    );
    // The first is not harmed by the attempt.
    hub.line("device show dev1").json();
}

#[test]
fn a_data_folder_that_cannot_be_one_is_one_line() {
    let place = Place::new();
    let file = place.file("file", b"");
    let line = place.run(&[&UP[..], &["--data", &file]].concat()).refused(1);
    assert!(line.starts_with(&format!("cannot keep data in {file}: ")), "{line}");
}

#[test]
fn the_first_name_given_stands_in_connection_strings_and_all_are_certified() {
    let place = Place::new();
    let hub = Hub::start_in(place, &["--hostname", "hub.test", "--hostname", "other.test"]);
    for name in ["serviceConnectionString", "deviceConnectionString"] {
        assert!(hub.text(name).starts_with("HostName=hub.test:"), "{name}: {}", hub.ready);
    }
    assert!(hub.ready["urls"]["https"].as_str().unwrap().starts_with("https://hub.test:"));
    // No name server knows the name; the commands find the hub nevertheless, and trust it by that name.
    hub.line("device create pump-7").json();
    let mut device = hub.simulate("pump-7 --interval 20ms --count 1");
    device.json_with("event", "telemetry");
    assert_eq!(device.end().code, Some(0));
}

#[test]
fn a_name_that_is_none_is_refused() {
    for name in ["", "a/b", "a;SharedAccessKey=x", "hub.test:8443", "ü.test", "a..b", "-a", "::1%lo"] {
        let line = Place::new().run(&[&UP[..], &[&*format!("--hostname={name}")]].concat()).refused(2);
        assert!(line.contains("--hostname"), "{name}: {line}");
    }
    Place::new().run(&[&UP[..], &["--device", "a/b"]].concat()).refused(2);
}

#[test]
fn a_hub_has_the_first_device_that_was_asked_for_or_none() {
    let devices = |hub: &Hub| {
        let list = hub.line("device list").json();
        list.as_array().unwrap().iter().map(|device| device["deviceId"].clone()).collect::<Vec<_>>()
    };
    let hub = Hub::start_in(Place::new(), &["--device", "pump-7"]);
    assert_eq!((devices(&hub), hub.text("deviceId")), (vec!["pump-7".into()], "pump-7"));
    let hub = Hub::start_in(Place::new(), &["--no-device"]);
    assert!(devices(&hub).is_empty());
    assert!(hub.ready.get("deviceConnectionString").is_none(), "{}", hub.ready);
    assert!(hub.line("env -o json").json().get("IOTHUB_DEVICE_CONNECTION_STRING").is_none());
}

#[test]
fn a_hub_whose_words_nobody_reads_serves_nevertheless() {
    let place = Place::new();
    let hub = Program::start_unheard(place.command(&UP));
    // Nothing says when it is ready; it is found sooner or later.
    let found = (0..1000).any(|_| place.line("env").code == Some(0));
    assert!(found);
    place.line("device create pump-7").json();
    hub.signal(Signal::TERM);
    assert_eq!(hub.end().code, Some(0));
}

#[test]
fn a_hub_of_an_edition_keeps_to_its_limits() {
    let place = Place::new();
    let line = place.run(&["up", "--sku", "S3", "--units", "11"]).refused(2);
    assert!(line.contains("--units 11: S3 has 1 to 10 units"), "{line}");
    let hub = Hub::start_in(place, &["--sku", "F1"]);
    // What the client sends once only: of all else it waits until there is room.
    let mut done = 0;
    let refused = loop {
        let end = hub.line("device send nobody --data x");
        if end.code != Some(3) {
            break end.refused(6);
        }
        done += 1;
        assert!(done < 300, "nothing is refused");
    };
    assert!(refused.contains("commands a minute, which is the limit of 1 unit of F1"), "{refused}");
}

#[test]
fn a_further_hub_is_found_by_its_name_and_has_nothing_of_the_first() {
    let hub = Hub::start_in(Place::new(), &["--further-hub", "b.test"]);
    hub.line("device create only-b --hub-name b.test").json();
    let ids = |line: &str| -> Vec<String> {
        let list = hub.line(line).json();
        list.as_array()
            .unwrap()
            .iter()
            .map(|device| device["deviceId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids("device list -n b.test"), ["dev1", "only-b"]);
    assert_eq!(ids("device list"), ["dev1"]);
    let variables = hub.line("env --hub-name b.test -o json").json();
    assert!(
        variables["IOTHUB_CONNECTION_STRING"].as_str().unwrap().starts_with("HostName=b.test:"),
        "{variables}"
    );
    let line = hub.line("device list --hub-name c.test").refused(6);
    assert!(line.contains("no hub named c.test runs here"), "{line}");
    let line = Place::new().run(&[&UP[..], &["--further-hub", "localhost"]].concat()).refused(1);
    assert!(line.contains("another hub has that name"), "{line}");
}

#[test]
fn a_hub_has_as_many_connections_as_it_is_told_and_no_more() {
    let hub = Hub::start_in(Place::new(), &["--connections", "2"]);
    only_the_last_is_refused([(); 3].map(|()| TcpStream::connect(hub.text("mqttAddress")).unwrap()));
    let (end, _place) = hub.stop(Signal::TERM);
    assert!(end.err.contains("as many are open as may be") && end.err.contains("limit=2"), "{}", end.err);
}

#[test]
fn a_hub_asks_for_the_files_it_may_open() {
    let place = Place::new();
    let mut hub = place.start_shell(&format!("ulimit -Sn 64 && exec iothub {}", UP.join(" ")));
    let ready = hub.json();
    let address = ready["mqttAddress"].as_str().unwrap();
    let held: Vec<_> = (0..80).map(|_| TcpStream::connect(address).unwrap()).collect();
    place.line("device list").json();
    drop(held);
    hub.signal(Signal::TERM);
    assert_eq!(hub.end().code, Some(0));
}

#[test]
fn a_hub_that_may_not_open_them_says_how_many_connections_it_has_and_has_no_more() {
    let place = Place::new();
    let mut hub =
        place.start_shell(&format!("ulimit -n 258 && exec iothub {} --connections 500", UP.join(" ")));
    let ready = hub.json();
    let said = hub.remark();
    for part in ["WARN", "room for 2 connections", "258 files", "asked=500"] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let streams = [(); 3].map(|()| TcpStream::connect(ready["mqttAddress"].as_str().unwrap()).unwrap());
    only_the_last_is_refused(streams);
}

/// Of three connections.
fn only_the_last_is_refused([first, second, mut third]: [TcpStream; 3]) {
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(third.read(&mut [0]), Ok(0)));
    for mut stream in [first, second] {
        stream.set_nonblocking(true).unwrap();
        assert!(stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    }
}
