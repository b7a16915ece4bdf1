//! What begins ends exactly once.

use core::time::Duration;

use iothub_codec::{Channels, Dialect, Operation, Publish, Qos, Reply, Status, ToDevice};
use iothub_proto::{DeviceEvent, HubEvent, Packet, Received, SendError, Session};

use crate::chance::Chance;
use crate::link::Weather;
use crate::pair::{Ending, Pair, codec, identity, ms};
use crate::parcel::Parcel;
use crate::stage::{Hub, NOW, TIMEOUT, connect, connected, hub, listen, offline, opening, ready, subscribes};

const SOON: Duration = Duration::from_secs(5);

/// Asks whatever can be asked now; what cannot is not begun.
fn ask_everything(pair: &mut Pair) {
    for asked in [pair.get_twin(SOON).err(), pair.report(ms(7000)).err(), pair.call(SOON).err()] {
        match asked {
            None | Some(SendError::NotReady | SendError::NotSubscribed | SendError::TooManyOpen { .. }) => {}
            Some(error) => panic!("{error}\n{}", pair.log()),
        }
    }
}

#[test]
fn an_answer_over_the_next_connection_is_to_none_of_its_calls() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut out = [0; 256];
        let called = |first_call, out: &mut [u8]| {
            let mut hub = Hub::accept(dialect, identity(), &opening(dialect), None, first_call).0;
            listen(&mut hub, dialect);
            let (ticket, packet) = hub.call(NOW, TIMEOUT, "reboot", b"", out).unwrap();
            (hub, ticket, Parcel::new(&packet))
        };
        let (_, _, old) = called(7, &mut out);
        let (mut hub, ticket, new) = called(77_000, &mut out);
        let mut answer = |call: &Parcel| {
            let mut out = [0; 256];
            let Packet::Publish { publish, .. } = call.packet() else { panic!("{call:?}") };
            let Ok(ToDevice::Method(call)) = codec(dialect).decode_to_device(&publish) else {
                panic!("a call")
            };
            let reply = Reply { code: Some(200), ..Reply::new(call.request, Status::SUCCESS) };
            let publish = codec(dialect).encode_reply(Operation::Method("reboot"), &reply, &mut out).unwrap();
            match hub.handle_packet(NOW, &Packet::Publish { ack: None, publish }) {
                Ok(HubEvent::Received { message: Received::Answer { ticket, .. }, .. }) => Some(ticket),
                Ok(HubEvent::Received { message: Received::LateAnswer, .. }) => None,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(answer(&old), None, "{dialect:?}");
        assert_eq!(answer(&new), Some(ticket), "{dialect:?}");
    }
}

#[test]
fn every_request_ends_exactly_once_whatever_the_link_does() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut endings = Vec::new();
        for (loss, repeat) in [(0, 0), (10, 30), (50, 50), (100, 0)] {
            for cuts in [0, 4] {
                for seed in 0..100 {
                    let weather =
                        Weather { loss, repeat, latency_ms: (10, 900), cut_within_ms: 4000, cuts, seed };
                    let mut pair = Pair::connected(dialect, weather);
                    let mut chance = Chance::new(seed);
                    for _ in 0..6 {
                        ask_everything(&mut pair);
                        pair.run_for(ms(chance.below(3000)));
                    }
                    pair.run_for(ms(60_000));

                    let all = pair.requests.values().chain(pair.calls.values());
                    for ends in all {
                        assert_eq!(ends.len(), 1, "{weather:?} {ends:?}\n{}", pair.log());
                        endings.push((loss, cuts, ends[0]));
                    }
                    assert!(!pair.requests.is_empty() && !pair.calls.is_empty(), "{weather:?}");
                }
            }
        }
        // The links did what they should have, so that each way to end was met.
        let has = |wanted: fn(&(u64, u32, Ending)) -> bool| endings.iter().any(wanted);
        assert!(has(|(_, cuts, ending)| *cuts > 0 && *ending == Ending::Lost));
        assert!(has(|(loss, _, ending)| *loss == 50 && *ending == Ending::TimedOut));
        assert!(has(|(loss, _, ending)| *loss == 50 && *ending == Ending::Answered));
        assert!(!has(|(loss, cuts, ending)| *loss == 0 && *cuts == 0 && *ending != Ending::Answered));
        assert!(!has(|(loss, cuts, ending)| *loss == 100 && *cuts == 0 && *ending != Ending::TimedOut));
    }
}

#[test]
fn a_late_answer_is_nothing() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut pair = Pair::connected(dialect, Weather { latency_ms: (3000, 3000), ..Weather::FINE });
        let ticket = pair.get_twin(SOON).unwrap();
        let call = pair.call(SOON).unwrap();
        pair.run_for(ms(60_000));
        assert_eq!(pair.requests[&ticket], [Ending::TimedOut]);
        assert_eq!(pair.calls[&call], [Ending::TimedOut]);
        assert_eq!(pair.late_answers, 1);
    }
}

#[test]
fn a_repeated_answer_is_nothing() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut pair = Pair::connected(dialect, Weather { repeat: 100, ..Weather::FINE });
        let ticket = pair.report(SOON).unwrap();
        let call = pair.call(SOON).unwrap();
        pair.run_for(ms(60_000));
        assert_eq!(pair.requests[&ticket], [Ending::Answered]);
        assert_eq!(pair.calls[&call], [Ending::Answered]);
        assert_eq!(pair.late_answers, 3, "the call came twice, and each of its answers");
    }
}

#[test]
fn an_answer_at_the_last_moment_counts() {
    for dialect in Dialect::ALL.iter().copied() {
        for (timeout, ending) in [(79, Ending::TimedOut), (81, Ending::Answered)] {
            let mut pair = Pair::connected(dialect, Weather::FINE);
            let ticket = pair.get_twin(ms(timeout)).unwrap();
            pair.run_for(ms(1000));
            assert_eq!(pair.requests[&ticket], [ending], "{timeout}");
        }
    }
}

#[test]
fn what_is_due_first_is_told_first() {
    let mut out = [0; 128];
    for order in [[30, 10, 20], [10, 20, 30], [20, 30, 10]] {
        // By this chance, the credentials are renewed between the second answer and the third.
        let mut device = offline(Channels::NONE);
        connect(&mut device, Session::Fresh, Some(ms(100)));
        device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
        let mut hub = hub();
        subscribes(&mut hub, &[("$iothub/methods/POST/#", Qos::AtMostOnce)]).unwrap();
        for after in order {
            device.get_twin(NOW, ms(after * 3), &mut out).unwrap();
            hub.call(NOW, ms(after), "reboot", b"", &mut out).unwrap();
        }
        for (after, why) in [
            (30, "an answer is due"),
            (60, "an answer is due"),
            (81, "credentials expire soon"),
            (90, "an answer is due"),
        ] {
            let due = NOW.after(ms(after));
            assert_eq!(device.poll_timeout(), Some((due, why)), "{order:?}");
            assert_eq!(device.handle_timeout(NOW.after(ms(after - 1))), None);
            assert!(device.handle_timeout(due).is_some());
        }
        assert_eq!(device.poll_timeout(), None);
        for after in [10, 20, 30] {
            let due = NOW.after(ms(after));
            assert_eq!(hub.poll_timeout(), Some((due, "the answer to a method call is due")), "{order:?}");
            assert!(hub.handle_timeout(due).is_some());
        }
        assert_eq!(hub.poll_timeout(), None);
    }
}

#[test]
fn requests_end_with_their_connection() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut pair = Pair::connected(dialect, Weather::FINE);
        let tickets = [pair.get_twin(SOON).unwrap(), pair.report(SOON).unwrap()];
        pair.cut();
        for ticket in tickets {
            assert_eq!(pair.requests[&ticket], [Ending::Lost]);
        }
        pair.run_for(ms(60_000));
        assert!(pair.device.is_ready());
        assert!(pair.requests.values().all(|ends| ends.len() == 1));
    }
}

#[test]
fn a_connection_over_another_is_the_end_of_that() {
    let mut out = [0; 256];
    for goes_first in [true, false] {
        let mut device = ready();
        let (ticket, _) = device.get_twin(NOW, TIMEOUT, &mut out).unwrap();
        if goes_first {
            device.handle_disconnect();
            let (_, why) = device.poll_timeout().unwrap();
            assert_eq!(why, "requests were lost with the connection");
        }
        connect(&mut device, Session::Resume, None);
        assert!(device.poll_timeout().unwrap().0 < NOW, "there is something to tell");
        assert_eq!(device.handle_timeout(NOW), Some(DeviceEvent::Lost { ticket }));
        assert_eq!(device.handle_timeout(NOW), None);
        assert_eq!(device.poll_timeout(), None);
    }
}

#[test]
fn a_refusal_says_why() {
    for (topic, expected) in [
        ("$iothub/twin/res/412/?$rid=00000001", Some((Status::PRECONDITION_FAILED, 412))),
        ("$iothub/twin/res/429/?$rid=00000001", Some((Status::THROTTLED, 429))),
        ("$iothub/twin/res/503/?$rid=00000001", Some((Status::SERVER_BUSY, 503))),
        // Nobody asked for these.
        ("$iothub/twin/res/503/?$rid=00000002", None),
        ("$iothub/twin/res/200/?$rid=1", None),
        ("$iothub/twin/res/200/?$rid=another", None),
    ] {
        let mut device = ready();
        let (ticket, _) = device.report(NOW, TIMEOUT, b"{}", Some(3), &mut [0; 128]).unwrap();
        let packet = Packet::Publish { ack: None, publish: Publish::new(topic, b"{}") };
        let event = expected.map(|(status, code)| DeviceEvent::Refused {
            ticket,
            status,
            code: Some(code),
            reason: None,
        });
        assert_eq!(device.handle_packet(NOW, &packet), Ok(event), "{topic}");
    }
}
