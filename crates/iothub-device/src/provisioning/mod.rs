//! A device that knows no hub yet, and asks the Device Provisioning Service for one.

mod assignment;
mod attempt;
mod error;
mod registration;

#[cfg(test)]
mod tests;

pub use assignment::Assignment;
pub use error::ProvisioningError;
pub use registration::{BadName, Provisioning, derive_device_key};

use core::fmt;
use std::sync::Arc;

use iothub_codec::{DeviceId, SharedKey};

use crate::address::BadAddress;
use crate::client_certificate::ClientCertificate;
use crate::options::{Options, OptionsError};

/// What a device proves itself with, to the service and then to its hub.
#[derive(Clone)]
enum Secret {
    Key(SharedKey),
    Certificate(ClientCertificate),
}

/// What is set in options for the service and for the hub.
type Settings = Arc<dyn Fn(Options) -> Options + Send + Sync>;

impl Secret {
    /// Options for a device of that name at that host.
    fn options(&self, host: &str, device: &str) -> Result<Options, OptionsError> {
        // One name that seems to be several parts of a connection string would say more than a name may.
        if host.contains(';') {
            return Err(OptionsError::BadAddress(BadAddress));
        }
        DeviceId::new(device)?;
        let text = format!("HostName={host};DeviceId={device}");
        match self {
            Self::Key(key) => {
                let mut room = [0; SharedKey::BASE64_LEN_MAX];
                let key = key.write_base64(&mut room);
                Options::from_connection_string(&format!("{text};SharedAccessKey={key}"))
            }
            Self::Certificate(certificate) => Options::with_certificate(&text, certificate.clone()),
        }
    }
}

/// Without the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Certificate(_) => "Certificate",
        })
    }
}
