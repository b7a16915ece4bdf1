use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use iothub_codec::Dialect;
use iothub_proto::{Backoff, Session};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::hub::{Connection, Did, Hub, Wire, elapsed, options};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::error::SendError;
use crate::message::Message;
use crate::options::Options;
use crate::telemetry::{Delivery, EnqueueError};
use crate::transport::Transport;

const CLASSIC: Dialect = Dialect::Classic;
/// In which a device says what it has to say.
const SILENCE: Duration = Duration::from_millis(50);

fn numbered(number: u8) -> Message {
    Message::new(vec![number])
}

async fn enqueue(device: &Device, numbers: impl IntoIterator<Item = u8>) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in numbers {
        deliveries.push(device.enqueue(numbered(number)).await);
    }
    deliveries
}

/// A device that has connected to a hub that takes as many messages at a time, where that can be said.
async fn with_device_and_hub_of(options: Options, receive_maximum: Option<u16>) -> (Hub, Device, Connection) {
    let (mut hub, wire) = Hub::new();
    let connecting = tokio::spawn(Device::connect_over(options, wire));
    let mut connection = hub.arrival().await;
    if let Some(receive_maximum) = receive_maximum {
        connection.limits.receive_maximum = receive_maximum;
    }
    connection.accept(Session::Fresh).await;
    let (device, connection) = connection.during(connecting).await;
    (hub, device.unwrap().unwrap(), connection)
}

/// A device that has connected, and how often it has written.
async fn with_counted_writes(options: Options) -> (Device, Connection, Arc<AtomicUsize>) {
    let (mut hub, wire) = Hub::new();
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Counted { wire, writes: Arc::clone(&writes) };
    let connecting = tokio::spawn(Device::connect_over(options, counted));
    let mut connection = hub.arrival().await;
    connection.accept(Session::Fresh).await;
    let (device, connection) = connection.during(connecting).await;
    (device.unwrap().unwrap(), connection, writes)
}

/// The next message has that number, and is acknowledged.
async fn acknowledge_next(connection: &mut Connection, number: u8) {
    let (ack, payload) = connection.telemetry().await;
    assert_eq!(payload, [number]);
    connection.acknowledge(ack.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn messages_go_out_in_order_and_no_more_at_a_time_than_the_window() {
    for window in [1, 16, 100, 200] {
        let options = options(CLASSIC).window(window).waiting_messages(250);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let deliveries = enqueue(&device, 0..250).await;
        let mut unacknowledged = Vec::new();
        for number in 0..250_u8 {
            if unacknowledged.len() == usize::from(window) {
                assert!(connection.is_silent_for(SILENCE).await, "the window is full");
                for token in unacknowledged.drain(..) {
                    connection.acknowledge(token).await;
                }
            }
            let (ack, payload) = connection.telemetry().await;
            assert_eq!(payload, [number], "window {window}");
            unacknowledged.push(ack.unwrap());
        }
        // In whatever order they are acknowledged, each is told of its own.
        for token in unacknowledged.into_iter().rev() {
            connection.acknowledge(token).await;
        }
        for delivery in deliveries {
            assert_eq!(delivery.await, Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn they_keep_their_order_from_one_connection_to_the_next() {
    for session in [Session::Resume, Session::Fresh] {
        let (mut hub, device, mut connection) = Hub::with_device(options(CLASSIC).window(3)).await;
        let deliveries = enqueue(&device, 0..6).await;
        acknowledge_next(&mut connection, 0).await;
        for number in [1, 2, 3] {
            assert_eq!(connection.telemetry().await.1, [number]);
        }
        drop(connection);
        let late = device.enqueue(numbered(6)).await;
        let mut connection = hub.arrival().await;
        connection.accept(session).await;
        for number in 1..=6 {
            acknowledge_next(&mut connection, number).await;
        }
        for delivery in deliveries.into_iter().chain([late]) {
            assert_eq!(delivery.await, Ok(()), "{session:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_can_go_out_goes_out_in_one_write() {
    let (device, mut connection, writes) = with_counted_writes(options(CLASSIC).window(100)).await;
    let before = writes.load(Ordering::Relaxed);
    let deliveries = enqueue(&device, 0..50).await;
    for number in 0..50 {
        acknowledge_next(&mut connection, number).await;
    }
    for delivery in deliveries {
        assert_eq!(delivery.await, Ok(()));
    }
    assert_eq!(writes.load(Ordering::Relaxed) - before, 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_full_window_goes_out_in_few_writes() {
    let (device, mut connection, writes) = with_counted_writes(options(CLASSIC).window(16)).await;
    let before = writes.load(Ordering::Relaxed);
    let deliveries = enqueue(&device, 0..48).await;
    let mut unacknowledged = VecDeque::new();
    for number in 0..48 {
        if number >= 16 && number % 4 == 0 {
            // Each acknowledgement comes by itself.
            for token in unacknowledged.drain(..4) {
                assert!(connection.is_silent_for(SILENCE).await, "before {number}");
                connection.acknowledge(token).await;
            }
        }
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload, [number]);
        unacknowledged.push_back(ack.unwrap());
    }
    assert_eq!(writes.load(Ordering::Relaxed) - before, 1 + 32 / 4);
    drop(deliveries);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_opens_for_several_messages_at_once() {
    // Where the hub asks for less than the device would do, that is the window.
    for (dialect, asked) in [(CLASSIC, None), (Dialect::Preview5, Some(16))] {
        let options = options(dialect).window(if asked.is_some() { 100 } else { 16 });
        let (_hub, device, mut connection) = with_device_and_hub_of(options, asked).await;
        let deliveries = enqueue(&device, 0..23).await;
        let mut unacknowledged = VecDeque::new();
        for number in 0..16 {
            let (ack, payload) = connection.telemetry().await;
            assert_eq!(payload, [number]);
            unacknowledged.push_back(ack.unwrap());
        }
        // A quarter of it has to be free for some of many, and as much as they need for all.
        for (acknowledged, numbers) in [(4, 16..20), (3, 20..23)] {
            for _ in 0..acknowledged {
                assert!(connection.is_silent_for(SILENCE).await, "{dialect}: before {numbers:?}");
                connection.acknowledge(unacknowledged.pop_front().unwrap()).await;
            }
            for number in numbers {
                let (ack, payload) = connection.telemetry().await;
                assert_eq!(payload, [number], "{dialect}");
                unacknowledged.push_back(ack.unwrap());
            }
        }
        // With nothing else that waits, each goes as soon as it can.
        let last = device.enqueue(numbered(23)).await;
        assert!(connection.is_silent_for(SILENCE).await, "{dialect}: the window is full");
        connection.acknowledge(unacknowledged.pop_front().unwrap()).await;
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload, [23]);
        for token in unacknowledged.into_iter().chain(ack) {
            connection.acknowledge(token).await;
        }
        for delivery in deliveries.into_iter().chain([last]) {
            assert_eq!(delivery.await, Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_message_has_a_time_of_its_own_connected_or_not() {
    for connected in [true, false] {
        let never = Backoff { base: Duration::from_secs(900), longest: Duration::from_secs(900) };
        // What goes out first leaves no room for the others.
        let options = options(CLASSIC).window(1).backoff(never).keep_alive(0);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let began = Clock::start();
        let first = device.enqueue(numbered(0).deadline(Duration::from_secs(300))).await;
        assert_eq!(connection.telemetry().await.1, [0]);
        let mut kept = connected.then_some(connection);
        let mut deliveries = Vec::new();
        for (number, after) in [(1, 7), (2, 40), (3, 2), (4, 2)] {
            let after = Duration::from_secs(after);
            deliveries.push((after, device.enqueue(numbered(number).deadline(after)).await));
        }
        deliveries.push((Duration::from_secs(30), device.enqueue(numbered(5)).await));
        deliveries.push((Duration::from_secs(300), first));
        deliveries.sort_by_key(|(after, _)| *after);
        for (after, delivery) in deliveries {
            assert_eq!(delivery.await, Err(SendError::TimedOut { after }));
            assert_eq!(elapsed(began).as_secs(), after.as_secs(), "{connected}");
        }
        if let Some(connection) = &mut kept {
            assert!(connection.is_silent_for(Duration::from_secs(1)).await, "the others never go out");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_comes_too_late_makes_room_for_the_next() {
    let (_hub, device, mut connection) = Hub::with_device(options(CLASSIC).window(1)).await;
    let after = Duration::from_secs(2);
    let first = device.enqueue(numbered(0).deadline(after)).await;
    let second = device.enqueue(numbered(1)).await;
    let (ack, _) = connection.telemetry().await;
    assert_eq!(first.await, Err(SendError::TimedOut { after }));
    assert!(connection.is_silent_for(Duration::from_secs(1)).await, "it is still on its way");
    connection.acknowledge(ack.unwrap()).await;
    acknowledge_next(&mut connection, 1).await;
    assert_eq!(second.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn without_room_a_message_comes_back_or_waits() {
    for (messages, bytes) in [(2, 1_000), (100, 2)] {
        let options = options(CLASSIC).window(1).waiting_messages(messages).waiting_bytes(bytes);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut deliveries = enqueue(&device, [0]).await;
        assert_eq!(connection.telemetry().await.1, [0]);
        deliveries.extend([1, 2].map(|number| device.try_enqueue(numbered(number)).unwrap()));
        let full = device.try_enqueue(numbered(9)).unwrap_err();
        assert!(matches!(full, EnqueueError::Full(_)), "{full}");
        assert_eq!(full.into_message().payload, [9_u8][..]);

        let given_up = device.enqueue(numbered(9));
        assert!(tokio::time::timeout(Duration::from_secs(1), given_up).await.is_err());
        let waiting = tokio::spawn({
            let device = device.clone();
            async move { device.enqueue(numbered(3)).await.await }
        });
        let after = Duration::from_secs(5);
        let impatient = device.enqueue(numbered(9).deadline(after)).await;
        assert_eq!(impatient.await, Err(SendError::TimedOut { after }));

        connection.acknowledge(iothub_proto::AckToken::FIRST).await;
        for number in 1..=3 {
            acknowledge_next(&mut connection, number).await;
        }
        for delivery in deliveries {
            assert_eq!(delivery.await, Ok(()));
        }
        assert_eq!(waiting.await.unwrap(), Ok(()));
        device.clone().close().await;
        let closed = device.try_enqueue(numbered(9)).unwrap_err();
        assert!(matches!(closed, EnqueueError::Closed(_)), "{closed}");
        assert_eq!(device.enqueue(numbered(9)).await.await, Err(SendError::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_sent_all_the_same() {
    let (_hub, device, mut connection) = Hub::with_device(options(CLASSIC)).await;
    drop(device.enqueue(numbered(0)).await);
    acknowledge_next(&mut connection, 0).await;
}

#[tokio::test(start_paused = true)]
async fn closing_tells_of_all_that_has_not_been_acknowledged() {
    let (_hub, device, mut connection) = Hub::with_device(options(CLASSIC).window(1)).await;
    let deliveries = enqueue(&device, 0..3).await;
    assert_eq!(connection.telemetry().await.1, [0]);
    let closing = tokio::spawn(async move { device.close().await });
    for delivery in deliveries {
        assert_eq!(delivery.await, Err(SendError::Closed));
    }
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_over_before_the_end_goes_out_before_it() {
    let (_hub, device, mut connection) = Hub::with_device(options(CLASSIC)).await;
    for number in 0..3 {
        drop(device.try_enqueue(numbered(number)).unwrap());
    }
    // The driver finds all of it at once.
    tokio::join!(device.close(), async {
        for number in 0..3 {
            assert_eq!(connection.telemetry().await.1, [number]);
        }
        assert_eq!(connection.next().await, Did::SaidGoodbye);
    });
}

#[tokio::test(start_paused = true)]
async fn a_window_is_filled_with_messages_that_are_more_than_is_written_ahead() {
    for wide in [false, true] {
        let wire = |wire: Wire| if wide { wire.wide() } else { wire };
        let options = options(CLASSIC).window(16).waiting_bytes(2_000_000);
        let (_hub, device, mut connection) = Hub::with_device_over(wire, options).await;
        let long = |number: u8| Message::new(vec![number; 70_000]);
        let deliveries: Vec<_> = (0..24).map(|number| device.try_enqueue(long(number)).unwrap()).collect();
        let mut sent = 0..;
        for count in [16, 4, 4] {
            let mut tokens = Vec::new();
            for number in sent.by_ref().take(count) {
                let (ack, payload) = connection.telemetry().await;
                assert_eq!(payload.first(), Some(&number), "on a wide wire: {wide}");
                tokens.push(ack.unwrap());
            }
            assert!(connection.is_silent_for(SILENCE).await);
            for token in tokens.into_iter().take(4) {
                connection.acknowledge(token).await;
            }
        }
        drop(deliveries);
    }
}

#[tokio::test(start_paused = true)]
async fn another_hub_may_take_fewer_than_are_unacknowledged() {
    let options = options(Dialect::Preview5).window(100);
    let (mut hub, device, mut connection) = with_device_and_hub_of(options, Some(100)).await;
    let deliveries = enqueue(&device, 0..120).await;
    for number in 0..100 {
        assert_eq!(connection.telemetry().await.1, [number]);
    }
    drop(connection);
    let mut connection = hub.arrival().await;
    connection.limits.receive_maximum = 16;
    connection.accept(Session::Resume).await;
    let mut unacknowledged = VecDeque::new();
    for number in 0..120 {
        // It has all that it takes, and no more until it says so.
        if number >= 16 {
            let ready = number < 100 || number % 4 == 0;
            let acknowledged = if number < 100 {
                1
            } else if ready {
                4
            } else {
                0
            };
            for _ in 0..acknowledged {
                assert!(connection.is_silent_for(SILENCE).await, "before {number}");
                connection.acknowledge(unacknowledged.pop_front().unwrap()).await;
            }
        }
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload, [number]);
        unacknowledged.push_back(ack.unwrap());
    }
    for token in unacknowledged {
        connection.acknowledge(token).await;
    }
    for delivery in deliveries {
        assert_eq!(delivery.await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_full_window_lets_out_what_has_room() {
    let (_hub, device, mut connection) = Hub::with_device(options(CLASSIC).window(16)).await;
    for number in 0..18 {
        drop(device.try_enqueue(numbered(number)).unwrap());
    }
    let (first, _) = connection.telemetry().await;
    for number in 1..16 {
        assert_eq!(connection.telemetry().await.1, [number]);
    }
    connection.acknowledge(first.unwrap()).await;
    assert!(connection.is_silent_for(SILENCE).await, "it is not open yet");
    tokio::join!(device.close(), async {
        assert_eq!(connection.telemetry().await.1, [16]);
        assert_eq!(connection.next().await, Did::SaidGoodbye);
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_told_by_its_delivery() {
    let (_hub, device, _connection) = Hub::with_device(options(CLASSIC)).await;
    let long = || Message::new(vec![0; Message::SIZE_MAX + 1]);
    let limit = Message::SIZE_MAX;
    for delivery in [device.enqueue(long()).await, device.try_enqueue(long()).unwrap()] {
        assert_eq!(delivery.await, Err(SendError::TooLarge { size: limit + 1, limit }));
    }
}

/// Counts the writes of all its streams.
struct Counted {
    wire: Wire,
    writes: Arc<AtomicUsize>,
}

struct CountedStream {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl Transport for Counted {
    type Stream = CountedStream;

    async fn connect(&self) -> Result<CountedStream, ConnectError> {
        Ok(CountedStream { stream: self.wire.connect().await?, writes: Arc::clone(&self.writes) })
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
