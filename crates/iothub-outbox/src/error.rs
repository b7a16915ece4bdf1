use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why an outbox cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("{}: in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is not as it was written, or was never an outbox. Nothing was changed in it.
    #[error("{}: damaged, or no outbox: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by another version of this crate.
    #[error("{}: has format {found}, which this version does not read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
}

/// Why a message was not stored.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// As much is held as may be, and nothing of it gives way to this message.
    #[error("the outbox holds as much as it may")]
    Full,
    /// The message alone is more than is held at most.
    #[error("message of {size} bytes, where the outbox holds {limit} at most")]
    TooLarge {
        /// Of the message, in bytes.
        size: u64,
        /// What is held at most, in bytes.
        limit: u64,
    },
    /// The disk has no room. The next message is tried again.
    #[error("the disk is full: {0}")]
    DiskFull(Arc<io::Error>),
    /// The disk does not take it. The next message is tried again, with the file opened anew.
    #[error("not written: {0}")]
    Io(Arc<io::Error>),
    /// The file is not as it was written.
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
    /// The outbox was closed.
    #[error("the outbox is closed")]
    Closed,
}

/// What went wrong with the file, before it is known what was to be done with it.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    InUse,
    Damaged(String),
    Format(u64),
    Io(Arc<io::Error>),
}

impl Failure {
    pub(crate) fn opening(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::InUse => OpenError::InUse { path },
            Self::Damaged(why) => OpenError::Damaged { path, why },
            Self::Format(found) => OpenError::Format { path, found },
            Self::Io(source) => OpenError::Io { path, source },
        }
    }

    pub(crate) fn storing(self) -> StoreError {
        match self {
            Self::InUse => StoreError::Damaged("another process has taken it over".to_owned()),
            Self::Damaged(why) => StoreError::Damaged(why),
            Self::Format(found) => StoreError::Damaged(format!("it has format {found} now")),
            Self::Io(source) if is_full(&source) => StoreError::DiskFull(source),
            Self::Io(source) => StoreError::Io(source),
        }
    }

    pub(crate) fn io(source: io::Error) -> Self {
        Self::Io(Arc::new(source))
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.clone().storing().fmt(f)
    }
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let why = error.to_string();
        if matches!(error, redb::Error::DatabaseAlreadyOpen) {
            return Self::InUse;
        }
        if matches!(error, redb::Error::PreviousIo) {
            return Self::io(io::Error::other(why));
        }
        // What does not begin as a database does, or ends too early, is an error of the system's for the engine.
        if let redb::Error::Io(source) = error
            && !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        {
            return Self::io(source);
        }
        Self::Damaged(why)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
