use core::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// A device's own certificate with its key, and the certificates between it and the authority that the hub knows.
///
/// Consumed by [`Options::with_certificate`](crate::Options::with_certificate). Its key does not show. Clones are the
/// same: [`Self::replace`] on one of them changes what each device that has one shows.
#[derive(Clone)]
pub struct ClientCertificate(Arc<RwLock<Arc<SingleCertAndKey>>>);

impl ClientCertificate {
    /// Reads PEM: the device's certificate first, and the key that belongs to it, in PKCS #8, PKCS #1 or SEC1, without
    /// a passphrase. Both may stand in one text.
    ///
    /// # Errors
    ///
    /// [`BadClientCertificate`] says which of them is missing or wrong; nothing of the key is in it.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, BadClientCertificate> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain =
            chain.ok().filter(|chain| !chain.is_empty()).ok_or(BadClientCertificate::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadClientCertificate::NoKey)?;
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let certified = certified.map_err(|error| {
            let other_key = matches!(error, rustls::Error::InconsistentKeys(_));
            if other_key { BadClientCertificate::OtherKey } else { BadClientCertificate::NotServed }
        })?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(certified.into())))))
    }

    /// Shows what the other holds at this moment, from the next connection on. The connection that is open goes on.
    pub fn replace(&self, by: &Self) {
        let by = by.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = by;
    }

    // Nothing can panic while the lock is held: there is only one assignment.
    pub(crate) fn current(&self) -> Arc<SingleCertAndKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

/// Why a certificate and a key are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadClientCertificate {
    /// The PEM has no certificate that can be read.
    #[error("no certificate in the PEM")]
    NoCertificate,
    /// The PEM has no key that can be read.
    #[error("no private key in the PEM, or one that asks for a passphrase")]
    NoKey,
    /// The key belongs to another certificate.
    #[error("the private key belongs to another certificate")]
    OtherKey,
    /// They are of a kind that TLS does not use here.
    #[error("a certificate or key of a kind that is not served")]
    NotServed,
}
