use crate::hub::Hub;

#[test]
fn a_policy_lets_its_holder_do_what_its_rights_say_until_it_is_deleted() {
    let hub = Hub::start();
    let made = hub.line("policy create readers --rights RegistryRead --show-keys").json();
    assert_eq!(made["rights"], "RegistryRead");
    let login = made["connectionString"].as_str().unwrap().to_owned();
    let ca = hub.text("caFile");
    let by = |words: &[&str]| hub.run(&[words, &["--login", &login, "--ca", ca]].concat());
    assert_eq!(by(&["device", "show", "dev1"]).json()["deviceId"], "dev1");
    by(&["device", "delete", "dev1"]).refused(4);
    by(&["policy", "list"]).refused(4);

    let list = hub.line("policy list").ok();
    assert!(list.contains("readers") && !list.contains("Key\""), "{list}");
    let shown = hub.line("policy show readers").json();
    assert!(shown.get("primaryKey").is_none() && shown.get("connectionString").is_none(), "{shown}");
    let swapped = hub.line("policy renew-key readers --kt swap --show-keys").json();
    assert_eq!(
        (&swapped["primaryKey"], &swapped["secondaryKey"]),
        (&made["secondaryKey"], &made["primaryKey"])
    );
    by(&["device", "show", "dev1"]).json();
    hub.line("policy renew-key readers --kt secondary").json();
    by(&["device", "show", "dev1"]).refused(4);

    assert_eq!(hub.line("policy delete readers").ok(), "");
    hub.line("policy show readers").refused(3);
    let refused = hub.line("policy delete iothubowner").refused(1);
    assert!(refused.contains("cannot be removed"), "{refused}");
    hub.line("policy create x --rights Everything").refused(2);
}
