use core::time::Duration;
use std::path::PathBuf;

use iothub_codec::{Dialect, Outcome, Status};
use iothub_proto::Session;

use super::hub::{Connection, Hub, options};
use super::telling::ledger::Ledger;
use crate::captured::Captured;
use crate::device::Device;
use crate::message::Message;
use crate::options::Options;
use crate::outbox::{Losses, Outbox, OutboxOptions, Overflow, Priority};

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iothub-device-{}-{name}.redb", std::process::id()));
        Self(path)
    }

    fn open(&self) -> Outbox {
        Outbox::open(&self.0, OutboxOptions::new()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A device that sends as soon as it is connected, and its connection.
async fn started(options: Options) -> (Hub, Device, Connection) {
    let (mut hub, wire) = Hub::new();
    let device = Device::start_over(options, wire);
    let mut connection = hub.arrival().await;
    connection.accept(Session::Fresh).await;
    (hub, device, connection)
}

// The thread that keeps the file takes real time, so these are no tests in virtual time.

#[tokio::test]
async fn it_is_sent_by_priority_then_age_and_kept_until_it_is_acknowledged() {
    let scratch = Scratch::new("order");
    let outbox = scratch.open();
    for (text, priority) in
        [("a", Priority::LOW), ("b", Priority::NORMAL), ("c", Priority::HIGH), ("d", Priority::LOW)]
    {
        outbox.store_as(priority, Message::new(text)).await.unwrap();
    }
    let (mut hub, device, mut connection) =
        started(options(Dialect::Classic).window(2).outbox(outbox.clone())).await;
    let (first, payload) = connection.telemetry().await;
    assert_eq!(payload, b"c");
    assert_eq!(connection.telemetry().await.1, b"b");
    connection.acknowledge(first.unwrap()).await;
    assert_eq!(connection.telemetry().await.1, b"a");
    drop(connection);
    // What was on its way goes out again, and then the rest.
    let mut connection = hub.arrival().await;
    connection.accept(Session::Fresh).await;
    for text in [b"b", b"a", b"d"] {
        let (token, payload) = connection.telemetry().await;
        assert_eq!(payload, text);
        connection.acknowledge(token.unwrap()).await;
    }
    tokio::join!(outbox.emptied(), async {
        assert!(connection.is_silent_for(Duration::from_millis(50)).await);
    });
    drop(device);
}

#[tokio::test]
async fn without_a_connection_all_that_is_stored_gives_way_to_what_is_worth_more() {
    let scratch = Scratch::new("offline");
    let limits = OutboxOptions::new().messages_max(4).overflow(Overflow::DropOldest);
    let outbox = Outbox::open(&scratch.0, limits).unwrap();
    let store = async |priority, text: &'static str| {
        outbox.store_as(priority, Message::new(text)).await.unwrap();
        // Whoever takes it out has the time to do so.
        tokio::task::yield_now().await;
    };
    let (mut hub, wire) = Hub::new();
    let device = Device::start_over(options(Dialect::Classic).window(2).outbox(outbox.clone()), wire);
    let mut connection = hub.arrival().await;
    for text in ["a", "b", "c", "d", "e"] {
        store(Priority::NORMAL, text).await;
    }
    store(Priority::HIGH, "f").await;
    connection.accept(Session::Fresh).await;
    let (first, payload) = connection.telemetry().await;
    assert_eq!(payload, b"f");
    assert_eq!(connection.telemetry().await.1, b"c");
    connection.acknowledge(first.unwrap()).await;
    assert_eq!(connection.telemetry().await.1, b"d");
    drop(connection);

    // `c` and `d` are on their way, and `e` is not any more.
    let mut connection = hub.arrival().await;
    for text in ["g", "h"] {
        store(Priority::HIGH, text).await;
    }
    connection.accept(Session::Resume).await;
    for text in [b"c", b"d", b"g", b"h"] {
        let (token, payload) = connection.telemetry().await;
        assert_eq!(payload, text);
        connection.acknowledge(token.unwrap()).await;
    }
    outbox.emptied().await;
    assert_eq!(outbox.contents().lost, Losses { overflow: 3, ..Losses::default() });
    drop(device);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_left_for_the_next_device() {
    let scratch = Scratch::new("next");
    for round in 0..3 {
        let outbox = scratch.open();
        if round == 0 {
            for text in ["a", "b", "c"] {
                outbox.store(Message::new(text)).await.unwrap();
            }
        }
        let (_hub, device, mut connection) = started(options(Dialect::Classic).outbox(outbox.clone())).await;
        let mut tokens = Vec::new();
        for text in &["a", "b", "c"][round..] {
            let (token, payload) = connection.telemetry().await;
            assert_eq!(payload, text.as_bytes());
            tokens.push(token.unwrap());
        }
        connection.acknowledge(tokens[0]).await;
        // What is acknowledged behind it has been told of, too.
        let sending = tokio::spawn({
            let device = device.clone();
            async move { device.send(Message::new("last")).await }
        });
        let (token, _) = connection.telemetry().await;
        connection.acknowledge(token.unwrap()).await;
        sending.await.unwrap().unwrap();
        device.close().await;
        outbox.close().await;
    }
    let outbox = scratch.open();
    assert_eq!(outbox.contents().messages, 0);
}

#[tokio::test]
async fn what_can_never_be_sent_is_lost_and_counted_and_the_others_go_on() {
    let scratch = Scratch::new("never");
    let outbox = scratch.open();
    outbox.store(Message::new("a").output("alarms")).await.unwrap();
    outbox.store(Message::new("b")).await.unwrap();
    let (_hub, _device, mut connection) = started(options(Dialect::Preview5).outbox(outbox.clone())).await;
    let (token, payload) = connection.telemetry().await;
    assert_eq!(payload, b"b");
    connection.acknowledge(token.unwrap()).await;
    outbox.emptied().await;
    assert_eq!(outbox.contents().lost, Losses { undeliverable: 1, ..Losses::default() });
    let too_long = outbox.store(Message::new(vec![0; Message::SIZE_MAX + 1])).await;
    assert!(matches!(too_long, Err(crate::outbox::StoreError::TooLarge { .. })), "{too_long:?}");
}

#[tokio::test]
async fn what_the_hub_refuses_for_now_is_sent_again_later_and_else_it_is_lost() {
    let scratch = Scratch::new("refused");
    let outbox = scratch.open();
    outbox.store(Message::new("a")).await.unwrap();
    let options = options(Dialect::Preview5).keep_alive(0).outbox(outbox.clone());
    let (_hub, _device, mut connection) = started(options).await;
    for status in [Status::THROTTLED, Status::BAD_REQUEST] {
        let (token, payload) = connection.telemetry().await;
        assert_eq!(payload, b"a");
        let refuse = Outcome::new(status);
        connection.say(move |session, out| ((), session.refuse(token.unwrap(), &refuse, out).unwrap())).await;
    }
    tokio::join!(outbox.emptied(), async {
        assert!(connection.is_silent_for(Duration::from_millis(50)).await);
    });
    assert_eq!(outbox.contents().lost, Losses { undeliverable: 1, ..Losses::default() });
}

#[tokio::test]
async fn how_much_it_holds_is_counted_from_the_beginning_to_the_end() {
    let scratch = Scratch::new("counted");
    let outbox = scratch.open();
    for text in ["a", "b"] {
        outbox.store(Message::new(text)).await.unwrap();
    }
    let ledger = Ledger::new();
    let options = options(Dialect::Preview5).keep_alive(0).outbox(outbox.clone()).metrics(ledger.clone());
    let (_hub, device, mut connection) = started(options).await;
    let of_outbox = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| line.starts_with("outbox")).collect()
    };
    let (first, _) = connection.telemetry().await;
    let (second, _) = connection.telemetry().await;
    assert_eq!(of_outbox(ledger.take()), ["outbox +2 +130"]);
    let contents = outbox.contents();
    connection.acknowledge(first.unwrap()).await;
    let refuse = Outcome::new(Status::BAD_REQUEST);
    connection.say(move |session, out| ((), session.refuse(second.unwrap(), &refuse, out).unwrap())).await;
    let mut left = contents;
    while left.messages > 0 {
        left = outbox.changed_from(left).await.unwrap();
    }
    outbox.store(Message::new("ccc")).await.unwrap();
    connection.telemetry().await;
    device.close().await;
    let mut told = Vec::new();
    while told.len() < 4 {
        tokio::task::yield_now().await;
        told.extend(of_outbox(ledger.take()));
    }
    told.sort();
    assert_eq!(told, ["outbox +1 +67", "outbox -1 -67", "outbox -2 -130", "outbox lost 1"]);
}

#[tokio::test]
async fn what_is_told_of_it_is_within_the_span_of_its_device_and_nothing_of_a_message_is() {
    const CONFIDENTIAL: &str = "confidential";
    let (captured, _guard) = Captured::begin();
    let scratch = Scratch::new("told");
    let raw = iothub_outbox::Outbox::open(&scratch.0, OutboxOptions::new()).unwrap();
    let head = format!(r#"{{"application":"{CONFIDENTIAL}"}}"#);
    raw.store(iothub_outbox::Record::new(CONFIDENTIAL).head(head)).await.unwrap();
    raw.close().await;
    let outbox = scratch.open();
    let message = Message::new(CONFIDENTIAL).property("p", CONFIDENTIAL).correlation_id(CONFIDENTIAL);
    outbox.store(message).await.unwrap();
    let options = options(Dialect::Preview5).keep_alive(0).outbox(outbox.clone());
    let (_hub, _device, mut connection) = started(options).await;
    for status in [Status::THROTTLED, Status::BAD_REQUEST] {
        let (token, _) = connection.telemetry().await;
        let refuse = Outcome::new(status);
        connection.say(move |session, out| ((), session.refuse(token.unwrap(), &refuse, out).unwrap())).await;
    }
    outbox.emptied().await;
    let device = "device{hub=hub1.azure-devices.net device=dev-1 dialect=preview5}";
    for (event, spans) in [
        ("outbox_illegible", &[device][..]),
        ("outbox_delayed", &[device, "connection{number=1}"]),
        ("outbox_undeliverable", &[device, "connection{number=1}"]),
    ] {
        assert!(captured.has(event, "WARN", spans), "{event}: {}", captured.text());
    }
    assert!(!captured.text().contains(CONFIDENTIAL), "{}", captured.text());
}
