use crate::place::Place;

#[test]
fn what_is_no_command_line_is_one_line_that_says_what_would_be_one() {
    let place = Place::new();
    for (line, part) in [
        ("dveice list", "a similar subcommand exists: 'device'"),
        ("device craete x", "a similar subcommand exists: 'create'"),
        ("device list --topp 4", "a similar argument exists: '--top'"),
        ("device list --nonsense", "unexpected argument '--nonsense'"),
        ("device list -o yaml", "[possible values: table, json, ndjson, csv]"),
        ("device create", "<DEVICE"),
        ("device create a/b", "not a device name from byte 1 on"),
        ("device create a b", "unexpected argument 'b'"),
        ("device create a -d b", "cannot be used with"),
        ("device update dev1 --status off", "expected one of enabled, disabled"),
        ("device send dev1", "--data <TEXT>"),
        ("device send dev1 --data x --property a", "write NAME=VALUE"),
        ("device list --login a --hub-data b", "cannot be used with"),
        ("device simulate dev1 --interval 0", "not even a millisecond"),
        ("device simulate dev1 --method reboot", "write NAME=STATUS:JSON"),
        ("up --mqtt-port 65536", "65536 is not in 0..=65535"),
        ("up --connections 0", "0 is not in 1..=1000000"),
        ("up --bind nowhere", "--bind"),
        ("up --device a --no-device", "cannot be used with"),
        ("up --log loud", "[possible values: off, error, warn, info, debug, trace]"),
        ("env --shell tcsh", "[possible values: bash, fish, powershell, cmd]"),
        ("monitor --count 0", "--count"),
        ("demo more", "unexpected argument 'more'"),
    ] {
        let refused = place.line(line).refused(2);
        assert!(refused.contains(part), "{line}: {refused}");
        assert!(refused.ends_with("(`--help` tells more)"), "{line}: {refused}");
    }
}

#[test]
fn a_command_that_is_not_finished_is_answered_with_what_it_can_be() {
    let place = Place::new();
    for (arguments, part) in [
        (&[][..], "  monitor  "),
        (&["device"], "  connection-string  "),
        (&["module"], "  create  "),
        (&["twin"], "  replace  "),
        (&["method"], "  invoke  "),
    ] {
        let end = place.run(arguments);
        assert_eq!((end.code, &*end.out), (Some(2), ""), "{arguments:?}");
        assert!(end.err.contains("Usage: iothub") && end.err.contains(part), "{arguments:?}: {}", end.err);
    }
}

#[test]
fn what_lies_beneath_an_error_is_told_when_asked_for() {
    let place = Place::new();
    let end = place.line("device list --verbose");
    assert_eq!((end.code, &*end.out), (Some(6), ""));
    let lines: Vec<_> = end.err.lines().collect();
    assert!(lines.len() > 1 && lines[0].starts_with("iothub: "), "{lines:?}");
    assert!(lines[1..].iter().all(|line| line.starts_with("  because: ")), "{lines:?}");
}
