//! Credentials are renewed before they expire.

use core::time::Duration;

use iothub_codec::{Channels, Dialect};
use iothub_proto::{DeviceEvent, Instant, Seed, Session};

use crate::link::Weather;
use crate::pair::{ALL, Pair, ms};
use crate::stage::{NOW, accepted, connect, connect_with, connected, grant, offline, subscribe};

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
