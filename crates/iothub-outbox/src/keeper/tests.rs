//! The outbox on disks that fail, and on copies of what was on the disk at each moment.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::{Arc, Mutex};

use redb::{Builder, StorageBackend};

use crate::error::StoreError;
use crate::options::OutboxOptions;
use crate::outbox::{Outbox, Settlement};
use crate::record::Record;
use crate::store::{self, Store};

/// A disk of which all is known.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
    /// What was on the disk whenever something was written to it, for as long as it is watched.
    watched: Arc<Mutex<Option<Vec<Vec<u8>>>>>,
}

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), ..Self::default() }
    }

    fn outbox(&self) -> Outbox {
        let disk = self.clone();
        let open = move || {
            let is_new = disk.bytes.lock().unwrap().is_empty();
            let database = Builder::new().create_with_backend(disk.clone())?;
            if is_new {
                store::lay_out(&database)?;
            }
            Store::on(database)
        };
        Outbox::with(Box::new(open), OutboxOptions::new()).unwrap()
    }

    fn room(&self) -> io::Result<()> {
        match self.is_full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn watch(&self) {
        if let Some(copies) = &mut *self.watched.lock().unwrap() {
            copies.push(self.bytes.lock().unwrap().clone());
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.bytes.lock().unwrap()[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?;
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.room()?;
        self.watch();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?;
        let start = offset as usize;
        self.bytes.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        self.watch();
        Ok(())
    }
}

async fn waiting(outbox: &Outbox) -> Vec<u64> {
    let mut sequences = Vec::new();
    for _ in 0..outbox.contents().messages {
        sequences.push(outbox.next().await.unwrap().key.sequence());
    }
    sequences
}

#[tokio::test]
async fn a_disk_that_is_full_is_said_to_be_and_used_again_when_it_is_not() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    outbox.store(Record::new("a")).await.unwrap();
    let first = outbox.next().await.unwrap();
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = outbox.store(Record::new("b")).await;
        assert!(matches!(refused, Err(StoreError::DiskFull(_))), "{refused:?}");
    }
    outbox.settle(first.key, Settlement::Delivered);
    disk.is_full.store(false, Ordering::SeqCst);
    outbox.store(Record::new("c")).await.unwrap();
    assert_eq!(outbox.next().await.unwrap().record.body, "c");
    assert_eq!(outbox.contents().messages, 1, "what was settled meanwhile is removed");
}

#[tokio::test]
async fn whatever_was_written_last_when_the_power_failed_what_was_stored_is_there() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    // How many copies there were when each was durable.
    let mut durable = Vec::new();
    *disk.watched.lock().unwrap() = Some(Vec::new());
    for number in 0..12_u64 {
        let key = outbox.store(Record::new("x".repeat(300 * number as usize))).await.unwrap();
        durable.push((disk.watched.lock().unwrap().as_ref().unwrap().len(), key.sequence()));
    }
    let copies = disk.watched.lock().unwrap().take().unwrap();
    assert!(copies.len() > durable.len(), "{} writes", copies.len());
    for (number, copy) in copies.into_iter().enumerate() {
        let stored: Vec<u64> =
            durable.iter().filter(|(at, _)| *at <= number).map(|(_, sequence)| *sequence).collect();
        let there = waiting(&Disk::holding(copy).outbox()).await;
        assert!(there.starts_with(&stored), "behind write {number}: {there:?} instead of {stored:?}");
        assert!(there.len() <= stored.len() + 1, "behind write {number}: {there:?}");
    }
}

#[tokio::test]
async fn callers_that_store_at_the_same_time_share_commits() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    *disk.watched.lock().unwrap() = Some(Vec::new());
    outbox.store(Record::new("one alone")).await.unwrap();
    let alone = disk.watched.lock().unwrap().replace(Vec::new()).unwrap().len();
    let storing: Vec<_> = (0..200)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.store(Record::new("many")).await })
        })
        .collect();
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    let together = disk.watched.lock().unwrap().take().unwrap().len();
    assert!(together < 20 * alone, "{together} writes, where one message takes {alone}");
}

#[tokio::test]
async fn settled_messages_are_removed_together() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    let storing: Vec<_> = (0..200)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.store(Record::new("x")).await })
        })
        .collect();
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    *disk.watched.lock().unwrap() = Some(Vec::new());
    for _ in 0..200 {
        let entry = outbox.next().await.unwrap();
        outbox.settle(entry.key, Settlement::Delivered);
    }
    outbox.close().await;
    let writes = disk.watched.lock().unwrap().take().unwrap().len();
    assert!(writes < 100, "{writes} writes for 200 messages");
    assert_eq!(disk.outbox().contents().messages, 0);
}
