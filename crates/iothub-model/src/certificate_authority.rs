use serde::{Deserialize, Serialize};

use crate::Date;
use crate::word::null_is_default;

/// A certificate authority that a hub trusts: devices of the type `certificateAuthority` connect with certificates
/// that it has signed.
///
/// In a request only `certificate` counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAuthority {
    /// By which it is known to the hub.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// Whom the certificate names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub subject: String,
    /// Of SHA-1, 40 hex digits.
    #[serde(default, deserialize_with = "null_is_default")]
    pub thumbprint: String,
    /// Until when the certificate is valid.
    #[serde(default, deserialize_with = "null_is_default")]
    pub expiry: Date,
    /// When it was registered.
    #[serde(default, deserialize_with = "null_is_default")]
    pub created: Date,
    /// The certificate, as PEM.
    pub certificate: String,
}
