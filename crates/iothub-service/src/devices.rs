use iothub_codec::DeviceId;
use iothub_model::{Device, IfMatch};

use crate::request::{Request, device_path};
use crate::{Error, Service};

/// # Identities of devices
///
/// Reading takes the right RegistryRead, changing RegistryWrite.
impl Service {
    /// Most devices that a hub lists at once.
    pub const LIST_MAX: u16 = 1000;

    /// Registers a device, and gives it as it now stands in the registry: with the keys that the hub made, if
    /// none were given.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceAlreadyExists` if there is one of that name; see [`Error`] for others.
    pub async fn create_device(&self, device: &Device) -> Result<Device, Error> {
        self.send(put(device)?).await
    }

    /// Gives a device as it stands in the registry, keys included.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound` if there is none; see [`Error`] for others.
    pub async fn get_device(&self, device: DeviceId<'_>) -> Result<Device, Error> {
        self.send(Request::get(device_path(device)?)).await
    }

    /// Changes what a caller may choose about a device to what `device` says, and gives it as it now stands.
    ///
    /// [`IfMatch::None`] counts as [`IfMatch::Any`]: a device that does not exist is not created.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `PreconditionFailed` if it has been changed since the etag was read; see
    /// [`Error`] for others.
    pub async fn update_device(&self, device: &Device, condition: &IfMatch) -> Result<Device, Error> {
        self.send(put(device)?.on(at_least_any(condition))).await
    }

    /// Deletes a device with its twin, its modules and the messages that wait for it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound` if there is none, and with `PreconditionFailed` if it has been
    /// changed since the etag was read; see [`Error`] for others.
    pub async fn delete_device(&self, device: DeviceId<'_>, condition: &IfMatch) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(device_path(device)?).on(at_least_any(condition))).await
    }

    /// Gives up to `top` devices, from 1 to [`Self::LIST_MAX`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_devices(&self, top: u16) -> Result<Vec<Device>, Error> {
        self.send(list(top)).await
    }
}

fn put(device: &Device) -> Result<Request, Error> {
    let name = DeviceId::new(&device.device_id).map_err(|_| Error::not_a_name(&device.device_id))?;
    Ok(Request::put(device_path(name)?).json(device))
}

fn list(top: u16) -> Request {
    Request::get("/devices".into()).query("top", top.into())
}

/// Without a condition a PUT creates; an update is one of something that is there.
pub(crate) fn at_least_any(condition: &IfMatch) -> &IfMatch {
    match condition {
        IfMatch::None => &IfMatch::Any,
        IfMatch::Any | IfMatch::Exactly(_) => condition,
    }
}

#[cfg(test)]
mod tests {
    use iothub_model::Status;

    use super::*;

    #[test]
    fn a_device_is_put_where_its_name_says() {
        let device = Device { device_id: "a#b".into(), status: Some(Status::Disabled), ..Device::default() };
        let request = put(&device).expect("a device with a name");
        assert_eq!(request.method, "PUT");
        assert_eq!(request.url("h"), "https://h/devices/a%23b?api-version=2021-04-12");
        assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
        assert!(!request.headers.contains_key("if-match"), "it would not create");
        let sent: Device = serde_json::from_slice(&request.body).expect("a device");
        assert_eq!(sent, device);
    }

    #[test]
    fn what_cannot_be_the_name_of_a_device_is_not_sent() {
        for name in ["", "a/b", "a\u{1b}b", "..", &"x".repeat(1000)] {
            let device = Device { device_id: name.into(), ..Device::default() };
            let error = put(&device).expect_err(name);
            assert!(matches!(error, Error::NotExpressible { .. }), "{error}");
            assert!(error.to_string().len() < 300 && !error.to_string().contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn an_update_never_creates() {
        let exactly = IfMatch::Exactly(iothub_model::Etag::from_counter(1));
        for (condition, sent) in
            [(&IfMatch::None, &IfMatch::Any), (&IfMatch::Any, &IfMatch::Any), (&exactly, &exactly)]
        {
            assert_eq!(at_least_any(condition), sent);
        }
    }

    #[test]
    fn a_list_says_how_long_it_may_be() {
        assert_eq!(list(5).url("h"), "https://h/devices?api-version=2021-04-12&top=5");
    }
}
