//! Credentials are renewed before they expire.

use core::time::Duration;

use iothub_codec::{
    Auth, AuthStep, Channels, Dialect, EncodeError, Outcome, Proof, PropertySection, Signature, Status, Terms,
};
use iothub_proto::{
    DeviceEvent, Dismissal, Hello, HubEvent, Instant, Now, Packet, PacketKind, PeerError, Retry, Seed,
    SendError, Session, StateKind, Timestamp,
};

use crate::link::Weather;
use crate::pair::{ALL, Pair, codec, identity, ms};
use crate::parcel::Parcel;
use crate::stage::{
    Device, Hub, NOW, accepted, connect, connect_with, connected, grant, hello, hub_in, offline, offline_in,
    ready_in, subscribe,
};

#[test]
fn a_device_stays_connected_for_a_thousand_hours() {
    for dialect in Dialect::ALL.iter().copied() {
        const HOUR_MS: u64 = 3_600_000;
        let mut pair = Pair::new(dialect, Weather { latency_ms: (10, 2000), ..Weather::FINE }, ALL);
        pair.lifetime = Some(ms(HOUR_MS));
        // The pair asserts that nothing reaches the hub with credentials that have expired.
        for _ in 0..1000 {
            pair.run_for(ms(HOUR_MS));
            if !pair.device.is_ready() {
                // The hour ends in the middle of a renewal, which takes three round trips at most.
                pair.run_for(ms(3 * 2 * 2000));
            }
            assert!(pair.device.is_ready(), "at {:?}\n{}", pair.now, pair.log());
        }
        assert!((1100..1200).contains(&pair.renewals), "{} renewals of 51 minutes each", pair.renewals);
        let reconnects = if dialect == Dialect::Preview5 { 0 } else { pair.renewals };
        assert_eq!(reconnects + 1, pair.connections);
    }
}

#[test]
fn the_time_comes_when_most_of_the_lifetime_is_over_and_not_for_all_devices_at_once() {
    for (lifetime_ms, from_ms, to_ms) in
        [(3_600_000, 2_880_000, 3_240_000), (60_000, 48_000, 54_000), (100, 80, 90), (99, 0, 0), (0, 0, 0)]
    {
        let mut times = Vec::new();
        for seed in (0..200).map(Seed::new) {
            let mut device = offline(Channels::NONE);
            connect_with(&mut device, Session::Fresh, Some(ms(lifetime_ms)), seed);
            assert_eq!(device.poll_timeout(), None, "the connection is not there yet");
            device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();

            let (due, why) = device.poll_timeout().unwrap();
            assert_eq!(why, "credentials expire soon");
            if due > NOW {
                assert_eq!(device.handle_timeout(Instant::from_millis(due.as_millis() - 1)), None);
            }
            assert_eq!(device.handle_timeout(due), Some(DeviceEvent::RenewSoon), "{lifetime_ms}");
            assert_eq!(device.handle_timeout(due), None, "it is said once");
            assert_eq!(device.poll_timeout(), None);
            times.push(due.since(NOW));
        }
        let (first, last) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        assert!(first >= ms(from_ms) && last <= ms(to_ms), "{lifetime_ms}: {first:?} to {last:?}");
        let spread = ms(to_ms - from_ms);
        assert!(last - first >= spread * 9 / 10, "{lifetime_ms}: {first:?} to {last:?}");
    }
}

#[test]
fn a_hub_that_grants_nothing_does_not_keep_credentials_from_being_renewed() {
    let mut device = offline(ALL);
    connect(&mut device, Session::Fresh, Some(ms(1000)));
    device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
    subscribe(&mut device);
    assert_eq!(device.handle_timeout(NOW.after(ms(900))), Some(DeviceEvent::RenewSoon));
}

#[test]
fn what_does_not_expire_is_not_renewed_and_neither_is_what_is_gone() {
    let mut device = accepted(ALL);
    grant(&mut device);
    assert_eq!(device.poll_timeout(), None);

    let mut device = offline(Channels::NONE);
    connect(&mut device, Session::Fresh, Some(ms(1000)));
    device.handle_packet(NOW, &connected(Session::Fresh)).unwrap();
    device.handle_disconnect();
    assert_eq!(device.poll_timeout(), None);
    assert_eq!(device.handle_timeout(NOW.after(Duration::from_secs(3600))), None);
}

#[test]
fn a_signature_is_renewed_without_connecting_again() {
    let (mut device, mut hub) = connected_for(ms(100_000));
    let due = device.poll_timeout().unwrap().0;
    assert_eq!(device.handle_timeout(due), Some(DeviceEvent::RenewSoon));
    let until = timestamp(due).after(ms(200_000));
    let mut out = [0; 256];
    let asked = Parcel::new(&device.renew(now(due), &signature(until), &mut out).unwrap());
    let again = device.renew(now(due), &signature(until), &mut out);
    assert_eq!(again, Err(SendError::TooManyOpen { limit: 1 }), "one at a time");

    let asked = asked.packet();
    let Ok(HubEvent::AuthStep { signature }) = hub.handle_packet(due, &asked) else { panic!("{asked:?}") };
    assert_eq!(signature, self::signature(until));
    let out_of_place = PeerError::OutOfPlace { packet: PacketKind::Auth, state: StateKind::Ready };
    assert_eq!(hub.handle_packet(due, &asked), Err(out_of_place), "before the first is answered");
    let answer = Parcel::new(&hub.renewed(due.after(ms(200_000)), &mut out).unwrap());
    assert_eq!(hub.renewed(due, &mut out), Err(SendError::NotAwaited));
    assert_eq!(hub.poll_timeout().unwrap().0, due.after(ms(200_000)));

    assert_eq!(device.handle_packet(due, &answer.packet()), Ok(Some(DeviceEvent::Renewed)));
    assert_eq!(device.handle_packet(due, &answer.packet()), Err(out_of_place), "nothing was asked");
    let next = device.poll_timeout().unwrap();
    assert_eq!(next.1, "credentials expire soon");
    assert!(next.0 >= due.after(ms(160_000)) && next.0 <= due.after(ms(180_000)), "{next:?}");
    assert_eq!(device.handle_timeout(next.0), Some(DeviceEvent::RenewSoon));
}

#[test]
fn who_is_renewing_is_not_told_to_renew() {
    let (mut device, _) = connected_for(ms(20_000));
    let mut out = [0; 256];
    device.renew(now(NOW), &signature(timestamp(NOW)), &mut out).unwrap();
    assert_eq!(device.handle_timeout(NOW.after(ms(19_000))), None);
    assert_eq!(device.poll_timeout(), Some((NOW.after(ms(30_000)), "the answer to AUTH is due")));
}

#[test]
fn a_hub_that_does_not_answer_a_signature_is_left() {
    let (mut device, _) = connected_for(ms(100_000));
    let mut out = [0; 256];
    let (ticket, _) = device.get_twin(NOW, ms(500_000), &mut out).unwrap();
    device.renew(now(NOW), &signature(timestamp(NOW)), &mut out).unwrap();
    let (at, why) = device.poll_timeout().unwrap();
    assert_eq!((at, why), (NOW.after(ms(30_000)), "the answer to AUTH is due"));
    assert_eq!(device.handle_timeout(Instant::from_millis(at.as_millis() - 1)), None);
    assert_eq!(device.handle_timeout(at), Some(DeviceEvent::NotRenewed));
    assert!(!device.is_ready());
    assert_eq!(device.handle_timeout(at), Some(DeviceEvent::Lost { ticket }));
    assert_eq!(device.handle_timeout(at), None);
    assert_eq!(device.poll_timeout(), None);
}

#[test]
fn a_signature_that_is_not_good_ends_the_connection() {
    let (mut device, mut hub) = connected_for(ms(100_000));
    let mut out = [0; 256];
    let asked = Parcel::new(&device.renew(now(NOW), &signature(timestamp(NOW)), &mut out).unwrap());
    assert!(matches!(hub.handle_packet(NOW, &asked.packet()), Ok(HubEvent::AuthStep { .. })));
    let dismissed = Parcel::new(&hub.dismiss(&Dismissal::NotAuthorized, &mut out).unwrap());
    let event = device.handle_packet(NOW, &dismissed.packet()).unwrap();
    let expected = DeviceEvent::Disconnected {
        reason_code: 135,
        outcome: Outcome::new(Status::NOT_AUTHORIZED),
        retry: Retry::Never,
    };
    assert_eq!(event, Some(expected));
    assert_eq!(device.poll_timeout(), None, "no answer is due any longer");
}

#[test]
fn who_does_not_renew_expires() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut hub = hub_in(dialect);
        assert_eq!(hub.poll_timeout(), None);
        let end = NOW.after(ms(5000));
        hub.expire_at(end);
        assert_eq!(hub.poll_timeout(), Some((end, "the device's credentials expire")));
        assert_eq!(hub.handle_timeout(Instant::from_millis(end.as_millis() - 1)), None);
        assert_eq!(hub.handle_timeout(end), Some(HubEvent::Expired));
        assert_eq!(hub.handle_timeout(end), None, "it is said once");
    }
}

#[test]
fn over_mqtt_3_1_1_a_device_connects_again_instead() {
    for dialect in [Dialect::Classic, Dialect::Preview311] {
        let mut device = ready_in(dialect);
        let mut out = [0; 256];
        let renewed = device.renew(now(NOW), &signature(timestamp(NOW)), &mut out);
        assert_eq!(renewed, Err(SendError::Encode(EncodeError::NotExpressible)));
        assert_eq!(device.poll_timeout(), None, "nothing is awaited");
        let auth = Packet::Auth(Auth { reason_code: Auth::RENEWED, properties: PropertySection::EMPTY });
        assert!(device.handle_packet(NOW, &auth).is_err());
        assert!(hub_in(dialect).handle_packet(NOW, &auth).is_err());
    }
    let mut device = offline(Channels::NONE);
    let renewed = device.renew(now(NOW), &signature(timestamp(NOW)), &mut [0; 256]).err();
    assert_eq!(renewed, Some(SendError::NotReady));
}

#[test]
fn each_end_renews_in_its_own_way_only() {
    let (mut device, mut hub) = connected_for(ms(100_000));
    let mut out = [0; 256];
    let asked = Parcel::new(&device.renew(now(NOW), &signature(timestamp(NOW)), &mut out).unwrap());
    assert!(device.handle_packet(NOW, &asked.packet()).is_err(), "a hub has no signature");
    let renewed = AuthStep::Renewed;
    let auth = codec(Dialect::Preview5).encode_auth(&renewed, &mut out).unwrap();
    assert!(hub.handle_packet(NOW, &Packet::Auth(auth)).is_err(), "a device grants nothing");
}

/// Both ends over MQTT 5, with a signature that lasts so long.
fn connected_for(lifetime: Duration) -> (Device, Hub) {
    let mut device = offline_in(Dialect::Preview5, ALL);
    let proof = Proof::Signature(signature(timestamp(NOW).after(lifetime)));
    let hello = Hello { proof, ..hello(timestamp(NOW), Session::Resume, None) };
    let mut out = [0; 512];
    let parcel = Parcel::new(&device.connect(now(NOW), &hello, &mut out).unwrap());
    let Packet::Connect(opening) = parcel.packet() else { panic!("{parcel:?}") };
    let (mut hub, answer) = Hub::accept(Dialect::Preview5, identity(), &opening, None, 1);
    hub.expire_at(NOW.after(lifetime));
    device.handle_packet(NOW, &answer).unwrap();
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    (device, hub)
}

fn timestamp(at: Instant) -> Timestamp {
    Timestamp::from_secs(1_900_000_000).after(at.since(NOW))
}

fn now(instant: Instant) -> Now {
    Now { instant, timestamp: timestamp(instant) }
}

fn signature(until: Timestamp) -> Signature<'static> {
    let terms = Terms { expiry_ms: until.as_millis(), at_ms: Some(1_899_000_000_000), policy: None };
    Signature { terms, code: [9; 32] }
}
