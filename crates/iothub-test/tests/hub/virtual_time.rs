use core::time::Duration;

use iothub_device::{Dialect, Message, Options, RefusalReason};
use iothub_test::{Faults, TestHub};
use serde_json::json;

#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_day_of_broken_connections_passes_at_once_in_every_dialect() {
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start_without_sockets().await;
        let device = hub.connect(hub.device("d").dialect(dialect).await).await.unwrap();
        let begin = now();
        for n in 0..24 * 6 {
            device.send(Message::new(n.to_string())).await.unwrap();
            hub.faults().cut();
            tokio::time::sleep(HOUR / 6).await;
        }
        hub.expect_telemetry("d").in_order(0..24 * 6).await;
        assert!(begin.elapsed() >= 24 * HOUR);
        assert!(hub.faults().broken() >= 24 * 6, "{}", hub.faults().broken());
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_all_day_without_a_message_being_lost() {
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start_without_sockets().await;
        let options = hub.device("d").dialect(dialect).await.token_lifetime(HOUR);
        let device = hub.connect(options).await.unwrap();
        for n in 0..24 * 4 {
            device.send(Message::new(n.to_string())).await.unwrap();
            tokio::time::sleep(HOUR / 4).await;
        }
        hub.expect_telemetry("d").in_order(0..24 * 4).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_without_sockets_knows_outlives_its_restart() {
    let hub = TestHub::start_without_sockets().await;
    let device = hub.connect(hub.device("d").await).await.unwrap();
    let mut changes = device.twin().desired_changes().await.unwrap();
    device.twin().report(&json!({"n": 1})).await.unwrap();
    hub.desire("d", &json!({"rate": 7})).await.unwrap();
    while changes.next().await.unwrap().version() < 2 {}
    hub.restart_after(HOUR).await;
    hub.desire("d", &json!({"rate": 8})).await.unwrap();
    device.send(Message::new("1")).await.ok();
    hub.expect_connected("d").await;
    hub.expect_connected("d").within(HOUR).await;
    hub.expect_reported("d").at("/n").equal(1).await;
    let twin = device.twin().get().await.unwrap();
    assert_eq!(twin.desired["rate"], 8);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_busy_is_left_alone_for_a_while() {
    let hub = TestHub::start_without_sockets().await;
    let options: Options = hub.device("d").await;
    let device = hub.connect(options).await.unwrap();
    hub.expect_connected("d").await;
    hub.faults().refuse_connects(5, RefusalReason::Unavailable);
    let begin = now();
    hub.faults().cut();
    hub.expect_connected("d").within(HOUR).await;
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    drop(device);
    hub.expect_disconnected("d").await;
}

/// No message is acknowledged before that time, and each is soon after it: what takes no time in this test is free.
#[tokio::test(start_paused = true)]
async fn what_only_takes_time_takes_as_long_as_was_wanted() {
    const TIME: Duration = Duration::from_secs(3);
    // What it is called, what is done, whether the hub has the message long before the device knows, and after how long
    // the device does.
    type Row = (&'static str, fn(&Faults), bool, Duration);
    let rows: [Row; 4] = [
        ("nothing", |_| {}, true, Duration::ZERO),
        ("stalled", |faults| faults.stall_for(TIME), false, TIME),
        // On its way there, and on its way back.
        ("late", |faults| faults.delay(TIME), false, 2 * TIME),
        ("acknowledged late", |faults| faults.acknowledge_after(TIME), true, TIME),
    ];
    for dialect in Dialect::ALL.iter().copied() {
        let hub = TestHub::start_without_sockets().await;
        let device = hub.connect(hub.device("d").dialect(dialect).await).await.unwrap();
        for (n, (what, fault, is_there, takes)) in rows.into_iter().enumerate() {
            println!("{dialect}: {what}");
            fault(hub.faults());
            let begin = now();
            let mut delivery = device.enqueue(Message::new(n.to_string())).await;
            if let Some(before) = takes.checked_sub(SOON) {
                let told = tokio::time::timeout(before, &mut delivery).await;
                assert!(told.is_err(), "{told:?} after {:?}", begin.elapsed());
                assert_eq!(begin.elapsed(), before);
            }
            if is_there {
                hub.expect_telemetry("d").json(n).within(SOON / 2).await;
            }
            delivery.await.unwrap();
            let elapsed = begin.elapsed();
            assert!((takes..takes + SOON).contains(&elapsed), "{elapsed:?}");
            hub.faults().calm();
            if !is_there {
                hub.expect_telemetry("d").json(n).await;
            }
        }
        assert_eq!(hub.faults().broken(), 0);
    }
}

/// Less than this, timers take for themselves.
const SOON: Duration = Duration::from_millis(10);
