use crate::hub::Hub;

#[test]
fn a_module_is_created_listed_shown_played_and_deleted() {
    let hub = Hub::start();
    assert_eq!(hub.line("module list dev1").ok(), "[]\n");
    let created = hub.line("module create dev1 camera --managed-by us").json();
    assert_eq!((&created["deviceId"], &created["moduleId"]), (&"dev1".into(), &"camera".into()));
    assert_eq!(created["managedBy"], "us");
    assert_eq!(hub.line("module show -d dev1 -m camera").json(), created);
    let keys = hub.line("module show dev1 camera --show-keys").json();
    assert!(keys["authentication"]["symmetricKey"]["primaryKey"].is_string(), "{keys}");
    assert!(created["authentication"]["symmetricKey"].get("primaryKey").is_none(), "{created}");
    let list = hub.line("module list dev1").json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["moduleId"]), (1, &"camera".into()));
    assert!(list[0]["authentication"]["symmetricKey"].get("primaryKey").is_none(), "{list}");
    let table = hub.line("module list dev1 -o table").ok();
    assert!(table.lines().nth(1).unwrap().starts_with("camera  Disconnected  never"), "{table}");

    let mut module = hub.simulate("dev1 --module-id camera --no-telemetry");
    let answer = hub.run(&["method", "invoke", "dev1", "shoot", "{\"n\":1}", "-m", "camera"]).json();
    assert_eq!((&answer["status"], &answer["payload"]["n"]), (&200.into(), &1.into()));
    assert_eq!(module.json_with("event", "method")["name"], "shoot");

    let desired = hub.line(r#"twin update dev1 -m camera --desired {"zoom":2}"#).json();
    assert_eq!(
        (&desired["moduleId"], &desired["properties"]["desired"]["zoom"]),
        (&"camera".into(), &2.into())
    );
    assert_eq!(module.json_with("event", "reported")["properties"]["zoom"], 2);

    assert_eq!(hub.line("module delete dev1 camera").ok(), "");
    assert_eq!(module.end().code, Some(1));
}

#[test]
fn what_cannot_be_done_with_a_module_is_one_line_that_names_it() {
    let hub = Hub::start();
    hub.line("module create dev1 camera").json();
    let no_device = "no device named pump-7 in this hub";
    let no_module = "no module named m on device dev1 (create it with `iothub module create dev1 m`)";
    for (line, code, part) in [
        ("module create dev1 camera", 5, "module camera exists already on device dev1"),
        ("module create pump-7 m", 3, no_device),
        ("module list pump-7", 3, no_device),
        ("module show dev1 m", 3, no_module),
        ("module delete dev1 m", 3, no_module),
        ("twin show dev1 -m m", 3, no_module),
        ("device simulate dev1 -m m", 3, no_module),
        ("module create dev1", 2, "no <MODULE> given"),
        ("module show dev1 a/b", 2, "not a module name from byte 1 on"),
        ("module show dev1 camera more", 2, "unexpected argument 'more'"),
    ] {
        let refused = hub.line(line).refused(code);
        assert!(refused.contains(part), "{line}: {refused}");
    }
}
