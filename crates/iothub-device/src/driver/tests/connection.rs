use core::time::Duration;

use iothub_codec::{Channels, Dialect, Outcome, Publish, Status};
use iothub_proto::{Backoff, Dismissal, Instant, Packet, RefusalReason, Session};
use tokio::io::AsyncReadExt;

use super::hub::{Did, Hub, Shown, dialects, elapsed, options};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::error::{SendError, SubscribeError};
use crate::message::Message;
use crate::options::Options;
use crate::status::ConnectionStatus;

#[tokio::test(start_paused = true)]
async fn the_first_refusal_is_the_outcome_of_connect() {
    for dialect in dialects() {
        for (reason, status) in [
            (RefusalReason::Unavailable, Status::SERVER_BUSY),
            (RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED),
            (RefusalReason::BadUserName, Status::BAD_REQUEST),
        ] {
            let (mut hub, wire) = Hub::new();
            let connecting = tokio::spawn(Device::connect_over(options(dialect), wire));
            hub.arrival().await.refuse(reason, status).await;
            let error = connecting.await.unwrap().unwrap_err();
            let ConnectError::Refused { reason: given, refusal, .. } = &error else { panic!("{error}") };
            assert_eq!((*given, refusal.status), (reason, status));
            // Only of what is malformed may it be said why, and only over MQTT 5.
            let is_said = dialect == Dialect::Preview5 && status == Status::BAD_REQUEST;
            let remark = if is_said { ": as the test wants it" } else { "" };
            assert_eq!(error.to_string(), format!("refused by the hub: {reason}{remark}"));
            assert!(hub.dialled().await.is_none(), "there is no other attempt");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_says_nothing_is_not_waited_for_for_ever() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let connecting = tokio::spawn(Device::connect_over(
            options(dialect).connect_timeout(Duration::from_secs(7)),
            wire.slow(Duration::from_secs(6)),
        ));
        let began = Clock::start();
        let _connection = hub.arrival().await;
        let error = connecting.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "not connected within 7s: still waiting for the answer to CONNECT");
        assert_eq!(elapsed(began).as_secs(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_given_up_leaves_nothing_behind() {
    for dialect in dialects() {
        let (mut hub, wire) = Hub::new();
        let connecting = tokio::spawn(Device::connect_over(options(dialect), wire));
        let mut connection = hub.arrival().await;
        connecting.abort();
        assert_eq!(connection.next().await, Did::Closed);
        assert!(hub.dialled().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn it_introduces_itself_with_session_and_will() {
    for dialect in dialects() {
        let options = options(dialect).session(Session::Fresh).will(Message::new("gone"));
        let (_hub, _device, connection) = Hub::with_device(options).await;
        assert_eq!((connection.wants, connection.will.as_deref()), (Session::Fresh, Some(&b"gone"[..])));
        let scope = "SharedAccessSignature sr=hub1.azure-devices.net%2Fdevices%2Fdev-1&sig=";
        match (&connection.proof, dialect) {
            (Shown::Token(token), Dialect::Classic) => assert!(token.starts_with(scope), "{token}"),
            (Shown::Signature { at_ms: Some(at_ms), expiry_ms }, Dialect::Preview311 | Dialect::Preview5) => {
                assert_eq!(expiry_ms - at_ms, 3_600_000, "an hour");
            }
            (proof, _) => panic!("{proof:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn once_connected_it_comes_back_unless_that_makes_no_sense() {
    for dialect in dialects() {
        for (reason, status, comes_back) in [
            (RefusalReason::Unavailable, Status::SERVER_BUSY, true),
            (RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED, true),
            (RefusalReason::BadClientId, Status::BAD_REQUEST, false),
            (RefusalReason::BadUserName, Status::BAD_REQUEST, false),
            (RefusalReason::UnacceptableProtocol, Status::NOT_ALLOWED, false),
        ] {
            let (mut hub, device, connection) = Hub::with_device(options(dialect)).await;
            let (refusal, mut status) = (status, device.status());
            assert!(matches!(status.current(), ConnectionStatus::Connected));
            drop(connection);
            let next = status.changed().await.unwrap();
            let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
            assert!(matches!(*cause, ConnectError::ClosedByHub), "{cause}");

            hub.arrival().await.refuse(reason, refusal).await;
            let mut again = None;
            if comes_back {
                let connection = again.insert(hub.arrival().await);
                connection.accept(Session::Fresh).await;
            }
            match (status.connected_or_closed().await, comes_back) {
                (ConnectionStatus::Connected, true) => {}
                (ConnectionStatus::Closed { cause: Some(cause) }, false) => {
                    assert!(matches!(*cause, ConnectError::Refused { reason: given, .. } if given == reason));
                    assert_eq!(device.send(Message::new("")).await, Err(SendError::Closed));
                }
                (status, _) => panic!("{reason}: {status:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_token_that_is_refused_is_not_tried_again() {
    let token = "SharedAccessSignature sr=h&sig=c2VjcmV0&se=1893456000";
    let text = format!("HostName=h;DeviceId=d;SharedAccessSignature={token}");
    let options = Options::from_connection_string(&text).unwrap();
    let (mut hub, device, connection) = Hub::with_device(options).await;
    assert_eq!(connection.proof, Shown::Token(token.to_owned()));
    drop(connection);
    hub.arrival().await.refuse(RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED).await;
    assert!(hub.dialled().await.is_none());
    let status = device.status().current();
    assert!(matches!(status, ConnectionStatus::Closed { cause: Some(_) }), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_closes_at_once_is_not_hurried() {
    for dialect in dialects() {
        let backoff = Backoff { base: Duration::from_secs(8), longest: Duration::from_secs(64) };
        let (mut hub, device, connection) = Hub::with_device(options(dialect).backoff(backoff)).await;
        let mut status = device.status();
        drop(connection);
        let began = Clock::start();
        for _ in 0..40 {
            let mut connection = hub.arrival().await;
            connection.accept(Session::Fresh).await;
            assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
            drop(connection);
            assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
        }
        // Waits are chance below 8, 16, 32, 64, 64, … seconds: 32 s on average, of which this is half.
        assert!(elapsed(began) > Duration::from_secs(40 * 16), "{:?}", elapsed(began));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_connection_that_held_the_first_wait_is_short_again() {
    for dialect in dialects() {
        let backoff = Backoff { base: Duration::from_secs(1), longest: Duration::from_secs(1 << 20) };
        let (mut hub, device, mut connection) =
            Hub::with_device(options(dialect).backoff(backoff).keep_alive(0)).await;
        for _ in 0..40 {
            assert!(connection.is_silent_for(Duration::from_secs(31)).await);
            drop(connection);
            let began = Clock::start();
            connection = hub.arrival().await;
            assert!(elapsed(began) <= Duration::from_secs(1), "{:?}", elapsed(began));
            connection.accept(Session::Fresh).await;
        }
        drop(device);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_has_fallen_silent_is_left() {
    for dialect in dialects() {
        let (mut hub, device, connection) = Hub::with_device(options(dialect).keep_alive(60)).await;
        let mut status = device.status();
        let began = Clock::start();
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        assert!(matches!(*cause, ConnectError::Wire(_)), "{cause}");
        assert_eq!(elapsed(began).as_secs(), 90, "a ping after 60 s, and no answer for 30 s");
        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_made_anew_with_a_hub_that_has_forgotten_them() {
    for dialect in dialects() {
        let (mut hub, device, connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(connection.is_silent_for(Duration::from_millis(1)).await);
        let soon = Duration::from_secs(5);
        connection.say(|session, out| session.call(Instant::default(), soon, "m", b"", out).unwrap()).await;
        assert_eq!(device.methods().await.unwrap().next().await.unwrap().name, "m");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_by_connecting_again_before_they_expire_and_nothing_is_lost() {
    for dialect in dialects().filter(|dialect| *dialect != Dialect::Preview5) {
        let options = options(dialect).token_lifetime(Duration::from_secs(3_600)).keep_alive(0);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        let mut status = device.status();
        let began = Clock::start();
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        assert_eq!(connection.next().await, Did::Closed);
        assert!(
            (2_880..=3_240).contains(&elapsed(began).as_secs()),
            "80 to 90 % of an hour: {:?}",
            elapsed(began)
        );

        let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
        let mut connection = hub.arrival().await;
        connection.accept(Session::Resume).await;
        let (ack, _) = connection.telemetry().await;
        connection.acknowledge(ack.unwrap()).await;
        let (sent, _device) = sending.await.unwrap();
        assert_eq!(sent, Ok(()));
        let changed = tokio::time::timeout(Duration::from_secs(1), status.changed()).await;
        assert!(changed.is_err(), "the device was connected all the time: {changed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_waits_for_what_is_under_way_but_not_for_ever() {
    for dialect in dialects().filter(|dialect| *dialect != Dialect::Preview5) {
        let options = options(dialect).token_lifetime(Duration::from_secs(50)).keep_alive(0);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        assert!(connection.is_silent_for(Duration::from_secs(39)).await);
        let send = |text| {
            let device = device.clone();
            tokio::spawn(async move { device.send(Message::new(text)).await })
        };
        let under_way = send("under way");
        let (first, _) = connection.telemetry().await;
        let began = Clock::start();
        // The time for it comes after 40 to 45 seconds.
        assert!(connection.is_silent_for(Duration::from_secs(8)).await);
        let new = send("new");
        assert_eq!(connection.next().await, Did::SaidGoodbye, "nothing new is begun on the old connection");
        assert!((11..=16).contains(&elapsed(began).as_secs()), "{:?}", elapsed(began));

        let mut connection = hub.arrival().await;
        connection.accept(Session::Resume).await;
        let again = Did::Telemetry { ack: first, payload: b"under way".to_vec(), duplicate: true };
        assert_eq!(connection.next().await, again);
        let (second, payload) = connection.telemetry().await;
        assert_eq!(payload, b"new");
        for (ack, sent) in [(first, under_way), (second, new)] {
            connection.acknowledge(ack.unwrap()).await;
            assert_eq!(sent.await.unwrap(), Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_connection_with_it() {
    for dialect in dialects() {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let (clone, twin) = (device.clone(), device.twin());
        drop(device);
        drop(clone);
        assert!(connection.is_silent_for(Duration::from_secs(10)).await, "the twin is a handle too");
        drop(twin);
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        assert_eq!(connection.next().await, Did::Closed);
        assert!(hub.dialled().await.is_none(), "and the driver is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn handles_that_only_listen_end_with_the_device() {
    for dialect in dialects() {
        let channels = Channels::METHODS | Channels::COMMANDS;
        let (_hub, device, _connection) = Hub::with_device(options(dialect).subscribe(channels)).await;
        let (mut methods, mut commands) = (device.methods().await.unwrap(), device.commands().await.unwrap());
        drop(device);
        assert!(methods.next().await.is_none());
        assert!(commands.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_is_on_its_way_and_says_goodbye() {
    for dialect in dialects() {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let other = device.clone();
        let unanswered = tokio::spawn({
            let device = device.clone();
            async move { device.send(Message::new("unanswered")).await }
        });
        assert_eq!(connection.telemetry().await.1, b"unanswered");
        device.send(Message::new("last").at_most_once()).await.unwrap();
        let closing = tokio::spawn(device.close());
        assert_eq!(connection.telemetry().await.1, b"last");
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        assert_eq!(connection.next().await, Did::Closed);
        closing.await.unwrap();
        assert_eq!(unanswered.await.unwrap(), Err(SendError::Closed));
        assert_eq!(other.send(Message::new("too late")).await, Err(SendError::Closed));
        assert!(matches!(other.methods().await, Err(SubscribeError::Closed)));
        assert!(matches!(other.status().current(), ConnectionStatus::Closed { cause: None }));
        assert!(hub.dialled().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_offline_device_closes_at_once() {
    for dialect in dialects() {
        let backoff = Backoff { base: Duration::from_secs(1 << 20), longest: Duration::from_secs(1 << 20) };
        let (_hub, device, connection) = Hub::with_device(options(dialect).backoff(backoff)).await;
        let mut status = device.status();
        drop(connection);
        assert!(matches!(status.changed().await, Some(ConnectionStatus::Disconnected { .. })));
        let began = Clock::start();
        device.close().await;
        assert!(elapsed(began) < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_speaks_nonsense_is_left() {
    for dialect in dialects() {
        let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let mut status = device.status();
        let publish = Publish::new("no/topic/of/a/hub", b"");
        connection.send(&Packet::Publish { ack: None, publish }).await;
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        assert!(matches!(*cause, ConnectError::Peer(_)), "{cause}");
        let last = if dialect == Dialect::Preview5 { Did::GaveUp(0x82) } else { Did::Closed };
        assert_eq!(connection.next().await, last, "MQTT 5 can say it");
        let mut first = [0];
        hub.dialled().await.unwrap().read_exact(&mut first).await.unwrap();
        assert_eq!(first, [0x10], "a new connection begins with CONNECT");
    }
}

#[tokio::test(start_paused = true)]
async fn over_mqtt_5_credentials_are_renewed_without_connecting_again() {
    let options = options(Dialect::Preview5).token_lifetime(Duration::from_secs(3_600)).keep_alive(0);
    let (_hub, device, mut connection) = Hub::with_device(options).await;
    let mut status = device.status();
    for renewal in 1..=3 {
        let began = Clock::start();
        let did = connection.next().await;
        let Did::Renews(Shown::Signature { at_ms: Some(at_ms), expiry_ms }) = did else { panic!("{did:?}") };
        assert_eq!(expiry_ms - at_ms, 3_600_000);
        assert!(
            (2_880..=3_240).contains(&elapsed(began).as_secs()),
            "renewal {renewal} after 80 to 90 % of an hour: {:?}",
            elapsed(began)
        );
        let until = Instant::from_millis(u64::MAX);
        connection.say(move |session, out| ((), session.renewed(until, out).unwrap())).await;
    }
    assert_eq!(device.send(Message::new("21.5").at_most_once()).await, Ok(()));
    assert_eq!(connection.telemetry().await.1, b"21.5");
    let changed = tokio::time::timeout(Duration::from_secs(1), status.changed()).await;
    assert!(changed.is_err(), "the device was connected all the time: {changed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_not_answered_ends_the_connection() {
    let options = options(Dialect::Preview5).token_lifetime(Duration::from_secs(3_600)).keep_alive(0);
    let (mut hub, device, mut connection) = Hub::with_device(options).await;
    let mut status = device.status();
    assert!(matches!(connection.next().await, Did::Renews(_)));
    let next = status.changed().await.unwrap();
    let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
    assert!(matches!(*cause, ConnectError::NotRenewed), "{cause}");
    hub.arrival().await.accept(Session::Fresh).await;
}

#[tokio::test(start_paused = true)]
async fn why_the_hub_ends_a_connection_is_told_where_it_says_so() {
    for (why, reason_code, expected) in [
        (
            Dismissal::NotAuthorized,
            135,
            "disconnected by the hub: 0101 Not Authorized (check the key, and what its policy may do)",
        ),
        (Dismissal::TakenOver, 142, "disconnected by the hub: 0103 Conflict"),
        (
            Dismissal::Refused(Outcome::new(Status::THROTTLED)),
            151,
            "disconnected by the hub: 0501 Throttled (send less, and again later)",
        ),
    ] {
        let (mut hub, device, mut connection) = Hub::with_device(options(Dialect::Preview5)).await;
        let mut status = device.status();
        connection.say(move |session, out| ((), session.dismiss(&why, out).unwrap())).await;
        let next = status.changed().await.unwrap();
        let ConnectionStatus::Disconnected { cause, .. } = next else { panic!("{next:?}") };
        assert_eq!(cause.to_string(), expected);
        assert!(matches!(*cause, ConnectError::Dismissed { reason_code: given, .. } if given == reason_code));
        let mut again = hub.arrival().await;
        again.accept(Session::Fresh).await;
        assert!(matches!(status.connected_or_closed().await, ConnectionStatus::Connected));
    }
}

#[tokio::test(start_paused = true)]
async fn options_that_the_dialect_cannot_say_connect_nowhere() {
    let token =
        "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h&sig=c2VjcmV0&se=1893456000";
    let token = Options::from_connection_string(token).unwrap();
    for (options, expected) in [
        (
            token.clone().dialect(Dialect::Preview311),
            "a given SAS token: the dialect preview311 cannot say it; classic can",
        ),
        (
            token.dialect(Dialect::Preview5),
            "a given SAS token: the dialect preview5 cannot say it; classic can",
        ),
        (
            options(Dialect::Preview5).model_id("dtmi:com:example:Thermostat;1"),
            "a model id: the dialect preview5 cannot say it; classic and preview311 can",
        ),
        (
            options(Dialect::Classic).subscribe(Channels::INPUTS),
            "inputs of a module: the dialect classic cannot say it, nor can another for this device",
        ),
        (
            options(Dialect::Preview5).will(Message::new("gone").output("alarms")),
            "iothub-outputname: the dialect preview5 cannot say it; classic can",
        ),
    ] {
        let (mut hub, wire) = Hub::new();
        let error = Device::connect_over(options, wire).await.unwrap_err();
        assert!(!error.is_retryable());
        assert_eq!(error.to_string(), expected);
        // It did dial, and said nothing.
        assert_eq!(hub.dialled().await.unwrap().read(&mut [0; 1]).await.unwrap(), 0);
    }
}
