//! Devices register with the provisioning service, and back ends say which may.

mod assigning;
mod attesting;
mod conversing;
mod enrolling;
mod over_https;
mod restored;

use iothub_codec::{
    Connect, IdScope, PropertySection, Registration, RegistrationId, RegistrationToken, SharedKey, Version,
};
use iothub_hub::PacketBuf;
use iothub_proto::{Opening, Packet};
use serde_json::{Value, json};

use crate::world::{Line, Message, World};

const SCOPE: &str = "0ne000ABCDE";
/// Of devices and groups of these tests: the key of the reference.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
const FILTER: &str = "$dps/registrations/res/#";
const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/?$rid=";
const POLL: &str = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";

/// A service for two hubs: `hub1`, which keeps it, and `hub2`.
fn world() -> World {
    World::provisioning(&["hub1.test", "hub2.test"])
}

/// A token that a device signs with that key.
fn token(world: &World, id: &str, key: &str) -> String {
    token_for(world, (SCOPE, id), &SharedKey::from_base64(key).unwrap(), 3600)
}

fn token_for(world: &World, (scope, id): (&str, &str), key: &SharedKey, valid_s: u64) -> String {
    let registration = Registration::new(IdScope::new(scope).unwrap(), RegistrationId::new(id).unwrap());
    let expiry_s = world.now.timestamp.as_secs() + valid_s;
    RegistrationToken { registration, expiry_s }.sign(key, &mut [0; 1024]).unwrap().to_owned()
}

/// The key of a member of the group with [`KEY`].
fn member_key(id: &str) -> SharedKey {
    SharedKey::from_base64(KEY).unwrap().derive(RegistrationId::new(id).unwrap())
}

/// Connects; why not, if not.
fn connect(
    world: &mut World,
    id: &str,
    password: Option<&str>,
    certificates: Vec<Vec<u8>>,
) -> Result<Line, String> {
    connect_as(
        world,
        (id, &format!("{SCOPE}/registrations/{id}/api-version=2019-03-31")),
        password,
        certificates,
    )
}

fn connect_as(
    world: &mut World,
    (client_id, username): (&str, &str),
    password: Option<&str>,
    certificates: Vec<Vec<u8>>,
) -> Result<Line, String> {
    let line = world.open_behind(certificates);
    let opening = Opening {
        keep_alive_s: 60,
        ..Opening::new(Connect {
            version: Version::V311,
            client_id,
            username: Some(username),
            password: password.map(str::as_bytes),
            properties: PropertySection::EMPTY,
        })
    };
    world.send(line, &Packet::Connect(opening));
    match world.sent(line).first().expect("every CONNECT is answered") {
        PacketBuf::Connected(session, _) => {
            assert_eq!(*session, iothub_proto::Session::Fresh);
            Ok(line)
        }
        _ => {
            let notice = world.notices.last().unwrap();
            Err(format!("{}: {}", notice.rule.unwrap().name(), notice.why))
        }
    }
}

/// Connects with a key and listens.
fn ready(world: &mut World, id: &str, key: &str) -> Line {
    let token = token(world, id, key);
    let line = connect(world, id, Some(&token), vec![]).unwrap();
    world.subscribe(line, &[(FILTER, 1)]);
    line
}

/// Says something and takes the one answer.
fn ask(world: &mut World, line: Line, topic: &str, payload: &[u8]) -> Message {
    world.publish(line, topic, payload, Some(7));
    let mut answers = world.published(line);
    assert_eq!(answers.len(), 1, "{topic}: {answers:?} {:?}", world.notices.last());
    let answer = answers.remove(0);
    world.acknowledge(line, answer.ack.expect("answers are at QoS 1"));
    world.acknowledged(line);
    answer
}

/// Registers and asks until that has come to something: the whole document.
fn register(world: &mut World, line: Line, payload: &[u8]) -> Value {
    let first = ask(world, line, &format!("{REGISTER}1"), payload).json();
    if first["status"] != "assigning" {
        return first;
    }
    let operation = first["operationId"].as_str().unwrap();
    ask(world, line, &format!("{POLL}2&operationId={operation}"), b"").json()
}

fn enroll(world: &mut World, id: &str, more: Value) -> Value {
    let mut body = json!({
        "registrationId": id,
        "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY, "secondaryKey": OTHER_KEY}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, body) = world.rest_if("PUT", &format!("/enrollments/{id}"), body, None);
    assert_eq!(status, 200, "{body}");
    body
}

fn enroll_group(world: &mut World, id: &str, more: Value) -> Value {
    let mut body = json!({
        "enrollmentGroupId": id,
        "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY, "secondaryKey": OTHER_KEY}},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, body) = world.rest_if("PUT", &format!("/enrollmentGroups/{id}"), body, None);
    assert_eq!(status, 200, "{body}");
    body
}
