use core::time::Duration;
use std::io;

use crate::connect_error::ConnectError;
use crate::credentials::CredentialsError;
use crate::uploads::state::UploadState;

/// Why a file was not uploaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Modules have no uploads.
    #[error("a module cannot upload files: its device can")]
    NotADevice,
    /// The file is longer than so many blocks of the length that was chosen.
    #[error("the file has more than {blocks_max} blocks (choose longer ones with `block_len`)")]
    TooLong {
        /// Most blocks that there may be.
        blocks_max: u32,
    },
    /// What is to be uploaded cannot be read.
    #[error("cannot read what is to be uploaded: {0}")]
    Source(#[source] io::Error),
    /// What is to be uploaded became another length while it was sent.
    #[error("what is to be uploaded has changed while it was sent")]
    SourceChanged,
    /// The storage has forgotten blocks that cannot be read a second time, or forgets them again and again.
    #[error("the storage has forgotten what was sent")]
    BlocksLost,
    /// The hub refuses.
    #[error("the hub refuses with {status} {code}: {message}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The name of the error, empty if there was none.
        code: String,
        /// What it says.
        message: String,
    },
    /// The storage refuses.
    #[error("the storage refuses with {status} {code}")]
    StorageRefused {
        /// The status of HTTP.
        status: u16,
        /// The code of the error, empty if there was none.
        code: String,
    },
    /// The answer of hub or storage is none.
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
    /// There is nothing to prove with who the device is.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// There is no way to hub or storage that another attempt could find.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It has taken longer than it may. What went wrong last says why.
    #[error("not uploaded within {after:?}; last: {last}")]
    TimedOut {
        /// How long it was tried.
        after: Duration,
        /// What went wrong last.
        last: String,
    },
}

/// A file was not uploaded.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct UploadFailed {
    /// Why.
    #[source]
    pub error: UploadError,
    /// From where [`Uploads::resume`](crate::Uploads::resume) can go on. It is there if the upload was to be
    /// [resumable](crate::Upload::resumable), and if one was to be resumed with a source that cannot be opened or is of
    /// another length: nothing was done with it then.
    pub state: Option<Box<UploadState>>,
}
