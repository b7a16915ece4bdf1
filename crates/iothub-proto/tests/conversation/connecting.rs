//! How a connection begins and ends, and what a device is told of it.

use iothub_codec::{
    Ack, Codec, Dialect, EncodeError, Identity, ModuleId, Outcome, PropertySection, Qos, Status, Text,
    open_connect,
};
use iothub_proto::{
    DeviceEvent, Dismissal, Hello, HubEvent, Now, Packet, PacketKind, PeerError, Refusal, RefusalReason,
    Retry, SendError, Session, StateKind, Timestamp, refuse_connect,
};

use crate::pair::{ALL, identity};
use crate::parcel::Parcel;
use crate::stage::{Device, Hub, NOW, TIMEOUT, connect, hello, hub_in, offline_in, ready_in, send, version};

const NOT_EXPRESSIBLE: SendError = SendError::Encode(EncodeError::NotExpressible);

#[test]
fn a_hub_reads_what_a_device_says_when_it_connects() {
    let module = Identity::module(identity().device, ModuleId::new("m").unwrap());
    for dialect in Dialect::ALL.iter().copied() {
        for who in [identity(), module] {
            let mut device = Device::new(Codec::new(dialect, who), ALL);
            let now = Now { instant: NOW, timestamp: Timestamp::from_secs(1_900_000_000) };
            let hello = Hello { packet_len_max: Some(4096), ..hello(now.timestamp, Session::Resume, None) };
            let mut out = [0; 512];
            let Packet::Connect(opening) = device.connect(now, &hello, &mut out).unwrap() else { panic!() };
            let (read, claim) = open_connect(&opening.connect).unwrap();
            assert_eq!((read, claim.identity), (dialect, who));
            // MQTT 3.1.1 has no words for these.
            let said = (opening.session_expiry_s, opening.receive_maximum, opening.maximum_packet_size);
            let mqtt5 = (Some(u32::MAX), Some(16), Some(4096));
            let expected = if dialect == Dialect::Preview5 { mqtt5 } else { (None, None, None) };
            assert_eq!(said, expected, "{dialect:?}");

            let (hub, answer) = Hub::accept(read, claim.identity, &opening, None, 1);
            assert_eq!(hub.identity(), who);
            assert_eq!(device.handle_packet(NOW, &answer), Ok(None), "it subscribes next");
        }
    }
}

#[test]
fn a_device_knows_whether_connecting_again_can_help() {
    use RefusalReason::{
        BadAuthenticationMethod, BadClientId, BadUserName, Busy, ConnectionRateExceeded,
        ImplementationSpecific, NotAuthorized, QuotaExceeded, ServerMoved, Unavailable, Unspecified,
    };
    let none = Status::SUCCESS;
    for (dialect, reason, status, read, retry) in [
        (Dialect::Classic, Unavailable, none, Status::SERVER_BUSY, Retry::Later),
        (Dialect::Classic, NotAuthorized, none, Status::NOT_AUTHORIZED, Retry::Never),
        (Dialect::Preview311, BadUserName, none, Status::BAD_REQUEST, Retry::Never),
        (Dialect::Preview311, BadClientId, none, Status::BAD_REQUEST, Retry::Never),
        // Without a status the reason decides.
        (Dialect::Preview5, Busy, none, Status::SERVER_BUSY, Retry::Later),
        (Dialect::Preview5, NotAuthorized, none, Status::NOT_AUTHORIZED, Retry::Never),
        (Dialect::Preview5, BadAuthenticationMethod, none, Status::NOT_AUTHORIZED, Retry::Never),
        (Dialect::Preview5, ConnectionRateExceeded, none, Status::THROTTLED, Retry::Later),
        (Dialect::Preview5, ServerMoved, none, Status::SERVER_ERROR, Retry::Never),
        (Dialect::Preview5, Unspecified, none, Status::SERVER_ERROR, Retry::Later),
        (Dialect::Preview5, ImplementationSpecific, none, Status::SERVER_ERROR, Retry::Never),
        // With one it is the status.
        (Dialect::Preview5, ImplementationSpecific, Status::BAD_REQUEST, Status::BAD_REQUEST, Retry::Never),
        (Dialect::Preview5, ImplementationSpecific, Status::TIMEOUT, Status::TIMEOUT, Retry::Later),
        (Dialect::Preview5, QuotaExceeded, Status::NOT_ALLOWED, Status::NOT_ALLOWED, Retry::Never),
        (Dialect::Preview5, Unspecified, Status::NOT_FOUND, Status::NOT_FOUND, Retry::Never),
    ] {
        let mut device = offline_in(dialect, ALL);
        connect(&mut device, Session::Resume, None);
        let mut out = [0; 128];
        let outcome = Outcome { reason: Some(Text::plain("no")), ..Outcome::new(status) };
        let refusal = refuse_connect((version(dialect), dialect), reason, &outcome, &mut out).unwrap();
        let parcel = Parcel::new(&refusal);
        let event = device.handle_packet(NOW, &parcel.packet()).unwrap();
        let Some(DeviceEvent::ConnectRefused { reason: told, outcome, retry: advice }) = event else {
            panic!("{event:?}")
        };
        assert_eq!((told, outcome.status, advice), (reason, read, retry), "{dialect:?} {reason:?} {status}");
        let explained = status.may_have_reason().then_some("no");
        assert_eq!(outcome.reason.and_then(Text::as_str), explained, "{status}");
        assert_eq!(device.poll_transmit(&mut [0; 256]), Ok(None), "it is over");
    }
}

#[test]
fn over_mqtt_3_1_1_there_are_five_reasons_not_to_connect() {
    for dialect in [Dialect::Classic, Dialect::Preview311] {
        for reason in RefusalReason::ALL {
            let mut out = [0; 0];
            let refusal = refuse_connect((version(dialect), dialect), *reason, &Outcome::REJECTED, &mut out);
            let Ok(Packet::Refused(Refusal { reason: written, properties })) = refusal else {
                panic!("{refusal:?}")
            };
            assert_eq!(properties, PropertySection::EMPTY);
            assert!([0x84, 0x85, 0x86, 0x87, 0x88].contains(&written.code()), "{reason:?} {written:?}");
            // Nobody gives up who could try again, and the other way round.
            assert_eq!(
                written.is_retryable(),
                reason.is_retryable() || *reason == RefusalReason::ServerMoved
            );
        }
    }
}

#[test]
fn a_device_is_told_why_its_connection_ends_where_that_can_be_said() {
    let out_of_place = PeerError::OutOfPlace { packet: PacketKind::ConnAck, state: StateKind::Ready };
    let throttled = Outcome { reason: None, ..Outcome::new(Status::THROTTLED) };
    for (why, reason_code, status, retry) in [
        (Dismissal::NotAuthorized, 135, Status::NOT_AUTHORIZED, Retry::Never),
        (Dismissal::TakenOver, 142, Status::CONFLICT, Retry::Never),
        (Dismissal::TooManyConnections, 159, Status::THROTTLED, Retry::Later),
        (Dismissal::Broken(out_of_place), 130, Status::BAD_REQUEST, Retry::Never),
        (Dismissal::Refused(throttled), 151, Status::THROTTLED, Retry::Later),
        (Dismissal::Refused(Outcome::REJECTED), 131, Status::BAD_REQUEST, Retry::Never),
    ] {
        for dialect in Dialect::ALL.iter().copied() {
            let mut device = ready_in(dialect);
            let mut out = [0; 256];
            let (ticket, _) = device.get_twin(NOW, TIMEOUT, &mut out).unwrap();
            let mut out = [0; 64];
            let dismissed = hub_in(dialect).dismiss(&why, &mut out);
            if dialect != Dialect::Preview5 {
                assert_eq!(dismissed, Err(NOT_EXPRESSIBLE), "{why:?}");
                let bare = Packet::Disconnect(Ack::SUCCESS);
                assert!(device.handle_packet(NOW, &bare).is_err(), "no hub sends it over MQTT 3.1.1");
                continue;
            }
            let parcel = Parcel::new(&dismissed.unwrap());
            let event = device.handle_packet(NOW, &parcel.packet()).unwrap();
            let outcome = Outcome::new(status);
            assert_eq!(event, Some(DeviceEvent::Disconnected { reason_code, outcome, retry }), "{why:?}");
            assert!(!device.is_ready());
            assert_eq!(
                device.handle_timeout(NOW),
                Some(DeviceEvent::Lost { ticket }),
                "what was open is over"
            );
            assert_eq!(send(&mut device, Qos::AtMostOnce), Err(SendError::NotReady));
        }
    }
}

#[test]
fn a_goodbye_takes_the_will_back_and_anything_else_does_not() {
    for (reason_code, expected) in [
        (0, HubEvent::Goodbye),
        (4, HubEvent::GaveUp { reason_code: 4 }),
        (0x93, HubEvent::GaveUp { reason_code: 0x93 }),
    ] {
        let ack = Ack { reason_code, properties: PropertySection::EMPTY };
        let event = hub_in(Dialect::Preview5).handle_packet(NOW, &Packet::Disconnect(ack));
        assert_eq!(event, Ok(expected));
    }
}
