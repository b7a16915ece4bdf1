//! A reporter against a hub that says no for a while.

use core::time::Duration;

use iothub_codec::{Operation, Reply, RequestIdBuf, Status};
use iothub_proto::Backoff;
use serde_json::{Value, json};

use super::hub::{Connection, Did, Hub, dialects, elapsed, options};
use super::twin::number;
use crate::clock::Clock;
use crate::error::ReportError;

async fn report(connection: &mut Connection) -> (RequestIdBuf, Value) {
    let did = connection.next().await;
    let Did::TwinPatch { request, patch, .. } = did else { panic!("instead of a report: {did:?}") };
    (request, serde_json::from_slice(&patch).unwrap())
}

async fn answer(connection: &mut Connection, request: RequestIdBuf, status: Status) {
    let version = status.is_success().then_some(2);
    let reply = Reply { version, ..Reply::new(number(request), status) };
    connection.say(move |session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_puts_off_goes_out_later_as_one_and_more_and_more_seldom() {
    for dialect in dialects() {
        let hour = Duration::from_secs(3_600);
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).keep_alive(0).operation_timeout(hour)).await;
        let (reporter, clock) = (device.twin().reporter(), Clock::start());
        let waiting = tokio::spawn({
            let reporter = reporter.clone();
            async move { reporter.report(&json!({ "k0": true })).await }
        });
        let mut at = Vec::new();
        for n in 1..=12 {
            let (request, patch) = report(&mut connection).await;
            at.push(elapsed(clock));
            assert_eq!(patch.as_object().unwrap().len(), if n == 1 { 1 } else { n + 1 }, "{patch}");
            reporter.set(&json!({ "n": n, format!("k{n}"): true })).unwrap();
            answer(&mut connection, request, Status::THROTTLED).await;
        }
        let Backoff { base, longest } = Backoff::DEFAULT;
        for pair in at.windows(2) {
            let waited = pair[1] - pair[0];
            let rounding = Duration::from_millis(10);
            assert!(waited >= base && waited <= base + longest + rounding, "{waited:?}");
        }
        assert!(at[11] > 20 * base, "the more often, the longer it waits: {at:?}");
        assert!(!waiting.is_finished());
        let flushing = tokio::spawn(async move { (reporter.flush().await, reporter) });
        let (request, patch) = report(&mut connection).await;
        assert_eq!((&patch["n"], patch.as_object().unwrap().len()), (&json!(12), 14));
        answer(&mut connection, request, Status::SUCCESS).await;
        assert_eq!(waiting.await.unwrap().unwrap(), Some(2));
        let (flushed, reporter) = flushing.await.unwrap();
        flushed.unwrap();

        // Once it has taken something, it is not suspected any longer.
        reporter.set(&json!({ "n": 13 })).unwrap();
        let (request, _) = report(&mut connection).await;
        let refused = elapsed(clock);
        answer(&mut connection, request, Status::THROTTLED).await;
        let (request, _) = report(&mut connection).await;
        assert!(elapsed(clock) - refused <= 2 * base, "{:?}", elapsed(clock) - refused);
        answer(&mut connection, request, Status::SUCCESS).await;
        assert!(connection.is_silent_for(Duration::from_secs(60)).await, "nothing is sent twice");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_hub_that_throttles_is_told_when_the_device_is_closed() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect).keep_alive(0)).await;
        let reporter = device.twin().reporter();
        let waiting = tokio::spawn(async move { reporter.report(&json!({ "t": 1 })).await });
        let (request, _) = report(&mut connection).await;
        answer(&mut connection, request, Status::THROTTLED).await;
        assert!(connection.is_silent_for(Duration::from_millis(10)).await);
        let closing = tokio::spawn(device.close());
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        let ended = waiting.await.unwrap();
        assert!(matches!(ended, Err(ReportError::Closed)), "{ended:?}");
        drop(connection);
        closing.await.unwrap();
    }
}
