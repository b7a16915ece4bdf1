use iothub_codec::DeviceId;
use iothub_model::{
    Configuration, ConfigurationContent, ConfigurationQueries, ConfigurationQueryErrors, IfMatch,
};

use crate::devices::at_least_any;
use crate::request::{Repeat, Request, device_path, escaped};
use crate::{Error, Service};

/// # Configurations
///
/// What a hub sets by itself in the twins of all devices that meet a condition. Reading takes the right RegistryRead,
/// changing RegistryWrite.
impl Service {
    /// Most configurations that a hub has.
    pub const CONFIGURATIONS_MAX: u16 = 100;

    /// Registers a configuration, which begins to apply, and gives it as it now stands.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ConfigurationAlreadyExists` if there is one of that name, and with
    /// `InvalidConfigurationTargetCondition`, `InvalidConfigurationContent` or `InvalidConfigurationCustomMetricsQuery`;
    /// see [`Error`] for others.
    pub async fn create_configuration(&self, configuration: &Configuration) -> Result<Configuration, Error> {
        self.send(put(configuration)?).await
    }

    /// Gives a configuration with what its metrics have counted.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ConfigurationNotFound`; see [`Error`] for others.
    pub async fn get_configuration(&self, id: &str) -> Result<Configuration, Error> {
        self.send(Request::get(path(id)?)).await
    }

    /// Changes the condition, priority, labels and metrics of a configuration to what `configuration` says, and gives it
    /// as it now stands. Its content stays what it was made with.
    ///
    /// [`IfMatch::None`] counts as [`IfMatch::Any`]: a configuration that does not exist is not created.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `PreconditionFailed` if it has been changed since the etag was read, and with
    /// `CannotModifyImmutableConfigurationContent`; see [`Error`] for others.
    pub async fn update_configuration(
        &self,
        configuration: &Configuration,
        condition: &IfMatch,
    ) -> Result<Configuration, Error> {
        self.send(put(configuration)?.on(at_least_any(condition))).await
    }

    /// Deletes a configuration. What it set is removed, unless another one sets it as well.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ConfigurationNotFound`, and with `PreconditionFailed` if it has been changed since the
    /// etag was read; see [`Error`] for others.
    pub async fn delete_configuration(&self, id: &str, condition: &IfMatch) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(path(id)?).on(at_least_any(condition))).await
    }

    /// Gives up to `top` configurations, from 1 to [`Self::CONFIGURATIONS_MAX`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_configurations(&self, top: u16) -> Result<Vec<Configuration>, Error> {
        self.send(Request::get("/configurations".into()).query("top", top.into())).await
    }

    /// Has a hub look at the condition and the queries of a configuration before there is one.
    ///
    /// # Errors
    ///
    /// See [`Error`]. That something is wrong with a query is none.
    pub async fn test_configuration_queries(
        &self,
        queries: &ConfigurationQueries,
    ) -> Result<ConfigurationQueryErrors, Error> {
        // It only reads, although it is posted.
        let request = Request::post("/configurations/testQueries".into()).json(queries);
        self.send(request.repeated(Repeat::Freely)).await
    }

    /// Sets what `content` says in the twins of the modules of one device, once.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound`, `ModuleNotFound` or `InvalidConfigurationContent`; see [`Error`] for
    /// others.
    pub async fn apply_configuration_content(
        &self,
        device: DeviceId<'_>,
        content: &ConfigurationContent,
    ) -> Result<(), Error> {
        let path = format!("{}/applyConfigurationContent", device_path(device)?);
        self.send_for_nothing(Request::post(path).json(content)).await
    }
}

fn put(configuration: &Configuration) -> Result<Request, Error> {
    Ok(Request::put(path(&configuration.id)?).json(configuration))
}

fn path(id: &str) -> Result<String, Error> {
    Ok(format!("/configurations/{}", escaped(id)?))
}
