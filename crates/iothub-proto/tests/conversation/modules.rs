//! A module holds the same conversation as a device, under its own name, and in the classic dialect has inputs.

use iothub_codec::{
    Channels, Codec, Command, Content, Dialect, EncodeError, Identity, Input, ModuleId, Operation, Qos,
    Reply, Status, Telemetry, Text,
};
use iothub_proto::{Delivery, DeviceEvent, HubEvent, Packet, Received, SendError, Session, Verdict};

use crate::hub_end::command_properties;
use crate::pair::{ALL, identity};
use crate::parcel::Parcel;
use crate::stage::{Device, Hub, NOW, TIMEOUT, connect, connected, grant, opening, token};

fn module() -> Identity<'static> {
    Identity::module(identity().device, ModuleId::new("mod-a").unwrap())
}

fn channels(dialect: Dialect) -> Channels {
    if dialect == Dialect::Classic { ALL | Channels::INPUTS } else { ALL }
}

/// Both ends, where the device listens to everything that it can.
fn ends(dialect: Dialect) -> (Device, Hub) {
    let codec = Codec::new(dialect, module());
    let mut device = Device::new(codec, channels(dialect)).with_desired_as_they_come();
    connect(&mut device, Session::Resume, None);
    device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    let (mut hub, _) = Hub::accept(dialect, module(), &opening(dialect), None, 1);
    let mut out = [0; 512];
    let filters = codec.filters(channels(dialect), &mut out).unwrap();
    let event = hub.handle_packet(NOW, &Packet::Subscribe { token: token(1), filters }).unwrap();
    let HubEvent::Subscribed { granted, .. } = event else { panic!("{event:?}") };
    assert!(granted.iter().all(|outcome| outcome.is_ok()), "{dialect:?} {granted:?}");
    (device, hub)
}

#[test]
fn a_module_sends_asks_and_answers() {
    for dialect in Dialect::ALL.iter().copied() {
        let (mut device, mut hub) = ends(dialect);
        let mut out = [0; 256];
        let telemetry = Telemetry { payload: b"21.5", ..Telemetry::default() };
        let sent = Parcel::new(&device.send_telemetry(&telemetry, &mut out).unwrap().1);
        let message = Received::Telemetry(telemetry);
        assert_eq!(hub.handle_packet(NOW, &sent.packet()), Ok(HubEvent::Received { ack: None, message }));

        let (ticket, packet) = device.report(NOW, TIMEOUT, b"{}", None, &mut out).unwrap();
        let asked = Parcel::new(&packet);
        let event = hub.handle_packet(NOW, &asked.packet()).unwrap();
        let HubEvent::Received { message: Received::TwinPatch(patch), .. } = event else {
            panic!("{event:?}")
        };
        let reply = Reply { version: Some(3), ..Reply::new(patch.request, Status::SUCCESS) };
        let answer = Parcel::new(&hub.reply(Operation::TwinPatch, &reply, &mut out).unwrap());
        let reported = DeviceEvent::Reported { ticket, version: Some(3) };
        assert_eq!(device.handle_packet(NOW, &answer.packet()), Ok(Some(reported)));

        let (ticket, packet) = hub.call(NOW, TIMEOUT, "reboot", b"", &mut out).unwrap();
        let called = Parcel::new(&packet);
        let called = called.packet();
        let event = device.handle_packet(NOW, &called).unwrap();
        let Some(DeviceEvent::Method(call)) = event else { panic!("{event:?}") };
        let mut out = [0; 256];
        let answer = Parcel::new(&device.reply(call.request, call.name, 200, b"1", &mut out).unwrap());
        let message = Received::Answer { ticket, code: 200, payload: b"1", content: Content::JSON };
        assert_eq!(hub.handle_packet(NOW, &answer.packet()), Ok(HubEvent::Received { ack: None, message }));

        let command = Command { properties: command_properties(dialect), ..Command::default() };
        let (sent, packet) = hub.command(&command, Delivery::First, &mut out).unwrap();
        let sent = sent.expect("it listens at QoS 1");
        let delivered = Parcel::new(&packet);
        let event = device.handle_packet(NOW, &delivered.packet());
        assert!(
            matches!(event, Ok(Some(DeviceEvent::Command { ack: Some(_), .. }))),
            "{dialect:?} {event:?}"
        );
        let mut out = [0; 64];
        let settled = Parcel::new(&device.settle(sent, Verdict::Complete, &mut out).unwrap());
        let completed =
            HubEvent::Settled { token: sent, verdict: Verdict::Complete, status: Status::SUCCESS };
        assert_eq!(hub.handle_packet(NOW, &settled.packet()), Ok(completed), "{dialect:?}");
    }
}

#[test]
fn a_message_for_an_input_is_settled_as_a_command_is() {
    let (mut device, _) = ends(Dialect::Classic);
    let mut out = [0; 256];
    let input =
        Input { name: Text::plain("alerts"), payload: b"hot", qos: Qos::AtLeastOnce, ..Input::default() };
    let publish = Codec::new(Dialect::Classic, module()).encode(&input, &mut out).unwrap();
    let parcel = Parcel::new(&Packet::Publish { ack: Some(token(5)), publish });
    let packet = parcel.packet();
    let event = device.handle_packet(NOW, &packet).unwrap();
    let Some(DeviceEvent::Input { input, ack: Some(ack) }) = event else { panic!("{event:?}") };
    assert_eq!((input.name.as_str(), input.payload), (Some("alerts"), &b"hot"[..]));
    assert!(device.settle(ack, Verdict::Complete, &mut []).is_ok());
    assert_eq!(device.settle(ack, Verdict::Complete, &mut []), Err(SendError::NotAwaited));
}

#[test]
fn what_a_dialect_has_no_filter_for_is_said_when_it_is_to_be_asked_for() {
    for dialect in [Dialect::Preview311, Dialect::Preview5] {
        let mut device = Device::new(Codec::new(dialect, module()), Channels::INPUTS);
        connect(&mut device, Session::Resume, None);
        assert_eq!(device.handle_packet(NOW, &connected(Session::Fresh)), Ok(None));
        let expected = Err(SendError::Encode(EncodeError::NotExpressible));
        assert_eq!(device.poll_transmit(&mut [0; 256]), expected, "{dialect:?}");
    }
}
