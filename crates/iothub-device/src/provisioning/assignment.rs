use core::fmt;

use iothub_model::{
    DeviceRegistrationState, RegistrationOperation, RegistrationStatus, RegistrationSubstatus,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ProvisioningError;
use super::registration::Provisioning;
use super::{Secret, Settings};
use crate::options::{Options, OptionsError};

/// Where a device belongs. It comes from [`Provisioning::register`], and leads to
/// [`Device::connect`](crate::Device::connect) by [`Self::options`].
#[derive(Clone)]
pub struct Assignment {
    hub: String,
    device_id: String,
    substatus: Option<RegistrationSubstatus>,
    payload: Option<Value>,
    secret: Secret,
    settings: Settings,
}

impl Assignment {
    /// The host name of the hub, perhaps with a port.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// The name of the device there.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// What led to it: whether the device is there for the first time, and what became of its twin.
    pub const fn substatus(&self) -> Option<RegistrationSubstatus> {
        self.substatus
    }

    /// What the owner of the service hands to the device.
    pub const fn payload(&self) -> Option<&Value> {
        self.payload.as_ref()
    }

    /// The same with a type; `null` where there is none.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`, if it is something else.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.payload.clone().unwrap_or_default())
    }

    /// What connects the device to its hub, with the key or certificate that it has registered with.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] if the service gave names that are none.
    pub fn options(&self) -> Result<Options, OptionsError> {
        Ok((self.settings)(self.secret.options(&self.hub, &self.device_id)?))
    }

    /// Reads how a registration has ended.
    pub(super) fn read(document: &[u8], by: &Provisioning) -> Result<Self, ProvisioningError> {
        let unreadable = |why: String| ProvisioningError::Unreadable { why };
        let operation: RegistrationOperation =
            serde_json::from_slice(document).map_err(|error| unreadable(error.to_string()))?;
        let state = operation.registration_state.unwrap_or_default();
        match operation.status {
            RegistrationStatus::Assigned => {}
            RegistrationStatus::Disabled => return Err(ProvisioningError::Disabled),
            RegistrationStatus::Failed => {
                let DeviceRegistrationState { error_code: code, error_message, .. } = state;
                return Err(ProvisioningError::Failed { code, message: error_message.unwrap_or_default() });
            }
            RegistrationStatus::Assigning | RegistrationStatus::Unassigned => {
                return Err(unreadable(format!("the status {} is no end", operation.status)));
            }
        }
        let hub = state.assigned_hub.ok_or_else(|| unreadable("assignedHub is missing".into()))?;
        let device_id = state.device_id.ok_or_else(|| unreadable("deviceId is missing".into()))?;
        let (secret, settings) = by.secret();
        let (substatus, payload) = (state.substatus, state.payload);
        Ok(Self { hub, device_id, substatus, payload, secret, settings })
    }
}

/// Without its secrets.
impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hub, device_id, substatus, payload, secret, settings: _ } = self;
        let mut shown = f.debug_struct("Assignment");
        shown.field("hub", hub).field("device_id", device_id).field("substatus", substatus);
        shown.field("payload", payload).field("secret", secret).finish_non_exhaustive()
    }
}
