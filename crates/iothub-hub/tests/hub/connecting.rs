use core::time::Duration;

use iothub_codec::TokenRequest;
use iothub_proto::{RefusalReason, Session};
use serde_json::json;

use crate::world::{HOST, Line, World, identity, sign};

#[test]
fn a_device_with_a_token_of_its_own_is_let_in() {
    let mut world = World::new();
    let (_, answer) = world.greet(&world.greeting("dev1"));
    assert_eq!(answer, Ok(Session::Fresh));
    let (_, device) = world.rest("GET", "/devices/dev1", json!(null));
    assert_eq!(device["connectionState"], "Connected");
    assert_eq!(device["lastActivityTime"], "2030-01-01T00:00:00.0000000Z");
}

#[test]
fn a_module_is_let_in_beside_its_device() {
    let mut world = World::new();
    world.create_module("dev1", "mod-a");
    let device = world.connect("dev1");
    let module = world.connect("dev1/mod-a");
    assert!(!world.is_closed(device) && !world.is_closed(module));
}

#[test]
fn both_keys_of_a_device_open_the_door() {
    let mut world = World::new();
    let (_, body) = world.rest("GET", "/devices/dev1", json!(null));
    for key in ["primaryKey", "secondaryKey"] {
        let key = body["authentication"]["symmetricKey"][key].as_str().unwrap();
        let request = TokenRequest {
            host: HOST,
            identity: Some(identity("dev1")),
            expiry_s: world.now.timestamp.as_secs() + 60,
            policy: None,
        };
        let mut greeting = world.greeting("dev1");
        greeting.password = Some(sign(key, &request).into_bytes());
        assert!(world.greet(&greeting).1.is_ok());
    }
}

#[test]
fn a_policy_with_the_right_may_act_as_any_device() {
    for (policy, expected) in [
        ("device", Ok(Session::Fresh)),
        ("iothubowner", Ok(Session::Fresh)),
        ("service", Err(RefusalReason::NotAuthorized)),
        ("registryReadWrite", Err(RefusalReason::NotAuthorized)),
    ] {
        let mut world = World::new();
        let mut greeting = world.greeting("dev1");
        greeting.password = Some(world.policy_token(policy).into_bytes());
        assert_eq!(world.greet(&greeting).1, expected, "{policy}");
    }
}

#[test]
fn what_is_not_in_order_is_refused_with_its_code_and_one_line_that_says_why() {
    use RefusalReason::{BadClientId, BadUserName, NotAuthorized};
    let mut world = World::new();
    for id in ["dev2", "off"] {
        world.create_device(id);
    }
    world.rest_if("PUT", "/devices/off", json!({"deviceId": "off", "status": "disabled"}), Some("*"));
    let good = world.token("dev1", 3600);
    let another_key = good.replace("sig=", "sig=A");
    for (client_id, username, password, reason, why) in [
        ("dev1", "hub1.test/dev1/?api-version=x", "", NotAuthorized, "no token"),
        ("dev1", "hub1.test/dev1/?api-version=x", "secret", NotAuthorized, "the token cannot be read"),
        (
            "dev1",
            "hub1.test/dev1/?api-version=x",
            "SharedAccessSignature sr=a&se=1",
            NotAuthorized,
            "cannot be read",
        ),
        (
            "dev1",
            "hub1.test/dev1/?api-version=x",
            &world.token("dev2", 60),
            NotAuthorized,
            "not for hub1.test/devices/dev1",
        ),
        ("dev1", "hub1.test/dev1/?api-version=x", &another_key, NotAuthorized, "neither key of device dev1"),
        ("dev1", "hub2.test/dev1/?api-version=x", &good, NotAuthorized, "not for hub2.test/devices/dev1"),
        ("none", "hub1.test/none/?api-version=x", &good, NotAuthorized, "there is no device none"),
        ("off", "hub1.test/off/?api-version=x", &world.token("off", 60), NotAuthorized, "disabled"),
        ("dev2", "hub1.test/dev1/?api-version=x", &good, BadClientId, "another device or module"),
        ("dev1", "nonsense", &good, BadUserName, "no device name"),
        ("dev1", "", &good, BadUserName, "no device name"),
    ] {
        let mut greeting = world.greeting("dev1");
        greeting.client_id = client_id.into();
        greeting.username = username.into();
        greeting.password = Some(password.into()).filter(|password: &Vec<u8>| !password.is_empty());
        world.notices.clear();
        let (line, answer) = world.greet(&greeting);
        assert_eq!(answer, Err(reason), "{username}");
        assert!(world.is_closed(line), "{username}");
        let [notice] = &world.notices[..] else { panic!("{username}: {:?}", world.notices) };
        assert!(notice.why.contains(why), "{username}: {}", notice.why);
        assert!(password.is_empty() || !notice.why.contains(password), "the token does not show");
    }
    assert!(world.greet(&world.greeting("dev1")).1.is_ok(), "the others are served all the while");
}

#[test]
fn what_a_stranger_presents_does_not_fill_the_log() {
    let mut world = World::new();
    let long = "h".repeat(60_000);
    let mut greeting = world.greeting("dev1");
    for (username, password, why) in [
        (format!("{long}/dev1/?api-version=x"), world.token("dev1", 60), "the token is for hub1.test"),
        (
            "hub1.test/dev1/?api-version=x".to_owned(),
            format!("SharedAccessSignature sr={}&sig=AAAA&se=1893459600", "x".repeat(4_000)),
            "the token is for xxx",
        ),
    ] {
        greeting.username = username;
        greeting.password = Some(password.into_bytes());
        world.notices.clear();
        assert_eq!(world.greet(&greeting).1, Err(RefusalReason::NotAuthorized), "{why}");
        let [notice] = &world.notices[..] else { panic!("{why}: {:?}", world.notices) };
        assert!(notice.why.contains(why) && notice.why.ends_with('…'), "{}", notice.why);
        assert!(notice.why.len() < 1024, "{}", notice.why);
    }
    let call = json!({"methodName": format!("/{}", "ö".repeat(30_000))});
    let (_, refused) = world.rest("POST", "/twins/dev1/methods", call);
    assert!(refused.to_string().contains("cannot be the name of a method"), "{refused}");
    assert!(refused.to_string().len() < 1024, "{refused}");
}

#[test]
fn a_token_counts_a_little_longer_than_it_says_and_no_more() {
    let mut world = World::new();
    let mut greeting = world.greeting("dev1");
    greeting.password = Some(world.token("dev1", 60).into_bytes());
    world.pass(Duration::from_secs(60 + 299));
    assert!(world.greet(&greeting).1.is_ok(), "the device's clock may be five minutes behind");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.greet(&greeting).1, Err(RefusalReason::NotAuthorized));
    let why = &world.notices.iter().rev().find(|notice| notice.what == "CONNECT refused").unwrap().why;
    assert!(why.contains("expired 300 s ago"), "{why}");
}

#[test]
fn a_connection_ends_with_its_token() {
    let mut world = World::new();
    let mut greeting = world.greeting("dev1");
    greeting.password = Some(world.token("dev1", 60).into_bytes());
    let (line, _) = world.greet(&greeting);
    world.pass(Duration::from_secs(60 + 299));
    assert!(!world.is_closed(line));
    world.pass(Duration::from_secs(1));
    assert!(world.is_closed(line));
}

#[test]
fn a_second_connection_takes_the_place_of_the_first() {
    let mut world = World::new();
    let first = world.connect("dev1");
    let second = world.connect("dev1");
    assert!(world.is_closed(first) && !world.is_closed(second));
    // What the first had in its socket when it was closed means nothing.
    let events = world.events.len();
    world.publish(first, "devices/dev1/messages/events/", b"late", None);
    assert_eq!(world.events.len(), events);
    world.publish(second, "devices/dev1/messages/events/", b"here", None);
    assert_eq!(world.events.len(), events + 1);
}

#[test]
fn subscriptions_outlive_the_connection_only_of_a_lasting_session() {
    let mut world = World::new();
    let methods = [("$iothub/methods/POST/#", 0)];
    for (session, next, expected) in [
        (Session::Resume, Session::Resume, Session::Resume),
        (Session::Resume, Session::Fresh, Session::Fresh),
        (Session::Fresh, Session::Resume, Session::Fresh),
    ] {
        let mut greeting = world.greeting("dev1");
        greeting.session = Session::Fresh;
        let (line, _) = world.greet(&greeting);
        world.disconnect(line);
        greeting.session = session;
        let (line, _) = world.greet(&greeting);
        world.subscribe(line, &methods);
        world.disconnect(line);
        greeting.session = next;
        assert_eq!(world.greet(&greeting).1, Ok(expected), "{session:?} then {next:?}");
    }
}

#[test]
fn a_session_that_is_taken_over_goes_on() {
    let mut world = World::new();
    let line = world.connect("dev1");
    world.subscribe(line, &[("$iothub/methods/POST/#", 0)]);
    assert_eq!(world.greet(&world.greeting("dev1")).1, Ok(Session::Resume));
}

#[test]
fn filters_are_granted_as_the_reference_says() {
    let mut world = World::new();
    world.create_module("dev1", "mod-a");
    use iothub_codec::Qos::{AtLeastOnce, AtMostOnce};
    for (id, filter, qos, granted) in [
        ("dev1", "devices/dev1/messages/devicebound/#", 1, Some(AtLeastOnce)),
        ("dev1", "devices/+/messages/devicebound/#", 0, Some(AtMostOnce)),
        ("dev1", "devices/dev1/messages/devicebound/#", 2, Some(AtLeastOnce)),
        ("dev1", "$iothub/methods/POST/reboot/#", 0, Some(AtMostOnce)),
        ("dev1", "devices/dev2/messages/devicebound/#", 1, None),
        ("dev1", "devices/dev1/#", 1, None),
        ("dev1", "#", 0, None),
        ("dev1", "$iothub/#", 0, None),
        ("dev1", "$iothub/twin/GET/#", 0, None),
        ("dev1/mod-a", "devices/dev1/modules/mod-a/inputs/#", 1, Some(AtLeastOnce)),
        ("dev1/mod-a", "devices/dev1/modules/mod-a/#", 1, Some(AtLeastOnce)),
        ("dev1/mod-a", "devices/dev1/messages/devicebound/#", 1, None),
    ] {
        let line = world.connect(id);
        assert_eq!(world.subscribe(line, &[(filter, qos)]), [granted], "{id} {filter}");
        world.disconnect(line);
    }
}

#[test]
fn the_sixth_filter_is_refused_and_the_others_stay() {
    let mut world = World::new();
    let line = world.connect("dev1");
    let filters = ["a", "b", "c", "d", "e", "f"].map(|name| format!("$iothub/methods/POST/{name}/#"));
    let asked: Vec<_> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
    let granted = world.subscribe(line, &asked);
    assert_eq!(granted.iter().filter(|outcome| outcome.is_some()).count(), 5);
    assert_eq!(granted.last(), Some(&None));
}

#[test]
fn whoever_breaks_the_rules_is_closed_and_nobody_else() {
    let mut world = World::new();
    world.create_device("dev2");
    let other = world.connect("dev2");
    let publish = |world: &mut World, line: Line, topic: &str| world.publish(line, topic, b"x", Some(1));
    for topic in [
        "devices/dev2/messages/events/",
        "devices/dev1/messages/devicebound/",
        "devices/dev1/modules/m/messages/events/",
        "devices/dev1/nonsense",
        "nonsense",
        "$iothub/twin/GETT/?$rid=1",
        "$iothub/twin/GET/",
        "$iothub/twin/GET/?$rid=",
        "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x",
        "$iothub/methods/res/abc/?$rid=1",
        "$iothub/twin/res/200/?$rid=1&$version=9999999999999999999999",
    ] {
        let line = world.connect("dev1");
        publish(&mut world, line, topic);
        assert!(world.is_closed(line), "{topic}");
        assert!(world.acknowledged(line).is_empty(), "{topic}");
    }
    let line = world.open();
    world.publish(line, "devices/dev1/messages/events/", b"x", None);
    assert!(world.is_closed(line), "the first packet must be CONNECT");
    assert!(!world.is_closed(other));
    publish(&mut world, other, "devices/dev2/messages/events/");
    assert_eq!(world.acknowledged(other), [1]);
}

#[test]
fn disabling_deleting_or_rekeying_a_device_ends_its_connection() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let rekeyed =
        json!({"deviceId": "dev1", "authentication": {"type": "sas", "symmetricKey": {"primaryKey": key}}});
    for (method, body) in [
        ("PUT", json!({"deviceId": "dev1", "status": "disabled"})),
        ("PUT", rekeyed),
        ("DELETE", json!(null)),
    ] {
        let mut world = World::new();
        let line = world.connect("dev1");
        let (status, answer) = world.rest_if(method, "/devices/dev1", body, Some("*"));
        assert!(status < 300, "{answer}");
        assert!(world.is_closed(line));
    }
    let mut world = World::new();
    let line = world.connect("dev1");
    let reason = json!({"deviceId": "dev1", "statusReason": "because"});
    assert_eq!(world.rest_if("PUT", "/devices/dev1", reason, Some("*")).0, 200);
    assert!(!world.is_closed(line), "another change does not");
}

#[test]
fn a_will_is_told_unless_the_device_said_goodbye() {
    let mut world = World::new();
    let mut greeting = world.greeting("dev1");
    greeting.will = Some(("devices/dev1/messages/events/left=1".into(), b"gone".to_vec()));
    let (line, _) = world.greet(&greeting);
    world.disconnect(line);
    let last = world.notices.last().unwrap();
    assert_eq!((last.what, last.why.as_str()), ("disconnected", "it said goodbye"), "not the hub's doing");
    assert!(last.peer.is_some(), "from where, whenever the line is written");
    assert!(world.events.iter().all(|event| &event.body[..] != b"gone"));
    let (line, _) = world.greet(&greeting);
    world.cut(line);
    let last = world.notices.last().unwrap();
    assert!(last.what == "disconnected" && last.peer.is_some(), "{last:?}");
    let will = world.events.iter().find(|event| &event.body[..] == b"gone").unwrap();
    assert_eq!(will.properties["iothub-MessageType"], "Will");
    assert_eq!(will.properties["left"], "1");
    greeting.will = Some(("devices/dev2/messages/events/".into(), b"gone".to_vec()));
    assert_eq!(world.greet(&greeting).1, Err(RefusalReason::NotAuthorized), "another device's topic");
}
