use crate::hub::Hub;
use crate::place::Place;
use crate::program::{End, Program};

#[test]
fn a_hub_is_named_by_option_by_variable_by_folder_or_by_running_here() {
    let place = Place::new();
    let data = place.path("data");
    let hub = Hub::start_in(place, &["--data", &data]);
    let (login, ca) = (hub.text("serviceConnectionString"), hub.text("caFile"));
    // From elsewhere nothing of it is found, as if it ran on another machine.
    let elsewhere = Place::new();
    for (place, arguments, variables) in [
        (&*hub, &[][..], &[][..]),
        (&*hub, &["--login", login], &[]),
        (&*hub, &[], &[("IOTHUB_CONNECTION_STRING", login)]),
        (&elsewhere, &["--login", login, "--ca", ca], &[]),
        (&elsewhere, &["--login", login], &[("IOTHUB_CA_FILE", ca)]),
        (&elsewhere, &["--ca", ca], &[("IOTHUB_CONNECTION_STRING", login)]),
        (&elsewhere, &[], &[("IOTHUB_CONNECTION_STRING", login), ("IOTHUB_CA_FILE", ca)]),
        (&elsewhere, &["--hub-data", &data], &[]),
        // What is said on the command line counts more.
        (&elsewhere, &["--hub-data", &data], &[("IOTHUB_CONNECTION_STRING", "HostName=a;SharedAccessKey=x")]),
        (&elsewhere, &["--login", login, "--ca", ca], &[("IOTHUB_CA_FILE", "/nowhere")]),
        // Empty is unset.
        (&*hub, &[], &[("IOTHUB_CONNECTION_STRING", ""), ("IOTHUB_CA_FILE", "")]),
    ] {
        let list = listed(place, arguments, variables).json();
        assert_eq!(list[0]["deviceId"], "dev1", "{arguments:?} {variables:?}");
    }
}

#[test]
fn what_names_no_hub_is_one_line() {
    let place = Place::new();
    let pem = place.file("not.pem", b"nothing");
    let closed = "HostName=127.0.0.1:1;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0";
    let device = "HostName=127.0.0.1:1;DeviceId=d;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0";
    for (arguments, variables, code, part) in [
        (&[][..], &[][..], 6, "none runs here (start one with `iothub up`)"),
        (&["--login", "nonsense"], &[], 2, "--login: "),
        (&["--login", ""], &[], 2, "--login"),
        (&["--login", "HostName=h"], &[], 2, "SharedAccessKey is missing"),
        (&["--login", device], &[], 2, "the connection string of a device"),
        (&["--login", closed], &[], 6, "cannot reach 127.0.0.1:1"),
        (&["--login", closed, "--ca", "/nowhere"], &[], 1, "cannot read the CA file /nowhere"),
        (&["--login", closed, "--ca", &pem], &[], 2, "no certificate"),
        (&["--hub-data", "/nowhere"], &[], 6, "no hub runs with its data in /nowhere"),
        (&[], &[("IOTHUB_CONNECTION_STRING", "nonsense")], 2, "IOTHUB_CONNECTION_STRING: "),
        (&[], &[("IOTHUB_CONNECTION_STRING", closed)], 6, "named by IOTHUB_CONNECTION_STRING"),
    ] {
        let line = listed(&place, arguments, variables).refused(code);
        assert!(line.contains(part), "{arguments:?} {variables:?}: {line}");
    }
}

#[test]
fn a_hub_whose_authority_nobody_vouches_for_is_not_spoken_to() {
    let hub = Hub::start();
    let other = Hub::start();
    let elsewhere = Place::new();
    let login = hub.text("serviceConnectionString");
    let line = listed(&elsewhere, &["--login", login], &[]).refused(1);
    assert!(line.contains("name its CA with --ca FILE"), "{line}");
    let line = listed(&elsewhere, &["--login", login, "--ca", other.text("caFile")], &[]).refused(1);
    assert!(line.contains("does the CA file belong to this hub?"), "{line}");
}

#[test]
fn the_key_of_an_earlier_hub_is_told_from_a_policy_that_may_not() {
    let earlier = Hub::start();
    let hub = Hub::start();
    let key =
        |hub: &Hub| hub.text("serviceConnectionString").split_once(";SharedAccessKey=").unwrap().1.to_owned();
    let login = hub.text("serviceConnectionString").replace(&key(&hub), &key(&earlier));
    let line = listed(&hub, &["--login", &login, "--ca", hub.text("caFile")], &[]).refused(4);
    assert!(line.contains("is the key in --login that of this hub"), "{line}");
    let variables = [("IOTHUB_CONNECTION_STRING", &*login), ("IOTHUB_CA_FILE", hub.text("caFile"))];
    let line = listed(&hub, &[], &variables).refused(4);
    assert!(line.contains("is IOTHUB_CONNECTION_STRING that of an earlier hub?"), "{line}");
}

/// Lists the devices, with these arguments and variables.
fn listed(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> End {
    let mut command = place.command(&[&["device", "list"], arguments].concat());
    command.envs(variables.iter().copied());
    Program::start(command, b"").end()
}
