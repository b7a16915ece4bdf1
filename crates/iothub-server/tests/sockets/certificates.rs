//! Devices that TLS knows by a certificate.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use crate::peers::*;
use iothub_hub::{PacketBuf, SectionBuf};
use iothub_proto::{RefusalReason, Session};
use iothub_server::Running;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, SignatureScheme};

const REFUSED: PacketBuf = PacketBuf::Refused(RefusalReason::NotAuthorized, SectionBuf::EMPTY);

/// A certificate of somebody's own, and the key that it is used with, which need not belong to it.
#[derive(Debug)]
struct Shown {
    certified: Arc<CertifiedKey>,
    asked: AtomicUsize,
}

impl Shown {
    fn new(certificate: &CertificateDer<'static>, key: &KeyPair) -> Arc<Self> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = any_supported_type(&key).unwrap();
        let certified = Arc::new(CertifiedKey::new(vec![certificate.clone()], key));
        Arc::new(Self { certified, asked: AtomicUsize::new(0) })
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn make(name: &str) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.self_signed(&key).unwrap().der().clone(), key)
}

/// Registers a device by the certificate.
async fn register(hub: &Running, device: &str, certificate: &CertificateDer<'_>) {
    use sha2::Digest;
    let print: String = sha2::Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let body = format!(
        r#"{{"deviceId":"{device}","authentication":{{"type":"selfSigned","x509Thumbprint":{{"primaryThumbprint":"{print}"}}}}}}"#
    );
    let path = format!("/devices/{device}?api-version=2021-04-12");
    assert_eq!(ask(hub, "PUT", &path, &body).await.status, 200);
}

#[tokio::test]
async fn a_device_with_the_registered_certificate_and_its_key_needs_no_password() {
    let hub = hub().await;
    let (certificate, key) = make("x1");
    register(&hub, "x1", &certificate).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let shown = Shown::new(&certificate, &key);
        let stream = secure_showing(&hub, hub.mqtt_address(), &[version], shown.clone()).await.unwrap();
        let mut device = Device::new(stream);
        let answer = device.connect_as("x1", None, 60).await.unwrap();
        assert!(matches!(answer, PacketBuf::Connected(Session::Fresh, _)), "{answer:?}");
        assert_eq!(shown.asked.load(Ordering::Relaxed), 1);

        let (other, key) = make("x1");
        let stream =
            secure_showing(&hub, hub.mqtt_address(), &[version], Shown::new(&other, &key)).await.unwrap();
        let mut device = Device::new(stream);
        assert_eq!(device.connect_as("x1", None, 60).await.unwrap(), REFUSED, "another certificate");
        let mut device = Device::new(secure_by(&hub, hub.mqtt_address(), &[version]).await.unwrap());
        assert_eq!(device.connect_as("x1", None, 60).await.unwrap(), REFUSED, "no certificate");
    }
}

#[tokio::test]
async fn a_device_that_resumes_its_tls_session_is_known_by_the_certificate_of_the_first() {
    let hub = hub().await;
    let (certificate, key) = make("x1");
    register(&hub, "x1", &certificate).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let shown = Shown::new(&certificate, &key);
        let config = showing(&hub, &[version], shown.clone());
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = secure_with(Arc::clone(&config), hub.mqtt_address()).await.unwrap();
            let mut device = Device::new(stream);
            let answer = device.connect_as("x1", None, 60).await.unwrap();
            assert!(matches!(answer, PacketBuf::Connected(..)), "{version:?} {kind:?}: {answer:?}");
            assert_eq!(device.stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
        }
        assert_eq!(shown.asked.load(Ordering::Relaxed), 1, "the second time it need not be shown");
    }
}

#[tokio::test]
async fn who_shows_a_certificate_without_having_its_key_is_not_let_in() {
    let hub = hub().await;
    let (certificate, _) = make("x1");
    register(&hub, "x1", &certificate).await;
    let (_, other_key) = make("x1");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stolen = Shown::new(&certificate, &other_key);
        // TLS 1.3 has the client learn of it behind its own part of the handshake.
        if let Ok(stream) = secure_showing(&hub, hub.mqtt_address(), &[version], stolen).await {
            assert_eq!(version.version, rustls::ProtocolVersion::TLSv1_3);
            let mut device = Device::new(stream);
            let error = device.connect_as("x1", None, 60).await.unwrap_err();
            assert!(error.to_string().contains("received fatal alert"), "{error}");
        }
    }
}

#[tokio::test]
async fn certificates_are_asked_for_on_both_ports_and_demanded_on_none() {
    let hub = hub().await;
    let (certificate, key) = make("anybody");
    for address in [hub.mqtt_address(), hub.https_address()] {
        let shown = Shown::new(&certificate, &key);
        secure_showing(&hub, address, rustls::ALL_VERSIONS, shown.clone()).await.unwrap();
        assert_eq!(shown.asked.load(Ordering::Relaxed), 1, "{address}");
        secure(&hub, address).await;
    }
    // A device with a token may show one all the same.
    let shown = Shown::new(&certificate, &key);
    let stream = secure_showing(&hub, hub.mqtt_address(), rustls::ALL_VERSIONS, shown).await.unwrap();
    assert!(matches!(Device::new(stream).connect(&hub).await.unwrap(), PacketBuf::Connected(..)));
}

#[tokio::test]
async fn a_device_that_is_known_by_its_certificate_uploads_over_https() {
    let hub = hub().await;
    let (certificate, key) = make("x1");
    register(&hub, "x1", &certificate).await;
    let (stranger, other) = make("x1");
    for (certificate, key, status) in [(&certificate, &key, 200), (&stranger, &other, 401)] {
        let shown = Shown::new(certificate, key);
        let address = hub.https_address();
        let mut stream = secure_showing(&hub, address, rustls::ALL_VERSIONS, shown).await.unwrap();
        let body = r#"{"blobName":"f"}"#;
        let request = format!(
            "POST /devices/x1/files?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut reply)).await;
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
    }
}
