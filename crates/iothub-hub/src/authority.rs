use serde::{Deserialize, Serialize};

/// A certificate authority that a hub's owner trusts: devices may connect with certificates that it has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    /// Its certificate, in base64 of DER.
    pub certificate: String,
    /// When it was registered, in milliseconds since 1970.
    pub created_ms: u64,
}

impl Authority {
    /// Most authorities of a hub.
    pub(crate) const MAX: usize = 25;
    /// Longest name, in bytes.
    pub(crate) const NAME_MAX: usize = 64;
    /// Longest certificate, in bytes of DER.
    pub(crate) const LEN_MAX: usize = 16 * 1024;

    /// Its certificate; nothing if what was recorded is none.
    pub(crate) fn der(&self) -> Vec<u8> {
        crate::key::from_base64(&self.certificate).unwrap_or_default()
    }
}
