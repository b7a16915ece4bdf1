//! Commands: delivered until they are completed.

use iothub_codec::{Ack, Command, Dialect, Qos, Status};
use iothub_proto::{AckToken, Delivery, DeviceEvent, HubEvent, Packet, SendError, Session, Verdict};

use crate::chance::Chance;
use crate::link::Weather;
use crate::pair::{Pair, ms};
use crate::stage::{COMMAND, NOW, connect, connected, hub, publish, ready, subscribes, token};

const FILTER: &str = "devices/pump-7/messages/devicebound/#";

#[test]
fn a_command_comes_again_under_its_old_name_until_it_is_completed() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut repeated = 0;
        for seed in 0..200 {
            let weather =
                Weather { latency_ms: (10, 900), cut_within_ms: 3000, cuts: 6, seed, ..Weather::FINE };
            let mut pair = Pair::connected(dialect, weather);
            let mut chance = Chance::new(seed);
            for _ in 0..30 {
                pair.enqueue();
                pair.completes = chance.happens(70);
                pair.run_for(ms(chance.below(600)));
                if chance.happens(30) {
                    pair.complete_all();
                }
            }
            pair.completes = true;
            pair.run_for(ms(30_000));
            pair.complete_all();
            pair.run_for(ms(30_000));

            for (number, command) in (0..).zip(&pair.commands) {
                let about = || format!("{weather:?}: command {number} {command:?}\n{}", pair.log());
                assert_eq!(command.completed, 1, "{}", about());
                assert!(pair.seen[&number] >= 1, "{}", about());
                let (_, name, duplicate) = command.sent[0];
                assert!(!duplicate, "{}", about());
                for (_, again, duplicate) in &command.sent[1..] {
                    assert_eq!((*again, *duplicate), (name, true), "{}", about());
                    repeated += 1;
                }
            }
        }
        assert!(repeated > 100, "the links were bad enough for the test to mean something");
    }
}

#[test]
fn a_command_that_is_given_back_comes_again_as_a_new_one() {
    for seed in 0..50 {
        let weather = Weather { latency_ms: (10, 900), cut_within_ms: 3000, cuts: 6, seed, ..Weather::FINE };
        let mut pair = Pair::connected(Dialect::Preview5, weather);
        pair.abandons = true;
        let mut chance = Chance::new(seed);
        for _ in 0..20 {
            pair.enqueue();
            pair.run_for(ms(chance.below(900)));
        }
        pair.run_for(ms(60_000));
        for (number, command) in (0..).zip(&pair.commands) {
            let about = || format!("{weather:?}: command {number} {command:?}\n{}", pair.log());
            assert_eq!(command.completed, 1, "{}", about());
            assert!(command.abandoned <= 1 && pair.seen[&number] >= 2, "{}", about());
            assert!(!command.sent[0].2, "a new one is not marked as repeated: {}", about());
        }
        assert!(pair.commands.iter().any(|command| command.abandoned == 1), "{weather:?}");
    }
}

#[test]
fn a_hub_sends_so_many_ahead_and_no_more() {
    let mut hub = hub();
    let mut out = [0; 128];
    assert_eq!(subscribes(&mut hub, &[(FILTER, Qos::AtLeastOnce)]).unwrap().0, [Some(Qos::AtLeastOnce)]);
    let mut send = |hub: &mut crate::stage::Hub, delivery| {
        hub.command(&Command::default(), delivery, &mut out).map(|(token, _)| token)
    };
    for number in 1..=16 {
        assert_eq!(send(&mut hub, Delivery::First), Ok(AckToken::new(number)));
    }
    let full = Err(SendError::WindowFull { limit: 16 });
    assert_eq!(send(&mut hub, Delivery::First), full);
    assert_eq!(send(&mut hub, Delivery::Again(token(20))), full);
    let completed = hub.handle_packet(NOW, &Packet::Ack { token: token(5), ack: Ack::SUCCESS });
    assert_eq!(
        completed,
        Ok(HubEvent::Settled { token: token(5), verdict: Verdict::Complete, status: Status::SUCCESS })
    );
    // A client whose connection was lost says what it could not say over that one, and then answers again.
    let late = hub.handle_packet(NOW, &Packet::Ack { token: token(5), ack: Ack::SUCCESS });
    assert_eq!(late, Ok(HubEvent::LateAck { token: token(5) }));
    assert_eq!(send(&mut hub, Delivery::Again(token(5))), Ok(Some(token(5))));
    assert_eq!(send(&mut hub, Delivery::First), full);
}

#[test]
fn a_command_goes_out_as_the_device_asked_for_it() {
    for (filters, delivery, expected) in [
        (&[][..], Delivery::First, Err(SendError::NotSubscribed)),
        (&[("$iothub/methods/POST/#", Qos::AtLeastOnce)], Delivery::First, Err(SendError::NotSubscribed)),
        (&[(FILTER, Qos::AtMostOnce)], Delivery::First, Ok((None, false))),
        (&[(FILTER, Qos::AtMostOnce)], Delivery::Again(token(3)), Ok((None, false))),
        (&[(FILTER, Qos::AtLeastOnce)], Delivery::First, Ok((Some(token(1)), false))),
        (&[(FILTER, Qos::AtLeastOnce)], Delivery::Again(token(3)), Ok((Some(token(3)), true))),
    ] {
        let mut hub = hub();
        if !filters.is_empty() {
            subscribes(&mut hub, filters).unwrap();
        }
        let mut out = [0; 128];
        let sent = hub.command(&Command::default(), delivery, &mut out).map(|(token, packet)| {
            let Packet::Publish { ack, publish } = packet else { panic!("{packet:?}") };
            assert_eq!((ack, publish.qos == Qos::AtLeastOnce), (token, token.is_some()));
            (token, publish.duplicate)
        });
        assert_eq!(sent, expected, "{filters:?} {delivery:?}");
    }
}

#[test]
fn only_what_this_connection_brought_is_completed_and_only_once() {
    let mut device = ready();
    assert_eq!(device.settle(token(1), Verdict::Complete, &mut []), Err(SendError::NotAwaited));
    let event = device.handle_packet(NOW, &publish(COMMAND, Some(token(1)))).unwrap();
    assert!(matches!(event, Some(DeviceEvent::Command { ack: Some(_), .. })), "{event:?}");
    // It may come twice, and is one command.
    device.handle_packet(NOW, &publish(COMMAND, Some(token(1)))).unwrap();
    assert_eq!(
        device.settle(token(1), Verdict::Complete, &mut []),
        Ok(Packet::Ack { token: token(1), ack: Ack::SUCCESS })
    );
    assert_eq!(device.settle(token(1), Verdict::Complete, &mut []), Err(SendError::NotAwaited));

    device.handle_packet(NOW, &publish(COMMAND, Some(token(2)))).unwrap();
    device.handle_disconnect();
    assert_eq!(device.settle(token(2), Verdict::Complete, &mut []), Err(SendError::NotReady));
    connect(&mut device, Session::Resume, None);
    device.handle_packet(NOW, &connected(Session::Resume)).unwrap();
    assert_eq!(device.settle(token(2), Verdict::Complete, &mut []), Err(SendError::NotAwaited));
}
