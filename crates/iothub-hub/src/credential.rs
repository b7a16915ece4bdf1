use core::fmt;

use iothub_model::{Authentication, AuthenticationType};
use sha2::{Digest, Sha256};

use crate::certificate::Thumbprints;

/// What let a device in. Kept while it is connected, so that its connection ends when that is taken from it, and does
/// not when something else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A key of a policy.
    Policy {
        /// The name of the policy.
        name: String,
        /// The key.
        print: KeyPrint,
    },
    /// A key of its own.
    Key(KeyPrint),
    /// A certificate of its own.
    Certificate(Thumbprints),
    /// A certificate that this authority has signed.
    Issued {
        /// The name of the authority in this hub.
        authority: String,
    },
}

/// Tells keys apart without being one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPrint([u8; 16]);

/// By what a device was let in, as its messages tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// By a key of its own.
    Device,
    /// By a certificate.
    Certificate,
    /// By the key of a policy.
    Hub,
}

impl Credential {
    pub(crate) const fn scope(&self) -> Scope {
        match self {
            Self::Policy { .. } => Scope::Hub,
            Self::Key(_) => Scope::Device,
            Self::Certificate(_) | Self::Issued { .. } => Scope::Certificate,
        }
    }

    /// Whether it would let the device in that is registered so.
    pub(crate) fn suits(&self, registered: &Authentication) -> bool {
        let kind = registered.kind;
        match self {
            Self::Policy { .. } => true,
            Self::Key(print) => {
                let keys = &registered.symmetric_key;
                let mut keys = [&keys.primary_key, &keys.secondary_key].into_iter().flatten();
                kind == AuthenticationType::Sas && keys.any(|key| KeyPrint::of(key) == *print)
            }
            Self::Certificate(prints) => {
                kind == AuthenticationType::SelfSigned && prints.are_among(&registered.x509_thumbprint)
            }
            Self::Issued { .. } => kind == AuthenticationType::CertificateAuthority,
        }
    }
}

impl KeyPrint {
    /// Of a key in base64.
    pub(crate) fn of(key: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let [a @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
        Self(a)
    }
}

/// Not even the digest shows: of a short key it would be enough to find it.
impl fmt::Debug for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPrint(..)")
    }
}
