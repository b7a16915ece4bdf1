use rustix::process::Signal;
use serde_json::json;

use crate::hub::Hub;
use crate::program::Program;

#[test]
fn a_method_travels_to_the_device_and_its_answer_back() {
    let hub = Hub::start();
    let mut device = hub.simulate("dev1 --no-telemetry");
    let file = hub.file("delay.json", br#"{"from":"file"}"#);
    for (arguments, input, payload) in [
        (&["dev1", "reboot", r#"{"b":1,"a":1.5}"#][..], "", json!({"b": 1, "a": 1.5})),
        (&["-d", "dev1", "--method-name", "reboot", "--method-payload", "[]"], "", json!([])),
        (&["dev1", "reboot", "-"], r#"{"from":"pipe"}"#, json!({"from": "pipe"})),
        (&["dev1", "reboot", &format!("@{file}")], "", json!({"from": "file"})),
        (&["dev1", "reboot"], "", json!(null)),
    ] {
        let invoke = hub.command(&[&["method", "invoke"], arguments].concat());
        let answer = Program::start(invoke, input.as_bytes()).end().json();
        assert_eq!(answer, json!({"status": 200, "payload": payload}), "{arguments:?}");
        let call = device.json_with("event", "method");
        assert_eq!((&call["name"], &call["payload"]), (&"reboot".into(), &payload), "{arguments:?}");
    }
    let table = hub.run(&["method", "invoke", "dev1", "reboot", "5", "-o", "table"]).ok();
    assert_eq!(table, "status   200\npayload  5\n");
}

#[test]
fn a_device_that_answers_with_an_error_has_answered_unless_that_is_a_failure() {
    let hub = Hub::start();
    let _device = hub.simulate("dev1 --no-telemetry --method reboot=503:{\"stuck\":true} --method ok=204");
    for (line, status, payload, code, err) in [
        ("reboot", 503, json!({"stuck": true}), 0, ""),
        (
            "reboot --fail-on-status",
            503,
            json!({"stuck": true}),
            1,
            "iothub: dev1 answered reboot with status 503\n",
        ),
        ("ok --fail-on-status", 204, json!(null), 0, ""),
        ("other", 404, json!({"message": "no method other"}), 0, ""),
    ] {
        let end = hub.line(&format!("method invoke dev1 {line}"));
        assert_eq!((end.code, &*end.err), (Some(code), err), "{line}");
        let answer: serde_json::Value = serde_json::from_str(&end.out).unwrap();
        assert_eq!(answer, json!({"status": status, "payload": payload}), "{line}");
    }
}

#[test]
fn a_device_that_is_silent_is_not_waited_for_longer_than_was_said() {
    let hub = Hub::start();
    let device = hub.simulate("dev1 --no-telemetry");
    device.signal(Signal::STOP);
    let line = hub.line("method invoke dev1 reboot --timeout 5").refused(6);
    assert_eq!(line, "dev1 did not answer reboot within 5 s; it may have done it (--timeout waits longer)");
}

#[test]
fn a_device_that_is_not_there_yet_can_be_waited_for() {
    let hub = Hub::start();
    let waiting = hub.start(&["method", "invoke", "dev1", "reboot", "7", "--connect-timeout", "60"]);
    let _device = hub.simulate("dev1 --no-telemetry");
    assert_eq!(waiting.end().json(), json!({"status": 200, "payload": 7}));
}

#[test]
fn what_gets_no_answer_is_one_line_that_says_what_to_do() {
    let hub = Hub::start();
    for (line, code, part) in [
        ("dev1 reboot", 6, "dev1 is not connected, or does not listen to methods"),
        (
            "pump-7 reboot",
            3,
            "no device named pump-7 in this hub (create it with `iothub device create pump-7`)",
        ),
        ("dev1 reboot {a:1}", 2, "--method-payload: not JSON: "),
        ("dev1 reboot -", 2, "--method-payload: not JSON: "),
        ("dev1 reboot @nothing", 1, "--method-payload @nothing: "),
        ("dev1", 2, "no <METHOD> given"),
        ("dev1 reboot 1 2", 2, "unexpected argument '2'"),
        ("dev1 reboot --timeout 4", 2, "4 is not in 5..=300"),
        ("dev1 reboot --connect-timeout 301", 2, "301 is not in 0..=300"),
    ] {
        let refused = hub.line(&format!("method invoke {line}")).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
}
