use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Channels, Codec, DeviceId, Dialect, Identity, Input, ModuleId, Qos, Text};
use iothub_proto::{AckToken, Instant, Packet};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use super::calls::{SOON, answered, command};
use super::hub::{Connection, Did, Hub, dialects, options, options_of};
use crate::commands::Undone;
use crate::device::Device;
use crate::methods::{Invocation, MethodResponse};

#[derive(Deserialize)]
struct Turn {
    d: u16,
}

async fn listening(options: crate::options::Options) -> (Hub, Device, Connection) {
    Hub::with_device(options.subscribe(Channels::METHODS | Channels::COMMANDS)).await
}

async fn call_with(connection: &mut Connection, name: &'static str, payload: &'static [u8]) {
    let now = Instant::default();
    connection.say(|session, out| session.call(now, SOON, name, payload, out).unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_typed_handler_takes_and_gives_what_its_types_say() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = listening(options(dialect)).await;
        let turn = async |turn: Turn, _: Invocation| match turn.d {
            0..=90 => Ok(json!({ "moved": turn.d })),
            _ => Err(MethodResponse::raw(409, "")),
        };
        let turning = device.on_method("turn", turn);
        let testing = device.on_method("test", async |(), call: Invocation| Ok(call.name));
        tokio::try_join!(turning, testing).unwrap();
        let wrong = "the argument is not what the method takes: missing field `d` at line 1 column 2";
        let wrong = json!({ "message": wrong }).to_string();
        for (name, argument, expected) in [
            ("turn", &br#"{"d":45}"#[..], answered(200, br#"{"moved":45}"#)),
            ("turn", br#"{"d":91}"#, answered(409, b"")),
            ("turn", b"{}", answered(400, wrong.as_bytes())),
            ("test", b"", answered(200, br#""test""#)),
            ("other", b"", answered(404, &MethodResponse::UNKNOWN.payload)),
        ] {
            call_with(&mut connection, name, argument).await;
            assert_eq!(connection.next().await, expected, "{name}");
        }
        device
            .on_any_method(async |name, payload: Bytes| {
                MethodResponse::new(201, json!([name, payload.len()]))
            })
            .await
            .unwrap();
        device.on_method("turn", async |_: Turn, _| Ok(())).await.unwrap();
        for (name, expected) in
            [("other", answered(201, br#"["other",8]"#)), ("turn", answered(200, b"null"))]
        {
            call_with(&mut connection, name, br#"{"d":91}"#).await;
            assert_eq!(connection.next().await, expected, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_bad_argument_repeats_of_the_caller_is_cut() {
    let (_hub, device, mut connection) = listening(options(Dialect::Classic)).await;
    #[derive(Deserialize)]
    enum Word {}
    device.on_method("m", async |_: Word, _| Ok(())).await.unwrap();
    let long: &'static str = format!("\"{}\"", "x".repeat(400)).leak();
    call_with(&mut connection, "m", long.as_bytes()).await;
    let Did::Answered { code: 400, payload, .. } = connection.next().await else { panic!("no answer") };
    assert!((256..350).contains(&payload.len()), "{}", payload.len());
}

/// Counts down when it is dropped.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_the_caller_told() {
    for dialect in dialects() {
        let options = options(dialect).call_timeout(Duration::from_secs(20)).calls_at_once(1).keep_alive(0);
        let (_hub, device, mut connection) = listening(options).await;
        let (running, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = (Arc::clone(&running), Arc::clone(&begun));
        let hang = move |(): (), call: Invocation| {
            let running = Running::new(&counters.0);
            counters.1.fetch_add(1, Ordering::Relaxed);
            async move {
                assert_eq!(call.remaining(), Duration::from_secs(20));
                tokio::time::sleep_until(call.deadline() + Duration::from_secs(1)).await;
                drop(running);
                Ok(())
            }
        };
        device.on_method("hang", hang).await.unwrap();
        call_with(&mut connection, "hang", b"").await;
        call_with(&mut connection, "hang", b"").await;
        assert!(connection.is_silent_for(Duration::from_secs(19)).await);
        assert_eq!(running.load(Ordering::Relaxed), 1);
        for _ in 0..2 {
            let outcome = tokio::time::timeout(Duration::from_secs(2), connection.next()).await;
            assert_eq!(outcome, Ok(answered(504, &MethodResponse::OVERRUN.payload)));
        }
        assert_eq!(running.load(Ordering::Relaxed), 0);
        assert_eq!(begun.load(Ordering::Relaxed), 1, "the second had no time left");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_handlers_run_at_a_time() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = listening(options(dialect).calls_at_once(2)).await;
        let (gate, running) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::new(AtomicUsize::new(0));
        let (pass, counter, most) = (Arc::clone(&gate), Arc::clone(&running), Arc::clone(&seen));
        let handler = move |(): (), _| {
            let (pass, running) = (Arc::clone(&pass), Running::new(&counter));
            most.fetch_max(counter.load(Ordering::Relaxed), Ordering::Relaxed);
            async move {
                pass.acquire().await.unwrap().forget();
                drop(running);
                Ok(())
            }
        };
        device.on_method("m", handler).await.unwrap();
        for _ in 0..5 {
            call_with(&mut connection, "m", b"").await;
        }
        assert!(connection.is_silent_for(SOON).await);
        assert_eq!(running.load(Ordering::Relaxed), 2);
        gate.add_permits(5);
        for _ in 0..5 {
            assert_eq!(connection.next().await, answered(200, b"null"));
        }
        assert_eq!(seen.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_delivered_again_is_run_once_and_its_answer_repeated() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = listening(options(dialect)).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&runs);
        let handler = move |(): (), _| {
            let run = counter.fetch_add(1, Ordering::Relaxed);
            async move { Ok(run) }
        };
        device.on_method("m", handler).await.unwrap();
        let now = Instant::default();
        // Twice before its answer, which is then given once.
        connection.say_times(2, |session, out| session.call(now, SOON, "m", b"", out).unwrap()).await;
        assert_eq!(connection.next().await, answered(200, b"0"));
        assert!(connection.is_silent_for(SOON).await);
        let (_, packet) = connection
            .say(|session, out| {
                let (ticket, packet) = session.call(now, SOON, "m", b"", out).unwrap();
                ((ticket, iothub_hub::PacketBuf::new(&packet).unwrap()), packet)
            })
            .await;
        assert_eq!(connection.next().await, answered(200, b"1"));
        connection.send(&packet.as_packet()).await;
        assert_eq!(connection.next().await, Did::AnsweredAgain);
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_open_when_the_device_is_closed_are_answered() {
    for dialect in dialects() {
        for by_dropping in [false, true] {
            let (_hub, device, mut connection) = listening(options(dialect).calls_at_once(1)).await;
            let running = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&running);
            let hang = move |(): (), _| {
                let running = Running::new(&counter);
                async move {
                    core::future::pending::<()>().await;
                    drop(running);
                    Ok(())
                }
            };
            device.on_method("hang", hang).await.unwrap();
            // One is handled, and the other waits.
            call_with(&mut connection, "hang", b"").await;
            call_with(&mut connection, "hang", b"").await;
            assert!(connection.is_silent_for(SOON).await);
            assert_eq!(running.load(Ordering::Relaxed), 1);
            let closing = tokio::spawn(async move {
                if !by_dropping {
                    device.close().await;
                }
            });
            for _ in 0..2 {
                assert_eq!(connection.next().await, answered(503, &MethodResponse::CUT_OFF.payload));
            }
            assert_eq!(connection.next().await, Did::SaidGoodbye);
            assert_eq!(connection.next().await, Did::Closed);
            closing.await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(running.load(Ordering::Relaxed), 0, "no handler outlives its device");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_holds_its_device_goes_when_the_device_is_closed() {
    let (_hub, device, mut connection) = listening(options(Dialect::Classic)).await;
    let holds = Arc::new(AtomicUsize::new(0));
    let held = (device.clone(), Running::new(&holds));
    let handler = move |(): (), _| {
        let _ = &held;
        async { Ok(()) }
    };
    device.on_method("m", handler).await.unwrap();
    let closing = tokio::spawn(device.close());
    assert_eq!(connection.next().await, Did::SaidGoodbye);
    assert_eq!(connection.next().await, Did::Closed);
    closing.await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(holds.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_being_handled_is_dropped_with_its_device() {
    for dialect in dialects() {
        for has_begun in [false, true] {
            let (_hub, device, mut connection) = listening(options(dialect)).await;
            let (running, holds) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (counter, held) = (Arc::clone(&running), (device.clone(), Running::new(&holds)));
            let hang = move |_, _| {
                let (running, _) = (Running::new(&counter), &held);
                async move {
                    core::future::pending::<()>().await;
                    drop(running);
                    Ok(())
                }
            };
            device.on_command(hang).await.unwrap();
            if has_begun {
                command(&mut connection, b"c").await;
                command(&mut connection, b"d").await;
            }
            assert!(connection.is_silent_for(SOON).await);
            assert_eq!(running.load(Ordering::Relaxed), usize::from(has_begun));
            let closing = tokio::spawn(device.close());
            assert_eq!(connection.next().await, Did::SaidGoodbye);
            assert_eq!(connection.next().await, Did::Closed);
            closing.await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(running.load(Ordering::Relaxed), 0, "no handler outlives its device");
            assert_eq!(holds.load(Ordering::Relaxed), 0, "nor does what it holds");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_comes_too_late_or_is_replaced_is_let_go() {
    let (_hub, device, connection) = listening(options(Dialect::Classic)).await;
    let holds = Arc::new(AtomicUsize::new(0));
    let handler = || {
        let held = (device.clone(), Running::new(&holds));
        move |(): (), _: Invocation| {
            let _ = &held;
            async { Ok::<(), MethodResponse>(()) }
        }
    };
    for _ in 0..3 {
        device.on_method("m", handler()).await.unwrap();
    }
    assert_eq!(holds.load(Ordering::Relaxed), 1);
    drop(connection);
    device.clone().close().await;
    let late = device.on_method("m", handler()).await;
    assert_eq!(late, Err(crate::error::SubscribeError::Closed));
    // One task may have to end before another.
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(holds.load(Ordering::Relaxed), 0);
}

/// Listens anew when it is dropped.
struct Returning(Device);

impl Drop for Returning {
    fn drop(&mut self) {
        drop(self.0.on_method("last", async |(), _| Ok("last")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_replaced_handler_drops_may_listen_by_itself() {
    let (_hub, device, mut connection) = listening(options(Dialect::Classic)).await;
    let (first, other) = (Returning(device.clone()), Returning(device.clone()));
    let holding = move |(): (), _: Invocation| {
        let _ = &first;
        async { Ok(()) }
    };
    device.on_method("m", holding).await.unwrap();
    device.on_method("m", async |(), _| Ok("second")).await.unwrap();
    let holding = move |_: String, _: Bytes| {
        let _ = &other;
        async { MethodResponse::BUSY }
    };
    device.on_any_method(holding).await.unwrap();
    device.on_any_method(async |_, _| MethodResponse::UNKNOWN).await.unwrap();
    for (name, expected) in [("m", &br#""second""#[..]), ("last", br#""last""#)] {
        call_with(&mut connection, name, b"").await;
        assert_eq!(connection.next().await, answered(200, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_long_is_a_failure_for_the_caller() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = listening(options(dialect)).await;
        device.on_method("dump", async |(), _| Ok("x".repeat(300_000))).await.unwrap();
        call_with(&mut connection, "dump", b"").await;
        assert_eq!(connection.next().await, answered(500, &MethodResponse::FAILED.payload));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_settled_as_its_handler_ends() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = listening(options(dialect).keep_alive(0)).await;
        let (begun, mut beginnings) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let pass = Arc::clone(&gate);
        let handler = move |payload: Bytes, properties: crate::properties::Properties| {
            assert_eq!(properties.get("color"), Some("red"));
            begun.send(payload.clone()).unwrap();
            assert!(&payload[..] != b"panic at once", "as the test wants it");
            let pass = Arc::clone(&pass);
            async move {
                pass.acquire().await.unwrap().forget();
                match &payload[..] {
                    b"again" => Err(Undone::Again),
                    b"never" => Err(Undone::Never),
                    b"panic" => panic!("as the test wants it"),
                    _ => Ok(()),
                }
            }
        };
        device.on_command(handler).await.unwrap();
        for (payload, permits) in
            [(&b"again"[..], 1), (b"never", 1), (b"panic", 1), (b"panic at once", 0), (b"done", 1)]
        {
            let token = command(&mut connection, payload).await;
            assert_eq!(beginnings.recv().await.as_deref(), Some(payload));
            if permits > 0 {
                assert!(connection.is_silent_for(SOON).await, "not before its handler is done");
            }
            gate.add_permits(permits);
            let expected = match (payload, dialect) {
                (b"done", _) => Did::Completed(token),
                (b"never", Dialect::Preview5) => Did::Rejected(token),
                (_, Dialect::Preview5) => Did::Abandoned(token),
                _ => {
                    assert!(connection.is_silent_for(SOON).await, "it is the hub's still");
                    continue;
                }
            };
            assert_eq!(connection.next().await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn commands_are_handled_in_their_order_unless_several_are_at_once() {
    for at_once in [1, 3] {
        let options = options(Dialect::Classic).commands_at_once(at_once);
        let (_hub, device, mut connection) = listening(options).await;
        let running = Arc::new(AtomicUsize::new(0));
        let (gate, counter) = (Arc::new(Semaphore::new(0)), Arc::clone(&running));
        let pass = Arc::clone(&gate);
        let handler = move |_, _| {
            let (pass, running) = (Arc::clone(&pass), Running::new(&counter));
            async move {
                pass.acquire().await.unwrap().forget();
                drop(running);
                Ok(())
            }
        };
        device.on_command(handler).await.unwrap();
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(command(&mut connection, b"c").await);
        }
        assert!(connection.is_silent_for(SOON).await);
        assert_eq!(running.load(Ordering::Relaxed), at_once);
        gate.add_permits(5);
        for token in tokens {
            assert_eq!(connection.next().await, Did::Completed(token));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_for_an_input_is_completed_when_its_handler_is_done() {
    let module = options_of("DeviceId=dev-1;ModuleId=m").subscribe(Channels::INPUTS);
    let (_hub, device, mut connection) = Hub::with_device(module).await;
    let handler = async |input: String, payload: Bytes, _| {
        if input == "in1" && &payload[..] == b"5" { Ok(()) } else { Err(Undone::Never) }
    };
    device.on_input(handler).await.unwrap();
    let identity = Identity::module(DeviceId::new("dev-1").unwrap(), ModuleId::new("m").unwrap());
    let codec = Codec::new(Dialect::Classic, identity);
    let mut token = AckToken::FIRST;
    for (payload, is_done) in [(&b"5"[..], true), (b"6", false)] {
        let input = Input { name: Text::plain("in1"), payload, qos: Qos::AtLeastOnce, ..Input::default() };
        let mut out = [0; 64];
        let publish = codec.encode(&input, &mut out).unwrap();
        connection.send(&Packet::Publish { ack: Some(token), publish }).await;
        if is_done {
            assert_eq!(connection.next().await, Did::Acknowledged(token));
        } else {
            assert!(connection.is_silent_for(SOON).await);
        }
        token = token.next();
    }
}
