use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::error::ConnectError;
use crate::options::{Options, Roots};
use crate::transport::Transport;

/// TLS over TCP.
pub(crate) struct TlsDial {
    connector: TlsConnector,
    address: Address,
    name: ServerName<'static>,
}

impl TlsDial {
    pub(crate) async fn new(options: &Options) -> Result<Self, ConnectError> {
        let name = options.tls_name();
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| ConnectError::BadServerName { name: name.to_owned() })?;
        let roots = trusted(&options.roots).await?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the provider has what the default versions need")
                .with_root_certificates(roots)
                .with_no_client_auth();
        if let Some(certificate) = options.certificate() {
            config.client_auth_cert_resolver = certificate.resolver();
        }
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), address: options.address().clone(), name })
    }
}

impl Transport for TlsDial {
    type Stream = TlsStream<TcpStream>;

    async fn connect(&self) -> Result<Self::Stream, ConnectError> {
        let unreachable = |source| ConnectError::Unreachable { address: self.address.to_string(), source };
        let tcp =
            TcpStream::connect((self.address.host(), self.address.port())).await.map_err(unreachable)?;
        // Packets are small and somebody waits for each; batching is done before writing.
        tcp.set_nodelay(true).map_err(unreachable)?;
        let refused = |source| ConnectError::Tls { name: self.name.to_str().into_owned(), source };
        self.connector.connect(self.name.clone(), tcp).await.map_err(refused)
    }
}

async fn trusted(roots: &Roots) -> Result<RootCertStore, ConnectError> {
    match roots {
        Roots::Pem(pem) => read_pem(pem),
        // It reads files, some hundred on some platforms.
        Roots::Platform => tokio::task::spawn_blocking(platform_roots)
            .await
            .unwrap_or_else(|panicked| Err(ConnectError::NoRoots { reason: panicked.to_string() })),
    }
}

fn read_pem(pem: &[u8]) -> Result<RootCertStore, ConnectError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(io::Error::other)
            .and_then(|certificate| store.add(certificate).map_err(io::Error::other));
        added.map_err(|error| ConnectError::NoRoots { reason: error.to_string() })?;
    }
    if store.is_empty() {
        return Err(ConnectError::NoRoots { reason: "no certificate in the given PEM".to_owned() });
    }
    Ok(store)
}

fn platform_roots() -> Result<RootCertStore, ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // A platform may carry certificates that cannot be read; what matters is that there are others.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let reason = match found.errors.first() {
            Some(error) => error.to_string(),
            None => "the platform has none; give some as `ca_pem`".to_owned(),
        };
        return Err(ConnectError::NoRoots { reason });
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_not_trusted() {
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for pem in ["", "no PEM at all", garbled, cut] {
            let error = read_pem(pem.as_bytes()).unwrap_err();
            assert!(matches!(error, ConnectError::NoRoots { .. }), "{pem:?}: {error}");
        }
    }
}
