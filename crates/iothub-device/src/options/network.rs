use super::Options;
use crate::address::Address;

/// Which certificates are trusted to vouch for the hub.
#[derive(Clone)]
pub(crate) enum Roots {
    /// Those that the platform trusts.
    Platform,
    /// Only these.
    Pem(Vec<u8>),
}

/// Where and how the connection is made.
impl Options {
    /// Trusts the certificates in this PEM text, and no others.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Roots::Pem(pem.into());
        self
    }

    /// Connects there. The certificate still has to be for the hub's or gateway's name.
    #[must_use]
    pub fn connect_to(mut self, address: Address) -> Self {
        self.address = address;
        self
    }
}

/// Without the certificates, which are long.
impl core::fmt::Debug for Roots {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Platform => "Platform",
            Self::Pem(_) => "Pem(..)",
        })
    }
}
