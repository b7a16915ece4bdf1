use std::sync::Arc;

use tokio::sync::Notify;

/// Rung whenever something waits for the driver. It looks everywhere then, which costs less than to wait in each place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it was rung since the last time. Cancel-safe.
    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
