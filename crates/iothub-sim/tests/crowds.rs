//! What a hub has to bear when ten thousand devices lose it at one moment. The book states these bounds, in
//! `docs/work/staying.md`.

use core::time::Duration;

use iothub_codec::Dialect;
use iothub_sim::{Beyond, Course, Crowd};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Three of MQTT 3.1.1 and MQTT 5 each: with a short queue, a long one, and one that says no.
fn hubs(dialect: Dialect) -> [Crowd; 3] {
    [Beyond::Waits { backlog: 1_024 }, Beyond::Waits { backlog: 1_000_000 }, Beyond::Refused]
        .map(|beyond| Crowd { beyond, ..Crowd::new(dialect, 1) })
}

fn check(crowd: &Crowd, down: Duration, course: &Course) {
    let (devices, rate_max) = (crowd.devices, course.rate_max());
    assert!(rate_max < devices / 3, "{crowd:?}, {down:?} down: {rate_max} attempts in one second");
    let back = course.all_ready_after.expect("all are back");
    assert!(back < 300 * SECOND, "{crowd:?}, {down:?} down: all are back after {back:?}");
    if crowd.beyond != Beyond::Refused {
        assert!(back < 90 * SECOND, "{crowd:?}, {down:?} down: all are back after {back:?}");
    }
}

#[test]
fn over_mqtt_3_a_fleet_comes_back_below_a_third_of_it_a_second_and_within_minutes() {
    for crowd in hubs(Dialect::Classic) {
        for down in [0, 3, 10, 30].map(|secs| secs * SECOND) {
            check(&crowd, down, &crowd.after_outage(down, HOUR));
        }
    }
}

#[test]
fn over_mqtt_5_a_fleet_comes_back_below_a_third_of_it_a_second_and_within_minutes() {
    for crowd in hubs(Dialect::Preview5) {
        for down in [0, 3, 10, 30].map(|secs| secs * SECOND) {
            check(&crowd, down, &crowd.after_outage(down, HOUR));
        }
    }
}

#[test]
fn a_hub_that_was_away_for_long_is_met_by_a_twentieth_of_the_fleet_a_second() {
    let crowd = Crowd::new(Dialect::Preview311, 2);
    for down in [60, 180] {
        let course = crowd.after_outage(down * SECOND, HOUR);
        let met = course.attempts.iter().skip(down as usize).max().expect("it is met");
        assert!(*met < crowd.devices / 20, "{met} a second after {down} s");
        check(&crowd, down * SECOND, &course);
    }
}

#[test]
fn two_clients_with_one_identity_end_each_others_connections_ever_less_often() {
    for (dialect, first_hour, each_hour) in
        [(Dialect::Classic, 50, 40), (Dialect::Preview311, 50, 40), (Dialect::Preview5, 30, 20)]
    {
        for seed in 0..20 {
            let crowd = Crowd { devices: 2, ..Crowd::new(dialect, seed) };
            let course = crowd.with_one_identity(10 * HOUR);
            let hours = (0..10).map(|hour| course.attempts_between(hour * 3_600, (hour + 1) * 3_600));
            let hours: Vec<_> = hours.collect();
            assert!(hours[0] <= first_hour, "{dialect:?}, seed {seed}: {hours:?}");
            assert!(
                hours[1..].iter().all(|count| *count <= each_hour),
                "{dialect:?}, seed {seed}: {hours:?}"
            );
            assert!(hours.iter().all(|count| *count > 2), "neither of them gives up: {hours:?}");
        }
    }
}

#[test]
fn a_hub_that_accepts_and_closes_at_once_is_left_in_peace() {
    for dialect in Dialect::ALL {
        let crowd = Crowd { devices: 1_000, ..Crowd::new(*dialect, 5) };
        let course = crowd.with_hub_that_closes(HOUR);
        // From then on each waits for up to five minutes.
        let worst = course.attempts[600..].iter().max().expect("an hour is longer");
        assert!(*worst <= crowd.devices / 50, "{dialect:?}: {worst} in one second");
        let total = course.attempts_between(0, 3_600);
        assert!(total < 40 * crowd.devices, "{dialect:?}: {total} in an hour");
    }
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let crowd = Crowd { devices: 200, ..Crowd::new(Dialect::Classic, 9) };
    assert_eq!(crowd.after_outage(3 * SECOND, HOUR), crowd.after_outage(3 * SECOND, HOUR));
    let other = Crowd { seed: 10, ..crowd };
    assert_ne!(crowd.after_outage(3 * SECOND, HOUR), other.after_outage(3 * SECOND, HOUR));
}
