//! Credentials are renewed while everything that can be under way is.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Channels, Dialect, Operation, Reply, RequestId, RequestIdBuf, Status};
use iothub_proto::{AckToken, Instant, Session};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::calls::{SOON, answered, call, command};
use super::hub::{Connection, Did, Hub, dialects, elapsed, options};
use crate::clock::Clock;
use crate::device::Device;
use crate::error::{SendError, TwinError};
use crate::message::Message;
use crate::methods::Invocation;
use crate::status::ConnectionStatus;
use crate::twin::TwinDocument;

/// The time for a renewal comes after 80 to 90 % of that.
const LIFETIME: Duration = Duration::from_secs(50);
/// Shortly before.
const BEFORE: Duration = Duration::from_secs(39);
/// By then it has come, and the old connection is not given up yet.
const DURING: Duration = Duration::from_secs(47);

/// What a device has under way.
struct UnderWay {
    sending: JoinHandle<Result<(), SendError>>,
    getting: JoinHandle<Result<TwinDocument, TwinError>>,
    reporting: JoinHandle<Result<Option<u64>, TwinError>>,
    /// Lets the handlers of the method and the command end.
    gate: Arc<Semaphore>,
    /// How often they were begun.
    handled: Arc<AtomicUsize>,
}

/// The same as the hub knows it.
struct Open {
    telemetry: AckToken,
    get: RequestIdBuf,
    report: RequestIdBuf,
    command: AckToken,
}

/// A handler that is counted, and ends when the gate lets it.
async fn wait((gate, handled): (Arc<Semaphore>, Arc<AtomicUsize>)) {
    handled.fetch_add(1, Ordering::Relaxed);
    gate.acquire().await.unwrap().forget();
}

impl UnderWay {
    async fn begin(device: &Device, connection: &mut Connection) -> (Self, Open) {
        let (gate, handled) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let pass = (Arc::clone(&gate), Arc::clone(&handled));
        let of_method = pass.clone();
        let method = move |_: serde_json::Value, _: Invocation| {
            let waiting = wait(of_method.clone());
            async move {
                waiting.await;
                Ok("done")
            }
        };
        device.on_method("reboot", method).await.unwrap();
        let handle = move |_: Bytes, _| {
            let waiting = wait(pass.clone());
            async move {
                waiting.await;
                Ok(())
            }
        };
        device.on_command(handle).await.unwrap();
        call(connection, "reboot").await;
        let command = command(connection, b"open").await;
        let (one, two, three) = (device.clone(), device.clone(), device.clone());
        let sending = tokio::spawn(async move { one.send(Message::new("21.5")).await });
        let (ack, _) = connection.telemetry().await;
        let getting = tokio::spawn(async move { two.twin().get().await });
        let Did::TwinGet { request: get, .. } = connection.next().await else { panic!("no get") };
        let reporting = tokio::spawn(async move { three.twin().report(&json!({ "t": 1 })).await });
        let Did::TwinPatch { request: report, .. } = connection.next().await else { panic!("no report") };
        let open = Open { telemetry: ack.unwrap(), get, report, command };
        (Self { sending, getting, reporting, gate, handled }, open)
    }

    /// Everything has ended as if nothing had been.
    async fn ended_well(self) {
        assert_eq!(self.sending.await.unwrap(), Ok(()));
        assert_eq!(self.getting.await.unwrap().unwrap().desired["rate"], json!(5));
        assert_eq!(self.reporting.await.unwrap().unwrap(), Some(7));
        assert_eq!(self.handled.load(Ordering::Relaxed), 2, "each handler ran once");
    }
}

impl Open {
    /// The hub does its part, and the application its own.
    async fn ends(self, connection: &mut Connection, under_way: &UnderWay) {
        connection.acknowledge(self.telemetry).await;
        let twin = br#"{"desired":{"rate":5,"$version":3},"reported":{"$version":6}}"#;
        for (operation, request, payload, version) in [
            (Operation::TwinGet, self.get, &twin[..], None),
            (Operation::TwinPatch, self.report, b"", Some(7)),
        ] {
            let request = RequestId::from_u32(request.as_id().as_u32().unwrap());
            let reply = Reply { payload, version, ..Reply::new(request, Status::SUCCESS) };
            connection.say(move |session, out| ((), session.reply(operation, &reply, out).unwrap())).await;
        }
        under_way.gate.add_permits(2);
        let mut did = [connection.next().await, connection.next().await];
        did.sort_by_key(|did| matches!(did, Did::Completed(_)));
        assert_eq!(did, [answered(200, br#""done""#), Did::Completed(self.command)]);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_with_everything_under_way_as_if_nothing_had_been() {
    for dialect in dialects() {
        let options = options(dialect).token_lifetime(LIFETIME).keep_alive(0);
        let options = options.subscribe(Channels::METHODS | Channels::COMMANDS | Channels::REPLIES);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        let began = Clock::start();
        let mut status = device.status();
        assert!(connection.is_silent_for(BEFORE).await);
        let (under_way, open) = UnderWay::begin(&device, &mut connection).await;
        if dialect == Dialect::Preview5 {
            assert!(matches!(connection.next().await, Did::Renews(_)));
            let until = Instant::from_millis(u64::MAX);
            connection.say(move |session, out| ((), session.renewed(until, out).unwrap())).await;
        }
        let left = DURING.saturating_sub(elapsed(began));
        assert!(connection.is_silent_for(left).await, "it waits for what is under way");
        open.ends(&mut connection, &under_way).await;
        if dialect != Dialect::Preview5 {
            assert_eq!(connection.next().await, Did::SaidGoodbye);
            assert!(elapsed(began) < DURING + Duration::from_millis(100), "{:?}", elapsed(began));
            connection = hub.arrival().await;
            connection.accept(Session::Resume).await;
        }
        assert!(connection.is_silent_for(Duration::from_secs(20)).await, "nothing is done twice");
        under_way.ended_well().await;
        let changed = tokio::time::timeout(Duration::ZERO, status.changed()).await;
        assert!(changed.is_err(), "the device was connected all the time: {changed:?}");
        assert!(matches!(status.current(), ConnectionStatus::Connected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_left_or_waits_unread_does_not_delay_a_renewal() {
    for dialect in dialects().filter(|dialect| *dialect != Dialect::Preview5) {
        let options = options(dialect).token_lifetime(LIFETIME).keep_alive(0).subscribe(Channels::COMMANDS);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut commands = device.commands().await.unwrap();
        let began = Clock::start();
        command(&mut connection, b"left").await;
        drop(commands.next().await.unwrap());
        command(&mut connection, b"unread").await;
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        let after = elapsed(began);
        assert!((Duration::from_secs(40)..=Duration::from_secs(46)).contains(&after), "{after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_very_long_is_not_waited_for_and_its_command_comes_again() {
    for dialect in dialects().filter(|dialect| *dialect != Dialect::Preview5) {
        let options = options(dialect).token_lifetime(LIFETIME).keep_alive(0).subscribe(Channels::COMMANDS);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        let mut commands = device.commands().await.unwrap();
        let began = Clock::start();
        command(&mut connection, b"long").await;
        let long = commands.next().await.unwrap();
        assert_eq!(connection.next().await, Did::SaidGoodbye);
        let after = elapsed(began);
        assert!((Duration::from_secs(50)..=Duration::from_secs(56)).contains(&after), "{after:?}");
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(connection.is_silent_for(SOON).await);
        assert!(long.complete().await.is_err());
        let again = command(&mut connection, b"long").await;
        commands.next().await.unwrap().complete().await.unwrap();
        assert_eq!(connection.next().await, Did::Completed(again));
    }
}
