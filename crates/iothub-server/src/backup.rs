//! What is done with the folder of a hub as a whole: copied, put back, emptied.

use core::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use iothub_hub::Change;

use crate::authority;
use crate::folder::Folder;
use crate::journal::{self, FILE, Journal, JournalError};
use crate::retention::Retention;
use crate::runtime;

/// Why a folder for data was not copied, put back or emptied. Nothing in it has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A hub uses the folder.
    #[error("{}: a hub is running on it (stop it first)", path.display())]
    Running {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing.
    #[error("{}: no hub has kept anything there", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// What is kept there, or in the backup, cannot be used.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes everything that a hub has kept in the folder `data`, as it is at one moment, to a new file. The hub may be
/// running. The file holds keys, and is for its owner only.
///
/// # Errors
///
/// [`BackupError`]; also if there is a file already. Then there is no new one.
pub fn back_up(data: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    if !data.join(FILE).is_file() {
        return Err(BackupError::Nothing { path: data.into() });
    }
    let folder = Folder::open(data).map_err(failed(data))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(to).map_err(failed(to))?;
    let copied = copy(&folder, file, to);
    if copied.is_err() {
        // What is there of it is of no use to anybody.
        let _ = fs::remove_file(to);
    }
    copied
}

/// Puts back what [`back_up`] has written. What is in the folder stays beside it, as `hub.redb.before`.
///
/// # Errors
///
/// [`BackupError`]; a backup that is not whole is refused before anything is changed.
pub fn restore(data: &Path, from: &Path) -> Result<(), BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    let (folder, _lock) = take(data)?;
    let aside = folder.inner(ASIDE).map_err(failed(data))?;
    let files = look_at(from, &aside).inspect_err(|_| drop(fs::remove_dir_all(aside.path())))?;
    // It has its name until the other takes that: a hub that starts finds one of the two.
    if folder.path().join(FILE).exists() {
        folder.name_also(FILE, BEFORE).map_err(failed(folder.path()))?;
    }
    if !files.is_empty() {
        folder.remove(authority::RECORD).map_err(failed(folder.path()))?;
    }
    for name in authority::FILES {
        if let Some((_, content)) = files.iter().find(|(each, _)| each == name) {
            folder.write(name, content).map_err(failed(folder.path()))?;
        }
    }
    folder.rename(&format!("{ASIDE}/{FILE}"), FILE).map_err(failed(folder.path()))?;
    fs::remove_dir_all(aside.path()).map_err(failed(aside.path()))
}

/// Removes what a hub has kept in a folder, but not its certificate authority: clients go on trusting the next hub.
///
/// # Errors
///
/// [`BackupError`].
pub fn reset(data: &Path) -> Result<(), BackupError> {
    if !data.join(FILE).is_file() {
        return Err(BackupError::Nothing { path: data.into() });
    }
    let (folder, _lock) = take(data)?;
    let file = folder.path().join(FILE);
    fs::remove_file(&file).map_err(|source| BackupError::Io { path: file, source })
}

fn copy(folder: &Folder, file: File, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Io { path: folder.path().into(), source };
    let mut files = Vec::new();
    for name in authority::FILES {
        if let Some(text) = folder.read(name).map_err(failed)? {
            files.push((name, text));
        }
    }
    // Without a hub that runs, one that was killed may have left something to be repaired.
    let lock = runtime::lock(folder).map_err(failed)?;
    let access = if lock.is_some() { journal::Access::Alone } else { journal::Access::Shared };
    Ok(journal::copy(folder, access, (file, to), &files)?)
}

/// Takes a copy of a backup into a folder, and gives the files that were copied with the journal, if all is whole.
fn look_at(backup: &Path, aside: &Folder) -> Result<Vec<(String, Vec<u8>)>, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    let mut source = File::open(backup).map_err(failed(backup))?;
    aside.remove(FILE).map_err(failed(aside.path()))?;
    // Not with the rights of the backup, which others may be allowed to read.
    let mut copy = aside.open_file(FILE).map_err(failed(aside.path()))?;
    io::copy(&mut source, &mut copy).map_err(failed(backup))?;
    copy.sync_all().map_err(failed(aside.path()))?;
    drop(copy);
    let journal = Journal::open(aside, Retention::default(), |_: &Change| Ok::<_, Infallible>(()));
    journal.and_then(|journal| journal.files()).map_err(|error| error.at(backup).into())
}

fn take(data: &Path) -> Result<(Folder, File), BackupError> {
    let failed = |source| BackupError::Io { path: data.into(), source };
    let folder = Folder::open(data).map_err(failed)?;
    let lock = runtime::lock(&folder).map_err(failed)?;
    let lock = lock.ok_or_else(|| BackupError::Running { path: data.into() })?;
    Ok((folder, lock))
}

const BEFORE: &str = "hub.redb.before";
/// The folder inside in which a backup is looked at.
const ASIDE: &str = "restoring";
