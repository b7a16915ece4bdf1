use core::time::Duration;

use iothub_outbox::{OpenError, Outbox, OutboxOptions, Priority, Record, Settlement, StoreError};

use crate::scratch::{Scratch, record, texts};

#[tokio::test]
async fn the_highest_priority_goes_first_and_then_the_oldest() {
    let scratch = Scratch::new("order");
    let outbox = scratch.open();
    for (text, priority) in [("a", 5), ("b", 7), ("c", 5), ("d", 255), ("e", 0), ("f", 7)] {
        let key = outbox.store(record(text, priority)).await.unwrap();
        assert_eq!(key.priority(), Priority(priority));
    }
    assert_eq!(texts(&outbox, 2).await, ["d", "b"]);
    outbox.store(record("g", 6)).await.unwrap();
    outbox.store(record("h", 9)).await.unwrap();
    assert_eq!(texts(&outbox, 6).await, ["h", "f", "g", "a", "c", "e"]);
}

#[tokio::test]
async fn what_is_settled_is_gone_and_the_rest_is_there_after_opening_again() {
    let scratch = Scratch::new("again");
    let outbox = scratch.open();
    let id = outbox.id();
    for text in ["a", "b", "c", "d"] {
        let record = Record::new(text).head(format!("about {text}"));
        outbox.store(record).await.unwrap();
    }
    let taken = [outbox.next().await.unwrap(), outbox.next().await.unwrap(), outbox.next().await.unwrap()];
    outbox.settle(taken[0].key, Settlement::Delivered);
    outbox.settle(taken[2].key, Settlement::Undeliverable);
    outbox.settle(taken[2].key, Settlement::Delivered);
    outbox.close().await;

    let outbox = scratch.open();
    assert_eq!((outbox.id(), outbox.contents().messages), (id, 2));
    assert_eq!(outbox.contents().lost.undeliverable, 1);
    let again = outbox.next().await.unwrap();
    assert_eq!(again, taken[1], "under the same key, with all that was said of it");
    assert_eq!(again.record.head, "about b");
    assert_eq!(texts(&outbox, 1).await, ["d"]);
    let key = outbox.store(Record::new("e")).await.unwrap();
    assert_eq!(key.sequence(), 4, "no key is given twice");
}

#[tokio::test]
async fn what_is_returned_is_given_out_again_in_its_place() {
    let scratch = Scratch::new("returned");
    let outbox = scratch.open();
    for text in ["a", "b", "c"] {
        outbox.store(Record::new(text)).await.unwrap();
    }
    let first = outbox.next().await.unwrap();
    outbox.settle(first.key, Settlement::Returned);
    // What is stored behind it is told of behind it.
    outbox.store(Record::new("d")).await.unwrap();
    assert_eq!(texts(&outbox, 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_queue_longer_than_memory_comes_out_whole_and_in_order() {
    let scratch = Scratch::new("long");
    let outbox = scratch.open();
    let body = "x".repeat(1_000);
    let storing: Vec<_> = (0..1_000)
        .map(|number| {
            let (outbox, body) = (outbox.clone(), format!("{number:04}{body}"));
            tokio::spawn(async move { outbox.store(Record::new(body)).await })
        })
        .collect();
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    for number in 0..1_000 {
        let entry = outbox.next().await.unwrap();
        assert_eq!(entry.record.body[..4], *format!("{number:04}").as_bytes());
        outbox.settle(entry.key, Settlement::Delivered);
    }
    outbox.store(Record::new("last")).await.unwrap();
    assert_eq!(texts(&outbox, 1).await, ["last"]);
    assert_eq!(outbox.contents().messages, 1, "the others were removed with the commit of the last");
}

#[tokio::test]
async fn whoever_waits_for_a_message_is_woken_by_one_and_by_the_end() {
    let scratch = Scratch::new("waiting");
    let outbox = scratch.open();
    let waiting = tokio::spawn({
        let outbox = outbox.clone();
        async move { (outbox.next().await, outbox.next().await) }
    });
    assert!(tokio::time::timeout(Duration::from_millis(10), outbox.next()).await.is_err());
    outbox.store(Record::new("a")).await.unwrap();
    outbox.clone().close().await;
    let (first, second) = waiting.await.unwrap();
    // The end may come before the first was taken.
    assert!(first.is_none_or(|entry| entry.record.body == "a") && second.is_none());
    let closed = outbox.store(Record::new("b")).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
}

#[tokio::test]
async fn a_file_belongs_to_one_at_a_time_and_what_is_no_outbox_is_called_so() {
    let scratch = Scratch::new("opening");
    let outbox = scratch.open();
    outbox.store(Record::new("a")).await.unwrap();
    let second = Outbox::open(scratch.file(), OutboxOptions::new());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    outbox.close().await;
    let whole = std::fs::read(scratch.file()).unwrap();
    let mut turned = whole.clone();
    // Through all of its pages.
    turned.iter_mut().skip(5_000).step_by(97).for_each(|byte| *byte ^= 0x55);
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("a text", b"what somebody else wrote".repeat(1_000)),
        ("its first half", whole[..whole.len() / 2].to_vec()),
        ("with turned bits", turned),
    ] {
        std::fs::write(scratch.file(), &bytes).unwrap();
        let opened = Outbox::open(scratch.file(), OutboxOptions::new());
        let Err(error) = opened else { panic!("{what} is opened") };
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains("outbox.redb: damaged, or no outbox"), "{error}");
    }
    std::fs::write(scratch.file(), whole).unwrap();
    assert_eq!(texts(&scratch.open(), 1).await, ["a"]);
    let missing = Outbox::open(scratch.folder().join("no/such/folder.redb"), OutboxOptions::new());
    assert!(matches!(missing, Err(OpenError::Io { .. })), "{missing:?}");
}
