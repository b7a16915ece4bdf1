use iothub_codec::DeviceId;
use iothub_model::RefusalRecord;

use crate::request::{Request, device_path};
use crate::{Error, Service};

/// # Extras of a local hub, continued
impl Service {
    /// Gives what a local hub has lately refused to a device, its modules, or back ends that asked about it; the
    /// latest last. The device need not be in the registry. Takes the right RegistryRead.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a hub that is not a local one; see [`Error`] for others.
    pub async fn refusals(&self, device: DeviceId<'_>) -> Result<Vec<RefusalRecord>, Error> {
        self.send(Request::get(format!("/$local{}/refusals", device_path(device)?))).await
    }
}
