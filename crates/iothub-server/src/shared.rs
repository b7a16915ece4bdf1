use std::sync::Arc;

use crate::body::Room;
use crate::common::Common;
use crate::driver::Driver;
use crate::options::Limits;

/// What every task of a running hub has at hand.
pub(crate) struct Shared {
    pub(crate) driver: Driver,
    pub(crate) limits: Limits,
    common: Arc<Common>,
}

impl Shared {
    pub(crate) fn new(driver: Driver, common: Arc<Common>) -> Self {
        Self { driver, limits: common.limits, common }
    }

    /// What this hub has in common with others in this process.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    pub(crate) fn bodies(&self) -> &Room {
        &self.common.bodies
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.driver.carrier().has_failed()
    }

    /// Whether everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) fn is_stopping(&self) -> bool {
        self.common.is_stopping() || self.has_failed()
    }

    /// Returns when everything is to end: the hub was told to stop, or cannot go on.
    pub(crate) async fn stopping(&self) {
        let mut failure = self.driver.carrier().failure();
        tokio::select! {
            () = self.common.stopping() => {}
            _ = failure.wait_for(Option::is_some) => {}
        }
    }
}
