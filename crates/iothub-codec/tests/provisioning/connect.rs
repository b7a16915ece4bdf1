use iothub_codec::DecodeErrorKind::{BadValue, Missing, WrongDevice};
use iothub_codec::{
    Connect, DecodeError, DeviceId, EncodeError, Field, IdScope, Identity, Place, Proof, PropertySection,
    Registration, RegistrationClaim, RegistrationId, SasToken, Signature, Terms, Text, Version, open_connect,
};

use crate::mark::refused;

fn registration() -> Registration<'static> {
    Registration::new(IdScope::new("0ne000ABCDE").unwrap(), RegistrationId::new("reg-1").unwrap())
}

#[test]
fn a_connect_is_written_as_documented_and_read_back() {
    for (agent, proof, username) in [
        (None, Proof::Token("t"), "0ne000ABCDE/registrations/reg-1/api-version=2019-03-31"),
        (
            Some("my agent/1"),
            Proof::None,
            "0ne000ABCDE/registrations/reg-1/api-version=2019-03-31&ClientVersion=my%20agent%2F1",
        ),
    ] {
        let mut out = [0; 128];
        let connect = registration().encode_connect(agent, &proof, &mut out).unwrap();
        assert_eq!((connect.client_id, connect.username), ("reg-1", Some(username)));
        assert_eq!(connect.version, Version::V311);
        let claim = RegistrationClaim {
            registration: registration(),
            api_version: Some(Text::plain("2019-03-31")),
            client_agent: agent.map(Text::plain),
            proof,
        };
        assert_eq!(RegistrationClaim::open(&connect), Ok(claim));
    }
}

#[test]
fn the_size_named_is_enough_and_no_more_than_enough() {
    let encode = |out: &mut [u8]| registration().encode_connect(Some("x y"), &Proof::None, out).map(|_| ());
    let Err(EncodeError::BufferTooSmall { needed }) = encode(&mut []) else { panic!() };
    assert_eq!(encode(&mut vec![0; needed - 1]), Err(EncodeError::BufferTooSmall { needed }));
    assert_eq!(encode(&mut vec![0; needed]), Ok(()));
}

#[test]
fn a_signature_over_the_connect_is_no_proof_here() {
    let terms = Terms { expiry_ms: 1, at_ms: None, policy: None };
    let proof = Proof::Signature(Signature { terms, code: [0; 32] });
    let mut out = [0; 128];
    assert_eq!(registration().encode_connect(None, &proof, &mut out), Err(EncodeError::NotExpressible));
}

#[test]
fn a_user_name_is_as_long_as_mqtt_lets_it_be_and_no_longer() {
    let stem = "0ne000ABCDE/registrations/reg-1/api-version=2019-03-31&ClientVersion=".len();
    let mut out = vec![0; 70_000];
    for (len, expected) in
        [(65_535 - stem, Ok(65_535)), (65_536 - stem, Err(EncodeError::BadValue(Field::UserName)))]
    {
        let agent = "x".repeat(len);
        let written = registration().encode_connect(Some(&agent), &Proof::None, &mut out);
        assert_eq!(written.map(|connect| connect.username.unwrap().len()), expected);
    }
}

#[test]
fn what_clients_write_differently_is_read_as_well() {
    for (client_id, username) in [
        ("reg-1", "0ne000ABCDE/registrations/reg-1/?api-version=2019-03-31"),
        ("REG-1", "0ne000ABCDE/registrations/reg-1/api-version=2019-03-31"),
        ("reg-1", "0ne000ABCDE/registrations/reg-1/ClientVersion=a&api-version=2019-03-31"),
        ("reg-1", "0ne000ABCDE/registrations/reg-1/"),
        ("reg-1", "0ne000ABCDE/registrations/reg-1"),
    ] {
        let claim = RegistrationClaim::open(&connect(client_id, Some(username))).unwrap();
        assert_eq!(claim.registration, registration(), "{username}");
        let versioned = username.contains("api-version").then_some(Text::plain("2019-03-31"));
        assert_eq!(claim.api_version, versioned, "{username}");
    }
}

#[test]
fn what_is_no_connect_to_the_service_is_refused_at_its_place() {
    for (marked, kind) in [
        ("‸", Missing(Field::RegistrationId)),
        ("0ne‸", Missing(Field::RegistrationId)),
        ("0ne/registrations‸", Missing(Field::RegistrationId)),
        ("0ne/‸registration/reg-1/api-version=2019-03-31", BadValue(Field::UserName)),
        ("‸/registrations/reg-1/api-version=2019-03-31", BadValue(Field::IdScope)),
        ("0n‸é/registrations/reg-1/api-version=2019-03-31", BadValue(Field::IdScope)),
        ("0ne/registrations/‸/api-version=2019-03-31", BadValue(Field::RegistrationId)),
        ("0ne/registrations/reg‸%1/api-version=2019-03-31", BadValue(Field::RegistrationId)),
        ("hub1/‸reg-1/?api-version=2021-04-12", BadValue(Field::UserName)),
    ] {
        refused(marked, kind, Place::UserName, |username| {
            RegistrationClaim::open(&connect("reg-1", Some(username))).map(|read| format!("{read:?}"))
        });
    }
    let whole = DecodeError { place: Place::Whole, kind: Missing(Field::UserName) };
    assert_eq!(RegistrationClaim::open(&connect("reg-1", None)), Err(whole));
    let username = Some("0ne000ABCDE/registrations/reg-1/api-version=2019-03-31");
    let other = DecodeError { place: Place::ClientId, kind: WrongDevice };
    assert_eq!(RegistrationClaim::open(&connect("reg-2", username)), Err(other));
    let binary = Connect { password: Some(b"\xFF"), ..connect("reg-1", username) };
    let password = DecodeError { place: Place::Password, kind: BadValue(Field::Password) };
    assert_eq!(RegistrationClaim::open(&binary), Err(password));
}

#[test]
fn no_connect_is_one_to_a_hub_and_one_to_the_service() {
    let mut out = [0; 128];
    let connect = registration().encode_connect(None, &Proof::None, &mut out).unwrap();
    assert!(open_connect(&connect).is_err());
}

#[test]
fn a_token_covers_its_own_registration_and_nothing_else() {
    for (resource, covers) in [
        ("0ne000ABCDE%2Fregistrations%2Freg-1", true),
        ("0NE000abcde%2fregistrations%2fREG-1", true),
        ("0ne000ABCDE%2Fregistrations%2Freg-1%2F", true),
        ("0ne000ABCDE%2Fregistrations%2Freg-10", false),
        ("0ne000ABCDE%2Fregistrations%2Freg-1%2Fmore", false),
        ("0ne000ABCDE%2Fregistrations", false),
        ("0ne000ABCDE", false),
        ("0ne000ABCDF%2Fregistrations%2Freg-1", false),
        ("0ne000ABCDE%2Fdevices%2Freg-1", false),
    ] {
        let text = format!("SharedAccessSignature sr={resource}&sig=a&se=1&skn=registration");
        let token = SasToken::parse(&text).unwrap();
        assert_eq!(token.covers_registration(registration()), covers, "{resource}");
        let device = Identity::device(DeviceId::new("reg-1").unwrap());
        assert!(!token.covers("hub1.azure-devices.net", Some(device)), "{resource}");
    }
}

fn connect<'a>(client_id: &'a str, username: Option<&'a str>) -> Connect<'a> {
    let properties = PropertySection::EMPTY;
    Connect { version: Version::V311, client_id, username, password: None, properties }
}
