//! What only MQTT 5 has.

use core::time::Duration;

use iothub_codec::{
    Ack, Auth, AuthStep, Channels, Codec, Connect, Dialect, Filters, Introduction, Proof, PropertySection,
    Publish, Qos, SectionOf, SectionProperty, SectionWriter, Signature, UserProperty, Version,
};
use iothub_hub::PacketBuf;
use iothub_proto::{FilterRefusal, Limits, Opening, Packet, RefusalReason, Session};
use serde_json::json;

use crate::speaker::{Hello, Speaker, said, signature, telemetry};
use crate::world::{HOST, World, identity, token};

fn section(of: SectionOf, properties: &[SectionProperty<'_>]) -> Vec<u8> {
    let mut out = [0; 1024];
    let mut writer = SectionWriter::new(of, &mut out);
    for property in properties {
        writer.put(*property).unwrap();
    }
    writer.finish().unwrap().as_wire().to_vec()
}

const fn user<'a>(name: &'a str, value: &'a str) -> SectionProperty<'a> {
    SectionProperty::User(UserProperty { name, value })
}

fn connected(world: &mut World) -> Speaker {
    world.speak(Dialect::Preview5, "dev1")
}

/// What the hub's last DISCONNECT or PUBACK on that line says.
fn last_words(world: &mut World, speaker: &Speaker) -> (u8, Vec<(String, String)>) {
    let packet = world.sent(speaker.line).pop().expect("last words");
    match packet.as_packet() {
        Packet::Disconnect(ack) | Packet::Ack { ack, .. } => said(&ack),
        other => panic!("{other:?}"),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

#[test]
fn what_a_connect_is_answered() {
    let mut world = World::new();
    for (session_expiry_s, keep_alive_s, answered, alive) in [
        (None, 60, None, None),
        (Some(0), 1140, None, None),
        (Some(3600), 1141, Some(u32::MAX), Some(1140)),
        (Some(u32::MAX), 0, None, Some(1140)),
    ] {
        let hello = Hello { session_expiry_s, ..Hello::new(&world, "dev1") };
        let (_, answer) =
            world.say_hello_with(Dialect::Preview5, &hello, |opening| Opening { keep_alive_s, ..opening });
        let limits = Limits { session_expiry_s: answered, keep_alive_s: alive, ..Limits::PREVIEW5 };
        let PacketBuf::Connected(_, said) = answer else { panic!("{answer:?}") };
        assert_eq!(said, limits, "{session_expiry_s:?} {keep_alive_s}");
    }
}

#[test]
fn a_refusal_says_why() {
    let method = SectionProperty::AuthenticationMethod("SAS");
    let code = SectionProperty::AuthenticationData(&[7; 32]);
    let (version, host) = (user("api-version", "2020-10-01-preview"), user("host", HOST));
    let expiry = user("sas-expiry", "1893459600000");
    let (malformed, unauthorized) = (RefusalReason::ImplementationSpecific, RefusalReason::NotAuthorized);
    for (client_id, properties, reason, status, words) in [
        ("dev1", vec![], malformed, "0100", Some("no authentication method")),
        ("dev1", vec![method, code, expiry, host], malformed, "0100", Some("no API version")),
        ("dev1", vec![method, code, version, host], malformed, "0100", Some("no expiry")),
        (
            "dev1",
            vec![method, code, version, expiry, user("hots", HOST)],
            malformed,
            "0100",
            Some("unknown property"),
        ),
        ("dev1", vec![method, code, version, expiry, host], unauthorized, "0101", None),
        ("none", vec![method, code, version, expiry, host], unauthorized, "0101", None),
        ("dev1", vec![method, code, version, expiry], unauthorized, "0101", None),
        (
            "dev1",
            vec![SectionProperty::AuthenticationMethod("X509"), version, host],
            unauthorized,
            "0101",
            None,
        ),
        (
            "dev1",
            vec![SectionProperty::AuthenticationMethod("KERBEROS"), version, host],
            RefusalReason::BadAuthenticationMethod,
            "0101",
            None,
        ),
        (
            "",
            vec![method, code, version, expiry, host],
            RefusalReason::BadClientId,
            "0100",
            Some("device name"),
        ),
    ] {
        let mut world = World::new();
        let wire = section(SectionOf::Connect, &properties);
        let line = world.open();
        world.send(line, &Packet::Connect(Opening::new(connect(client_id, &wire))));
        let [answer] = &world.sent(line)[..] else { panic!() };
        let Packet::Refused(refusal) = answer.as_packet() else { panic!("{answer:?}") };
        let (code, said) = said(&refusal.as_ack());
        assert_eq!(
            (refusal.reason, code, &said[0]),
            (reason, reason.code(), &pair("status", status)),
            "{words:?}"
        );
        let [notice] = &world.notices[..] else { panic!("{:?}", world.notices) };
        match words {
            Some(words) => {
                assert_eq!((said.len(), said[1].0.as_str()), (2, "reason"));
                assert!(said[1].1.contains(words), "{said:?}");
                assert!(notice.why.contains(words), "{}", notice.why);
            }
            // Why exactly is between the hub and its log.
            None => {
                assert_eq!((said.len(), said[1].0.as_str()), (2, "trace-id"));
                assert!(notice.why.contains(&said[1].1), "{}", notice.why);
            }
        }
        assert!(world.is_closed(line));
    }
}

#[test]
fn a_refusal_says_as_much_as_the_device_takes() {
    let mut world = World::new();
    world.create_device("dev2");
    for (max, names) in [
        (None, &["status", "trace-id"][..]),
        (Some(200), &["status", "trace-id"]),
        (Some(40), &["status"]),
        (Some(20), &[]),
    ] {
        let hello = Hello { key: world.key("dev2"), maximum_packet_size: max, ..Hello::new(&world, "dev1") };
        let (_, answer) = world.say_hello(Dialect::Preview5, &hello);
        let Packet::Refused(refusal) = answer.as_packet() else { panic!("{answer:?}") };
        let said = said(&refusal.as_ack()).1;
        assert!(said.iter().map(|(name, _)| name.as_str()).eq(names.iter().copied()), "{max:?} {said:?}");
    }
}

#[test]
fn the_host_is_that_of_the_connect_or_of_tls_as_it_is_or_in_small_letters() {
    let mut world = World::new();
    for (signed, said, server_name, good) in [
        (HOST, None, Some(HOST), true),
        (HOST, None, Some("other.test"), false),
        (HOST, None, None, false),
        (HOST, Some(HOST), Some("other.test"), true),
        (HOST, Some("other.test"), Some(HOST), false),
        (HOST, Some("HUB1.test"), None, true),
        ("HUB1.test", Some("HUB1.test"), None, true),
        ("HUB1.test", Some(HOST), None, false),
    ] {
        let signature = signature(&world, &Hello { host: signed, ..Hello::new(&world, "dev1") });
        let expiry = signature.terms.expiry_ms.to_string();
        let mut properties = vec![
            SectionProperty::AuthenticationMethod("SAS"),
            SectionProperty::AuthenticationData(&signature.code),
            user("api-version", "2020-10-01-preview"),
            user("sas-expiry", &expiry),
        ];
        properties.extend(said.map(|host| user("host", host)));
        let wire = section(SectionOf::Connect, &properties);
        let line = world.open_as(server_name);
        world.send(line, &Packet::Connect(Opening::new(connect("dev1", &wire))));
        let what = format!("{signed} {said:?} {server_name:?}");
        assert_eq!(!world.is_closed(line), good, "{what}: {:?}", world.notices.last());
    }
}

/// A CONNECT with these properties.
fn connect<'a>(client_id: &'a str, wire: &'a [u8]) -> Connect<'a> {
    let properties = PropertySection::from_wire(wire, SectionOf::Connect).unwrap();
    Connect { version: Version::V5, client_id, username: None, password: None, properties }
}

#[test]
fn a_will_that_is_no_telemetry_is_refused() {
    for (topic, reason) in [
        ("$iothub/nonsense", RefusalReason::BadTopic),
        ("$iothub/responses", RefusalReason::ImplementationSpecific),
    ] {
        let mut world = World::new();
        let hello = Hello::new(&world, "dev1");
        let (_, answer) = world.say_hello_with(Dialect::Preview5, &hello, |opening| Opening {
            will: Some(Publish::new(topic, b"gone")),
            ..opening
        });
        assert!(matches!(&answer, PacketBuf::Refused(said, _) if *said == reason), "{topic}: {answer:?}");
        assert_eq!(world.notices.last().unwrap().who.as_deref(), Some("dev1"));
    }
}

#[test]
fn each_filter_is_granted_or_refused_for_its_own_reason() {
    let mut world = World::new();
    let speaker = connected(&mut world);
    let rows = [
        ("$iothub/commands", Ok(Qos::AtLeastOnce)),
        ("$iothub/methods/+", Ok(Qos::AtLeastOnce)),
        ("$iothub/methods/reboot", Ok(Qos::AtLeastOnce)),
        ("$iothub/+", Err(FilterRefusal::WildcardsNotSupported)),
        ("$iothub/#", Err(FilterRefusal::WildcardsNotSupported)),
        ("$iothub/nonsense", Err(FilterRefusal::TopicFilterInvalid)),
        ("methods/reboot", Err(FilterRefusal::TopicFilterInvalid)),
        ("$share/all/$iothub/commands", Err(FilterRefusal::SharedNotSupported)),
    ];
    let mut wire = Vec::new();
    for (filter, _) in rows {
        wire.extend(u16::try_from(filter.len()).unwrap().to_be_bytes());
        wire.extend(filter.bytes());
        wire.push(1);
    }
    let filters = Filters::from_subscribe(&wire).unwrap();
    world.send(speaker.line, &Packet::Subscribe { token: token(9), filters });
    let granted = world.take_granted(speaker.line);
    assert_eq!(granted, rows.map(|(_, outcome)| outcome));
    let notice = world.notices.last().unwrap();
    assert_eq!(notice.what, "subscription refused");
    assert_eq!(notice.why, "\"$iothub/+\": a wildcard where none may stand (and 4 more)");

    let names: Vec<String> = (0..48).map(|n| format!("$iothub/methods/m{n}")).collect();
    let asked: Vec<_> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let granted = world.subscribe(speaker.line, &asked);
    assert_eq!(granted.iter().filter(|outcome| outcome.is_some()).count(), 47, "50 in all");
}

#[test]
fn a_message_that_cannot_be_read_is_refused_and_the_connection_goes_on() {
    let mut world = World::new();
    let speaker = connected(&mut world);
    let unknown = section(SectionOf::Publish, &[user("colour", "red")]);
    let bad_time = section(SectionOf::Publish, &[user("creation-time", "noon")]);
    let correlation = section(SectionOf::Publish, &[SectionProperty::CorrelationData(&[1])]);
    for (topic, wire, status) in [
        ("$iothub/nonsense", &[][..], "0504"),
        ("$iothub/telemetry/", &[], "0504"),
        ("$iothub/telemetry", &unknown, "0100"),
        ("$iothub/telemetry", &bad_time, "0100"),
        ("$iothub/twin/get", &correlation, "0100"),
    ] {
        let properties = PropertySection::from_wire(wire, SectionOf::Publish).unwrap();
        let publish = Publish { properties, ..Publish::new(topic, b"x") };
        world.notices.clear();
        world.say(&speaker, Some(5), &publish);
        let (code, said) = last_words(&mut world, &speaker);
        assert_eq!((code, &said[0]), (131, &pair("status", status)), "{topic}");
        assert_eq!((said.len(), said[1].0.as_str()), (2, "reason"), "{topic}");
        let [notice] = &world.notices[..] else { panic!("{:?}", world.notices) };
        assert_eq!(notice.what, "message refused");
        assert!(notice.why.contains(&said[1].1));
    }
    let events = world.events.len();
    let mut out = [0; 256];
    world.say(&speaker, Some(6), &speaker.codec.encode(&telemetry(b"21.5"), &mut out).unwrap());
    assert_eq!(last_words(&mut world, &speaker), (0, vec![]));
    assert_eq!(world.events.len(), events + 1);
}

#[test]
fn a_device_that_does_not_want_to_know_why_is_told_a_number() {
    let mut world = World::new();
    let hello = Hello::new(&world, "dev1");
    let mut wire = section(SectionOf::Connect, &[SectionProperty::RequestProblemInformation(false)]);
    let codec = Codec::new(Dialect::Preview5, identity("dev1"));
    let who = Introduction { host: HOST, client_agent: None, model_id: None };
    let mut out = [0; 512];
    let said = codec.encode_connect(&who, &Proof::Signature(signature(&world, &hello)), &mut out).unwrap();
    wire.extend(said.properties.as_wire());
    let line = world.open();
    world.send(line, &Packet::Connect(Opening::new(connect("dev1", &wire))));
    let speaker = Speaker { line, codec };
    world.say(&speaker, Some(5), &Publish::new("$iothub/nonsense", b"x"));
    assert_eq!(last_words(&mut world, &speaker), (131, vec![]));
}

#[test]
fn what_cannot_be_acknowledged_ends_the_connection_with_a_reason() {
    let correlation = section(SectionOf::Publish, &[SectionProperty::CorrelationData(&[1; 17])]);
    let unknown = section(SectionOf::Publish, &[user("colour", "red")]);
    for (topic, wire, code, status) in [
        ("$iothub/nonsense", &[][..], 0x90, Some("0504")),
        ("$iothub/twin/get", &[], 131, Some("0100")),
        ("$iothub/twin/get", &correlation, 131, Some("0100")),
        ("$iothub/telemetry", &unknown, 131, Some("0100")),
    ] {
        let mut world = World::new();
        let speaker = connected(&mut world);
        let properties = PropertySection::from_wire(wire, SectionOf::Publish).unwrap();
        world.say(&speaker, None, &Publish { properties, ..Publish::new(topic, b"") });
        let (said_code, said) = last_words(&mut world, &speaker);
        assert_eq!(said_code, code, "{topic}");
        assert_eq!(said.first().map(|(_, value)| value.as_str()), status, "{topic} {said:?}");
        assert_eq!(said.get(1).map(|(name, _)| name.as_str()), Some("reason"), "{topic} {said:?}");
        assert!(world.is_closed(speaker.line));
    }
}

#[test]
fn the_end_of_a_connection_has_a_reason() {
    let mut world = World::new();
    let first = connected(&mut world);
    let second = connected(&mut world);
    assert_eq!(last_words(&mut world, &first), (0x8E, vec![]), "taken over");
    world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": "disabled"}), Some("*"));
    assert_eq!(last_words(&mut world, &second), (0x87, vec![]), "disabled");
    world.rest_if("PUT", "/devices/dev1", json!({"deviceId": "dev1", "status": "enabled"}), Some("*"));
    let third = connected(&mut world);
    world.pass(Duration::from_secs(3600 + 300));
    assert_eq!(last_words(&mut world, &third), (0x87, vec![]), "expired");
    let fourth = connected(&mut world);
    world.send(fourth.line, &Packet::Connect(Opening::new(connect("dev1", &[]))));
    assert_eq!(last_words(&mut world, &fourth).0, 0x82, "a protocol error");
}

#[test]
fn a_device_that_gives_up_leaves_its_will() {
    for (reason_code, told) in [(0, false), (4, true), (0x80, true)] {
        let mut world = World::new();
        let hello = Hello::new(&world, "dev1");
        let (speaker, _) = world.say_hello_with(Dialect::Preview5, &hello, |opening| Opening {
            will: Some(Publish::new("$iothub/telemetry", b"gone")),
            ..opening
        });
        let ack = Ack { reason_code, ..Ack::SUCCESS };
        world.send(speaker.line, &Packet::Disconnect(ack));
        assert!(world.is_closed(speaker.line));
        assert_eq!(world.events.iter().any(|event| &event.body[..] == b"gone"), told, "{reason_code}");
        assert_eq!(world.notices.last().unwrap().what, "disconnected");
    }
}

/// AUTH with that signature.
fn renew(world: &mut World, speaker: &Speaker, signature: Signature<'_>) {
    let mut out = [0; 256];
    let auth = speaker.codec.encode_auth(&AuthStep::Renew(signature), &mut out).unwrap();
    world.send(speaker.line, &Packet::Auth(auth));
}

#[test]
fn credentials_are_renewed_on_the_connection() {
    for policy in [None, Some("device")] {
        let mut world = World::new();
        let own = Hello::new(&world, "dev1");
        let key = policy.map_or(own.key.clone(), |policy| world.hub.policy_key(policy).unwrap().to_owned());
        let hello = Hello { policy, key, valid: Duration::from_secs(60), ..own };
        let (speaker, _) = world.say_hello(Dialect::Preview5, &hello);
        world.pass(Duration::from_secs(50));
        let next = signature(&world, &hello);
        renew(&mut world, &speaker, next);
        let sent = world.sent(speaker.line);
        let [PacketBuf::Auth(auth)] = &sent[..] else { panic!("{sent:?} {:?}", world.notices) };
        assert_eq!(auth.reason_code, 0);
        assert_eq!(auth.properties.as_section(SectionOf::Auth).authentication_method(), Some("SAS"));
        // What the CONNECT said would be over by now.
        world.pass(Duration::from_secs(60 + 299));
        assert!(!world.is_closed(speaker.line));
        world.pass(Duration::from_secs(1));
        assert_eq!(last_words(&mut world, &speaker), (0x87, vec![]));
    }
}

#[test]
fn credentials_that_are_not_good_end_the_connection() {
    let mut world = World::new();
    world.create_device("dev2");
    let good = Hello::new(&world, "dev1");
    let policy_key = world.hub.policy_key("device").unwrap().to_owned();
    for (hello, words) in [
        (Hello { key: world.key("dev2"), ..good.clone() }, "neither key of device dev1"),
        (Hello { valid: Duration::ZERO, ..good.clone() }, "expired 400 s ago"),
        (Hello { host: "hub2.test", ..good.clone() }, "neither key"),
        // AUTH does not say which policy: this is taken for the device's own, which it is not.
        (Hello { key: policy_key, policy: Some("device"), ..good.clone() }, "neither key"),
    ] {
        let (speaker, _) = world.say_hello(Dialect::Preview5, &good);
        let next = signature(&world, &hello);
        if hello.valid == Duration::ZERO {
            world.pass(Duration::from_secs(400));
        }
        renew(&mut world, &speaker, next);
        assert_eq!(last_words(&mut world, &speaker), (0x87, vec![]), "{words}");
        let closed = world.notices.iter().rev().find(|notice| notice.what.contains("closed")).unwrap();
        assert!(closed.why.contains(words), "{}", closed.why);
    }
}

#[test]
fn a_policy_that_auth_names_is_that_of_the_connect() {
    for (name, good) in [("device", true), ("iothubowner", false), ("", true)] {
        let mut world = World::new();
        let key = world.hub.policy_key("device").unwrap().to_owned();
        let hello = Hello { policy: Some("device"), key, ..Hello::new(&world, "dev1") };
        let (speaker, _) = world.say_hello(Dialect::Preview5, &hello);
        let signature = signature(&world, &hello);
        let expiry = signature.terms.expiry_ms.to_string();
        let wire = section(
            SectionOf::Auth,
            &[
                SectionProperty::AuthenticationMethod("SAS"),
                SectionProperty::AuthenticationData(&signature.code),
                user("sas-expiry", &expiry),
                user("sas-policy", name),
            ],
        );
        let properties = PropertySection::from_wire(&wire, SectionOf::Auth).unwrap();
        world.send(speaker.line, &Packet::Auth(Auth { reason_code: Auth::RENEW, properties }));
        assert_eq!(!world.is_closed(speaker.line), good, "{name} {:?}", world.notices.last());
    }
}

#[test]
fn a_session_lasts_as_long_as_its_device_asked() {
    let mut world = World::new();
    for (session_expiry_s, expected) in
        [(Some(3600), Session::Resume), (Some(0), Session::Fresh), (None, Session::Fresh)]
    {
        let hello = Hello { session_expiry_s, session: Session::Fresh, ..Hello::new(&world, "dev1") };
        let (speaker, _) = world.say_hello(Dialect::Preview5, &hello);
        world.listen(&speaker, Channels::METHODS);
        world.cut(speaker.line);
        let (_, answer) = world.say_hello(Dialect::Preview5, &Hello { session: Session::Resume, ..hello });
        let PacketBuf::Connected(session, _) = answer else { panic!("{answer:?}") };
        assert_eq!(session, expected, "{session_expiry_s:?}");
    }
}
