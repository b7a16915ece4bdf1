use core::ops::Bound;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

use crate::error::{Failure, StoreError};
use crate::loss::{Loss, LossReason, Losses};
use crate::options::{OutboxOptions, Overflow};
use crate::record::{Entry, Key, OutboxId, Record};

/// The file.
pub(crate) struct Store {
    database: Database,
    pub(crate) id: OutboxId,
    pub(crate) totals: Totals,
}

/// What is in the file, as its last commit has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: Losses,
    next: u64,
}

/// What is to be done in one commit.
pub(crate) struct Work<'w> {
    pub(crate) now_ms: u64,
    /// Messages that were settled, and whether they count as lost.
    pub(crate) settled: &'w [(Key, Option<LossReason>)],
    /// To be stored, in this order.
    pub(crate) records: Vec<Record>,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// One a record.
    pub(crate) stored: Vec<Result<Entry, StoreError>>,
    pub(crate) lost: Vec<Loss>,
    /// Whether there is more that is too old.
    pub(crate) is_more_old: bool,
}

/// The parts of a [`Key`].
type RowKey = (u8, u64);
/// When it was stored, the head, and the body.
type Row = (u64, &'static [u8], &'static [u8]);
type Messages<'t> = Table<'t, RowKey, Row>;

const MESSAGES: TableDefinition<'_, RowKey, Row> = TableDefinition::new("messages");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 1;
/// Messages that are dropped for their age in one commit, and their bytes, about: they are in memory until they are told.
const OLD_TOGETHER: usize = 4096;
const OLD_BYTES_TOGETHER: u64 = 1024 * 1024;
/// What the engine keeps in memory, in bytes: mostly the ends of the queue are touched.
const CACHE_LEN: usize = 1024 * 1024;
/// 2020-01-01: a clock that says less was not set.
const SET_MS: u64 = 1_577_836_800_000;

impl Store {
    /// Opens the file, or makes it beside its place and puts it there whole: a file that is in its place and empty has
    /// lost what was in it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if !path.try_exists().map_err(Failure::io)? {
            create(path)?;
        }
        let file = private().open(path).map_err(Failure::io)?;
        // The engine would begin a new one in it.
        if file.metadata().map_err(Failure::io)?.len() == 0 {
            return Err(Failure::Damaged("it is empty".to_owned()));
        }
        let repaired = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&repaired);
        let mut builder = builder();
        // After a crash the engine has looked at everything by itself.
        builder.set_repair_callback(move |_| flag.store(true, Ordering::Relaxed));
        let mut database = builder.create_with_backend(FileBackend::new(file)?)?;
        if !repaired.load(Ordering::Relaxed) && !database.check_integrity()? {
            tracing::warn!(name: "outbox_repaired", path = %path.display(), "what the outbox knew of its free pages was made out anew");
        }
        Self::on(database)
    }

    /// On a database that has been laid out.
    pub(crate) fn on(database: Database) -> Result<Self, Failure> {
        let reading = database.begin_read()?;
        let meta = match reading.open_table(META) {
            Err(redb::TableError::TableDoesNotExist(_)) => {
                return Err(Failure::Damaged("no outbox is in it".to_owned()));
            }
            opened => opened?,
        };
        let number = |name: &str| -> Result<u64, Failure> {
            let row = meta.get(name)?;
            row.map(|row| row.value()).ok_or_else(|| Failure::Damaged(format!("it does not say its {name}")))
        };
        let format = number("format")?;
        if format != FORMAT {
            return Err(Failure::Format(format));
        }
        let id = OutboxId { high: number("id high")?, low: number("id low")? };
        let totals = Totals {
            messages: number("messages")?,
            bytes: number("bytes")?,
            next: number("next")?,
            lost: Losses {
                overflow: number("lost by overflow")?,
                too_old: number("lost by age")?,
                undeliverable: number("undeliverable")?,
            },
        };
        Ok(Self { database, id, totals })
    }

    /// Does the work in one commit. It is durable when this returns.
    ///
    /// `is_out` says which messages must not be dropped because they were given out, and `dropping` is told of those
    /// that are about to be.
    pub(crate) fn commit(
        &mut self,
        options: &OutboxOptions,
        work: Work<'_>,
        is_out: &dyn Fn(Key) -> bool,
        dropping: &dyn Fn(Key),
    ) -> Result<Done, Failure> {
        let writing = self.database.begin_write()?;
        let mut totals = self.totals;
        let mut done = Done::default();
        {
            let mut messages = writing.open_table(MESSAGES)?;
            let mut queue = Queue { messages: &mut messages, totals: &mut totals, lost: &mut done.lost };
            for (key, lost) in work.settled {
                queue.remove(*key, *lost)?;
            }
            if let Some(age_max) = options.age_max {
                done.is_more_old = queue.drop_old(work.now_ms, age_max, is_out, dropping)?;
            }
            for record in work.records {
                done.stored.push(match queue.make_room(options, &record, is_out, dropping)? {
                    Ok(()) => Ok(queue.insert(record, work.now_ms)?),
                    Err(why) => Err(why),
                });
            }
            if totals != self.totals {
                totals.write(&mut writing.open_table(META)?)?;
            }
        }
        if totals == self.totals {
            writing.abort()?;
        } else {
            writing.commit()?;
            self.totals = totals;
        }
        Ok(done)
    }

    /// Reads messages from there on, in order, until `take` has enough; `false` then, and `true` at the end.
    pub(crate) fn read(
        &self,
        from: Bound<Key>,
        mut take: impl FnMut(Entry) -> bool,
    ) -> Result<bool, Failure> {
        let reading = self.database.begin_read()?;
        let messages = reading.open_table(MESSAGES)?;
        for row in messages.range((from.map(Key::parts), Bound::Unbounded))? {
            let (key, value) = row?;
            if !take(entry(key.value(), value.value())) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads one message, if it is there.
    pub(crate) fn get(&self, key: Key) -> Result<Option<Entry>, Failure> {
        let reading = self.database.begin_read()?;
        let messages = reading.open_table(MESSAGES)?;
        let value = messages.get(key.parts())?;
        Ok(value.map(|value| entry(key.parts(), value.value())))
    }
}

/// The queue inside a commit.
struct Queue<'q, 't> {
    messages: &'q mut Messages<'t>,
    totals: &'q mut Totals,
    lost: &'q mut Vec<Loss>,
}

impl Queue<'_, '_> {
    fn insert(&mut self, record: Record, now_ms: u64) -> Result<Entry, Failure> {
        let key = Key::new(record.priority, self.totals.next);
        self.messages.insert(key.parts(), (now_ms, &*record.head, &*record.body))?;
        self.totals.next += 1;
        self.totals.messages += 1;
        self.totals.bytes += record.size();
        Ok(Entry { key, stored_ms: now_ms, record })
    }

    /// Removes a message, if it is there.
    fn remove(&mut self, key: Key, lost: Option<LossReason>) -> Result<(), Failure> {
        let removed = self.messages.remove(key.parts())?.map(|value| entry(key.parts(), value.value()));
        let Some(entry) = removed else { return Ok(()) };
        self.totals.messages = self.totals.messages.saturating_sub(1);
        self.totals.bytes = self.totals.bytes.saturating_sub(entry.record.size());
        if let Some(reason) = lost {
            self.totals.lost.count(reason);
            self.lost.push(Loss { entry, reason });
        }
        Ok(())
    }

    /// Drops others, if they are to give way, until there is room for the record.
    fn make_room(
        &mut self,
        options: &OutboxOptions,
        record: &Record,
        is_out: &dyn Fn(Key) -> bool,
        dropping: &dyn Fn(Key),
    ) -> Result<Result<(), StoreError>, Failure> {
        let size = record.size();
        if size > options.bytes_max || options.messages_max == 0 {
            return Ok(Err(StoreError::TooLarge { size, limit: options.bytes_max }));
        }
        let new = Key::new(record.priority, self.totals.next);
        let mut victims = Vec::new();
        let (mut messages, mut bytes) = (self.totals.messages, self.totals.bytes);
        let mut from = None;
        while messages >= options.messages_max || bytes + size > options.bytes_max {
            let victim = match options.overflow {
                Overflow::RefuseNew => None,
                Overflow::DropOldest => self.next_victim(new, from, is_out)?,
            };
            let Some((key, victim_size)) = victim else { return Ok(Err(StoreError::Full)) };
            victims.push(key);
            messages -= 1;
            bytes = bytes.saturating_sub(victim_size);
            from = Some(key);
        }
        for key in victims {
            dropping(key);
            self.remove(key, Some(LossReason::Overflow))?;
        }
        Ok(Ok(()))
    }

    /// The oldest of the lowest priority that may give way to `new`, behind those until `after`; and its size.
    fn next_victim(
        &self,
        new: Key,
        after: Option<Key>,
        is_out: &dyn Fn(Key) -> bool,
    ) -> Result<Option<(Key, u64)>, Failure> {
        let lowest = match after {
            Some(after) => Some(after.parts().0),
            None => self.messages.last()?.map(|(key, _)| key.value().0),
        };
        let Some(mut rank) = lowest else { return Ok(None) };
        let mut from = after.map_or(Bound::Included((rank, 0)), |after| Bound::Excluded(after.parts()));
        while rank >= new.parts().0 {
            for row in self.messages.range((from, Bound::Included((rank, u64::MAX))))? {
                let (key, value) = row?;
                let key = Key::from_parts(key.value());
                if !is_out(key) {
                    return Ok(Some((key, entry(key.parts(), value.value()).record.size())));
                }
            }
            // The next higher priority of which there are some.
            let higher = self.messages.range(..(rank, 0))?.next_back().transpose()?;
            let Some((key, _)) = higher else { return Ok(None) };
            rank = key.value().0;
            from = Bound::Included((rank, 0));
        }
        Ok(None)
    }

    /// Drops what is too old, of each priority, and says whether there may be more.
    fn drop_old(
        &mut self,
        now_ms: u64,
        age_max: Duration,
        is_out: &dyn Fn(Key) -> bool,
        dropping: &dyn Fn(Key),
    ) -> Result<bool, Failure> {
        let age_max_ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_max_ms);
        let (mut old, mut bytes) = (Vec::new(), 0);
        let mut from = Bound::Unbounded;
        let is_enough = |count, bytes| count >= OLD_TOGETHER || bytes >= OLD_BYTES_TOGETHER;
        while !is_enough(old.len(), bytes)
            && let Some(row) = self.messages.range((from, Bound::Unbounded))?.next()
        {
            let (rank, _) = row?.0.value();
            for row in self.messages.range((rank, 0)..=(rank, u64::MAX))? {
                let (key, value) = row?;
                let key = Key::from_parts(key.value());
                let (stored_ms, head, body) = value.value();
                // Those behind it are younger, or were stored by a clock that was set since.
                if stored_ms >= oldest_ms || is_enough(old.len(), bytes) {
                    break;
                }
                if stored_ms >= SET_MS && !is_out(key) {
                    old.push(key);
                    bytes += Record::size_of(head.len(), body.len());
                }
            }
            from = Bound::Excluded((rank, u64::MAX));
        }
        let is_enough = is_enough(old.len(), bytes);
        for key in old {
            dropping(key);
            self.remove(key, Some(LossReason::TooOld))?;
        }
        Ok(is_enough)
    }
}

impl Totals {
    fn write(&self, meta: &mut Table<'_, &'static str, u64>) -> Result<(), Failure> {
        let Self { messages, bytes, next, lost } = *self;
        let Losses { overflow, too_old, undeliverable } = lost;
        for (name, value) in [
            ("messages", messages),
            ("bytes", bytes),
            ("next", next),
            ("lost by overflow", overflow),
            ("lost by age", too_old),
            ("undeliverable", undeliverable),
        ] {
            meta.insert(name, value)?;
        }
        Ok(())
    }
}

/// Makes the tables of an empty outbox.
pub(crate) fn lay_out(database: &Database) -> Result<(), Failure> {
    let draw = || getrandom::u64().map_err(|error| Failure::io(io::Error::other(error.to_string())));
    let writing = database.begin_write()?;
    {
        let mut meta = writing.open_table(META)?;
        meta.insert("format", FORMAT)?;
        meta.insert("id high", draw()?)?;
        meta.insert("id low", draw()?)?;
        Totals::default().write(&mut meta)?;
        writing.open_table(MESSAGES)?;
    }
    writing.commit()?;
    Ok(())
}

fn create(path: &Path) -> Result<(), Failure> {
    let name = path.file_name().ok_or_else(|| Failure::io(io::ErrorKind::InvalidFilename.into()))?;
    let unfinished = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
    // Somebody else who is making it has it locked.
    let file = private().create(true).open(&unfinished).map_err(Failure::io)?;
    file.set_len(0).map_err(Failure::io)?;
    let database = builder().create_with_backend(FileBackend::new(file)?)?;
    lay_out(&database)?;
    drop(database);
    std::fs::rename(&unfinished, path).map_err(Failure::io)?;
    sync_folder(path)
}

/// Has the name of the file written down. Elsewhere a folder cannot be opened.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::io)
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_LEN);
    builder
}

/// Files that their owner alone can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn entry(key: (u8, u64), (stored_ms, head, body): (u64, &[u8], &[u8])) -> Entry {
    let key = Key::from_parts(key);
    let (head, body) = (Bytes::copy_from_slice(head), Bytes::copy_from_slice(body));
    Entry { key, stored_ms, record: Record { priority: key.priority(), head, body } }
}
