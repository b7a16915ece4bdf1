//! What becomes of subscriptions that take long, or are refused.

use core::time::Duration;

use iothub_codec::{Channels, Dialect};
use iothub_proto::Session;
use serde_json::json;

use super::calls::{SOON, answered, call};
use super::hub::{Connection, Did, Hub, Suback, dialects, elapsed, options};
use crate::clock::Clock;
use crate::device::Device;
use crate::error::{SubscribeError, TwinError};
use crate::message::Message;
use crate::status::ConnectionStatus;

#[tokio::test(start_paused = true)]
async fn what_somebody_has_given_up_waiting_for_is_listened_to_all_the_same() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let device = Device::start_over(options(dialect).operation_timeout(SOON), wire);
        let mut connection = hub.arrival().await;
        // So many that there is no room for more.
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let twin = device.twin();
                tokio::spawn(async move { twin.get().await })
            })
            .collect();
        tokio::task::yield_now().await;
        let late = device.on_method("reboot", async |_: serde_json::Value, _| Ok("done")).await;
        assert_eq!(late, Err(SubscribeError::TimedOut { after: SOON }));
        for asked in asking {
            assert!(matches!(asked.await.unwrap(), Err(TwinError::TimedOut { .. })));
        }
        connection.accept(Session::Fresh).await;
        assert!(connection.is_silent_for(SOON).await);
        call(&mut connection, "reboot").await;
        assert_eq!(connection.next().await, answered(200, br#""done""#));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_a_hub_does_not_grant_are_not_asked_for_again_and_again() {
    // Over MQTT 5 they need no subscription.
    for dialect in [Dialect::Classic, Dialect::Preview311] {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect).keep_alive(0)).await;
        connection.suback = Suback::Refused;
        for subscribes in [1, 2] {
            let twin = device.twin();
            let getting = tokio::spawn(async move { twin.get().await });
            let (outcome, after) = connection.during(getting).await;
            connection = after;
            let outcome = outcome.unwrap();
            assert!(matches!(outcome, Err(TwinError::SubscriptionRefused)), "{outcome:?}");
            assert_eq!(connection.subscribes, subscribes, "once for each who asks");
        }
        let delivery = device.enqueue(Message::new("21.5")).await;
        let (token, _) = connection.telemetry().await;
        connection.acknowledge(token.unwrap()).await;
        delivery.await.unwrap();

        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        let twin = device.twin();
        let reporting = tokio::spawn(async move { twin.report(&json!({ "t": 1 })).await });
        let did = connection.next().await;
        assert!(matches!(did, Did::TwinPatch { .. }), "it is granted now: {did:?}");
        reporting.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_channel_is_asked_for_again_with_the_next_connection() {
    for dialect in dialects() {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        connection.suback = Suback::Refused;
        let listening = tokio::spawn({
            let device = device.clone();
            async move { device.on_method("reboot", async |_: serde_json::Value, _| Ok("done")).await }
        });
        let (outcome, connection) = connection.during(listening).await;
        assert_eq!(outcome.unwrap(), Err(SubscribeError::Refused));
        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(connection.is_silent_for(SOON).await);
        call(&mut connection, "reboot").await;
        assert_eq!(connection.next().await, answered(200, br#""done""#));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_never_answers_a_subscription_is_left() {
    for dialect in dialects() {
        let (dialling, within) = (Duration::from_secs(6), Duration::from_secs(7));
        let options = options(dialect).connect_timeout(within).operation_timeout(SOON);
        let (mut hub, device, mut connection) =
            Hub::with_device_over(|wire| wire.slow(dialling), options).await;
        connection.suback = Suback::Never;
        let mut status = device.status();
        let began = Clock::start();
        let listening = device.methods().await.map(drop);
        assert_eq!(listening, Err(SubscribeError::TimedOut { after: SOON }));
        let delivery = device.enqueue(Message::new("21.5").deadline(Duration::from_secs(60))).await;
        let lost = status.changed().await.unwrap();
        assert_eq!(elapsed(began).as_secs(), 7);
        let mut next = left_for(&mut hub, connection).await;
        let ConnectionStatus::Disconnected { cause, .. } = lost else { panic!("{lost:?}") };
        assert_eq!(cause.to_string(), "not connected within 7s: still waiting for the answer to SUBSCRIBE");
        next.accept(Session::Fresh).await;
        let (token, _) = next.telemetry().await;
        next.acknowledge(token.unwrap()).await;
        delivery.await.unwrap();
        call(&mut next, "reboot").await;
        assert_eq!(device.methods().await.unwrap().next().await.unwrap().name, "reboot");
    }
}

/// The connection after that one, which goes on as a hub does whose other half is fine.
async fn left_for(hub: &mut Hub, mut connection: Connection) -> Connection {
    let left = async { while connection.next().await != Did::Closed {} };
    tokio::time::timeout(Duration::from_secs(600), left).await.expect("it is left");
    hub.arrival().await
}

/// Over each channel at once.
const ALL: Channels = Channels::METHODS.union(Channels::COMMANDS).union(Channels::DESIRED);

#[tokio::test(start_paused = true)]
async fn an_option_that_is_refused_does_not_keep_the_device_from_the_rest() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let connecting = tokio::spawn(Device::connect_over(options(dialect).subscribe(ALL), wire));
        let mut connection = hub.arrival().await;
        connection.suback = Suback::Refused;
        connection.accept(Session::Fresh).await;
        let (device, mut connection) = connection.during(connecting).await;
        let device = device.unwrap().unwrap();
        let delivery = device.enqueue(Message::new("21.5")).await;
        let (token, _) = connection.telemetry().await;
        connection.acknowledge(token.unwrap()).await;
        delivery.await.unwrap();
    }
}
