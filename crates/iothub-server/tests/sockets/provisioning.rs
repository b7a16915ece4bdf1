//! Devices register with the service that the first hub keeps for all hubs of its process.

use iothub_codec::{
    IdScope, Proof, ProvisioningReply, Register, Registration, RegistrationId, RegistrationToken, RequestId,
    SharedKey,
};
use iothub_hub::PacketBuf;
use iothub_proto::{AckToken, Opening, Packet};
use iothub_server::{Options, Running, Server, StartError};
use serde_json::json;

use crate::peers::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SCOPE: &str = "0ne000ABCDE";

async fn two(data: Option<std::path::PathBuf>) -> Running {
    let further_hubs = vec!["b.test".to_owned()];
    start(Options { further_hubs, data, id_scope: SCOPE.into(), ..options() }).await
}

fn registration(id: &str) -> Registration<'_> {
    Registration::new(IdScope::new(SCOPE).unwrap(), RegistrationId::new(id).unwrap())
}

fn registration_token(id: &str) -> String {
    let key = SharedKey::from_base64(KEY).unwrap();
    let token = RegistrationToken { registration: registration(id), expiry_s: 4_102_444_800 };
    token.sign(&key, &mut [0; 512]).unwrap().to_owned()
}

async fn enroll(hub: &Running, id: &str, assigned: &str) {
    let keys = json!({"primaryKey": KEY, "secondaryKey": KEY});
    let body = json!({
        "registrationId": id, "iotHubHostName": assigned,
        "attestation": {"type": "symmetricKey", "symmetricKey": keys},
    });
    let path = format!("/enrollments/{id}?api-version=2021-10-01");
    let reply = ask(hub, "PUT", &path, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// As a device that registers.
async fn ask_as(hub: &Running, id: &str, method: &str, path: &str) -> Reply {
    let path = format!("/{SCOPE}/registrations/{id}/{path}?api-version=2019-03-31");
    ask_with(hub, method, &path, &format!("authorization: {}\r\n", registration_token(id)), "").await
}

#[tokio::test]
async fn a_device_is_made_in_another_hub_and_connects_there() {
    let scratch = Scratch::new("provisioning");
    let hub = two(Some(scratch.path().to_owned())).await;
    enroll(&hub, "pump", "b.test").await;
    let taken = ask_as(&hub, "pump", "PUT", "register").await;
    assert_eq!(taken.status, 202, "{}", taken.body);
    assert!(taken.head.contains("retry-after: 1"), "{}", taken.head);
    let operation = format!("operations/{}", taken.json()["operationId"].as_str().unwrap());
    let done = soon(async {
        loop {
            let reply = ask_as(&hub, "pump", "GET", &operation).await;
            if reply.status != 202 {
                return reply.json();
            }
        }
    });
    let state = done.await["registrationState"].clone();
    let assigned = state["assignedHub"].as_str().unwrap();
    let port = hub.mqtt_address().port();
    assert_eq!(assigned, format!("b.test:{port}"), "with the port, which is not the usual one");
    let stream = secure_as(&hub, hub.mqtt_address(), "b.test").await.unwrap();
    let own = token(&format!("HostName={assigned};DeviceId=pump;SharedAccessKey={KEY}"));
    let answer = Device::new(stream).connect_to("b.test", "pump", Some(&own), 60).await.unwrap();
    assert!(matches!(answer, PacketBuf::Connected(..)), "{answer:?}");
    // All of it is there again.
    hub.stop().await;
    let hub = two(Some(scratch.path().to_owned())).await;
    let reply = ask_as(&hub, "pump", "GET", &operation).await;
    assert_eq!(reply.json()["registrationState"], state);
}

#[tokio::test]
async fn a_device_registers_over_mqtt_beside_the_devices_of_the_hub() {
    let hub = two(None).await;
    enroll(&hub, "pump", "localhost").await;
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    let (mut out, token) = ([0; 512], registration_token("pump"));
    let connect = registration("pump").encode_connect(None, &Proof::Token(&token), &mut out).unwrap();
    device.send(&Packet::Connect(Opening { keep_alive_s: 60, ..Opening::new(connect) })).await.unwrap();
    assert!(matches!(device.next().await.unwrap(), PacketBuf::Connected(..)));
    device.subscribe(ProvisioningReply::filters().as_wire()).await;
    let register = Register { request: RequestId::new(b"1").unwrap(), payload: b"" };
    let mut out = [0; 256];
    let publish = register.encode(&mut out).unwrap();
    device.send(&Packet::Publish { ack: Some(AckToken::FIRST), publish }).await.unwrap();
    assert!(matches!(device.next().await.unwrap(), PacketBuf::Ack(..)));
    let answer = device.next().await.unwrap();
    let Packet::Publish { publish, .. } = answer.as_packet() else { panic!("{answer:?}") };
    assert_eq!(ProvisioningReply::decode(&publish).unwrap().code, 202);
    assert_eq!(ask(&hub, "GET", "/devices/pump?api-version=2021-04-12", "").await.status, 200);
}

#[tokio::test]
async fn an_id_scope_that_is_none_is_refused() {
    let refused = Server::start(Options { id_scope: "a/b".into(), ..options() }).await;
    assert!(matches!(refused, Err(StartError::IdScope { .. })), "{refused:?}");
}
