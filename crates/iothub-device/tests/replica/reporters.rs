use core::num::NonZeroU16;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use iothub_device::{Device, Dialect, Metrics, RefusalReason, ReportError, Reporter, TwinError};
use iothub_test::{Edition, Sku, TestHub};
use serde_json::json;

use crate::replicas::{DEVICE, begun, reported};

fn dialects() -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().inspect(|dialect| println!("in the dialect {dialect}"))
}

async fn connected(dialect: Dialect) -> (TestHub, Device, Reporter) {
    let (hub, device, _replica) = begun(dialect).await;
    let reporter = device.twin().reporter();
    (hub, device, reporter)
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_once_goes_out_as_one_and_each_learns_the_version() {
    for dialect in dialects() {
        let (hub, _device, reporter) = connected(dialect).await;
        let reports = (0..10).map(|n| {
            let reporter = reporter.clone();
            tokio::spawn(async move { reporter.report(&json!({ "n": n })).await })
        });
        for report in reports.collect::<Vec<_>>() {
            assert_eq!(report.await.unwrap().unwrap(), Some(2));
        }
        assert_eq!(reported(&hub).await, (json!({ "n": 9 }), 2));
        assert_eq!(reporter.report(&json!({ "n": null })).await.unwrap(), Some(3));
        assert_eq!(reported(&hub).await, (json!({}), 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_to_whom_it_concerns_and_keeps_nothing_else_back() {
    for dialect in dialects() {
        let (hub, _device, reporter) = connected(dialect).await;
        reporter.set(&json!({ "set": 1 })).unwrap();
        let (a, b) = (json!({ "a": 1 }), json!({ "b c": 1 }));
        let (good, bad, flushed) = tokio::join!(reporter.report(&a), reporter.report(&b), reporter.flush());
        assert!(matches!(bad, Err(ReportError::Failed(_))), "{bad:?}");
        assert!(good.is_ok() && flushed.is_ok(), "{good:?} {flushed:?}");

        reporter.set(&json!({ "d e": 1 })).unwrap();
        reporter.set(&json!({ "set": 2 })).unwrap();
        let flushed = reporter.flush().await;
        assert!(matches!(flushed, Err(ReportError::Failed(_))), "{flushed:?}");
        assert!(reporter.flush().await.is_ok(), "it is told once");
        assert_eq!(reported(&hub).await.0, json!({ "set": 2, "a": 1 }));
        assert!(matches!(reporter.set(&json!(5)), Err(ReportError::NotAnObject { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_set_while_offline_arrives_as_one_and_who_waits_is_told_that_it_takes_long() {
    for dialect in dialects() {
        let (hub, _device, reporter) = connected(dialect).await;
        hub.faults().refuse_connections();
        hub.faults().cut();
        for n in 0..500 {
            reporter.set(&json!({ "n": n, "text": "x".repeat(1_000) })).unwrap();
        }
        let late = reporter.report(&json!({ "late": true })).await;
        assert!(matches!(late, Err(ReportError::TimedOut { .. })), "{late:?}");
        assert!(matches!(reporter.flush().await, Err(ReportError::TimedOut { .. })));
        hub.faults().calm();
        while reporter.flush().await.is_err() {}
        let (has, version) = reported(&hub).await;
        assert_eq!((&has["n"], &has["late"]), (&json!(499), &json!(true)));
        assert!(version <= 3, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_is_not_taken() {
    let (hub, device, reporter) = connected(Dialect::Classic).await;
    hub.faults().refuse_connections();
    hub.faults().cut();
    reporter.set(&json!({ "a": "x".repeat(100_000) })).unwrap();
    let full = reporter.set(&json!({ "b": "x".repeat(100_000) }));
    assert!(matches!(full, Err(ReportError::Full { limit: Reporter::WAITING_MAX })), "{full:?}");
    reporter.set(&json!({ "a": "y".repeat(100_000) })).unwrap();
    let waiting = tokio::spawn({
        let reporter = reporter.clone();
        async move { reporter.flush().await }
    });
    tokio::task::yield_now().await;
    device.close().await;
    let ended = waiting.await.unwrap();
    assert!(matches!(ended, Err(ReportError::Closed)), "{ended:?}");
    assert!(matches!(reporter.set(&json!({})), Err(ReportError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_replicas_reporter_sends_only_what_differs() {
    for dialect in dialects() {
        let (hub, _device, replica) = begun(dialect).await;
        let reporter = replica.reporter();
        assert_eq!(reporter.report(&json!({ "t": 20, "fan": { "on": true } })).await.unwrap(), Some(2));
        assert_eq!(reporter.report(&json!({ "t": 20, "none": null })).await.unwrap(), Some(2));
        assert_eq!(reporter.report(&json!({ "t": 20, "fan": { "on": false } })).await.unwrap(), Some(3));
        assert_eq!(reported(&hub).await, (json!({ "t": 20, "fan": { "on": false } }), 3));
    }
}

#[tokio::test(start_paused = true)]
async fn it_sends_all_while_nobody_knows_what_the_hub_has() {
    for dialect in dialects() {
        for cut in [false, true] {
            let (hub, _device, replica) = begun(dialect).await;
            let reporter = replica.reporter();
            reporter.report(&json!({ "t": 20 })).await.unwrap();
            hub.faults().lose_one_of(1);
            reporter.set(&json!({ "t": 21 })).unwrap();
            while hub.faults().lost() == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(reported(&hub).await.0, json!({ "t": 21 }));
            // It was acknowledged, and the device has not heard.
            reporter.set(&json!({ "t": 20 })).unwrap();
            hub.faults().calm();
            if cut {
                hub.faults().cut();
            }
            while reporter.flush().await.is_err() {}
            assert_eq!(reported(&hub).await.0, json!({ "t": 20 }));
            let (has, version) = reported(&hub).await;
            let mut replica = replica;
            while replica.snapshot().reported_version() != version {
                replica.changed().await.unwrap();
            }
            assert_eq!(replica.snapshot().reported(), &has);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_sends_all_also_while_nobody_knows_what_became_of_the_report_of_another() {
    for dialect in dialects() {
        for cut in [false, true] {
            let (hub, device, replica) = begun(dialect).await;
            let reporter = replica.reporter();
            reporter.report(&json!({ "t": 20 })).await.unwrap();
            hub.faults().lose_one_of(1);
            let twin = device.twin();
            let other = tokio::spawn(async move { twin.report(&json!({ "t": 21 })).await });
            while reported(&hub).await.0 != json!({ "t": 21 }) {
                tokio::task::yield_now().await;
            }
            if cut {
                hub.faults().cut();
            }
            // The hub has it, the replica has not, and nobody has told the device.
            let lost = other.await.unwrap();
            assert!(matches!(lost, Err(TwinError::TimedOut { .. } | TwinError::Disconnected)), "{lost:?}");
            // Whatever is told for the device is lost, too.
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(replica.reported_at::<u8>("/t").unwrap(), Some(20));
            hub.faults().calm();
            while reporter.report(&json!({ "t": 20 })).await.is_err() {}
            assert_eq!(reported(&hub).await.0, json!({ "t": 20 }), "{dialect} {cut}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_throttles_gets_the_latest_of_all_when_it_takes_some_again() {
    for dialect in dialects() {
        let edition = Edition::new(Sku::F1, NonZeroU16::MIN).unwrap();
        let hub = TestHub::builder().edition(edition).start_without_sockets().await;
        let refused = Arc::new(Refused::default());
        let options = hub.device(DEVICE).dialect(dialect).await.keep_alive(0).metrics(Arc::clone(&refused));
        let device = hub.connect(options).await.unwrap();
        let reporters = [device.twin().reporter(), device.twin().replica().await.unwrap().reporter()];
        for round in 0..10 {
            // Uses up what may be done at once.
            while device.twin().report(&json!({ "n": round })).await.is_ok() {}
            let before = refused.0.load(Ordering::Relaxed);
            for step in 0..50 {
                for (reporter, name) in reporters.iter().zip(["a", "b"]) {
                    reporter.set(&json!({ name: 50 * round + step })).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let refused = refused.0.load(Ordering::Relaxed) - before;
            assert!(refused <= 4, "{refused} of 100 that were set within 50 ms");
        }
        for reporter in reporters {
            reporter.flush().await.unwrap();
        }
        let has = reported(&hub).await.0;
        assert_eq!((&has["a"], &has["b"]), (&json!(499), &json!(499)));
    }
}

/// Counts the reports that came to nothing.
#[derive(Default)]
struct Refused(AtomicUsize);

impl Metrics for Refused {
    fn report_failed(&self, _error: &TwinError) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_set_arrives_after_the_last_handle_is_gone() {
    for dialect in dialects() {
        let (hub, device, reporter) = connected(dialect).await;
        let mut status = device.status();
        reporter.set(&json!({ "last": true })).unwrap();
        drop((reporter, device));
        let closed = async { while status.changed().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(60), closed).await.unwrap();
        assert_eq!(reported(&hub).await.0, json!({ "last": true }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_ends_though_what_was_set_before_the_last_handle_was_gone_cannot_arrive() {
    for dialect in dialects() {
        let (hub, device, reporter) = connected(dialect).await;
        hub.faults().refuse_connects(u32::MAX, RefusalReason::Unavailable);
        hub.faults().cut();
        let mut status = device.status();
        reporter.set(&json!({ "last": true })).unwrap();
        drop((reporter, device));
        let mut closed = Box::pin(async move { while status.changed().await.is_some() {} });
        let early = tokio::time::timeout(Duration::from_secs(29), &mut closed).await;
        assert!(early.is_err(), "it is tried for as long as a report may take");
        tokio::time::timeout(Duration::from_secs(60), closed).await.unwrap();
        assert_eq!(reported(&hub).await.0, json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_for_what_cannot_arrive_leaves_nothing() {
    let (hub, _device, reporter) = connected(Dialect::Classic).await;
    hub.faults().refuse_connects(u32::MAX, RefusalReason::Unavailable);
    hub.faults().cut();
    reporter.set(&json!({ "last": true })).unwrap();
    let give_up = async || {
        tokio::time::timeout(Duration::ZERO, reporter.flush()).await.unwrap_err();
        format!("{reporter:?}").matches("Flush").count()
    };
    let waiting = give_up().await;
    for _ in 0..100 {
        assert_eq!(give_up().await, waiting);
    }
}
