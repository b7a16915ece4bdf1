use core::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject, SectionKind};
use tokio::sync::OnceCell;

/// Which certificates are trusted to vouch for a hub.
///
/// Consumed by [`Options::roots`](crate::Options::roots). Clones are the same: [`Self::replace`] and [`Self::reload`]
/// on one of them change what each device that has one trusts, from its next connection on. Connections that are open
/// stay open. Devices that share one share its memory, too.
///
/// ```
/// use iothub_device::Roots;
///
/// # fn read(path: &str) -> std::io::Result<Vec<u8>> { Ok(Vec::new()) }
/// # fn f(factory: &[u8], plant: &[u8], renewed: &[u8]) -> Result<(), iothub_device::BadRoots> {
/// let roots = Roots::platform().with_pem(factory)?.with_pem(plant)?;
/// // Later, when an authority is replaced:
/// roots.replace(&Roots::from_pem(renewed)?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Roots(Arc<RwLock<Arc<Trust>>>);

/// What is trusted, until it is replaced.
#[derive(Clone, Default)]
struct Trust {
    platform: bool,
    given: Vec<CertificateDer<'static>>,
    /// Read once, for all devices that have it.
    store: OnceCell<Arc<RootCertStore>>,
}

/// What the platform trusts is some hundred certificates: once in a process is enough.
static PLATFORM: LazyLock<Arc<Trust>> =
    LazyLock::new(|| Arc::new(Trust { platform: true, ..Trust::default() }));

impl Roots {
    /// Those that the platform trusts. They are read with the first connection that needs them.
    pub fn platform() -> Self {
        Self::new(Arc::clone(&PLATFORM))
    }

    /// The certificates in this PEM text, of which there may be several.
    ///
    /// # Errors
    ///
    /// [`BadRoots`] says which of them is wrong, and how.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadRoots> {
        Ok(Self::new(Arc::new(Trust { given: read(pem)?, ..Trust::default() })))
    }

    /// These, and the certificates in this PEM text. The ones that this was made from stay what they are.
    ///
    /// # Errors
    ///
    /// [`BadRoots`] says which of them is wrong, and how.
    pub fn with_pem(self, pem: &[u8]) -> Result<Self, BadRoots> {
        let Trust { platform, mut given, .. } = self.trust().as_ref().clone();
        given.extend(read(pem)?);
        Ok(Self::new(Arc::new(Trust { platform, given, ..Trust::default() })))
    }

    /// These, and those that the platform trusts. The ones that this was made from stay what they are.
    #[must_use]
    pub fn with_platform(self) -> Self {
        let given = self.trust().given.clone();
        Self::new(Arc::new(Trust { platform: true, given, ..Trust::default() }))
    }

    /// Trusts what the others trust at this moment, and nothing else, from the next connection on.
    pub fn replace(&self, by: &Self) {
        self.set(by.trust());
    }

    /// Has the platform's certificates read again for the next connection: those that are in use were read once.
    pub fn reload(&self) {
        let Trust { platform, given, .. } = self.trust().as_ref().clone();
        self.set(Arc::new(Trust { platform, given, ..Trust::default() }));
    }

    /// All that is trusted now. Another store has come into being when something was replaced.
    pub(crate) async fn store(&self) -> Result<Arc<RootCertStore>, BadRoots> {
        let trust = self.trust();
        let store = trust.store.get_or_try_init(|| load(Arc::clone(&trust))).await?;
        Ok(Arc::clone(store))
    }

    fn new(trust: Arc<Trust>) -> Self {
        Self(Arc::new(RwLock::new(trust)))
    }

    // Nothing can panic while the lock is held: there is only one assignment.
    fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, trust: Arc<Trust>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = trust;
    }
}

async fn load(trust: Arc<Trust>) -> Result<Arc<RootCertStore>, BadRoots> {
    let mut store = RootCertStore::empty();
    if trust.platform {
        // It reads files, some hundred on some platforms.
        let loading = tokio::task::spawn_blocking(platform_roots);
        store =
            loading.await.unwrap_or_else(|error| Err(BadRoots::Platform { reason: error.to_string() }))?;
    }
    for (number, certificate) in (1..).zip(&trust.given) {
        add(&mut store, number, certificate.clone())?;
    }
    Ok(Arc::new(store))
}

fn platform_roots() -> Result<RootCertStore, BadRoots> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // A platform may carry certificates that cannot be read; what matters is that there are others.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let reason = match found.errors.first() {
            Some(error) => error.to_string(),
            None => "it has none".to_owned(),
        };
        return Err(BadRoots::Platform { reason });
    }
    Ok(store)
}

fn add(
    store: &mut RootCertStore,
    number: usize,
    certificate: CertificateDer<'static>,
) -> Result<(), BadRoots> {
    store.add(certificate).map_err(|error| BadRoots::Certificate { number, reason: error.to_string() })
}

/// Reads a PEM text, and refuses it whole when something in it is wrong.
fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadRoots> {
    // A certificate in DER is an ASN.1 sequence; no text begins like that.
    if pem.starts_with(&[0x30, 0x82]) {
        return Err(BadRoots::Der);
    }
    let (mut certificates, mut other) = (Vec::new(), None);
    let mut probe = RootCertStore::empty();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let number = certificates.len() + 1;
        match section {
            Ok((SectionKind::Certificate, der)) => {
                let certificate = CertificateDer::from(der);
                add(&mut probe, number, certificate.clone())?;
                certificates.push(certificate);
            }
            Ok((kind, _)) => other = other.or(Some(name(kind))),
            Err(error) => return Err(BadRoots::Certificate { number, reason: error.to_string() }),
        }
    }
    match (certificates.is_empty(), other) {
        (false, _) => Ok(certificates),
        (true, Some(found)) => Err(BadRoots::Other { found }),
        (true, None) => Err(BadRoots::NoCertificate),
    }
}

fn name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => "a private key",
        SectionKind::PublicKey => "a public key",
        SectionKind::Csr => "a request for a certificate",
        SectionKind::Crl => "a list of revoked certificates",
        SectionKind::EchConfigList | SectionKind::Certificate | _ => "something else",
    }
}

/// Without the certificates, which are long.
impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = self.trust();
        let given = trust.given.len();
        f.debug_struct("Roots").field("platform", &trust.platform).field("given", &given).finish()
    }
}

/// Why there is nothing to trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRoots {
    /// Nothing in the text begins like PEM.
    #[error("no certificate in the PEM")]
    NoCertificate,
    /// The bytes are those of a certificate without the text around them.
    #[error("DER instead of PEM (`openssl x509 -inform der` makes PEM of it)")]
    Der,
    /// The PEM is of something else.
    #[error("{found} in the PEM instead of a certificate")]
    Other {
        /// What it is.
        found: &'static str,
    },
    /// One of several certificates cannot be read.
    #[error("certificate {number} in the PEM: {reason}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The platform has none that can be read.
    #[error("the platform's certificates: {reason} (give some as `ca_pem` or `roots`)")]
    Platform {
        /// What is wrong with them.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn what_is_wrong_with_a_pem_is_said() {
        let good = certificate();
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let base64 = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (pem, shown) in [
            (String::new(), "no certificate in the PEM"),
            ("no PEM at all".to_owned(), "no certificate in the PEM"),
            (garbled.to_owned(), "certificate 1 in the PEM: "),
            (cut.to_owned(), "certificate 1 in the PEM: "),
            (base64.to_owned(), "certificate 1 in the PEM: "),
            (key.to_owned(), "a private key in the PEM instead of a certificate"),
            (format!("{good}{garbled}"), "certificate 2 in the PEM: "),
            (format!("{good}{good}{cut}"), "certificate 3 in the PEM: "),
        ] {
            let error = Roots::from_pem(pem.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(shown), "{pem:?}: {error}");
        }
        assert_eq!(Roots::from_pem(&[0x30, 0x82, 1, 2]).unwrap_err(), BadRoots::Der);
    }

    #[tokio::test]
    async fn several_are_added_to_each_other() {
        let (one, two, three) = (certificate(), certificate(), certificate());
        let first = Roots::from_pem(format!("{one}{two}").as_bytes()).unwrap();
        let all = first.clone().with_pem(three.as_bytes()).unwrap();
        assert_eq!(all.store().await.unwrap().len(), 3);
        assert_eq!(first.store().await.unwrap().len(), 2);
        let with_platform = all.with_platform();
        assert_eq!(format!("{with_platform:?}"), "Roots { platform: true, given: 3 }");
    }

    #[tokio::test]
    async fn what_is_replaced_is_replaced_for_everybody() {
        let roots = Roots::from_pem(certificate().as_bytes()).unwrap();
        let device = roots.clone();
        let before = device.store().await.unwrap();
        assert!(Arc::ptr_eq(&before, &device.store().await.unwrap()), "it is read once");
        let other = Roots::from_pem(format!("{}{}", certificate(), certificate()).as_bytes()).unwrap();
        roots.replace(&other);
        assert_eq!(device.store().await.unwrap().len(), 2);
        assert!(Arc::ptr_eq(&other.store().await.unwrap(), &device.store().await.unwrap()));
        roots.reload();
        assert!(!Arc::ptr_eq(&other.store().await.unwrap(), &device.store().await.unwrap()));
        assert_eq!(device.store().await.unwrap().len(), 2);
    }
}
