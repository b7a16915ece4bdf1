use core::num::NonZeroUsize;

use iothub_model::{ErrorCode, ExportImportDevice, ImportMode};
use iothub_service::{Bulk, OpenEntries};
use serde_json::{Value, json};

use crate::rogue::{Deed, Rogue, response};

fn pumps(count: u32) -> impl Iterator<Item = ExportImportDevice> {
    (0..count).map(|n| ExportImportDevice { id: format!("pump-{n}"), ..ExportImportDevice::default() })
}

fn one() -> NonZeroUsize {
    NonZeroUsize::new(1).unwrap()
}

fn done() -> Deed {
    Deed::Answer(response("200 OK", &[], r#"{"isSuccessful":true,"errors":[],"warnings":[]}"#))
}

fn failing(device: &str) -> Deed {
    let error = json!({"deviceId": device, "errorCode": "DeviceAlreadyExists", "errorStatus": "there"});
    let result = json!({"isSuccessful": false, "errors": [error], "warnings": []});
    Deed::Answer(response("400 Bad Request", &[], &result.to_string()))
}

/// The devices of the last request.
fn last(rogue: &Rogue) -> (String, usize) {
    let sent: Vec<Value> = serde_json::from_slice(&rogue.last_body()).unwrap();
    (sent[0]["id"].as_str().unwrap().to_owned(), sent.len())
}

#[tokio::test(start_paused = true)]
async fn each_chunk_tells_how_far_it_is_and_who_failed() {
    let rogue = Rogue::new([done(), failing("pump-107"), failing("elsewhere")]).await;
    let mut told = Vec::new();
    let service = rogue.service();
    let mut bulk = service.bulk_all(pumps(250)).mode(ImportMode::Create).at_a_time(one());
    let total = bulk.run(|chunk, so_far| {
        let failed: Vec<_> = chunk.failures.iter().map(|failure| failure.entry).collect();
        told.push((chunk.entries.clone(), failed, so_far.settled, so_far.failed));
    });
    let total = total.await.unwrap();
    assert_eq!((total.settled, total.failed), (250, 2));
    let expected =
        [(0..100, vec![], 100, 0), (100..200, vec![Some(107)], 200, 1), (200..250, vec![None], 250, 2)];
    assert_eq!(told, expected);
    assert_eq!(rogue.asked(), ["POST /devices?api-version=2021-04-12 HTTP/1.1"; 3]);
    assert!(bulk.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bulk_waits_while_the_hub_is_busy() {
    let busy = || Deed::Answer(response("429 Too Many Requests", &["Retry-After: 20"], ""));
    let rogue = Rogue::new([busy(), busy(), busy(), busy(), busy(), done()]).await;
    let total = rogue.service().bulk_all(pumps(3)).run(|_, _| {}).await.unwrap();
    assert_eq!((total.settled, rogue.asked().len()), (3, 6));
}

#[tokio::test(start_paused = true)]
async fn what_came_to_nothing_is_named_and_done_when_it_goes_on() {
    let unauthorized = || {
        let code = "iothub-errorcode: IotHubUnauthorizedAccess";
        Deed::Answer(response("401 Unauthorized", &[code], ""))
    };
    for (deed, open) in
        [(unauthorized(), OpenEntries::NotDone(100..200)), (Deed::Close, OpenEntries::Unclear(100..200))]
    {
        let rogue = Rogue::new([done(), deed, done(), done()]).await;
        let service = rogue.service();
        let mut bulk = service.bulk_all(pumps(250)).at_a_time(one());
        let stopped = bulk.run(|_, _| {}).await.unwrap_err();
        assert_eq!((&stopped.open[..], stopped.untried), (&[open][..], 200));
        if stopped.error.status().is_some() {
            assert_eq!(stopped.error.code(), Some(ErrorCode::IotHubUnauthorizedAccess));
        }
        assert_eq!(bulk.progress().settled, 100);
        let next = bulk.next().await.unwrap().unwrap();
        assert_eq!((next.entries, last(&rogue)), (100..200, ("pump-100".into(), 100)));
        assert_eq!(bulk.run(|_, _| {}).await.unwrap().settled, 250);
        assert_eq!(last(&rogue), ("pump-200".into(), 50));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_may_be() {
    // Four of them are never answered.
    let rogue = Rogue::new([]).await;
    let service = rogue.service();
    let mut bulk = service.bulk_all(pumps(10_000));
    let stopped = bulk.next().await.unwrap_err();
    let expected = Bulk::<core::iter::Empty<ExportImportDevice>>::AT_A_TIME.get();
    assert_eq!(rogue.asked().len(), expected);
    assert_eq!(stopped.open.len(), expected);
    assert_eq!((stopped.untried, bulk.progress().settled), (100 * expected as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn entries_about_one_device_are_done_in_their_order() {
    let deed =
        |import_mode| ExportImportDevice { id: "pump".into(), import_mode, ..ExportImportDevice::default() };
    let entries = [ImportMode::Create, ImportMode::Update, ImportMode::Delete].map(|mode| deed(Some(mode)));
    let rogue = Rogue::new([done(), done(), done()]).await;
    let service = rogue.service();
    let mut bulk = service.bulk_all(entries);
    for (n, mode) in ["create", "update", "delete"].into_iter().enumerate() {
        let chunk = bulk.next().await.unwrap().unwrap();
        assert_eq!(chunk.entries.start, n as u64);
        // The next one was not begun before.
        let sent: Value = serde_json::from_slice(&rogue.last_body()).unwrap();
        assert_eq!(sent[0]["importMode"], mode);
        assert_eq!(rogue.asked().len(), n + 1);
    }
}
