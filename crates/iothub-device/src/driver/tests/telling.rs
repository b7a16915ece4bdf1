//! What a device tells of itself: spans and events, and numbers.

pub(super) mod ledger;

use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{Channels, Dialect, Operation, Reply, RequestId, Status};
use iothub_proto::{Instant, RefusalReason, Session};
use serde_json::{Value, json};
use tracing::info;

use self::ledger::Ledger;
use super::calls::{SOON, call, command};
use super::hub::{Connection, Did, Hub, Shown, dialects, options, options_of};
use crate::captured::Captured;
use crate::commands::Undone;
use crate::message::Message;
use crate::methods::{Invocation, MethodResponse};
use crate::properties::Properties;
use crate::spans;

/// The key of the devices of these tests.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// In every payload and property of these tests.
const CONFIDENTIAL: &str = "confidential";

/// Lets a device do all that it can, with a hub that breaks off once; gives what it has shown as proof.
async fn live(dialect: Dialect) -> Vec<String> {
    let confidential = || Message::new(CONFIDENTIAL).property("p", CONFIDENTIAL);
    let options = options(dialect).keep_alive(0).will(confidential());
    let options = options.subscribe(Channels::METHODS | Channels::COMMANDS);
    let (mut hub, device, mut connection) = Hub::with_device(options).await;
    let mut proofs = vec![proof(&connection)];
    let method = async |_: Value, _: Invocation| {
        info!("in the method");
        Ok(CONFIDENTIAL)
    };
    device.on_method("reboot", method).await.unwrap();
    let handler = async |_: Bytes, _| {
        info!("in the command");
        Err::<(), _>(Undone::Never)
    };
    device.on_command(handler).await.unwrap();
    let delivery = device.enqueue(confidential()).await;
    let (token, _) = connection.telemetry().await;
    connection.acknowledge(token.unwrap()).await;
    delivery.await.unwrap();
    let now = Instant::default();
    let argument = br#"{"confidential":1}"#;
    connection.say(|session, out| session.call(now, SOON, "reboot", argument, out).unwrap()).await;
    assert!(matches!(connection.next().await, Did::Answered { code: 200, .. }));
    command(&mut connection, CONFIDENTIAL.as_bytes()).await;
    assert!(dialect != Dialect::Preview5 || matches!(connection.next().await, Did::Rejected(_)));
    assert!(connection.is_silent_for(SOON).await);
    drop(connection);
    hub.arrival().await.refuse(RefusalReason::Unavailable, Status::SERVER_BUSY).await;
    let mut connection = hub.arrival().await;
    proofs.push(proof(&connection));
    connection.accept(Session::Resume).await;
    // Until the credentials are renewed, in the way of the dialect.
    if let Did::Renews(_) = connection.next().await {
        renewed(&mut connection).await;
    }
    // For what the device says of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(device);
    proofs
}

/// What is secret of the proof; the signatures of the previews are no text.
fn proof(connection: &Connection) -> String {
    match &connection.proof {
        Shown::Token(token) => token.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned(),
        Shown::Signature { .. } => KEY.to_owned(),
    }
}

/// Takes the new signature for a good one.
async fn renewed(connection: &mut Connection) {
    let until = Instant::from_millis(u64::MAX / 2);
    connection.say(|session, out| ((), session.renewed(until, out).unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn no_secret_and_no_payload_is_ever_told() {
    for dialect in dialects() {
        let (captured, _guard) = Captured::begin();
        let proofs = live(dialect).await;
        let told = captured.text();
        assert!(told.contains("credentials_renewed") || told.contains("replacing"), "{told}");
        let secrets = proofs.iter().map(String::as_str);
        for secret in secrets.chain([KEY, "SharedAccess", "sig=", CONFIDENTIAL]) {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_told_within_the_span_of_its_device() {
    for dialect in dialects() {
        let (captured, _guard) = Captured::begin();
        live(dialect).await;
        let device = format!("device{{hub=hub1.azure-devices.net device=dev-1 dialect={dialect}}}");
        for (event, level, within) in [
            ("connecting", "DEBUG", vec!["connection{number=1}"]),
            ("connected", "INFO", vec!["connection{number=1}"]),
            ("in the method", "INFO", vec!["method{name=reboot}"]),
            ("method_answered", "DEBUG", vec!["method{name=reboot}"]),
            ("in the command", "INFO", vec!["command{message_id=c1}"]),
            ("disconnected", "WARN", vec![]),
            ("connected", "INFO", vec!["connection{number=3}"]),
        ] {
            let spans: Vec<&str> = core::iter::once(&*device).chain(within).collect();
            assert!(captured.has(event, level, &spans), "{level} {event} in {spans:?}: {}", captured.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_reporter_tells_is_within_the_span_of_its_device() {
    let (captured, _guard) = Captured::begin();
    let (_hub, device, mut connection) = Hub::with_device(options(Dialect::Classic).keep_alive(0)).await;
    let reporter = device.twin().reporter();
    for (status, event, level) in
        [(Status::THROTTLED, "report_delayed", "DEBUG"), (Status::BAD_REQUEST, "report_failed", "WARN")]
    {
        reporter.set(&json!({ CONFIDENTIAL: CONFIDENTIAL })).unwrap();
        let did = connection.next().await;
        let Did::TwinPatch { request, .. } = did else { panic!("{did:?}") };
        let request = RequestId::from_u32(request.as_id().as_u32().unwrap());
        let reply = Reply::new(request, status);
        connection
            .say(move |session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap()))
            .await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        let device = "device{hub=hub1.azure-devices.net device=dev-1 dialect=classic}";
        assert!(captured.has(event, level, &[device]), "{event}: {}", captured.text());
    }
    assert!(!captured.text().contains(CONFIDENTIAL), "{}", captured.text());
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_shown_shows_nothing_of_its_messages() {
    let options = options(Dialect::Classic).subscribe(Channels::METHODS);
    let (_hub, device, mut connection) = Hub::with_device(options.window(1)).await;
    for _ in 0..2 {
        drop(device.enqueue(Message::new(CONFIDENTIAL).property("p", CONFIDENTIAL)).await);
    }
    connection.telemetry().await;
    let now = Instant::default();
    let argument = br#"{"confidential":1}"#;
    connection.say(|session, out| session.call(now, SOON, "reboot", argument, out).unwrap()).await;
    assert!(connection.is_silent_for(SOON).await);
    let shown = format!("{device:?} {:?}", device.twin());
    assert!(shown.starts_with("Device { status: Connected") && !shown.contains("onfidential"), "{shown}");
    assert!(!shown.contains("99, 111, 110, 102"), "{shown}");
}

#[test]
fn the_span_of_a_command_names_its_trace() {
    let (captured, _guard) = Captured::begin();
    let mut properties = Properties::default();
    properties
        .set("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    spans::command(&properties).in_scope(|| info!("in the command"));
    let span = "command{trace_id=0af7651916cd43dd8448eb211c80319c}";
    assert!(captured.has("in the command", "INFO", &[span]), "{}", captured.text());
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_module_names_both() {
    let (captured, _guard) = Captured::begin();
    let (_hub, _device, _connection) = Hub::with_device(options_of("DeviceId=dev-1;ModuleId=m")).await;
    let text = "device{hub=hub1.azure-devices.net device=dev-1 dialect=classic module=m}";
    assert!(captured.has("connected", "INFO", &[text, "connection{number=1}"]), "{}", captured.text());
}

#[tokio::test(start_paused = true)]
async fn each_message_is_counted_from_the_queue_to_its_end() {
    for dialect in dialects() {
        let ledger = Ledger::new();
        let options = options(dialect).keep_alive(0).metrics(ledger.clone());
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        assert_eq!(ledger.take(), ["connecting", "connected 0", "resent 0"].map(String::from).sorted());

        let delivery = device.enqueue(Message::new("21.5")).await;
        let (token, _) = connection.telemetry().await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        connection.acknowledge(token.unwrap()).await;
        delivery.await.unwrap();
        assert_eq!(ledger.take(), ["queue +1 4", "queue -1 4", "sent 4", "acknowledged 40"].sorted());

        let overdue = device.enqueue(Message::new("b").deadline(SOON)).await;
        connection.telemetry().await;
        assert!(connection.is_silent_for(SOON).await);
        overdue.await.unwrap_err();
        device.send(Message::new("c").at_most_once()).await.unwrap();
        connection.telemetry().await;
        device.send(Message::new(vec![0; Message::SIZE_MAX + 1])).await.unwrap_err();
        let failed =
            ["failed not acknowledged within 5s", "failed message of 262145 bytes, where 262144 are allowed"];
        let sent = ["queue +1 1", "queue -1 1", "sent 1", "queue +1 1", "queue -1 1", "sent 1"];
        assert_eq!(ledger.take(), [&sent[..], &failed].concat().sorted());

        let sent_again = device.enqueue(Message::new("d")).await;
        connection.telemetry().await;
        drop(connection);
        hub.arrival().await.refuse(RefusalReason::Unavailable, Status::SERVER_BUSY).await;
        let mut connection = hub.arrival().await;
        connection.accept(Session::Resume).await;
        let (token, _) = connection.telemetry().await;
        connection.acknowledge(token.unwrap()).await;
        sent_again.await.unwrap();
        assert!(connection.is_silent_for(SOON).await);
        let told = ledger.take();
        for line in ["lost closed soon after connecting", "connect failed hub busy", "resent 1"] {
            assert!(told.iter().any(|told| told == line), "{line}: {told:?}");
        }
        let count = |what: &str| told.iter().filter(|line| line.starts_with(what)).count();
        let counts = ["connecting", "connected", "disconnected", "acknowledged"].map(count);
        assert_eq!(counts, [2, 1, 1, 1], "{told:?}");

        drop(connection);
        let waiting = device.enqueue(Message::new("e")).await;
        device.close().await;
        waiting.await.unwrap_err();
        let told = ledger.take();
        assert!(told.contains(&"queue -1 1".to_owned()), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_method_and_command_is_counted_by_its_end() {
    for dialect in dialects() {
        let ledger = Ledger::new();
        let options = options(dialect).keep_alive(0).waiting_calls(1).calls_at_once(1).call_timeout(SOON);
        let options = options.subscribe(Channels::METHODS | Channels::COMMANDS).metrics(ledger.clone());
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let for_ever = async |(), _| core::future::pending::<Result<(), MethodResponse>>().await;
        device.on_method("late", for_ever).await.unwrap();
        device.on_command(async |_, _| Ok(())).await.unwrap();
        ledger.take();

        call(&mut connection, "unknown").await;
        connection.next().await;
        // One runs, one waits, and for the third there is no room.
        let now = Instant::default();
        for _ in 0..3 {
            connection.say(|session, out| session.call(now, SOON * 9, "late", b"", out).unwrap()).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..3 {
            connection.next().await;
        }
        let token = command(&mut connection, b"c").await;
        assert_eq!(connection.next().await, Did::Completed(token));
        connection.say(|session, out| session.call(now, SOON * 9, "late", b"", out).unwrap()).await;
        assert!(connection.is_silent_for(SOON / 2).await);
        drop(connection);
        device.status().changed().await;
        let ended: Vec<_> = ledger.take().into_iter().filter(|line| line.contains("ended")).collect();
        let expected = [
            "method ended unknown answered 404 0",
            "method ended late busy 0",
            "method ended late late 5000",
            "method ended late late 5000",
            "method ended late lost 2500",
            "command ended completed",
        ];
        assert_eq!(ended, expected.sorted(), "{dialect}");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_are_counted_with_the_time_that_they_take() {
    for dialect in dialects() {
        let ledger = Ledger::new();
        let options = options(dialect).keep_alive(0).operation_timeout(SOON).metrics(ledger.clone());
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        for status in [Some(Status::SUCCESS), Some(Status::BAD_REQUEST), None] {
            let twin = device.twin();
            let reporting = tokio::spawn(async move { twin.report(&json!({ "t": 21.5 })).await });
            let did = connection.next().await;
            let Did::TwinPatch { request, .. } = did else { panic!("{did:?}") };
            let Some(status) = status else {
                assert!(connection.is_silent_for(SOON * 2).await);
                reporting.await.unwrap().unwrap_err();
                continue;
            };
            tokio::time::sleep(Duration::from_millis(70)).await;
            let request = RequestId::from_u32(request.as_id().as_u32().unwrap());
            let reply = Reply { version: status.is_success().then_some(4), ..Reply::new(request, status) };
            connection
                .say(|session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap()))
                .await;
            let _ = reporting.await.unwrap();
        }
        let reported: Vec<_> = ledger.take().into_iter().filter(|line| line.contains("report")).collect();
        assert_eq!(reported.len(), 3, "{reported:?}");
        assert!(reported[0].starts_with("report failed no answer within 5"), "{reported:?}");
        assert!(reported[1].starts_with("report failed refused by the hub"), "{reported:?}");
        assert_eq!(reported[2], "reported 70");
    }
}

#[tokio::test(start_paused = true)]
async fn new_credentials_are_counted_once_the_hub_has_them() {
    for dialect in dialects() {
        let ledger = Ledger::new();
        let options = options(dialect).keep_alive(0).metrics(ledger.clone());
        let (mut hub, _device, mut connection) = Hub::with_device(options).await;
        if let Did::Renews(_) = connection.next().await {
            renewed(&mut connection).await;
        } else {
            assert!(!ledger.take().contains(&"renewed".to_owned()));
            connection = hub.arrival().await;
            connection.accept(Session::Resume).await;
        }
        assert!(connection.is_silent_for(SOON).await);
        let told = ledger.take();
        assert_eq!(told.iter().filter(|line| *line == "renewed").count(), 1, "{dialect} {told:?}");
        assert!(!told.iter().any(|line| line.starts_with("lost")), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_both_ways() {
    let ledger = Ledger::new();
    let options = options(Dialect::Classic).keep_alive(0).metrics(ledger.clone());
    let (_hub, device, mut connection) = Hub::with_device(options).await;
    let before = ledger.bytes();
    // A fixed header of 3 bytes, a topic of 32 with its length, and the payload.
    device.send(Message::new(vec![0; 200]).at_most_once()).await.unwrap();
    connection.telemetry().await;
    tokio::task::yield_now().await;
    let after = ledger.bytes();
    assert_eq!((after.0 - before.0, after.1), (3 + 2 + 30 + 200, before.1));
    assert!(before.0 > 100 && before.1 >= 4, "CONNECT and CONNACK were counted: {before:?}");
}

/// In the order of their letters.
trait Sorted {
    fn sorted(self) -> Vec<String>;
}

impl<T: IntoIterator> Sorted for T
where
    T::Item: ToString,
{
    fn sorted(self) -> Vec<String> {
        let mut lines: Vec<String> = self.into_iter().map(|line| line.to_string()).collect();
        lines.sort();
        lines
    }
}
