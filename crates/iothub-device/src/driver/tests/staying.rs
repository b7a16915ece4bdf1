use core::time::Duration;
use std::io;

use iothub_codec::{Dialect, Status, TwinPart};
use iothub_proto::{Dismissal, Failure, FailureClass, Next, ReconnectPolicy, RefusalReason, Session};
use tokio::io::DuplexStream;

use super::hub::{Did, Hub, dialects, elapsed, options, options_of};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::error::{SendError, SubscribeError, TwinError};
use crate::message::Message;
use crate::options::Options;
use crate::status::{ConnectionStatus, StatusChanges};
use crate::transport::Transport;

/// Where no network is.
struct Nowhere;

impl Transport for Nowhere {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, ConnectError> {
        let source = io::ErrorKind::NetworkUnreachable.into();
        Err(ConnectError::Unreachable { address: "hub1:8883".to_owned(), source })
    }
}

async fn next(changes: &mut StatusChanges) -> ConnectionStatus {
    let change = changes.next().await.expect("the device is not closed");
    assert_eq!(change.skipped, 0);
    change.status
}

/// Of the next change, which has to be a disconnection.
async fn setback(changes: &mut StatusChanges) -> (FailureClass, u32, Duration, String) {
    let status = next(changes).await;
    let ConnectionStatus::Disconnected { class, failures, retry_in, advice, .. } = status else {
        panic!("{status:?}");
    };
    (class, failures, retry_in, advice.into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_device_starts_without_a_network_and_says_how_it_stands() {
    let device = Device::start_over(options(Dialect::Classic), Nowhere);
    let mut changes = device.status_changes();
    assert!(matches!(device.status().current(), ConnectionStatus::Connecting));
    assert!(matches!(next(&mut changes).await, ConnectionStatus::Connecting));
    let mut began = Clock::start();
    let mut waited = Duration::ZERO;
    for nth in 1..=20 {
        let (class, failures, retry_in, advice) = setback(&mut changes).await;
        assert_eq!((class, failures), (FailureClass::Unreachable, nth));
        assert!(retry_in <= Duration::from_secs(60) && advice.starts_with("Check the network"), "{advice}");
        let late = elapsed(began).abs_diff(waited);
        assert!(late <= Duration::from_millis(20), "the attempt comes when it was said: {late:?}");
        (began, waited) = (Clock::start(), retry_in);
    }
    device.close().await;
    assert!(matches!(next(&mut changes).await, ConnectionStatus::Closed { cause: None }));
    assert!(changes.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_before_there_is_a_connection_waits_for_it() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let device = Device::start_over(options(dialect), wire);
        let sending = tokio::spawn({
            let device = device.clone();
            async move { device.send(Message::new("early")).await }
        });
        let mut connection = hub.arrival().await;
        assert!(matches!(device.status().current(), ConnectionStatus::Connecting));
        connection.accept(Session::Fresh).await;
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload, b"early");
        connection.acknowledge(ack.unwrap()).await;
        assert_eq!(sending.await.unwrap(), Ok(()));
        assert!(matches!(device.status().connected_or_closed().await, ConnectionStatus::Connected));
    }
}

/// Each operation of a device, and how it ended: which of them had another end than its deadline, and after how long.
async fn ask_everything(device: &Device) -> Vec<(&'static str, Duration)> {
    let began = Clock::start();
    let deadline = |name, timed_out: bool| {
        assert!(timed_out, "{name} has another end than its deadline");
        (name, elapsed(began))
    };
    let twin = device.twin();
    let report = serde_json::json!({ "t": 1 });
    let (send, get, report, changes, methods, commands) = tokio::join!(
        async {
            let sent = device.send(Message::new("x")).await;
            deadline("send", matches!(sent, Err(SendError::TimedOut { .. })))
        },
        async { deadline("get", matches!(twin.get().await, Err(TwinError::TimedOut { .. }))) },
        async { deadline("report", matches!(twin.report(&report).await, Err(TwinError::TimedOut { .. }))) },
        async {
            let listening = device.twin().desired_changes().await;
            deadline("desired", matches!(listening, Err(SubscribeError::TimedOut { .. })))
        },
        async {
            let listening = device.methods().await;
            deadline("methods", matches!(listening, Err(SubscribeError::TimedOut { .. })))
        },
        async {
            let listening = device.commands().await;
            deadline("commands", matches!(listening, Err(SubscribeError::TimedOut { .. })))
        },
    );
    vec![send, get, report, changes, methods, commands]
}

#[tokio::test(start_paused = true)]
async fn every_operation_ends_with_its_deadline_where_there_is_no_hub_or_one_that_never_answers() {
    let within = Duration::from_secs(7);
    for dialect in dialects() {
        let options = options(dialect).operation_timeout(within).keep_alive(0);
        let offline = Device::start_over(options.clone(), Nowhere);
        let (_hub, mute, connection) = Hub::with_device(options).await;
        for device in [offline, mute] {
            for (name, took) in ask_everything(&device).await {
                assert!(took.abs_diff(within) < Duration::from_millis(10), "{name}: {took:?}");
            }
        }
        drop(connection);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_while_offline_is_not_asked_later() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let within = Duration::from_secs(1);
        let device = Device::start_over(options(dialect).operation_timeout(within), wire);
        let mut connection = hub.arrival().await;
        // More than there is room for.
        for _ in 0..4 {
            ask_everything(&device).await;
        }
        connection.accept(Session::Fresh).await;
        // Subscriptions stay wanted, that to the desired properties with the twin as it is.
        let did = connection.next().await;
        assert!(matches!(did, Did::TwinGet { part: TwinPart::Whole, .. }), "{did:?}");
        assert!(connection.is_silent_for(Duration::from_secs(10)).await);
        drop(device);
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_dropped_while_it_connects_leaves_nothing_behind() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let device = Device::start_over(options(dialect), wire);
        let mut connection = hub.arrival().await;
        drop(device);
        assert_eq!(connection.next().await, Did::Closed);
        assert!(hub.dialled().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_ends_a_device_that_was_started_with_the_cause() {
    for (reason, status, dialect) in [
        (RefusalReason::BadClientId, Status::BAD_REQUEST, Dialect::Classic),
        (RefusalReason::UnacceptableProtocol, Status::NOT_ALLOWED, Dialect::Preview5),
    ] {
        let (mut hub, wire) = Hub::new();
        let device = Device::start_over(options(dialect), wire);
        let mut watch = device.status();
        hub.arrival().await.refuse(reason, status).await;
        let ended = watch.changed().await.unwrap();
        let ConnectionStatus::Closed { cause: Some(cause) } = &ended else { panic!("{ended:?}") };
        assert_eq!(cause.class(), FailureClass::Rejected);
        assert!(ended.advice().unwrap().starts_with("Change what the device asks for"));
        assert!(hub.dialled().await.is_none());
        assert_eq!(device.send(Message::new("")).await, Err(SendError::Closed));
    }
    let unreadable = options_of("DeviceId=d").ca_pem("no PEM at all");
    let device = Device::start(unreadable);
    let ended = device.status().changed().await.unwrap();
    let ConnectionStatus::Closed { cause: Some(cause) } = ended else { panic!("{ended:?}") };
    assert!(matches!(*cause, ConnectError::NoRoots(_)), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_believed_tries_on_slowly_and_is_told_what_to_look_at() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let device = Device::start_over(options(dialect), wire);
        let mut changes = device.status_changes();
        next(&mut changes).await;
        let mut waited = Duration::ZERO;
        for nth in 1..=20 {
            hub.arrival().await.refuse(RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED).await;
            let (class, failures, retry_in, advice) = setback(&mut changes).await;
            assert_eq!((class, failures), (FailureClass::NotAuthorized, nth));
            assert!(
                advice.contains("enabled") && advice.contains("It says 2"),
                "the clock is named: {advice}"
            );
            waited += retry_in;
        }
        // Chance below 30, 60, 120, 240, 300, 300 … seconds.
        assert!(waited > Duration::from_secs(20 * 150 / 2), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whose_place_is_taken_stays_away_longer_each_time_and_says_why() {
    let (mut hub, device, mut connection) = Hub::with_device(options(Dialect::Preview5)).await;
    let mut changes = device.status_changes();
    next(&mut changes).await;
    let mut bounds = Vec::new();
    for nth in 1..=8 {
        // Long enough for other failures to be forgotten.
        assert!(connection.is_silent_for(Duration::from_secs(29)).await);
        connection.say(|session, out| ((), session.dismiss(&Dismissal::TakenOver, out).unwrap())).await;
        let (class, failures, retry_in, advice) = setback(&mut changes).await;
        assert_eq!((class, failures), (FailureClass::TakenOver, nth));
        assert!(advice.starts_with("Find the second client"), "{advice}");
        bounds.push(retry_in);
        connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(matches!(next(&mut changes).await, ConnectionStatus::Connected));
    }
    assert!(bounds.iter().all(|wait| *wait <= Duration::from_secs(600)));
    assert!(bounds.iter().any(|wait| *wait > Duration::from_secs(120)), "{bounds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_early_again_and_again_is_named_as_that() {
    for dialect in dialects() {
        let (mut hub, device, connection) = Hub::with_device(options(dialect)).await;
        let mut changes = device.status_changes();
        next(&mut changes).await;
        drop(connection);
        for nth in 1..=5 {
            let (class, failures, _, advice) = setback(&mut changes).await;
            assert_eq!((class, failures), (FailureClass::ClosedEarly, nth));
            assert!(advice.contains("a second client"), "{advice}");
            hub.arrival().await.accept(Session::Fresh).await;
            assert!(matches!(next(&mut changes).await, ConnectionStatus::Connected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_the_application_decides() {
    /// Twice after exactly that long, and no third time.
    struct Twice;
    impl ReconnectPolicy for Twice {
        fn next(&self, failure: &Failure) -> Next {
            if failure.before < 2 { Next::After(Duration::from_secs(11)) } else { Next::Never }
        }
    }
    let device = Device::start_over(options(Dialect::Classic).reconnect_policy(Twice), Nowhere);
    let mut changes = device.status_changes();
    next(&mut changes).await;
    let began = Clock::start();
    for nth in 1..=2 {
        let (_, failures, retry_in, _) = setback(&mut changes).await;
        assert_eq!((failures, retry_in), (nth, Duration::from_secs(11)));
    }
    let end = next(&mut changes).await;
    let ConnectionStatus::Closed { cause: Some(cause) } = end else { panic!("{end:?}") };
    assert!(matches!(*cause, ConnectError::Unreachable { .. }), "{cause}");
    assert_eq!(elapsed(began).as_secs(), 22);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_that_is_refused_ends_a_device_that_was_started() {
    let token = "SharedAccessSignature sr=h&sig=c2VjcmV0&se=1893456000";
    let text = format!("HostName=h;DeviceId=d;SharedAccessSignature={token}");
    let (mut hub, wire) = Hub::new();
    let device = Device::start_over(Options::from_connection_string(&text).unwrap(), wire);
    hub.arrival().await.refuse(RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED).await;
    let end = device.status().connected_or_closed().await;
    assert!(end.advice().unwrap().starts_with("Check that the device exists"), "{end:?}");
}
