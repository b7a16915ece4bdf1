use iothub_device::{
    BadClientCertificate, ClientCertificate, ConnectError, Device, FailureClass, Message, Options,
    OptionsError,
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

/// A server that accepts no certificate but those of an authority that nobody has, until it is dropped.
async fn choosy(certificate: &Made) -> (core::net::SocketAddr, tokio::task::JoinHandle<()>) {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::AsyncReadExt;

    let authority = make("authority", IsCa::Ca(BasicConstraints::Unconstrained), None);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let serving = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Err((_, mut tcp)) = acceptor.accept(tcp).into_fallible().await {
                // What it says is heard before it is gone.
                let _ = tcp.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    (address, serving)
}

fn of_localhost(params: CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Made { pem, key: key.serialize_pem(), issuer: Issuer::new(CertificateParams::default(), key) }
}

#[tokio::test]
async fn certificates_are_judged_by_the_clock_that_the_application_gives() {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(1975, 1, 1), rcgen::date_time_ymd(1980, 1, 1));
    let server = of_localhost(params);
    let (address, serving) = choosy(&server).await;
    let own = certificate(&make(DEVICE, IsCa::NoCa, None));
    let year = |after_1970: u64| {
        std::time::SystemTime::UNIX_EPOCH + core::time::Duration::from_secs(after_1970 * 366 * 86_400)
    };
    for (after_1970, class) in
        [(0, FailureClass::ClockSkewed), (7, FailureClass::Untrusted), (20, FailureClass::ClockSkewed)]
    {
        let options = Options::with_certificate(TEXT, own.clone()).unwrap().ca_pem(&server.pem);
        let options = options.connect_to(address.to_string().parse().unwrap());
        let error = Device::connect(options.clock(move || year(after_1970))).await.unwrap_err();
        // That it trusts the server shows in that the server speaks of the device's certificate.
        assert_eq!(error.class(), class, "{error}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_server_that_does_not_accept_the_certificate_is_told_from_a_broken_line() {
    let server = of_localhost(CertificateParams::new(["localhost".to_owned()]).unwrap());
    let own = make(DEVICE, IsCa::NoCa, None);
    let (address, serving) = choosy(&server).await;
    let by_key =
        "HostName=localhost;DeviceId=pump-7;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for options in [
        Options::with_certificate(TEXT, certificate(&own)).unwrap(),
        Options::from_connection_string(by_key).unwrap(),
    ] {
        let options = options.ca_pem(&server.pem).connect_to(address.to_string().parse().unwrap());
        let options = options.connect_timeout(core::time::Duration::from_secs(10));
        #[cfg(feature = "websocket")]
        let ways = [options.clone(), options.over_websocket()];
        #[cfg(not(feature = "websocket"))]
        let ways = [options];
        for options in ways {
            let error = Device::connect(options).await.unwrap_err();
            assert_eq!(error.class(), FailureClass::Untrusted, "{error}");
        }
    }
    serving.abort();
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
