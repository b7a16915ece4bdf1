use std::path::Path;
use std::sync::Arc;

use iothub_hub::Recording;

use crate::body::Room;
use crate::driver::Driver;
use crate::files::Store;
use crate::options::Limits;
use crate::premises::Premises;

/// What every task of a running hub has at hand.
pub(crate) struct Shared {
    pub(crate) driver: Driver,
    pub(crate) limits: Limits,
    /// Where imports and exports read and write.
    pub(crate) transfers: Option<Arc<Path>>,
    /// Where files of devices are.
    pub(crate) files: Option<Arc<Store>>,
    premises: Arc<Premises>,
}

impl Shared {
    pub(crate) fn new(
        driver: Driver,
        premises: Arc<Premises>,
        transfers: Option<Arc<Path>>,
        files: Option<Arc<Store>>,
    ) -> Self {
        Self { driver, limits: premises.limits, transfers, files, premises }
    }

    /// What this hub has in common with others in this process.
    pub(crate) fn premises(&self) -> &Premises {
        &self.premises
    }

    pub(crate) fn bodies(&self) -> &Room {
        &self.premises.bodies
    }

    /// Whether the disk is nearly full, so that nothing is recorded.
    pub(crate) fn is_read_only(&self) -> bool {
        *self.driver.carrier().recording().borrow() == Recording::Closed
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.driver.carrier().has_failed()
    }

    /// Whether everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) fn is_stopping(&self) -> bool {
        self.premises.is_stopping() || self.has_failed()
    }

    /// Returns when everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) async fn stopping(&self) {
        let mut failure = self.driver.carrier().failure();
        tokio::select! {
            () = self.premises.stopping() => {}
            _ = failure.wait_for(Option::is_some) => {}
        }
    }
}
