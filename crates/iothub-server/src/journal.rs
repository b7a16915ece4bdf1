use core::fmt::Display;
use core::marker::PhantomData;
use core::panic::AssertUnwindSafe;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::Folder;

/// The changes of a hub, on disk, in order. One process at a time.
pub(crate) struct Journal<C> {
    database: Database,
    path: PathBuf,
    next: u64,
    changes: PhantomData<fn(C)>,
}

impl<C: Serialize + DeserializeOwned> Journal<C> {
    /// Opens the journal in `folder`, or begins one, and gives `replay` every change in it. One that it does
    /// not take makes the journal a damaged one.
    pub(crate) fn open<E: Display>(
        folder: &Folder,
        mut replay: impl FnMut(&C) -> Result<(), E>,
    ) -> Result<Self, JournalError> {
        let path = folder.path().join(FILE);
        let file =
            folder.open_file(FILE).map_err(|source| JournalError::Io { path: path.clone(), source })?;
        // The engine panics on some files that it has not written so. What was replayed half-way, and what the
        // engine holds, is dropped with the error.
        let read = AssertUnwindSafe(|| Self::read(file, path.clone(), &mut replay));
        std::panic::catch_unwind(read).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the engine panicked");
            Err(JournalError::Damaged { path, why: why.into() })
        })
    }

    /// A journal in a database in which there is none yet.
    pub(crate) const fn on(database: Database, path: PathBuf) -> Self {
        Self { database, path, next: 0, changes: PhantomData }
    }

    /// Appends changes. They are durable when this returns.
    pub(crate) fn append<'a>(&mut self, changes: impl Iterator<Item = &'a C>) -> Result<(), JournalError>
    where
        C: 'a,
    {
        let transaction = self.database.begin_write().map_err(|error| self.failed(error.into()))?;
        let mut next = self.next;
        {
            let mut table = transaction.open_table(CHANGES).map_err(|error| self.failed(error.into()))?;
            for change in changes {
                let row = serde_json::to_vec(change)
                    .map_err(|error| JournalError::Io { path: self.path.clone(), source: error.into() })?;
                table.insert(next, row.as_slice()).map_err(|error| self.failed(error.into()))?;
                next += 1;
            }
        }
        transaction.commit().map_err(|error| self.failed(error.into()))?;
        self.next = next;
        Ok(())
    }

    fn read<E: Display>(
        file: File,
        path: PathBuf,
        replay: &mut impl FnMut(&C) -> Result<(), E>,
    ) -> Result<Self, JournalError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_LEN);
        let database = builder.create_file(file).map_err(|error| JournalError::opening(&path, error))?;
        let mut journal = Self::on(database, path);
        journal.next = journal.replay(replay)?;
        Ok(journal)
    }

    fn replay<E: Display>(&self, replay: &mut impl FnMut(&C) -> Result<(), E>) -> Result<u64, JournalError> {
        let transaction = self.database.begin_read().map_err(|error| self.failed(error.into()))?;
        let table = match transaction.open_table(CHANGES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(0),
            Err(error) => return Err(self.failed(error.into())),
        };
        let mut next = 0;
        for row in table.iter().map_err(|error| self.failed(error.into()))? {
            let (number, row) = row.map_err(|error| self.failed(error.into()))?;
            if number.value() != next {
                return Err(self.damaged(format!("change {next} is missing")));
            }
            let unfit = |error: &dyn Display| self.damaged(format!("change {next}: {error}"));
            let change = serde_json::from_slice(row.value()).map_err(|error| unfit(&error))?;
            replay(&change).map_err(|error| unfit(&error))?;
            next += 1;
        }
        Ok(next)
    }

    fn failed(&self, error: redb::Error) -> JournalError {
        if let redb::Error::Io(source) = error {
            return JournalError::Io { path: self.path.clone(), source };
        }
        self.damaged(error.to_string())
    }

    fn damaged(&self, why: String) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), why }
    }
}

/// Why a hub's journal cannot be used.
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
    #[error("{}: damaged: {why} (restore it from a copy, or begin anew with another folder)", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What does not fit.
        why: String,
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
    fn opening(path: &Path, error: DatabaseError) -> Self {
        let path = path.to_owned();
        if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
            return Self::InUse { path };
        }
        // What does not begin as a journal does is an error of the operating system's for the engine.
        let why = error.to_string();
        if let DatabaseError::Storage(redb::StorageError::Io(source)) = error
            && source.kind() != io::ErrorKind::InvalidData
        {
            return Self::Io { path, source };
        }
        Self::Damaged { path, why }
    }
}

const FILE: &str = "hub.redb";
/// One row a change: its number from 0 on, and its JSON. Another notation would be another table.
const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changes");
/// A journal is written at its end and read once.
const CACHE_LEN: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use core::convert::Infallible;

    fn open<C: Serialize + DeserializeOwned + Clone>(
        folder: &Folder,
    ) -> Result<(Journal<C>, Vec<C>), JournalError> {
        let mut seen = Vec::new();
        let journal = Journal::open(folder, |change: &C| {
            seen.push(change.clone());
            Ok::<_, Infallible>(())
        })?;
        Ok((journal, seen))
    }

    fn reopen(folder: &Folder) -> Result<Vec<String>, JournalError> {
        open(folder).map(|(_, seen)| seen)
    }

    #[test]
    fn what_was_appended_is_replayed_in_order() {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let (mut journal, seen) = open::<String>(&folder).unwrap();
        assert_eq!(seen.len(), 0);
        let first = ["a".to_owned(), "b".to_owned()];
        journal.append(first.iter()).unwrap();
        drop(journal);
        let (mut journal, _) = open::<String>(&folder).unwrap();
        journal.append(["c".to_owned()].iter()).unwrap();
        drop(journal);
        assert_eq!(reopen(&folder).unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn a_journal_in_use_is_refused() {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let _held = open::<String>(&folder).unwrap();
        assert!(matches!(reopen(&folder), Err(JournalError::InUse { .. })));
    }

    #[test]
    fn a_file_that_is_no_journal_is_refused_and_kept() {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        for content in [&b"these are not the bytes of a journal"[..], &[0; 8192]] {
            folder.write(FILE, content).unwrap();
            let error = reopen(&folder).unwrap_err();
            assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
            assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), content);
        }
    }

    #[test]
    fn a_journal_that_was_cut_off_is_refused_and_kept() {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let (mut journal, _) = open::<String>(&folder).unwrap();
        journal.append(["a".repeat(100_000)].iter()).unwrap();
        drop(journal);
        let path = folder.path().join(FILE);
        let content = std::fs::read(&path).unwrap();
        // The engine would panic.
        let half = &content[..content.len() / 2];
        std::fs::write(&path, half).unwrap();
        let error = reopen(&folder).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), half);
    }

    #[test]
    fn a_journal_with_another_kind_of_change_is_refused() {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let (mut journal, _) = open::<u32>(&folder).unwrap();
        journal.append([7].iter()).unwrap();
        drop(journal);
        let error = reopen(&folder).unwrap_err().to_string();
        assert!(error.contains("change 0: invalid type"), "{error}");
    }
}
