//! Everything that can grow has a limit, and being full is an ordinary answer.

use iothub_codec::{Ack, EncodeError, Qos};
use iothub_proto::{HubEvent, Now, Packet, PeerError, Received, SendError, Session, Timestamp};

use crate::pair::{ALL, CALLS, REQUESTS};
use crate::stage::{CALL, COMMAND, NOW, TIMEOUT, accepted, hello, hub, publish, ready, subscribes, token};

const METHODS: &str = "$iothub/methods/POST/#";

#[test]
fn a_device_has_so_many_requests_open() {
    let mut device = ready();
    let mut out = [0; 256];
    for _ in 0..REQUESTS {
        device.get_twin(NOW, TIMEOUT, &mut out).unwrap();
    }
    let full = Some(SendError::TooManyOpen { limit: REQUESTS });
    assert_eq!(device.get_twin(NOW, TIMEOUT, &mut out).err(), full);
    assert_eq!(device.report(NOW, TIMEOUT, b"{}", None, &mut out).err(), full);
    assert!(device.handle_timeout(NOW.after(TIMEOUT)).is_some());
    device.report(NOW, TIMEOUT, b"{}", None, &mut out).unwrap();
}

#[test]
fn a_hub_has_so_many_calls_open() {
    let mut hub = hub();
    let mut out = [0; 256];
    subscribes(&mut hub, &[(METHODS, Qos::AtMostOnce)]).unwrap();
    let tickets: Vec<_> = (0..CALLS).map(|_| hub.call(NOW, TIMEOUT, "a", b"", &mut out).unwrap().0).collect();
    let full = Some(SendError::TooManyOpen { limit: CALLS });
    assert_eq!(hub.call(NOW, TIMEOUT, "a", b"", &mut out).err(), full);

    // Whoever gives up on a call makes room, and its answer is late.
    hub.forget_call(tickets[1]);
    let answer = publish("$iothub/methods/res/200/?$rid=00000002", None);
    let late = HubEvent::Received { ack: None, message: Received::LateAnswer };
    assert_eq!(hub.handle_packet(NOW, &answer), Ok(late));
    hub.call(NOW, TIMEOUT, "a", b"", &mut out).unwrap();
    assert_eq!(hub.call(NOW, TIMEOUT, "a", b"", &mut out).err(), full);
}

#[test]
fn what_could_not_be_written_was_not_begun() {
    let small = |error: SendError| matches!(error, SendError::Encode(EncodeError::BufferTooSmall { .. }));
    let mut device = ready();
    for _ in 0..=REQUESTS {
        assert!(device.get_twin(NOW, TIMEOUT, &mut []).is_err_and(small));
        assert!(device.report(NOW, TIMEOUT, b"{}", None, &mut []).is_err_and(small));
        let telemetry = iothub_codec::Telemetry { qos: Qos::AtLeastOnce, ..Default::default() };
        assert!(device.send_telemetry(&telemetry, &mut []).is_err_and(small));
    }
    assert_eq!(device.poll_timeout(), None);
    let mut hub = hub();
    subscribes(&mut hub, &[(METHODS, Qos::AtMostOnce)]).unwrap();
    for _ in 0..=CALLS {
        assert!(hub.call(NOW, TIMEOUT, "a", b"", &mut []).is_err_and(small));
        assert!(hub.call(NOW, TIMEOUT, "a/b", b"", &mut [0; 64]).is_err());
    }
    assert_eq!(hub.poll_timeout(), None);

    // A CONNECT that could not be written does not end the connection before it.
    let mut device = ready();
    let now = Now { instant: NOW, timestamp: Timestamp::from_secs(1_900_000_000) };
    assert!(device.connect(now, &hello(now.timestamp, Session::Fresh, None), &mut []).is_err_and(small));
    assert!(device.is_ready());

    let mut device = accepted(ALL);
    for _ in 0..3 {
        assert!(device.poll_transmit(&mut [0; 8]).is_err_and(small));
    }
    assert!(matches!(device.poll_transmit(&mut [0; 512]), Ok(Some(Packet::Subscribe { .. }))));
}

#[test]
fn a_hub_may_leave_so_much_unacknowledged() {
    for (topic, limit) in [(CALL, 16), (COMMAND, 64)] {
        let mut device = ready();
        for number in 1..=limit {
            assert!(device.handle_packet(NOW, &publish(topic, Some(token(number)))).is_ok(), "{topic}");
        }
        // What is repeated needs no more room.
        assert!(device.handle_packet(NOW, &publish(topic, Some(token(limit)))).is_ok(), "{topic}");
        let over = device.handle_packet(NOW, &publish(topic, Some(token(limit + 1))));
        assert_eq!(over, Err(PeerError::WindowOverrun { limit }), "{topic}");
    }
}

#[test]
fn an_answer_too_many_does_not_end_its_request_unseen() {
    let mut device = ready();
    let (ticket, _) = device.get_twin(NOW, TIMEOUT, &mut [0; 128]).unwrap();
    for number in 1..=16 {
        device.handle_packet(NOW, &publish(CALL, Some(token(number)))).unwrap();
    }
    let answer = publish("$iothub/twin/res/200/?$rid=00000001", Some(token(17)));
    assert_eq!(device.handle_packet(NOW, &answer), Err(PeerError::WindowOverrun { limit: 16 }));
    device.handle_disconnect();
    let lost = iothub_proto::DeviceEvent::Lost { ticket };
    assert_eq!(device.handle_timeout(NOW), Some(lost));
}

#[test]
fn what_the_session_owes_is_sent_once() {
    let mut device = ready();
    for number in [7, 8, 7] {
        device.handle_packet(NOW, &publish(CALL, Some(token(number)))).unwrap();
    }
    device.handle_packet(NOW, &publish(COMMAND, Some(token(9)))).unwrap();
    let mut owed = Vec::new();
    while let Some(packet) = device.poll_transmit(&mut []).unwrap() {
        let Packet::Ack { token, ack: Ack::SUCCESS } = packet else { panic!("{packet:?}") };
        owed.push(token.get());
        assert!(owed.len() <= 2, "{owed:?}");
    }
    assert_eq!(owed, [7, 8], "commands are for the application to complete");

    device.handle_packet(NOW, &publish(CALL, Some(token(10)))).unwrap();
    device.handle_disconnect();
    crate::stage::connect(&mut device, iothub_proto::Session::Resume, None);
    device.handle_packet(NOW, &crate::stage::connected(iothub_proto::Session::Resume)).unwrap();
    assert_eq!(device.poll_transmit(&mut []), Ok(None), "the hub sends it again, and then it is owed");
}
