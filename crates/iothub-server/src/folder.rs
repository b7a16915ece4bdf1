use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder that only its owner can enter.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it is missing. One that is there is taken as it is, unless others may write in it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Self::existing(path)
    }

    /// As [`Self::open`], but makes none: a folder that others remove meanwhile is not there.
    pub(crate) fn existing(path: &Path) -> io::Result<Self> {
        let folder = Self { path: std::path::absolute(path)? };
        folder.refuse_if_shared()?;
        Ok(folder)
    }

    /// Makes a folder inside this one.
    pub(crate) fn inner(&self, name: &str) -> io::Result<Self> {
        Self::open(&self.path.join(name))
    }

    /// Puts a file there as a whole, readable by its owner only: whoever reads it sees all of it or none.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let unfinished = format!(".{name}.new");
        self.remove(&unfinished)?;
        let mut file = private().create_new(true).open(self.path.join(&unfinished))?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        if written.is_err() {
            // The disk is full, most likely: what is there of it is in the way.
            let _ = self.remove(&unfinished);
        }
        written?;
        self.rename(&unfinished, name)
    }

    /// Gives a file another name, in the place of one that has it, and returns when that is on the disk.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync()
    }

    /// Gives a file a second name, in the place of one that has it. It keeps the first.
    pub(crate) fn name_also(&self, file: &str, name: &str) -> io::Result<()> {
        self.remove(name)?;
        fs::hard_link(self.path.join(file), self.path.join(name))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The text of a file, `None` if there is no such file.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading and writing, makes it if it is missing, and keeps what is in it.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        private().create(true).truncate(false).open(self.path.join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Has the names of the files written down. Elsewhere a folder cannot be opened.
    #[cfg(unix)]
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    #[cfg(not(unix))]
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn refuse_if_shared(&self) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;

        if fs::metadata(&self.path)?.mode() & 0o002 != 0 {
            let why = "everybody may write in it, and keys are kept there (use a folder of your own)";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn refuse_if_shared(&self) -> io::Result<()> {
        Ok(())
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
