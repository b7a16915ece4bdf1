use core::time::Duration;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::ConnectError;

/// How a device stands with its hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// Connected, and subscribed to everything that was asked for.
    Connected,
    /// Not connected; the next attempt comes by itself.
    Disconnected {
        /// What ended the connection, or the last attempt to make one.
        cause: Arc<ConnectError>,
        /// How long after that the next attempt begins.
        retry_in: Duration,
    },
    /// Not connected, and never again: make a new [`Device`](crate::Device).
    Closed {
        /// What cannot be mended by trying again; `None` after [`Device::close`](crate::Device::close).
        cause: Option<Arc<ConnectError>>,
    },
}

/// Watches a device's [`ConnectionStatus`].
#[derive(Clone, Debug)]
pub struct StatusWatch(watch::Receiver<ConnectionStatus>);

impl StatusWatch {
    pub(crate) fn new(receiver: watch::Receiver<ConnectionStatus>) -> Self {
        Self(receiver)
    }

    /// The status now.
    pub fn current(&self) -> ConnectionStatus {
        self.0.borrow().clone()
    }

    /// Waits for a status that was not seen yet, and returns it; `None` when there will be no other.
    ///
    /// A status that was soon followed by another may be skipped. Cancel-safe.
    pub async fn changed(&mut self) -> Option<ConnectionStatus> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits until the device is connected, or never will be.
    pub async fn connected_or_closed(&mut self) -> ConnectionStatus {
        self.wait_for(|status| match status {
            ConnectionStatus::Connected | ConnectionStatus::Closed { .. } => true,
            ConnectionStatus::Disconnected { .. } => false,
        })
        .await
    }

    pub(crate) async fn closed(&mut self) -> ConnectionStatus {
        self.wait_for(|status| matches!(status, ConnectionStatus::Closed { .. })).await
    }

    async fn wait_for(&mut self, which: impl FnMut(&ConnectionStatus) -> bool) -> ConnectionStatus {
        match self.0.wait_for(which).await {
            Ok(status) => status.clone(),
            // The driver is gone without a last word: the runtime is shutting down.
            Err(_) => ConnectionStatus::Closed { cause: None },
        }
    }
}
