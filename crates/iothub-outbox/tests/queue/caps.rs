use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use iothub_outbox::{LossReason, Losses, OutboxOptions, Overflow, Record, Settlement, StoreError};

use crate::scratch::{Scratch, record, texts};

/// What the application was told of.
type Told = Arc<Mutex<Vec<(String, LossReason)>>>;

/// A day in 2030.
const NOON: Duration = Duration::from_secs(1_893_499_200);
const HOUR: Duration = Duration::from_secs(3600);

/// By a clock that stands, so long after 1970.
fn at(since_1970: Duration) -> OutboxOptions {
    OutboxOptions::new().clock(move || UNIX_EPOCH + since_1970)
}

fn telling(options: OutboxOptions) -> (OutboxOptions, Told) {
    let told = Told::default();
    let options = options.on_loss({
        let told = Arc::clone(&told);
        move |loss| {
            let text = String::from_utf8(loss.entry.record.body.to_vec()).unwrap();
            told.lock().unwrap().push((text, loss.reason));
        }
    });
    (options, told)
}

#[tokio::test]
async fn the_oldest_of_the_lowest_priority_give_way_and_are_told_of() {
    let size = |count| OutboxOptions::new().bytes_max(count * (Record::OVERHEAD as u64 + 1));
    let count = |count| OutboxOptions::new().messages_max(count);
    for options in [size(4), count(4)] {
        let scratch = Scratch::new("overflow");
        let (options, told) = telling(options);
        let outbox = scratch.open_with(options);
        for (text, priority, is_taken) in [
            ("a", 5, true),
            ("b", 3, true),
            ("c", 3, true),
            ("d", 7, true),
            // In the place of b, and so on: the oldest of the lowest.
            ("e", 5, true),
            ("f", 2, false),
            ("g", 3, true),
            ("h", 9, true),
            ("i", 5, true),
            ("j", 4, false),
        ] {
            match (outbox.store(record(text, priority)).await, is_taken) {
                (Ok(_), true) | (Err(StoreError::Full), false) => {}
                (stored, _) => panic!("{text}: {stored:?}"),
            }
        }
        assert_eq!(texts(&outbox, 4).await, ["h", "d", "e", "i"]);
        outbox.close().await;
        let dropped = ["b", "c", "g", "a"].map(|text| (text.to_owned(), LossReason::Overflow));
        assert_eq!(*told.lock().unwrap(), dropped);
    }
}

#[tokio::test]
async fn what_was_given_out_does_not_give_way() {
    let scratch = Scratch::new("given-out");
    let (options, told) = telling(OutboxOptions::new().messages_max(2));
    let outbox = scratch.open_with(options);
    outbox.store(Record::new("a")).await.unwrap();
    outbox.store(Record::new("b")).await.unwrap();
    let first = outbox.next().await.unwrap();
    outbox.store(Record::new("c")).await.unwrap();
    let second = outbox.next().await.unwrap();
    assert_eq!(second.record.body, "c", "the second has given way");
    assert!(matches!(outbox.store(Record::new("d")).await, Err(StoreError::Full)));
    outbox.settle(first.key, Settlement::Delivered);
    outbox.store(Record::new("e")).await.unwrap();
    assert_eq!(texts(&outbox, 1).await, ["e"]);
    outbox.close().await;
    assert_eq!(*told.lock().unwrap(), [("b".to_owned(), LossReason::Overflow)]);
}

#[tokio::test]
async fn new_messages_are_refused_where_that_is_wanted() {
    let scratch = Scratch::new("refuse");
    let (options, told) = telling(OutboxOptions::new().messages_max(2).overflow(Overflow::RefuseNew));
    let outbox = scratch.open_with(options);
    outbox.store(record("a", 1)).await.unwrap();
    outbox.store(record("b", 1)).await.unwrap();
    assert!(matches!(outbox.store(record("c", 9)).await, Err(StoreError::Full)));
    outbox.close().await;
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_larger_than_all_room_is_refused_and_nothing_gives_way_to_it() {
    let scratch = Scratch::new("too-large");
    let limit = 200;
    let outbox = scratch.open_with(OutboxOptions::new().bytes_max(limit));
    outbox.store(Record::new("a")).await.unwrap();
    let refused = outbox.store(Record::new(vec![0; 200])).await;
    let size = 200 + Record::OVERHEAD as u64;
    assert!(
        matches!(refused, Err(StoreError::TooLarge { size: given, limit: 200 }) if given == size),
        "{refused:?}"
    );
    assert_eq!(outbox.contents().messages, 1);
}

#[tokio::test]
async fn what_is_too_old_is_dropped_and_counted_for_ever() {
    let scratch = Scratch::new("old");
    let outbox = scratch.open_with(at(NOON));
    for (text, priority) in [("a", 1), ("b", 2), ("c", 1)] {
        outbox.store(record(text, priority)).await.unwrap();
    }
    let out = outbox.next().await.unwrap();
    assert_eq!(out.record.body, "b");
    outbox.close().await;

    let (options, told) = telling(at(NOON + HOUR + Duration::from_millis(1)).age_max(HOUR));
    let outbox = scratch.open_with(options);
    let key = outbox.store(record("d", 1)).await.unwrap();
    assert_eq!(texts(&outbox, 1).await, ["d"]);
    outbox.settle(key, Settlement::Delivered);
    outbox.close().await;
    let mut told = told.lock().unwrap().clone();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, ["a", "b", "c"].map(|text| (text.to_owned(), LossReason::TooOld)));
    let outbox = scratch.open();
    let contents = outbox.contents();
    assert_eq!((contents.messages, contents.bytes), (0, 0));
    assert_eq!(contents.lost, Losses { too_old: 3, ..Losses::default() });
}

#[tokio::test]
async fn what_is_as_old_as_may_be_stays_and_so_does_what_was_stored_by_a_clock_that_was_not_set() {
    let scratch = Scratch::new("old-enough");
    for now in [NOON, Duration::ZERO] {
        let outbox = scratch.open_with(at(now));
        outbox.store(Record::new("a")).await.unwrap();
        outbox.close().await;
    }
    let outbox = scratch.open_with(at(NOON + HOUR).age_max(HOUR));
    outbox.store(Record::new("b")).await.unwrap();
    assert_eq!((outbox.contents().messages, outbox.contents().lost), (3, Losses::default()));
}

#[tokio::test]
async fn a_clock_that_panics_or_stands_before_1970_is_one_that_was_not_set() {
    let before_1970 = || UNIX_EPOCH - HOUR;
    for (name, options) in [
        ("panics", OutboxOptions::new().clock(|| panic!("as the test wants it"))),
        ("before-1970", OutboxOptions::new().clock(before_1970)),
    ] {
        let scratch = Scratch::new(name);
        let outbox = scratch.open_with(options.age_max(HOUR));
        for text in ["a", "b"] {
            outbox.store(Record::new(text)).await.unwrap();
        }
        let first = outbox.next().await.unwrap();
        assert_eq!(first.stored_ms, 0, "{name}");
        outbox.settle(first.key, Settlement::Delivered);
        outbox.close().await;
        // What was settled is gone.
        let outbox = scratch.open_with(at(NOON).age_max(HOUR));
        assert_eq!((outbox.contents().messages, outbox.contents().lost), (1, Losses::default()), "{name}");
        assert_eq!(texts(&outbox, 1).await, ["b"], "{name}");
    }
}

#[tokio::test]
async fn what_was_stored_by_a_clock_that_went_back_is_kept_and_becomes_old_later() {
    let scratch = Scratch::new("back");
    for now in [NOON + HOUR, NOON] {
        let outbox = scratch.open_with(at(now));
        outbox.store(Record::new("a")).await.unwrap();
        outbox.close().await;
    }
    for (now, too_old) in [(NOON, 0), (NOON + 2 * HOUR, 0), (NOON + 2 * HOUR + Duration::from_millis(1), 3)] {
        let outbox = scratch.open_with(at(now).age_max(HOUR));
        outbox.store(Record::new("a")).await.unwrap();
        assert_eq!(outbox.contents().lost, Losses { too_old, ..Losses::default() }, "{now:?}");
        outbox.close().await;
    }
}

#[tokio::test]
async fn all_that_is_too_old_goes_soon_however_much_it_is() {
    let scratch = Scratch::new("much-old");
    let outbox = scratch.open_with(at(NOON));
    let storing: Vec<_> = (0..10_000)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.store(Record::new("x")).await })
        })
        .collect();
    for stored in storing {
        stored.await.unwrap().unwrap();
    }
    outbox.close().await;
    let outbox = scratch.open_with(at(NOON + HOUR + Duration::from_millis(1)).age_max(HOUR));
    let emptied = tokio::time::timeout(Duration::from_secs(30), outbox.emptied()).await;
    assert!(emptied.is_ok(), "{:?}", outbox.contents());
    assert_eq!(outbox.contents().lost.too_old, 10_000);
}
