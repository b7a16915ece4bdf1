use core::time::Duration;

use iothub_device::{
    Backoff, ConnectError, ConnectionStatus, Device, Dialect, FailureClass, Message, Options, RefusalReason,
    SendError, Status, TwinError,
};
use iothub_test::{Faults, TestHub};
use serde_json::json;

/// What it is called, and what is done.
type Row = (&'static str, fn(&Faults));

/// Connects again without much ado.
fn eager(options: Options) -> Options {
    let backoff = Backoff { base: Duration::from_millis(10), ..Backoff::DEFAULT };
    options.backoff(backoff).keep_alive(2).connect_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn a_device_comes_back_from_everything_that_breaks_a_connection() {
    let rows: [Row; 4] = [
        ("cut", Faults::cut),
        ("cut after some bytes", |faults| faults.cut_after(100)),
        ("half open", Faults::half_open),
        ("no acknowledgement", Faults::lose_next_acknowledgement),
    ];
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start().await;
        let device = Device::connect(eager(hub.device("d").dialect(dialect).await)).await.unwrap();
        hub.expect_connected("d").await;
        for (n, (what, fault)) in rows.into_iter().enumerate() {
            println!("{dialect}: {what}");
            let broken = hub.faults().broken();
            fault(hub.faults());
            device.send(Message::new(n.to_string())).await.unwrap();
            hub.expect_telemetry("d").json(n).await;
            hub.expect_connected("d").within(Duration::from_secs(20)).await;
            assert_eq!(hub.faults().broken(), broken + 1);
        }
    }
}

#[tokio::test]
async fn a_device_goes_on_through_everything_that_only_takes_time() {
    let rows: [Row; 4] = [
        ("stalled", |faults| faults.stall_for(Duration::from_millis(300))),
        ("late", |faults| faults.delay(Duration::from_millis(30))),
        ("byte by byte", Faults::byte_by_byte),
        ("acknowledged late", |faults| faults.acknowledge_after(Duration::from_millis(300))),
    ];
    let hub = TestHub::start().await;
    let device = Device::connect(eager(hub.device("d").await)).await.unwrap();
    hub.expect_connected("d").await;
    for (n, (what, fault)) in rows.into_iter().enumerate() {
        println!("{what}");
        fault(hub.faults());
        device.send(Message::new(n.to_string())).await.unwrap();
        device.twin().report(&json!({ "n": n })).await.unwrap();
        hub.faults().calm();
        hub.expect_telemetry("d").json(n).await;
        hub.expect_reported("d").at("/n").equal(n).await;
    }
    assert_eq!((hub.faults().broken(), hub.faults().connections()), (0, 1));
}

#[tokio::test]
async fn a_refusal_is_the_one_that_was_wanted_as_often_as_it_was() {
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start().await;
        let options = eager(hub.device("d").dialect(dialect).await);
        hub.faults().refuse_connects(1, RefusalReason::Unavailable);
        let refused = Device::connect(options.clone()).await.unwrap_err();
        assert!(
            matches!(refused, ConnectError::Refused { reason: RefusalReason::Unavailable, .. }),
            "{refused}"
        );
        Device::connect(options).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_throttled_is_refused_as_the_dialect_can_and_as_often_as_was_wanted() {
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start().await;
        let device = Device::connect(eager(hub.device("d").dialect(dialect).await)).await.unwrap();
        hub.expect_connected("d").await;

        hub.faults().throttle(1);
        let refused = device.twin().report(&json!({ "n": 1 })).await.unwrap_err();
        assert!(
            matches!(&refused, TwinError::Refused { refusal, .. } if refusal.status == Status::THROTTLED),
            "{dialect}: {refused:?}"
        );
        device.twin().report(&json!({ "n": 1 })).await.unwrap();

        hub.faults().throttle(1);
        let sent = device.send(Message::new("1")).await;
        if dialect == Dialect::Preview5 {
            let refused = sent.unwrap_err();
            assert!(
                matches!(&refused, SendError::Refused(refusal) if refusal.status == Status::THROTTLED),
                "{refused:?}"
            );
            device.send(Message::new("1")).await.unwrap();
        } else {
            // What cannot be said is shown by the end of the connection, and the message comes again.
            sent.unwrap();
            hub.expect_connected("d").await;
        }
        hub.expect_telemetry("d").body("1").await;

        hub.faults().throttle(u32::MAX);
        device.twin().get().await.unwrap_err();
        hub.faults().calm();
        device.twin().get().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_has_expired_lets_nobody_in_and_the_next_one_does() {
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start().await;
        let device = Device::connect(eager(hub.device("d").dialect(dialect).await)).await.unwrap();
        hub.expect_connected("d").await;
        let mut changes = device.status_changes();
        hub.faults().expire_tokens();
        hub.expect_connected("d").await;
        let mut classes = Vec::new();
        while let Some(change) = changes.next().await {
            if let ConnectionStatus::Disconnected { class, .. } = change.status {
                classes.push(class);
            } else if !classes.is_empty() {
                break;
            }
        }
        // The previews sign each connection anyway.
        let is_shown_again = dialect == Dialect::Classic;
        assert_eq!(classes.contains(&FailureClass::NotAuthorized), is_shown_again, "{dialect}: {classes:?}");
        device.send(Message::new("{}")).await.unwrap();
    }
}

#[tokio::test]
async fn certificates_do_not_expire_with_tokens() {
    let hub = TestHub::start().await;
    let device = Device::connect(eager(hub.device("d").x509().await)).await.unwrap();
    hub.expect_connected("d").await;
    hub.faults().expire_tokens();
    hub.expect_connected("d").await;
    drop(device);
}

#[tokio::test]
async fn connections_are_refused_until_it_is_calm() {
    let hub = TestHub::start().await;
    let device = Device::connect(eager(hub.device("d").await)).await.unwrap();
    hub.expect_connected("d").await;
    let mut status = device.status();
    hub.faults().refuse_connections();
    hub.faults().cut();
    for _ in 0..2 {
        let is = status.changed().await.unwrap();
        assert!(matches!(is, ConnectionStatus::Disconnected { .. }), "{is:?}");
    }
    hub.faults().calm();
    hub.expect_connected("d").await;
}

#[tokio::test]
async fn a_way_of_its_own_has_faults_of_its_own() {
    let hub = TestHub::start().await;
    let way = hub.proxy().await;
    let one = Device::connect(eager(hub.device("one").through(&way).await)).await.unwrap();
    let other = Device::connect(eager(hub.device("other").await)).await.unwrap();
    way.faults().refuse_connections();
    way.faults().cut();
    hub.expect_disconnected("one").await;
    other.send(Message::new("1")).await.unwrap();
    hub.expect_telemetry("other").await;
    way.faults().calm();
    one.send(Message::new("1")).await.unwrap();
    hub.expect_telemetry("one").await;
    assert_eq!(hub.faults().broken(), 0);
}
