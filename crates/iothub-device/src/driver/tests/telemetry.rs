use core::time::Duration;

use iothub_codec::{Dialect, Outcome, Status, Telemetry, Text};
use iothub_proto::Session;

use super::hub::{Did, Hub, dialects, options};
use crate::device::Device;
use crate::error::SendError;
use crate::message::Message;

#[tokio::test(start_paused = true)]
async fn a_message_ends_when_the_hub_has_acknowledged_it() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let sending = tokio::spawn({
            let device = device.clone();
            async move { device.send(Message::new("21.5")).await }
        });
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload, b"21.5");
        assert!(!sending.is_finished());
        connection.acknowledge(ack.unwrap()).await;
        assert_eq!(sending.await.unwrap(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_at_most_once_ends_when_it_is_on_its_way() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        assert_eq!(device.send(Message::new("21.5").at_most_once()).await, Ok(()));
        assert_eq!(connection.telemetry().await, (None, b"21.5".to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_again_over_the_next_connection() {
    for dialect in dialects() {
        for (session, duplicate) in [(Session::Resume, true), (Session::Fresh, false)] {
            let (mut hub, device, mut connection) = Hub::with_device(options(dialect)).await;
            let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
            let (ack, _) = connection.telemetry().await;
            drop(connection);

            let mut connection = hub.arrival().await;
            connection.accept(session).await;
            let again = Did::Telemetry { ack, payload: b"21.5".to_vec(), duplicate };
            assert_eq!(connection.next().await, again);
            connection.acknowledge(ack.unwrap()).await;
            assert_eq!(sending.await.unwrap().0, Ok(()), "{session:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_an_offline_device_waits_for_the_connection() {
    for dialect in dialects() {
        let (mut hub, device, connection) = Hub::with_device(options(dialect)).await;
        drop(connection);
        let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
        let mut connection = hub.arrival().await;
        connection.accept(Session::Fresh).await;
        let (ack, _) = connection.telemetry().await;
        connection.acknowledge(ack.unwrap()).await;
        assert_eq!(sending.await.unwrap().0, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_acknowledgement_a_message_ends_with_its_time() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let after = Duration::from_secs(30);
        let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
        connection.telemetry().await;
        let (outcome, _) = connection.during(sending).await;
        assert_eq!(outcome.unwrap().0, Err(SendError::TimedOut { after }));
    }
}

/// A hub that ends the connection because of a message would end each over which it came again.
#[tokio::test(start_paused = true)]
async fn what_was_told_to_be_late_is_not_sent_over_another_connection() {
    for dialect in dialects() {
        for is_told_offline in [false, true] {
            let dialling = Duration::from_secs(if is_told_offline { 3 } else { 0 });
            let (mut hub, device, mut connection) =
                Hub::with_device_over(|wire| wire.slow(dialling), options(dialect).window(2)).await;
            let after = Duration::from_secs(2);
            let late = device.enqueue(Message::new("late").deadline(after)).await;
            connection.telemetry().await;
            let kept = device.enqueue(Message::new("kept").deadline(Duration::from_secs(600))).await;
            let (ack, _) = connection.telemetry().await;
            let mut connection = Some(connection).filter(|_| !is_told_offline);
            assert_eq!(late.await, Err(SendError::TimedOut { after }));
            drop(connection.take());
            let mut connection = hub.arrival().await;
            connection.accept(Session::Resume).await;
            let again = Did::Telemetry { ack, payload: b"kept".to_vec(), duplicate: true };
            assert_eq!(connection.next().await, again);
            // It has left its place.
            let next = device.enqueue(Message::new("next")).await;
            let (next_ack, payload) = connection.telemetry().await;
            assert_eq!(payload, b"next");
            for ack in [ack, next_ack] {
                connection.acknowledge(ack.unwrap()).await;
            }
            assert_eq!((kept.await, next.await), (Ok(()), Ok(())));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_up_before_it_was_sent_never_is() {
    for dialect in dialects() {
        let (mut hub, device, connection) = Hub::with_device(options(dialect)).await;
        drop(connection);
        let mut connection = hub.arrival().await;
        let given_up = device.send(Message::new("given up"));
        assert!(tokio::time::timeout(Duration::from_secs(1), given_up).await.is_err());
        connection.accept(Session::Fresh).await;
        device.send(Message::new("kept").at_most_once()).await.unwrap();
        assert_eq!(connection.telemetry().await, (None, b"kept".to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_are_on_their_way_than_a_hub_takes() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let sending: Vec<_> = (0..20_u8)
            .map(|number| {
                let device = device.clone();
                tokio::spawn(async move { device.send(Message::new(vec![number])).await })
            })
            .collect();
        let mut unacknowledged = Vec::new();
        for _ in 0..16 {
            unacknowledged.push(connection.telemetry().await.0.unwrap());
        }
        assert!(connection.is_silent_for(Duration::from_secs(1)).await, "the window is full");
        for token in unacknowledged {
            connection.acknowledge(token).await;
        }
        for _ in 16..20 {
            let token = connection.telemetry().await.0.unwrap();
            connection.acknowledge(token).await;
        }
        for sent in sending {
            assert_eq!(sent.await.unwrap(), Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_read_holds_the_application_up() {
    for dialect in dialects() {
        let options = options(dialect).waiting_messages(1).keep_alive(0);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        let mut taken = 0;
        let outcome = loop {
            match device.send(Message::new(vec![0; 10_000]).at_most_once()).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(outcome, SendError::TimedOut { .. }), "{outcome}");
        assert!(taken < 20, "{taken} messages of 10 kB are somewhere");
        // What was taken arrives once the hub reads again, and nothing of what was given up.
        for _ in 0..taken {
            assert_eq!(connection.telemetry().await.1.len(), 10_000);
        }
        device.send(Message::new("21.5").at_most_once()).await.unwrap();
        assert_eq!(connection.telemetry().await.1, b"21.5");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_refused_and_the_longest_is_sent() {
    for dialect in dialects() {
        const LIMIT: usize = Message::SIZE_MAX;
        let options = options(dialect);
        let topic = options.codec().encode(&Telemetry::default(), &mut [0; 64]).unwrap().topic.len();
        // Over MQTT 5 the length of no properties.
        let section = usize::from(dialect == Dialect::Preview5);
        // First byte, remaining length, topic length, packet identifier.
        let longest = LIMIT - (1 + 3 + 2 + topic + 2 + section);
        let (_hub, device, mut connection) = Hub::with_device(options).await;
        for len in [LIMIT + 1, LIMIT, longest + 1] {
            let outcome = device.send(Message::new(vec![0; len])).await;
            assert!(matches!(outcome, Err(SendError::TooLarge { limit: LIMIT, .. })), "{len}: {outcome:?}");
        }
        let sending = tokio::spawn({
            let device = device.clone();
            async move { device.send(Message::new(vec![0; longest])).await }
        });
        let (ack, payload) = connection.telemetry().await;
        assert_eq!(payload.len(), longest);
        connection.acknowledge(ack.unwrap()).await;
        assert_eq!(sending.await.unwrap(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn long_properties_find_room() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let message = Message::new("21.5").property("name", "ä".repeat(5_000)).at_most_once();
        device.send(message).await.unwrap();
        assert_eq!(connection.telemetry().await.1, b"21.5");
        let message = Message::new("21.5").property("name", "ä".repeat(40_000)).at_most_once();
        assert!(
            matches!(device.send(message).await, Err(SendError::Unwritable(_))),
            "longer than MQTT has room for"
        );
        device.send(Message::new("22").at_most_once()).await.unwrap();
        assert_eq!(connection.telemetry().await.1, b"22");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_hub_refuses_ends_with_the_reason() {
    let (_hub, device, mut connection) = Hub::with_device(options(Dialect::Preview5)).await;
    let sending = tokio::spawn({
        let device = device.clone();
        async move { device.send(Message::new("21.5")).await }
    });
    let (ack, _) = connection.telemetry().await;
    let reason = Some(Text::plain("no room"));
    let outcome = Outcome { reason, ..Outcome::new(Status::RESOURCE_EXHAUSTED) };
    connection.say(move |session, out| ((), session.refuse(ack.unwrap(), &outcome, out).unwrap())).await;
    let error = sending.await.unwrap().unwrap_err();
    let SendError::Refused(refusal) = &error else { panic!("{error}") };
    assert_eq!((refusal.status, refusal.is_retryable()), (Status::RESOURCE_EXHAUSTED, true));
    assert_eq!(error.to_string(), "refused by the hub: 0503 Resource Exhausted: no room (try again later)");

    let sending = tokio::spawn(async move { (device.send(Message::new("22")).await, device) });
    let (ack, payload) = connection.telemetry().await;
    assert_eq!(payload, b"22", "the connection goes on, and the first is not repeated");
    connection.acknowledge(ack.unwrap()).await;
    assert_eq!(sending.await.unwrap().0, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_property_that_the_dialect_does_not_have_is_named_with_the_dialect_that_has() {
    for dialect in dialects() {
        let (_hub, device, mut connection) = Hub::with_device(options(dialect)).await;
        let message = Message::new("21.5").message_id("m-1").output("alarms").at_most_once();
        match (device.send(message).await, dialect) {
            (Ok(()), Dialect::Classic) => assert_eq!(connection.telemetry().await.1, b"21.5"),
            (Err(error), _) => {
                let expected = format!("iothub-outputname: the dialect {dialect} cannot say it; classic can");
                assert_eq!(error.to_string(), expected);
            }
            (Ok(()), _) => panic!("it was sent"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_property_whose_value_the_dialect_does_not_take_is_named_with_the_dialects_that_do() {
    let (_hub, device, _connection) = Hub::with_device(options(Dialect::Preview5)).await;
    let message = Message::new("21.5").content_type("text/plain").message_id("m\0");
    let error = device.send(message).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "message-id: the dialect preview5 cannot say it; classic and preview311 can"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_announces_to_take_is_kept_to() {
    let (mut hub, wire) = Hub::new();
    let connecting = tokio::spawn(Device::connect_over(options(Dialect::Preview5), wire));
    let mut connection = hub.arrival().await;
    connection.limits.receive_maximum = 1;
    connection.limits.maximum_packet_size = 200;
    connection.accept(Session::Fresh).await;
    let (device, mut connection) = connection.during(connecting).await;
    let device = device.unwrap().unwrap();
    let too_long = device.send(Message::new(vec![0; 200])).await;
    assert!(matches!(too_long, Err(SendError::TooLarge { limit: 200, .. })), "{too_long:?}");
    let sending = ["a", "b"].map(|text| {
        let device = device.clone();
        tokio::spawn(async move { device.send(Message::new(text)).await })
    });
    let (first, _) = connection.telemetry().await;
    assert!(connection.is_silent_for(Duration::from_secs(1)).await, "one at a time");
    connection.acknowledge(first.unwrap()).await;
    let (second, _) = connection.telemetry().await;
    connection.acknowledge(second.unwrap()).await;
    for sent in sending {
        assert_eq!(sent.await.unwrap(), Ok(()));
    }
}
