use std::path::Path;

use rustix::process::Signal;

use crate::hub::Hub;
use crate::place::Place;

/// The names of a hub's devices.
fn devices(place: &Place) -> Vec<String> {
    let end = place.run(&["device", "list", "-o", "json"]);
    assert_eq!(end.code, Some(0), "{}", end.err);
    let devices: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    let id = |device: &serde_json::Value| device["deviceId"].as_str().unwrap().to_owned();
    devices.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn a_hub_is_backed_up_while_it_runs_and_put_back() {
    let place = Place::new();
    let (data, backup) = (place.path("data"), place.path("hub.backup"));
    let hub = Hub::start_in(place, &["--data", &data]);
    let ca = std::fs::read(hub.text("caFile")).unwrap();
    assert_eq!(hub.run(&["device", "create", "kept"]).code, Some(0));
    let end = hub.run(&["backup", &backup, "--data", &data]);
    assert_eq!((end.code, end.err.as_str()), (Some(0), ""));
    let end = hub.run(&["backup", &backup, "--data", &data]);
    assert_eq!(end.code, Some(1), "it does not replace one");
    assert_eq!(hub.run(&["device", "create", "later"]).code, Some(0));
    for command in [&["reset", "--data", &data][..], &["restore", &backup, "--data", &data]] {
        let end = hub.run(command);
        assert_eq!(end.code, Some(1));
        assert!(end.err.contains("a hub is running on it"), "{}", end.err);
    }
    let (_, place) = hub.stop(Signal::TERM);

    let end = place.run(&["reset", "--data", &data]);
    assert_eq!(end.code, Some(0), "{}", end.err);
    let hub = Hub::start_in(place, &["--data", &data]);
    assert_eq!(devices(&hub), ["dev1"]);
    assert_eq!(std::fs::read(hub.text("caFile")).unwrap(), ca, "clients go on trusting it");
    let (_, place) = hub.stop(Signal::TERM);

    // Into the same folder, and into a new one.
    for data in [data, place.path("elsewhere")] {
        let end = place.run(&["restore", &backup, "--data", &data]);
        assert_eq!(end.code, Some(0), "{}", end.err);
        let (program, ready) = Hub::start_beside(&place, &["--data", &data]);
        assert_eq!(devices(&place), ["dev1", "kept"]);
        assert_eq!(std::fs::read(ready["caFile"].as_str().unwrap()).unwrap(), ca);
        program.signal(Signal::TERM);
        assert_eq!(program.end().code, Some(0));
    }
}

#[test]
fn a_damaged_backup_is_refused_and_nothing_is_changed() {
    let place = Place::new();
    let (data, backup) = (place.path("data"), place.path("hub.backup"));
    let hub = Hub::start_in(place, &["--data", &data]);
    assert_eq!(hub.run(&["backup", &backup, "--data", &data]).code, Some(0));
    let (_, place) = hub.stop(Signal::TERM);
    let before = std::fs::read(place.path("data/hub.redb")).unwrap();
    let content = std::fs::read(&backup).unwrap();
    for len in [content.len() / 2, 0] {
        std::fs::write(&backup, &content[..len]).unwrap();
        let end = place.run(&["restore", &backup, "--data", &data]);
        assert_eq!(end.code, Some(1), "{len} bytes");
        assert!(end.err.starts_with(&format!("iothub: cannot restore: {backup}: damaged: ")), "{}", end.err);
        assert_eq!(end.err.lines().count(), 1, "{}", end.err);
        assert!(std::fs::read(place.path("data/hub.redb")).unwrap() == before);
    }
    assert!(!Path::new(&place.path("data/restoring")).exists(), "nothing of it is left");
}

#[test]
fn what_is_put_back_is_its_owners_and_what_was_there_stays_beside_it() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let (data, backup) = (place.path("data"), place.path("hub.backup"));
    let hub = Hub::start_in(place, &["--data", &data]);
    assert_eq!(hub.run(&["backup", &backup, "--data", &data]).code, Some(0));
    let (_, place) = hub.stop(Signal::TERM);
    let (file, aside) = (place.path("data/hub.redb"), place.path("data/hub.redb.before"));
    std::fs::set_permissions(&backup, PermissionsExt::from_mode(0o644)).unwrap();
    let mut before = std::fs::read(&file).unwrap();
    for _ in 0..2 {
        assert_eq!(place.run(&["restore", &backup, "--data", &data]).code, Some(0));
        assert!(std::fs::read(&aside).unwrap() == before);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        before = std::fs::read(&file).unwrap();
    }
}

#[test]
fn a_damaged_journal_is_one_line_that_says_what_to_do() {
    let place = Place::new();
    let data = place.path("data");
    let (_, place) = Hub::start_in(place, &["--data", &data]).stop(Signal::TERM);
    let file = place.path("data/hub.redb");
    let mut content = std::fs::read(&file).unwrap();
    let end = content.len();
    content.truncate(end / 2);
    std::fs::write(&file, content).unwrap();
    let end = place.run(&["up", "--mqtt-port", "0", "--https-port", "0", "--data", &data]);
    assert_eq!(end.code, Some(1));
    assert_eq!(end.err.lines().count(), 1, "{}", end.err);
    for part in [file.as_str(), "damaged: ", "iothub restore", "iothub reset"] {
        assert!(end.err.contains(part), "{}", end.err);
    }
    assert_eq!(place.run(&["reset", "--data", &data]).code, Some(0));
    assert_eq!(place.run(&["reset", "--data", &data]).code, Some(1), "there is nothing any longer");
}
