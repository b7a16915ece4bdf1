//! What one end takes, the other does not exceed.

use iothub_codec::{
    Channels, Command, DesiredChanged, Dialect, Operation, Outcome, Qos, Reply, RequestId, Status, Telemetry,
    Text,
};
use iothub_proto::{Delivery, Limits, Opening, Packet, SendError, Session};

use crate::hub_end::command_properties;
use crate::pair::identity;
use crate::stage::{Hub, NOW, TIMEOUT, connect, connected, listen, offline_in, opening, send, token};

#[test]
fn nothing_goes_out_that_the_hub_does_not_take() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut device = offline_in(dialect, Channels::NONE);
        connect(&mut device, Session::Fresh, None);
        let limits = Limits { maximum_packet_size: 100, maximum_qos: Qos::AtMostOnce, ..Limits::CLASSIC };
        device.handle_packet(NOW, &Packet::Connected { session: Session::Fresh, limits }).unwrap();
        assert_eq!(send(&mut device, Qos::AtLeastOnce), Err(SendError::QosNotTaken));
        assert_eq!(send(&mut device, Qos::AtMostOnce), Ok(None));

        let big = [b'1'; 100];
        let mut out = [0; 256];
        let telemetry = Telemetry { payload: &big, ..Telemetry::default() };
        let too_large = |error: SendError| matches!(error, SendError::TooLarge { limit: 100, .. });
        assert!(device.send_telemetry(&telemetry, &mut out).is_err_and(too_large));
        assert!(device.report(NOW, TIMEOUT, &big, None, &mut out).is_err_and(too_large));
        let request = RequestId::new(b"1").unwrap();
        assert!(device.reply(request, "m", 200, &big, &mut out).is_err_and(too_large));
        assert_eq!(device.poll_timeout(), None, "nothing was begun");
        // The next connection has other limits.
        connect(&mut device, Session::Fresh, None);
        device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
        assert!(device.report(NOW, TIMEOUT, &big, None, &mut out).is_ok());
    }
}

#[test]
fn nothing_goes_out_that_the_device_does_not_take() {
    let opening =
        Opening { maximum_packet_size: Some(150), receive_maximum: Some(2), ..opening(Dialect::Preview5) };
    let (mut hub, _) = Hub::accept(Dialect::Preview5, identity(), &opening, None, 1);
    listen(&mut hub, Dialect::Preview5);
    let mut out = [0; 512];
    let big = [b'1'; 150];
    let too_large = |error: SendError| matches!(error, SendError::TooLarge { limit: 150, .. });
    let properties = command_properties(Dialect::Preview5);
    let command = Command { payload: &big, properties, ..Command::default() };
    assert!(hub.command(&command, Delivery::First, &mut out).is_err_and(too_large));
    assert!(hub.call(NOW, TIMEOUT, "reboot", &big, &mut out).is_err_and(too_large));
    let change = DesiredChanged { version: 2, patch: &big, qos: Qos::AtMostOnce };
    assert!(hub.desired_changed(&change, &mut out).is_err_and(too_large));
    let reply = Reply { payload: &big, ..Reply::new(RequestId::from_u32(1), Status::SUCCESS) };
    assert!(hub.reply(Operation::TwinGet, &reply, &mut out).is_err_and(too_large));
    assert_eq!(hub.poll_timeout(), None, "nothing was begun");

    let small = Command { payload: b"", ..command };
    for _ in 0..2 {
        hub.command(&small, Delivery::First, &mut out).unwrap();
    }
    let full = Err(SendError::WindowFull { limit: 2 });
    assert_eq!(hub.command(&small, Delivery::First, &mut out).map(drop), full);
}

#[test]
fn an_explanation_is_as_long_as_the_device_takes() {
    let outcome = Outcome { reason: Some(Text::plain("because")), ..Outcome::REJECTED };
    for (most, status, reason) in [(12, false, false), (27, true, false), (60, true, true)] {
        let opening = Opening { maximum_packet_size: Some(most), ..opening(Dialect::Preview5) };
        let (hub, _) = Hub::accept(Dialect::Preview5, identity(), &opening, None, 1);
        let mut out = [0; 128];
        let Packet::Ack { ack, .. } = hub.refuse(token(1), &outcome, &mut out).unwrap() else { panic!() };
        let says = |name| ack.properties.user().any(|user| user.name == name);
        assert_eq!((says("status"), says("reason")), (status, reason), "{most}");
        assert!(ack.properties.as_wire().len() + 12 <= most as usize);
    }
}
