use core::error::Error;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::BadSasToken;
use iothub_proto::Retry;

/// What a token shall be good for. Made by the device whenever it needs one, consumed by the callback of
/// [`Options::with_tokens`](crate::Options::with_tokens).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenWanted {
    /// The name of the hub, without a port.
    pub host: String,
    /// What the token is for, such as `hub1.azure-devices.net/devices/dev-1`, not escaped: percent-encoded it is the
    /// token's `sr`.
    pub resource: String,
    /// How long it should be valid; another time does as well, because the token says it.
    pub lifetime: Duration,
}

/// Why somebody else's store of secrets gave none.
///
/// `?` makes one of any error, and then it is asked again; [`Self::fatal`] says that there is no use in that.
pub struct ProviderError {
    source: Box<dyn Error + Send + Sync>,
    retry: Retry,
}

impl ProviderError {
    /// An error that asking again does not mend, as when the device is not known there any longer: the device gives
    /// up for good.
    pub fn fatal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), retry: Retry::Never }
    }

    /// An error that may be gone the next time.
    pub fn retryable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), retry: Retry::Later }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ProviderError {
    fn from(error: E) -> Self {
        Self::retryable(error)
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError").field("source", &self.source).field("retry", &self.retry).finish()
    }
}

/// Why there is nothing to prove with who the device is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Whoever has the secrets did not answer in [`Options::connect_timeout`](crate::Options::connect_timeout).
    #[error("no answer within {after:?}")]
    NoAnswer {
        /// How long was waited.
        after: Duration,
    },
    /// Whoever has the secrets gave none.
    #[error("{source}")]
    Failed {
        /// What it said. What stands in there, logs will show.
        source: Box<dyn Error + Send + Sync>,
        /// Whether it is asked again.
        retry: Retry,
    },
    /// What came is no SAS token.
    #[error("no SAS token: {0}")]
    NoToken(#[from] BadSasToken),
    /// The token that came is not for this device and hub.
    #[error("the token is for something else than {resource}")]
    OtherResource {
        /// What it should have been for.
        resource: String,
    },
}

impl CredentialsError {
    /// Whether asking again can succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failed { retry, .. } => *retry == Retry::Later,
            Self::NoAnswer { .. } | Self::NoToken(_) | Self::OtherResource { .. } => true,
        }
    }
}

impl From<ProviderError> for CredentialsError {
    fn from(ProviderError { source, retry }: ProviderError) -> Self {
        Self::Failed { source, retry }
    }
}

/// The answer of a callback that is still to come.
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send>>;

/// A callback that gives what is asked for with `Q`.
pub(crate) struct Provider<Q, T>(Arc<dyn Fn(Q) -> Answer<T> + Send + Sync>);

/// Gives tokens.
pub(crate) type Tokens = Provider<TokenWanted, String>;
/// Gives the HMAC-SHA256 code of a message.
pub(crate) type Codes = Provider<Bytes, [u8; 32]>;

impl<Q, T> Provider<Q, T> {
    pub(crate) fn new<F>(callback: impl Fn(Q) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        Self(Arc::new(move |question| Box::pin(callback(question))))
    }

    /// Asks, and waits for so long.
    pub(super) async fn ask(&self, question: Q, within: Duration) -> Result<T, CredentialsError> {
        let answer = tokio::time::timeout(within, (self.0)(question)).await;
        Ok(answer.map_err(|_| CredentialsError::NoAnswer { after: within })??)
    }
}

impl<Q, T> Clone for Provider<Q, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
