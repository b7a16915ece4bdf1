use rustix::process::Signal;
use serde_json::Value;

use crate::hub::Hub;
use crate::place::Place;

#[test]
fn each_shell_is_told_all_variables_in_its_own_words() {
    let hub = Hub::start();
    let variables = hub.line("env -o json").json();
    assert_eq!(variables, hub.ready["environment"]);
    for name in ["IOTHUB_CONNECTION_STRING", "IOTHUB_DEVICE_CONNECTION_STRING", "IOTHUB_CA_FILE"]
        .into_iter()
        .chain(["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    {
        let value = variables[name].as_str().unwrap_or_else(|| panic!("{name} is missing: {variables}"));
        for (shell, line) in [
            ("bash", format!("export {name}='{value}'")),
            ("zsh", format!("export {name}='{value}'")),
            ("fish", format!("set -gx {name} '{value}'")),
            ("powershell", format!("$env:{name} = '{value}'")),
            ("cmd", format!("set \"{name}={value}\"")),
        ] {
            let text = hub.line(&format!("env --shell {shell}")).ok();
            assert!(text.lines().any(|found| found == line), "{shell}: no line {line} in\n{text}");
            assert_eq!(text.lines().count(), variables.as_object().unwrap().len(), "{shell}");
        }
    }
}

#[test]
fn the_shell_is_the_one_of_whoever_asks() {
    let hub = Hub::start();
    for (shell, beginning) in [("/usr/bin/fish", "set -gx "), ("/bin/bash", "export ")] {
        let mut command = hub.command(&["env"]);
        let text = crate::program::Program::start(
            {
                command.env("SHELL", shell);
                command
            },
            b"",
        )
        .end()
        .ok();
        assert!(text.lines().all(|line| line.starts_with(beginning)), "{shell}: {text}");
    }
}

#[test]
fn eval_in_a_real_shell_sets_what_the_commands_then_use() {
    let hub = Hub::start();
    let out = hub.shell(
        r#"eval "$(iothub env --shell bash)" && echo "$IOTHUB_CONNECTION_STRING" && iothub device list"#,
    );
    let out = out.ok();
    let (first, list) = out.split_once('\n').unwrap();
    assert_eq!(first, hub.text("serviceConnectionString"));
    assert_eq!(serde_json::from_str::<Value>(list).unwrap()[0]["deviceId"], "dev1");
}

#[test]
fn of_several_hubs_it_is_the_last_or_the_one_with_the_folder() {
    let place = Place::new();
    let data = ["first", "second"].map(|name| place.path(name));
    let first = Hub::start_in(place, &["--data", &data[0], "--device", "pump-1"]);
    let (second, ready) = Hub::start_beside(&first, &["--data", &data[1], "--device", "pump-2"]);
    let named = |arguments: &[&str]| {
        let environment = first.run(&[&["env", "-o", "json"], arguments].concat()).json();
        environment["IOTHUB_CONNECTION_STRING"].clone()
    };
    assert_eq!(named(&[]), ready["serviceConnectionString"]);
    assert_eq!(named(&["--data", &data[0]]), first.ready["serviceConnectionString"]);
    assert_eq!(named(&["--data", &data[1]]), ready["serviceConnectionString"]);
    // When the last one stops, the one before it is the last.
    second.signal(Signal::TERM);
    assert_eq!(second.end().code, Some(0));
    assert_eq!(named(&[]), first.ready["serviceConnectionString"]);
    let line = first.run(&["env", "--data", &data[1]]).refused(6);
    let folder = &data[1];
    assert_eq!(
        line,
        format!("no hub runs with its data in {folder} (start it with `iothub up --data {folder}`)")
    );
}

#[test]
fn where_no_hub_runs_one_line_says_so() {
    let place = Place::new();
    assert_eq!(place.line("env").refused(6), "no hub runs here (start one with `iothub up`)");
    assert_eq!(
        place.shell(r#"eval "$(iothub env 2>/dev/null)"; echo "${IOTHUB_CA_FILE-unset}""#).ok(),
        "unset\n"
    );
}
