//! The event log as back ends read it: from any position, over restarts, slowly, and many at a time.

use core::time::Duration;

use iothub_server::{Options, Retention, Running};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};

use crate::peers::*;

const EVENTS: &str = "/$local/events";

async fn get(hub: &Running, path: &str) -> Value {
    let reply = ask(hub, "GET", &format!("{EVENTS}{path}"), "").await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

/// The partition of [`DEVICE`], and what it holds.
async fn partition(hub: &Running) -> (u64, Value) {
    let log = get(hub, "/partitions").await;
    let partitions = log["partitions"].as_array().unwrap();
    let used: Vec<_> = partitions.iter().filter(|each| each["lastEnqueuedSequenceNumber"].is_u64()).collect();
    assert_eq!(used.len(), 1, "a device has one partition: {log}");
    (used[0]["partition"].as_u64().unwrap(), used[0].clone())
}

async fn send(hub: &Running, payloads: core::ops::Range<u16>) {
    let mut device = Device::new(secure(hub, hub.mqtt_address()).await);
    device.connect(hub).await.unwrap();
    for number in payloads {
        device.tell(number + 1, number.to_string().as_bytes()).await.unwrap();
    }
}

fn telemetry_of(batch: &Value) -> Vec<u64> {
    let events = batch["events"].as_array().unwrap().iter();
    events.filter(|event| event["kind"] == "telemetry").map(|event| event["body"].as_u64().unwrap()).collect()
}

/// A stream of events.
struct Lines {
    reader: BufReader<ReadHalf<Tls>>,
    _writer: WriteHalf<Tls>,
}

impl Lines {
    /// Opens one, and gives the positions from which it begins.
    async fn open(hub: &Running, query: &str) -> (Self, String) {
        let (reader, mut writer) = tokio::io::split(secure(hub, hub.https_address()).await);
        let token = owner_token(hub);
        let request =
            format!("GET {EVENTS}?{query} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n\r\n");
        writer.write_all(request.as_bytes()).await.unwrap();
        let mut lines = Self { reader: BufReader::new(reader), _writer: writer };
        let mut positions = String::new();
        loop {
            let line = lines.line().await.expect("the end of the head");
            assert!(!line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.1 200"), "{line}");
            match line.strip_prefix("iothub-positions: ") {
                Some(there) => positions = there.into(),
                None if line.is_empty() => return (lines, positions),
                None => {}
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let len = soon(self.reader.read_line(&mut line)).await.unwrap();
        (len > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event, between what frames it.
    async fn event(&mut self) -> Value {
        loop {
            let line = self.line().await.expect("an event");
            if line.starts_with('{') {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    /// All from one sequence number of one partition to another, each once and in order.
    async fn expect(&mut self, numbers: core::ops::Range<u64>) {
        for number in numbers {
            let event = self.event().await;
            assert_eq!(event["sequenceNumber"], number, "{event}");
        }
    }
}

#[tokio::test]
async fn events_and_checkpoints_are_there_again_after_a_restart_for_each_group_its_own() {
    let scratch = Scratch::new("events-restart");
    let options = Options { data: Some(scratch.path().into()), ..options() };
    let hub = start(options.clone()).await;
    send(&hub, 0..5).await;
    let (partition, there) = partition(&hub).await;
    assert_eq!(there["beginningSequenceNumber"], 0, "{there}");
    assert_eq!(ask(&hub, "PUT", &format!("{EVENTS}/consumerGroups/other"), "").await.status, 201);
    let first = get(&hub, &format!("/partitions/{partition}?max=3")).await;
    assert_eq!((&first["next"], &first["missed"]), (&json!(3), &json!(0)), "{first}");
    let checkpoint = |group: &str| format!("{EVENTS}/consumerGroups/{group}/checkpoints/{partition}");
    let put = ask(&hub, "PUT", &checkpoint("other"), r#"{"next":2}"#).await;
    assert_eq!(put.status, 204, "{put:?}");
    hub.stop().await;

    let hub = start(options).await;
    for (group, telemetry) in [("other", &[1, 2, 3, 4][..]), ("$Default", &[0, 1, 2, 3, 4])] {
        let path = format!("/partitions/{partition}?from=checkpoint&group={group}");
        assert_eq!(telemetry_of(&get(&hub, &path).await), telemetry, "{group}");
    }
    let kept = get(&hub, "/consumerGroups/other/checkpoints").await;
    let mine = kept.as_array().unwrap().iter().find(|each| each["partition"] == partition).unwrap();
    assert_eq!((&mine["next"], &mine["missed"]), (&json!(2), &json!(0)), "{mine}");
    assert!(mine["waiting"].as_u64().unwrap() >= 4 && mine["time"].is_string(), "{mine}");
    let last = get(&hub, &format!("/partitions/{partition}")).await["next"].as_u64().unwrap();
    send(&hub, 5..6).await;
    let more = get(&hub, &format!("/partitions/{partition}?from={last}")).await;
    assert_eq!(telemetry_of(&more), [5], "numbers go on: {more}");
}

#[tokio::test]
async fn a_reader_waits_for_an_event_if_it_wants_to_and_is_told_where_to_go_on() {
    let hub = hub().await;
    send(&hub, 0..1).await;
    let (partition, there) = partition(&hub).await;
    let next = there["lastEnqueuedSequenceNumber"].as_u64().unwrap() + 1;
    let at_once = get(&hub, &format!("/partitions/{partition}?from=latest")).await;
    let end = at_once["next"].as_u64().unwrap();
    assert!(end >= next && at_once["events"] == json!([]), "{at_once}");
    let path = format!("/partitions/{partition}?from={next}&wait=60&max=1");
    let (waiting, ()) = tokio::join!(get(&hub, &path), send(&hub, 1..2));
    assert_eq!((&waiting["next"], waiting["events"].as_array().unwrap().len()), (&json!(next + 1), 1));
}

#[tokio::test]
async fn a_position_beyond_the_end_is_refused_rather_than_waited_for() {
    let hub = hub().await;
    for path in ["/partitions/0?from=1000&wait=60", "?from=0:1000", "?partition=0&from=1000"] {
        let reply = ask(&hub, "GET", &format!("{EVENTS}{path}"), "").await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        assert!(reply.body.contains("read from earliest"), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn many_readers_get_each_event_once_while_others_come_however_slow_they_are() {
    const MESSAGES: u16 = 12_000;
    let scratch = Scratch::new("events-many");
    let options = Options { data: Some(scratch.path().into()), ..options() };
    let hub = start(options.clone()).await;
    send(&hub, 0..50).await;
    hub.stop().await;
    // What came before is on disk only.
    let hub = start(options).await;
    let (partition, there) = partition(&hub).await;
    let before = there["lastEnqueuedSequenceNumber"].as_u64().unwrap() + 1;
    let (mut slow, positions) = Lines::open(&hub, "from=earliest").await;
    assert_eq!(positions.split(',').count(), 4, "{positions}");
    let all = before + u64::from(MESSAGES);
    let mut device = Device::new(secure(&hub, hub.mqtt_address()).await);
    device.connect(&hub).await.unwrap();
    let bytes: Vec<u8> = (1..=MESSAGES).flat_map(telemetry_at_qos_1).collect();
    let (mut acknowledged, mut to_hub) = tokio::io::split(device.stream);
    let mut acknowledgements = vec![0; usize::from(MESSAGES) * 4];
    let follow = async |from: u64| {
        let (mut lines, _) = Lines::open(&hub, &format!("from={from}&partition={partition}")).await;
        lines.expect(from..all).await;
    };
    let reading = async { tokio::join!(follow(0), follow(7), follow(before - 1)) };
    let (written, read, _) =
        tokio::join!(to_hub.write_all(&bytes), acknowledged.read_exact(&mut acknowledgements), reading);
    written.unwrap();
    read.unwrap();
    // More has come in the meantime than is kept in memory.
    slow.expect(0..all).await;
}

#[tokio::test]
async fn a_reader_behind_what_is_kept_is_told_how_much_it_has_missed() {
    let scratch = Scratch::new("events-behind");
    let retention = Retention::new(None, Duration::ZERO, Retention::BYTES_MIN).unwrap();
    let options = Options { data: Some(scratch.path().into()), retention, ..options() };
    let hub = start(options.clone()).await;
    send(&hub, 0..1).await;
    let (partition, _) = partition(&hub).await;
    let checkpoint = format!("{EVENTS}/consumerGroups/$Default/checkpoints/{partition}");
    assert_eq!(ask(&hub, "PUT", &checkpoint, r#"{"next":0}"#).await.status, 204);
    send(&hub, 1..20).await;
    hub.stop().await;

    // What is left is on disk, and that is little.
    let hub = start(options).await;
    let batch = get(&hub, &format!("/partitions/{partition}?from=checkpoint&wait=60")).await;
    let missed = batch["missed"].as_u64().unwrap();
    assert!(missed > 0, "{batch}");
    let kept = get(&hub, "/consumerGroups/$Default/checkpoints").await;
    assert_eq!(kept[usize::try_from(partition).unwrap()]["missed"], missed, "{kept}");
    let (mut lines, _) = Lines::open(&hub, "from=checkpoint").await;
    let skipped = lines.event().await;
    assert_eq!(skipped, json!({"kind": "skipped", "partition": partition, "count": missed}));
    send(&hub, 20..21).await;
    lines.expect(missed..missed + 1).await;
}

#[tokio::test]
async fn a_log_says_how_long_it_keeps_events() {
    let scratch = Scratch::new("events-log");
    let log = get(&hub().await, "/partitions").await;
    assert_eq!((&log["partitionCount"], &log["retentionSeconds"]), (&json!(4), &Value::Null), "{log}");
    let retention = Retention::new(Some(32), Duration::from_secs(60), Retention::BYTES_MIN).unwrap();
    let hub = start(Options { data: Some(scratch.path().into()), retention, ..options() }).await;
    let log = get(&hub, "/partitions").await;
    assert_eq!((&log["partitionCount"], &log["retentionSeconds"]), (&json!(32), &json!(60)), "{log}");
    assert_eq!(log["partitions"].as_array().unwrap().len(), 32);
    assert_eq!(ask(&hub, "GET", &format!("{EVENTS}/partitions/31"), "").await.status, 200);
    assert_eq!(ask(&hub, "GET", &format!("{EVENTS}/partitions/32"), "").await.status, 404);
}
