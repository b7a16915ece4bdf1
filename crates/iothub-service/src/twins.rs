use iothub_codec::Identity;
use iothub_model::{IfMatch, Twin, TwinPatch};

use crate::request::{Request, twin_path};
use crate::{Error, Service};

/// # Twins of devices and modules
///
/// All of it takes the right ServiceConnect.
impl Service {
    /// Gives a twin with the metadata of both sections.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceNotFound` or `ModuleNotFound`; see [`Error`] for others.
    pub async fn get_twin(&self, of: Identity<'_>) -> Result<Twin, Error> {
        self.send(Request::get(twin_path(of)?)).await
    }

    /// Merges `patch` into a twin and gives the result. The device, if it listens, is told.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `ArgumentInvalid` if a rule about twins is not kept to, and with
    /// `PreconditionFailed` if the twin has been changed since the etag was read; see [`Error`] for others.
    pub async fn update_twin(
        &self,
        of: Identity<'_>,
        patch: &TwinPatch,
        condition: &IfMatch,
    ) -> Result<Twin, Error> {
        self.send(Request::patch(twin_path(of)?).json(patch).on(condition)).await
    }

    /// Puts `twin` in the place of the tags and desired properties and gives the result. What it does not
    /// mention is emptied. The device, if it listens, is told.
    ///
    /// # Errors
    ///
    /// As for [`Self::update_twin`].
    pub async fn replace_twin(
        &self,
        of: Identity<'_>,
        twin: &TwinPatch,
        condition: &IfMatch,
    ) -> Result<Twin, Error> {
        self.send(Request::put(twin_path(of)?).json(twin).on(condition)).await
    }
}
