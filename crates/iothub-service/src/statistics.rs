use iothub_model::{RegistryStatistics, ServiceStatistics};

use crate::request::Request;
use crate::{Error, Service};

/// # Statistics
impl Service {
    /// Counts the devices in the registry. Takes the right RegistryRead.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn registry_statistics(&self) -> Result<RegistryStatistics, Error> {
        self.send(Request::get("/statistics/devices".into())).await
    }

    /// Counts the devices that are connected. Takes the right ServiceConnect.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn service_statistics(&self) -> Result<ServiceStatistics, Error> {
        self.send(Request::get("/statistics/service".into())).await
    }
}
