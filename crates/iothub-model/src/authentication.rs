use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::word::{null_is_default, words};

words! {
    /// How a device or module proves who it is.
    #[derive(Default)]
    pub enum AuthenticationType {
        /// By a token signed with one of its symmetric keys.
        #[default]
        Sas = "sas",
        /// By a certificate of its own, known by its thumbprint.
        SelfSigned = "selfSigned",
        /// By a certificate that an authority known to the hub has signed.
        CertificateAuthority = "certificateAuthority",
        /// Not at all: it cannot connect.
        None = "none",
    }
}

/// What a device or module proves itself with.
///
/// Written with both halves; the members of the one that is not used are `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// For [`AuthenticationType::Sas`].
    pub symmetric_key: SymmetricKey,
    /// For [`AuthenticationType::SelfSigned`].
    pub x509_thumbprint: X509Thumbprint,
    /// Which of them counts.
    #[serde(rename = "type")]
    pub kind: AuthenticationType,
}

/// Two keys of equal right, so that one can be replaced while the other is in use. Secret: not shown by
/// `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SymmetricKey {
    /// In base64. Absent in a request that leaves it to the hub to make one; the empty text reads so, too.
    #[serde(deserialize_with = "empty_is_absent")]
    pub primary_key: Option<String>,
    /// As the primary key.
    #[serde(deserialize_with = "empty_is_absent")]
    pub secondary_key: Option<String>,
}

/// Two thumbprints of equal right, in hexadecimal: of SHA-1, 40 digits, or SHA-256, 64 digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct X509Thumbprint {
    /// Of the certificate in use. The empty text reads as absent.
    #[serde(deserialize_with = "empty_is_absent")]
    pub primary_thumbprint: Option<String>,
    /// Of the certificate before or after it.
    #[serde(deserialize_with = "empty_is_absent")]
    pub secondary_thumbprint: Option<String>,
}

impl X509Thumbprint {
    /// Whether there is neither.
    pub const fn is_empty(&self) -> bool {
        self.primary_thumbprint.is_none() && self.secondary_thumbprint.is_none()
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |key: &Option<String>| key.as_ref().map(|_| "redacted");
        f.debug_struct("SymmetricKey")
            .field("primary_key", &hidden(&self.primary_key))
            .field("secondary_key", &hidden(&self.secondary_key))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Authentication {
    /// A request without `type` means what its members say.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { symmetric_key, x509_thumbprint, kind } = Members::deserialize(deserializer)?;
        let implied = match x509_thumbprint.is_empty() {
            true => AuthenticationType::Sas,
            false => AuthenticationType::SelfSigned,
        };
        Ok(Self { symmetric_key, x509_thumbprint, kind: kind.unwrap_or(implied) })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default, deserialize_with = "null_is_default")]
    symmetric_key: SymmetricKey,
    #[serde(default, deserialize_with = "null_is_default")]
    x509_thumbprint: X509Thumbprint,
    #[serde(default, rename = "type")]
    kind: Option<AuthenticationType>,
}

fn empty_is_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}
