//! CONNECT: what clients put into its strings.

use iothub_codec::{
    Claim, Codec, Connect, DecodeError, DecodeErrorKind, DeviceId, Dialect, EncodeError, Field, Identity,
    Introduction, ModuleId, Place, Proof, PropertySection, Text, Version, open_connect,
};

use crate::ends::{device, module};
use crate::mark::refused;

const HOST: &str = "hub1.azure-devices.net";

fn connect<'a>(client_id: &'a str, username: Option<&'a str>, password: Option<&'a [u8]>) -> Connect<'a> {
    Connect { version: Version::V311, client_id, username, password, properties: PropertySection::EMPTY }
}

#[test]
fn user_names_are_read_as_clients_write_them() {
    for (client_id, username, api_version, agent, model_id) in [
        // Node.
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B",
            Some("2021-04-12"),
            Some("azure-iot-device/1.18.4 (node v20.20.2;"),
            None,
        ),
        // Python, with a model.
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=2020-09-30&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0&model-id=dtmi%3Acom%3Aexample%3AT%3B1",
            Some("2020-09-30"),
            Some("azure-iot-device-iothub-py/2.14.0"),
            Some("dtmi:com:example:T;1"),
        ),
        // C, with escapes in lower case.
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.15.0",
            Some("2020-09-30"),
            Some("iothubclient/1.15.0"),
            None,
        ),
        ("dev-1", "hub1.azure-devices.net/dev-1/?api-version=2016-11-14", Some("2016-11-14"), None, None),
        ("dev-1/mod-1", "hub1.azure-devices.net/dev-1/mod-1/?api-version=x", Some("x"), None, None),
        // Without the question mark, as in old documents.
        ("dev-1", "hub1.azure-devices.net/dev-1/api-version=2016-11-14", Some("2016-11-14"), None, None),
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/DeviceClientType=a%2Fb&api-version=2016-11-14",
            Some("2016-11-14"),
            Some("a/b"),
            None,
        ),
        ("dev-1/mod-1", "hub1.azure-devices.net/dev-1/mod-1/api-version=1", Some("1"), None, None),
        // A version is asked for in the documents, and not needed.
        ("dev-1", "hub1.azure-devices.net/dev-1/?DeviceClientType=x", None, Some("x"), None),
        ("dev-1", "hub1.azure-devices.net/dev-1/?", None, None, None),
        ("dev-1", "hub1.azure-devices.net/dev-1/", None, None, None),
        ("dev-1", "hub1.azure-devices.net/dev-1", None, None, None),
        ("dev-1/mod-1", "hub1.azure-devices.net/dev-1/mod-1", None, None, None),
        // What is unknown is nothing, and the first of two counts. Clients do write raw slashes.
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=1&av=1&auth-chain=a%3Bb&x",
            Some("1"),
            None,
            None,
        ),
        ("dev-1", "hub1.azure-devices.net/dev-1/?api-version=1&api-version=2", Some("1"), None, None),
        (
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=1&DeviceClientType=a/b",
            Some("1"),
            Some("a/b"),
            None,
        ),
        ("dev-1", "hub1.azure-devices.net/dev-1/?api-version=&model-id", Some(""), None, Some("")),
        // Names are not decoded, and may look like parameters.
        ("d%2F1", "hub1.azure-devices.net/d%2F1/?api-version=1", Some("1"), None, None),
        ("?d", "hub1.azure-devices.net/?d/?api-version=1", Some("1"), None, None),
        ("?d", "hub1.azure-devices.net/?d/api-version=1", Some("1"), None, None),
        ("?d", "hub1.azure-devices.net/?d", None, None, None),
        ("d/?m", "hub1.azure-devices.net/d/?m/api-version=1", Some("1"), None, None),
        ("d/?m", "hub1.azure-devices.net/d/?m/?api-version=1", Some("1"), None, None),
        ("api-version=1", "hub1.azure-devices.net/api-version=1/?api-version=2", Some("2"), None, None),
        ("api-version=1", "hub1.azure-devices.net/api-version=1", None, None, None),
    ] {
        let connect = connect(client_id, Some(username), Some(b"token"));
        let (dialect, claim) = open_connect(&connect).unwrap_or_else(|error| panic!("{username}: {error}"));
        assert_eq!(dialect, Dialect::Classic);
        let Claim { identity, host, proof, .. } = claim;
        assert_eq!((identity.to_string().as_str(), host), (client_id, Some(Text::plain(HOST))), "{username}");
        assert_eq!(proof, Proof::Token("token"));
        for (read, expected) in
            [(claim.api_version, api_version), (claim.client_agent, agent), (claim.model_id, model_id)]
        {
            assert_eq!(read.map(|text| text.to_string()).as_deref(), expected, "{username}");
        }
    }
}

#[test]
fn what_is_wrong_in_a_user_name_and_where() {
    use DecodeErrorKind::{BadValue, Missing};
    let longest = "x".repeat(128);
    for (marked, kind) in [
        ("‸", Missing(Field::DeviceId)),
        ("hub1‸", Missing(Field::DeviceId)),
        ("‸/dev-1/?api-version=1", BadValue(Field::Host)),
        ("‸hub 1/dev-1/?api-version=1", BadValue(Field::Host)),
        ("‸hub=1/dev-1/?api-version=1", BadValue(Field::Host)),
        ("hub1/‸", BadValue(Field::DeviceId)),
        ("hub1/‸/?api-version=1", BadValue(Field::DeviceId)),
        ("hub1/dev‸ 1/?api-version=1", BadValue(Field::DeviceId)),
        ("hub1/dev‸;1/?api-version=1", BadValue(Field::DeviceId)),
        ("hub1/dev-1‸é/?api-version=1", BadValue(Field::DeviceId)),
        (&format!("hub1/{longest}‸x/?api-version=1"), BadValue(Field::DeviceId)),
        ("hub1/dev-1/‸/?api-version=1", BadValue(Field::ModuleId)),
        ("hub1/dev-1/mod‸ 1/?api-version=1", BadValue(Field::ModuleId)),
        ("hub1/dev-1/mod-1‸/x/?api-version=1", BadValue(Field::ModuleId)),
    ] {
        refused(marked, kind, Place::UserName, |username| {
            open_connect(&connect("dev-1", Some(username), None)).map(|read| format!("{read:?}"))
        });
    }
}

#[test]
fn what_is_wrong_beside_the_user_name() {
    use DecodeErrorKind::{BadValue, Missing, WrongDevice};
    let name = Some("hub1/dev-1/?api-version=1");
    let module = Some("hub1/dev-1/mod-1/?api-version=1");
    for (connect, place, kind) in [
        (connect("dev-1", None, None), Place::Whole, Missing(Field::UserName)),
        (connect("dev-2", name, None), Place::ClientId, WrongDevice),
        (connect("Dev-1", name, None), Place::ClientId, WrongDevice),
        (connect("", name, None), Place::ClientId, WrongDevice),
        (connect("dev-1/mod-1", name, None), Place::ClientId, WrongDevice),
        (connect("dev-1", module, None), Place::ClientId, WrongDevice),
        (connect("dev-1/mod-2", module, None), Place::ClientId, WrongDevice),
        (connect("dev-1/mod-1/", module, None), Place::ClientId, WrongDevice),
        (connect("dev-1", name, Some(b"\xFF")), Place::Password, BadValue(Field::Password)),
    ] {
        assert_eq!(open_connect(&connect), Err(DecodeError { place, kind }), "{connect:?}");
    }
    let nothing = connect("dev-1", name, Some(b""));
    assert_eq!(open_connect(&nothing).unwrap().1.proof, Proof::None, "an empty password proves nothing");
}

#[test]
fn a_device_introduces_itself() {
    let plain = Introduction { host: HOST, client_agent: None, model_id: None };
    let chatty =
        Introduction { client_agent: Some("a/b c"), model_id: Some("dtmi:com:example:T;1"), ..plain };
    let odd_name = Identity::module(DeviceId::new("?d#+").unwrap(), ModuleId::new("$edgeAgent").unwrap());
    let odd = Codec::new(Dialect::Classic, odd_name);
    for (codec, who, client_id, username) in [
        (device(), plain, "dev-1", "hub1.azure-devices.net/dev-1/?api-version=2021-04-12"),
        (module(), plain, "dev-1/mod-1", "hub1.azure-devices.net/dev-1/mod-1/?api-version=2021-04-12"),
        (
            device(),
            chatty,
            "dev-1",
            "hub1.azure-devices.net/dev-1/?api-version=2021-04-12&DeviceClientType=a%2Fb%20c&model-id=dtmi%3Acom%3Aexample%3AT%3B1",
        ),
        (odd, plain, "?d#+/$edgeAgent", "hub1.azure-devices.net/?d#+/$edgeAgent/?api-version=2021-04-12"),
    ] {
        let mut out = [0; 256];
        let written = codec.encode_connect(&who, &Proof::Token("secret"), &mut out).unwrap();
        assert_eq!(written, connect(client_id, Some(username), Some(b"secret")));
        assert!(!format!("{written:?}").contains("secret"), "a token is not for logs");
        assert_eq!(open_connect(&written).unwrap().1.identity, codec.identity());
    }
    for host in ["", "a b", "hub1/x", "a&b", "av=1", "hüb"] {
        let refused = device().encode_connect(&Introduction { host, ..plain }, &Proof::None, &mut []);
        assert_eq!(refused, Err(EncodeError::BadValue(Field::Host)), "{host}");
    }
}

#[test]
fn a_user_name_and_a_token_are_as_long_as_mqtt_lets_them_be_and_no_longer() {
    let stem = "hub1.azure-devices.net/dev-1/?api-version=2021-04-12&DeviceClientType=".len();
    let text = "x".repeat(65_536);
    let mut out = vec![0; 70_000];
    let bad = |field| Err(EncodeError::BadValue(field));
    for (agent_len, token_len, expected) in [
        (65_535 - stem, 65_535, Ok((65_535, 65_535))),
        (65_536 - stem, 1, bad(Field::UserName)),
        (1, 65_536, bad(Field::Password)),
    ] {
        let who = Introduction { host: HOST, client_agent: Some(&text[..agent_len]), model_id: None };
        let proof = Proof::Token(&text[..token_len]);
        let lengths =
            |connect: Connect<'_>| (connect.username.unwrap().len(), connect.password.unwrap().len());
        assert_eq!(device().encode_connect(&who, &proof, &mut out).map(lengths), expected);
        if expected.is_err() {
            let nothing = device().encode_connect(&who, &proof, &mut []).map(lengths);
            assert_eq!(nothing, expected, "no buffer is large enough, so none is asked for");
        }
    }
}
