use iothub_model::SharedAccessPolicy;

use crate::request::{Request, escaped};
use crate::{Error, Service};

/// # Shared access policies
///
/// Hubs of this project only: Azure has them in its management API. All of it takes every right, as `iothubowner` has.
impl Service {
    /// Makes a policy, or changes what of it is given: absent keys and rights stay, and the keys of a new policy are made
    /// by the hub. Devices that came in by a key that is gone are disconnected.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ArgumentInvalid` if the rights cannot be read or a key is not base64 of 16 to 64 bytes,
    /// with `InvalidOperation` if it would take rights from `iothubowner`; see [`Error`] for others.
    pub async fn put_policy(&self, policy: &SharedAccessPolicy) -> Result<SharedAccessPolicy, Error> {
        self.send(Request::put(path(&policy.key_name)?).json(policy)).await
    }

    /// Gives a policy, with its keys.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GenericNotFound` if there is none of that name; see [`Error`] for others.
    pub async fn get_policy(&self, name: &str) -> Result<SharedAccessPolicy, Error> {
        self.send(Request::get(path(name)?)).await
    }

    /// Gives all policies, with their keys.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_policies(&self) -> Result<Vec<SharedAccessPolicy>, Error> {
        self.send(Request::get("/$local/policies".into())).await
    }

    /// Removes a policy. Devices that it let in are disconnected.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `GenericNotFound` if there is none of that name, with `InvalidOperation` for
    /// `iothubowner`, which stays; see [`Error`] for others.
    pub async fn delete_policy(&self, name: &str) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(path(name)?)).await
    }
}

fn path(name: &str) -> Result<String, Error> {
    Ok(format!("/$local/policies/{}", escaped(name)?))
}
