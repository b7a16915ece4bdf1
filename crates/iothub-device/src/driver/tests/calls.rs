use core::time::Duration;

use iothub_codec::{Channels, Command, Content, Dialect, Properties, Qos, Status, SystemProperty, Text};
use iothub_proto::{AckToken, Delivery, Instant, Session};
use serde_json::json;

use super::hub::{CALLS, Connection, Did, Hub, Wire, dialects, options, options_of};
use crate::error::{AnswerError, SubscribeError};
use crate::methods::MethodResponse;

pub(super) const SOON: Duration = Duration::from_secs(5);

pub(super) async fn call(connection: &mut Connection, name: &'static str) {
    let now = Instant::default();
    connection.say(|session, out| session.call(now, SOON, name, br#"{"d":5}"#, out).unwrap()).await;
}

pub(super) async fn command(connection: &mut Connection, payload: &'static [u8]) -> AckToken {
    let properties = Properties::new(said_of_commands(connection.dialect), &[("color", "red")]);
    let command = Command { payload, properties, qos: Qos::AtLeastOnce };
    let sent =
        connection.say(move |session, out| session.command(&command, Delivery::First, out).unwrap()).await;
    sent.expect("the device subscribes at QoS 1")
}

/// What must be said of a command in each dialect, and its name.
fn said_of_commands(dialect: Dialect) -> &'static [(SystemProperty, &'static str)] {
    const SAID: &[(SystemProperty, &str)] = &[
        (SystemProperty::MessageId, "c1"),
        (SystemProperty::SequenceNumber, "7"),
        (SystemProperty::EnqueuedTime, "1893456000000"),
        (SystemProperty::DeliveryCount, "1"),
        (SystemProperty::Expiry, "1893459600000"),
    ];
    match dialect {
        Dialect::Classic => &SAID[..1],
        Dialect::Preview5 => &SAID[..4],
        Dialect::Preview311 | _ => SAID,
    }
}

pub(super) fn answered(code: i32, payload: &[u8]) -> Did {
    Did::Answered { code, payload: payload.to_vec(), content_type: None }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_by_the_application() {
    for dialect in dialects() {
        let (_hub, device, connection) = Hub::with_device(options(dialect)).await;
        let listening = tokio::spawn(async move { (device.methods().await, device) });
        let (listening, mut connection) = connection.during(listening).await;
        let (methods, _device) = listening.unwrap();
        call(&mut connection, "reboot").await;
        let call = methods.unwrap().next().await.unwrap();
        assert_eq!(
            (call.name.as_str(), call.json::<serde_json::Value>().unwrap()),
            ("reboot", json!({ "d": 5 }))
        );
        // Only the classic dialect has numbers below zero.
        let code = if dialect == Dialect::Classic { -7 } else { 207 };
        call.reply(MethodResponse::new(code, json!({ "in": "5 s" }))).await.unwrap();
        assert_eq!(connection.next().await, answered(code, br#"{"in":"5 s"}"#));
    }
}

#[tokio::test(start_paused = true)]
async fn what_payloads_are_is_told_both_ways_where_that_can_be_said() {
    let cbor =
        MethodResponse { content_type: Some("application/cbor".into()), ..MethodResponse::raw(200, "x") };
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::METHODS);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut methods = device.methods().await.unwrap();
        if dialect == Dialect::Classic {
            call(&mut connection, "reboot").await;
            let call = methods.next().await.unwrap();
            assert_eq!((&call.content_type, &call.content_encoding), (&None, &None));
            let Err(AnswerError::NotExpressible(why)) = call.reply(cbor.clone()).await else {
                panic!("it is")
            };
            assert_eq!(why.elsewhere, [Dialect::Preview311, Dialect::Preview5]);
            continue;
        }
        let said = Content { media_type: Some(Text::plain("text/csv")), encoding: None };
        let now = Instant::default();
        connection
            .say(|session, out| session.call_with_content(now, SOON, "plot", b"1,2", said, out).unwrap())
            .await;
        let call = methods.next().await.unwrap();
        assert_eq!((call.content_type.as_deref(), &call.content_encoding), (Some("text/csv"), &None));
        call.reply(cbor.clone()).await.unwrap();
        let content_type = cbor.content_type.clone();
        let answer = Did::Answered { code: 200, payload: b"x".to_vec(), content_type };
        assert_eq!(connection.next().await, answer, "{dialect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_answered_all_the_same() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        let mut methods = device.methods().await.unwrap();
        call(&mut connection, "reboot").await;
        drop(methods.next().await.unwrap());
        assert_eq!(connection.next().await, answered(500, &MethodResponse::FAILED.payload));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_together_are_all_answered() {
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::METHODS).waiting_calls(CALLS);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut methods = device.methods().await.unwrap();
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            call(&mut connection, "reboot").await;
            calls.push(methods.next().await.unwrap());
        }
        drop(calls);
        for _ in 0..CALLS {
            assert_eq!(connection.next().await, answered(500, &MethodResponse::FAILED.payload));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_behind_long_ones_goes_out_at_once() {
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::METHODS).keep_alive(0);
        let (_hub, device, mut connection) = Hub::with_device_over(Wire::wide, options).await;
        let mut methods = device.methods().await.unwrap();
        let mut next_call = async |connection: &mut Connection| {
            call(connection, "log").await;
            methods.next().await.unwrap()
        };
        let first = next_call(&mut connection).await;
        let second = next_call(&mut connection).await;
        let third = next_call(&mut connection).await;
        // Longer than what the device has wait for a socket before it takes more answers.
        let long = MethodResponse::raw(200, vec![b'x'; 70 * 1024]);
        // All three are there before the driver runs. It is woken once, and finds that it was rung for once more.
        let replying = tokio::spawn(async move {
            tokio::join!(
                first.reply(long.clone()),
                second.reply(long),
                third.reply(MethodResponse::raw(204, ""))
            )
        });
        for _ in 0..2 {
            let answer = connection.next().await;
            assert!(matches!(answer, Did::Answered { code: 200, .. }), "{answer:?}");
        }
        let short = tokio::time::timeout(SOON, connection.next()).await;
        assert_eq!(short.expect("it waits for nothing else"), answered(204, b""));
        let (first, second, third) = replying.await.unwrap();
        first.and(second).and(third).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_waits_for_any_longer_is_the_only_one() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        let mut methods = device.methods().await.unwrap();
        call(&mut connection, "reboot").await;
        let mut replying = Box::pin(methods.next().await.unwrap().reply(MethodResponse::raw(200, "")));
        tokio::select! {
            biased;
            outcome = &mut replying => panic!("before the driver has run: {outcome:?}"),
            () = core::future::ready(()) => {}
        }
        drop(replying);
        assert_eq!(connection.next().await, answered(200, b""));
        assert!(connection.is_silent_for(SOON).await, "one answer is enough");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_answered_for_and_the_next_call_is_handled() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        let handler = async |name: String, _| match name.as_str() {
            "panic" => panic!("as the test wants it"),
            _ => MethodResponse::raw(200, name),
        };
        device.on_any_method(handler).await.unwrap();
        call(&mut connection, "panic").await;
        assert_eq!(connection.next().await, answered(500, &MethodResponse::FAILED.payload));
        call(&mut connection, "reboot").await;
        assert_eq!(connection.next().await, answered(200, b"reboot"));
    }
}

#[tokio::test(start_paused = true)]
async fn so_is_one_that_panics_before_there_is_anything_to_wait_for() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        let handler = |name: String, _| {
            assert!(name != "panic", "as the test wants it");
            core::future::ready(MethodResponse::raw(200, name))
        };
        device.on_any_method(handler).await.unwrap();
        call(&mut connection, "panic").await;
        assert_eq!(connection.next().await, answered(500, &MethodResponse::FAILED.payload));
        call(&mut connection, "reboot").await;
        assert_eq!(connection.next().await, answered(200, b"reboot"));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_those_that_may_wait_are_turned_away() {
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::METHODS).waiting_calls(2);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        for _ in 0..3 {
            call(&mut connection, "reboot").await;
        }
        assert_eq!(connection.next().await, answered(503, &MethodResponse::BUSY.payload));
        let mut methods = device.methods().await.unwrap();
        for _ in 0..2 {
            methods.next().await.unwrap().reply(MethodResponse::raw(200, "")).await.unwrap();
            assert_eq!(connection.next().await, answered(200, b""));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_old_connection_asked_is_not_answered_on_the_next() {
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::METHODS | Channels::COMMANDS);
        let (mut hub, device, mut connection) = Hub::with_device(options).await;
        let (mut methods, mut commands) = (device.methods().await.unwrap(), device.commands().await.unwrap());
        call(&mut connection, "fetched").await;
        command(&mut connection, b"fetched").await;
        let (old_call, old_command) = (methods.next().await.unwrap(), commands.next().await.unwrap());
        call(&mut connection, "waiting").await;
        command(&mut connection, b"waiting").await;
        assert!(connection.is_silent_for(SOON).await);
        drop(connection);
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        assert!(connection.is_silent_for(SOON).await);

        assert_eq!(old_call.reply(MethodResponse::raw(200, "")).await, Err(AnswerError::Disconnected));
        assert_eq!(old_command.complete().await, Err(AnswerError::Disconnected));
        assert!(connection.is_silent_for(SOON).await, "nothing is acknowledged by mistake");
        let again = command(&mut connection, b"again").await;
        let received = commands.next().await.unwrap();
        assert_eq!(&received.payload[..], b"again", "what waited in the old connection is not given out");
        received.complete().await.unwrap();
        assert_eq!(connection.next().await, Did::Completed(again));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_acknowledged_when_the_application_says_so_and_not_before() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::COMMANDS)).await;
        let mut commands = device.commands().await.unwrap();
        command(&mut connection, b"dropped").await;
        let second = command(&mut connection, b"completed").await;

        drop(commands.next().await.unwrap());
        let received = commands.next().await.unwrap();
        assert_eq!(received.properties.system(SystemProperty::MessageId), Some("c1"));
        assert_eq!(received.properties.get("color"), Some("red"));
        assert!(connection.is_silent_for(SOON).await);
        received.complete().await.unwrap();
        assert_eq!(connection.next().await, Did::Completed(second));
        assert!(connection.is_silent_for(SOON).await);
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_module_has_inputs_and_only_in_the_classic_dialect() {
    for dialect in dialects() {
        for (who, elsewhere) in
            [("DeviceId=dev-1;ModuleId=m", &[Dialect::Classic][..]), ("DeviceId=dev-1", &[])]
        {
            let (_hub, device, connection) = Hub::with_device(options_of(who).dialect(dialect)).await;
            let listening = tokio::spawn(async move { (device.inputs().await.map(drop), device) });
            let (outcome, _connection) = connection.during(listening).await;
            match outcome.unwrap().0 {
                Ok(()) => assert!(elsewhere.contains(&dialect), "{who}"),
                Err(SubscribeError::NotExpressible(error)) => {
                    assert_eq!((error.dialect, &error.elsewhere[..]), (dialect, elsewhere), "{who}");
                }
                Err(error) => panic!("{who}: {error}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_given_back_where_that_can_be_said_and_comes_again_where_not() {
    for dialect in dialects() {
        let options = options(dialect).subscribe(Channels::COMMANDS).keep_alive(0);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut commands = device.commands().await.unwrap();
        let first = command(&mut connection, b"later").await;
        let second = command(&mut connection, b"never").await;
        let later = commands.next().await.unwrap().abandon().await;
        let never = commands.next().await.unwrap().reject().await;
        if dialect == Dialect::Preview5 {
            assert_eq!((later, never), (Ok(()), Ok(())));
            assert_eq!(connection.next().await, Did::Abandoned(first));
            assert_eq!(connection.next().await, Did::Rejected(second));
            continue;
        }
        for (outcome, verb) in [(later, "abandoned"), (never, "rejected")] {
            let expected =
                format!("that a command is {verb}: the dialect {dialect} cannot say it; preview5 can");
            assert_eq!(outcome.unwrap_err().to_string(), expected);
        }
        assert!(connection.is_silent_for(SOON).await, "they are the hub's still");
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_is_declined_where_that_can_be_said_and_awaits_its_answer_where_not() {
    for dialect in dialects() {
        let (_hub, device, mut connection) =
            Hub::with_device(options(dialect).subscribe(Channels::METHODS)).await;
        let mut methods = device.methods().await.unwrap();
        call(&mut connection, "reboot").await;
        let mut arrived = methods.next().await.unwrap();
        match (arrived.decline(Status::TARGET_UNAVAILABLE).await, dialect) {
            (Err(AnswerError::NotExpressible(error)), Dialect::Classic) => {
                assert_eq!(error.elsewhere, [Dialect::Preview311, Dialect::Preview5]);
                arrived.reply(MethodResponse::raw(409, "")).await.unwrap();
                assert_eq!(connection.next().await, answered(409, b""));
            }
            (Ok(()), Dialect::Preview311 | Dialect::Preview5) => {
                drop(arrived);
                assert_eq!(connection.next().await, Did::Declined(Status::TARGET_UNAVAILABLE));
            }
            (outcome, _) => panic!("{outcome:?}"),
        }
        assert!(connection.is_silent_for(SOON).await, "there is one answer");
    }
}
