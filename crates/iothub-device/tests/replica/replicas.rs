use core::time::Duration;

use iothub_device::{DesiredUpdate, Device, Dialect, Replica, ReplicaError, SubscribeError};
use iothub_model::Object;
use iothub_test::TestHub;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) const DEVICE: &str = "dev-1";

#[derive(Debug, Deserialize, PartialEq)]
struct Wanted {
    interval: u64,
    #[serde(default)]
    mode: Option<String>,
}

fn dialects() -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().inspect(|dialect| println!("in the dialect {dialect}"))
}

pub(crate) async fn begun(dialect: Dialect) -> (TestHub, Device, Replica) {
    let hub = TestHub::start_without_sockets().await;
    let options = hub.device(DEVICE).dialect(dialect).await.keep_alive(0);
    hub.desire(DEVICE, &json!({ "interval": 5 })).await.unwrap();
    let device = hub.connect(options).await.unwrap();
    let replica = device.twin().replica().await.unwrap();
    (hub, device, replica)
}

/// What a section of the twin has without what the hub adds, and its version.
pub(crate) fn section(mut section: Object) -> (Value, u64) {
    let version = section["$version"].as_u64().unwrap();
    section.retain(|name, _| !name.starts_with('$'));
    (section.into(), version)
}

/// What was reported, and its version.
pub(crate) async fn reported(hub: &TestHub) -> (Value, u64) {
    section(hub.twin(DEVICE).await.unwrap().properties.reported)
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_is_read_as_types_and_followed() {
    for dialect in dialects() {
        let (hub, device, mut replica) = begun(dialect).await;
        assert_eq!(replica.desired::<Wanted>().unwrap(), Wanted { interval: 5, mode: None });
        assert_eq!(replica.desired_at::<u64>("/interval").unwrap(), Some(5));
        assert_eq!(replica.desired_at::<u64>("/none").unwrap(), None);
        assert!(replica.desired_at::<String>("/interval").is_err());
        let mut modes = replica.desired_values::<String>("/mode");
        assert_eq!(modes.next().await.unwrap().unwrap(), None);

        hub.desire(DEVICE, &json!({ "mode": "night" })).await.unwrap();
        let twin = replica.changed().await.unwrap();
        assert_eq!((twin.desired(), twin.desired_version()), (&json!({ "interval": 5, "mode": "night" }), 3));
        assert_eq!(modes.next().await.unwrap().unwrap().as_deref(), Some("night"));
        hub.desire(DEVICE, &json!({ "interval": 6, "mode": "night" })).await.unwrap();
        assert_eq!(replica.changed().await.unwrap().desired_version(), 4);
        hub.desire(DEVICE, &json!({ "mode": 7 })).await.unwrap();
        assert!(modes.next().await.unwrap().is_err(), "the same value is not told twice");
        let all = replica.desired::<Wanted>();
        assert!(all.is_err(), "{all:?}");
        hub.desire(DEVICE, &json!({ "mode": null })).await.unwrap();
        assert_eq!(modes.next().await.unwrap().unwrap(), None);

        device.close().await;
        while replica.changed().await.is_ok() {}
        for _ in 0..2 {
            assert_eq!(replica.changed().await, Err(ReplicaError::Closed));
            assert!(modes.next().await.is_none());
        }
        assert_eq!(replica.desired_at::<u64>("/interval").unwrap(), Some(6), "it is still what it was");
        let another = replica.clone();
        drop(replica);
        assert_eq!(another.snapshot().desired_version(), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn while_offline_it_is_what_it_was_and_then_all_that_was_missed_is_there() {
    for dialect in dialects() {
        let (hub, device, mut replica) = begun(dialect).await;
        hub.faults().refuse_connections();
        hub.faults().cut();
        hub.desire(DEVICE, &json!({ "interval": 7 })).await.unwrap();
        hub.desire(DEVICE, &json!({ "mode": "day" })).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(60), replica.changed()).await.is_err());
        assert_eq!(replica.desired::<Wanted>().unwrap().interval, 5);
        hub.faults().calm();
        let twin = replica.changed().await.unwrap();
        assert_eq!((twin.desired(), twin.desired_version()), (&json!({ "interval": 7, "mode": "day" }), 4));
        drop(device);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_is_in_the_replica_when_it_is_acknowledged() {
    for dialect in dialects() {
        let (hub, device, mut replica) = begun(dialect).await;
        device.twin().report(&json!({ "fan": { "on": true, "speed": 3 } })).await.unwrap();
        assert_eq!(replica.reported_at::<u8>("/fan/speed").unwrap(), Some(3));
        device.twin().report(&json!({ "fan": { "on": null } })).await.unwrap();
        let twin = replica.changed().await.unwrap();
        assert_eq!((twin.reported().clone(), twin.reported_version()), reported(&hub).await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_replacement_takes_away_is_gone() {
    for dialect in dialects() {
        let (hub, _device, mut replica) = begun(dialect).await;
        let body = json!({ "properties": { "desired": { "mode": "day" } } });
        hub.request("PUT", &format!("/twins/{DEVICE}"), &body).await.unwrap();
        while replica.snapshot().desired() != &json!({ "mode": "day" }) {
            replica.changed().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_only_shows_in_an_answer_is_told_to_those_who_listen() {
    for dialect in dialects() {
        let (hub, device, mut replica) = begun(dialect).await;
        let twin = device.twin();
        let mut changes = twin.desired_changes().await.unwrap();
        assert_eq!(changes.next().await.unwrap().version(), 2);
        hub.faults().lose_one_of(1);
        hub.desire(DEVICE, &json!({ "interval": 6 })).await.unwrap();
        while hub.faults().lost() == 0 {
            tokio::task::yield_now().await;
        }
        hub.faults().calm();
        assert_eq!(twin.get().await.unwrap().desired_version(), Some(3));
        let told = changes.next().await.unwrap();
        assert!(matches!(told, DesiredUpdate::Whole { version: 3, .. }), "{told:?}");
        assert_eq!(replica.changed().await.unwrap().desired_version(), 3);
        hub.desire(DEVICE, &json!({ "interval": 7 })).await.unwrap();
        assert!(matches!(changes.next().await, Some(DesiredUpdate::Patch { version: 4, .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_device_that_is_closed_there_is_none() {
    let (_hub, device, replica) = begun(Dialect::Classic).await;
    let twin = device.twin();
    device.close().await;
    drop(replica);
    let closed = ReplicaError::NotTold(SubscribeError::Closed);
    assert_eq!(twin.replica().await.map(drop), Err(closed));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_nobody_looked_at_is_not_shown_later() {
    for dialect in dialects() {
        let (hub, device, replica) = begun(dialect).await;
        drop(replica);
        hub.desire(DEVICE, &json!({ "interval": 6 })).await.unwrap();
        device.twin().report(&json!({ "t": 1 })).await.unwrap();
        let replica = device.twin().replica().await.unwrap();
        assert_eq!(replica.desired_at::<u64>("/interval").unwrap(), Some(6));
        assert_eq!(replica.reported::<Value>().unwrap(), json!({ "t": 1 }));
    }
}
