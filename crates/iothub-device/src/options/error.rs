use iothub_codec::{BadConnectionString, BadDeviceId, BadSharedKey};

use crate::address::BadAddress;

/// Why a connection string says not enough to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BadConnectionString),
    /// It is the connection string of something else than a device.
    #[error("no {part} in the connection string")]
    Missing {
        /// What has to be there.
        part: &'static str,
    },
    /// The key is none.
    #[error("SharedAccessKey: {0}")]
    BadKey(#[from] BadSharedKey),
    /// The name of the device is none.
    #[error("DeviceId: {0}")]
    BadDeviceId(#[from] BadDeviceId),
    /// The name of the hub or gateway is none.
    #[error("HostName or GatewayHostName: {0}")]
    BadAddress(#[from] BadAddress),
    /// The device proves itself with a certificate, which is not in a connection string.
    #[error("x509=true: a certificate and its key are needed (`Options::with_certificate`)")]
    CertificateMissing,
}
