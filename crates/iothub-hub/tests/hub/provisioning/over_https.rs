use serde_json::{Value, json};

use super::{KEY, SCOPE, enroll, token, world};
use crate::certificates::leaf;
use crate::world::World;

fn request(
    world: &mut World,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> (u16, Option<String>, Value) {
    let path = format!("/{SCOPE}/registrations/{path}?api-version=2019-03-31");
    let response = world.rest_with(method, &path, body, &[("authorization", token)]);
    let retry =
        response.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| value.clone());
    (response.status, retry, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

#[test]
fn a_device_registers_without_mqtt() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({"iotHubHostName": "hub1.test"}));
    let token = token(&world, "reg-1", KEY);
    let body = r#"{"registrationId":"reg-1","payload":{"model":"x"}}"#;
    let (status, retry, taken) = request(&mut world, "PUT", "reg-1/register", &token, body);
    assert_eq!((status, retry.as_deref(), &taken["status"]), (202, Some("1"), &json!("assigning")));
    let operation = format!("reg-1/operations/{}", taken["operationId"].as_str().unwrap());
    let (status, retry, done) = request(&mut world, "GET", &operation, &token, "");
    assert_eq!((status, retry, &done["status"]), (200, None, &json!("assigned")));
    for method in ["GET", "POST"] {
        let (status, _, state) = request(&mut world, method, "reg-1", &token, "");
        assert_eq!((status, &state), (200, &done["registrationState"]));
    }
    // What it has said is for back ends.
    assert_eq!(
        world.rest("GET", "/registrations/reg-1", Value::Null).1["devicePayload"],
        json!({"model": "x"})
    );
    assert!(done["registrationState"].get("devicePayload").is_none());
}

#[test]
fn a_device_may_ask_for_itself_only() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({}));
    enroll(&mut world, "reg-2", json!({}));
    let (own, owner) = (token(&world, "reg-1", KEY), world.policy_token("iothubowner"));
    for (token, path, wanted) in [
        (&own, "reg-1", 404),
        (&own, "reg-2", 401),
        (&own, "nobody", 401),
        (&owner, "reg-1", 401),
        (&String::new(), "reg-1", 401),
    ] {
        let (status, _, body) = request(&mut world, "GET", path, token, "");
        assert_eq!(status, wanted, "{path}: {body}");
        assert!(body["errorCode"].is_u64() && body["trackingId"].is_string(), "{body}");
    }
    let response = world.rest_with("GET", "/enrollments/reg-1", "", &[("authorization", &own)]);
    assert_eq!(response.status, 401);
}

#[test]
fn a_certificate_is_as_good_as_a_token() {
    let (own, foreign) = (leaf("reg-1", None), leaf("reg-1", None));
    let mut world = world();
    let x509 = json!({"clientCertificates": {"primary": {"certificate": own.pem}}});
    enroll(
        &mut world,
        "reg-1",
        json!({"attestation": {"type": "x509", "x509": x509}, "iotHubHostName": "hub1.test"}),
    );
    let key = token(&world, "reg-1", KEY);
    for (shown, token, wanted) in [(&foreign, "", 401), (&own, &*key, 401), (&own, "", 202)] {
        world.shown = vec![shown.der.clone()];
        let (status, _, body) = request(&mut world, "PUT", "reg-1/register", token, "");
        assert_eq!(status, wanted, "{body}");
    }
    let (status, _, state) = request(&mut world, "GET", "reg-1", "", "");
    assert_eq!((status, &state["status"]), (200, &json!("assigned")));
}
