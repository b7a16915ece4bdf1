//! What only the `$az/iot` dialect has, and what it cannot say.

use core::time::Duration;

use iothub_codec::{
    Channels, Connect, Dialect, PropertySection, Publish, Status, ToDevice, TwinGet, TwinPart, TwinPatch,
    Version,
};
use iothub_hub::PacketBuf;
use iothub_proto::{Opening, Packet, RefusalReason};
use serde_json::{Value, json};

use crate::dialects::answer;
use crate::speaker::{Hello, Speaker, request, signature, telemetry};
use crate::world::{HOST, World};

fn connected(world: &mut World) -> Speaker {
    world.speak(Dialect::Preview311, "dev1")
}

#[test]
fn a_connect_is_refused_by_the_codes_of_mqtt_3_1_1() {
    use RefusalReason::{BadClientId, BadUserName, NotAuthorized};
    let list = "h=hub1.test&av=2021-06-30-preview";
    for (client_id, username, password, reason, words) in [
        ("dev1", format!("{list}&se=1893459600000"), vec![7; 32], BadUserName, "no authentication method"),
        ("dev1", format!("{list}&am=KERBEROS"), vec![7; 32], BadUserName, "bad authentication method"),
        ("dev1", format!("{list}&am=SAS"), vec![7; 32], BadUserName, "no expiry"),
        ("dev1", format!("{list}&am=SAS&se=1893459600000"), vec![7; 31], BadUserName, "bad signature"),
        ("dev1", format!("{list}&am=SAS&se=1893459600000"), vec![], BadUserName, "no signature"),
        ("dev1", "h=hub1.test&am=X509".into(), vec![], BadUserName, "no API version"),
        ("dev1", format!("{list}&am=X509"), vec![], NotAuthorized, "no token and no signature"),
        (
            "dev1",
            format!("{list}&am=SAS&se=1893459600000"),
            vec![7; 32],
            NotAuthorized,
            "neither key of device dev1",
        ),
        ("dev1", format!("{list}&am=SAS&se=1893455000000"), vec![7; 32], NotAuthorized, "expired 1000 s ago"),
        (
            "dev1",
            format!("{list}&am=SAS&se=1893459600000&sp=nobody"),
            vec![7; 32],
            NotAuthorized,
            "no policy",
        ),
        ("none", format!("{list}&am=SAS&se=1893459600000"), vec![7; 32], NotAuthorized, "no device none"),
        (
            "dev1",
            format!("{list}&did=dev2&am=SAS&se=1893459600000"),
            vec![7; 32],
            BadClientId,
            "another device",
        ),
        ("", format!("{list}&am=SAS&se=1893459600000"), vec![7; 32], BadClientId, "bad device name"),
    ] {
        let mut world = World::new();
        let connect = Connect {
            version: Version::V311,
            client_id,
            username: Some(&username),
            password: Some(&password).map(|password| &password[..]).filter(|password| !password.is_empty()),
            properties: PropertySection::EMPTY,
        };
        let line = world.open();
        world.send(line, &Packet::Connect(Opening::new(connect)));
        let sent = world.sent(line);
        let [PacketBuf::Refused(said, properties)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(*said, reason, "{username}");
        assert_eq!(*properties, iothub_hub::SectionBuf::EMPTY);
        let [notice] = &world.notices[..] else { panic!("{:?}", world.notices) };
        assert!(notice.why.contains(words), "{username}: {}", notice.why);
        assert!(world.is_closed(line));
    }
}

#[test]
fn a_signature_is_taken_as_it_is_and_in_base64() {
    let mut world = World::new();
    // In base64: what the codec writes.
    connected(&mut world);
    let signature = signature(&world, &Hello::new(&world, "dev1"));
    let username = format!("h={HOST}&av=2020-06-30-preview&am=SAS&se={}", signature.terms.expiry_ms);
    let connect = Connect {
        version: Version::V311,
        client_id: "dev1",
        username: Some(&username),
        password: Some(&signature.code),
        properties: PropertySection::EMPTY,
    };
    let line = world.open();
    world.send(line, &Packet::Connect(Opening::new(connect)));
    assert!(!world.is_closed(line), "{:?}", world.notices.last());
}

#[test]
fn a_section_of_the_twin_is_sent_without_its_version_and_only_if_it_is_news() {
    let mut world = World::new();
    let speaker = connected(&mut world);
    world.listen(&speaker, Channels::REPLIES);
    world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"rate": 5}}}));
    let patch = TwinPatch { request: request("1"), patch: br#"{"temp":28}"#, if_version: None };
    world.say(&speaker, None, &speaker.codec.encode(&patch, &mut [0; 256]).unwrap());
    assert_eq!(answer(&mut world, &speaker).1, Some(2));
    for (part, known_version, status, payload) in [
        (TwinPart::Desired, None, Status::SUCCESS, json!({"rate": 5})),
        (TwinPart::Desired, Some(1), Status::SUCCESS, json!({"rate": 5})),
        (TwinPart::Desired, Some(2), Status::NOT_MODIFIED, json!(null)),
        (TwinPart::Reported, None, Status::SUCCESS, json!({"temp": 28})),
        (TwinPart::Reported, Some(2), Status::NOT_MODIFIED, json!(null)),
    ] {
        let get = TwinGet { part, known_version, ..TwinGet::new(request("2")) };
        world.say(&speaker, None, &speaker.codec.encode(&get, &mut [0; 256]).unwrap());
        let (said, version, document) = answer(&mut world, &speaker);
        assert_eq!((said, version), (status, Some(2)), "{part:?} {known_version:?}");
        let document: Value = serde_json::from_str(&document).unwrap_or_default();
        assert_eq!(document, payload, "{part:?} {known_version:?}");
    }
}

#[test]
fn desired_changes_go_to_the_topic_that_the_device_asked_for() {
    for (filter, topic) in [
        ("$az/iot/twin/events/desired-changed/+", "$az/iot/twin/events/desired-changed/?v=2"),
        ("$az/iot/twin/events/desired/changed/+", "$az/iot/twin/events/desired/changed/?v=2"),
    ] {
        let mut world = World::new();
        let speaker = connected(&mut world);
        assert!(world.subscribe(speaker.line, &[(filter, 0)])[0].is_some());
        world.rest("PATCH", "/twins/dev1", json!({"properties": {"desired": {"rate": 5}}}));
        let [message] = &world.published(speaker.line)[..] else { panic!() };
        assert_eq!((message.topic.as_str(), message.payload.as_str()), (topic, r#"{"rate":5}"#));
    }
}

#[test]
fn a_refused_report_says_why_in_its_topic() {
    let mut world = World::new();
    let speaker = connected(&mut world);
    world.listen(&speaker, Channels::REPLIES);
    let patch = TwinPatch { request: request("a1"), patch: b"[]", if_version: None };
    world.say(&speaker, None, &speaker.codec.encode(&patch, &mut [0; 256]).unwrap());
    let reasons = world.heard(&speaker, |_, message| match message {
        ToDevice::Reply(reply) => (reply.status, reply.reason.map(|reason| reason.to_string())),
        other => panic!("{other:?}"),
    });
    let [(Status::BAD_REQUEST, Some(reason))] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(reason.contains("not a JSON object"), "{reason}");
}

#[test]
fn payloads_that_do_not_say_what_they_are_are_what_the_connect_said() {
    let mut world = World::new();
    let signature = signature(&world, &Hello::new(&world, "dev1"));
    let expiry = signature.terms.expiry_ms;
    let username = format!("h={HOST}&av=2021-06-30-preview&am=SAS&se={expiry}&dct=application%2Fcbor");
    let connect = Connect {
        version: Version::V311,
        client_id: "dev1",
        username: Some(&username),
        password: Some(&signature.code),
        properties: PropertySection::EMPTY,
    };
    let line = world.open();
    world.send(line, &Packet::Connect(Opening::new(connect)));
    for (topic, expected) in [
        ("$az/iot/telemetry", "application/cbor"),
        ("$az/iot/telemetry/?ct=application%2Fjson", "application/json"),
    ] {
        world.publish(line, topic, b"1", Some(1));
        assert_eq!(world.events.last().unwrap().system.get("content-type"), Some(expected));
    }
}

#[test]
fn what_cannot_be_said_ends_the_connection() {
    for (topic, qos_1) in [
        ("$az/iot/nonsense", true),
        ("$az/iot/telemetry/?colour=red", true),
        ("$az/iot/telemetry/?crt=noon", true),
        ("$az/iot/twin/get/?rid=1", true),
        ("$az/iot/twin/get", false),
        ("$az/iot/twin/patch/reported/?rid=1&iv=x", false),
        ("devices/dev1/messages/events/", true),
    ] {
        let mut world = World::new();
        let speaker = connected(&mut world);
        let events = world.events.len();
        world.say(&speaker, qos_1.then_some(1), &Publish::new(topic, b"{}"));
        assert!(world.is_closed(speaker.line), "{topic}");
        assert!(world.sent(speaker.line).is_empty(), "{topic}: nobody can be told");
        assert!(world.events[events..].iter().all(|event| event.body != "{}"), "{topic}");
        let refused = world.notices.iter().filter(|notice| notice.what == "connection closed by the hub");
        assert_eq!(refused.count(), 1, "{topic}: {:?}", world.notices);
    }
}

#[test]
fn credentials_cannot_be_renewed_but_by_connecting_again() {
    let mut world = World::new();
    let hello = Hello { valid: Duration::from_secs(60), ..Hello::new(&world, "dev1") };
    let (first, _) = world.say_hello(Dialect::Preview311, &hello);
    world.pass(Duration::from_secs(60));
    let (second, _) = world.say_hello(Dialect::Preview311, &hello);
    assert!(world.is_closed(first.line));
    world.pass(Duration::from_secs(300));
    let mut out = [0; 256];
    world.say(&second, Some(1), &second.codec.encode(&telemetry(b"21.5"), &mut out).unwrap());
    assert_eq!(world.acknowledged(second.line), [1], "the new one counts");
}
