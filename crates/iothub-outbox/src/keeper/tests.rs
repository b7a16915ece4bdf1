//! The outbox on disks that fail, and on copies of what was on the disk at each moment.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use redb::{Builder, StorageBackend};

use crate::error::StoreError;
use crate::options::OutboxOptions;
use crate::outbox::{Outbox, Settlement};
use crate::record::Record;
use crate::store::{self, Store, Work};

/// A disk of which all is known.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
    is_unreadable: Arc<AtomicBool>,
    /// How often it could not be read.
    unread: Arc<AtomicUsize>,
    /// Whether what is written takes for ever.
    is_stuck: Arc<(Mutex<bool>, Condvar)>,
    /// What was on the disk whenever something was written to it, for as long as it is watched.
    watched: Arc<Mutex<Option<Vec<Vec<u8>>>>>,
}

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), ..Self::default() }
    }

    fn outbox(&self) -> Outbox {
        self.outbox_with(OutboxOptions::new())
    }

    fn outbox_with(&self, options: OutboxOptions) -> Outbox {
        let disk = self.clone();
        let open = move || {
            let is_new = disk.bytes.lock().unwrap().is_empty();
            let database = Builder::new().create_with_backend(disk.clone())?;
            if is_new {
                store::lay_out(&database)?;
            }
            Store::on(database)
        };
        Outbox::with(Box::new(open), options).unwrap()
    }

    fn stick(&self, is_stuck: bool) {
        *self.is_stuck.0.lock().unwrap() = is_stuck;
        self.is_stuck.1.notify_all();
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
        if self.is_unreadable.load(Ordering::SeqCst) {
            self.unread.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::other("as the test wants it"));
        }
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
        let stuck = self.is_stuck.0.lock().unwrap();
        drop(self.is_stuck.1.wait_while(stuck, |is_stuck| *is_stuck).unwrap());
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

#[tokio::test]
async fn what_cannot_be_read_for_a_while_is_given_out_afterwards_although_nobody_asks_again() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    let body = "x".repeat(1_000);
    let total = 4 * Outbox::READ_AHEAD / 1_000;
    let storing: Vec<_> = (0..total)
        .map(|_| {
            let (outbox, body) = (outbox.clone(), body.clone());
            tokio::spawn(async move { outbox.store(Record::new(body)).await })
        })
        .collect();
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    disk.is_full.store(true, Ordering::SeqCst);
    disk.is_unreadable.store(true, Ordering::SeqCst);
    outbox.store(Record::new("b")).await.unwrap_err();
    loop {
        let mut waiting = Box::pin(outbox.next());
        if tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err() {
            // All that was in memory is given out, and more was asked for in vain.
            assert!(disk.unread.load(Ordering::SeqCst) > 0);
            disk.is_full.store(false, Ordering::SeqCst);
            disk.is_unreadable.store(false, Ordering::SeqCst);
            let next = tokio::time::timeout(Duration::from_secs(20), waiting).await;
            assert!(next.expect("it is read again").is_some());
            return;
        }
    }
}

#[tokio::test]
async fn what_waits_for_a_disk_that_takes_for_ever_is_bounded() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    disk.stick(true);
    let len = 64 * 1024;
    for _ in 0..900 {
        let given_up = tokio::time::timeout(Duration::ZERO, outbox.store(Record::new(vec![0; len]))).await;
        assert!(given_up.is_err());
    }
    disk.stick(false);
    outbox.store(Record::new("last")).await.unwrap();
    let messages = outbox.contents().messages;
    assert!(messages <= Outbox::WAITING / len as u64 + 1, "{messages} messages");
}

#[tokio::test]
async fn of_those_who_wait_each_gets_one_also_of_what_is_stored_together() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    disk.stick(true);
    let storing: Vec<_> = (0..3)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.store(Record::new("x")).await })
        })
        .collect();
    // They are behind each other before the first is on the disk.
    tokio::task::yield_now().await;
    disk.stick(false);
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    for waited in waiting {
        let got = tokio::time::timeout(Duration::from_secs(5), waited).await;
        assert!(got.expect("nobody sleeps beside a message").unwrap().is_some());
    }
}

#[tokio::test]
async fn who_is_told_of_losses_and_panics_ends_nothing() {
    let disk = Disk::default();
    let options = OutboxOptions::new().messages_max(1).on_loss(|_| panic!("as the test wants it"));
    let outbox = disk.outbox_with(options);
    for text in ["a", "b", "c"] {
        outbox.store(Record::new(text)).await.unwrap();
    }
    let first = tokio::time::timeout(Duration::from_secs(5), outbox.next()).await.unwrap().unwrap();
    assert_eq!((first.record.body, outbox.contents().lost.overflow), ("c".into(), 2));
}

#[tokio::test]
async fn who_looks_at_what_it_holds_is_told_of_each_change_and_of_the_end() {
    let disk = Disk::default();
    let outbox = disk.outbox();
    let empty = outbox.contents();
    let looking = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            let full = outbox.changed_from(empty).await.unwrap();
            let again = outbox.changed_from(full).await.unwrap();
            (full.messages, again == empty, outbox.changed_from(again).await)
        }
    });
    tokio::task::yield_now().await;
    outbox.store(Record::new("a")).await.unwrap();
    let entry = outbox.next().await.unwrap();
    tokio::task::yield_now().await;
    outbox.settle(entry.key, Settlement::Delivered);
    outbox.emptied().await;
    tokio::task::yield_now().await;
    outbox.close().await;
    assert_eq!(looking.await.unwrap(), (1, true, None));
}

#[test]
fn however_much_is_too_old_some_of_it_is_in_memory_at_a_time() {
    let disk = Disk::default();
    let database = Builder::new().create_with_backend(disk).unwrap();
    store::lay_out(&database).unwrap();
    let mut store = Store::on(database).unwrap();
    let options = OutboxOptions::new().age_max(Duration::from_secs(1));
    let begun_ms = 1_900_000_000_000;
    for (count, len, most) in [(5_000_u64, 1, 4_096), (5_000, 1_000, 1_000)] {
        let records = (0..count).map(|_| Record::new(vec![0; len])).collect();
        let work = Work { now_ms: begun_ms, settled: &[], records };
        store.commit(&options, work, &|_| false, &|_| ()).unwrap();
        let mut lost = 0;
        while store.totals.messages > 0 {
            let work = Work { now_ms: begun_ms + 5_000, settled: &[], records: Vec::new() };
            let done = store.commit(&options, work, &|_| false, &|_| ()).unwrap();
            assert!(done.lost.len() <= most && !done.lost.is_empty(), "{}", done.lost.len());
            assert!(done.is_more_old || store.totals.messages == 0);
            lost += done.lost.len() as u64;
        }
        assert_eq!(lost, count);
    }
}
