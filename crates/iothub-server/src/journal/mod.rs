//! What a hub keeps on disk: the record of its changes and the log of its events, in one database, so that one commit
//! makes both durable.

mod copy;
mod error;
mod event;
mod partition;
mod quiet;
mod reader;
mod record;
mod row;
mod space;
mod tables;
#[cfg(test)]
mod tests;

use core::fmt::Display;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use iothub_hub::{Change, Effect, Effects, Recording};
use iothub_proto::Timestamp;
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase};

pub(crate) use copy::{Access, copy};
pub use error::JournalError;
pub(crate) use reader::EventReader;

use crate::folder::Folder;
use crate::retention::Retention;
use error::Failure;
use partition::Partition;
use record::Record;
#[cfg(test)]
pub(crate) use space::Room;
use space::Space;
pub(crate) use space::{RESERVE, room};
use tables::{BOUNDS, EVENTS, FORMAT, META, PARTITIONS, RECORD};

/// The changes and events of a hub, on disk, in order. One process at a time.
pub(crate) struct Journal {
    database: Arc<Database>,
    path: PathBuf,
    record: Record,
    partitions: Vec<Partition>,
    retention: Retention,
    space: Space,
}

impl Journal {
    /// Opens the journal in `folder`, or begins one, and gives `replay` every change in it. One that it does
    /// not take makes the journal a damaged one.
    pub(crate) fn open<E: Display>(
        folder: &Folder,
        retention: Retention,
        mut replay: impl FnMut(&Change) -> Result<(), E>,
    ) -> Result<Self, JournalError> {
        let path = folder.path().join(FILE);
        // What was replayed half-way, and what the engine holds, is dropped with the error.
        let opened = quiet::catch(|| {
            if !path.try_exists().map_err(Failure::Io)? {
                create(folder, retention.partitions)?;
            }
            let database = checked(folder.open_file(FILE).map_err(Failure::Io)?)?;
            let space = Space::of(folder.path().to_owned());
            Self::begin((database, space), path.clone(), retention, &mut replay)
        });
        opened.map_err(|failure| failure.of(&path))
    }

    /// The journal in a database.
    fn begin<E: Display>(
        (database, space): (Database, Space),
        path: PathBuf,
        retention: Retention,
        replay: &mut impl FnMut(&Change) -> Result<(), E>,
    ) -> Result<Self, Failure> {
        let count = partitions(&database, retention.partitions)?;
        let retention = Retention { partitions: Some(count), ..retention };
        let reading = database.begin_read()?;
        let bounds = reading.open_table(BOUNDS)?;
        let record = Record::replay(&reading.open_table(RECORD)?, &bounds, replay)?;
        let events = reading.open_table(EVENTS)?;
        let partitions =
            (0..count).map(|index| Partition::find(index, &events, &bounds)).collect::<Result<_, _>>()?;
        Ok(Self { database: Arc::new(database), path, record, partitions, retention, space })
    }

    /// Writes the changes and events among some effects. They are durable when this returns.
    ///
    /// After an error nothing more can be written: what of it is on disk is not known until the journal is opened
    /// again.
    pub(crate) fn commit(&mut self, now: Timestamp, effects: &Effects) -> Result<(), JournalError> {
        if !effects.iter().any(is_kept) {
            return Ok(());
        }
        quiet::catch(|| self.write(now, effects)).map_err(|failure| failure.of(&self.path))
    }

    /// Removes events that need not be kept any longer: some of them, if there are many.
    ///
    /// After an error nothing more can be written.
    pub(crate) fn remove_old_events(&mut self, now: Timestamp) -> Result<(), JournalError> {
        quiet::catch(|| self.trim(now)).map_err(|failure| failure.of(&self.path))
    }

    /// Whether there is room for more than what was decided already.
    pub(crate) fn recording(&mut self) -> Recording {
        self.space.recording()
    }

    /// Whether the record has grown so long that the hub is to state something anew.
    pub(crate) const fn wants_restating(&self) -> bool {
        self.record.wants_restating()
    }

    /// Reads events while others are being written.
    pub(crate) fn reader(&self) -> EventReader {
        EventReader::new(&self.database, self.path.clone(), self.partition_count())
    }

    /// The sequence number of the next event of each partition.
    pub(crate) fn next_sequences(&self) -> Vec<u64> {
        self.partitions.iter().map(Partition::next).collect()
    }

    fn partition_count(&self) -> u8 {
        u8::try_from(self.partitions.len()).unwrap_or(u8::MAX)
    }

    fn write(&mut self, now: Timestamp, effects: &Effects) -> Result<(), Failure> {
        let count = self.partition_count();
        for effect in effects {
            match effect {
                Effect::Record(change) => self.record.add(change)?,
                Effect::Append(event) => {
                    let index = crate::events::partition_of(&event.device, count);
                    self.partitions[usize::from(index)].add(event);
                }
                Effect::Send { .. }
                | Effect::Respond { .. }
                | Effect::Read { .. }
                | Effect::Close { .. }
                | Effect::Transfer { .. }
                | Effect::Files(_)
                | Effect::Delegate { .. }
                | Effect::Report(_)
                | Effect::Log(_) => {}
            }
        }
        let transaction = self.database.begin_write()?;
        {
            let mut bounds = transaction.open_table(BOUNDS)?;
            if self.record.has_pending() {
                self.record.write(&mut transaction.open_table(RECORD)?, &mut bounds)?;
            }
            if self.partitions.iter().any(Partition::has_pending) {
                let mut events = transaction.open_table(EVENTS)?;
                for partition in self.partitions.iter_mut().filter(|partition| partition.has_pending()) {
                    partition.write(now, &self.retention, &mut events, &mut bounds)?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn trim(&mut self, now: Timestamp) -> Result<(), Failure> {
        let transaction = self.database.begin_write()?;
        let mut removed = false;
        {
            let mut bounds = transaction.open_table(BOUNDS)?;
            let mut events = transaction.open_table(EVENTS)?;
            for partition in &mut self.partitions {
                removed |= partition.trim(now, &self.retention, &mut events, &mut bounds)?;
            }
        }
        match removed {
            true => transaction.commit()?,
            false => transaction.abort()?,
        }
        Ok(())
    }
}

/// Whether it is written at all.
pub(crate) const fn is_kept(effect: &Effect) -> bool {
    match effect {
        Effect::Record(_) | Effect::Append(_) => true,
        Effect::Send { .. }
        | Effect::Respond { .. }
        | Effect::Read { .. }
        | Effect::Close { .. }
        | Effect::Transfer { .. }
        | Effect::Files(_)
        | Effect::Delegate { .. }
        | Effect::Report(_)
        | Effect::Log(_) => false,
    }
}

/// Makes a journal beside its place and puts it there whole: a file that is in the place and has nothing in it has lost
/// what was in it.
fn create(folder: &Folder, partitions: Option<u8>) -> Result<(), Failure> {
    folder.remove(UNFINISHED).map_err(Failure::Io)?;
    let file = folder.open_file(UNFINISHED).map_err(Failure::Io)?;
    let database = Builder::new().create_with_backend(FileBackend::new(file)?)?;
    lay_out(&database, partitions)?;
    drop(database);
    folder.rename(UNFINISHED, FILE).map_err(Failure::Io)
}

/// Opens a database and looks at all of it, so that it is known to be as it was written.
fn checked(file: File) -> Result<Database, Failure> {
    // The engine would begin a new one in it.
    if file.metadata().map_err(Failure::Io)?.len() == 0 {
        return Err(Failure::damaged("it is empty"));
    }
    let repaired = Arc::new(core::sync::atomic::AtomicBool::new(false));
    let mut builder = Builder::new();
    // Others may read along, for a copy.
    builder.set_cache_size(CACHE_LEN).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    let flag = Arc::clone(&repaired);
    // After a crash the engine has looked at everything by itself.
    builder.set_repair_callback(move |_| flag.store(true, core::sync::atomic::Ordering::Relaxed));
    let mut database = builder.create_with_backend(FileBackend::new(file)?)?;
    if !repaired.load(core::sync::atomic::Ordering::Relaxed) && !database.check_integrity()? {
        tracing::warn!("what the journal knew of its free pages was wrong, and was made out anew");
    }
    Ok(database)
}

/// Makes the tables.
fn lay_out(database: &Database, partitions: Option<u8>) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("format", FORMAT)?;
        meta.insert("partitions", u64::from(partitions.unwrap_or(Retention::PARTITIONS)))?;
        transaction.open_table(RECORD)?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(BOUNDS)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Tells the number of partitions, if it is a journal of this program's.
fn partitions(database: &Database, wanted: Option<u8>) -> Result<u8, Failure> {
    let reading = database.begin_read()?;
    let known: Vec<String> =
        reading.list_tables()?.map(|table| redb::TableHandle::name(&table).to_owned()).collect();
    drop(reading);
    if known.is_empty() {
        return Err(Failure::damaged("nothing is in it"));
    }
    if !known.iter().any(|name| name == "meta") {
        return Err(Failure::Format { found: 1 });
    }
    let reading = database.begin_read()?;
    let meta = reading.open_table(META)?;
    let number = |name: &'static str| -> Result<u64, Failure> {
        let row = meta.get(name)?;
        row.map(|row| row.value()).ok_or_else(|| Failure::damaged(format!("it does not say its {name}")))
    };
    let format = number("format")?;
    if format != FORMAT {
        return Err(Failure::Format { found: format });
    }
    let there = number("partitions")?;
    let count = u8::try_from(there).ok().filter(|count| PARTITIONS.contains(count));
    let count = count.ok_or_else(|| Failure::damaged(format!("it has {there} partitions")))?;
    match wanted {
        Some(wanted) if wanted != count => Err(Failure::Partitions { there: count, wanted }),
        Some(_) | None => Ok(count),
    }
}

/// The file in the folder for the data.
pub(crate) const FILE: &str = "hub.redb";
/// The same until it is one.
const UNFINISHED: &str = ".hub.redb.new";
/// A journal is written at its end, and its events are mostly read there.
const CACHE_LEN: usize = 16 * 1024 * 1024;
