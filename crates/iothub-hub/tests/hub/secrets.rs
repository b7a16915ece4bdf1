use iothub_codec::Dialect;
use iothub_hub::PacketBuf;
use serde_json::json;

use crate::speaker::{Hello, signature};
use crate::world::World;

#[test]
fn no_key_and_no_token_shows_in_anything_but_the_registry() {
    let mut world = World::new();
    world.create_device("dev2");
    let line = world.connect("dev2");
    world.rest("PATCH", "/twins/dev2", json!({"properties": {"desired": {"a": 1}}}));
    world.publish(line, "nonsense", b"", None);
    let mut greeting = world.greeting("dev2");
    greeting.client_id = "dev1".into();
    let _ = world.greet(&greeting);
    greeting.client_id = "dev2".into();
    greeting.password = Some(world.token("dev1", 60).into_bytes());
    let _ = world.greet(&greeting);
    // A signature over a CONNECT, whose code is not to be seen either.
    let signed = Hello::new(&world, "dev1");
    let code = signature(&world, &signed).code;
    world.speak(Dialect::Preview5, "dev1");
    let policy = Hello { policy: Some("device"), ..signed };
    assert!(matches!(world.say_hello(Dialect::Preview5, &policy).1, PacketBuf::Refused(..)));
    world.rest_with(
        "GET",
        "/devices",
        "",
        &[("authorization", "SharedAccessSignature sr=x&sig=c2VjcmV0&se=9999999999&skn=service")],
    );
    world.rest("DELETE", "/devices/dev2", json!(null));
    let misplaced = "bWlzcGxhY2VkLCBleHBlY3RlZCBlbHNld2hlcmU=, expected elsewhere";
    for authentication in [json!(misplaced), json!({"symmetricKey": misplaced}), json!({"type": misplaced})] {
        let (status, body) =
            world.rest("PUT", "/devices/dev3", json!({"deviceId": "dev3", "authentication": authentication}));
        assert_eq!(status, 400, "{body}");
        assert!(!body.to_string().contains("bWlzcGxhY2Vk"), "{body}");
    }

    let mut secrets = vec!["c2VjcmV0".to_owned(), "bWlzcGxhY2Vk".to_owned()];
    secrets.push(format!("{code:?}").trim_matches(['[', ']']).to_owned());
    secrets.push(world.hub.device_key("dev1").unwrap().to_owned());
    secrets.push(world.token("dev1", 60).split_once("sig=").unwrap().1.split_once('&').unwrap().0.to_owned());
    for policy in ["iothubowner", "service"] {
        secrets.push(world.hub.policy_key(policy).unwrap().to_owned());
    }
    let shown = [
        format!("{:?}", world.hub),
        format!("{:?}", world.notices),
        format!("{:?}", world.events),
        format!("{:?}", world.changes),
    ];
    for text in &shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "a secret shows in {text:.200}");
        }
    }
}
