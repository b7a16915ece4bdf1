use iothub_codec::SharedKey;
use serde_json::{Value, json};

use super::{
    KEY, OTHER_KEY, SCOPE, connect, enroll, enroll_group, member_key, ready, register, token, token_for,
    world,
};
use crate::certificates::{authority, leaf, sha256};
use crate::world::World;

#[test]
fn a_device_is_let_in_by_either_key_and_by_nothing_else() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    enroll_group(&mut world, "pumps", json!({}));
    let key = SharedKey::from_base64(KEY).unwrap();
    let third = SharedKey::from_base64("ISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhISE=").unwrap();
    for (token, wanted) in [
        (token(&world, "reg-1", KEY), Ok(())),
        (token(&world, "reg-1", OTHER_KEY), Ok(())),
        (token_for(&world, (SCOPE, "reg-1"), &third, 60), Err("wrong-key")),
        // Its own enrollment counts before any group.
        (token_for(&world, (SCOPE, "reg-1"), &member_key("reg-1"), 60), Err("wrong-key")),
        (token_for(&world, (SCOPE, "reg-2"), &key, 60), Err("foreign-proof")),
        (token_for(&world, ("0neOTHER", "reg-1"), &key, 60), Err("foreign-proof")),
        (token(&world, "reg-1", KEY).replace("skn=registration", "skn=iothubowner"), Err("unknown-policy")),
        ("nonsense".into(), Err("unreadable-proof")),
    ] {
        let answer = connect(&mut world, "reg-1", Some(&token), vec![]);
        match wanted {
            Ok(()) => assert!(answer.is_ok(), "{answer:?}"),
            Err(rule) => assert!(answer.clone().unwrap_err().starts_with(&format!("{rule}: ")), "{answer:?}"),
        }
    }
    let token = token(&world, "reg-1", KEY);
    world.pass(core::time::Duration::from_secs(3600 + 300));
    let late = connect(&mut world, "reg-1", Some(&token), vec![]).unwrap_err();
    assert!(late.starts_with("expired-proof: "), "{late}");
    let nothing = connect(&mut world, "reg-1", None, vec![]).unwrap_err();
    assert!(nothing.starts_with("no-certificate: "), "{nothing}");
}

#[test]
fn members_of_a_group_have_keys_of_their_own() {
    let mut world = world();
    enroll_group(&mut world, "pumps", json!({"iotHubHostName": "hub1.test"}));
    let token = token_for(&world, (SCOPE, "reg-1"), &member_key("reg-1"), 60);
    let line = connect(&mut world, "reg-1", Some(&token), vec![]).unwrap();
    world.subscribe(line, &[(super::FILTER, 1)]);
    assert_eq!(register(&mut world, line, b"")["registrationState"]["deviceId"], "reg-1");
    // The vector of the reference.
    assert_eq!(world.hub.device_key("reg-1"), Some("thxXBjNB6FBV+ugwOZsLC2OkELTF0TOHZ3+Q6g7OCS0="));
    let (_, state) = world.rest("GET", "/registrations/reg-1", Value::Null);
    assert_eq!(state["enrollmentGroupId"], "pumps");
    for (id, key) in [("reg-2", member_key("reg-1")), ("reg-1", SharedKey::from_base64(KEY).unwrap())] {
        let token = token_for(&world, (SCOPE, id), &key, 60);
        let why = connect(&mut world, id, Some(&token), vec![]).unwrap_err();
        assert!(why.starts_with("not-enrolled: "), "{why}");
    }
}

fn enroll_certificate(world: &mut World, id: &str, certificates: Value) -> (u16, Value) {
    let attestation = json!({"type": "x509", "x509": {"clientCertificates": certificates}});
    let body = json!({"registrationId": id, "attestation": attestation, "iotHubHostName": "hub1.test"});
    world.rest("PUT", &format!("/enrollments/{id}"), body)
}

#[test]
fn a_device_is_let_in_by_its_own_certificate_and_known_by_it_in_the_hub() {
    let (one, two, foreign) = (leaf("x", None), leaf("y", None), leaf("x", None));
    let bare = |pem: &str| pem.lines().filter(|line| !line.contains("-----")).collect::<String>();
    for certificates in [
        json!({"primary": {"certificate": one.pem}}),
        json!({"primary": {"certificate": bare(&one.pem)}}),
        json!({"primary": {"certificate": two.pem}, "secondary": {"certificate": one.pem}}),
    ] {
        let mut world = world();
        let (status, body) = enroll_certificate(&mut world, "reg-1", certificates);
        assert_eq!(status, 200, "{body}");
        let line = connect(&mut world, "reg-1", None, vec![one.der.clone()]).unwrap();
        world.subscribe(line, &[(super::FILTER, 1)]);
        assert_eq!(register(&mut world, line, b"")["status"], "assigned");
        let (_, device) = world.rest("GET", "/devices/reg-1", Value::Null);
        assert_eq!(device["authentication"]["type"], "selfSigned");
        let print = &device["authentication"]["x509Thumbprint"]["primaryThumbprint"];
        assert_eq!(print.as_str().unwrap().to_lowercase(), sha256(&one));
        let why = connect(&mut world, "reg-1", None, vec![foreign.der.clone()]).unwrap_err();
        assert!(why.starts_with("wrong-certificate: "), "{why}");
        let by_key = token(&world, "reg-1", KEY);
        let why = connect(&mut world, "reg-1", Some(&by_key), vec![]).unwrap_err();
        assert!(why.starts_with("wrong-kind-of-proof: "), "{why}");
    }
}

#[test]
fn members_of_a_group_have_certificates_that_its_authority_has_signed() {
    let root = authority("root", None);
    let middle = authority("middle", Some(&root));
    let stranger = authority("stranger", None);
    let signing = |made: &crate::certificates::Made| json!({"signingCertificates": {"primary": {"certificate": made.pem}}});
    for (x509, chain, wanted) in [
        (signing(&root), vec![leaf("reg-1", Some(&root))], Ok(())),
        (signing(&middle), vec![leaf("reg-1", Some(&middle))], Ok(())),
        (json!({"caReferences": {"primary": "factory"}}), vec![leaf("reg-1", Some(&root))], Ok(())),
        (signing(&root), vec![leaf("reg-1", Some(&stranger))], Err("not-enrolled")),
        (signing(&root), vec![leaf("reg-1", None)], Err("not-enrolled")),
        (signing(&root), vec![leaf("reg-2", Some(&root))], Err("wrong-certificate")),
        (json!({"caReferences": {"primary": "none"}}), vec![leaf("reg-1", Some(&root))], Err("not-enrolled")),
    ] {
        let mut world = world();
        world.rest("PUT", "/$local/authorities/factory", json!({"certificate": root.pem}));
        let attestation =
            json!({"attestation": {"type": "x509", "x509": x509}, "iotHubHostName": "hub1.test"});
        enroll_group(&mut world, "pumps", attestation);
        let chain = chain.iter().map(|made| made.der.clone()).collect();
        match (connect(&mut world, "reg-1", None, chain), wanted) {
            (Ok(line), Ok(())) => {
                world.subscribe(line, &[(super::FILTER, 1)]);
                assert_eq!(register(&mut world, line, b"")["status"], "assigned", "{x509}");
            }
            (Err(why), Err(rule)) => assert!(why.starts_with(&format!("{rule}: ")), "{why}"),
            (answer, wanted) => panic!("{x509}: {answer:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn who_may_not_register_is_told_so() {
    let mut world = world();
    enroll_group(&mut world, "pumps", json!({}));
    enroll(&mut world, "reg-1", json!({"provisioningStatus": "disabled"}));
    let line = ready(&mut world, "reg-1", KEY);
    let document = register(&mut world, line, b"");
    assert_eq!(document["status"], "disabled");
    assert_eq!(document["registrationState"]["status"], "disabled");
    assert_eq!(document["registrationState"]["errorCode"], 401_002);
    assert_eq!(world.notices.last().unwrap().rule.unwrap().name(), "enrollment-disabled");
    assert_eq!(world.hub.device_key("reg-1"), None);
    // Its enrollment is deleted while it is connected.
    assert_eq!(world.rest("DELETE", "/enrollments/reg-1", Value::Null).0, 204);
    let answer = super::ask(&mut world, line, &format!("{}1", super::REGISTER), b"");
    assert_eq!(answer.topic, "$dps/registrations/res/401/?$rid=1");
}
