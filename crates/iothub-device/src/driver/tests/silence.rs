use core::time::Duration;

use iothub_codec::Channels;
use iothub_proto::{FailureClass, Instant, Session};
use serde_json::json;

use super::hub::{Connection, Did, Hub, dialects, elapsed, options};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::message::Message;
use crate::methods::MethodResponse;
use crate::status::ConnectionStatus;

/// More than fits between device and hub while the hub does not read, but not more than a device writes ahead.
const MUCH: usize = 40 * 1024;

/// The hub calls a method, and reads nothing.
async fn speak(connection: &mut Connection) {
    let soon = Duration::from_secs(5);
    connection.say(|session, out| session.call(Instant::default(), soon, "m", b"", out).unwrap()).await;
}

/// Sends something long, at most once, without waiting for what becomes of it.
fn send_much(device: &Device) {
    let device = device.clone();
    tokio::spawn(async move { device.send(Message::new(vec![b'x'; MUCH]).at_most_once()).await });
}

/// When and why the device gives its connection up, counted from now.
async fn end(device: &Device) -> (Duration, String, FailureClass, bool) {
    let began = Clock::start();
    let status = device.status().changed().await.unwrap();
    let ConnectionStatus::Disconnected { cause, class, .. } = status else { panic!("{status:?}") };
    (elapsed(began), cause.to_string(), class, matches!(*cause, ConnectError::Stalled { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_falls_silent_is_left_within_one_and_a_half_keep_alives_whatever_the_device_sends() {
    for dialect in dialects() {
        for keep_alive_s in [1, 10, 60] {
            for sends in [false, true] {
                let options = options(dialect).keep_alive(keep_alive_s);
                let (mut hub, device, connection) = Hub::with_device(options).await;
                if sends {
                    send_much(&device);
                }
                let (after, cause, class, _) = end(&device).await;
                let limit = Duration::from_secs(keep_alive_s.into()) * 3 / 2;
                let late = after.saturating_sub(limit);
                assert!(late <= Duration::from_millis(20), "{after:?} of {limit:?}: {cause}");
                assert_eq!(class, FailureClass::Silent, "{cause}");
                drop(connection);
                let mut connection = hub.arrival().await;
                connection.accept(Session::Fresh).await;
                assert!(matches!(device.status().connected_or_closed().await, ConnectionStatus::Connected));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_talks_and_takes_nothing_is_left_too() {
    for dialect in dialects() {
        let options = options(dialect).keep_alive(60).subscribe(Channels::METHODS);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        send_much(&device);
        let ended = tokio::spawn(async move { (end(&device).await, device) });
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert!(!ended.is_finished());
            speak(&mut connection).await;
        }
        let ((after, cause, class, stalled), _device) = ended.await.unwrap();
        assert!(stalled, "{cause}");
        assert_eq!((after.as_secs(), class), (90, FailureClass::Silent), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_takes_slowly_is_not_left() {
    for dialect in dialects() {
        let options = options(dialect).keep_alive(60).subscribe(Channels::METHODS);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut status = device.status();
        device.on_any_method(async |_, _| MethodResponse::new(200, json!(null))).await.unwrap();
        for _ in 0..10 {
            send_much(&device);
            tokio::time::sleep(Duration::from_secs(50)).await;
            let (_, payload) = connection.telemetry().await;
            assert_eq!(payload.len(), MUCH);
            // Which shows that it lives.
            speak(&mut connection).await;
            let answered = connection.next().await;
            assert!(matches!(answered, Did::Answered { .. }), "{answered:?}");
        }
        assert!(tokio::time::timeout(Duration::ZERO, status.changed()).await.is_err());
    }
}
