//! What becomes of a connection, a message, a command or a call, as far as the dialect can say it.

use iothub_codec::{
    Ack, Command, Content, DecodeErrorKind, Dialect, EncodeError, MethodCall, Operation, Outcome,
    PropertySection, Publish, Qos, Reply, RequestId, Status, Text,
};
use iothub_proto::{
    AckToken, Delivery, DeviceEvent, Dismissal, HubEvent, Packet, PacketKind, PeerError, Received, SendError,
    StateKind, Verdict,
};

use crate::hub_end::command_properties;
use crate::pair::{codec, identity};
use crate::parcel::Parcel;
use crate::stage::{Device, Hub, NOW, TIMEOUT, hub_in, listening, opening, ready_in, send, token};

const NOT_EXPRESSIBLE: SendError = SendError::Encode(EncodeError::NotExpressible);

fn text(text: &str) -> Option<Text<'_>> {
    Some(Text::plain(text))
}

#[test]
fn a_telemetry_message_is_acknowledged_or_refused_where_that_can_be_said() {
    for dialect in Dialect::ALL.iter().copied() {
        for status in Status::ALL.iter().copied() {
            let (mut device, hub) = (ready_in(dialect), hub_in(dialect));
            let sent = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
            let mut out = [0; 128];
            let outcome = Outcome { reason: text("no"), trace_id: text("t1"), ..Outcome::new(status) };
            let refused = hub.refuse(sent, &outcome, &mut out);
            if dialect != Dialect::Preview5 && status != Status::SUCCESS {
                assert_eq!(refused, Err(NOT_EXPRESSIBLE), "{dialect:?} {status}");
                continue;
            }
            let parcel = Parcel::new(&refused.unwrap());
            let event = device.handle_packet(NOW, &parcel.packet()).unwrap();
            match event {
                Some(DeviceEvent::Sent { token }) if status.is_success() => assert_eq!(token, sent),
                Some(DeviceEvent::SendRefused { token, outcome }) if !status.is_success() => {
                    assert_eq!((token, outcome.status), (sent, status));
                    assert_eq!(outcome.reason.is_some(), status.may_have_reason());
                    assert_eq!(outcome.trace_id.is_some(), status.may_have_trace_id());
                }
                other => panic!("{status}: {other:?}"),
            }
            // It is over either way, and told once.
            let again = device.handle_packet(NOW, &parcel.packet());
            let out_of_place = PeerError::OutOfPlace { packet: PacketKind::PubAck, state: StateKind::Ready };
            assert_eq!(again, Err(out_of_place));
        }
    }
}

#[test]
fn an_outcome_that_cannot_be_read_ends_no_message() {
    let mut device = ready_in(Dialect::Preview5);
    let sent = send(&mut device, Qos::AtLeastOnce).unwrap().unwrap();
    // A refusal that says that all went well.
    let ack = Ack { reason_code: 0x83, properties: PropertySection::EMPTY };
    let mut contrary = Parcel::new(&Packet::Ack { token: sent, ack });
    let Parcel::Ack { properties, .. } = &mut contrary else { panic!("{contrary:?}") };
    properties.extend(b"\x26\0\x06status\0\x040000");
    assert!(matches!(device.handle_packet(NOW, &contrary.packet()), Err(PeerError::Unreadable(_))));
    let event = device.handle_packet(NOW, &Packet::Ack { token: sent, ack: Ack::SUCCESS });
    assert_eq!(event, Ok(Some(DeviceEvent::Sent { token: sent })), "it was still awaited");
}

#[test]
fn a_device_that_asks_for_no_explanations_gets_none() {
    let problems = |wanted: u8| [0x17, wanted];
    for (section, explained) in [(&[][..], true), (&problems(1), true), (&problems(0), false)] {
        let mut opening = opening(Dialect::Preview5);
        opening.connect.properties =
            PropertySection::from_wire(section, iothub_codec::SectionOf::Connect).unwrap();
        let (hub, _) = Hub::accept(Dialect::Preview5, identity(), &opening, None, 1);
        let mut out = [0; 128];
        let refused = hub.refuse(token(1), &Outcome::new(Status::THROTTLED), &mut out).unwrap();
        let Packet::Ack { ack, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((ack.reason_code, !ack.properties.as_wire().is_empty()), (151, explained));
    }
}

#[test]
fn a_command_is_completed_abandoned_or_rejected_where_that_can_be_said() {
    for dialect in Dialect::ALL.iter().copied() {
        for (verdict, status) in [
            (Verdict::Complete, Status::SUCCESS),
            (Verdict::Abandon, Status::SERVER_BUSY),
            (Verdict::Reject, Status::BAD_REQUEST),
        ] {
            let (mut device, mut hub) = (ready_in(dialect), listening(dialect));
            let sent = deliver(&mut hub, &mut device);
            let mut out = [0; 64];
            let settled = device.settle(sent, verdict, &mut out);
            if dialect != Dialect::Preview5 && verdict != Verdict::Complete {
                assert_eq!(settled, Err(NOT_EXPRESSIBLE), "{dialect:?} {verdict:?}");
                // It can still be dealt with.
                assert!(device.settle(sent, Verdict::Complete, &mut out).is_ok());
                continue;
            }
            let parcel = Parcel::new(&settled.unwrap());
            let event = hub.handle_packet(NOW, &parcel.packet());
            assert_eq!(event, Ok(HubEvent::Settled { token: sent, verdict, status }), "{dialect:?}");
            assert_eq!(device.settle(sent, verdict, &mut out), Err(SendError::NotAwaited), "once");
            assert_eq!(hub.handle_packet(NOW, &parcel.packet()), Ok(HubEvent::LateAck { token: sent }));
            // There is room for the next, which has another name.
            assert_ne!(deliver(&mut hub, &mut device), sent);
        }
    }
}

#[test]
fn a_verdict_without_room_is_still_to_be_said() {
    let (mut device, mut hub) = (ready_in(Dialect::Preview5), listening(Dialect::Preview5));
    let sent = deliver(&mut hub, &mut device);
    for _ in 0..2 {
        let error = device.settle(sent, Verdict::Reject, &mut []);
        assert!(matches!(error, Err(SendError::Encode(EncodeError::BufferTooSmall { .. }))), "{error:?}");
    }
    assert!(device.settle(sent, Verdict::Reject, &mut [0; 64]).is_ok());
}

#[test]
fn what_the_payloads_of_a_method_are_is_told_where_it_can_be_said() {
    let cbor = Content { media_type: Some(Text::plain("application/cbor")), encoding: None };
    let packed = Content { encoding: Some(Text::plain("gzip")), ..cbor };
    for (dialect, content, expressible) in [
        (Dialect::Classic, cbor, false),
        (Dialect::Preview311, cbor, true),
        (Dialect::Preview311, packed, true),
        (Dialect::Preview5, cbor, true),
        (Dialect::Preview5, packed, false),
    ] {
        let (mut device, mut hub) = (ready_in(dialect), listening(dialect));
        let mut out = [0; 256];
        let called = hub.call_with_content(NOW, TIMEOUT, "reboot", b"\x01", content, &mut out);
        if !expressible {
            assert_eq!(called, Err(NOT_EXPRESSIBLE), "{dialect:?}");
            assert_eq!(hub.poll_timeout(), None, "nothing was begun");
            let request = RequestId::from_u32(1);
            let answer = device.reply_with_content(request, "reboot", 200, b"\x02", content, &mut out);
            assert_eq!(answer, Err(NOT_EXPRESSIBLE), "{dialect:?}");
            continue;
        }
        let (ticket, packet) = called.unwrap();
        let parcel = Parcel::new(&packet);
        let packet = parcel.packet();
        let event = device.handle_packet(NOW, &packet).unwrap();
        let Some(DeviceEvent::Method(call)) = event else { panic!("{event:?}") };
        assert_eq!(said(call.content), said(content), "{dialect:?}");
        let mut out = [0; 256];
        let answer = device.reply_with_content(call.request, "reboot", 200, b"\x02", content, &mut out);
        let parcel = Parcel::new(&answer.unwrap());
        let packet = parcel.packet();
        let event = hub.handle_packet(NOW, &packet).unwrap();
        let HubEvent::Received { message: Received::Answer { payload: b"\x02", content: told, .. }, .. } =
            event
        else {
            panic!("{event:?} to {ticket:?}")
        };
        assert_eq!(said(told), said(content), "{dialect:?}");
    }
}

fn said(content: Content<'_>) -> [Option<String>; 2] {
    [content.media_type, content.encoding].map(|text| text.map(|text| text.to_string()))
}

#[test]
fn a_method_is_answered_or_declined_where_that_can_be_said() {
    for dialect in Dialect::ALL.iter().copied() {
        for (status, expected) in
            [(None, None), (Some(Status::TARGET_UNAVAILABLE), Some(Status::TARGET_UNAVAILABLE))]
        {
            let (mut device, mut hub) = (ready_in(dialect), listening(dialect));
            let mut out = [0; 256];
            let (ticket, packet) = hub.call(NOW, TIMEOUT, "reboot", b"[1]", &mut out).unwrap();
            let parcel = Parcel::new(&packet);
            let packet = parcel.packet();
            let event = device.handle_packet(NOW, &packet).unwrap();
            let Some(DeviceEvent::Method(MethodCall { request, name: "reboot", payload: b"[1]", .. })) =
                event
            else {
                panic!("{event:?}")
            };
            let mut out = [0; 256];
            let answer = match status {
                None => device.reply(request, "reboot", 207, b"[2]", &mut out),
                Some(status) => device.decline(request, "reboot", status, &mut out),
            };
            if dialect == Dialect::Classic && status.is_some() {
                assert_eq!(answer, Err(NOT_EXPRESSIBLE));
                continue;
            }
            let parcel = Parcel::new(&answer.unwrap());
            let message = match expected {
                None => Received::Answer { ticket, code: 207, payload: b"[2]", content: Content::JSON },
                Some(status) => Received::Declined { ticket, status },
            };
            let received = |message| Ok(HubEvent::Received { ack: None, message });
            assert_eq!(hub.handle_packet(NOW, &parcel.packet()), received(message), "{dialect:?}");
            assert_eq!(hub.handle_packet(NOW, &parcel.packet()), received(Received::LateAnswer));
            assert_eq!(hub.poll_timeout(), None, "nothing is due any longer");
        }
    }
}

#[test]
fn an_answer_with_neither_number_nor_refusal_cannot_be_read() {
    let mut hub = listening(Dialect::Preview5);
    let mut out = [0; 256];
    let (ticket, _) = hub.call(NOW, TIMEOUT, "reboot", b"", &mut out).unwrap();
    // As the answer to a twin request would be.
    let reply = Reply::new(RequestId::from_u32(1), Status::SUCCESS);
    let publish = codec(Dialect::Preview5).encode_reply(Operation::TwinGet, &reply, &mut out).unwrap();
    let parcel = Parcel::new(&Packet::Publish { ack: None, publish });
    assert!(matches!(hub.handle_packet(NOW, &parcel.packet()), Err(PeerError::Unreadable(_))));
    assert_eq!(
        hub.handle_timeout(NOW.after(TIMEOUT)),
        Some(HubEvent::Unanswered { ticket }),
        "it answered nothing"
    );
}

#[test]
fn what_cannot_be_read_is_refused_or_ends_the_connection() {
    for (dialect, ack, expected) in [
        (Dialect::Classic, Some(token(9)), None),
        (Dialect::Preview311, Some(token(9)), None),
        (Dialect::Preview5, Some(token(9)), Some(token(9))),
        (Dialect::Preview5, None, None),
    ] {
        let mut hub = hub_in(dialect);
        let qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let publish = Publish { qos, ..Publish::new("$iothub/nothing", b"") };
        let event = hub.handle_packet(NOW, &Packet::Publish { ack, publish });
        match (event, expected) {
            (Ok(HubEvent::Unreadable { token, error }), Some(expected)) => {
                assert_eq!((token, error.kind), (expected, DecodeErrorKind::UnknownTopic));
                let mut out = [0; 64];
                let refused = hub.refuse(token, &Outcome::new(error.kind.status()), &mut out).unwrap();
                let Packet::Ack { ack, .. } = refused else { panic!("{refused:?}") };
                assert_eq!(ack.reason_code, 131);
            }
            (Err(error @ PeerError::Unreadable(_)), None) => {
                let mut out = [0; 128];
                let dismissed = hub.dismiss(&Dismissal::Broken(error), &mut out);
                if dialect != Dialect::Preview5 {
                    assert_eq!(dismissed, Err(NOT_EXPRESSIBLE));
                    continue;
                }
                let Ok(Packet::Disconnect(ack)) = dismissed else { panic!("{dismissed:?}") };
                assert_eq!(ack.reason_code, Ack::TOPIC_NAME_INVALID);
                let outcome = codec(dialect).decode_ack(&ack).unwrap();
                assert_eq!(outcome.status, Status::NOT_FOUND);
                let said = outcome.reason.map(|reason| reason.to_string());
                assert_eq!(said.as_deref(), Some("unreadable message: byte 0 of the topic: unknown topic"));
            }
            (event, _) => panic!("{dialect:?} {ack:?}: {event:?}"),
        }
    }
}

#[test]
fn a_request_at_qos_1_is_refused_and_not_carried_out() {
    let mut out = [0; 64];
    let get = iothub_codec::TwinGet::new(RequestId::from_u32(1));
    let publish = codec(Dialect::Preview5).encode(&get, &mut out).unwrap();
    let publish = Publish { qos: Qos::AtLeastOnce, ..publish };
    let event =
        hub_in(Dialect::Preview5).handle_packet(NOW, &Packet::Publish { ack: Some(token(3)), publish });
    let Ok(HubEvent::Unreadable { token: refused, error }) = event else { panic!("{event:?}") };
    assert_eq!((refused, error.kind.status()), (token(3), Status::BAD_REQUEST));
}

/// A command that reaches the device, at QoS 1.
fn deliver(hub: &mut Hub, device: &mut Device) -> AckToken {
    let mut out = [0; 256];
    let properties = command_properties(hub.subscriptions().dialect());
    let command = Command { properties, ..Command::default() };
    let (sent, packet) = hub.command(&command, Delivery::First, &mut out).unwrap();
    let parcel = Parcel::new(&packet);
    let packet = parcel.packet();
    let event = device.handle_packet(NOW, &packet).unwrap();
    let Some(DeviceEvent::Command { ack, .. }) = event else { panic!("{event:?}") };
    assert_eq!(ack, sent);
    sent.expect("it listens at QoS 1")
}
