//! How a hub lets a device in: what goes on from before, and what it announces.

use iothub_codec::{Ack, Channels, Dialect, Filters, PropertySection, SectionOf};
use iothub_proto::{HubEvent, Limits, Opening, Packet, Session, Subscriptions};

use crate::pair::{codec, identity, is_open};
use crate::stage::{Hub, NOW, hub_in, listening, opening, token};

/// What a device keeps that was subscribed to everything and asked for its session to last.
fn kept(dialect: Dialect) -> Subscriptions {
    let (mut hub, _) = Hub::accept(dialect, identity(), &lasting(dialect), None, 1);
    crate::stage::listen(&mut hub, dialect);
    hub.kept().expect("the device asked for it")
}

fn lasting(dialect: Dialect) -> Opening<'static> {
    let mqtt5 = dialect == Dialect::Preview5;
    Opening { session: Session::Resume, session_expiry_s: mqtt5.then_some(u32::MAX), ..opening(dialect) }
}

#[test]
fn a_session_goes_on_in_its_dialect_for_who_asks_for_it() {
    for dialect in Dialect::ALL.iter().copied() {
        for before in Dialect::ALL.iter().copied() {
            for (asked, had, expected) in [
                (Session::Resume, true, before == dialect),
                (Session::Resume, false, false),
                (Session::Fresh, true, false),
            ] {
                let opening = Opening { session: asked, ..lasting(dialect) };
                let kept = had.then(|| kept(before));
                let (hub, answer) = Hub::accept(dialect, identity(), &opening, kept, 1);
                let Packet::Connected { session, .. } = answer else { panic!("{answer:?}") };
                assert_eq!(session == Session::Resume, expected, "{dialect:?} {before:?} {asked:?}");
                let listens = hub.subscriptions().granted(Channels::COMMANDS).is_some();
                assert_eq!(listens, expected, "{dialect:?} {before:?} {asked:?}");
                assert_eq!(hub.subscriptions().dialect(), dialect);
            }
        }
    }
}

#[test]
fn a_session_lasts_as_long_as_the_device_asked() {
    for (dialect, session, session_expiry_s, lasts) in [
        (Dialect::Classic, Session::Resume, None, true),
        (Dialect::Classic, Session::Fresh, None, false),
        (Dialect::Preview311, Session::Resume, None, true),
        (Dialect::Preview311, Session::Fresh, None, false),
        // Over MQTT 5, how it begins says nothing about how it ends.
        (Dialect::Preview5, Session::Resume, None, false),
        (Dialect::Preview5, Session::Resume, Some(0), false),
        (Dialect::Preview5, Session::Resume, Some(1), true),
        (Dialect::Preview5, Session::Fresh, Some(u32::MAX), true),
    ] {
        let opening = Opening { session, session_expiry_s, ..opening(dialect) };
        let (hub, _) = Hub::accept(dialect, identity(), &opening, None, 1);
        assert_eq!(hub.kept().is_some(), lasts, "{dialect:?} {session:?} {session_expiry_s:?}");
    }
}

#[test]
fn a_device_may_end_its_session_with_its_goodbye() {
    for (section, lasts) in [(&b""[..], true), (b"\x11\0\0\0\x05", true), (b"\x11\0\0\0\0", false)] {
        let opening = lasting(Dialect::Preview5);
        let (mut hub, _) = Hub::accept(Dialect::Preview5, identity(), &opening, None, 1);
        let properties = PropertySection::from_wire(section, SectionOf::Disconnect).unwrap();
        let event = hub.handle_packet(NOW, &Packet::Disconnect(Ack { properties, ..Ack::SUCCESS }));
        assert_eq!(event, Ok(HubEvent::Goodbye));
        assert_eq!(hub.kept().is_some(), lasts, "{section:?}");
    }
}

#[test]
fn a_hub_announces_its_limits() {
    let preview5 = Limits::PREVIEW5;
    for (dialect, keep_alive_s, session_expiry_s, expected) in [
        (Dialect::Classic, 0, None, Limits::CLASSIC),
        (Dialect::Preview311, 65_535, None, Limits::CLASSIC),
        (Dialect::Preview5, 300, None, preview5),
        (Dialect::Preview5, 1140, None, preview5),
        (Dialect::Preview5, 1141, None, Limits { keep_alive_s: Some(1140), ..preview5 }),
        (Dialect::Preview5, 0, None, Limits { keep_alive_s: Some(1140), ..preview5 }),
        (Dialect::Preview5, 300, Some(0), preview5),
        (Dialect::Preview5, 300, Some(3600), Limits { session_expiry_s: Some(u32::MAX), ..preview5 }),
        (Dialect::Preview5, 300, Some(u32::MAX), preview5),
    ] {
        let opening = Opening { keep_alive_s, session_expiry_s, ..opening(dialect) };
        let (_, answer) = Hub::accept(dialect, identity(), &opening, None, 1);
        let Packet::Connected { limits, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(limits, expected, "{dialect:?} {keep_alive_s} {session_expiry_s:?}");
    }
    assert_eq!((preview5.receive_maximum, preview5.maximum_packet_size), (16, 262_144));
}

#[test]
fn answers_over_mqtt_5_come_without_a_subscription_and_cannot_be_given_up() {
    for dialect in Dialect::ALL.iter().copied() {
        let open = dialect == Dialect::Preview5;
        assert_eq!(is_open(dialect, Channels::REPLIES), open);
        let request = iothub_codec::RequestId::from_u32(1);
        let reply = iothub_codec::Reply::new(request, iothub_codec::Status::SUCCESS);
        let answers = |hub: &Hub| hub.reply(iothub_codec::Operation::TwinGet, &reply, &mut [0; 128]).is_ok();
        assert_eq!(answers(&hub_in(dialect)), open, "{dialect:?}");
        let mut hub = listening(dialect);
        assert!(answers(&hub), "{dialect:?}");
        for wire in [&b"\0\x11$iothub/responses"[..], b"\0\x12$iothub/twin/res/#"] {
            let filters = Filters::from_unsubscribe(wire).unwrap();
            hub.handle_packet(NOW, &Packet::Unsubscribe { token: token(2), filters }).unwrap();
        }
        assert_eq!(answers(&hub), dialect != Dialect::Classic, "{dialect:?}");
        assert_eq!(codec(dialect).dialect(), dialect);
    }
}
