use serde::Deserialize;

use crate::version::Version;

/// The desired property `firmware`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) version: Version,
    /// Of the file, in lower-case hexadecimal.
    pub(crate) sha256: String,
}
