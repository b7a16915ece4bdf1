//! The desired properties: each change is told once and in order, or all of them at once.

use iothub_codec::{Channels, DesiredChanged, Dialect, Operation, Qos, Reply, Status, ToHub, TwinPart};
use iothub_proto::{DeviceEvent, Instant, Packet, PeerError, SendError, Session, Ticket};

use crate::chance::Chance;
use crate::link::Weather;
use crate::pair::{ALL, Pair, REQUESTS, codec, ms};
use crate::parcel::Parcel;
use crate::stage::{Device, NOW, TIMEOUT, accepted, connect, connected, grant, ready};

/// A device that was told of everything.
#[test]
fn a_device_knows_what_is_desired_whatever_the_link_does() {
    for dialect in Dialect::ALL.iter().copied() {
        let (mut changes, mut gaps, mut refreshes) = (0, 0, 0);
        for (loss, repeat, cuts) in [(0, 0, 0), (0, 50, 5), (20, 20, 5), (60, 0, 2)] {
            for seed in 0..40 {
                let weather =
                    Weather { loss, repeat, latency_ms: (10, 700), cut_within_ms: 9000, cuts, seed };
                let mut pair = Pair::connected(dialect, weather);
                let mut chance = Chance::new(seed);
                for _ in 0..30 {
                    // Somebody changes them also while the device is away.
                    let _ = pair.change_desired();
                    if chance.happens(20) {
                        let _ = pair.get_twin(ms(3000));
                    }
                    pair.run_for(ms(chance.below(2000)));
                }
                pair.calm();
                pair.run_for(ms(300_000));
                // What was lost behind everything else is only seen by what comes next.
                pair.change_desired().unwrap();
                pair.run_for(ms(300_000));
                assert_eq!(pair.known, Some(pair.desired), "{weather:?}\n{}", pair.log());
                changes += pair.changes;
                gaps += pair.gaps;
                refreshes += pair.refreshes;
                if (loss, cuts) == (0, 0) {
                    assert_eq!((pair.gaps, pair.refreshes), (0, 1), "{weather:?}\n{}", pair.log());
                }
            }
        }
        assert!(changes > 1000 && gaps > 50 && refreshes > 200, "{dialect:?} {changes} {gaps} {refreshes}");
    }
}

/// What the hub does, and what the device is told.
#[derive(Debug)]
enum Row {
    Change(u64),
    /// The answer to what the session asks for now.
    Twin(u64),
    Asks,
    IsSilent,
}

/// What a device is told of the desired properties.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Change(u64),
    Missed(u64, u64),
    Current(u64),
}

use Row::{Asks, Change, IsSilent, Twin};

#[test]
fn changes_are_told_in_order_and_gaps_are_filled() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        let mut question = None;
        for (row, expected) in [
            (Change(5), Told::Nothing),
            (Asks, Told::Nothing),
            (IsSilent, Told::Nothing),
            // The answer is under way, and contains these.
            (Change(6), Told::Nothing),
            (Change(7), Told::Nothing),
            (Twin(7), Told::Current(7)),
            (IsSilent, Told::Nothing),
            (Change(8), Told::Change(8)),
            (Change(8), Told::Nothing),
            (Change(3), Told::Nothing),
            (Change(9), Told::Change(9)),
            (Change(12), Told::Missed(9, 12)),
            (Change(10), Told::Nothing),
            (Change(13), Told::Nothing),
            (Asks, Told::Nothing),
            (Change(14), Told::Nothing),
            (Twin(15), Told::Current(15)),
            // Nobody asks for this any longer.
            (Twin(20), Told::Nothing),
            (Change(14), Told::Nothing),
            (Change(15), Told::Nothing),
            (Change(16), Told::Change(16)),
            (Change(u64::MAX), Told::Missed(16, u64::MAX)),
            (Asks, Told::Nothing),
            (Twin(u64::MAX), Told::Current(u64::MAX)),
            (Change(0), Told::Nothing),
        ] {
            let about = format!("{dialect:?} {row:?}");
            let told = match row {
                Change(version) => told(&mut device, &changed(dialect, version)),
                Twin(version) => told(&mut device, &twin(dialect, question.unwrap(), version)),
                Asks => {
                    question = Some(asks(&mut device, dialect));
                    Told::Nothing
                }
                IsSilent => {
                    assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None), "{about}");
                    Told::Nothing
                }
            };
            assert_eq!(told, expected, "{about}");
        }
    }
}

#[test]
fn a_twin_that_lacks_what_was_seen_is_not_told_and_asked_for_again() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        let question = asks(&mut device, dialect);
        assert_eq!(told(&mut device, &changed(dialect, 9)), Told::Nothing);
        assert_eq!(told(&mut device, &twin(dialect, question, 8)), Told::Nothing);
        assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None), "not at once");
        let (at, why) = device.poll_timeout().unwrap();
        assert_eq!(why, "the twin is asked for again");
        assert!(at >= NOW.after(ms(1000)) && at <= NOW.after(ms(2000)), "{at:?}");
        assert_eq!(device.handle_timeout(at), None);
        let question = asks(&mut device, dialect);
        assert_eq!(told(&mut device, &twin(dialect, question, 9)), Told::Current(9));
    }
}

#[test]
fn what_is_older_than_the_application_has_seen_by_itself_is_not_told() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        let question = asks(&mut device, dialect);
        let number = ask(&mut device, dialect);
        // The hub answers them in disorder.
        device.handle_packet(NOW, &twin(dialect, number, 6).packet()).unwrap();
        assert_eq!(told(&mut device, &twin(dialect, question, 5)), Told::Nothing);
        let (at, _) = device.poll_timeout().unwrap();
        assert_eq!(device.handle_timeout(at), None);
        let question = asks(&mut device, dialect);
        assert_eq!(told(&mut device, &twin(dialect, question, 6)), Told::Current(6));
    }
}

#[test]
fn a_hub_that_does_not_give_the_twin_is_asked_ever_more_seldom() {
    const HOUR: Instant = Instant::from_millis(3_600_000);
    for dialect in Dialect::ALL.iter().copied() {
        for answers in [true, false] {
            let mut device = following(dialect);
            let mut now = NOW;
            let mut questions = 0;
            while now < HOUR {
                let question = asks(&mut device, dialect);
                questions += 1;
                let status = if answers {
                    let refusal = reply(dialect, question, Status::THROTTLED, b"");
                    let event = device.handle_packet(now, &refusal.packet()).unwrap();
                    let Some(DeviceEvent::DesiredUnavailable { status }) = event else { panic!("{event:?}") };
                    assert_eq!(status, Status::THROTTLED);
                    status
                } else {
                    let (at, why) = device.poll_timeout().unwrap();
                    assert_eq!(why, "the twin is due");
                    now = at;
                    let event = device.handle_timeout(now);
                    let Some(DeviceEvent::DesiredUnavailable { status }) = event else { panic!("{event:?}") };
                    // The answer comes too late.
                    assert_eq!(device.handle_packet(now, &twin(dialect, question, 5).packet()), Ok(None));
                    status
                };
                assert!(status.is_retryable());
                assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None));
                let (at, _) = device.poll_timeout().unwrap();
                assert!(at >= now.after(ms(1000)) && at <= now.after(ms(61_000)), "{at:?}");
                now = at;
                assert_eq!(device.handle_timeout(now), None);
            }
            // Half a minute between them in the mean, and half a minute more for those that are not answered.
            let expected = if answers { 80..160 } else { 45..75 };
            assert!(expected.contains(&questions), "{dialect:?} {answers} {questions}");
        }
    }
}

#[test]
fn a_twin_without_a_version_is_no_twin() {
    for dialect in Dialect::ALL.iter().copied() {
        for document in ["", "{}", r#"{"desired":{},"reported":{"$version":1}}"#] {
            let mut device = following(dialect);
            let question = asks(&mut device, dialect);
            let answer = reply(dialect, question, Status::SUCCESS, document.as_bytes());
            assert_eq!(device.handle_packet(NOW, &answer.packet()), Err(PeerError::NoVersion), "{document}");
        }
    }
}

#[test]
fn the_application_is_given_the_desired_properties_and_all_of_the_twin() {
    let document = r#"{"desired":{"interval":5,"$version":4},"reported":{"$version":2}}"#;
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        let question = asks(&mut device, dialect);
        let answer = reply(dialect, question, Status::SUCCESS, document.as_bytes());
        let current = DeviceEvent::DesiredCurrent {
            version: 4,
            desired: br#"{"interval":5,"$version":4}"#,
            document: document.as_bytes(),
        };
        assert_eq!(device.handle_packet(NOW, &answer.packet()), Ok(Some(current)));
    }
}

#[test]
fn a_twin_that_the_application_asked_for_counts_as_told() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = current(dialect, 5);
        let number = ask(&mut device, dialect);
        let answer = twin(dialect, number, 7);
        let event = device.handle_packet(NOW, &answer.packet()).unwrap();
        let Some(DeviceEvent::Twin { part: TwinPart::Whole, version: Some(7), .. }) = event else {
            panic!("{event:?}")
        };
        for (version, expected) in
            [(6, Told::Nothing), (7, Told::Nothing), (8, Told::Change(8)), (10, Told::Missed(8, 10))]
        {
            assert_eq!(told(&mut device, &changed(dialect, version)), expected, "{version}");
        }
        // One that it asked for long ago does not take it back.
        let mut device = current(dialect, 5);
        let number = ask(&mut device, dialect);
        assert_eq!(told(&mut device, &changed(dialect, 6)), Told::Change(6));
        device.handle_packet(NOW, &twin(dialect, number, 5).packet()).unwrap();
        assert_eq!(told(&mut device, &changed(dialect, 6)), Told::Nothing);
        assert_eq!(told(&mut device, &changed(dialect, 7)), Told::Change(7));
    }
}

#[test]
fn a_new_connection_begins_with_the_twin_however_old_its_version() {
    for dialect in Dialect::ALL.iter().copied() {
        for session in [Session::Resume, Session::Fresh] {
            let mut device = current(dialect, 5);
            device.handle_disconnect();
            connect(&mut device, Session::Resume, None);
            let event = device.handle_packet(NOW, &connected(session)).unwrap();
            if session == Session::Fresh {
                assert_eq!(event, None);
                assert_eq!(told(&mut device, &changed(dialect, 1)), Told::Nothing, "before it is ready");
                grant(&mut device);
            }
            assert_eq!(told(&mut device, &changed(dialect, 2)), Told::Nothing);
            let question = asks(&mut device, dialect);
            // The device was deleted and made anew.
            assert_eq!(told(&mut device, &twin(dialect, question, 2)), Told::Current(2));
        }
    }
}

#[test]
fn who_wants_to_know_later_is_told_everything_first() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = Device::new(codec(dialect), Channels::METHODS);
        connect(&mut device, Session::Resume, None);
        assert_eq!(device.handle_packet(NOW, &connected(Session::Fresh)), Ok(None));
        assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
        // A subscription of an earlier program, which nobody here wants to know of.
        assert_eq!(told(&mut device, &changed(dialect, 4)), Told::Nothing);
        assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None));
        device.want(Channels::DESIRED);
        assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
        let question = asks(&mut device, dialect);
        assert_eq!(told(&mut device, &twin(dialect, question, 5)), Told::Current(5));
        // More channels change nothing about that.
        device.want(Channels::COMMANDS);
        assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
        assert_eq!(told(&mut device, &changed(dialect, 6)), Told::Change(6));
        assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None));
    }
}

#[test]
fn who_did_not_keep_up_is_told_everything_again() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        // It is the next to come anyway, before and after the question for it.
        device.tell_desired_again(NOW);
        let question = asks(&mut device, dialect);
        device.tell_desired_again(NOW);
        assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None));
        assert_eq!(told(&mut device, &twin(dialect, question, 5)), Told::Current(5));

        device.tell_desired_again(NOW);
        // Contained in what comes.
        assert_eq!(told(&mut device, &changed(dialect, 6)), Told::Nothing);
        let question = asks(&mut device, dialect);
        assert_eq!(told(&mut device, &twin(dialect, question, 6)), Told::Current(6));
        assert_eq!(told(&mut device, &changed(dialect, 7)), Told::Change(7));
    }
    let mut device = ready();
    device.tell_desired_again(NOW);
    assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None), "nobody listens");
}

#[test]
fn the_question_takes_no_place_from_the_application_and_no_name() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = following(dialect);
        let mut out = [0; 256];
        let before: Vec<Ticket> =
            (0..2).map(|_| device.get_twin(NOW, TIMEOUT, &mut out).unwrap().0).collect();
        let question = asks(&mut device, dialect);
        for _ in 2..REQUESTS {
            let number = ask(&mut device, dialect);
            assert_ne!(number, question);
        }
        let full = Err(SendError::TooManyOpen { limit: REQUESTS });
        assert_eq!(device.get_twin(NOW, TIMEOUT, &mut out).map(drop), full);
        assert_eq!(told(&mut device, &twin(dialect, question, 3)), Told::Current(3));
        assert_eq!(device.get_twin(NOW, TIMEOUT, &mut out).map(drop), full);
        device.handle_disconnect();
        for ticket in before {
            assert_eq!(device.handle_timeout(NOW), Some(DeviceEvent::Lost { ticket }));
        }
    }
}

#[test]
fn an_application_that_follows_by_itself_is_told_of_each_change_as_it_comes() {
    let mut device = ready();
    assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None));
    for version in [5, 6, 6, 9, 1] {
        assert_eq!(told(&mut device, &changed(Dialect::Classic, version)), Told::Change(version));
    }
    assert_eq!(accepted(ALL).poll_timeout(), None);
}

/// A device that is ready, and has yet to ask for the twin.
fn following(dialect: Dialect) -> Device {
    let mut device = Device::new(codec(dialect), ALL);
    connect(&mut device, Session::Resume, None);
    assert_eq!(device.handle_packet(NOW, &connected(Session::Fresh)), Ok(None));
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    device
}

fn current(dialect: Dialect, version: u64) -> Device {
    let mut device = following(dialect);
    let question = asks(&mut device, dialect);
    assert_eq!(told(&mut device, &twin(dialect, question, version)), Told::Current(version));
    device
}

/// The number of the session's own question, which is what it sends now.
fn asks(device: &mut Device, dialect: Dialect) -> u32 {
    let mut out = [0; 256];
    let packet = device.poll_transmit(&mut out).unwrap().expect("a question");
    number_of(dialect, &packet)
}

/// The number of a question of the application's.
fn ask(device: &mut Device, dialect: Dialect) -> u32 {
    let mut out = [0; 256];
    let (_, packet) = device.get_twin(NOW, TIMEOUT, &mut out).unwrap();
    number_of(dialect, &packet)
}

fn number_of(dialect: Dialect, packet: &Packet<'_>) -> u32 {
    let Packet::Publish { ack: None, publish } = packet else { panic!("{packet:?}") };
    let read = codec(dialect).decode_to_hub(publish).unwrap();
    let ToHub::TwinGet(get) = read else { panic!("{read:?}") };
    get.request.as_u32().unwrap()
}

fn told(device: &mut Device, parcel: &Parcel) -> Told {
    match device.handle_packet(NOW, &parcel.packet()).unwrap() {
        None => Told::Nothing,
        Some(DeviceEvent::DesiredChanged(change)) => Told::Change(change.version),
        Some(DeviceEvent::DesiredMissed { known, version }) => Told::Missed(known, version),
        Some(DeviceEvent::DesiredCurrent { version, .. }) => Told::Current(version),
        other => panic!("{other:?}"),
    }
}

fn changed(dialect: Dialect, version: u64) -> Parcel {
    let mut out = [0; 256];
    let change = DesiredChanged { version, patch: b"{}", qos: Qos::AtMostOnce };
    let publish = codec(dialect).encode(&change, &mut out).unwrap();
    Parcel::new(&Packet::Publish { ack: None, publish })
}

fn twin(dialect: Dialect, number: u32, version: u64) -> Parcel {
    let document = format!(r#"{{"desired":{{"$version":{version}}},"reported":{{"$version":2}}}}"#);
    reply(dialect, number, Status::SUCCESS, document.as_bytes())
}

fn reply(dialect: Dialect, number: u32, status: Status, payload: &[u8]) -> Parcel {
    let mut out = [0; 256];
    let request = iothub_codec::RequestId::from_u32(number);
    let reply = Reply { payload, ..Reply::new(request, status) };
    let publish = codec(dialect).encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
    Parcel::new(&Packet::Publish { ack: None, publish })
}
