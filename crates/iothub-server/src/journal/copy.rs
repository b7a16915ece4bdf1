//! A whole journal as another file.

use std::fs::File;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::error::{Failure, JournalError};
use super::tables::{BOUNDS, EVENTS, FILES, META, RECORD};
use super::{CACHE_LEN, FILE, Journal, checked, quiet};
use crate::folder::Folder;

/// Who else has a journal open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody.
    Alone,
    /// A hub that runs.
    Shared,
}

/// Copies the journal in a folder as it is at one moment, and some files with it.
pub(crate) fn copy(
    folder: &Folder,
    access: Access,
    (file, to): (File, &Path),
    files: &[(&str, String)],
) -> Result<(), JournalError> {
    let from = folder.path().join(FILE);
    let reading = quiet::catch(|| match access {
        Access::Alone => {
            let file = folder.open_file(FILE).map_err(Failure::Io)?;
            Ok(checked(file)?.begin_read()?)
        }
        Access::Shared => {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_LEN).set_concurrency_mode(ConcurrencyMode::SingleWriter);
            Ok(builder.open_read_only(&from)?.begin_read()?)
        }
    });
    let reading = reading.map_err(|failure| failure.of(&from))?;
    let copied = quiet::catch(|| {
        let mut builder = Builder::new();
        let database = builder.set_cache_size(CACHE_LEN).create_with_backend(FileBackend::new(file)?)?;
        let writing = database.begin_write()?;
        copy_tables(&reading, &writing, files)?;
        writing.commit()?;
        Ok(())
    });
    copied.map_err(|failure| failure.of(to))
}

fn copy_tables(
    reading: &ReadTransaction,
    writing: &WriteTransaction,
    files: &[(&str, String)],
) -> Result<(), Failure> {
    let mut meta = writing.open_table(META)?;
    for row in reading.open_table(META)?.iter()? {
        let (name, number) = row?;
        meta.insert(name.value(), number.value())?;
    }
    let mut record = writing.open_table(RECORD)?;
    for row in reading.open_table(RECORD)?.iter()? {
        let (number, row) = row?;
        record.insert(number.value(), row.value())?;
    }
    let mut events = writing.open_table(EVENTS)?;
    for row in reading.open_table(EVENTS)?.iter()? {
        let (place, row) = row?;
        events.insert(place.value(), row.value())?;
    }
    let mut bounds = writing.open_table(BOUNDS)?;
    for row in reading.open_table(BOUNDS)?.iter()? {
        let (of, row) = row?;
        bounds.insert(of.value(), row.value())?;
    }
    let mut kept = writing.open_table(FILES)?;
    for (name, content) in files {
        kept.insert(*name, content.as_bytes())?;
    }
    Ok(())
}

impl Journal {
    /// The files that were copied with it.
    pub(crate) fn files(&self) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        let read = quiet::catch(|| {
            let reading = self.database.begin_read()?;
            let mut files = Vec::new();
            match reading.open_table(FILES) {
                Ok(table) => {
                    for row in table.iter()? {
                        let (name, content) = row?;
                        files.push((name.value().to_owned(), content.value().to_owned()));
                    }
                }
                // It is the file of a hub, and not a copy.
                Err(redb::TableError::TableDoesNotExist(_)) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(files)
        });
        read.map_err(|failure| failure.of(&self.path))
    }
}
