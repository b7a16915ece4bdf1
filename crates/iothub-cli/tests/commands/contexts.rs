use serde_json::{Value, json};

use crate::hub::Hub;
use crate::place::Place;
use crate::program::{End, Program};

#[test]
fn the_hub_that_is_meant_is_named_by_option_then_variable_then_context_then_chance() {
    // Nobody listens there: that a command wants to go there shows in what it says.
    let place = Place::new();
    for name in ["option", "variable", "first", "second"] {
        let line = format!("context add {name} --login {}", login(name));
        assert_eq!(place.line(&line).json()["name"], name);
    }
    assert!(place.line("device list").refused(6).contains("none runs here"));
    place.line("context use first").ok();
    for (arguments, variables, origin) in [
        ("", &[][..], "named by context first"),
        ("", &[("IOTHUB_CONTEXT", "second")], "named by context second"),
        (
            "",
            &[("IOTHUB_CONTEXT", "second"), ("IOTHUB_CONNECTION_STRING", &login("variable"))],
            "named by IOTHUB_CONNECTION_STRING",
        ),
        (" --context first", &[("IOTHUB_CONNECTION_STRING", &login("variable"))], "named by context first"),
        (" --context first", &[("IOTHUB_CONTEXT", "second")], "named by context first"),
        (
            " --login HostName=127.0.0.1:1;SharedAccessKeyName=o;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0",
            &[],
            "named by --login",
        ),
    ] {
        let refused = with(&place, &format!("device list{arguments}"), variables).refused(6);
        assert!(refused.contains(origin), "{arguments} {variables:?}: {refused}");
    }
    place.line("context use --none").ok();
    assert!(place.line("device list").refused(6).contains("none runs here"));
}

#[test]
fn a_context_reaches_its_hub_with_its_ca_and_forgets_it() {
    let hub = Hub::start();
    let elsewhere = Place::new();
    let (login, ca) = (hub.text("serviceConnectionString"), hub.text("caFile"));
    let file = elsewhere.file("login.txt", format!("{login}\n").as_bytes());
    elsewhere.run(&["context", "add", "lab", "--login", &format!("@{file}"), "--ca", ca, "--use"]).json();
    let mut command = elsewhere.command(&["device", "list"]);
    // Its port is not in its name: it is found as the hub that has this connection string.
    command.env("XDG_RUNTIME_DIR", hub.path("run"));
    assert_eq!(Program::start(command, b"").end().json()[0]["deviceId"], "dev1");
    elsewhere.line("context remove lab").ok();
    assert!(elsewhere.line("device list --context lab").refused(3).contains("no context named lab"));
    assert_eq!(elsewhere.line("context list").json(), json!([]));
}

#[test]
fn contexts_are_listed_and_shown_without_keys_in_a_file_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    assert!(place.line("context show").refused(3).contains("no context is in use"));
    let mut said = String::new();
    for name in ["b", "a"] {
        said += &place.line(&format!("context add {name} --login {}", login(name))).ok();
    }
    place.line("context use b").ok();
    let listed = place.line("context list").json();
    let names: Vec<(&Value, &Value)> =
        listed.as_array().unwrap().iter().map(|each| (&each["name"], &each["inUse"])).collect();
    assert_eq!(names, [(&json!("a"), &json!(false)), (&json!("b"), &json!(true))]);
    assert_eq!(place.line("context show").json(), place.line("context show b").json());
    for line in ["context list", "context list -o table", "context show a -o table", "context show"] {
        said += &place.line(line).ok();
    }
    assert!(said.contains("127.0.0.1:1") && !said.contains("c2VjcmV0"), "{said}");

    let again = format!("context add a --login {}", login("other"));
    assert!(place.line(&again).refused(5).contains("exists already"));
    assert_eq!(place.line(&format!("{again} --replace")).json()["policy"], "other");
    assert!(place.line("context use c").refused(3).contains("no context named c"));
    assert!(place.line("context add x").refused(6).contains("none runs here"));
    assert!(place.line("context add x --login HostName=h").refused(2).contains("--login"));

    let file = place.path("home/.config/iothub/contexts.json");
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&place.path("home/.config/iothub"))), (0o600, 0o700));
    let folder = std::fs::read_dir(place.path("home/.config/iothub")).unwrap();
    let mut left: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["contexts.json", "contexts.lock"], "something half written is left");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(place.line("context list").err.contains("open to others"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "{").unwrap();
    assert!(place.line("context list").refused(1).contains("contexts.json"));
}

#[test]
fn of_many_that_add_at_once_none_is_lost() {
    let place = Place::new();
    let adding: Vec<Program> = (0..8)
        .map(|number| place.start(&["context", "add", &format!("hub-{number}"), "--login", &login("owner")]))
        .collect();
    adding.into_iter().for_each(|program| drop(program.end().json()));
    assert_eq!(place.line("context list").json().as_array().unwrap().len(), 8);
}

fn login(policy: &str) -> String {
    format!("HostName=127.0.0.1:1;SharedAccessKeyName={policy};SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0")
}

fn with(place: &Place, line: &str, variables: &[(&str, &str)]) -> End {
    let mut command = place.command(&line.split(' ').collect::<Vec<_>>());
    command.envs(variables.iter().copied());
    Program::start(command, b"").end()
}
