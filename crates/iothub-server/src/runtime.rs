use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::folder::Folder;

/// The folder in which the hubs that a user runs can be found: each has a folder inside, and a lock on a
/// file in it for as long as it runs. A lock ends with its process, however that ends, and is never mistaken
/// for another process that happens to have the same number.
pub(crate) struct Runtime {
    folder: Folder,
    /// Held while folders come and go, so that none is swept away between its making and its locking.
    _coming_and_going: File,
}

impl Runtime {
    pub(crate) fn open() -> io::Result<Self> {
        Self::open_at(&Self::path())
    }

    /// Makes a folder for one hub, and sweeps away those of hubs that are gone.
    pub(crate) fn settle(&self) -> io::Result<Settled> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        self.sweep()?;
        let name = format!("hub-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.inner(&name)?;
        let lock = lock(&folder)?.ok_or(io::ErrorKind::AlreadyExists)?;
        Ok(Settled { folder, _lock: lock })
    }

    /// The folders of the hubs that run.
    pub(crate) fn running(&self) -> io::Result<Vec<Folder>> {
        self.sweep()
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        refuse_if_of_others(path)?;
        let file = folder.open_file(LOCK)?;
        file.lock()?;
        Ok(Self { folder, _coming_and_going: file })
    }

    fn sweep(&self) -> io::Result<Vec<Folder>> {
        let mut running = Vec::new();
        for entry in fs::read_dir(self.folder.path())? {
            match sweep_one(&entry?) {
                Ok(folder) => running.extend(folder),
                // Hubs take their folders with them whenever they end.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(running)
    }

    pub(crate) fn path() -> PathBuf {
        match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute()) {
            Some(path) => Path::new(&path).join("iothub"),
            None => std::env::temp_dir().join(format!("iothub{}", user_suffix())),
        }
    }
}

/// The folder of a hub that runs; that of one that does not is swept away.
fn sweep_one(entry: &fs::DirEntry) -> io::Result<Option<Folder>> {
    if !entry.file_type()?.is_dir() || !entry.file_name().to_string_lossy().starts_with("hub-") {
        return Ok(None);
    }
    let folder = Folder::existing(&entry.path())?;
    match lock(&folder)? {
        Some(_) => fs::remove_dir_all(folder.path()).map(|()| None),
        None => Ok(Some(folder)),
    }
}

/// A hub's place in the [`Runtime`] folder. Gone when dropped.
pub(crate) struct Settled {
    folder: Folder,
    _lock: File,
}

impl Settled {
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(self.folder.path()) {
            tracing::debug!(folder = %self.folder.path().display(), %error, "left behind");
        }
    }
}

/// Locks a folder for this process; `None` if another has it, or another hub in this one.
pub(crate) fn lock(folder: &Folder) -> io::Result<Option<File>> {
    let file = folder.open_file(LOCK)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Temporary folders are shared: without the user's number in the name, the first user would own it.
#[cfg(unix)]
fn user_suffix() -> String {
    format!("-{}", rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn user_suffix() -> String {
    String::new()
}

/// Somebody else may have made the folder first, to read what is put there.
#[cfg(unix)]
fn refuse_if_of_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let found = fs::symlink_metadata(path)?;
    let own = found.uid() == rustix::process::geteuid().as_raw();
    if !own || !found.is_dir() || found.mode() & 0o077 != 0 {
        let why = "not a folder that only this user can enter";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_of_others(_: &Path) -> io::Result<()> {
    Ok(())
}

const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_hub_is_there_as_long_as_it_holds_its_place() {
        let scratch = Scratch::new();
        let path = scratch.path().join("runtime");
        let running = || Runtime::open_at(&path).unwrap().running().unwrap().len();
        assert_eq!(running(), 0);
        let first = Runtime::open_at(&path).unwrap().settle().unwrap();
        let second = Runtime::open_at(&path).unwrap().settle().unwrap();
        assert_eq!(running(), 2);
        drop(first);
        assert_eq!(running(), 1);
        drop(second);
        assert_eq!(running(), 0);
    }

    #[test]
    fn hubs_come_and_go_at_the_same_time() {
        let scratch = Scratch::new();
        let path = scratch.path().join("runtime");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let settled = Runtime::open_at(&path).unwrap().settle().unwrap();
                        // It goes without the lock on the whole, which is given back by now.
                        drop(settled);
                    }
                });
            }
        });
        assert_eq!(Runtime::open_at(&path).unwrap().running().unwrap().len(), 0);
    }

    #[test]
    fn what_a_dead_process_left_behind_is_swept_away() {
        let scratch = Scratch::new();
        let path = scratch.path().join("runtime");
        let left_behind = Folder::open(&path.join("hub-1-0")).unwrap();
        left_behind.write("hub.json", b"{}").unwrap();
        left_behind.open_file(LOCK).unwrap();
        assert_eq!(Runtime::open_at(&path).unwrap().running().unwrap().len(), 0);
        assert!(!left_behind.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let scratch = Scratch::new();
        let path = scratch.path().join("runtime");
        drop(Runtime::open_at(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Runtime::open_at(&path).is_err());
        fs::remove_dir_all(&path).unwrap();
        std::os::unix::fs::symlink(scratch.path(), &path).unwrap();
        assert!(Runtime::open_at(&path).is_err());
    }
}
