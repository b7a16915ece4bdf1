extern crate std;

use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use iothub_codec::{IdScope, ProvisioningReply, RegistrationId, ToProvisioning};

use super::*;
use crate::{AckToken, Granted, Instant, Limits, Packet, PeerError, Refusal, RefusalReason, Seed, Session};
use core::time::Duration;
use iothub_codec::{Proof, PropertySection, Publish, Qos, Registration};

const TAKEN: &str = r#"{"operationId":"4.op","status":"assigning"}"#;
const DONE: &str = r#"{"operationId":"4.op","status":"assigned","registrationState":{"assignedHub":"h"}}"#;

fn session() -> RegistrationSession<'static> {
    let registration = Registration::new(IdScope::new("0ne").unwrap(), RegistrationId::new("reg-1").unwrap());
    RegistrationSession::new(registration, br#"{"registrationId":"reg-1"}"#, Seed::new(7))
}

const fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// Connected and let in.
fn accepted() -> RegistrationSession<'static> {
    let mut session = session();
    let mut out = [0; 256];
    let packet = session.connect(None, Proof::Token("t"), 60, &mut out).unwrap();
    let Packet::Connect(opening) = packet else { panic!("{packet:?}") };
    assert_eq!(opening.session, Session::Fresh);
    let connected = Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC };
    assert_eq!(session.handle_packet(at(0), &connected), Ok(None));
    session
}

/// Subscribed, so that it asks next.
fn subscribed() -> RegistrationSession<'static> {
    let mut session = accepted();
    let mut out = [0; 256];
    assert!(matches!(session.poll_transmit(at(0), &mut out), Ok(Some(Packet::Subscribe { .. }))));
    let mut granted = Granted::EMPTY;
    assert!(granted.push(Ok(Qos::AtLeastOnce)));
    let answer = Packet::SubAck { token: AckToken::FIRST, granted };
    assert_eq!(session.handle_packet(at(0), &answer), Ok(None));
    session
}

/// What it asks, if it asks something: `register`, or the operation, with its request id.
fn asks(session: &mut RegistrationSession<'_>, now: Instant) -> Option<(String, u32)> {
    let mut out = [0; 512];
    let Some(Packet::Publish { publish, ack: Some(_) }) = session.poll_transmit(now, &mut out).unwrap()
    else {
        return None;
    };
    let number = |request: iothub_codec::RequestId<'_>| request.as_u32().unwrap();
    Some(match ToProvisioning::decode(&publish).unwrap() {
        ToProvisioning::Register(register) => {
            assert_eq!(register.payload, br#"{"registrationId":"reg-1"}"#);
            ("register".to_owned(), number(register.request))
        }
        ToProvisioning::Status(status) => (format!("{}", status.operation), number(status.request)),
    })
}

/// Hands it an answer, and sees to it that it acknowledges that.
fn answer<'a>(
    session: &mut RegistrationSession<'_>,
    now: Instant,
    (rid, code, retry_after_s): (u32, u16, Option<u32>),
    body: &'a str,
) -> Option<RegisteringEvent<'a>> {
    let request = iothub_codec::RequestId::from_u32(rid);
    let reply = ProvisioningReply { request, code, retry_after_s, payload: body.as_bytes() };
    let mut topic = [0; 128];
    let topic = reply.encode(&mut topic).unwrap().topic.to_owned();
    let token = AckToken::new(9).unwrap();
    // The event may borrow from it as from the payload.
    let topic = topic.leak();
    let publish = Publish { qos: Qos::AtLeastOnce, ..Publish::new(topic, body.as_bytes()) };
    let event = session.handle_packet(now, &Packet::Publish { ack: Some(token), publish }).unwrap();
    let owed = session.poll_transmit(now, &mut []).unwrap();
    assert!(matches!(owed, Some(Packet::Ack { token: acked, .. }) if acked == token), "{owed:?}");
    event
}

#[test]
fn a_device_registers_and_asks_until_it_is_assigned() {
    let mut session = subscribed();
    assert_eq!(asks(&mut session, at(0)), Some(("register".to_owned(), 1)));
    assert_eq!(asks(&mut session, at(0)), None);
    assert_eq!(answer(&mut session, at(100), (1, 202, Some(3)), TAKEN), Some(RegisteringEvent::Pending));
    assert_eq!(asks(&mut session, at(3099)), None, "not before it is wanted");
    let (due, _) = session.poll_timeout().unwrap();
    assert!(due >= at(3100) && due <= at(3850), "{due:?}");
    assert_eq!(session.handle_timeout(due), None);
    assert_eq!(asks(&mut session, due), Some(("4.op".to_owned(), 2)));
    let done = answer(&mut session, due, (2, 200, None), DONE);
    assert_eq!(done, Some(RegisteringEvent::Done { document: DONE.as_bytes() }));
    assert_eq!((asks(&mut session, due), session.poll_timeout()), (None, None), "it is over");
}

#[test]
fn what_the_service_says_decides_what_comes_next() {
    for (code, retry, body, wanted, least_ms) in [
        (200, None, DONE, "done", None),
        (200, None, r#"{"status":"failed"}"#, "done", None),
        (200, None, r#"{"status":"disabled"}"#, "done", None),
        (202, None, TAKEN, "pending", Some(2000)),
        (200, Some(5), r#"{"status":"UNASSIGNED"}"#, "pending", Some(5000)),
        (202, Some(100_000), TAKEN, "pending", Some(600_000)),
        (429, Some(30), "{}", "hindered", Some(30_000)),
        (503, None, "", "hindered", Some(2000)),
        (401, None, "{}", "refused", None),
        (404, Some(3), "{}", "refused", None),
    ] {
        let mut session = subscribed();
        asks(&mut session, at(0));
        let event = match answer(&mut session, at(0), (1, code, retry), body) {
            Some(RegisteringEvent::Done { .. }) => "done",
            Some(RegisteringEvent::Pending) => "pending",
            Some(RegisteringEvent::Hindered { .. }) => "hindered",
            Some(RegisteringEvent::Refused { .. }) => "refused",
            event => panic!("{event:?}"),
        };
        assert_eq!(event, wanted, "{code} {body}");
        let due = session.poll_timeout().map(|(due, _)| due);
        match (due, least_ms) {
            (None, None) => {}
            (Some(due), Some(ms)) => {
                assert!(due >= at(ms) && due <= at(ms + ms / 4 + 1300), "{code} {due:?}");
            }
            (due, least) => panic!("{code} {body}: {due:?}, not {least:?}"),
        }
    }
}

#[test]
fn where_the_service_is_hindered_the_same_is_asked_again_later_and_later() {
    let mut session = subscribed();
    let (mut now, mut waits) = (at(0), Vec::new());
    for rid in 1..=40 {
        assert_eq!(asks(&mut session, now), Some(("register".to_owned(), rid)));
        answer(&mut session, now, (rid, 429, None), "{}").unwrap();
        let (due, _) = session.poll_timeout().unwrap();
        waits.push(due.since(now));
        session.handle_timeout(due);
        now = due;
    }
    let longest = RegistrationSession::RETRY_AFTER + Duration::from_secs(60);
    assert!(waits.iter().all(|wait| *wait >= RegistrationSession::RETRY_AFTER && *wait <= longest * 5 / 4));
    let sum = |waits: &[Duration]| waits.iter().sum::<Duration>();
    assert!(sum(&waits[..5]) < sum(&waits[35..]), "{waits:?}");
}

#[test]
fn a_service_that_has_forgotten_a_registration_is_asked_anew() {
    let mut session = subscribed();
    asks(&mut session, at(0));
    answer(&mut session, at(0), (1, 202, Some(0)), TAKEN).unwrap();
    session.handle_timeout(at(0));
    assert_eq!(asks(&mut session, at(0)), Some(("4.op".to_owned(), 2)));
    let forgotten = answer(&mut session, at(0), (2, 404, None), "{}");
    assert_eq!(forgotten, Some(RegisteringEvent::Hindered { code: 404, document: b"{}" }));
    let (due, _) = session.poll_timeout().unwrap();
    session.handle_timeout(due);
    assert_eq!(asks(&mut session, due), Some(("register".to_owned(), 3)));
    // Where it knows nothing of devices at all, that is its last word.
    let refused = answer(&mut session, due, (3, 404, None), "{}");
    assert_eq!(refused, Some(RegisteringEvent::Refused { code: 404, document: b"{}" }));
}

#[test]
fn answers_to_other_questions_are_nothing() {
    let mut session = subscribed();
    asks(&mut session, at(0));
    assert_eq!(answer(&mut session, at(1), (7, 200, None), DONE), None);
    answer(&mut session, at(1), (1, 202, None), TAKEN).unwrap();
    assert_eq!(answer(&mut session, at(2), (1, 200, None), DONE), None, "a late one");
}

#[test]
fn a_service_that_falls_silent_is_given_up_and_asked_on_over_the_next_connection() {
    let mut session = subscribed();
    asks(&mut session, at(0));
    answer(&mut session, at(0), (1, 202, Some(0)), TAKEN).unwrap();
    session.handle_timeout(at(0));
    assert_eq!(asks(&mut session, at(0)), Some(("4.op".to_owned(), 2)));
    assert_eq!(session.handle_timeout(at(29_999)), None);
    assert_eq!(session.handle_timeout(at(30_000)), Some(RegisteringEvent::TimedOut));
    assert_eq!(session.poll_timeout(), None);
    let mut out = [0; 256];
    session.connect(None, Proof::None, 60, &mut out).unwrap();
    let connected = Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC };
    session.handle_packet(at(40_000), &connected).unwrap();
    session.poll_transmit(at(40_000), &mut out).unwrap();
    let mut granted = Granted::EMPTY;
    assert!(granted.push(Ok(Qos::AtLeastOnce)));
    session.handle_packet(at(40_000), &Packet::SubAck { token: AckToken::FIRST, granted }).unwrap();
    assert_eq!(asks(&mut session, at(40_000)), Some(("4.op".to_owned(), 3)));
}

#[test]
fn a_refusal_at_the_door_is_told_with_its_reason() {
    let mut session = session();
    let mut out = [0; 256];
    session.connect(None, Proof::None, 60, &mut out).unwrap();
    let refused =
        Packet::Refused(Refusal { reason: RefusalReason::NotAuthorized, properties: PropertySection::EMPTY });
    let event = session.handle_packet(at(0), &refused).unwrap();
    assert_eq!(event, Some(RegisteringEvent::ConnectRefused { reason: RefusalReason::NotAuthorized }));
}

#[test]
fn what_does_not_belong_ends_the_connection() {
    let stranger = Publish { qos: Qos::AtLeastOnce, ..Publish::new("elsewhere", b"") };
    let publish = Packet::Publish { ack: Some(AckToken::FIRST), publish: stranger };
    let mut asked = subscribed();
    asks(&mut asked, at(0));
    assert!(matches!(asked.handle_packet(at(0), &publish), Err(PeerError::Unreadable(_))));
    let mut denied = accepted();
    denied.poll_transmit(at(0), &mut [0; 64]).unwrap();
    let mut granted = Granted::EMPTY;
    assert!(granted.push(Err(crate::FilterRefusal::Unspecified)));
    for packet in [Packet::SubAck { token: AckToken::FIRST, granted }, publish] {
        let error = denied.clone().handle_packet(at(0), &packet).unwrap_err();
        assert!(matches!(error, PeerError::OutOfPlace { .. }), "{error}");
    }
}

#[test]
fn a_name_that_is_too_long_or_escaped_makes_it_register_again() {
    let long = format!(r#"{{"operationId":"{}","status":"assigning"}}"#, "x".repeat(129));
    for body in [long.as_str(), r#"{"operationId":"a\"b","status":"assigning"}"#, r#"{"status":"assigning"}"#]
    {
        let mut session = subscribed();
        asks(&mut session, at(0));
        answer(&mut session, at(0), (1, 202, Some(0)), body).unwrap();
        session.handle_timeout(at(0));
        assert_eq!(asks(&mut session, at(0)), Some(("register".to_owned(), 2)), "{body}");
    }
}
