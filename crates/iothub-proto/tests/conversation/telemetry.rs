//! Messages to the cloud: how many may be under way, and that each arrives.

use iothub_codec::{Ack, Dialect, Qos};
use iothub_proto::{DeviceEvent, Instant, Limits, Packet, SendError, Session};

use crate::link::Weather;
use crate::pair::{Pair, ms};
use crate::stage::{NOW, connect, offline, ready, send};

#[test]
fn as_many_as_the_window_holds_are_under_way() {
    for (receive_maximum, limit) in [(3, 3), (16, 16), (65_535, 16)] {
        let mut device = offline(iothub_codec::Channels::NONE);
        connect(&mut device, Session::Fresh, None);
        let limits = Limits { receive_maximum, ..Limits::CLASSIC };
        device.handle_packet(NOW, &Packet::Connected { session: Session::Fresh, limits }).unwrap();

        assert_eq!(device.telemetry_window(), limit);
        let tokens: Vec<_> = (0..limit)
            .map(|sent| {
                assert_eq!(device.telemetry_room(), limit - sent);
                send(&mut device, Qos::AtLeastOnce).unwrap().unwrap()
            })
            .collect();
        assert_eq!(device.telemetry_room(), 0);
        assert_eq!(send(&mut device, Qos::AtLeastOnce), Err(SendError::WindowFull { limit }));
        assert_eq!(send(&mut device, Qos::AtMostOnce), Ok(None), "nobody acknowledges those");

        let token = tokens[usize::from(limit) / 2];
        let event = device.handle_packet(NOW, &Packet::Ack { token, ack: Ack::SUCCESS });
        assert_eq!(event, Ok(Some(DeviceEvent::Sent { token })));
        assert_eq!(device.telemetry_room(), 1);
        let next = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
        assert!(!tokens.contains(&next), "a name is used again as late as can be");
        assert_eq!(send(&mut device, Qos::AtLeastOnce), Err(SendError::WindowFull { limit }));
    }
}

#[test]
fn a_message_that_is_forgotten_leaves_its_place() {
    let mut device = ready();
    let [first, second] = [(); 2].map(|()| send(&mut device, Qos::AtLeastOnce).unwrap().unwrap());
    let room = device.telemetry_room();
    device.forget_telemetry(second);
    assert_eq!(device.telemetry_room(), room, "it is under way");
    device.handle_disconnect();
    device.forget_telemetry(first);
    device.forget_telemetry(first);
    connect(&mut device, Session::Resume, None);
    device.handle_packet(NOW, &crate::stage::connected(Session::Resume)).unwrap();
    assert_eq!(device.telemetry_room(), room + 1);
    let sent = Ok(Some(DeviceEvent::Sent { token: second }));
    assert_eq!(device.handle_packet(NOW, &Packet::Ack { token: second, ack: Ack::SUCCESS }), sent);
}

#[test]
fn unacknowledged_messages_keep_their_place_over_connections() {
    let mut device = ready();
    let first = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
    device.handle_disconnect();
    connect(&mut device, Session::Resume, None);
    device.handle_packet(NOW, &crate::stage::connected(Session::Resume)).unwrap();
    let second = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
    assert_ne!(first, second);
    for token in [second, first] {
        let event = device.handle_packet(NOW, &Packet::Ack { token, ack: Ack::SUCCESS });
        assert_eq!(event, Ok(Some(DeviceEvent::Sent { token })));
    }
}

#[test]
fn no_message_has_the_name_of_a_subscription() {
    let mut device = ready();
    let mut out = [0; 512];
    let mut seen_round = false;
    for _ in 0..70_000 {
        let token = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
        seen_round |= token == iothub_proto::AckToken::FIRST;
        device.handle_packet(NOW, &Packet::Ack { token, ack: Ack::SUCCESS }).unwrap();
        assert_ne!(token.get(), 65_535);
    }
    assert!(seen_round);

    // The very token that the SUBSCRIBE has.
    let mut device = crate::stage::accepted(crate::pair::ALL);
    let Some(Packet::Subscribe { token, .. }) = device.poll_transmit(&mut out).unwrap() else {
        panic!("no SUBSCRIBE")
    };
    assert_eq!(token.get(), 65_535);
}

/// Far more than a hundred slow round trips and six reconnects take.
const PATIENCE: Instant = Instant::from_millis(600_000);

#[test]
fn every_message_arrives_and_is_told_once() {
    for dialect in Dialect::ALL.iter().copied() {
        for seed in 0..200 {
            let weather =
                Weather { latency_ms: (10, 900), cut_within_ms: 5000, cuts: 6, seed, ..Weather::FINE };
            let mut pair = Pair::connected(dialect, weather);
            let mut sent = 0;
            while sent < 60 {
                match pair.send(sent, Qos::AtLeastOnce) {
                    Ok(_) => sent += 1,
                    Err(SendError::NotReady | SendError::WindowFull { .. }) => {
                        assert!(pair.now < PATIENCE, "message {sent} never goes out\n{}", pair.log());
                        pair.run_for(ms(200));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            pair.run_for(ms(120_000));
            for number in 0..sent {
                let arrived = pair.arrived.get(&number).copied().unwrap_or_default();
                let told = pair.acknowledged.get(&number).copied().unwrap_or_default();
                assert!(arrived >= 1, "{weather:?}: message {number} is gone\n{}", pair.log());
                assert_eq!(told, 1, "{weather:?}: message {number}\n{}", pair.log());
            }
        }
    }
}
