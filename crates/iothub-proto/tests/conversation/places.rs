//! Which packet is in place when: everything else is the other end's fault, and the end of the connection.

use iothub_codec::{Ack, Connect, DecodeErrorKind, Filters, PropertySection, Qos, Version};
use iothub_proto::{
    AckToken, DeviceEvent, Granted, Opening, Packet, PeerError, Refusal, RefusalReason, Removed, Session,
    StateKind,
};

use crate::pair::ALL;
use crate::stage::{
    CALL, COMMAND, Device, NOW, TELEMETRY, accepted, connect, connected, granted, hub, offline, publish,
    ready, subscribe, subscribes, token,
};

const SUBSCRIBE_TOKEN: u16 = 65_535;

fn ack(number: u16) -> Packet<'static> {
    Packet::Ack { token: token(number), ack: Ack::SUCCESS }
}

fn sub_ack(number: u16) -> Packet<'static> {
    let granted: Granted = granted(&[Some(Qos::AtMostOnce); 4]);
    Packet::SubAck { token: token(number), granted }
}

/// Every packet, the first of each kind as good as can be; a PUBLISH at QoS 0 and two at QoS 1, on these topics.
fn every_packet(topics: [&'static str; 3]) -> Vec<Packet<'static>> {
    let connect = Connect {
        version: Version::V311,
        client_id: "pump-7",
        username: Some("hub1/pump-7/"),
        password: None,
        properties: PropertySection::EMPTY,
    };
    let filters = Filters::from_subscribe(b"\0\x12$iothub/twin/res/#\0").unwrap();
    vec![
        Packet::Connect(Opening::new(connect)),
        connected(Session::Resume),
        Packet::Refused(Refusal::new(RefusalReason::NotAuthorized)),
        Packet::Subscribe { token: AckToken::FIRST, filters },
        sub_ack(SUBSCRIBE_TOKEN),
        sub_ack(1),
        Packet::Unsubscribe {
            token: AckToken::FIRST,
            filters: Filters::from_unsubscribe(b"\0\x01a").unwrap(),
        },
        Packet::UnsubAck { token: AckToken::FIRST, removed: Removed::EMPTY },
        publish(topics[0], None),
        publish(topics[1], Some(token(9))),
        publish(topics[2], Some(token(9))),
        ack(1),
        ack(2),
        Packet::Disconnect(Ack::SUCCESS),
    ]
}

#[test]
fn packets_are_in_place_for_a_device_or_end_the_connection() {
    let connecting = || {
        let mut device = offline(ALL);
        connect(&mut device, Session::Resume, None);
        device
    };
    let subscribing = || {
        let mut device = accepted(ALL);
        subscribe(&mut device);
        device
    };
    let with_message = || {
        let mut device = ready();
        let telemetry = iothub_codec::Telemetry { qos: Qos::AtLeastOnce, ..Default::default() };
        let (sent, _) = device.send_telemetry(&telemetry, &mut [0; 128]).unwrap();
        assert_eq!(sent, Some(token(1)));
        device
    };
    let lost = || {
        let mut device = with_message();
        device.handle_disconnect();
        device
    };
    let refused = || {
        let mut device = connecting();
        let refusal = Packet::Refused(Refusal::new(RefusalReason::NotAuthorized));
        let event = device.handle_packet(NOW, &refusal);
        assert!(matches!(event, Ok(Some(DeviceEvent::ConnectRefused { .. }))), "{event:?}");
        device
    };
    // In the order of `every_packet`; x is in place.
    let rows: [(&str, StateKind, &dyn Fn() -> Device); 8] = [
        ("..............", StateKind::Offline, &|| offline(ALL)),
        ("..............", StateKind::Offline, &lost),
        ("..............", StateKind::Offline, &refused),
        (".xx...........", StateKind::Connecting, &connecting),
        ("........xxx...", StateKind::Subscribing, &|| accepted(ALL)),
        ("....x...xxx...", StateKind::Subscribing, &subscribing),
        ("........xxx...", StateKind::Ready, &ready),
        ("........xxxx..", StateKind::Ready, &with_message),
    ];
    for (in_place, state, device) in rows {
        let packets = every_packet([CALL, CALL, COMMAND]);
        assert_eq!(packets.len(), in_place.len());
        for (packet, in_place) in packets.iter().zip(in_place.chars()) {
            let result = device().handle_packet(NOW, packet).map(drop);
            let expected = match in_place {
                'x' => Ok(()),
                _ => Err(PeerError::OutOfPlace { packet: packet.kind(), state }),
            };
            assert_eq!(result, expected, "{packet:?} while {state}");
        }
    }
}

#[test]
fn packets_are_in_place_for_a_hub_or_end_the_connection() {
    let in_place = "...x..x.xxxxxx";
    let packets = every_packet([TELEMETRY; 3]);
    assert_eq!(packets.len(), in_place.len());
    for (packet, in_place) in packets.iter().zip(in_place.chars()) {
        let mut hub = hub();
        subscribes(&mut hub, &[("devices/pump-7/messages/devicebound/#", Qos::AtLeastOnce)]).unwrap();
        let again = iothub_proto::Delivery::Again(token(2));
        hub.command(&iothub_codec::Command::default(), again, &mut [0; 128]).unwrap();
        let result = hub.handle_packet(NOW, packet).map(drop);
        let expected = match in_place {
            'x' => Ok(()),
            _ => Err(PeerError::OutOfPlace { packet: packet.kind(), state: StateKind::Ready }),
        };
        assert_eq!(result, expected, "{packet:?}");
    }
}

#[test]
fn a_message_that_cannot_be_read_ends_the_connection() {
    for (topic, kind) in [
        ("devices/pump-8/messages/devicebound/", DecodeErrorKind::WrongDevice),
        ("devices/pump-7/messages/events/", DecodeErrorKind::UnknownTopic),
        ("$iothub/methods/res/200/?$rid=00000001", DecodeErrorKind::UnknownTopic),
        ("$iothub/nothing", DecodeErrorKind::UnknownTopic),
    ] {
        match ready().handle_packet(NOW, &publish(topic, None)) {
            Err(PeerError::Unreadable(error)) => assert_eq!(error.kind, kind, "{topic}"),
            other => panic!("{topic}: {other:?}"),
        }
    }
    for (topic, kind) in [
        ("devices/pump-8/messages/events/", DecodeErrorKind::WrongDevice),
        ("devices/pump-7/messages/devicebound/", DecodeErrorKind::UnknownTopic),
        ("$iothub/twin/res/200/?$rid=00000001", DecodeErrorKind::UnknownTopic),
    ] {
        match hub().handle_packet(NOW, &publish(topic, None)) {
            Err(PeerError::Unreadable(error)) => assert_eq!(error.kind, kind, "{topic}"),
            other => panic!("{topic}: {other:?}"),
        }
    }
}

#[test]
fn calling_a_verb_too_early_or_too_often_is_harmless() {
    let mut device = offline(ALL);
    for _ in 0..3 {
        device.handle_disconnect();
        assert_eq!(device.handle_timeout(NOW), None);
        assert_eq!(device.poll_transmit(&mut []), Ok(None));
        assert_eq!(device.poll_timeout(), None);
    }
    connect(&mut device, Session::Resume, None);
    connect(&mut device, Session::Resume, None);
    assert_eq!(device.handle_packet(NOW, &connected(Session::Resume)), Ok(None));
    let mut hub = hub();
    assert_eq!(hub.handle_timeout(NOW), None);
    assert_eq!(hub.poll_timeout(), None);
    // One that was never opened cannot be given up.
    let (ticket, _) = ready().get_twin(NOW, crate::stage::TIMEOUT, &mut [0; 128]).unwrap();
    hub.forget_call(ticket);
}
