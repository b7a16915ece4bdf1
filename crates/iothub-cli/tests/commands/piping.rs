use crate::hub::Hub;
use crate::place::Place;
use crate::program::Program;

#[test]
fn a_reader_that_is_gone_is_no_error() {
    let hub = Hub::start();
    let device = hub.simulate("dev1 --interval 10ms");
    for line in [
        "--help",
        "-h",
        "help",
        "help device",
        "help method invoke",
        "up --help",
        "env --help",
        "demo --help",
        "monitor --help",
        "sas --help",
        "device --help",
        "device create --help",
        "device list --help",
        "device show --help",
        "device connection-string --help",
        "device update --help",
        "device delete --help",
        "device send --help",
        "device simulate --help",
        "module create --help",
        "module list --help",
        "module show --help",
        "module delete --help",
        "twin show --help",
        "twin update --help",
        "twin replace --help",
        "method invoke --help",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let end = Program::start_unheard(hub.command(&words)).end();
        assert_eq!(
            (end.code, end.err.replace("iothub: watching localhost; Ctrl-C ends it\n", "")),
            (Some(0), String::new()),
            "{line}"
        );
    }
    drop(device);
    let end =
        Program::start_unheard(hub.command(&["device", "simulate", "dev1", "--interval", "10ms"])).end();
    assert_eq!((end.code, &*end.err), (Some(0), ""));
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    // Not every Unix has this.
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let hub = Hub::start();
    let mut command = hub.command(&["device", "list"]);
    command.stdout(full).stderr(std::process::Stdio::piped());
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.starts_with("iothub: cannot write to standard output: "), "{err}");
}

#[test]
fn a_script_can_go_through_a_list() {
    let hub = Hub::start();
    let script = r#"
        set -e
        for pump in 1 2 3; do iothub device create pump-$pump >/dev/null; done
        iothub device list -o table | sed 1d | while read -r device rest; do
            echo "$device" "$(iothub device connection-string "$device" | cut -d ';' -f 2)"
        done
        iothub device show pump-4 2>/dev/null || echo "status $?"
        iothub device shwo pump-4 2>/dev/null || echo "status $?"
    "#;
    let expected = "dev1 DeviceId=dev1\npump-1 DeviceId=pump-1\npump-2 DeviceId=pump-2\npump-3 DeviceId=pump-3\n\
                    status 3\nstatus 2\n";
    assert_eq!(hub.shell(script).ok(), expected);
}

#[test]
fn help_is_a_result() {
    let place = Place::new();
    for line in
        ["--help", "-h", "help", "help device", "device --help", "device create --help", "help method invoke"]
    {
        let text = place.line(line).ok();
        assert!(text.contains("Usage: iothub"), "{line}: {text}");
        let wide = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{line} is wider than it says");
    }
    assert!(place.line("--version").ok().starts_with("iothub "));
}
