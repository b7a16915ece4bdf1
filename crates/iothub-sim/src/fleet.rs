use iothub_codec::Dialect;
use iothub_proto::Instant;

use crate::chance::Chance;
use crate::fault::{Fault, Faults};
use crate::ledger::{Broken, Ledger, Property};
use crate::pair::Pair;

/// What came of one schedule.
#[derive(Clone, Debug)]
pub struct Report {
    /// What went wrong on purpose.
    pub faults: Faults,
    /// Packets that have arrived as a whole, at either end.
    pub packets: u64,
    /// The first property that did not hold.
    pub broken: Option<Broken>,
    /// The last steps, if that was asked for.
    pub trace: Vec<String>,
}

/// Plays the schedule of that number, in that dialect or in one of chance for each device.
///
/// To write the trace takes much longer than to do without: play a schedule that failed once more for it.
pub fn run(seed: u64, dialect: Option<Dialect>, traced: bool) -> Report {
    let mut ledger = Ledger::new(traced);
    Fleet::new(seed, dialect).play(&mut ledger);
    Report {
        faults: ledger.faults,
        packets: ledger.packets,
        broken: ledger.broken.take(),
        trace: ledger.into_trace(),
    }
}

/// Some pairs, whose devices have one hub, and the time that goes by for all of them.
struct Fleet {
    pairs: Vec<Pair>,
    /// When the hub of all of them goes down.
    restarts: Vec<Instant>,
    chance: Chance,
}

/// Most devices in one schedule.
const PAIRS_MAX: u64 = 3;
/// How long a storm lasts, in milliseconds.
const STORM_MS: (u64, u64) = (20_000, 150_000);
/// Most times that a hub goes down in one storm.
const RESTARTS_MAX: u64 = 2;
/// More steps than a schedule that comes to an end has ever needed.
const STEPS_MAX: u32 = 200_000;

impl Fleet {
    fn new(seed: u64, dialect: Option<Dialect>) -> Self {
        let mut chance = Chance::new(seed);
        let calm_at = Instant::default().after(chance.millis(STORM_MS));
        let count = 1 + chance.below(PAIRS_MAX);
        let names = ["pump-0", "pump-1", "pump-2"].into_iter();
        let pairs = names.take(count as usize).map(|name| {
            let of_chance = Dialect::ALL[chance.index(Dialect::ALL.len())];
            Pair::new(name, dialect.unwrap_or(of_chance), calm_at, chance.fork())
        });
        let pairs = pairs.collect();
        let restarts = if chance.happens(40) { 1 + chance.below(RESTARTS_MAX) } else { 0 };
        let moment = |_| Instant::default().after(chance.millis((0, calm_at.as_millis())));
        let mut restarts: Vec<Instant> = (0..restarts).map(moment).collect();
        restarts.sort_by(|a, b| b.cmp(a));
        Self { pairs, restarts, chance }
    }

    fn play(&mut self, ledger: &mut Ledger) {
        let mut now = Instant::default();
        for _ in 0..STEPS_MAX {
            let next = self.pairs.iter().filter_map(Pair::next).chain(self.restarts.last().copied()).min();
            let Some(next) = next else { return };
            now = now.max(next);
            ledger.at(now);
            if self.restarts.pop_if(|at| *at <= now).is_some() {
                self.restart_hub(now, ledger);
            }
            for pair in self.pairs.iter_mut().filter(|pair| pair.next().is_some_and(|at| at <= now)) {
                pair.step(now, ledger);
            }
            if ledger.broken.is_some() {
                return;
            }
        }
        ledger.breaks("fleet", Property::Bounded, || format!("no end after {STEPS_MAX} steps"));
    }

    /// All connections are gone at once, with or without what the hub remembers of sessions.
    fn restart_hub(&mut self, now: Instant, ledger: &mut Ledger) {
        let remembers = self.chance.happens(50);
        let fault = if remembers { Fault::HubRestart } else { Fault::HubCrash };
        ledger.fault("hub", fault);
        let down = self.chance.millis((0, 10_000));
        for pair in &mut self.pairs {
            pair.restart_hub(now, remembers, down, ledger);
        }
    }
}
