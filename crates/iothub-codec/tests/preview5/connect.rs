//! Who connects, with what proof, and how that is renewed.

use iothub_codec::{
    Auth, AuthStep, Claim, Codec, Connect, DecodeError, DecodeErrorKind, Dialect, EncodeError, Field,
    Introduction, Place, Proof, PropertySection, SectionOf, Signature, Terms, Text, Version, open_connect,
};

use crate::ends::{device, module};
use crate::wire::{section, wire};
use DecodeErrorKind::{BadValue, Missing, UnknownProperty};

const HOST: &str = "hub1.azure-devices.net";
const WHO: Introduction<'static> = Introduction { host: HOST, client_agent: None, model_id: None };
const CODE: [u8; 32] = [0x5A; 32];
const SIGNATURE: Signature<'static> =
    Signature { terms: Terms { expiry_ms: 1_893_456_000_000, at_ms: None, policy: None }, code: CODE };

/// The method and its data, as sections have them.
fn sas() -> String {
    format!("15 \"SAS\" 16 0020 {}", "5a".repeat(32))
}

fn connect<'a>(client_id: &'a str, properties: PropertySection<'a>) -> Connect<'a> {
    Connect { version: Version::V5, client_id, username: None, password: None, properties }
}

#[test]
fn a_device_introduces_itself() {
    let full = Terms { at_ms: Some(1_893_452_400_000), policy: Some(Text::plain("svc")), ..SIGNATURE.terms };
    let chatty = Introduction { client_agent: Some("é/1 b"), ..WHO };
    let with = |terms| Proof::Signature(Signature { terms, ..SIGNATURE });
    for (codec, client_id, who, proof, words) in [
        (
            device(),
            "dev-1",
            WHO,
            with(SIGNATURE.terms),
            format!("{} api-version=2020-10-01-preview host={HOST} sas-expiry=1893456000000", sas()),
        ),
        (
            module(),
            "dev-1/mod-1",
            chatty,
            with(full),
            format!(
                "{} api-version=2020-10-01-preview host={HOST} sas-at=1893452400000 sas-expiry=1893456000000 \
                 sas-policy=svc 26 \"client-agent\" \"é/1 b\"",
                sas()
            ),
        ),
        (
            device(),
            "dev-1",
            WHO,
            Proof::None,
            format!("15 \"X509\" api-version=2020-10-01-preview host={HOST}"),
        ),
    ] {
        let mut out = [0; 512];
        let written = codec.encode_connect(&who, &proof, &mut out).unwrap();
        let (bytes, _) = wire(&words);
        assert_eq!(written, connect(client_id, section(&bytes, SectionOf::Connect)), "{words}");
        let claim = Claim {
            identity: codec.identity(),
            host: Some(Text::plain(HOST)),
            api_version: Some(Text::plain("2020-10-01-preview")),
            client_agent: who.client_agent.map(Text::plain),
            model_id: None,
            content_type: None,
            proof,
        };
        assert_eq!(open_connect(&written), Ok((Dialect::Preview5, claim)), "{words}");
        assert!(!format!("{written:?} {:?}", written.properties).contains("90"), "0x5A is not for logs");

        let small = codec.encode_connect(&who, &proof, &mut []);
        let Err(EncodeError::BufferTooSmall { needed }) = small else { panic!("{small:?}") };
        assert!(codec.encode_connect(&who, &proof, &mut vec![0; needed]).is_ok());
        assert_eq!(codec.encode_connect(&who, &proof, &mut vec![0; needed - 1]), small);
    }
}

#[test]
fn what_a_device_cannot_say() {
    let model = Introduction { model_id: Some("dtmi:a;1"), ..WHO };
    let mut out = [0; 512];
    for (who, proof, expected) in [
        (WHO, Proof::Token("SharedAccessSignature"), EncodeError::NotExpressible),
        (model, Proof::None, EncodeError::NotExpressible),
        (Introduction { client_agent: Some("a\0b"), ..WHO }, Proof::None, EncodeError::NotExpressible),
        (Introduction { host: "", ..WHO }, Proof::None, EncodeError::BadValue(Field::Host)),
        (Introduction { host: "a b", ..WHO }, Proof::None, EncodeError::BadValue(Field::Host)),
    ] {
        assert_eq!(device().encode_connect(&who, &proof, &mut out), Err(expected), "{who:?}");
    }
}

#[test]
fn more_is_read_than_is_written() {
    let read = |words: &str| {
        let (bytes, _) = wire(words);
        let connect = connect("dev-1", section(&bytes, SectionOf::Connect));
        let (dialect, claim) = open_connect(&connect).unwrap_or_else(|error| panic!("{words}: {error}"));
        assert_eq!(dialect, Dialect::Preview5);
        (claim.host.map(|text| text.to_string()), claim.api_version.map(|text| text.to_string()))
    };
    let host = |host: Option<&str>, version: &str| (host.map(str::to_owned), Some(version.to_owned()));
    for (words, expected) in [
        // Without a host, TLS says it.
        ("15 \"X509\" api-version=1".to_owned(), host(None, "1")),
        // B2: any version.
        ("15 \"X509\" api-version=2020-10-10 host=h".to_owned(), host(Some("h"), "2020-10-10")),
        // B3: an expiry before the time of connecting is for the hub to judge.
        (format!("{} sas-expiry=1 sas-at=2 api-version=2.0", sas()), host(None, "2.0")),
        // In any order, among the properties of MQTT itself, and the last of two.
        (
            format!(
                "host=a 11 00000e10 api-version=1 21 0010 27 00040000 sas-expiry=1 host=b {} 17 00",
                sas()
            ),
            host(Some("b"), "1"),
        ),
    ] {
        assert_eq!(read(&words), expected, "{words}");
    }
    // An empty policy signs what none does.
    let (bytes, _) = wire(&format!("{} sas-expiry=1 sas-policy= api-version=1", sas()));
    let (_, claim) = open_connect(&connect("dev-1", section(&bytes, SectionOf::Connect))).unwrap();
    let terms = Terms { expiry_ms: 1, at_ms: None, policy: None };
    assert_eq!(claim.proof, Proof::Signature(Signature { terms, code: CODE }));
    // User names and passwords are of no use, and do no harm.
    let named = Connect {
        username: Some("x"),
        password: Some(b"\xFF"),
        ..connect("dev-1", section(&bytes, SectionOf::Connect))
    };
    assert_eq!(open_connect(&named).unwrap().1, claim);
}

#[test]
fn what_is_wrong_in_a_connect_and_where() {
    let sas = sas();
    for (words, kind) in [
        ("‸", Missing(Field::AuthenticationMethod)),
        ("api-version=1 host=h‸", Missing(Field::AuthenticationMethod)),
        ("‸15 \"sas\" api-version=1", BadValue(Field::AuthenticationMethod)),
        ("api-version=1 ‸15 \"\"", BadValue(Field::AuthenticationMethod)),
        ("15 \"X509\"‸", Missing(Field::ApiVersion)),
        ("15 \"SAS\" api-version=1 sas-expiry=1‸", Missing(Field::Signature)),
        ("15 \"SAS\" ‸16 \"0123456789012345678901234567890\" sas-expiry=1", BadValue(Field::Signature)),
        ("15 \"SAS\" ‸16 \"D2C/aCO5kEZbTfAMmsZHUkk0CKj7YN7zlwtQOduGm0s=\"", BadValue(Field::Signature)),
        (&format!("{sas} api-version=1‸"), Missing(Field::Expiry)),
        (&format!("{sas} api-version=1 ‸sas-expiry="), BadValue(Field::Expiry)),
        (&format!("{sas} ‸sas-expiry=1893456000.5"), BadValue(Field::Expiry)),
        (&format!("{sas} sas-expiry=1 ‸sas-at=now"), BadValue(Field::ConnectTime)),
        (&format!("{sas} sas-expiry=1‸"), Missing(Field::ApiVersion)),
        ("15 \"X509\" api-version=1 ‸host=", BadValue(Field::Host)),
        ("15 \"X509\" api-version=1 ‸26 \"host\" \"a b\"", BadValue(Field::Host)),
        ("15 \"X509\" api-version=1 ‸Host=h", UnknownProperty),
        ("‸model-id=dtmi:a;1 15 \"X509\"", UnknownProperty),
        ("15 \"X509\" ‸@a=1", UnknownProperty),
    ] {
        let (bytes, at) = wire(words);
        let connect = connect("dev-1", section(&bytes, SectionOf::Connect));
        let error = DecodeError { place: Place::Properties(at.expect("there is a mark")), kind };
        assert_eq!(open_connect(&connect), Err(error), "{words}");
    }
    let (bytes, _) = wire("15 \"X509\" api-version=1");
    for (client_id, field) in [
        ("", Field::DeviceId),
        ("a b", Field::DeviceId),
        ("/m", Field::DeviceId),
        ("d/", Field::ModuleId),
        ("d/m/", Field::ModuleId),
        ("d/é", Field::ModuleId),
    ] {
        let error = DecodeError { place: Place::ClientId, kind: BadValue(field) };
        let connect = connect(client_id, section(&bytes, SectionOf::Connect));
        assert_eq!(open_connect(&connect), Err(error), "{client_id}");
    }
}

#[test]
fn a_signature_is_renewed() {
    let terms = Terms { at_ms: Some(7), ..SIGNATURE.terms };
    let timed = Signature { terms, ..SIGNATURE };
    for (step, reason_code, words) in [
        (AuthStep::Renew(SIGNATURE), 0x19, format!("{} sas-expiry=1893456000000", sas())),
        (AuthStep::Renew(timed), 0x19, format!("{} sas-at=7 sas-expiry=1893456000000", sas())),
        (AuthStep::Renewed, 0, "15 \"SAS\"".to_owned()),
    ] {
        let mut out = [0; 128];
        let auth = device().encode_auth(&step, &mut out).unwrap();
        let (bytes, _) = wire(&words);
        assert_eq!(auth, Auth { reason_code, properties: section(&bytes, SectionOf::Auth) });
        assert_eq!(device().decode_auth(&auth), Ok(step));
        assert!(!format!("{auth:?}").contains("90"), "0x5A is not for logs");
        let small = device().encode_auth(&step, &mut []);
        let Err(EncodeError::BufferTooSmall { needed }) = small else { panic!("{small:?}") };
        assert_eq!(needed, bytes.len());
        assert_eq!(device().encode_auth(&step, &mut vec![0; needed - 1]), small);
    }
}

#[test]
fn the_policy_is_not_sent_again_but_read() {
    let policy = Some(Text::plain("svc"));
    let terms = Terms { policy, ..SIGNATURE.terms };
    let step = AuthStep::Renew(Signature { terms, ..SIGNATURE });
    let mut out = [0; 128];
    let auth = device().encode_auth(&step, &mut out).unwrap();
    assert_eq!(device().decode_auth(&auth), Ok(AuthStep::Renew(SIGNATURE)));
    let (bytes, _) = wire(&format!("{} sas-policy=svc sas-expiry=1893456000000", sas()));
    let auth = Auth { reason_code: Auth::RENEW, properties: section(&bytes, SectionOf::Auth) };
    assert_eq!(device().decode_auth(&auth), Ok(step));
}

#[test]
fn what_is_wrong_in_an_auth_and_where() {
    let sas = sas();
    let at = |at: Option<usize>| Place::Properties(at.expect("there is a mark"));
    for (reason_code, words, kind) in [
        (0x19, "‸", Missing(Field::AuthenticationMethod)),
        (0x00, "‸", Missing(Field::AuthenticationMethod)),
        (0x19, "‸15 \"X509\"", BadValue(Field::AuthenticationMethod)),
        (0x00, "‸15 \"Kerberos\"", BadValue(Field::AuthenticationMethod)),
        (0x19, "15 \"SAS\" sas-expiry=1‸", Missing(Field::Signature)),
        (0x19, "15 \"SAS\" ‸16 0000 sas-expiry=1", BadValue(Field::Signature)),
        (0x19, &format!("{sas}‸"), Missing(Field::Expiry)),
        (0x19, &format!("{sas} ‸sas-expiry=x"), BadValue(Field::Expiry)),
        (0x19, &format!("{sas} sas-expiry=1 ‸other=x"), UnknownProperty),
    ] {
        let (bytes, mark) = wire(words);
        let auth = Auth { reason_code, properties: section(&bytes, SectionOf::Auth) };
        assert_eq!(device().decode_auth(&auth), Err(DecodeError { place: at(mark), kind }), "{words}");
    }
    // MQTT's "continue authentication" is of no use with signatures.
    let (bytes, _) = wire(&format!("{sas} sas-expiry=1"));
    let auth = Auth { reason_code: 0x18, properties: section(&bytes, SectionOf::Auth) };
    let error = DecodeError { place: Place::Whole, kind: BadValue(Field::Status) };
    assert_eq!(device().decode_auth(&auth), Err(error));
}

#[test]
fn without_mqtt_5_nothing_is_renewed() {
    for dialect in [Dialect::Classic, Dialect::Preview311] {
        let codec = Codec::new(dialect, device().identity());
        assert_eq!(codec.encode_auth(&AuthStep::Renewed, &mut [0; 64]), Err(EncodeError::NotExpressible));
        let auth = Auth { reason_code: 0, properties: PropertySection::EMPTY };
        let error = DecodeError { place: Place::Whole, kind: BadValue(Field::AuthenticationMethod) };
        assert_eq!(codec.decode_auth(&auth), Err(error));
    }
}
