use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// What is measured, and how much of it: settings of the form `name=value`.
pub(crate) struct Target {
    settings: BTreeMap<String, String>,
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    /// Over TLS, the certificate that vouches for the broker.
    pub(crate) ca: Option<Vec<u8>>,
    /// Messages that may be unacknowledged.
    pub(crate) window: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Ours,
    Theirs,
}

impl Target {
    /// Reads who does it over what, and the settings.
    pub(crate) fn parse(client: &str, over: &str, settings: &[String]) -> Self {
        let settings: BTreeMap<String, String> = settings
            .iter()
            .map(|setting| setting.split_once('=').unwrap_or_else(|| panic!("{setting} is not name=value")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let is_plain = over == "tcp";
        Self {
            client: match client {
                "iothub" => Client::Ours,
                "rumqttc" => Client::Theirs,
                other => panic!("no client is called {other}"),
            },
            address: settings[if is_plain { "plain" } else { "address" }].parse().unwrap(),
            ca: (!is_plain).then(|| std::fs::read(&settings["ca"]).unwrap()),
            window: settings.get("window").map_or(100, |window| window.parse().unwrap()),
            settings,
        }
    }

    /// A number among the settings.
    pub(crate) fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.settings.get(name).map_or(otherwise, |value| value.parse().unwrap())
    }

    /// What both clients check the broker with.
    pub(crate) fn tls(&self) -> Option<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_deref()?).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Some(Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth()))
    }
}

/// The name of the broker in its certificate.
pub(crate) const HOST: &str = "localhost";
/// What every message says.
pub(crate) const PAYLOAD: &[u8; 64] =
    b"{\"temperature\":21.5,\"humidity\":40,\"pressure\":1013,\"room\":\"2b/7\"}";
