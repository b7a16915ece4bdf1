use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::body::Room;
use crate::harness::Interposer;
use crate::options::Limits;
use crate::stranger::Stranger;

/// What the hubs of one process have in common: what clients can make it spend, and its end.
pub(crate) struct Premises {
    pub(crate) limits: Limits,
    pub(crate) bodies: Room,
    pub(crate) interposer: Option<Arc<dyn Interposer>>,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// One of the connections that may be open at a time.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Premises {
    pub(crate) fn new(limits: Limits, interposer: Option<Arc<dyn Interposer>>) -> Self {
        Self {
            limits,
            bodies: Room::new(),
            interposer,
            places: Arc::new(Semaphore::new(limits.connections)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            stop: watch::Sender::new(false),
        }
    }

    /// `None` when all places are taken.
    pub(crate) fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(|permit| Place { _permit: permit })
    }

    /// `None` when there are as many strangers as may be.
    pub(crate) fn stranger(&self) -> Option<Stranger> {
        Arc::clone(&self.strangers).try_acquire_owned().ok().map(Stranger::new)
    }

    /// Has every task end.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns when everything is to end.
    pub(crate) async fn stopping(&self) {
        let mut stop = self.stop.subscribe();
        // There is a sender for as long as this is borrowed.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}
