use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iothub_hub::{BlobProblem, BlobRefusal, FileStep};
use sha2::{Digest, Sha256};

use super::block_list::Among;
use crate::folder::Folder;
use crate::journal::{RESERVE, room};

/// Where the bytes of files are. Names that clients choose never become names of files: those are chance, or digests.
pub(crate) struct Store {
    /// Whole files, with names that are chance; and beside each what parts it was made of, if it was.
    content: Folder,
    /// Parts of files to be, in a folder for each.
    parts: PathBuf,
    /// What is being received.
    unfinished: PathBuf,
    staged: Mutex<Staged>,
}

/// What was received and is no file yet, in bytes.
#[derive(Debug, Default)]
struct Staged {
    /// Parts by the names of their blobs.
    blobs: BTreeMap<String, Parts>,
    /// What is on its way, announced or received.
    coming: u64,
    /// That and all parts: in all, and by device.
    all: u64,
    of_device: BTreeMap<String, u64>,
}

/// The parts of one blob, with their lengths.
pub(crate) type Parts = BTreeMap<BlockId, u64>;

/// What a part is called by whoever sends it, decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) Vec<u8>);

impl BlockId {
    /// Longest one, in bytes.
    pub(crate) const MAX: usize = 64;

    fn file(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Room that is taken for what is on its way. Given back when dropped.
pub(crate) struct Reserved {
    store: Arc<Store>,
    device: String,
    len: u64,
}

/// The parts of a blob beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) count: usize,
    /// Their bytes.
    pub(crate) len: u64,
    /// The bytes of that one, if it is there.
    pub(crate) replaced: Option<u64>,
}

/// A file that is whole, and that the hub does not know yet. Gone when dropped before it does: whoever has sent it may hang
/// up at any time.
pub(crate) struct Whole {
    store: Arc<Store>,
    file: String,
    kept: bool,
}

/// What is received, in a file without a name that lasts. Gone when dropped before it has one.
pub(crate) struct Unfinished {
    pub(crate) path: PathBuf,
    kept: bool,
}

impl Store {
    /// Most parts of one blob that are not in a file yet, and that a file is made of.
    pub(crate) const PARTS_MAX: usize = 10_000;

    /// Takes a folder, and removes from it what belongs to no file: what was half received when the hub ended.
    ///
    /// `files` are those that the hub knows, with their names, and `written` the blobs that devices still write. Gives the
    /// names of files of which the content is not there.
    pub(crate) fn open<'a>(
        folder: &Folder,
        files: impl Iterator<Item = (&'a str, &'a str)>,
        written: impl Iterator<Item = &'a str>,
    ) -> io::Result<(Self, Vec<String>)> {
        let content = folder.inner("content")?;
        let parts = folder.inner("parts")?.path().to_owned();
        let unfinished = folder.path().join("unfinished");
        if unfinished.try_exists()? {
            fs::remove_dir_all(&unfinished)?;
        }
        folder.inner("unfinished")?;
        let mut found = names_in(content.path())?;
        let mut missing = Vec::new();
        for (name, file) in files {
            if !found.remove(file) {
                missing.push(name.to_owned());
            }
            found.remove(&list_of(file));
        }
        for file in found {
            fs::remove_file(content.path().join(file))?;
        }
        let mut folders = names_in(&parts)?;
        let mut staged = Staged::default();
        for name in written.collect::<BTreeSet<_>>() {
            if folders.remove(&digest(name)) {
                let parts = parts_in(&parts.join(digest(name)))?;
                staged.take(device_of(name), parts.values().sum());
                staged.blobs.insert(name.to_owned(), parts);
            }
        }
        for folder in folders {
            fs::remove_dir_all(parts.join(folder))?;
        }
        Ok((Self { content, parts, unfinished, staged: Mutex::new(staged) }, missing))
    }

    /// Takes room for what is announced, of which at most so much may be on the way: in all, and for one device. What it
    /// takes the place of counts no longer.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        (len, replaced): (u64, u64),
        device: &str,
        (staged_max, device_max): (u64, u64),
    ) -> Result<Reserved, BlobRefusal> {
        let mut staged = self.staged();
        let of_device = staged.of_device.get(device).copied().unwrap_or_default().saturating_sub(replaced);
        let all = staged.all.saturating_sub(replaced);
        if all.saturating_add(len) > staged_max || of_device.saturating_add(len) > device_max {
            let why = "too much was sent that is in no file yet: end an upload, or wait until it is over";
            return Err(BlobRefusal::new(BlobProblem::StorageQuotaExceeded, why));
        }
        self.must_have_room(staged.coming.saturating_add(len))?;
        staged.coming += len;
        staged.take(device, len);
        Ok(Reserved { store: Arc::clone(self), device: device.to_owned(), len })
    }

    /// Sees to it that files leave the journal its room on the disk.
    pub(crate) fn must_have_room(&self, len: u64) -> Result<(), BlobRefusal> {
        // Where the system does not say, it will say when the disk is full.
        let Ok(room) = room(self.content.path()) else { return Ok(()) };
        if room.free < KEPT_FREE.min(room.whole / KEPT_FREE_SHARE).saturating_add(len) {
            let why = "the disk of the hub has no room for it";
            return Err(BlobRefusal::new(BlobProblem::InsufficientStorage, why));
        }
        Ok(())
    }

    /// A place for what will be received, and the name of the file that it may become.
    pub(crate) fn begin(&self) -> io::Result<(Unfinished, String)> {
        let mut chance = [0; 16];
        getrandom::fill(&mut chance).map_err(io::Error::other)?;
        let name = format!("{:032x}", u128::from_be_bytes(chance));
        Ok((Unfinished { path: self.unfinished.join(&name), kept: false }, name))
    }

    /// Has what was received become a file of that name. It is on the disk when this returns.
    pub(crate) fn keep(self: &Arc<Self>, mut unfinished: Unfinished, name: String) -> io::Result<Whole> {
        File::open(&unfinished.path)?.sync_all()?;
        let whole = self.whole(name);
        fs::rename(&unfinished.path, self.path(&whole.file))?;
        unfinished.kept = true;
        self.content.sync()?;
        Ok(whole)
    }

    fn whole(self: &Arc<Self>, file: String) -> Whole {
        Whole { store: Arc::clone(self), file, kept: false }
    }

    /// Has what was received become a part of a blob.
    pub(crate) fn keep_part(
        &self,
        mut unfinished: Unfinished,
        (name, id, len): (&str, BlockId, u64),
    ) -> io::Result<()> {
        File::open(&unfinished.path)?.sync_all()?;
        // Under the lock: parts that are dropped meanwhile are all dropped.
        let mut staged = self.staged();
        let folder = self.parts.join(digest(name));
        fs::create_dir_all(&folder)?;
        fs::rename(&unfinished.path, folder.join(id.file()))?;
        unfinished.kept = true;
        let before = staged.blobs.entry(name.to_owned()).or_default().insert(id, len);
        staged.take(device_of(name), len);
        staged.give_back(device_of(name), before.unwrap_or_default());
        Ok(())
    }

    /// The parts of a blob beside that one.
    pub(crate) fn beside(&self, name: &str, id: &BlockId) -> Beside {
        let staged = self.staged();
        let Some(parts) = staged.blobs.get(name) else { return Beside { count: 0, len: 0, replaced: None } };
        let replaced = parts.get(id).copied();
        let len = parts.values().sum::<u64>() - replaced.unwrap_or_default();
        Beside { count: parts.len() - usize::from(replaced.is_some()), len, replaced }
    }

    /// The parts of a blob that are in no file yet.
    pub(crate) fn parts(&self, name: &str) -> Parts {
        self.staged().blobs.get(name).cloned().unwrap_or_default()
    }

    /// Makes a file of parts that are there: for each its place and length, and for parts of the file that is replaced
    /// where in it they begin.
    pub(crate) fn assemble(self: &Arc<Self>, pieces: &[Piece]) -> io::Result<Whole> {
        use io::{Read, Seek};

        let (mut unfinished, name) = self.begin()?;
        let mut written = BufWriter::new(create(&unfinished.path)?);
        let mut list = Vec::new();
        for piece in pieces {
            let mut part = File::open(&piece.path)?;
            part.seek(io::SeekFrom::Start(piece.begin))?;
            let copied = io::copy(&mut part.take(piece.len), &mut written)?;
            if copied != piece.len {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a part has changed"));
            }
            list.push((piece.id.file(), piece.len));
        }
        written.flush()?;
        written.get_ref().sync_all()?;
        let whole = self.whole(name);
        self.content.write(&list_of(&whole.file), &serde_json::to_vec(&list)?)?;
        fs::rename(&unfinished.path, self.path(&whole.file))?;
        unfinished.kept = true;
        self.content.sync()?;
        Ok(whole)
    }

    /// What parts a file was made of, in their order; none if it was written as a whole.
    pub(crate) fn list(&self, file: &str) -> io::Result<Vec<(BlockId, u64)>> {
        let Some(text) = self.content.read(&list_of(file))? else { return Ok(Vec::new()) };
        let list: Vec<(String, u64)> = serde_json::from_str(&text)?;
        let ids = list.into_iter().filter_map(|(id, len)| Some((id_of(&id)?, len)));
        Ok(ids.collect())
    }

    /// Where a part of a blob is.
    pub(crate) fn part(&self, name: &str, id: &BlockId) -> PathBuf {
        self.parts.join(digest(name)).join(id.file())
    }

    /// Where the content of a file is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.content.path().join(file)
    }

    /// Does what the hub says.
    pub(crate) fn perform(&self, step: &FileStep) -> io::Result<()> {
        match step {
            FileStep::DropFile { file } => {
                self.content.remove(file)?;
                self.content.remove(&list_of(file))
            }
            FileStep::DropParts { name } => {
                let mut staged = self.staged();
                let Some(parts) = staged.blobs.remove(name) else { return Ok(()) };
                staged.give_back(device_of(name), parts.values().sum());
                fs::remove_dir_all(self.parts.join(digest(name)))
            }
        }
    }

    fn staged(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of a file that is to be made.
pub(crate) struct Piece {
    /// Whether it was sent, or is one of the file that is replaced.
    pub(crate) among: Among,
    pub(crate) id: BlockId,
    pub(crate) path: PathBuf,
    /// Where it begins there.
    pub(crate) begin: u64,
    pub(crate) len: u64,
}

impl Staged {
    fn take(&mut self, device: &str, len: u64) {
        self.all += len;
        match self.of_device.get_mut(device) {
            Some(of_device) => *of_device += len,
            None if len > 0 => drop(self.of_device.insert(device.to_owned(), len)),
            None => {}
        }
    }

    fn give_back(&mut self, device: &str, len: u64) {
        self.all -= len;
        let Some(of_device) = self.of_device.get_mut(device) else { return };
        *of_device -= len;
        if *of_device == 0 {
            self.of_device.remove(device);
        }
    }
}

impl Whole {
    /// What the hub calls it, which is told of it now.
    pub(crate) fn known(mut self) -> String {
        self.kept = true;
        core::mem::take(&mut self.file)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.store.perform(&FileStep::DropFile { file: core::mem::take(&mut self.file) });
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut staged = self.store.staged();
        staged.coming -= self.len;
        staged.give_back(&self.device, self.len);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The device that a blob is of.
pub(super) fn device_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// A new file that only its owner can read.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn parts_in(folder: &Path) -> io::Result<Parts> {
    let mut parts = Parts::new();
    for file in names_in(folder)? {
        let len = fs::metadata(folder.join(&file))?.len();
        parts.extend(id_of(&file).map(|id| (id, len)));
    }
    Ok(parts)
}

fn id_of(file: &str) -> Option<BlockId> {
    let pairs = file.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>().map(BlockId)
}

/// Where it is written what parts a file was made of.
fn list_of(file: &str) -> String {
    format!("{file}.parts")
}

fn digest(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files are refused while there is still room for what the hub records.
const KEPT_FREE: u64 = 2 * RESERVE;
/// Of a small file system, one part in so many is enough.
const KEPT_FREE_SHARE: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn store(scratch: &Scratch) -> Arc<Store> {
        let folder = Folder::open(scratch.path()).unwrap();
        Arc::new(Store::open(&folder, core::iter::empty(), core::iter::empty()).unwrap().0)
    }

    fn received(store: &Store, content: &str) -> (Unfinished, String) {
        let (unfinished, name) = store.begin().unwrap();
        create(&unfinished.path).unwrap().write_all(content.as_bytes()).unwrap();
        (unfinished, name)
    }

    fn keep_part(store: &Store, name: &str, id: &str, content: &str) {
        let id = BlockId(id.as_bytes().to_vec());
        store.keep_part(received(store, content).0, (name, id, content.len() as u64)).unwrap();
    }

    fn files(scratch: &Scratch) -> usize {
        ["content", "unfinished"].map(|name| names_in(&scratch.path().join(name)).unwrap().len()).iter().sum()
    }

    #[test]
    fn a_file_that_the_hub_does_not_hear_of_goes_with_whoever_sent_it() {
        let scratch = Scratch::new();
        let store = &store(&scratch);
        keep_part(store, "d/f", "1", "one");
        let piece = || Piece {
            among: Among::Uncommitted,
            id: BlockId(b"1".to_vec()),
            path: store.part("d/f", &BlockId(b"1".to_vec())),
            begin: 0,
            len: 3,
        };
        let (unfinished, name) = received(store, "whole");
        drop(store.keep(unfinished, name).unwrap());
        drop(store.assemble(&[piece()]).unwrap());
        let short = Piece { len: 4, ..piece() };
        assert!(store.assemble(&[short]).is_err());
        assert_eq!(files(&scratch), 0);
        let file = store.assemble(&[piece(), piece()]).unwrap().known();
        assert_eq!(fs::read_to_string(store.path(&file)).unwrap(), "oneone");
        assert_eq!(files(&scratch), 2, "it, and the list of its parts");
    }

    #[test]
    fn what_is_on_its_way_and_what_is_in_no_file_count_by_device_until_they_are_gone() {
        let scratch = Scratch::new();
        let store = &store(&scratch);
        let reserve =
            |device, len| store.reserve((len, 0), device, (100, 60)).map_err(|refusal| refusal.problem);
        let all = || store.staged().all;
        let first = reserve("a", 50).unwrap();
        assert_eq!(reserve("a", 11).err(), Some(BlobProblem::StorageQuotaExceeded));
        let other = reserve("b", 50).unwrap();
        assert_eq!(reserve("c", 1).err(), Some(BlobProblem::StorageQuotaExceeded));
        drop((first, other));
        assert_eq!((all(), store.staged().of_device.len()), (0, 0));
        keep_part(store, "a/f", "1", "12345");
        keep_part(store, "a/f", "1", "123");
        keep_part(store, "a/f", "2", "1234");
        let beside = store.beside("a/f", &BlockId(b"1".to_vec()));
        assert_eq!((all(), beside), (7, Beside { count: 1, len: 4, replaced: Some(3) }));
        assert_eq!(reserve("a", 54).err(), Some(BlobProblem::StorageQuotaExceeded));
        for _ in 0..2 {
            store.perform(&FileStep::DropParts { name: "a/f".into() }).unwrap();
            assert_eq!((all(), store.staged().of_device.len()), (0, 0));
        }
    }
}
