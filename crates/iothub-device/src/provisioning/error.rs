use core::time::Duration;

use iothub_model::Refusal;
use iothub_proto::RefusalReason;

use crate::connect_error::ConnectError;
use crate::options::OptionsError;

/// Why a device is not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisioningError {
    /// There is no connection to the service, or it broke.
    #[error(transparent)]
    Connect(ConnectError),
    /// The service does not let the device in: it has no enrollment of that name, or another key or certificate.
    #[error("not let in by the provisioning service: {reason}")]
    NotLetIn {
        /// What it says.
        reason: RefusalReason,
    },
    /// Its enrollment is disabled.
    #[error("the enrollment of the device is disabled")]
    Disabled,
    /// The service could not give it a hub.
    #[error("the registration came to nothing: {message}")]
    Failed {
        /// The number of the problem, if the service says one.
        code: Option<u32>,
        /// What the service says about it.
        message: String,
    },
    /// The service does not do what it was asked for.
    #[error("refused with {status}: {}", .refusal.message)]
    Refused {
        /// As HTTP has it.
        status: u16,
        /// What the service says.
        refusal: Refusal,
    },
    /// The service is hindered, by too many devices or otherwise, or has forgotten the registration. Ends none before its
    /// deadline.
    #[error("the service is hindered, {status}: {}", .refusal.message)]
    Hindered {
        /// As HTTP has it: 404, 429, or from 500 on.
        status: u16,
        /// What the service says.
        refusal: Refusal,
    },
    /// The service did not answer in time.
    #[error("the provisioning service does not answer")]
    Silent,
    /// What the service says of the registration cannot be understood.
    #[error("unreadable registration: {why}")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// The host of the service is none.
    #[error(transparent)]
    Options(OptionsError),
    /// The deadline is over.
    #[error("not registered within {after:?}{}", .last.as_ref().map(|last| format!(": {last}")).unwrap_or_default())]
    TimedOut {
        /// How long it was tried.
        after: Duration,
        /// What was in the way last, if something was.
        last: Option<Box<ProvisioningError>>,
    },
}

impl ProvisioningError {
    /// Whether the same may succeed later without anybody's doing. [`Provisioning::register`](crate::Provisioning::register)
    /// has tried again until its deadline where it may.
    pub fn is_retryable(&self) -> bool {
        match self {
            // A device that has a hub waits until it is trusted again; here, whoever brings it into service looks on.
            Self::Connect(error) => error.is_retryable() && !error.is_about_certificate(),
            Self::NotLetIn { reason } => reason.is_retryable() && *reason != RefusalReason::NotAuthorized,
            Self::Hindered { .. } | Self::Silent | Self::TimedOut { .. } => true,
            Self::Disabled
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::Options(_) => false,
        }
    }
}
