use core::time::Duration;

use iothub_codec::{Codec, Dialect, Introduction, Proof};
use iothub_hub::PacketBuf;
use iothub_proto::{Opening, Packet};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::world::{HOST, Line, World, identity};

const DAY: i64 = 24 * 60 * 60;

/// A certificate and its key, valid from some days before the world begins to some days after.
pub(crate) struct Made {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
}

fn params(name: &str, from: i64, to: i64) -> CertificateParams {
    let at = |days: i64| OffsetDateTime::from_unix_timestamp(1_893_456_000 + days * DAY).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "pumps");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (at(from), at(to));
    params
}

fn made(params: CertificateParams, by: Option<&Made>) -> Made {
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        None => params.self_signed(&key).unwrap(),
        Some(by) => {
            let issuer = Issuer::from_params(&by.params, &by.key);
            params.signed_by(&key, &issuer).unwrap()
        }
    };
    Made { der: certificate.der().to_vec(), pem: certificate.pem(), params, key }
}

pub(crate) fn leaf(name: &str, by: Option<&Made>) -> Made {
    made(params(name, -1, 30), by)
}

pub(crate) fn authority(name: &str, by: Option<&Made>) -> Made {
    let mut params = params(name, -1, 300);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    made(params, by)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha1(made: &Made) -> String {
    use sha1::Digest;
    hex(&sha1::Sha1::digest(&made.der))
}

pub(crate) fn sha256(made: &Made) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(&made.der))
}

/// Registers a device or module that is known by its certificate.
fn register(world: &mut World, id: &str, authentication: Value) {
    let (device, module) = id.split_once('/').map_or((id, None), |(device, module)| (device, Some(module)));
    let entry = json!({"id": device, "moduleId": module, "authentication": authentication});
    let (status, result) = world.rest("POST", "/devices", json!([entry]));
    assert_eq!(status, 200, "{result}");
}

fn trust(world: &mut World, name: &str, authority: &Made) -> (u16, Value) {
    world.rest("PUT", &format!("/$local/authorities/{name}"), json!({"certificate": authority.pem}))
}

/// Connects without a token behind TLS that has seen these certificates; why not, if not.
fn connect(world: &mut World, dialect: Dialect, id: &'static str, chain: &[&Made]) -> Result<Line, String> {
    let line = world.open_behind(chain.iter().map(|made| made.der.clone()).collect());
    let codec = Codec::new(dialect, identity(id));
    let who = Introduction { host: HOST, client_agent: None, model_id: None };
    let mut out = [0; 1024];
    let connect = codec.encode_connect(&who, &Proof::None, &mut out).unwrap();
    world.send(line, &Packet::Connect(Opening { keep_alive_s: 60, ..Opening::new(connect) }));
    match world.sent(line).first().expect("every CONNECT is answered") {
        PacketBuf::Connected(..) => Ok(line),
        _ => {
            let notice = world.notices.last().unwrap();
            Err(format!("{}: {}", notice.rule.unwrap().name(), notice.why))
        }
    }
}

#[test]
fn a_device_is_known_by_either_thumbprint_in_any_spelling_and_dialect() {
    let (one, two) = (leaf("anything", None), leaf("anything", None));
    let colons = |hex: &str| {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).into_owned())
            .collect::<Vec<_>>()
            .join(":")
    };
    for prints in [
        json!({"primaryThumbprint": sha1(&one)}),
        json!({"primaryThumbprint": sha1(&one).to_uppercase()}),
        json!({"primaryThumbprint": colons(&sha1(&one))}),
        json!({"primaryThumbprint": sha256(&one)}),
        json!({"primaryThumbprint": colons(&sha256(&one)).to_uppercase().replace(':', "-")}),
        json!({"primaryThumbprint": sha1(&two), "secondaryThumbprint": sha256(&one)}),
        json!({"primaryThumbprint": null, "secondaryThumbprint": sha1(&one)}),
    ] {
        for dialect in Dialect::ALL {
            let mut world = World::new();
            register(&mut world, "d", json!({"type": "selfSigned", "x509Thumbprint": prints}));
            assert!(connect(&mut world, *dialect, "d", &[&one]).is_ok(), "{dialect:?} {prints}");
            let foreign = leaf("d", None);
            let why = connect(&mut world, *dialect, "d", &[&foreign]).unwrap_err();
            assert!(
                why.starts_with("wrong-certificate") && why.contains(&sha1(&foreign).to_uppercase()),
                "{why}"
            );
            let why = connect(&mut world, *dialect, "d", &[]).unwrap_err();
            assert!(why.starts_with("no-certificate"), "{why}");
        }
    }
}

#[test]
fn a_certificate_counts_from_its_begin_to_its_end() {
    // (from and to, in days; why not)
    for (from, to, why) in [
        (-1, 30, None),
        (0, 1, None),
        (-30, -1, Some("expired-certificate")),
        (1, 30, Some("expired-certificate")),
        // It ends before it begins.
        (1, -1, Some("expired-certificate")),
        (0, 0, None),
    ] {
        let root = authority("root", None);
        let one = made(params("d", from, to), None);
        let signed = made(params("e", from, to), Some(&root));
        let mut world = World::new();
        trust(&mut world, "root", &root);
        register(&mut world, "d", json!({"x509Thumbprint": {"primaryThumbprint": sha1(&one)}}));
        register(&mut world, "e", json!({"type": "certificateAuthority"}));
        for (id, certificate) in [("d", &one), ("e", &signed)] {
            let answer = connect(&mut world, Dialect::Classic, id, &[certificate]);
            match why {
                None => assert!(answer.is_ok(), "{from} {to}: {answer:?}"),
                Some(why) => assert!(answer.unwrap_err().starts_with(why), "{from} {to}"),
            }
        }
    }
}

#[test]
fn a_connection_ends_with_the_certificate_that_it_began_with() {
    let one = made(params("d", -1, 1), None);
    let mut world = World::new();
    register(&mut world, "d", json!({"x509Thumbprint": {"primaryThumbprint": sha1(&one)}}));
    let line = connect(&mut world, Dialect::Classic, "d", &[&one]).unwrap();
    world.pass(Duration::from_secs(24 * 60 * 60 + 299));
    assert!(!world.is_closed(line), "clocks may differ");
    world.pass(Duration::from_secs(2));
    assert!(world.is_closed(line));
}

#[test]
fn a_certificate_that_an_authority_has_signed_names_its_device() {
    let root = authority("root", None);
    let middle = authority("middle", Some(&root));
    let stranger = authority("root", None);
    let mut server = params("d", -1, 30);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = made(server, Some(&root));
    let direct = leaf("d", Some(&root));
    let through = leaf("d", Some(&middle));
    let foreign = leaf("d", Some(&stranger));
    let by_leaf = leaf("d", Some(&direct));
    let other = leaf("D", Some(&root));
    let of_module = leaf("d/m", Some(&root));
    let own = leaf("d", None);
    // (who, its chain, why not)
    let rows: &[(&'static str, &[&Made], Option<&str>)] = &[
        ("d", &[&direct], None),
        ("d", &[&direct, &root], None),
        ("d", &[&through, &middle], None),
        ("d", &[&through, &middle, &root], None),
        ("d", &[&through], Some("untrusted-certificate")),
        ("d", &[&foreign], Some("untrusted-certificate")),
        ("d", &[&foreign, &stranger], Some("untrusted-certificate")),
        ("d", &[&by_leaf, &direct], Some("untrusted-certificate")),
        ("d", &[&server], Some("untrusted-certificate")),
        ("d", &[&own], Some("untrusted-certificate")),
        ("d", &[&other], Some("wrong-certificate")),
        ("d", &[&of_module], Some("wrong-certificate")),
        ("d/m", &[&direct], Some("wrong-certificate")),
        ("d/m", &[&of_module], None),
        ("d", &[], Some("no-certificate")),
    ];
    for (n, (id, chain, why)) in rows.iter().enumerate() {
        let mut world = World::new();
        assert_eq!(trust(&mut world, "unrelated", &authority("x", None)).0, 200);
        assert_eq!(trust(&mut world, "root", &root).0, 200);
        for id in ["d", "d/m"] {
            register(&mut world, id, json!({"type": "certificateAuthority"}));
        }
        let answer = connect(&mut world, Dialect::Classic, id, chain);
        match why {
            None => assert!(answer.is_ok(), "row {n}: {answer:?}"),
            Some(why) => {
                assert!(answer.as_ref().is_err_and(|given| given.starts_with(why)), "row {n}: {answer:?}")
            }
        }
    }
}

#[test]
fn each_proof_is_for_devices_that_are_registered_with_it() {
    let root = authority("root", None);
    let signed = leaf("dev1", Some(&root));
    let mut world = World::new();
    trust(&mut world, "root", &root);
    let why = connect(&mut world, Dialect::Classic, "dev1", &[&signed]).unwrap_err();
    assert!(why.starts_with("no-proof"), "{why}");
    // A device with a key may show a certificate for reasons of its own.
    let greeting = world.greeting("dev1");
    register(&mut world, "dev1", json!({"type": "none"}));
    let why = connect(&mut world, Dialect::Classic, "dev1", &[&signed]).unwrap_err();
    assert!(why.starts_with("wrong-kind-of-proof"), "{why}");
    register(&mut world, "dev1", json!({"type": "certificateAuthority"}));
    assert!(world.greet(&greeting).1.is_err());
    assert_eq!(world.notices.last().unwrap().rule.unwrap().name(), "wrong-kind-of-proof");
    assert!(connect(&mut world, Dialect::Classic, "dev1", &[&signed]).is_ok());
    let garbage = Made { der: vec![0x30, 0x03, 0x02, 0x01, 0x01], ..leaf("dev1", None) };
    let cut = Made { der: signed.der[..signed.der.len() - 1].to_vec(), ..leaf("dev1", None) };
    let more = Made { der: [&signed.der[..], &[0]].concat(), ..leaf("dev1", None) };
    let empty = Made { der: Vec::new(), ..leaf("dev1", None) };
    for made in [garbage, cut, more, empty] {
        let why = connect(&mut world, Dialect::Classic, "dev1", &[&made]).unwrap_err();
        assert!(why.starts_with("wrong-certificate"), "{why}");
    }
}

#[test]
fn a_connection_ends_when_what_it_began_with_is_taken_away_and_not_before() {
    let root = authority("root", None);
    let (one, two) = (leaf("d", None), leaf("d", None));
    let signed = leaf("e", Some(&root));
    let mut world = World::new();
    trust(&mut world, "root", &root);
    let prints = |primary: &Made, secondary: &Made| json!({"x509Thumbprint": {"primaryThumbprint": sha1(primary), "secondaryThumbprint": sha256(secondary)}});
    register(&mut world, "d", prints(&one, &two));
    register(&mut world, "e", json!({"type": "certificateAuthority"}));
    let d = connect(&mut world, Dialect::Classic, "d", &[&one]).unwrap();
    let e = connect(&mut world, Dialect::Preview5, "e", &[&signed]).unwrap();
    register(&mut world, "d", prints(&two, &one));
    trust(&mut world, "root", &root);
    trust(&mut world, "other", &authority("other", None));
    assert_eq!(world.rest("DELETE", "/$local/authorities/other", json!(null)).0, 204);
    assert!(!world.is_closed(d) && !world.is_closed(e), "nothing that they need");
    register(&mut world, "d", prints(&two, &two));
    assert!(world.is_closed(d) && !world.is_closed(e));
    assert_eq!(world.rest("DELETE", "/$local/authorities/root", json!(null)).0, 204);
    assert!(world.is_closed(e));
    let why = connect(&mut world, Dialect::Preview5, "e", &[&signed]).unwrap_err();
    assert!(why.starts_with("untrusted-certificate"), "{why}");
}

#[test]
fn messages_say_that_a_certificate_let_their_device_in() {
    let root = authority("root", None);
    let mut world = World::new();
    trust(&mut world, "root", &root);
    for (id, method) in [
        ("d", r#"{"scope":"device","type":"x509","issuer":"external","acceptingIpFilterRule":null}"#),
        ("d/m", r#"{"scope":"module","type":"x509","issuer":"external","acceptingIpFilterRule":null}"#),
    ] {
        register(&mut world, id, json!({"type": "certificateAuthority"}));
        let certificate = leaf(id, Some(&root));
        let line = connect(&mut world, Dialect::Classic, id, &[&certificate]).unwrap();
        let topic = match id.split_once('/') {
            None => "devices/d/messages/events/".to_owned(),
            Some((_, module)) => format!("devices/d/modules/{module}/messages/events/"),
        };
        world.publish(line, &topic, b"1", None);
        assert_eq!(world.events.last().unwrap().system.get("iothub-connection-auth-method"), Some(method));
    }
}

#[test]
fn authorities_are_registered_and_read_and_removed() {
    let root = authority("root", None);
    let mut world = World::new();
    let (status, answer) = trust(&mut world, "my-root.1", &root);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["name"], "my-root.1");
    assert_eq!(answer["thumbprint"], sha1(&root).to_uppercase());
    assert_eq!(answer["subject"], "O=pumps, CN=root");
    assert_eq!(answer["expiry"], "2030-10-28T00:00:00.0000000Z");
    let plain = |pem: &str| pem.replace("\r\n", "\n");
    assert_eq!(answer["certificate"].as_str().map(plain), Some(plain(&root.pem)));
    assert_eq!(world.rest("GET", "/$local/authorities", json!(null)).1, json!([answer]));
    assert_eq!(world.rest("GET", "/$local/Authorities/my-root.1", json!(null)), (200, answer));
    let mut old = params("old", -30, -1);
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (name, body, code) in [
        ("x", json!({"certificate": leaf("leaf", None).pem}), "ArgumentInvalid"),
        ("x", json!({"certificate": made(old, None).pem}), "ArgumentInvalid"),
        (
            "x",
            json!({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            "ArgumentInvalid",
        ),
        ("x", json!({"certificate": root.key.serialize_pem()}), "ArgumentInvalid"),
        ("x", json!({}), "IotHubFormatError"),
        ("a%20b", json!({"certificate": root.pem}), "ArgumentInvalid"),
        (&"x".repeat(65), json!({"certificate": root.pem}), "ArgumentInvalid"),
    ] {
        let response = world.rest_with("PUT", &format!("/$local/authorities/{name}"), &body.to_string(), &[]);
        assert!(response.headers.contains(&("iothub-errorcode".into(), code.into())), "{body}");
    }
    assert_eq!(world.rest("DELETE", "/$local/authorities/none", json!(null)).0, 404);
    assert_eq!(world.rest("GET", "/$local/authorities/none", json!(null)).0, 404);
    for n in 1..25 {
        assert_eq!(trust(&mut world, &format!("a{n}"), &root).0, 200);
    }
    assert_eq!(trust(&mut world, "one-more", &root).0, 400);
    // A hub that is made from the record trusts the same.
    let before = world.rest("GET", "/$local/authorities", json!(null)).1;
    let mut again = World::empty();
    for change in &world.changes {
        again.hub.apply(change).unwrap();
    }
    assert_eq!(again.rest("GET", "/$local/authorities", json!(null)).1, before);
}

#[test]
fn keys_are_changed_one_after_the_other_under_connections_that_go_on() {
    let mut world = World::new();
    let keys = |world: &mut World, id: &str| {
        world.rest("GET", id, json!(null)).1["authentication"]["symmetricKey"].clone()
    };
    let set = |world: &mut World, id: &str, keys: Value| {
        let body = json!({"deviceId": "dev1", "moduleId": "m", "authentication": {"type": "sas", "symmetricKey": keys}});
        assert_eq!(world.rest_if("PUT", id, body, Some("*")).0, 200);
    };
    world.create_module("dev1", "m");
    let fresh = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for (path, id) in [("/devices/dev1", "dev1"), ("/devices/dev1/modules/m", "dev1/m")] {
        let before = keys(&mut world, path);
        let line = world.connect(id);
        // The other key, both the other way round, and the key itself.
        set(&mut world, path, json!({"primaryKey": before["primaryKey"], "secondaryKey": fresh}));
        assert!(!world.is_closed(line), "{id}");
        set(&mut world, path, json!({"primaryKey": fresh, "secondaryKey": before["primaryKey"]}));
        assert!(!world.is_closed(line), "{id}");
        set(&mut world, path, json!({"primaryKey": fresh, "secondaryKey": before["secondaryKey"]}));
        assert!(world.is_closed(line), "{id}");
    }
    let module = world.connect("dev1/m");
    set(
        &mut world,
        "/devices/dev1",
        json!({"primaryKey": "MDEyMzQ1Njc4OWFiY2RlZg==", "secondaryKey": fresh}),
    );
    assert!(!world.is_closed(module), "a module has keys of its own");
}
