use core::time::Duration;

use iothub_codec::{DeviceId, Identity};
use iothub_model::{Patch, TwinPatch};
use iothub_service::{Error, Service};
use serde_json::json;

use crate::clock;
use crate::rogue::{Deed, Rogue, response};

fn pump() -> DeviceId<'static> {
    DeviceId::new("pump-7").unwrap()
}

fn twin(etag: &str, visits: u64) -> Deed {
    let twin = json!({"deviceId": "pump-7", "etag": etag, "tags": {"visits": visits}});
    Deed::Answer(response("200 OK", &[], &twin.to_string()))
}

fn changed() -> Deed {
    Deed::Answer(response("412 Precondition Failed", &["iothub-errorcode: PreconditionFailed"], ""))
}

async fn visit(service: &Service) -> Result<iothub_model::Twin, Error> {
    let edit = |twin: &iothub_model::Twin| {
        let visits = twin.tags["visits"].as_u64().unwrap();
        let tags = json!({"visits": visits + 1}).as_object().cloned().unwrap();
        Some(TwinPatch { tags: Patch::Value(tags), ..TwinPatch::default() })
    };
    service.edit_twin(Identity::device(pump()), edit).await
}

#[tokio::test(start_paused = true)]
async fn an_edit_begins_anew_with_what_somebody_else_has_written() {
    let rogue = Rogue::new([twin("AAE=", 1), changed(), twin("AAI=", 5), twin("AAM=", 6)]).await;
    let service = rogue.service();
    // An edit can be given to another thread.
    let result = tokio::spawn(async move { visit(&service).await }).await.unwrap();
    assert_eq!(result.unwrap().tags["visits"], 6);
    let methods: Vec<String> =
        rogue.asked().iter().map(|line| line.split(' ').next().unwrap().into()).collect();
    assert_eq!(methods, ["GET", "PATCH", "GET", "PATCH"]);
    assert!(rogue.last_head().contains("if-match: \"aai=\"\r\n"));
    assert_eq!(rogue.last_body(), br#"{"tags":{"visits":6}}"#);
}

#[tokio::test(start_paused = true)]
async fn an_edit_gives_up_after_some_rounds() {
    let rounds = (0..20).flat_map(|n| [twin("AAE=", n), changed()]);
    let rogue = Rogue::new(rounds).await;
    let error = visit(&rogue.service()).await.unwrap_err();
    assert_eq!(error.status(), Some(412));
    assert_eq!(rogue.asked().len(), 2 * Service::EDIT_ROUNDS_MAX as usize);
}

#[tokio::test(start_paused = true)]
async fn all_rounds_of_an_edit_have_one_deadline() {
    let rounds = (0..20).flat_map(|n| [twin("AAE=", n), changed()]);
    let rogue = Rogue::new(rounds).await;
    let begin = clock::now();
    let error = visit(&rogue.service().within(Duration::from_secs(1))).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert_eq!(begin.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_conflict_begins_anew() {
    let refused = || Deed::Answer(response("400 Bad Request", &[], ""));
    let nameless = || Deed::Answer(response("200 OK", &[], r#"{"deviceId":"pump-7","tags":{"visits":1}}"#));
    for (deeds, status, asked) in [
        (vec![twin("AAE=", 1), refused()], Some(400), 2),
        (vec![twin("AAE=", 1), Deed::Close], None, 2),
        (vec![refused()], Some(400), 1),
        // Without an etag to ask for, nothing is written.
        (vec![nameless()], None, 1),
    ] {
        let rogue = Rogue::new(deeds).await;
        let error = visit(&rogue.service()).await.unwrap_err();
        assert_eq!((error.status(), rogue.asked().len()), (status, asked), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_changed_is_not_written() {
    let device = |reason: &str| {
        let device = json!({"deviceId": "pump-7", "etag": "AAE=", "statusReason": reason});
        Deed::Answer(response("200 OK", &[], &device.to_string()))
    };
    for (reason, asked) in [("new", 1), ("old", 2)] {
        let rogue = Rogue::new([device(reason), device("new")]).await;
        let service = rogue.service();
        let edited = service.edit_device(pump(), |device| device.status_reason = Some("new".into()));
        assert_eq!(edited.await.unwrap().status_reason.as_deref(), Some("new"));
        assert_eq!(rogue.asked().len(), asked);
    }
}
