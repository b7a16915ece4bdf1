use iothub_device::{
    BadClientCertificate, ClientCertificate, ConnectError, Device, Message, Options, OptionsError,
};
use iothub_model::{Authentication, AuthenticationType, IfMatch};
use iothub_test::TestHub;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

use crate::site::{DEVICE, dialects, pump};

const TEXT: &str = "HostName=localhost;DeviceId=pump-7;x509=true";

struct Made {
    pem: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
}

fn make(name: &str, is_ca: IsCa, by: Option<&Made>) -> Made {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    let certificate = match by {
        None => params.self_signed(&key).unwrap(),
        Some(by) => params.signed_by(&key, &by.issuer).unwrap(),
    };
    Made { pem: certificate.pem(), key: key.serialize_pem(), issuer: Issuer::new(params, key) }
}

fn certificate(made: &Made) -> ClientCertificate {
    ClientCertificate::from_pem(made.pem.as_bytes(), made.key.as_bytes()).unwrap()
}

/// Has the hub know the device by certificates of an authority.
async fn register(hub: &TestHub, root: &Made) {
    hub.device(DEVICE).await;
    let service = hub.service();
    let asked = iothub_model::CertificateAuthority { certificate: root.pem.clone(), ..Default::default() };
    service.put_authority("root", &asked).await.unwrap();
    let mut device = service.get_device(pump().device).await.unwrap();
    device.authentication =
        Some(Authentication { kind: AuthenticationType::CertificateAuthority, ..Authentication::default() });
    service.update_device(&device, &IfMatch::Any).await.unwrap();
}

#[tokio::test]
async fn a_device_connects_with_a_certificate_in_every_dialect() {
    let root = make("root", IsCa::Ca(BasicConstraints::Unconstrained), None);
    let leaf = make(DEVICE, IsCa::NoCa, Some(&root));
    for dialect in dialects() {
        let hub = TestHub::start().await;
        register(&hub, &root).await;
        let text = format!("{TEXT};GatewayHostName=localhost:{}", hub.mqtt_port().unwrap());
        let options = Options::with_certificate(&text, certificate(&leaf)).unwrap().ca_pem(hub.ca_pem());
        let device = Device::connect(options.dialect(dialect)).await.unwrap();
        device.send(Message::new("21.5")).await.unwrap();
        hub.expect_telemetry(DEVICE).json(21.5).await;
        device.close().await;
        let foreign = make(DEVICE, IsCa::NoCa, None);
        let options = Options::with_certificate(&text, certificate(&foreign)).unwrap().ca_pem(hub.ca_pem());
        let error = Device::connect(options.dialect(dialect)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    }
}

#[test]
fn a_certificate_and_its_key_are_checked_before_anything_is_sent() {
    let (one, two) = (make("a", IsCa::NoCa, None), make("a", IsCa::NoCa, None));
    let bad = |certificates: &str, key: &str| {
        ClientCertificate::from_pem(certificates.as_bytes(), key.as_bytes()).unwrap_err()
    };
    assert_eq!(bad("", &one.key), BadClientCertificate::NoCertificate);
    assert_eq!(bad(&one.key, &one.key), BadClientCertificate::NoCertificate);
    assert_eq!(bad(&one.pem, &one.pem), BadClientCertificate::NoKey);
    assert_eq!(bad(&one.pem, &two.key), BadClientCertificate::OtherKey);
    let both = format!("{}{}", one.key, one.pem);
    let certificate = ClientCertificate::from_pem(both.as_bytes(), both.as_bytes()).unwrap();
    assert_eq!(format!("{certificate:?}"), "ClientCertificate(..)");
    assert_eq!(Options::from_connection_string(TEXT).unwrap_err(), OptionsError::CertificateMissing);
}
