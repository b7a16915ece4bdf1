//! CONNECT: the list that is its user name, and the signature that is its password.

use iothub_codec::{
    Claim, Codec, Connect, DecodeError, DecodeErrorKind, DeviceId, Dialect, EncodeError, Field, Identity,
    Introduction, ModuleId, Place, Proof, PropertySection, Signature, Terms, Text, Version, open_connect,
};

use crate::ends::{device, module};
use crate::mark::refused;
use DecodeErrorKind::{BadValue, Missing, WrongDevice};

pub(crate) const HOST: &str = "hub1.azure-devices.net";

/// What `D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s=` is in base64.
pub(crate) const DEVICE_CODE: [u8; 32] = [
    0x0F, 0x60, 0xBF, 0x68, 0x23, 0xB9, 0x90, 0x46, 0x5B, 0x4D, 0xF0, 0x0C, 0x9A, 0xC6, 0x47, 0x52, 0x49,
    0x34, 0x08, 0xA8, 0xFB, 0x60, 0xDE, 0xF3, 0x97, 0x0B, 0x50, 0x39, 0xDB, 0x86, 0x9B, 0x4B,
];
const PASSWORD: &str = "D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s=";

const TERMS: Terms<'static> =
    Terms { expiry_ms: 1_893_456_000_000, at_ms: Some(1_893_452_400_000), policy: None };

fn connect<'a>(client_id: &'a str, username: &'a str, password: Option<&'a [u8]>) -> Connect<'a> {
    let username = Some(username);
    Connect { version: Version::V311, client_id, username, password, properties: PropertySection::EMPTY }
}

#[test]
fn a_device_introduces_itself() {
    let plain = Introduction { host: HOST, client_agent: None, model_id: None };
    let chatty =
        Introduction { client_agent: Some("a/b c"), model_id: Some("dtmi:com:example:T;1"), ..plain };
    let signed = Proof::Signature(Signature { terms: TERMS, code: DEVICE_CODE });
    let by_policy = Terms { policy: Some(Text::plain("device &1")), at_ms: None, ..TERMS };
    let by_policy = Proof::Signature(Signature { terms: by_policy, code: DEVICE_CODE });
    let odd = Identity::module(DeviceId::new("a+b=c#%").unwrap(), ModuleId::new("$edgeAgent").unwrap());
    let odd = Codec::new(Dialect::Preview311, odd);
    for (codec, who, proof, client_id, username, password) in [
        (
            device(),
            plain,
            signed,
            "dev-1",
            "h=hub1.azure-devices.net&did=dev-1&av=2021-06-30-preview&am=SASb64&se=1893456000000&sa=1893452400000",
            Some(PASSWORD),
        ),
        (
            module(),
            plain,
            signed,
            "dev-1/mod-1",
            "h=hub1.azure-devices.net&did=dev-1&mid=mod-1&av=2021-06-30-preview&am=SASb64&se=1893456000000&sa=1893452400000",
            Some(PASSWORD),
        ),
        (
            device(),
            chatty,
            by_policy,
            "dev-1",
            "h=hub1.azure-devices.net&did=dev-1&av=2021-06-30-preview&am=SASb64&se=1893456000000&sp=device%20%261&ca=a%2Fb%20c&dtmi=dtmi%3Acom%3Aexample%3AT%3B1",
            Some(PASSWORD),
        ),
        (
            device(),
            plain,
            Proof::None,
            "dev-1",
            "h=hub1.azure-devices.net&did=dev-1&av=2021-06-30-preview&am=X509",
            None,
        ),
        (
            odd,
            plain,
            Proof::None,
            "a+b=c#%/$edgeAgent",
            "h=hub1.azure-devices.net&did=a%2Bb%3Dc%23%25&mid=%24edgeAgent&av=2021-06-30-preview&am=X509",
            None,
        ),
    ] {
        let mut out = [0; 300];
        let written = codec.encode_connect(&who, &proof, &mut out).unwrap();
        assert_eq!(written, connect(client_id, username, password.map(str::as_bytes)));
        assert!(!format!("{written:?}").contains(PASSWORD), "a signature is not for logs");
        let (dialect, claim) = open_connect(&written).unwrap();
        assert_eq!((dialect, claim.identity), (Dialect::Preview311, codec.identity()));
        assert!(claim.proof == proof, "{username}");
        let agent = claim.client_agent.map(|text| text.to_string());
        let model_id = claim.model_id.map(|text| text.to_string());
        assert_eq!((agent.as_deref(), model_id.as_deref()), (who.client_agent, who.model_id));
    }
    for host in ["", "a b", "hub1/x", "a&b", "av=1", "hüb"] {
        let refused = device().encode_connect(&Introduction { host, ..plain }, &Proof::None, &mut []);
        assert_eq!(refused, Err(EncodeError::BadValue(Field::Host)), "{host}");
    }
    let mut out = [0; 200];
    let token = device().encode_connect(&plain, &Proof::Token("t"), &mut out);
    assert_eq!(token, Err(EncodeError::NotExpressible));
}

#[test]
fn a_user_name_is_as_long_as_mqtt_lets_it_be_and_no_longer() {
    let stem = "h=hub1.azure-devices.net&did=dev-1&av=2021-06-30-preview&am=X509&ca=".len();
    let mut out = vec![0; 70_000];
    for (len, expected) in
        [(65_535 - stem, Ok(65_535)), (65_536 - stem, Err(EncodeError::BadValue(Field::UserName)))]
    {
        let agent = "x".repeat(len);
        let who = Introduction { host: HOST, client_agent: Some(&agent), model_id: None };
        let written = device().encode_connect(&who, &Proof::None, &mut out);
        assert_eq!(written.map(|connect| connect.username.unwrap().len()), expected);
    }
}

#[test]
fn what_is_signed_are_five_lines() {
    let module = Identity::module(DeviceId::new("dev-1").unwrap(), ModuleId::new("mod-a").unwrap());
    let sign = |terms: Terms<'_>, identity| {
        let mut out = [0; 128];
        let message = terms.string_to_sign(Text::plain(HOST), identity, &mut out).unwrap();
        String::from_utf8(message.to_vec()).unwrap()
    };
    let by_policy = Terms { policy: Some(Text::percent_encoded("a%20b")), at_ms: None, ..TERMS };
    for (terms, identity, message) in [
        (TERMS, module, "hub1.azure-devices.net\ndev-1/mod-a\n\n1893452400000\n1893456000000\n"),
        (TERMS, device().identity(), "hub1.azure-devices.net\ndev-1\n\n1893452400000\n1893456000000\n"),
        (by_policy, device().identity(), "hub1.azure-devices.net\ndev-1\na b\n\n1893456000000\n"),
    ] {
        assert_eq!(sign(terms, identity), message);
    }
}

#[cfg(feature = "hmac")]
#[test]
fn the_published_signatures_are_those_of_the_published_key() {
    let key = iothub_codec::SharedKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let mod_a = Identity::module(DeviceId::new("dev-1").unwrap(), ModuleId::new("mod-a").unwrap());
    let who = Introduction { host: HOST, client_agent: None, model_id: None };
    for (identity, password) in
        [(device().identity(), PASSWORD), (mod_a, "EutLLYQFwUdF9hXutUdvFj3CdnVc3ki0BIqmEHyUD2U=")]
    {
        let signature = TERMS.sign(Text::plain(HOST), identity, &key, &mut [0; 128]).unwrap();
        let mut out = [0; 200];
        let codec = Codec::new(Dialect::Preview311, identity);
        let connect = codec.encode_connect(&who, &Proof::Signature(signature), &mut out).unwrap();
        assert_eq!(connect.password, Some(password.as_bytes()), "{identity}");
    }
}

#[test]
fn user_names_are_read_as_they_may_be_written() {
    let agent = |text| (Some(text), None, None);
    let nothing = (None, None, None);
    for (client_id, username, host, (agent, model_id, content_type)) in [
        ("dev-1", "av=2021-06-30-preview&am=X509&h=hub1&did=dev-1", Some("hub1"), nothing),
        ("dev-1", "av=2020-06-30-preview&am=X509", None, nothing),
        ("dev-1", "am=X509&av=", None, nothing),
        ("dev-1/mod-1", "av=x&am=X509&did=dev-1&mid=mod-1", None, nothing),
        ("dev-1/mod-1", "av=x&am=X509&did=dev-1", None, nothing),
        ("dev-1/mod-1", "av=x&am=X509", None, nothing),
        ("d%2F1", "did=d%252F1&av=x&am=X509", None, nothing),
        // An example leaves a semicolon raw, and slashes are the only thing that must not be in front.
        ("dev-1", "av=x&am=X509&ca=a;b/c d", None, agent("a;b/c d")),
        ("dev-1", "h=hub1&ca=a/b&av=x&am=X509", Some("hub1"), agent("a/b")),
        ("dev-1", "av=x&am=X509&dtmi=dtmi%3Aa%3B1", None, (None, Some("dtmi:a;1"), None)),
        ("dev-1", "av=x&am=X509&dct=application%2Fjson", None, (None, None, Some("application/json"))),
        ("dev-1", "av=x&am=X509&dct=application/cbor", None, (None, None, Some("application/cbor"))),
        // What is unknown is nothing, and the first of two counts.
        ("dev-1", "av=x&am=X509&new=1&&ca=a&ca=b", None, agent("a")),
        ("dev-1", "%61v=x&am=X50%39", None, nothing),
    ] {
        let connect = connect(client_id, username, None);
        let opened = open_connect(&connect);
        // Only a name as it is decides about the dialect.
        let (dialect, claim) = opened.unwrap_or_else(|error| panic!("{username}: {error}"));
        assert_eq!(dialect, Dialect::Preview311);
        let Claim { identity, proof, .. } = claim;
        assert_eq!((identity.to_string().as_str(), proof), (client_id, Proof::None), "{username}");
        for (read, expected) in [
            (claim.host, host),
            (claim.client_agent, agent),
            (claim.model_id, model_id),
            (claim.content_type, content_type),
        ] {
            assert_eq!(read.map(|text| text.to_string()).as_deref(), expected, "{username}");
        }
    }
}

#[test]
fn a_user_name_with_a_host_in_front_is_of_the_classic_dialect() {
    for (username, dialect) in [
        ("hub1/dev-1/?api-version=2021-04-12", Dialect::Classic),
        ("hub1/dev-1/?av=1&am=X509", Dialect::Classic),
        ("h=hub1&am=X509&av=1", Dialect::Preview311),
    ] {
        assert_eq!(open_connect(&connect("dev-1", username, None)).unwrap().0, dialect, "{username}");
    }
}

#[test]
fn a_signature_is_read_as_it_is_and_in_base64() {
    for (method, password) in [("SAS", &DEVICE_CODE[..]), ("SASb64", PASSWORD.as_bytes())] {
        for (more, at_ms, policy) in [
            ("&sa=1893452400000", Some(1_893_452_400_000), None),
            ("", None, None),
            ("&sp=device", None, Some(Text::plain("device"))),
        ] {
            let username = format!("av=x&am={method}&se=1893456000000{more}");
            let (_, claim) = open_connect(&connect("dev-1", &username, Some(password))).unwrap();
            let terms = Terms { at_ms, policy, ..TERMS };
            assert!(claim.proof == Proof::Signature(Signature { terms, code: DEVICE_CODE }), "{username}");
        }
    }
    // Whose certificate speaks for it needs no password, and may have one.
    let (_, claim) = open_connect(&connect("dev-1", "av=x&am=X509", Some(b"x"))).unwrap();
    assert_eq!(claim.proof, Proof::None);
}

#[test]
fn what_is_wrong_in_a_user_name_and_where() {
    for (marked, kind) in [
        ("am=X509‸", Missing(Field::ApiVersion)),
        ("av=x‸", Missing(Field::AuthenticationMethod)),
        ("av=x&am‸", BadValue(Field::AuthenticationMethod)),
        ("av=x&am=‸sas&se=1", BadValue(Field::AuthenticationMethod)),
        ("av=x&am=‸SAS2&se=1", BadValue(Field::AuthenticationMethod)),
        ("av=x&am=SASb64‸", Missing(Field::Expiry)),
        ("av=x&am=SASb64&sa=1‸", Missing(Field::Expiry)),
        ("av=x&am=SASb64&se=‸", BadValue(Field::Expiry)),
        ("av=x&am=SASb64&se=‸soon&sa=1", BadValue(Field::Expiry)),
        ("av=x&am=SAS&se=‸18446744073709551616", BadValue(Field::Expiry)),
        ("av=x&am=SASb64&se=1&sa=‸-1", BadValue(Field::ConnectTime)),
        ("av=x&am=SASb64&se=1&sa‸", BadValue(Field::ConnectTime)),
        ("h=‸&av=x&am=X509", BadValue(Field::Host)),
        ("h=‸hub%201&av=x&am=X509", BadValue(Field::Host)),
        ("av=x&am=X509&dct=‸text%2Fplain", BadValue(Field::ContentType)),
        ("av=x&am=X509&did=‸dev-2", WrongDevice),
        ("av=x&am=X509&did=‸Dev-1", WrongDevice),
        ("av=x&am=X509&did=‸dev-1%2Fmod-1", WrongDevice),
        ("av=x&am=X509&did‸", WrongDevice),
        ("av=x&am=X509&mid=‸mod-1", WrongDevice),
        ("av=x&am=X509&did=dev-1&mid=‸", WrongDevice),
    ] {
        refused(marked, kind, Place::UserName, |username| {
            let connect = connect("dev-1", username, Some(PASSWORD.as_bytes()));
            open_connect(&connect).map(|read| format!("{read:?}"))
        });
    }
    refused("av=x&am=X509&mid=‸mod-2", WrongDevice, Place::UserName, |username| {
        open_connect(&connect("dev-1/mod-1", username, None)).map(|read| format!("{read:?}"))
    });
}

#[test]
fn what_is_wrong_beside_the_user_name() {
    let username = "av=x&am=X509";
    for (client_id, field) in [
        ("", Field::DeviceId),
        ("dev 1", Field::DeviceId),
        ("/mod-1", Field::DeviceId),
        ("dev-1/", Field::ModuleId),
        ("dev-1/mod 1", Field::ModuleId),
        ("dev-1/mod-1/x", Field::ModuleId),
    ] {
        let error = DecodeError { place: Place::ClientId, kind: BadValue(field) };
        assert_eq!(open_connect(&connect(client_id, username, None)), Err(error), "{client_id}");
    }
    let (signature, without_last) = (Field::Signature, &DEVICE_CODE[..31]);
    for (method, password, kind) in [
        ("SASb64", None, Missing(signature)),
        ("SASb64", Some(&b""[..]), Missing(signature)),
        ("SAS", None, Missing(signature)),
        ("SAS", Some(without_last), BadValue(signature)),
        ("SAS", Some(PASSWORD.as_bytes()), BadValue(signature)),
        ("SASb64", Some(&DEVICE_CODE), BadValue(signature)),
        // Neither shorter nor longer nor without padding; of two texts for one signature only one.
        ("SASb64", Some(b"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s"), BadValue(signature)),
        ("SASb64", Some(b"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s=="), BadValue(signature)),
        ("SASb64", Some(b"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0t="), BadValue(signature)),
        ("SASb64", Some(b"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0sA"), BadValue(signature)),
        ("SASb64", Some(b"D2C_aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s="), BadValue(signature)),
        ("SASb64", Some(b"D2C%2FaCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0="), BadValue(signature)),
        ("SASb64", Some(b"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0=s"), BadValue(signature)),
    ] {
        let username = format!("av=x&am={method}&se=1893456000000");
        let error = DecodeError { place: Place::Password, kind };
        assert_eq!(open_connect(&connect("dev-1", &username, password)), Err(error), "{password:?}");
    }
}
