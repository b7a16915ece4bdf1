//! A reporter against a hub that says no for a while.

use core::time::Duration;

use iothub_codec::{Operation, Reply, RequestIdBuf, Status};
use iothub_proto::Backoff;
use serde_json::{Value, json};

use super::hub::{Connection, Did, Hub, dialects, elapsed, options};
use super::twin::{answer as answer_twin, number, request};
use crate::clock::Clock;
use crate::error::ReportError;

async fn report(connection: &mut Connection) -> (RequestIdBuf, Value) {
    let did = connection.next().await;
    let Did::TwinPatch { request, patch, .. } = did else { panic!("instead of a report: {did:?}") };
    (request, serde_json::from_slice(&patch).unwrap())
}

async fn answer(connection: &mut Connection, request: RequestIdBuf, status: Status) {
    acknowledge(connection, request, status, status.is_success().then_some(2)).await;
}

pub(super) async fn acknowledge(
    connection: &mut Connection,
    request: RequestIdBuf,
    status: Status,
    version: Option<u64>,
) {
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

#[tokio::test(start_paused = true)]
async fn while_the_report_of_another_is_on_its_way_nothing_is_left_out() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect).keep_alive(0)).await;
        let twin = device.twin();
        let replicating = tokio::spawn({
            let twin = twin.clone();
            async move { twin.replica().await.unwrap() }
        });
        let asked = request(&mut connection).await;
        let document = br#"{"desired":{"$version":1},"reported":{"t":20,"$version":1}}"#;
        answer_twin(&mut connection, asked, document).await;
        let replica = replicating.await.unwrap();
        let reporter = replica.reporter();
        reporter.set(&json!({ "t": 20 })).unwrap();
        assert!(connection.is_silent_for(Duration::from_secs(1)).await, "the hub has it");

        let other = tokio::spawn(async move { twin.report(&json!({ "t": 21 })).await });
        let (first, _) = report(&mut connection).await;
        reporter.set(&json!({ "t": 20 })).unwrap();
        let (second, patch) = report(&mut connection).await;
        assert_eq!(patch, json!({ "t": 20 }), "the hub may not have it any longer");
        acknowledge(&mut connection, first, Status::SUCCESS, Some(2)).await;
        acknowledge(&mut connection, second, Status::SUCCESS, Some(3)).await;
        other.await.unwrap().unwrap();
        reporter.flush().await.unwrap();
        assert_eq!(replica.reported_at::<u8>("/t").unwrap(), Some(20));
        reporter.set(&json!({ "t": 20 })).unwrap();
        assert!(connection.is_silent_for(Duration::from_secs(1)).await, "it has it again");
    }
}
