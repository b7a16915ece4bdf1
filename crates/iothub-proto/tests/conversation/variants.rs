//! Topics of which the `$az/iot` dialect has two: the hub writes to that which the device listens to.

use iothub_codec::{
    Channels, DesiredChanged, Dialect, EncodeError, Operation, Qos, Reply, RequestId, Status, TwinPart,
};
use iothub_proto::{DeviceEvent, HubEvent, Packet, Received, SendError};

use crate::parcel::Parcel;
use crate::stage::{Hub, NOW, TIMEOUT, hub_in, listening, ready_in, subscribes};

const DASH: &str = "$az/iot/twin/events/desired-changed/+";
const SLASH: &str = "$az/iot/twin/events/desired/changed/+";
const GET: &str = "$az/iot/twin/get/response/+";
const PATCH: &str = "$az/iot/twin/patch/response/+";

fn hub(filters: &[&str]) -> Hub {
    let mut hub = hub_in(Dialect::Preview311);
    let filters: Vec<(&str, Qos)> = filters.iter().map(|filter| (*filter, Qos::AtMostOnce)).collect();
    if !filters.is_empty() {
        let (outcomes, _) = subscribes(&mut hub, &filters).unwrap();
        assert!(outcomes.iter().all(Option::is_some), "{outcomes:?}");
    }
    hub
}

fn topic(packet: &Packet<'_>) -> String {
    let Packet::Publish { publish, .. } = packet else { panic!("{packet:?}") };
    let (topic, _) = publish.topic.split_once("/?").unwrap();
    topic.to_owned()
}

#[test]
fn changes_go_to_the_spelling_that_was_subscribed_to() {
    let dash = "$az/iot/twin/events/desired-changed";
    let slash = "$az/iot/twin/events/desired/changed";
    for (filters, expected) in [
        (&[][..], Err(SendError::NotSubscribed)),
        (&[GET], Err(SendError::NotSubscribed)),
        (&[DASH], Ok(dash)),
        (&[SLASH], Ok(slash)),
        (&[SLASH, DASH], Ok(dash)),
        (&["$az/iot/twin/events/desired/changed"], Ok(slash)),
    ] {
        let mut hub = hub(filters);
        let change = DesiredChanged { version: 4, patch: b"{}", qos: Qos::AtLeastOnce };
        let mut out = [0; 128];
        let written = hub.desired_changed(&change, &mut out).map(|packet| topic(&packet));
        assert_eq!(written, expected.map(str::to_owned), "{filters:?}");
        // A session that goes on remembers which.
        let opening = iothub_proto::Opening {
            session: iothub_proto::Session::Resume,
            ..crate::stage::opening(Dialect::Preview311)
        };
        let kept = Some(*hub.subscriptions());
        let (mut next, _) = Hub::accept(Dialect::Preview311, hub.identity(), &opening, kept, 1);
        let written = next.desired_changed(&change, &mut out).map(|packet| topic(&packet));
        assert_eq!(written, expected.map(str::to_owned), "{filters:?}");
    }
}

#[test]
fn answers_go_where_they_are_heard() {
    let (get, patch) = ("$az/iot/twin/get/response", "$az/iot/twin/patch/response");
    let deaf = Err(SendError::NotSubscribed);
    for (filters, to_get, to_patch) in [
        (&[][..], deaf, deaf),
        (&[DASH], deaf, deaf),
        (&[GET, PATCH], Ok(get), Ok(patch)),
        (&[PATCH], deaf, Ok(patch)),
        // A sample of the reference has the answer to a patch there.
        (&[GET], Ok(get), Ok(get)),
    ] {
        let hub = hub(filters);
        let reply = Reply { version: Some(4), ..Reply::new(RequestId::from_u32(1), Status::SUCCESS) };
        for (operation, expected) in [(Operation::TwinGet, to_get), (Operation::TwinPatch, to_patch)] {
            let mut out = [0; 128];
            let written = hub.reply(operation, &reply, &mut out).map(|packet| topic(&packet));
            assert_eq!(written, expected.map(str::to_owned), "{filters:?} {operation:?}");
        }
    }
}

#[test]
fn an_answer_to_a_patch_is_one_on_either_topic() {
    for operation in [Operation::TwinGet, Operation::TwinPatch] {
        let mut device = ready_in(Dialect::Preview311);
        let mut out = [0; 128];
        let (ticket, _) = device.report(NOW, TIMEOUT, b"{}", None, &mut out).unwrap();
        let reply = Reply { version: Some(4), ..Reply::new(RequestId::from_u32(1), Status::SUCCESS) };
        let packet = listening(Dialect::Preview311);
        let mut out = [0; 128];
        let parcel = Parcel::new(&packet.reply(operation, &reply, &mut out).unwrap());
        let event = device.handle_packet(NOW, &parcel.packet());
        assert_eq!(event, Ok(Some(DeviceEvent::Reported { ticket, version: Some(4) })));
    }
}

#[test]
fn a_section_of_the_twin_is_to_be_had_in_one_dialect() {
    for dialect in Dialect::ALL.iter().copied() {
        for (part, known_version, status, document) in [
            (TwinPart::Desired, None, Status::SUCCESS, &br#"{"temp":28}"#[..]),
            (TwinPart::Reported, Some(3), Status::SUCCESS, br#"{"temp":28}"#),
            (TwinPart::Reported, Some(4), Status::NOT_MODIFIED, b""),
            (TwinPart::Desired, None, Status::NOT_FOUND, b""),
        ] {
            let (mut device, mut hub) = (ready_in(dialect), listening(dialect));
            let mut out = [0; 256];
            let asked = device.get_twin_part(NOW, TIMEOUT, part, known_version, &mut out);
            if dialect != Dialect::Preview311 {
                let expected = SendError::Encode(EncodeError::NotExpressible);
                assert_eq!(asked.map(drop), Err(expected), "{dialect:?}");
                assert_eq!(device.poll_timeout(), None, "nothing was begun");
                continue;
            }
            let (ticket, packet) = asked.unwrap();
            let parcel = Parcel::new(&packet);
            let packet = parcel.packet();
            let event = hub.handle_packet(NOW, &packet);
            let Ok(HubEvent::Received { message: Received::TwinGet(get), .. }) = event else {
                panic!("{event:?}")
            };
            assert_eq!((get.part, get.known_version), (part, known_version));
            let version = (status == Status::SUCCESS).then_some(4);
            let reply = Reply { version, payload: document, ..Reply::new(get.request, status) };
            let mut out = [0; 256];
            let parcel = Parcel::new(&hub.reply(Operation::TwinGet, &reply, &mut out).unwrap());
            let packet = parcel.packet();
            let event = device.handle_packet(NOW, &packet).unwrap().unwrap();
            let expected = match status {
                Status::NOT_MODIFIED => DeviceEvent::NotModified { ticket },
                Status::NOT_FOUND => DeviceEvent::Refused { ticket, status, code: None, reason: None },
                _ => DeviceEvent::Twin { ticket, part, document, version },
            };
            assert_eq!(event, expected, "{part:?} {status}");
        }
    }
}

#[test]
fn fifty_methods_by_name_and_no_more() {
    for dialect in [Dialect::Preview311, Dialect::Preview5] {
        let mut hub = hub_in(dialect);
        let stem = if dialect == Dialect::Preview5 { "$iothub/methods/" } else { "$az/iot/methods/" };
        for number in 0..=50 {
            let filter = format!("{stem}m{number}");
            let (outcomes, channels) = subscribes(&mut hub, &[(&filter, Qos::AtMostOnce)]).unwrap();
            assert_eq!(outcomes[0].is_some(), number < 50, "{filter}");
            assert_eq!(channels == Channels::METHODS, number < 50);
        }
        for number in 0..=50 {
            let name = format!("m{number}");
            assert_eq!(hub.subscriptions().granted_method(&name).is_some(), number < 50, "{name}");
        }
    }
}
