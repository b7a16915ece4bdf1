use iothub_model::ErrorCode;
use serde::{Deserialize, Serialize};

/// What came of a job with one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeviceResult {
    /// Its twin was changed.
    Updated,
    /// It answered a call.
    Answered {
        /// With this number.
        status: i32,
        /// And this JSON; `None` if the hub had no room for it.
        payload: Option<String>,
    },
    /// It went wrong.
    Failed {
        /// The number of an [`ErrorCode`].
        code: u32,
        /// The same in a sentence.
        description: String,
    },
}

impl DeviceResult {
    /// Most bytes of a description that are kept.
    const DESCRIPTION_MAX: usize = 512;

    pub(crate) fn failed(code: ErrorCode, description: &str) -> Self {
        let end = description.floor_char_boundary(Self::DESCRIPTION_MAX);
        Self::Failed { code: code.number(), description: description[..end].into() }
    }

    pub(crate) const fn is_success(&self) -> bool {
        match self {
            Self::Updated | Self::Answered { .. } => true,
            Self::Failed { .. } => false,
        }
    }
}
