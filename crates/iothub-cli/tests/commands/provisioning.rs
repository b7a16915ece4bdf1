use crate::hub::Hub;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn a_device_is_enrolled_registers_and_is_there() {
    let hub = Hub::start();
    let made = hub.line(&format!(
        "enrollment create --eid pump-7 --pk {KEY} --device-id north-7 --tags {{\"site\":\"north\"}} --payload {{\"rate\":5}}"
    ));
    let made = made.json();
    assert!(made["attestation"].get("symmetricKey").is_none(), "{made}");
    let shown = hub.line("enrollment show --eid pump-7 --show-keys").json();
    assert_eq!(shown["attestation"]["symmetricKey"]["primaryKey"], KEY);
    hub.line("enrollment create --eid pump-7").refused(5);
    hub.line("registration show --rid pump-7").refused(3);

    let payload = "--payload {\"model\":\"x\"}";
    let state = hub.line(&format!("registration create --rid pump-7 --key {KEY} {payload}")).json();
    assert_eq!((&state["deviceId"], &state["payload"]["rate"]), (&"north-7".into(), &5.into()));
    let kept = hub.line("registration show --rid pump-7").json();
    assert_eq!(kept["devicePayload"]["model"], "x");
    assert_eq!(hub.line("twin show north-7").json()["tags"]["site"], "north");
    let list = hub.line("enrollment list -o csv").ok();
    assert!(list.contains("pump-7"), "{list}");
    hub.line("enrollment create --eid pump-8").json();
    assert_eq!(hub.line("enrollment list -o ndjson").ok().lines().count(), 2);
    let first = hub.line("enrollment list --top 1 -o ndjson").json();
    assert_eq!(first["registrationId"], "pump-7");

    hub.line("enrollment update --eid pump-7 --ps disabled").json();
    hub.line(&format!("registration create --rid pump-7 --key {KEY}")).refused(4);
    hub.line("enrollment update --eid pump-7").refused(2);
    hub.line("enrollment update --eid pump-7 --ps enabled -e AAAA").refused(5);
    hub.line("registration delete --rid pump-7").ok();
    hub.line("enrollment delete --eid pump-7").ok();
    hub.line("enrollment show --eid pump-7").refused(3);
}

#[test]
fn members_of_a_group_register_by_keys_that_are_computed() {
    let hub = Hub::start();
    let group = hub.line("enrollment-group create --eid pumps --rp never --show-keys").json();
    let key = group["attestation"]["symmetricKey"]["primaryKey"].as_str().unwrap().to_owned();
    let computed = hub.line("enrollment-group compute-device-key --eid pumps --rid pump-1").ok();
    let own = computed.trim().to_owned();
    let alone = hub.line(&format!("enrollment-group compute-device-key --key {key} --rid pump-1 -o json"));
    assert_eq!(alone.json()["symmetricKey"], own.as_str());
    hub.line(&format!("registration create --rid pump-1 --key {own}")).json();
    hub.line(&format!("registration create --rid pump-2 --gk {key}")).json();
    hub.line(&format!("registration create --rid pump-3 --key {own}")).refused(4);
    hub.line("registration create --rid pump-3").refused(2);
    let members = hub.line("registration list --eid pumps -o json").json();
    let ids: Vec<_> = members.as_array().unwrap().iter().map(|each| &each["registrationId"]).collect();
    assert_eq!(ids, ["pump-1", "pump-2"]);
    let updated = hub.line("enrollment-group update --eid pumps --rp reprovisionandmigratedata").json();
    assert_eq!(updated["reprovisionPolicy"]["updateHubAssignment"], true);
    assert!(hub.line("enrollment-group list").ok().contains("pumps"));
    hub.line("enrollment-group update --eid pumps").refused(2);
    let signed = hub.line("enrollment-group create --eid meters --ca-name root").json();
    assert_eq!(signed["attestation"]["x509"]["caReferences"]["primary"], "root");
    hub.line("enrollment-group create --eid valves --ca-name root --at symmetricKey").refused(2);
    hub.line(&format!("enrollment-group create --eid valves --ca-name root --sk {KEY}")).refused(2);
    let signed = hub.line("enrollment-group update --eid meters --ca-name other").json();
    assert_eq!(signed["attestation"]["x509"]["caReferences"]["primary"], "other");
    hub.line("enrollment-group delete --eid pumps").ok();
    hub.line("enrollment-group show --eid pumps").refused(3);
}
