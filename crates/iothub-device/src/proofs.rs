use core::future::pending;
use core::pin::Pin;

use iothub_proto::{Backoff, Seed};
use tracing::warn;

use crate::chance;
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::credentials::{CredentialsError, Proven, Wallet};
use crate::options::Options;

/// Where the proofs of a device come from, connection after connection.
pub(crate) struct Proofs<'o> {
    options: &'o Options,
    clock: Clock,
    seed: Seed,
    wallet: Wallet<'o>,
    /// One that is being made while a connection goes on.
    renewal: Option<Renewal<'o>>,
}

type Renewal<'o> = Pin<Box<dyn Future<Output = Result<Proven<'o>, CredentialsError>> + Send + 'o>>;

impl<'o> Proofs<'o> {
    pub(crate) fn new(options: &'o Options, clock: Clock) -> Self {
        Self {
            options,
            clock,
            seed: chance::seed(options.identity()),
            wallet: Wallet::default(),
            renewal: None,
        }
    }

    /// The proof for a connection.
    pub(crate) async fn next(&mut self) -> Result<Proven<'o>, ConnectError> {
        self.renewal = None;
        let proven = match self.wallet.take(self.options.now(self.clock).timestamp) {
            Some(proven) => proven,
            None => self.options.prove(self.options.now(self.clock)).await?,
        };
        self.wallet.keep_used(proven.clone());
        Ok(proven)
    }

    /// The hub was not content with the last one.
    pub(crate) fn refused(&mut self) {
        self.wallet.empty();
    }

    /// Begins to make another while the connection goes on; [`Self::renewed`] gives it. Where nothing can be renewed,
    /// nothing is begun.
    pub(crate) fn renew(&mut self) {
        if self.options.credentials_are_renewable() {
            self.renewal = Some(Box::pin(patiently(self.options, self.clock, self.seed)));
        }
    }

    /// Waits for what [`Self::renew`] has begun; without that, for ever. Cancel-safe.
    pub(crate) async fn renewed(&mut self) -> Result<Proven<'o>, ConnectError> {
        let Some(renewal) = &mut self.renewal else { return pending().await };
        let renewed = renewal.await;
        self.renewal = None;
        Ok(renewed?)
    }

    /// Keeps one for the next connection.
    pub(crate) fn keep(&mut self, proven: Proven<'o>) {
        self.wallet.keep(proven);
    }
}

/// Asks until there is one, or there never will be: meanwhile the connection has the one before.
async fn patiently(options: &Options, clock: Clock, mut seed: Seed) -> Result<Proven<'_>, CredentialsError> {
    let mut failures = 0_u32;
    loop {
        match options.prove(options.now(clock)).await {
            Err(error) if error.is_retryable() => {
                let delay = Backoff::DEFAULT.delay(failures, &mut seed);
                failures = failures.saturating_add(1);
                warn!(name: "credentials_unavailable", %error, retry_in = ?delay, "no new credentials");
                clock.sleep_until(Some((clock.now().after(delay), "new credentials"))).await;
            }
            outcome => return outcome,
        }
    }
}
