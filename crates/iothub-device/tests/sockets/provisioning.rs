//! Devices that know no hub register with the service of a whole server, and connect to what they are assigned to.

use iothub_device::{ClientCertificate, Device, Provisioning, ProvisioningError, derive_device_key};
use iothub_model::{
    Attestation, AttestationType, EnrollmentGroup, EnrollmentTerms, IndividualEnrollment, SymmetricKey,
    X509Attestation, X509Certificate, X509Certificates,
};
use iothub_server::{Options, Running, Server};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SCOPE: &str = "0ne00000000";

/// A server with two hubs, and devices that find both on this machine.
struct Service {
    hub: Running,
    service: iothub_service::Service,
}

impl Service {
    async fn new() -> Self {
        let further_hubs = vec!["b.test".to_owned()];
        let hub = Server::start(Options { further_hubs, ..Options::free_ports() }).await.unwrap();
        let service =
            iothub_service::Options::from_connection_string(hub.service_connection_string()).unwrap();
        let service = service.ca(hub.ca_pem().as_bytes()).unwrap().address(hub.https_address());
        Self { service: iothub_service::Service::new(service).unwrap(), hub }
    }

    fn here(&self, provisioning: Provisioning) -> Provisioning {
        let (ca, address) = (self.hub.ca_pem().to_owned(), self.hub.mqtt_address());
        let provisioning = provisioning.host("localhost");
        provisioning.with_options(move |options| {
            options
                .ca_pem(&ca)
                .connect_to(address.to_string().parse().expect("an address with a port is one"))
        })
    }

    async fn enroll(&self, id: &str, hub: &str, attestation: Attestation) {
        let terms = EnrollmentTerms {
            attestation: Some(attestation),
            iot_hub_host_name: Some(hub.into()),
            payload: Some(json!({"rate": 5})),
            ..EnrollmentTerms::default()
        };
        let enrollment =
            IndividualEnrollment { registration_id: id.into(), terms, ..IndividualEnrollment::default() };
        self.service.create_enrollment(&enrollment).await.unwrap();
    }
}

fn by_key() -> Attestation {
    let key = SymmetricKey { primary_key: Some(KEY.into()), secondary_key: None };
    Attestation { kind: AttestationType::SymmetricKey, symmetric_key: Some(key), x509: None }
}

/// A certificate of that name, and its attestation.
fn certified(name: &str) -> (ClientCertificate, Attestation) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let pem = params.self_signed(&key).unwrap().pem();
    let certificate = ClientCertificate::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let primary = Some(X509Certificate { certificate: Some(pem), info: None });
    let client_certificates = Some(X509Certificates { primary, secondary: None });
    let x509 = X509Attestation { client_certificates, ..X509Attestation::default() };
    (certificate, Attestation { kind: AttestationType::X509, symmetric_key: None, x509: Some(x509) })
}

#[tokio::test]
async fn a_device_with_a_key_or_a_certificate_registers_and_connects_where_it_belongs() {
    let site = Service::new().await;
    site.enroll("by-key", "b.test", by_key()).await;
    let (certificate, attestation) = certified("by-certificate");
    site.enroll("by-certificate", "localhost", attestation).await;
    let group = EnrollmentTerms {
        attestation: Some(by_key()),
        iot_hub_host_name: Some("b.test".into()),
        payload: Some(json!({"rate": 5})),
        ..EnrollmentTerms::default()
    };
    let group = EnrollmentGroup { enrollment_group_id: "pumps".into(), terms: group };
    site.service.create_enrollment_group(&group).await.unwrap();
    let derived = derive_device_key(KEY, "member").unwrap();
    for (provisioning, id, hub) in [
        (Provisioning::with_key(SCOPE, "by-key", KEY), "by-key", "b.test"),
        (Provisioning::with_key(SCOPE, "member", &derived), "member", "b.test"),
        (Provisioning::with_group_key(SCOPE, "other", KEY), "other", "b.test"),
        (Provisioning::with_certificate(SCOPE, "by-certificate", certificate), "by-certificate", "localhost"),
    ] {
        let provisioning = site.here(provisioning.unwrap()).payload(json!({"model": id}));
        let assignment = provisioning.register().await.unwrap();
        let port = site.hub.mqtt_address().port();
        assert_eq!((assignment.hub(), assignment.device_id()), (&*format!("{hub}:{port}"), id));
        assert_eq!(assignment.payload(), Some(&json!({"rate": 5})));
        let device = Device::connect(assignment.options().unwrap()).await.unwrap();
        device.send(iothub_device::Message::new("21.5")).await.unwrap();
        device.close().await;
        let state = site.service.get_registration(id).await.unwrap();
        assert_eq!(state.device_payload, Some(json!({"model": id})));
        // What was assigned once can be kept.
        let kept = provisioning.options_for(assignment.hub(), assignment.device_id()).unwrap();
        Device::connect(kept).await.unwrap().close().await;
    }
    let mut members = Vec::new();
    let mut pages = site.service.registrations("pumps").unwrap().rows_max(1);
    while let Some(page) = pages.next().await.unwrap() {
        members.extend(page.rows.into_iter().map(|state| state.registration_id));
    }
    assert_eq!(members, ["member", "other"]);
}

#[tokio::test]
async fn who_may_not_register_is_told_at_once() {
    let site = Service::new().await;
    site.enroll("pump", "localhost", by_key()).await;
    let other = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
    for (id, key) in [("pump", other), ("nobody", KEY)] {
        let provisioning = site.here(Provisioning::with_key(SCOPE, id, key).unwrap());
        let error = provisioning.register().await.unwrap_err();
        assert!(matches!(error, ProvisioningError::NotLetIn { .. }), "{id}: {error}");
    }
    let mut enrollment = site.service.get_enrollment("pump").await.unwrap();
    enrollment.terms.provisioning_status = iothub_model::ProvisioningStatus::Disabled;
    site.service.update_enrollment(&enrollment, &iothub_model::IfMatch::Any).await.unwrap();
    let provisioning = site.here(Provisioning::with_key(SCOPE, "pump", KEY).unwrap());
    assert!(matches!(provisioning.register().await, Err(ProvisioningError::Disabled)));
}
