use iothub_codec::Dialect;
use serde_json::{Value, json};

use crate::speaker::Hello;
use crate::world::World;

/// What is remembered about a device: rule, what was refused, whom it concerns.
fn remembered(world: &mut World, device: &str) -> Vec<[String; 3]> {
    let (status, records) = world.rest("GET", &format!("/$local/devices/{device}/refusals"), json!(null));
    assert_eq!(status, 200);
    let records = records.as_array().unwrap();
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    for record in records {
        assert!(!text(record, "why").is_empty() && text(record, "advice").ends_with('.'), "{record}");
    }
    records.iter().map(|record| ["rule", "what", "who"].map(|name| text(record, name))).collect()
}

#[test]
fn every_refusal_is_remembered_with_its_rule() {
    type Deed = fn(&mut World);
    const CONNECT: &str = "CONNECT refused";
    const CLOSED: &str = "connection closed by the hub";
    const REQUEST: &str = "request refused";
    fn greet(world: &mut World, id: &str, password: Option<String>) {
        let mut greeting = world.greeting("dev1");
        greeting.client_id = id.into();
        greeting.username = format!("hub1.test/{id}/?api-version=x");
        greeting.password = password.map(String::into_bytes);
        assert!(world.greet(&greeting).1.is_err());
    }
    let rows: &[(&str, Deed, &str, &str, &str)] = &[
        (
            "none",
            |w| {
                let token = w.token("dev1", 60);
                greet(w, "none", Some(token))
            },
            "not-registered",
            CONNECT,
            "none",
        ),
        ("dev1", |w| greet(w, "dev1", None), "no-proof", CONNECT, "dev1"),
        ("dev1", |w| greet(w, "dev1", Some("secret".into())), "unreadable-proof", CONNECT, "dev1"),
        (
            "dev1",
            |w| {
                let token = w.token("dev1", 60).replace("sig=", "sig=A");
                greet(w, "dev1", Some(token))
            },
            "wrong-key",
            CONNECT,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.create_device("dev2");
                let token = w.token("dev2", 60);
                greet(w, "dev1", Some(token))
            },
            "foreign-proof",
            CONNECT,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                let token = w.policy_token("service");
                greet(w, "dev1", Some(token))
            },
            "missing-right",
            CONNECT,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                let token = w.token("dev1", 60);
                w.pass(core::time::Duration::from_secs(400));
                greet(w, "dev1", Some(token));
            },
            "expired-proof",
            CONNECT,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.rest_if(
                    "PUT",
                    "/devices/dev1",
                    json!({"deviceId": "dev1", "status": "disabled"}),
                    Some("*"),
                );
                let token = w.token("dev1", 60);
                greet(w, "dev1", Some(token));
            },
            "disabled",
            CONNECT,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.connect("dev1");
                w.connect("dev1");
            },
            "taken-over",
            CLOSED,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.connect("dev1");
                w.rest_if("DELETE", "/devices/dev1", json!(null), Some("*"));
            },
            "changed-in-registry",
            CLOSED,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                let line = w.connect("dev1");
                w.publish(line, "nowhere", b"", None);
            },
            "unreadable-message",
            CLOSED,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                let line = w.connect("dev1");
                w.subscribe(line, &[("nowhere/#", 0)]);
            },
            "refused-subscription",
            "subscription refused",
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.rest("POST", "/twins/dev1/methods", json!({"methodName": "reboot"}));
            },
            "DeviceNotOnline",
            REQUEST,
            "dev1",
        ),
        (
            "dev1",
            |w| {
                w.rest("GET", "/devices/dev1/modules/cam", json!(null));
            },
            "ModuleNotFound",
            REQUEST,
            "dev1/cam",
        ),
        (
            "dev9",
            |w| {
                w.rest("GET", "/twins/dev9", json!(null));
            },
            "DeviceNotFound",
            REQUEST,
            "dev9",
        ),
    ];
    for (device, deed, rule, what, who) in rows {
        let mut world = World::new();
        deed(&mut world);
        let expected = [*rule, *what, *who].map(str::to_owned);
        assert_eq!(remembered(&mut world, device).last(), Some(&expected), "{rule}");
    }
}

#[test]
fn of_many_each_that_is_not_done_is_remembered() {
    let mut world = World::new();
    let entry = r#"{"id":"dev1","importMode":"create"}"#;
    let unreadable = r#"{"id":"dev2","status":5}"#;
    for (path, body) in [
        ("/devices", format!("[{entry},{unreadable}]")),
        ("/$local/registry", format!("{entry}\n{unreadable}\n{{\n")),
    ] {
        world.notices.clear();
        world.rest_with("POST", path, &body, &[]);
        let lines: Vec<_> = world.notices.iter().filter(|notice| notice.what == "entry refused").collect();
        assert_eq!(lines.len(), body.matches('{').count(), "{path}: {lines:?}");
        assert_eq!(lines[0].who.as_deref(), Some("dev1"), "{path}");
        assert!(lines[0].why.starts_with("409001 DeviceAlreadyExists: "), "{path}: {lines:?}");
    }
    let (_, page) = world.rest("GET", "/$local/devices/dev1/refusals", json!(null));
    assert_eq!((&page[0]["rule"], &page[0]["count"]), (&json!("DeviceAlreadyExists"), &json!(2)), "{page}");
}

#[test]
fn a_device_that_gives_no_cause_has_an_empty_page() {
    let mut world = World::new();
    world.connect("dev1");
    assert_eq!(remembered(&mut world, "dev1"), Vec::<[String; 3]>::new());
    assert_eq!(remembered(&mut world, "unheard-of"), Vec::<[String; 3]>::new());
}

#[test]
fn an_expired_signature_ends_a_connection_of_mqtt_5_by_its_rule() {
    let mut world = World::new();
    let hello = Hello::new(&world, "dev1");
    world.say_hello(Dialect::Preview5, &hello);
    world.pass(core::time::Duration::from_secs(30 * 24 * 3600));
    let last = remembered(&mut world, "dev1").pop().unwrap();
    assert_eq!(last[0], "expired-credentials");
}
