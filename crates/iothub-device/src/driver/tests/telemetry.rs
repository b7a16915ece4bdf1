use core::time::Duration;

use iothub_codec::{Codec, Dialect, Telemetry};
use iothub_proto::Session;

use super::hub::{Did, Hub, options};
use crate::error::SendError;
use crate::message::Message;

#[tokio::test(start_paused = true)]
async fn a_message_ends_when_the_hub_has_acknowledged_it() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
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

#[tokio::test(start_paused = true)]
async fn a_message_at_most_once_ends_when_it_is_on_its_way() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    assert_eq!(device.send(Message::new("21.5").at_most_once()).await, Ok(()));
    assert_eq!(connection.telemetry().await, (None, b"21.5".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_again_over_the_next_connection() {
    for (session, duplicate) in [(Session::Resume, true), (Session::Fresh, false)] {
        let (mut hub, device, mut connection) = Hub::with_device(options()).await;
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

#[tokio::test(start_paused = true)]
async fn a_message_of_an_offline_device_waits_for_the_connection() {
    let (mut hub, device, connection) = Hub::with_device(options()).await;
    drop(connection);
    let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
    let mut connection = hub.arrival().await;
    connection.accept(Session::Fresh).await;
    let (ack, _) = connection.telemetry().await;
    connection.acknowledge(ack.unwrap()).await;
    assert_eq!(sending.await.unwrap().0, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn without_an_acknowledgement_a_message_ends_with_its_time() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let after = Duration::from_secs(30);
    let sending = tokio::spawn(async move { (device.send(Message::new("21.5")).await, device) });
    connection.telemetry().await;
    let (outcome, _) = connection.during(sending).await;
    assert_eq!(outcome.unwrap().0, Err(SendError::TimedOut { after }));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_up_before_it_was_sent_never_is() {
    let (mut hub, device, connection) = Hub::with_device(options()).await;
    drop(connection);
    let mut connection = hub.arrival().await;
    let given_up = device.send(Message::new("given up"));
    assert!(tokio::time::timeout(Duration::from_secs(1), given_up).await.is_err());
    connection.accept(Session::Fresh).await;
    device.send(Message::new("kept").at_most_once()).await.unwrap();
    assert_eq!(connection.telemetry().await, (None, b"kept".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_on_their_way_than_a_hub_takes() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
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

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_read_holds_the_application_up() {
    let options = options().waiting_messages(1).keep_alive(0);
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

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_refused_and_the_longest_is_sent() {
    const LIMIT: usize = Message::SIZE_MAX;
    let options = options();
    let codec = Codec::new(Dialect::Classic, options.identity());
    let topic = codec.encode(&Telemetry::default(), &mut [0; 64]).unwrap().topic.len();
    // First byte, remaining length, topic length, packet identifier.
    let longest = LIMIT - (1 + 3 + 2 + topic + 2);
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

#[tokio::test(start_paused = true)]
async fn long_properties_find_room() {
    let (_hub, device, mut connection) = Hub::with_device(options()).await;
    let message = Message::new("21.5").property("name", "ä".repeat(5_000)).at_most_once();
    device.send(message).await.unwrap();
    assert_eq!(connection.telemetry().await.1, b"21.5");
    let message = Message::new("21.5").property("name", "ä".repeat(20_000)).at_most_once();
    assert!(matches!(device.send(message).await, Err(SendError::Unwritable(_))), "the topic is too long");
    device.send(Message::new("22").at_most_once()).await.unwrap();
    assert_eq!(connection.telemetry().await.1, b"22");
}
