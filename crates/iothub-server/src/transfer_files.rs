use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use iothub_hub::{TransferPlace, TransferResumed, TransferStep, Transferred};
use percent_encoding::percent_decode_str;

/// The files of one import or export, below the folder that the operator allows.
#[derive(Debug)]
pub(crate) struct TransferFiles {
    root: Arc<Path>,
    from: Option<BufReader<File>>,
    to: Option<Unfinished>,
}

/// A file that takes its name when it is whole. Gone when dropped before, unless it is to be resumed.
#[derive(Debug)]
struct Unfinished {
    file: BufWriter<File>,
    path: PathBuf,
    folder: PathBuf,
    name: String,
    /// What is written outlives the hub, which goes on with it.
    is_resumable: bool,
}

impl TransferFiles {
    /// `root` is canonical.
    pub(crate) const fn new(root: Arc<Path>) -> Self {
        Self { root, from: None, to: None }
    }

    /// Does one step. After an error nothing is left of the others.
    pub(crate) fn perform(&mut self, step: TransferStep) -> Result<Transferred, String> {
        let outcome = match step {
            TransferStep::Begin { from, to, resumed } => self.begin(from.as_ref(), &to, resumed),
            TransferStep::Write { lines } => self.write(&lines),
            TransferStep::Read => self.read(),
            TransferStep::Finish => self.finish(),
            TransferStep::Abandon => {
                self.abandon();
                Ok(Transferred::Written)
            }
        };
        if outcome.is_err() {
            self.abandon();
        }
        outcome
    }

    fn abandon(&mut self) {
        self.from = None;
        if let Some(mut to) = self.to.take() {
            to.is_resumable = false;
        }
    }

    fn begin(
        &mut self,
        from: Option<&TransferPlace>,
        to: &TransferPlace,
        resumed: Option<TransferResumed>,
    ) -> Result<Transferred, String> {
        self.abandon();
        // First, so that nothing is left of it when the other cannot be read.
        let folder = self.folder(&to.container)?;
        let failed = |error| format!("cannot write {}: {error}", to.name);
        let is_resumable = from.is_some();
        let unfinished = match resumed {
            Some(resumed) if resumed.written > 0 => Unfinished::resume(&folder, &to.name, resumed),
            Some(_) | None => Unfinished::begin(&folder, &to.name, is_resumable),
        };
        self.to = Some(unfinished.map_err(failed)?);
        let mut len = 0;
        if let Some(place) = from {
            let path = self.folder(&place.container)?.join(&place.name);
            let failed = |error| format!("cannot read {}: {error}", place.name);
            // A link may lead elsewhere.
            let path = path.canonicalize().map_err(failed)?;
            if !path.starts_with(&self.root) {
                return Err(format!("{} leads out of the folder for imports and exports", place.name));
            }
            // To open a pipe would wait for whoever writes to it.
            if !path.metadata().map_err(failed)?.is_file() {
                return Err(format!("{} is not a file", place.name));
            }
            let mut file = File::open(path).map_err(failed)?;
            len = file.metadata().map_err(failed)?.len();
            if let Some(resumed) = resumed {
                if resumed.len != len {
                    return Err(format!("{} has changed since its import began", place.name));
                }
                file.seek(SeekFrom::Start(resumed.read)).map_err(failed)?;
            }
            self.from = Some(BufReader::new(file));
        }
        Ok(Transferred::Begun { len })
    }

    fn write(&mut self, lines: &[u8]) -> Result<Transferred, String> {
        let to = self.to.as_mut().ok_or_else(not_begun)?;
        to.write(lines).map_err(|error| format!("cannot write {}: {error}", to.name))?;
        Ok(Transferred::Written)
    }

    fn read(&mut self) -> Result<Transferred, String> {
        let from = self.from.as_mut().ok_or_else(not_begun)?;
        let mut lines = Vec::new();
        for _ in 0..LINES_AT_A_TIME {
            let begin = lines.len();
            let limit = LINE_MAX + 1;
            let read = from.by_ref().take(limit).read_until(b'\n', &mut lines);
            read.map_err(|error| format!("cannot read on: {error}"))?;
            let len = (lines.len() - begin) as u64;
            if len == limit {
                return Err(format!("a line is longer than {LINE_MAX} bytes"));
            }
            if len == 0 {
                return Ok(Transferred::Lines { lines, is_last: true });
            }
            if lines.len() >= READ_AT_A_TIME {
                break;
            }
        }
        Ok(Transferred::Lines { lines, is_last: false })
    }

    fn finish(&mut self) -> Result<Transferred, String> {
        self.from = None;
        let to = self.to.take().ok_or_else(not_begun)?;
        let name = to.name.clone();
        to.finish().map_err(|error| format!("cannot write {name}: {error}"))?;
        Ok(Transferred::Finished)
    }

    /// The folder that a container names, which is there and is not outside.
    fn folder(&self, container: &str) -> Result<PathBuf, String> {
        let path = match container.strip_prefix("file:") {
            Some(rest) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let path = path.strip_prefix("localhost").unwrap_or(path);
                let decoded = percent_decode_str(path).decode_utf8();
                PathBuf::from(decoded.map_err(|_| outside(container))?.into_owned())
            }
            None => PathBuf::from(container),
        };
        if path.components().any(|component| component == Component::ParentDir) {
            return Err(outside(container));
        }
        // One that is absolute takes the place of the other.
        let path = self.root.join(path);
        let path = path.canonicalize().map_err(|error| format!("cannot use {container:?}: {error}"))?;
        if path.starts_with(&self.root) && path.is_dir() { Ok(path) } else { Err(outside(container)) }
    }
}

impl Unfinished {
    fn begin(folder: &Path, name: &str, is_resumable: bool) -> io::Result<Self> {
        let path = Self::path(folder, name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Of a hub that was killed.
            Ok(()) | Err(_) => {}
        }
        let file = private().create_new(true).open(&path)?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Ok(Self { file: BufWriter::new(file), path, folder, name, is_resumable })
    }

    /// Goes on with one of a hub that has ended since.
    fn resume(folder: &Path, name: &str, resumed: TransferResumed) -> io::Result<Self> {
        let path = Self::path(folder, name);
        if resumed.read == resumed.len && !path.try_exists()? {
            // It took its name, and the hub ended before that was known.
            fs::rename(folder.join(name), &path)?;
        }
        let there = fs::symlink_metadata(&path)?;
        if !there.is_file() || there.len() < resumed.written {
            return Err(io::Error::other("it is not what the hub has written"));
        }
        let file = private().open(&path)?;
        file.set_len(resumed.written)?;
        let mut file = BufWriter::new(file);
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, path, folder: folder.to_owned(), name: name.to_owned(), is_resumable: true })
    }

    fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!(".{name}.unfinished"))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        if self.is_resumable {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.is_resumable = false;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.path, self.folder.join(&self.name))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_resumable {
            // It has its name, or nobody wants it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An export has keys.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn outside(container: &str) -> String {
    format!("{container:.256?} is not a folder below the one that the hub was given for imports and exports")
}

fn not_begun() -> String {
    "it has not begun".to_owned()
}

/// Lines that are read in one go, if they are not long; the hub does nothing else while it takes them in.
const LINES_AT_A_TIME: usize = 250;
/// Bytes that are read in one go, and a line more.
const READ_AT_A_TIME: usize = 512 * 1024;
/// Longest line, in bytes: a twin has at most 120 KiB in each of its sections.
const LINE_MAX: u64 = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn place(container: &str, name: &str) -> TransferPlace {
        TransferPlace { container: container.into(), name: name.into() }
    }

    fn begin(container: &str) -> TransferStep {
        TransferStep::Begin { from: None, to: place(container, "out.txt"), resumed: None }
    }

    fn begin_reading(from: &str, to: &str) -> TransferStep {
        TransferStep::Begin { from: Some(place(".", from)), to: place(".", to), resumed: None }
    }

    fn files(scratch: &Scratch) -> TransferFiles {
        let root = scratch.path().join("root");
        fs::create_dir_all(root.join("in ner")).unwrap();
        fs::create_dir_all(scratch.path().join("rooted")).unwrap();
        TransferFiles::new(root.canonicalize().unwrap().into())
    }

    #[test]
    fn nothing_outside_of_the_folder_can_be_named() {
        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let root = files.root.display().to_string();
        for container in [
            "",
            ".",
            "in ner",
            "file:in%20ner",
            &root,
            &format!("file://{root}"),
            &format!("file://localhost{root}/in%20ner"),
        ] {
            assert!(files.perform(begin(container)).is_ok(), "{container}");
        }
        for container in [
            "..",
            "in ner/../..",
            "/",
            "file:///",
            "file:///tmp",
            "%2e%2e",
            "file:%2e%2e",
            &format!("{root}ed"),
            "nowhere",
        ] {
            assert!(files.perform(begin(container)).is_err(), "{container}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(scratch.path().join("rooted"), files.root.join("link")).unwrap();
            assert!(files.perform(begin("link")).is_err());
            fs::write(scratch.path().join("secret"), "x").unwrap();
            std::os::unix::fs::symlink(scratch.path().join("secret"), files.root.join("devices.txt"))
                .unwrap();
            assert!(files.perform(begin_reading("devices.txt", "out.txt")).is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        use core::time::Duration;
        use std::sync::mpsc;

        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let pipe = files.root.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (done, outcome) = mpsc::channel();
        std::thread::spawn(move || {
            for name in ["pipe", "in ner"] {
                done.send((name, files.perform(begin_reading(name, "errors")))).unwrap();
            }
        });
        for name in ["pipe", "in ner"] {
            let expected = Err(format!("{name} is not a file"));
            assert_eq!(outcome.recv_timeout(Duration::from_secs(20)), Ok((name, expected)));
        }
    }

    #[test]
    fn back_ends_are_not_told_where_the_folder_is() {
        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let root = files.root.display().to_string();
        files.perform(TransferStep::Begin { from: None, to: place(".", "in ner"), resumed: None }).unwrap();
        let why = files.perform(TransferStep::Finish).unwrap_err();
        assert!(why.starts_with("cannot write in ner: ") && !why.contains(&root), "{why}");
    }

    #[test]
    fn what_is_written_is_seen_when_it_is_whole_or_not_at_all() {
        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let out = files.root.join("out.txt");
        let write = || TransferStep::Write { lines: b"line\n".to_vec() };
        let left = |files: &TransferFiles| fs::read_dir(&files.root).unwrap().count();
        for _ in 0..2 {
            files.perform(begin(".")).unwrap();
            files.perform(write()).unwrap();
            assert!(!out.exists());
            files.perform(TransferStep::Abandon).unwrap();
            assert_eq!(left(&files), 1, "the folder inside alone");
        }
        files.perform(begin(".")).unwrap();
        files.perform(write()).unwrap();
        files.perform(TransferStep::Finish).unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"line\n");
        assert_eq!(left(&files), 2);
        assert!(files.perform(write()).is_err(), "nothing has begun");
    }

    #[test]
    fn an_import_goes_on_with_the_files_that_it_had_or_not_at_all() {
        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let root = files.root.to_path_buf();
        fs::write(root.join("devices.txt"), "1\n2\n3\n").unwrap();
        let unfinished = root.join(".errors.unfinished");
        let resume = |read, len| {
            let (from, to) = (Some(place(".", "devices.txt")), place(".", "errors"));
            TransferStep::Begin { from, to, resumed: Some(TransferResumed { read, len, written: 5 }) }
        };
        fs::write(&unfinished, "line\nhalf of").unwrap();
        assert_eq!(files.perform(resume(2, 6)), Ok(Transferred::Begun { len: 6 }));
        assert_eq!(fs::read(&unfinished).unwrap(), b"line\n");
        let rest = Transferred::Lines { lines: b"2\n3\n".to_vec(), is_last: true };
        assert_eq!(files.perform(TransferStep::Read), Ok(rest));
        files.perform(TransferStep::Abandon).unwrap();
        assert!(!unfinished.exists());

        for (there, len, why) in [
            (&b"line\n"[..], 7, "devices.txt has changed since its import began"),
            (b"lin", 6, "cannot write errors: it is not what the hub has written"),
        ] {
            fs::write(&unfinished, there).unwrap();
            assert_eq!(files.perform(resume(2, len)), Err(why.into()));
        }
        fs::remove_file(&unfinished).unwrap();
        assert!(files.perform(resume(2, 6)).is_err(), "it is gone");
    }

    #[test]
    fn lines_come_whole_and_none_is_too_long() {
        let scratch = Scratch::new();
        let mut files = files(&scratch);
        let from = files.root.join("devices.txt");
        let begin = || begin_reading("devices.txt", "errors");
        let text: String = (0..600).map(|n| format!("{n}\n")).collect::<String>() + "last";
        fs::write(&from, &text).unwrap();
        assert_eq!(files.perform(begin()), Ok(Transferred::Begun { len: text.len() as u64 }));
        let (mut all, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let Ok(Transferred::Lines { lines, is_last }) = files.perform(TransferStep::Read) else {
                panic!()
            };
            sizes.push(lines.iter().filter(|byte| **byte == b'\n').count());
            all.extend(lines);
            if is_last {
                break;
            }
        }
        assert_eq!((String::from_utf8(all).unwrap(), sizes), (text, vec![250, 250, 100]));
        fs::write(&from, "x".repeat(600_000)).unwrap();
        files.perform(begin()).unwrap();
        assert!(files.perform(TransferStep::Read).unwrap_err().contains("longer than"));
    }
}
