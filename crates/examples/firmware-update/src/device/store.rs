use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use crate::version::Version;

/// What the device keeps over a restart: the firmware, its version, and what was fetched of others.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// The version that is installed; `None` with none.
    pub(crate) fn installed(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.directory.join("installed")) {
            Ok(version) => Ok(Some(version)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a version is put together.
    pub(crate) fn part(&self, version: &Version) -> PathBuf {
        self.directory.join(format!("{}.part", version.as_str()))
    }

    /// Whether all of that version is there, and was found to be right.
    pub(crate) fn has(&self, version: &Version) -> bool {
        self.firmware(version).exists()
    }

    /// Keeps a version that was put together and found to be right.
    pub(crate) fn keep(&self, version: &Version) -> io::Result<()> {
        File::open(self.part(version))?.sync_all()?;
        fs::rename(self.part(version), self.firmware(version))?;
        self.sync()
    }

    /// Puts a version that is kept in the place of the one before. After a restart in between, one of the two is installed.
    pub(crate) fn install(&self, version: &Version) -> io::Result<()> {
        let next = self.directory.join("installed.next");
        fs::write(&next, version.as_str())?;
        File::open(&next)?.sync_all()?;
        fs::rename(next, self.directory.join("installed"))?;
        self.sync()
    }

    /// Throws away what was put together.
    pub(crate) fn discard(&self, version: &Version) -> io::Result<()> {
        fs::remove_file(self.part(version))
    }

    fn firmware(&self, version: &Version) -> PathBuf {
        self.directory.join(format!("{}.bin", version.as_str()))
    }

    /// Names of files are as durable as the directory is.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}
