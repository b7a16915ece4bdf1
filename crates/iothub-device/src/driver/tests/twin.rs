use core::time::Duration;

use iothub_codec::{DesiredChanged, Operation, Qos, Reply, RequestId, RequestIdBuf, Status};
use iothub_proto::Session;
use serde_json::json;

use super::hub::{Connection, Did, Hub, options};
use crate::error::TwinError;

const EMPTY: &[u8] = br#"{"desired":{},"reported":{}}"#;

async fn answer(connection: &mut Connection, request: RequestIdBuf, payload: &[u8]) {
    let reply = Reply { payload, ..Reply::new(request.as_id(), Status::SUCCESS) };
    let mut out = [0; 256];
    let codec = iothub_codec::Codec::new(
        iothub_codec::Dialect::Classic,
        iothub_codec::Identity::device(iothub_codec::DeviceId::new("dev-1").unwrap()),
    );
    let publish = codec.encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
    connection.send(&iothub_proto::Packet::Publish { ack: None, publish }).await;
}

async fn request(connection: &mut Connection) -> RequestIdBuf {
    let did = connection.next().await;
    let Did::TwinGet(request) = did else { panic!("instead of a request: {did:?}") };
    request
}

#[tokio::test(start_paused = true)]
async fn the_twin_comes_as_it_was_asked_for() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let getting = tokio::spawn(async move { (device.twin().get().await, device) });
    let asked = request(&mut connection).await;
    let document = br#"{"desired":{"interval":5,"$version":3},"reported":{"$version":1}}"#;
    answer(&mut connection, asked, document).await;
    let twin = getting.await.unwrap().0.unwrap();
    assert_eq!((&twin.desired["interval"], twin.desired_version()), (&json!(5), Some(3)));
    assert_eq!(twin.reported_version(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_report_ends_with_the_new_version_or_the_refusal() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    for status in [Status::SUCCESS, Status::BAD_REQUEST] {
        let twin = device.twin();
        let reporting = tokio::spawn(async move { twin.report(&json!({ "t": 21.5 })).await });
        let Did::TwinPatch(request, patch) = connection.next().await else { panic!("no report") };
        assert_eq!(patch, br#"{"t":21.5}"#);
        let request = RequestId::from_u32(request.as_id().as_u32().unwrap());
        let reply = Reply { version: Some(6), ..Reply::new(request, status) };
        let say = connection
            .say(move |session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap()));
        say.await;
        match (status, reporting.await.unwrap()) {
            (Status::SUCCESS, Ok(version)) => assert_eq!(version, Some(6)),
            (Status::BAD_REQUEST, Err(TwinError::Refused { code, .. })) => assert_eq!(code, Some(400)),
            (status, outcome) => panic!("{status}: {outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_connection() {
    let (mut hub, device, mut connection) = Hub::with_device(options()).await;
    let twin = device.twin();
    let getting = tokio::spawn(async move { twin.get().await });
    request(&mut connection).await;
    drop(connection);
    assert!(matches!(getting.await.unwrap(), Err(TwinError::Disconnected)));

    let mut connection = hub.arrival().await;
    connection.accept(Session::Fresh).await;
    let getting = tokio::spawn(async move { (device.twin().get().await, device) });
    let asked = request(&mut connection).await;
    answer(&mut connection, asked, EMPTY).await;
    assert!(getting.await.unwrap().0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_time_and_the_late_answer_is_nothing() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let twin = device.twin();
    let getting = tokio::spawn(async move { twin.get().await });
    let late = request(&mut connection).await;
    let (outcome, mut connection) = connection.during(getting).await;
    let limit = Duration::from_secs(30);
    assert!(matches!(outcome.unwrap(), Err(TwinError::TimedOut { after }) if after == limit));
    answer(&mut connection, late, br#"{"desired":{"late":1},"reported":{}}"#).await;

    let getting = tokio::spawn(async move { (device.twin().get().await, device) });
    let asked = request(&mut connection).await;
    answer(&mut connection, asked, br#"{"desired":{"late":0},"reported":{}}"#).await;
    assert_eq!(getting.await.unwrap().0.unwrap().desired["late"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_places_wait_for_one() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let getting: Vec<_> = (0..12)
        .map(|_| {
            let twin = device.twin();
            tokio::spawn(async move { twin.get().await })
        })
        .collect();
    let mut open = Vec::new();
    while open.len() < 8 {
        open.push(request(&mut connection).await);
    }
    assert!(connection.is_silent_for(Duration::from_secs(1)).await, "all places are taken");
    for number in 0..12 {
        answer(&mut connection, open[number], EMPTY).await;
        if open.len() < 12 {
            open.push(request(&mut connection).await);
        }
    }
    for got in getting {
        assert!(got.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_twin_is_not_read_as_one() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let getting = tokio::spawn(async move { (device.twin().get().await, device) });
    let asked = request(&mut connection).await;
    answer(&mut connection, asked, b"{").await;
    assert!(matches!(getting.await.unwrap().0, Err(TwinError::Json(_))));
}

#[tokio::test(start_paused = true)]
async fn each_listener_hears_each_desired_change_and_a_gap_where_it_lags() {
    let (_hub, device, connection) = Hub::with_device(options().waiting_changes(2)).await;
    let twin = device.twin();
    let listening = tokio::spawn(async move {
        (twin.desired_changes().await.unwrap(), twin.desired_changes().await.unwrap())
    });
    let (listeners, mut connection) = connection.during(listening).await;
    let (mut prompt, mut lagging) = listeners.unwrap();
    for version in 4..=6 {
        let change = DesiredChanged { version, patch: br#"{"interval":5}"#, qos: Qos::AtMostOnce };
        connection.say(move |session, out| ((), session.desired_changed(&change, out).unwrap())).await;
        let heard = prompt.next().await.unwrap();
        assert_eq!((heard.version, &heard.patch[..]), (version, &br#"{"interval":5}"#[..]));
    }
    assert_eq!(lagging.next().await.map(|change| change.version), Some(5), "4 is the gap");
    assert_eq!(lagging.next().await.map(|change| change.version), Some(6));
    drop(device);
    assert_eq!(prompt.next().await, None);
    assert_eq!(lagging.next().await, None);
}
