use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::resumption::LastSession;
use crate::civil_clock::CivilClock;
use crate::client_certificate::ClientCertificate;
use crate::connect_error::ConnectError;
use crate::roots::Roots;

/// The TLS of one device with one server, connection after connection.
pub(super) struct Tls {
    name: ServerName<'static>,
    roots: Roots,
    certificate: Option<ClientCertificate>,
    /// `None`: that of the system.
    clock: Option<CivilClock>,
    configured: Mutex<Option<Configured>>,
}

/// What all devices of a process encrypt with.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// What serves until roots or certificate are replaced. What sessions may be resumed goes with it, so that none outlives
/// what it was begun with.
struct Configured {
    store: Arc<RootCertStore>,
    shown: Option<Arc<SingleCertAndKey>>,
    connector: TlsConnector,
}

impl Tls {
    pub(super) fn new(
        name: &str,
        roots: Roots,
        certificate: Option<ClientCertificate>,
        clock: Option<&CivilClock>,
    ) -> Result<Self, ConnectError> {
        let bad = |_| ConnectError::BadServerName { name: name.to_owned() };
        let name = ServerName::try_from(name.to_owned()).map_err(bad)?;
        Ok(Self { name, roots, certificate, clock: clock.cloned(), configured: Mutex::new(None) })
    }

    /// Speaks TLS over that stream.
    pub(super) async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<Result<TlsStream<S>, io::Error>, ConnectError> {
        let connector = self.connector().await?;
        Ok(connector.connect(self.name.clone(), stream).await)
    }

    pub(super) fn name(&self) -> String {
        self.name.to_str().into_owned()
    }

    async fn connector(&self) -> Result<TlsConnector, ConnectError> {
        let store = self.roots.store().await?;
        let shown = self.certificate.as_ref().map(ClientCertificate::current);
        let mut configured = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(configured) =
            configured.as_ref().filter(|configured| configured.is_of(&store, shown.as_ref()))
        {
            return Ok(configured.connector.clone());
        }
        let connector = TlsConnector::from(Arc::new(config(&store, shown.as_ref(), self.clock.as_ref())));
        *configured = Some(Configured { store, shown, connector: connector.clone() });
        Ok(connector)
    }
}

impl Configured {
    fn is_of(&self, store: &Arc<RootCertStore>, shown: Option<&Arc<SingleCertAndKey>>) -> bool {
        Arc::ptr_eq(&self.store, store)
            && match (&self.shown, shown) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, Some(_)) | (Some(_), None) => false,
            }
    }
}

fn config(
    store: &Arc<RootCertStore>,
    shown: Option<&Arc<SingleCertAndKey>>,
    clock: Option<&CivilClock>,
) -> ClientConfig {
    let clock: Arc<dyn TimeProvider> = match clock {
        Some(clock) => Arc::new(clock.clone()),
        None => Arc::new(DefaultTimeProvider),
    };
    let mut config = ClientConfig::builder_with_details(Arc::clone(&PROVIDER), clock)
        .with_safe_default_protocol_versions()
        .expect("the provider has what the default versions need")
        .with_root_certificates(Arc::clone(store))
        .with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(LastSession::default()));
    if let Some(shown) = shown {
        config.client_auth_cert_resolver = Arc::<SingleCertAndKey>::clone(shown);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[tokio::test]
    async fn what_was_configured_serves_until_something_is_replaced() {
        let ((one, key), (two, other_key)) = (pem(), pem());
        let roots = Roots::from_pem(one.as_bytes()).unwrap();
        let certificate = ClientCertificate::from_pem(one.as_bytes(), key.as_bytes()).unwrap();
        let tls = Tls::new("hub", roots.clone(), Some(certificate.clone()), None).unwrap();
        let mut last = Arc::clone(tls.connector().await.unwrap().config());
        let mut next = async || {
            let now = Arc::clone(tls.connector().await.unwrap().config());
            let is_same = Arc::ptr_eq(&now, &last);
            last = now;
            is_same
        };
        assert!(next().await);
        roots.replace(&Roots::from_pem(two.as_bytes()).unwrap());
        assert!(!next().await, "other roots");
        assert!(next().await);
        certificate.replace(&ClientCertificate::from_pem(two.as_bytes(), other_key.as_bytes()).unwrap());
        assert!(!next().await, "another certificate");
        assert!(next().await);
    }
}
