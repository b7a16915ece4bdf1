use serde_json::{Value, json};

use super::{KEY, OTHER_KEY, enroll, enroll_group, ready, register, world};

#[test]
fn an_enrollment_is_made_read_changed_and_deleted() {
    let mut world = world();
    let made = enroll(&mut world, "reg-1", json!({"deviceId": "pump", "iotHubHostName": "hub1.test"}));
    assert_eq!(made["attestation"]["symmetricKey"]["primaryKey"], KEY);
    for (member, wanted) in [
        ("provisioningStatus", json!("enabled")),
        ("allocationPolicy", json!("static")),
        ("reprovisionPolicy", json!({"updateHubAssignment": true, "migrateDeviceData": true})),
        ("deviceId", json!("pump")),
    ] {
        assert_eq!(made[member], wanted, "{member}");
    }
    let (status, read) = world.rest("GET", "/enrollments/reg-1", Value::Null);
    assert_eq!(
        (status, &read["attestation"]),
        (200, &json!({"type": "symmetricKey"})),
        "keys are asked for apart"
    );
    let (_, mechanism) = world.rest("POST", "/enrollments/reg-1/attestationMechanism", Value::Null);
    assert_eq!(mechanism["symmetricKey"], json!({"primaryKey": KEY, "secondaryKey": OTHER_KEY}));

    let mut changed = read.clone();
    changed["provisioningStatus"] = json!("disabled");
    let stale = "\"c3RhbGU=\"";
    for (condition, wanted) in [(None, 409), (Some(stale), 412), (read["etag"].as_str(), 200)] {
        let (status, body) = world.rest_if("PUT", "/enrollments/reg-1", changed.clone(), condition);
        assert_eq!(status, wanted, "{condition:?} {body}");
    }
    let (_, mechanism) = world.rest("POST", "/enrollments/reg-1/attestationmechanism", Value::Null);
    assert_eq!(mechanism["symmetricKey"]["primaryKey"], KEY, "what was not shown is not lost");
    assert_eq!(world.rest_if("DELETE", "/enrollments/reg-1", Value::Null, Some(stale)).0, 412);
    assert_eq!(world.rest("DELETE", "/enrollments/reg-1", Value::Null).0, 204);
    let (status, body) = world.rest("GET", "/enrollments/reg-1", Value::Null);
    assert_eq!((status, &body["errorCode"]), (404, &json!(404_000)));
}

#[test]
fn keys_that_are_left_out_are_made() {
    let mut world = world();
    let body = json!({"enrollmentGroupId": "pumps", "attestation": {"type": "symmetricKey"}});
    let (_, made) = world.rest("PUT", "/enrollmentGroups/pumps", body);
    let key = |name: &str| made["attestation"]["symmetricKey"][name].as_str().unwrap().len();
    assert_eq!((key("primaryKey"), key("secondaryKey")), (44, 44));
    let (_, read) = world.rest("GET", "/enrollmentGroups/PUMPS", Value::Null);
    assert_eq!(read["attestation"], json!({"type": "symmetricKey"}));
    let (_, mechanism) = world.rest("POST", "/enrollmentGroups/pumps/attestationmechanism", Value::Null);
    assert_eq!(mechanism["symmetricKey"], made["attestation"]["symmetricKey"]);
    assert_eq!(world.rest("DELETE", "/enrollmentGroups/pumps", Value::Null).0, 204);
    assert_eq!(world.rest("GET", "/enrollmentGroups/pumps", Value::Null).0, 404);
}

#[test]
fn what_could_let_nobody_in_is_refused() {
    let keys = json!({"type": "symmetricKey"});
    for (more, why) in [
        (json!({}), "attestation is missing"),
        (json!({"attestation": {"type": "tpm"}}), "tpm is not served"),
        (json!({"attestation": {"type": "none"}}), "none is not served"),
        (
            json!({"attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "AAAA"}}}),
            "primaryKey",
        ),
        (json!({"attestation": {"type": "x509"}}), "clientCertificates.primary is missing"),
        (
            json!({"attestation": {"type": "x509", "x509": {"clientCertificates": {"primary": {"certificate": "AAAA"}}}}}),
            "not a certificate",
        ),
        (
            json!({"attestation": {"type": "x509", "x509": {"caReferences": {"primary": "a"}}}}),
            "caReferences is for groups",
        ),
        (json!({"attestation": keys, "allocationPolicy": "custom"}), "custom is not served"),
        (json!({"attestation": keys, "allocationPolicy": "geoLatency"}), "geoLatency is not served"),
        (json!({"attestation": keys, "iotHubs": ["hub9.test"]}), "is not a hub of this process"),
        (json!({"attestation": keys, "deviceId": "a b"}), "deviceId"),
        (json!({"attestation": keys, "initialTwin": {"tags": {"$a": 1}}}), "initialTwin"),
        (json!({"attestation": keys, "payload": "x".repeat(8192)}), "payload has at most"),
    ] {
        let mut world = world();
        let mut body = json!({"registrationId": "reg-1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = world.rest("PUT", "/enrollments/reg-1", body);
        assert_eq!(status, 400, "{more} {answer}");
        assert!(answer["message"].as_str().unwrap().contains(why), "{more} {answer}");
    }
    let mut world = world();
    for (path, body) in [
        ("/enrollments/reg-2", json!({"registrationId": "reg-1", "attestation": keys})),
        ("/enrollments/a_", json!({"registrationId": "a_", "attestation": keys})),
        ("/enrollmentGroups/b", json!({"enrollmentGroupId": "a", "attestation": keys})),
    ] {
        assert_eq!(world.rest("PUT", path, body).0, 400, "{path}");
    }
}

#[test]
fn many_are_done_at_once_and_one_that_fails_keeps_no_other() {
    let mut world = world();
    enroll(&mut world, "there", json!({}));
    let entry = |id: &str| json!({"registrationId": id, "attestation": {"type": "symmetricKey"}});
    let bulk = |mode: &str, ids: &[&str]| json!({"mode": mode, "enrollments": ids.iter().map(|id| entry(id)).collect::<Vec<_>>()});
    for (body, failed) in [
        (bulk("create", &["a", "there", "b"]), vec![("there", 409_000)]),
        (bulk("update", &["a", "nobody"]), vec![("nobody", 404_000)]),
        (bulk("updateIfMatchETag", &["a"]), vec![("a", 400_005)]),
        (bulk("delete", &["b", "nobody"]), vec![("nobody", 404_000)]),
        (bulk("create", &["b"]), vec![]),
    ] {
        let (status, result) = world.rest("POST", "/enrollments", body.clone());
        assert_eq!((status, &result["isSuccessful"]), (200, &json!(failed.is_empty())), "{body} {result}");
        let errors = result["errors"].as_array().unwrap().iter();
        let errors: Vec<_> = errors
            .map(|error| (error["registrationId"].as_str().unwrap(), error["errorCode"].as_i64().unwrap()))
            .collect();
        assert_eq!(errors, failed, "{body}");
    }
    let eleven: Vec<String> = (0..11).map(|number| format!("x{number}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    assert_eq!(world.rest("POST", "/enrollments", bulk("create", &eleven)).0, 400);
}

#[test]
fn lists_come_in_pages_in_the_order_of_names() {
    let mut world = world();
    for id in ["c", "a", "b"] {
        enroll(&mut world, id, json!({"iotHubHostName": "hub1.test"}));
        enroll_group(&mut world, id, json!({"iotHubHostName": "hub1.test"}));
    }
    for id in ["m1", "m2"] {
        let token = super::token_for(&world, (super::SCOPE, id), &super::member_key(id), 60);
        let line = super::connect(&mut world, id, Some(&token), vec![]).unwrap();
        world.subscribe(line, &[(super::FILTER, 1)]);
        register(&mut world, line, b"");
    }
    let line = ready(&mut world, "a", KEY);
    register(&mut world, line, b"");
    for (path, query, id, item_type, wanted) in [
        (
            "/enrollments/query",
            "SELECT * FROM enrollments",
            "registrationId",
            "Enrollment",
            vec!["a", "b", "c"],
        ),
        (
            "/enrollmentGroups/query",
            "select * from enrollmentGroups",
            "enrollmentGroupId",
            "EnrollmentGroup",
            vec!["a", "b", "c"],
        ),
        ("/registrations/a/query", "", "registrationId", "DeviceRegistration", vec!["m1", "m2"]),
        ("/registrations/b/query", "", "registrationId", "DeviceRegistration", vec![]),
    ] {
        for size in ["1", "2", "100", "-1"] {
            let (mut found, mut next) = (Vec::new(), String::new());
            loop {
                let headers = [("x-ms-max-item-count", size), ("x-ms-continuation", next.as_str())];
                let body = json!({"query": query}).to_string();
                let response = world.rest_with("POST", path, &body, &headers);
                assert_eq!(response.status, 200, "{path}");
                let header = |name: &str| response.headers.iter().find(|(each, _)| each == name);
                assert_eq!(header("x-ms-item-type").unwrap().1, item_type);
                let rows: Vec<Value> = serde_json::from_slice(&response.body).unwrap();
                found.extend(rows.iter().map(|row| row[id].as_str().unwrap().to_owned()));
                match header("x-ms-continuation") {
                    Some((_, name)) => next.clone_from(name),
                    None => break,
                }
            }
            assert_eq!(found, wanted, "{path} by {size}");
        }
    }
    let other = json!({"query": "SELECT * FROM enrollments WHERE true"});
    assert_eq!(world.rest("POST", "/enrollments/query", other).0, 400);
}

#[test]
fn whoever_has_registered_can_be_forgotten_and_stays_in_its_hub() {
    let mut world = world();
    enroll(&mut world, "reg-1", json!({"iotHubHostName": "hub1.test"}));
    let line = ready(&mut world, "reg-1", KEY);
    register(&mut world, line, b"");
    let (_, enrollment) = world.rest("GET", "/enrollments/reg-1", Value::Null);
    assert_eq!(enrollment["registrationState"]["status"], "assigned");
    assert_eq!(world.rest("DELETE", "/registrations/reg-1", Value::Null).0, 204);
    assert_eq!(world.rest("GET", "/registrations/reg-1", Value::Null).0, 404);
    assert!(world.hub.device_key("reg-1").is_some());
    assert_eq!(register(&mut world, line, b"")["registrationState"]["substatus"], "initialAssignment");
    assert_eq!(world.rest("DELETE", "/enrollments/reg-1", Value::Null).0, 204);
    assert_eq!(world.rest("GET", "/registrations/reg-1", Value::Null).0, 404);
}

#[test]
fn there_is_a_policy_for_those_who_enroll_devices() {
    let mut world = world();
    let token = world.policy_token("provisioningserviceowner");
    for (method, path, wanted) in
        [("POST", "/enrollments/query", 200), ("GET", "/$local/policies", 401), ("GET", "/twins/d", 401)]
    {
        let response = world.rest_with(method, path, "{\"query\":\"\"}", &[("authorization", &token)]);
        assert_eq!(response.status, wanted, "{path}");
    }
    let reader = world.policy_token("registryRead");
    let body = json!({"registrationId": "a", "attestation": {"type": "symmetricKey"}}).to_string();
    let put = world.rest_with("PUT", "/enrollments/a", &body, &[("authorization", &reader)]);
    assert_eq!(put.status, 401);
}
