use core::time::Duration;

use bytes::Bytes;
use iothub_codec::{
    DesiredChanged, Dialect, Operation, Qos, Reply, RequestId, RequestIdBuf, Status, TwinPart,
};
use iothub_proto::Session;
use serde_json::json;

use super::hub::{Connection, Did, Hub, dialects, options};
use crate::device::Device;
use crate::error::TwinError;
use crate::options::Options;
use crate::twin::{DesiredChanges, DesiredUpdate, TwinSection};

const EMPTY: &[u8] = br#"{"desired":{},"reported":{}}"#;

pub(super) async fn answer(connection: &mut Connection, request: RequestIdBuf, payload: &'static [u8]) {
    connection
        .say(move |session, out| {
            // A request id is a number as long as its device has made it one.
            let reply = Reply { payload, ..Reply::new(number(request), Status::SUCCESS) };
            ((), session.reply(Operation::TwinGet, &reply, out).unwrap())
        })
        .await;
}

/// The same request id, borrowing nothing.
pub(super) fn number(request: RequestIdBuf) -> RequestId<'static> {
    RequestId::from_u32(request.as_id().as_u32().unwrap())
}

pub(super) async fn request(connection: &mut Connection) -> RequestIdBuf {
    let did = connection.next().await;
    let Did::TwinGet { request, .. } = did else { panic!("instead of a request: {did:?}") };
    request
}

#[tokio::test(start_paused = true)]
async fn the_twin_comes_as_it_was_asked_for() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let getting = tokio::spawn(async move { (device.twin().get().await, device) });
        let asked = request(&mut connection).await;
        let document = br#"{"desired":{"interval":5,"$version":3},"reported":{"$version":1}}"#;
        answer(&mut connection, asked, document).await;
        let twin = getting.await.unwrap().0.unwrap();
        assert_eq!((&twin.desired["interval"], twin.desired_version()), (&json!(5), Some(3)));
        assert_eq!(twin.reported_version(), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_ends_with_the_new_version_or_the_refusal() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        for status in [Status::SUCCESS, Status::BAD_REQUEST] {
            let twin = device.twin();
            let reporting = tokio::spawn(async move { twin.report(&json!({ "t": 21.5 })).await });
            let Did::TwinPatch { request, patch, .. } = connection.next().await else { panic!("no report") };
            assert_eq!(patch, br#"{"t":21.5}"#);
            let request = number(request);
            let version = status.is_success().then_some(6);
            let reply = Reply { version, ..Reply::new(request, status) };
            let say = connection
                .say(move |session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap()));
            say.await;
            match (status, reporting.await.unwrap()) {
                (Status::SUCCESS, Ok(version)) => assert_eq!(version, Some(6)),
                (_, Err(TwinError::Refused { refusal, code })) => {
                    assert_eq!(refusal.status, status);
                    assert_eq!(code, (dialect == Dialect::Classic).then_some(400));
                }
                (status, outcome) => panic!("{status}: {outcome:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_connection() {
    for dialect in dialects() {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
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
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_time_and_the_late_answer_is_nothing() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
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
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_places_wait_for_one() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
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
}

#[tokio::test(start_paused = true)]
async fn what_is_no_twin_is_not_read_as_one() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let getting = tokio::spawn(async move { (device.twin().get().await, device) });
        let asked = request(&mut connection).await;
        answer(&mut connection, asked, b"{").await;
        assert!(matches!(getting.await.unwrap().0, Err(TwinError::Json(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_may_name_the_version_that_it_is_for() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let twin = device.twin();
        let reporting = tokio::spawn(async move { twin.report_if_version(3, &json!({ "t": 22 })).await });
        let Did::TwinPatch { request, if_version, .. } = connection.next().await else { panic!("no report") };
        assert_eq!(if_version, Some(3));
        let reply = Reply::new(number(request), Status::PRECONDITION_FAILED);
        connection
            .say(move |session, out| ((), session.reply(Operation::TwinPatch, &reply, out).unwrap()))
            .await;
        let error = reporting.await.unwrap().unwrap_err();
        let expected = "refused by the hub: 0104 Precondition Failed (read the twin, and report again if it still \
                        matters)";
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_section_of_the_twin_is_asked_for_where_that_can_be_said() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let twin = device.twin();
        if dialect != Dialect::Preview311 {
            let error = twin.reported(None).await.unwrap_err();
            let expected =
                format!("one section of the twin: the dialect {dialect} cannot say it; preview311 can");
            assert_eq!(error.to_string(), expected);
            continue;
        }
        for (known_version, status) in
            [(None, Status::SUCCESS), (Some(4), Status::NOT_MODIFIED), (Some(3), Status::SUCCESS)]
        {
            let twin = twin.clone();
            let getting = tokio::spawn(async move { twin.desired(known_version).await });
            let Did::TwinGet { request, part, known_version: asked } = connection.next().await else {
                panic!("no request")
            };
            assert_eq!((part, asked), (TwinPart::Desired, known_version));
            let found = status == Status::SUCCESS;
            let payload: &[u8] = if found { br#"{"interval":5}"# } else { b"" };
            let version = found.then_some(4);
            let reply = Reply { payload, version, ..Reply::new(number(request), status) };
            connection
                .say(move |session, out| ((), session.reply(Operation::TwinGet, &reply, out).unwrap()))
                .await;
            let properties = json!({ "interval": 5 });
            let section = TwinSection { version: Some(4), properties };
            assert_eq!(getting.await.unwrap().unwrap(), found.then_some(section));
        }
    }
}

async fn change(connection: &mut Connection, version: u64) {
    let change = DesiredChanged { version, patch: br#"{"interval":5}"#, qos: Qos::AtMostOnce };
    connection.say(move |session, out| ((), session.desired_changed(&change, out).unwrap())).await;
}

fn patch(version: u64) -> DesiredUpdate {
    DesiredUpdate::Patch { version, patch: Bytes::from_static(br#"{"interval":5}"#) }
}

fn whole(version: u64, properties: &'static str) -> DesiredUpdate {
    DesiredUpdate::Whole { version, properties: properties.into() }
}

const AT_3: &[u8] = br#"{"desired":{"$version":3},"reported":{"$version":1}}"#;
const AT_5: &[u8] = br#"{"desired":{"interval":5,"$version":5},"reported":{"$version":1}}"#;
const AT_9: &[u8] = br#"{"desired":{"interval":5,"$version":9},"reported":{"$version":1}}"#;

/// A device that listens, and that knows the desired properties at version 3.
async fn listening(options: Options) -> (Hub, Device, Connection, DesiredChanges) {
    let (hub, device, mut connection) = Hub::with_device(options).await;
    let asking = tokio::spawn({
        let twin = device.twin();
        async move { twin.desired_changes().await.unwrap() }
    });
    let asked = request(&mut connection).await;
    answer(&mut connection, asked, AT_3).await;
    let mut changes = asking.await.unwrap();
    assert_eq!(changes.next().await, Some(whole(3, r#"{"$version":3}"#)));
    (hub, device, connection, changes)
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_missed_and_one_while_offline_are_made_up_for() {
    for dialect in dialects() {
        let (mut hub, _device, mut connection, mut changes) = listening(options(dialect)).await;
        change(&mut connection, 4).await;
        assert_eq!(changes.next().await, Some(patch(4)));
        // Version 5 is lost on the way.
        change(&mut connection, 6).await;
        let asked = request(&mut connection).await;
        change(&mut connection, 7).await;
        answer(&mut connection, asked, AT_9).await;
        assert_eq!(changes.next().await, Some(whole(9, r#"{"interval":5,"$version":9}"#)));
        change(&mut connection, 9).await;
        change(&mut connection, 10).await;
        assert_eq!(changes.next().await, Some(patch(10)), "what it contains is not told again");

        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        let asked = request(&mut connection).await;
        answer(&mut connection, asked, AT_5).await;
        let made_anew = "the twin of a device that was made anew begins anew";
        assert_eq!(changes.next().await, Some(whole(5, r#"{"interval":5,"$version":5}"#)), "{made_anew}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_listens_later_or_does_not_keep_up_is_told_of_all() {
    for dialect in dialects() {
        let options = options(dialect).waiting_changes(2);
        let (_hub, device, mut connection, mut prompt) = listening(options).await;
        let twin = device.twin();
        let late = tokio::spawn(async move { twin.desired_changes().await.unwrap() });
        let asked = request(&mut connection).await;
        answer(&mut connection, asked, AT_3).await;
        let mut late = late.await.unwrap();
        assert_eq!(late.next().await, Some(whole(3, r#"{"$version":3}"#)));

        for version in 4..=6 {
            change(&mut connection, version).await;
            assert_eq!(prompt.next().await, Some(patch(version)));
        }
        let caught_up = tokio::spawn(async move { (late.next().await, late) });
        let asked = request(&mut connection).await;
        answer(&mut connection, asked, AT_9).await;
        let all = Some(whole(9, r#"{"interval":5,"$version":9}"#));
        let (heard, mut late) = caught_up.await.unwrap();
        assert_eq!(heard, all, "the oldest of three was dropped");
        assert_eq!(prompt.next().await, all);
        drop(device);
        assert_eq!((prompt.next().await, late.next().await), (None, None));
    }
}
