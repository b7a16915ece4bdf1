use crate::hub::Hub;

const KEYS: [&str; 2] =
    ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="];

#[test]
fn a_device_is_created_listed_shown_and_deleted() {
    let hub = Hub::start_in(crate::place::Place::new(), &["--no-device"]);
    assert_eq!(hub.line("device list").ok(), "[]\n");
    let created = hub.line("device create pump-7 --status-reason new").json();
    assert_eq!((&created["deviceId"], &created["status"]), (&"pump-7".into(), &"enabled".into()));
    assert_eq!(created["statusReason"], "new");
    hub.line("device create --device-id pump-8 --status disabled --edge-enabled").json();

    let list = hub.line("device list").json();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|device| &device["deviceId"]).collect();
    assert_eq!(ids, ["pump-7", "pump-8"]);
    assert_eq!(hub.line("device list --top 1").json().as_array().unwrap().len(), 1);
    assert_eq!(hub.line("device show pump-7").json(), created);
    assert_eq!(hub.line("device show -d pump-8").json()["capabilities"]["iotEdge"], true);

    assert_eq!(hub.line("device delete pump-7").ok(), "");
    let line = hub.line("device show pump-7").refused(3);
    assert_eq!(line, "no device named pump-7 in this hub (create it with `iothub device create pump-7`)");
}

#[test]
fn keys_are_exchanged_one_after_the_other() {
    let hub = Hub::start();
    let keys = || {
        let device = hub.line("device show dev1 --show-keys").json();
        let keys = &device["authentication"]["symmetricKey"];
        (keys["primaryKey"].as_str().unwrap().to_owned(), keys["secondaryKey"].as_str().unwrap().to_owned())
    };
    let (first, second) = keys();
    assert!(!hub.line("device renew-key dev1 --key-type primary").ok().contains(&keys().0), "not shown");
    let (renewed, same) = keys();
    assert!(renewed != first && same == second && renewed.len() == 44);
    hub.line("device renew-key dev1 --kt swap").json();
    assert_eq!(keys(), (second.clone(), renewed.clone()));
    hub.line("device renew-key dev1 --kt secondary").json();
    assert!(keys().0 == second && keys().1 != renewed);
    hub.line("device renew-key dev1 --kt both").json();
    assert!(keys().0 != second && keys().0 != keys().1);
    hub.line("device create x --am x509_ca").json();
    assert!(hub.line("device renew-key x --kt both").refused(1).contains("certificateAuthority"));
}

#[test]
fn tables_are_for_people() {
    let hub = Hub::start();
    let list = hub.line("device list -o table").ok();
    let lines: Vec<Vec<_>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["DEVICE", "STATUS", "CONNECTION", "LAST", "ACTIVITY", "WAITING"]);
    assert_eq!(lines[1], ["dev1", "enabled", "Disconnected", "never", "0"]);
    let shown = hub.line("device show dev1 -o table").ok();
    for part in ["device            dev1\n", "last activity     never\n", "--show-keys"] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    let deleted = hub.line("device delete dev1 -o table");
    assert_eq!((deleted.code, &*deleted.out, &*deleted.err), (Some(0), "", "iothub: deleted dev1\n"));
}

#[test]
fn keys_are_the_ones_given_and_show_only_when_asked_for() {
    let hub = Hub::start();
    let [first, second] = KEYS;
    let create = ["device", "create", "pump-7", "--primary-key", first, "--secondary-key", second];
    let created = hub.run(&create).ok();
    let shown = hub.line("device show pump-7").ok();
    let listed = hub.line("device list").ok();
    let tables = hub.line("device show pump-7 -o table").ok();
    for text in [created, shown, listed, tables] {
        assert!(!text.contains(first) && !text.contains(second), "{text}");
    }
    let keys = hub.line("device show pump-7 --show-keys").json();
    let keys = &keys["authentication"]["symmetricKey"];
    assert_eq!((&keys["primaryKey"], &keys["secondaryKey"]), (&first.into(), &second.into()));
    let table = hub.line("device show pump-7 --show-keys -o table").ok();
    assert!(table.contains(first) && table.contains(second), "{table}");
}

#[test]
fn a_connection_string_is_what_the_device_connects_with() {
    let hub = Hub::start();
    let [first, second] = KEYS;
    hub.run(&["device", "create", "pump-7", "--primary-key", first, "--secondary-key", second]).json();
    hub.line("module create pump-7 camera").json();
    let host = hub.text("deviceConnectionString").split(';').next().unwrap();
    for (arguments, string) in [
        ("pump-7", format!("{host};DeviceId=pump-7;SharedAccessKey={first}")),
        ("pump-7 --key-type secondary", format!("{host};DeviceId=pump-7;SharedAccessKey={second}")),
        ("dev1", hub.text("deviceConnectionString").to_owned()),
    ] {
        let line = hub.line(&format!("device connection-string {arguments}")).ok();
        assert_eq!(line, format!("{string}\n"), "{arguments}");
        let json = hub.line(&format!("device connection-string {arguments} -o json")).json();
        assert_eq!(json["connectionString"], string, "{arguments}");
    }
    let module = hub.line("device connection-string pump-7 --module-id camera").ok();
    assert!(
        module.starts_with(&format!("{host};DeviceId=pump-7;ModuleId=camera;SharedAccessKey=")),
        "{module}"
    );
}

#[test]
fn a_device_that_is_disabled_is_disconnected_and_not_let_in() {
    let hub = Hub::start();
    let device = hub.simulate("dev1 --no-telemetry");
    let updated =
        hub.run(&["device", "update", "dev1", "--status", "disabled", "--status-reason", "not paid"]);
    let updated = updated.json();
    assert_eq!((&updated["status"], &updated["statusReason"]), (&"disabled".into(), &"not paid".into()));
    let end = device.end();
    assert_eq!(end.code, Some(1));
    assert!(
        end.err.starts_with("iothub: dev1 cannot connect again: refused by the hub: not authorized"),
        "{}",
        end.err
    );
    let line = hub.line("device simulate dev1").refused(1);
    assert!(line.starts_with("dev1 cannot connect: refused by the hub: not authorized"), "{line}");
    hub.line("device update dev1 --status enabled").json();
    drop(hub.simulate("dev1 --no-telemetry"));
}

#[test]
fn an_etag_keeps_what_somebody_else_has_changed() {
    let hub = Hub::start();
    let etag = |hub: &Hub| hub.line("device show dev1").json()["etag"].as_str().unwrap().to_owned();
    let old = etag(&hub);
    hub.line(&format!("device update dev1 --status disabled --if-match {old}")).json();
    for command in ["update dev1 --status enabled", "delete dev1"] {
        let line = hub.line(&format!("device {command} --if-match {old}")).refused(5);
        assert!(line.starts_with("dev1 has been changed since that etag was read"), "{command}: {line}");
    }
    let new = etag(&hub);
    assert_eq!(hub.line(&format!("device delete dev1 --etag {new}")).ok(), "");
}

#[test]
fn what_cannot_be_done_with_a_device_is_one_line_that_names_it() {
    let hub = Hub::start();
    let none = "no device named pump-7 in this hub (create it with `iothub device create pump-7`)";
    for (line, code, part) in [
        ("device create dev1", 5, "device dev1 exists already"),
        (
            "device create pump-7 --primary-key c2hvcnQ= --secondary-key c2hvcnQ=",
            1,
            "must be base64 of 16 to 64 bytes",
        ),
        ("device show pump-7", 3, none),
        ("device delete pump-7", 3, none),
        ("device update pump-7 --status enabled", 3, none),
        ("device connection-string pump-7", 3, none),
        ("device send pump-7 --data x", 3, none),
        ("device simulate pump-7", 3, none),
        ("sas --device pump-7", 3, none),
        ("device connection-string dev1 -m camera", 3, "no module named camera on device dev1"),
    ] {
        let refused = hub.line(line).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
}

#[test]
fn a_message_waits_for_the_device_and_arrives_as_it_was_sent() {
    let hub = Hub::start();
    let sent =
        hub.run(&["device", "send", "dev1", "--data", "valve 3", "--property", "a=b", "--property", "c=d=e"]);
    assert_eq!(sent.ok(), "");
    assert_eq!(hub.line("device show dev1").json()["cloudToDeviceMessageCount"], 1);
    let file = hub.file("message.bin", "from a file, \u{fc}".as_bytes());
    assert_eq!(hub.run(&["device", "send", "dev1", "--data", &format!("@{file}")]).ok(), "");
    let mut device = hub.simulate("dev1 --no-telemetry");
    let piped =
        crate::program::Program::start(hub.command(&["device", "send", "dev1", "--data", "-"]), b"line\n");
    assert_eq!(piped.end().ok(), "");
    for (payload, properties) in [
        ("valve 3", serde_json::json!([["a", "b"], ["c", "d=e"]])),
        ("from a file, \u{fc}", serde_json::json!([])),
        ("line\n", serde_json::json!([])),
    ] {
        let command = device.json_with("event", "command");
        assert_eq!((&command["payload"], &command["properties"]), (&payload.into(), &properties));
    }
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let hub = Hub::start();
    for (len, part) in [(70_000, "at most 65536"), (1024 * 1024 + 1, "more than 1048576 bytes")] {
        let file = hub.file("long", &vec![b'x'; len]);
        let line = hub.run(&["device", "send", "dev1", "--data", &format!("@{file}")]).refused(1);
        assert!(line.contains(part), "{len}: {line}");
    }
    let line = hub.line("device send dev1 --data @nothing").refused(1);
    assert!(line.starts_with("--data @nothing: "), "{line}");
}

#[test]
fn what_was_refused_to_a_device_is_told_with_what_to_do() {
    let hub = Hub::start();
    let nothing = hub.line("device show dev1 --diagnose");
    assert_eq!((nothing.code, &*nothing.out), (Some(0), ""));
    assert!(nothing.err.contains("nothing was refused to dev1"), "{}", nothing.err);
    hub.line("method invoke dev1 reboot").refused(6);
    hub.line("method invoke dev1 reboot").refused(6);
    let record = hub.line("device show dev1 --diagnose").json();
    assert_eq!((record["rule"].as_str(), record["count"].as_u64()), (Some("DeviceNotOnline"), Some(2)));
    // Of one that is not there as well, for people.
    hub.line("device show pump-9").refused(3);
    let page = hub.line("device show pump-9 --diagnose -o table").ok();
    assert!(page.contains("DeviceNotFound") && page.contains("to do"), "{page}");
}

#[test]
fn what_becomes_of_a_message_is_told() {
    let hub = Hub::start();
    hub.line("device send dev1 --data one --message-id m1 --ack full").ok();
    hub.line("device send dev1 --data two").ok();
    hub.line("device send dev1 --data three --ack full").refused(2);
    let waiting = hub.line("device messages dev1").ok();
    assert_eq!(waiting.lines().count(), 2, "{waiting}");
    let table = hub.line("device messages dev1 -o table").ok();
    assert!(table.contains("waiting") && table.contains("two"), "{table}");
    assert_eq!(hub.line("feedback").out, "");
    assert_eq!(hub.line("device messages dev1 --purge").json()["purged"], 2);
    for _ in 0..2 {
        assert_eq!(hub.line("feedback --peek").json()["statusCode"], "Purged");
    }
    assert_eq!(hub.line("feedback").json()["originalMessageId"], "m1");
    assert_eq!(hub.line("feedback").out, "");
    assert_eq!(hub.line("device messages dev1 --dead").out, "", "a purge is nobody's fault");
}

#[test]
fn a_file_goes_from_a_device_to_whoever_asks_for_it() {
    let hub = Hub::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("log.txt"), "all is well").unwrap();
    let upload = format!("device upload-file dev1 --file-path {} --content-type text/plain", path("log.txt"));
    assert_eq!(hub.line(&upload).json()["blobName"], "dev1/log.txt");
    assert_eq!(hub.line(&format!("{upload} --name logs/monday.txt")).json()["length"], 11);
    hub.line(&format!("{upload} --name ../x")).refused(1);
    hub.line(&format!("device upload-file dev1 --file-path {}", path("nothing"))).refused(1);
    let told = hub.line("file monitor --no-wait --peek").ok();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert_eq!(hub.line("file monitor --no-wait").ok().lines().count(), 2);
    assert_eq!(hub.line("file monitor --no-wait").out, "");
    assert_eq!(hub.line("file list --device-id dev1").ok().lines().count(), 2);
    assert_eq!(hub.line("file list --prefix dev1/logs/").json()["contentType"], "text/plain");
    let out = path("copy.txt");
    assert_eq!(hub.line(&format!("file download dev1/log.txt --file {out}")).json()["length"], 11);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "all is well");
    hub.line(&format!("file download dev1/log.txt --file {out}")).refused(1);
    let other = path("other.txt");
    hub.line(&format!("file download dev1/nothing.txt --file {other}")).refused(3);
    assert!(!std::path::Path::new(&other).exists());
    assert_eq!(hub.line("file download dev1/log.txt --file -").ok().trim_end(), "all is well");
    hub.line("file delete dev1/log.txt").ok();
    for gone in ["file delete dev1/log.txt", "file download dev1/log.txt"] {
        hub.line(gone).refused(3);
    }
}
