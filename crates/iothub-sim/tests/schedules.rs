//! Some hundreds of schedules, as an ordinary test. `cargo xtask simulate` plays more, and faster.

use iothub_codec::Dialect;
use iothub_sim::{Fault, Faults, run};

/// How many in each dialect, and how many in all of them at once.
const SEEDS: u64 = 100;

fn play(dialect: Option<Dialect>, seeds: core::ops::Range<u64>) -> Faults {
    let mut faults = Faults::default();
    for seed in seeds {
        let report = run(seed, dialect, false);
        if let Some(broken) = report.broken {
            let trace = run(seed, dialect, true).trace;
            let last = trace.len().saturating_sub(60);
            panic!("{dialect:?}, seed {seed}: {broken:?}\n{}", trace[last..].join("\n"));
        }
        faults.add(&report.faults);
    }
    faults
}

#[test]
fn everything_comes_right_in_the_classic_dialect() {
    play(Some(Dialect::Classic), 0..SEEDS);
}

#[test]
fn everything_comes_right_in_the_other_dialects() {
    for dialect in Dialect::ALL.iter().copied().filter(|dialect| *dialect != Dialect::Classic) {
        play(Some(dialect), 0..SEEDS);
    }
}

#[test]
fn everything_comes_right_in_a_mixed_fleet_and_every_fault_happens() {
    let faults = play(None, SEEDS..2 * SEEDS);
    for fault in Fault::ALL {
        assert!(faults.count(fault) > 0, "{}", fault.name());
    }
}

#[test]
fn the_same_number_gives_the_same_schedule() {
    let (plain, traced, again) = (run(5, None, false), run(5, None, true), run(5, None, true));
    assert_eq!(
        (plain.packets, plain.faults),
        (traced.packets, traced.faults),
        "writing the trace changes nothing"
    );
    assert_eq!(traced.trace, again.trace);
    assert!(plain.trace.is_empty() && !traced.trace.is_empty());
}
