use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

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

/// The handles' end of a lane. What is put there is boxed: a channel begins with room for 32, and gateways have many
/// devices.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    lane: mpsc::Sender<Box<T>>,
    bell: Bell,
}

impl<T> Entry<T> {
    pub(crate) fn new(lane: mpsc::Sender<Box<T>>, bell: Bell) -> Self {
        Self { lane, bell }
    }

    /// Puts something there, as soon as there is room. Cancel-safe.
    pub(crate) async fn send(&self, what: T) -> Result<(), Gone> {
        self.lane.send(Box::new(what)).await.map_err(|_| Gone)?;
        self.bell.ring();
        Ok(())
    }

    /// The same, if there is room now.
    pub(crate) fn try_send(&self, what: T) {
        if self.lane.try_send(Box::new(what)).is_ok() {
            self.bell.ring();
        }
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { lane: self.lane.clone(), bell: self.bell.clone() }
    }
}

/// The driver is gone, and what was handed over with it.
#[derive(Debug)]
pub(crate) struct Gone;
