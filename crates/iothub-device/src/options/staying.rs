use core::fmt;
use std::sync::Arc;

use iothub_proto::{Backoff, ByClass, Failure, Next, ReconnectPolicy};

use super::Options;

/// How the device stays connected.
impl Options {
    /// How long to wait before connecting again, the same for every failure that may pass. Otherwise
    /// [`ByClass::DEFAULT`] says it, by what has failed.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.reconnect_policy(backoff)
    }

    /// Decides whether and when to connect again: a [`ByClass`] of other numbers, or a [`ReconnectPolicy`] of the
    /// caller's own. It is asked by the device's task and should answer at once.
    #[must_use]
    pub fn reconnect_policy(mut self, policy: impl ReconnectPolicy + Send + Sync + 'static) -> Self {
        self.policy = Policy(Arc::new(policy));
        self
    }
}

/// What decides whether and when to connect again.
#[derive(Clone)]
pub(crate) struct Policy(Arc<dyn ReconnectPolicy + Send + Sync>);

impl Default for Policy {
    fn default() -> Self {
        Self(Arc::new(ByClass::DEFAULT))
    }
}

impl ReconnectPolicy for Policy {
    fn next(&self, failure: &Failure) -> Next {
        self.0.next(failure)
    }
}

/// Policies need not be shown.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policy(..)")
    }
}
