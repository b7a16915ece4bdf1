mod provider;
mod signing;
mod wallet;

use core::fmt;
use core::time::Duration;

use iothub_codec::{Dialect, Identity, Proof, SasToken, SharedKey, Signature};
use iothub_proto::Timestamp;
use tracing::warn;

use crate::client_certificate::ClientCertificate;

pub(crate) use provider::{Codes, Provider, Tokens};
pub use provider::{CredentialsError, ProviderError, TokenWanted};
use signing::{Draft, signed, signed_elsewhere};
pub(crate) use wallet::Wallet;

/// What a device proves with that it is who it says.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// Signs a proof for each connection. The key is the device's own, or that of a policy.
    Key { key: SharedKey, policy: Option<String> },
    /// The same with a key that only somebody else can use.
    Signer { codes: Codes, policy: Option<String> },
    /// Made by somebody else. When it has expired, the device cannot connect any longer.
    Token(String),
    /// Made by somebody else, whenever one is needed.
    Tokens(Tokens),
    /// Shown to TLS, so that nothing is left to be proven.
    Certificate(ClientCertificate),
}

/// For whom something is proven, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) host: &'a str,
    pub(crate) identity: Identity<'a>,
    pub(crate) now: Timestamp,
    pub(crate) lifetime: Duration,
    /// How long somebody else may take for it.
    pub(crate) within: Duration,
}

/// A proof for one connection.
#[derive(Clone)]
pub(crate) enum Proven<'a> {
    Token {
        token: String,
        /// When it has to be renewed; `None` when it cannot be.
        valid_until: Option<Timestamp>,
        /// Until when it serves for further connections; `None` when it does for one.
        again_until: Option<Timestamp>,
    },
    Signature(Signature<'a>),
    /// TLS has seen to it.
    Elsewhere,
}

impl Credentials {
    /// The proof that suits the dialect, if there is one; otherwise one that it does not take.
    pub(crate) async fn prove<'a>(
        &'a self,
        dialect: Dialect,
        claimant: &Claimant<'_>,
    ) -> Result<Proven<'a>, CredentialsError> {
        let draft = if dialect == Dialect::Classic { Draft::Token } else { Draft::Terms };
        match self {
            Self::Key { key, policy } => match signed(draft, policy.as_deref(), claimant, key) {
                Ok(proven) => Ok(proven),
                Err(never) => match never {},
            },
            Self::Signer { codes, policy } => {
                signed_elsewhere(draft, policy.as_deref(), claimant, codes).await
            }
            Self::Token(token) => {
                Ok(Proven::Token { token: token.clone(), valid_until: None, again_until: None })
            }
            Self::Tokens(tokens) => {
                let token = tokens.ask(claimant.wanted(), claimant.within).await?;
                claimant.accept(token)
            }
            Self::Certificate(_) => Ok(Proven::Elsewhere),
        }
    }

    /// Whether they can be renewed while a connection goes on, or for the one that replaces it.
    pub(crate) const fn are_renewable(&self) -> bool {
        match self {
            Self::Key { .. } | Self::Signer { .. } | Self::Tokens(_) => true,
            Self::Token(_) | Self::Certificate(_) => false,
        }
    }

    /// Whether a hub that refuses them may be content with them at another time.
    pub(crate) const fn may_get_better(&self) -> bool {
        match self {
            Self::Key { .. } | Self::Signer { .. } | Self::Tokens(_) | Self::Certificate(_) => true,
            Self::Token(_) => false,
        }
    }

    pub(crate) const fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Certificate(certificate) => Some(certificate),
            Self::Key { .. } | Self::Signer { .. } | Self::Token(_) | Self::Tokens(_) => None,
        }
    }
}

/// A token that has no longer to live than this by the clock of the device is not renewed ahead: it is the clock that
/// is wrong, or the hub will say so.
const LIFE_MIN: Duration = Duration::from_secs(10);

impl Claimant<'_> {
    fn wanted(&self) -> TokenWanted {
        let Self { host, identity, lifetime, .. } = *self;
        let mut resource = format!("{host}/devices/{}", identity.device.as_str());
        if let Some(module) = identity.module {
            resource = format!("{resource}/modules/{}", module.as_str());
        }
        TokenWanted { host: host.to_owned(), resource, lifetime }
    }

    /// Reads how long a token from elsewhere is good.
    fn accept(&self, token: String) -> Result<Proven<'static>, CredentialsError> {
        let read = SasToken::parse(&token)?;
        if !read.covers(self.host, Some(self.identity)) {
            return Err(CredentialsError::OtherResource { resource: self.wanted().resource });
        }
        let expiry = Timestamp::from_secs(read.expiry_s());
        let left = expiry.since(self.now);
        if left < LIFE_MIN {
            warn!(name: "token_expired", ?left, "by the clock of this device, the token that was given has expired");
            return Ok(Proven::Token { token, valid_until: None, again_until: None });
        }
        Ok(Proven::Token { token, valid_until: Some(expiry), again_until: Some(self.now.after(left / 2)) })
    }
}

impl Proven<'_> {
    pub(crate) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Token { token, .. } => Proof::Token(token),
            Self::Signature(signature) => Proof::Signature(*signature),
            Self::Elsewhere => Proof::None,
        }
    }

    /// Of a signature the session knows it.
    pub(crate) const fn valid_until(&self) -> Option<Timestamp> {
        match self {
            Self::Token { valid_until, .. } => *valid_until,
            Self::Signature(_) | Self::Elsewhere => None,
        }
    }

    /// When nobody believes it any longer; `None` where that is not known.
    const fn expiry(&self) -> Option<Timestamp> {
        match self {
            Self::Token { valid_until, .. } => *valid_until,
            Self::Signature(signature) => Some(Timestamp::from_millis(signature.terms.expiry_ms)),
            Self::Elsewhere => None,
        }
    }

    const fn again_until(&self) -> Option<Timestamp> {
        match self {
            Self::Token { again_until, .. } => *again_until,
            Self::Signature(_) | Self::Elsewhere => None,
        }
    }
}

/// Without the secret.
impl fmt::Debug for Proven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token(..)",
            Self::Signature(_) => "Signature(..)",
            Self::Elsewhere => "Elsewhere",
        })
    }
}

/// Without the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key(..)",
            Self::Signer { .. } => "Signer(..)",
            Self::Token(_) => "Token(..)",
            Self::Tokens(_) => "Tokens(..)",
            Self::Certificate(_) => "Certificate(..)",
        })
    }
}

#[cfg(test)]
mod tests;
