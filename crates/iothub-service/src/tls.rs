use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::SetupError;
use crate::error::chain;

/// Whom to believe that a hub is the one it says it is.
#[derive(Clone, Debug)]
pub(crate) enum Roots {
    /// Whoever this machine believes.
    OfMachine,
    /// Only these.
    Only(RootCertStore),
}

impl Roots {
    /// Only the authorities whose certificates stand in `pem`.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| SetupError::Ca(chain(&error)))?;
            roots.add(certificate).map_err(|error| SetupError::Ca(chain(&error)))?;
        }
        if roots.is_empty() {
            return Err(SetupError::Ca("no certificate in PEM".into()));
        }
        Ok(Self::Only(roots))
    }

    fn store(self) -> Result<RootCertStore, SetupError> {
        match self {
            Self::Only(roots) => Ok(roots),
            Self::OfMachine => {
                let mut roots = RootCertStore::empty();
                // Machines carry certificates that nobody reads any more; the rest still count.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() { Err(SetupError::NoCa) } else { Ok(roots) }
            }
        }
    }
}

/// TLS 1.2 and 1.3 by rustls with ring, without a certificate of our own.
pub(crate) fn config(roots: Roots) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Https(chain(&error)))?;
    Ok(versions.with_root_certificates(roots.store()?).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        for bad in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(Roots::from_pem(bad.as_bytes()), Err(SetupError::Ca(_))), "{bad}");
        }
    }
}
