use std::io;
use std::path::{Path, PathBuf};

/// Why a hub's journal cannot be used. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process, or another hub in this one, keeps its journal there.
    #[error("{}: another hub has it open", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// It is not a journal, or not as it was written.
    #[error(
        "{}: damaged: {why} (put back a backup with `iothub restore`, or begin anew with `iothub reset`)",
        path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Another version of this program wrote it.
    #[error(
        "{}: of format {found}, and this program reads {} only (use the program that wrote it, or begin anew with \
         `iothub reset`)",
        path.display(),
        super::FORMAT
    )]
    Format {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The number of partitions is fixed when the journal is made.
    #[error("{}: has {there} partitions, and they cannot become {wanted}", path.display())]
    Partitions {
        /// The journal.
        path: PathBuf,
        /// How many there are.
        there: u8,
        /// How many were asked for.
        wanted: u8,
    },
    /// The hub that wrote it has ended, and it is closed.
    #[error("{}: closed, as the hub has ended", path.display())]
    Ended {
        /// The journal.
        path: PathBuf,
    },
    /// There is no more room on the disk.
    #[error("{}: the disk is full ({source}); make room there", path.display())]
    Full {
        /// The journal.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl JournalError {
    /// The same about the file of which that one is a copy.
    pub(crate) fn at(self, other: &Path) -> Self {
        let other = other.to_owned();
        match self {
            Self::InUse { .. } => Self::InUse { path: other },
            Self::Damaged { why, .. } => Self::Damaged { path: other, why },
            Self::Format { found, .. } => Self::Format { path: other, found },
            Self::Partitions { there, wanted, .. } => Self::Partitions { path: other, there, wanted },
            Self::Ended { .. } => Self::Ended { path: other },
            Self::Full { path, source } => Self::Full { path, source },
            Self::Io { path, source } => Self::Io { path, source },
        }
    }
}

/// A [`JournalError`] before it is known of which journal.
#[derive(Debug)]
pub(super) enum Failure {
    InUse,
    Damaged(String),
    Format { found: u64 },
    Partitions { there: u8, wanted: u8 },
    Io(io::Error),
}

impl Failure {
    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(why.into())
    }

    pub(super) fn of(self, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Self::InUse => JournalError::InUse { path },
            Self::Damaged(why) => JournalError::Damaged { path, why },
            Self::Format { found } => JournalError::Format { path, found },
            Self::Partitions { there, wanted } => JournalError::Partitions { path, there, wanted },
            Self::Io(source) if is_full(&source) => JournalError::Full { path, source },
            Self::Io(source) => JournalError::Io { path, source },
        }
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
            return Self::Io(io::Error::other(why));
        }
        // What does not begin as a journal does, or ends too early, is an error of the system's for the engine.
        if let redb::Error::Io(source) = error
            && !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        {
            return Self::Io(source);
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
