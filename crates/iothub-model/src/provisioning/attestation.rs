use serde::{Deserialize, Serialize};

use crate::word::{null_is_default, words};
use crate::{Date, SymmetricKey};

words! {
    /// How a device proves to the provisioning service who it is.
    #[derive(Default)]
    pub enum AttestationType {
        /// By a token signed with a key that it shares with the service.
        #[default]
        SymmetricKey = "symmetricKey",
        /// By a certificate.
        X509 = "x509",
        /// By the key of its security chip.
        Tpm = "tpm",
        /// Not at all.
        None = "none",
    }
}

/// What a device proves itself with to the provisioning service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// Which of the members counts.
    #[serde(rename = "type")]
    pub kind: AttestationType,
    /// For [`AttestationType::SymmetricKey`]. Of a group, the key of its members is derived from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symmetric_key: Option<SymmetricKey>,
    /// For [`AttestationType::X509`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x509: Option<X509Attestation>,
}

/// Which certificates count: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct X509Attestation {
    /// The device's own. For individual enrollments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<X509Certificates>,
    /// Those that sign the certificates of devices. For groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_certificates: Option<X509Certificates>,
    /// The same by the names under which authorities are registered. For groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_references: Option<CaReferences>,
}

/// One certificate, or two of equal right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct X509Certificates {
    /// The certificate in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<X509Certificate>,
    /// The one before or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<X509Certificate>,
}

/// A certificate: as it is given, and what a service says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct X509Certificate {
    /// As PEM, or as its base64 alone. A service does not give it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What is in it. In a request it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<X509CertificateInfo>,
}

/// What is in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct X509CertificateInfo {
    /// Whom it names.
    #[serde(deserialize_with = "null_is_default")]
    pub subject_name: String,
    /// Of SHA-1, 40 hex digits.
    #[serde(deserialize_with = "null_is_default")]
    pub sha1_thumbprint: String,
    /// Of SHA-256, 64 hex digits.
    #[serde(deserialize_with = "null_is_default")]
    pub sha256_thumbprint: String,
    /// Who has signed it.
    #[serde(deserialize_with = "null_is_default")]
    pub issuer_name: String,
    /// From when it is valid.
    #[serde(deserialize_with = "null_is_default")]
    pub not_before_utc: Date,
    /// Until when it is valid.
    #[serde(deserialize_with = "null_is_default")]
    pub not_after_utc: Date,
    /// Its number, in hex digits.
    #[serde(deserialize_with = "null_is_default")]
    pub serial_number: String,
    /// Which edition of the format it has, from 1.
    #[serde(deserialize_with = "null_is_default")]
    pub version: u32,
}

/// Names under which certificate authorities are registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaReferences {
    /// The one in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// The one before or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<String>,
}
