use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use iothub_codec::{DeviceId, Identity, SharedKey, TokenRequest};
use iothub_service::Service;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is measured, and how much of it: settings of the form `name=value`.
pub(crate) struct Target {
    settings: BTreeMap<String, String>,
    /// Of the server.
    pub(crate) pid: u32,
    tls: TlsConnector,
}

impl Target {
    pub(crate) fn parse(settings: &[String]) -> Self {
        let settings: BTreeMap<String, String> = settings
            .iter()
            .map(|setting| setting.split_once('=').unwrap_or_else(|| panic!("{setting} is not name=value")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let pem = std::fs::read(&settings["ca"]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        // Every connection is to be as expensive as the first.
        config.resumption = rustls::client::Resumption::disabled();
        Self { pid: settings["pid"].parse().unwrap(), settings, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// A number among the settings.
    pub(crate) fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.settings.get(name).map_or(otherwise, |value| value.parse().unwrap())
    }

    /// A back end of the hub. `None` for a broker, which has none.
    pub(crate) fn service(&self) -> Option<Service> {
        let text = self.settings.get("service")?;
        let options = iothub_service::Options::from_connection_string(text).unwrap();
        let options = options.ca(&std::fs::read(&self.settings["ca"]).unwrap()).unwrap();
        Some(Service::new(options.address(self.settings["https"].parse().unwrap())).unwrap())
    }

    pub(crate) async fn secure(&self) -> TlsStream<TcpStream> {
        let address: SocketAddr = self.settings["address"].parse().unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        self.tls.connect(ServerName::try_from(HOST).unwrap(), tcp).await.unwrap()
    }

    /// The password of a device; brokers ask for none.
    pub(crate) fn password(&self, device: &str) -> Option<String> {
        self.settings.get("service")?;
        let key = SharedKey::from_base64(DEVICE_KEY).unwrap();
        let identity = Identity::device(DeviceId::new(device).unwrap());
        let request =
            TokenRequest { host: HOST, identity: Some(identity), expiry_s: 4_102_444_800, policy: None };
        Some(request.sign(&key, &mut [0; 512]).unwrap().to_owned())
    }
}

/// The name of a device that [`crate::registration`] has made.
pub(crate) fn device_name(number: u64) -> String {
    format!("device-{number:07}")
}

pub(crate) const HOST: &str = "localhost";
/// Of every device: nothing is to be protected here.
pub(crate) const DEVICE_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
