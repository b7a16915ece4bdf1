use core::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::body::Room;
use crate::driver::Driver;
use crate::options::Limits;
use crate::stranger::Stranger;

/// What every task of a running hub has at hand.
pub(crate) struct Shared {
    pub(crate) driver: Driver,
    pub(crate) limits: Limits,
    pub(crate) bodies: Room,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

/// One of the connections that may be open at a time; and the sign that its task is at work.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _at_work: AtWork,
}

/// Held by every task until it is done.
pub(crate) type AtWork = mpsc::Sender<Infallible>;

impl Shared {
    pub(crate) fn new(driver: Driver, limits: Limits) -> Self {
        Self {
            driver,
            limits,
            bodies: Room::new(),
            places: Arc::new(Semaphore::new(limits.connections)),
            strangers: Arc::new(Semaphore::new(limits.strangers)),
            stop: watch::Sender::new(false),
        }
    }

    /// `None` when all places are taken.
    pub(crate) fn place(&self, at_work: &AtWork) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place { _permit: permit, _at_work: at_work.clone() })
    }

    /// `None` when there are as many strangers as may be.
    pub(crate) fn stranger(&self) -> Option<Stranger> {
        Arc::clone(&self.strangers).try_acquire_owned().ok().map(Stranger::new)
    }

    /// Has every task end.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.driver.carrier().has_failed()
    }

    /// Whether everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.has_failed()
    }

    /// Returns when everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) async fn stopping(&self) {
        let (mut stop, mut failure) = (self.stop.subscribe(), self.driver.carrier().failure());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = failure.wait_for(Option::is_some) => {}
        }
    }
}
