use iothub_codec::{DeviceId, ModuleId};
use iothub_model::{IfMatch, Module};

use crate::devices::at_least_any;
use crate::request::{Request, device_path, module_path};
use crate::{Error, Service};

/// # Identities of modules
///
/// Reading takes the right RegistryRead, changing RegistryWrite.
impl Service {
    /// Registers a module of a device, and gives it as it now stands in the registry: with the keys that the
    /// hub made, if none were given.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ModuleAlreadyExistsOnDevice` if there is one of that name, and with
    /// `DeviceNotFound` if there is no such device; see [`Error`] for others.
    pub async fn create_module(&self, module: &Module) -> Result<Module, Error> {
        self.send(put(module)?).await
    }

    /// Gives a module as it stands in the registry, keys included.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ModuleNotFound` or `DeviceNotFound`; see [`Error`] for others.
    pub async fn get_module(&self, device: DeviceId<'_>, module: ModuleId<'_>) -> Result<Module, Error> {
        self.send(Request::get(module_path(device, module)?)).await
    }

    /// Changes what a caller may choose about a module to what `module` says, and gives it as it now stands.
    ///
    /// [`IfMatch::None`] counts as [`IfMatch::Any`]: a module that does not exist is not created.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `PreconditionFailed` if it has been changed since the etag was read; see
    /// [`Error`] for others.
    pub async fn update_module(&self, module: &Module, condition: &IfMatch) -> Result<Module, Error> {
        self.send(put(module)?.on(at_least_any(condition))).await
    }

    /// Deletes a module with its twin.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ModuleNotFound`, or with `PreconditionFailed` if it has been changed since the
    /// etag was read; see [`Error`] for others.
    pub async fn delete_module(
        &self,
        device: DeviceId<'_>,
        module: ModuleId<'_>,
        condition: &IfMatch,
    ) -> Result<(), Error> {
        let request = Request::delete(module_path(device, module)?).on(at_least_any(condition));
        self.send_for_nothing(request).await
    }

    /// Gives all modules of a device.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound` if there is no such device; see [`Error`] for others.
    pub async fn list_modules(&self, device: DeviceId<'_>) -> Result<Vec<Module>, Error> {
        self.send(Request::get(format!("{}/modules", device_path(device)?))).await
    }
}

fn put(module: &Module) -> Result<Request, Error> {
    let device = DeviceId::new(&module.device_id).map_err(|_| Error::not_a_name(&module.device_id))?;
    let name = ModuleId::new(&module.module_id).map_err(|_| Error::not_a_name(&module.module_id))?;
    Ok(Request::put(module_path(device, name)?).json(module))
}
