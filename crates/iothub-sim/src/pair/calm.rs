//! What comes after the storm: the links are good, and everything must come right.

use core::time::Duration;

use iothub_codec::{Channels, Qos};
use iothub_proto::{Instant, SendError};

use super::setting::Setting;
use super::{CALLS, Pair, REQUESTS};
use crate::ledger::{Ledger, Property};
use crate::link::Weather;

/// What is looked for once the links are good, one thing after the other.
pub(super) struct Calm {
    stage: Stage,
    at: Instant,
    /// How long a device may take to be ready.
    patience: Duration,
    begins: Instant,
    /// The device was ready since, over a link that works.
    recovered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The storm has not ended.
    Storm,
    /// The device is to be ready soon.
    Recovering,
    /// What was begun is to end.
    Settling,
    /// All there is room for is to be had at once, and is under way.
    Filled,
    Over,
}

/// What is good.
const GOOD: Weather = Weather { latency_ms: (5, 30), room: 1 << 16, split: 0 };
/// Longest that a device waits before it tries again, that a stalled link stands still, and that a CONNACK may take.
const LONGEST_WAITS: Duration = Duration::from_secs(60 + 20 + 30);
/// Longer than anything takes that was begun: the question for the twin, and to ask again after it failed.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);
/// Longer than an application takes with all commands of a window.
const EMPTIED_WITHIN: Duration = Duration::from_secs(60);
/// Longer than it takes to connect, and to ask for and be told of what is missed, while the links are good.
const RESTED_WITHIN: Duration = Duration::from_secs(10);
/// Most messages at QoS 1 that either end leaves unacknowledged.
const WINDOW: usize = 16;

impl Calm {
    pub(super) fn new(begins: Instant, setting: &Setting) -> Self {
        // A dead link is noticed within one and a half keep-alives.
        let noticed = Duration::from_secs(setting.keep_alive_s.into()) * 3 / 2;
        Self { stage: Stage::Storm, at: begins, patience: noticed + LONGEST_WAITS, begins, recovered: false }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        (self.stage != Stage::Over).then_some(self.at)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether a connection that was opened then has seen nothing but good weather.
    pub(super) fn has_begun(&self, works: bool, opened: Instant) -> bool {
        works && self.stage != Stage::Storm && opened >= self.begins
    }

    fn enters(&mut self, stage: Stage, now: Instant, within: Duration) {
        (self.stage, self.at) = (stage, now.after(within));
    }
}

impl Pair {
    pub(super) fn calm_goes_on(&mut self, ledger: &mut Ledger) {
        self.calm.recovered |= self.calm.stage == Stage::Recovering && self.is_well();
        if self.now < self.calm.at {
            return;
        }
        let name = self.setting.name;
        match self.calm.stage {
            Stage::Storm => {
                ledger.note(name, || "the weather is good from now on".to_owned());
                self.weather_is_good();
                self.calm.enters(Stage::Recovering, self.now, self.calm.patience);
            }
            Stage::Recovering => {
                if !self.calm.recovered {
                    let patience = self.calm.patience;
                    ledger.breaks(name, Property::Reconnects, || format!("not ready after {patience:?}"));
                }
                self.calm.enters(Stage::Settling, self.now, SETTLED_WITHIN);
            }
            // It may just have renewed its credentials over a new connection.
            Stage::Settling | Stage::Filled if !self.is_at_rest() => {
                self.calm.at = self.now.after(Duration::from_secs(1));
            }
            Stage::Settling => {
                self.must_be_settled(ledger);
                self.fill(ledger);
                self.calm.enters(Stage::Filled, self.now, EMPTIED_WITHIN);
            }
            Stage::Filled => {
                self.must_be_settled(ledger);
                self.calm.stage = Stage::Over;
            }
            Stage::Over => {}
        }
    }

    /// Whether the device is ready, and the hub there.
    fn is_well(&self) -> bool {
        let works = self.current().is_some_and(|at| self.connections[at].link.works());
        works && self.device.session.is_ready() && self.served() == self.current()
    }

    /// Whether it has been so for long enough to have asked for everything.
    fn is_at_rest(&self) -> bool {
        let since = self.current().and_then(|at| self.connections[at].serving.as_ref());
        self.is_well() && since.is_some_and(|serving| serving.opened.after(RESTED_WITHIN) <= self.now)
    }

    fn weather_is_good(&mut self) {
        self.storm.ends();
        self.setting.weather = GOOD;
        self.connections.iter_mut().for_each(|connection| connection.link.widen(GOOD.room));
        self.device.asleep_until = None;
        self.device.session.want(self.setting.wanted);
        self.device.unreachable_until = None;
        self.hub.down_until = None;
    }

    /// Whatever was begun has ended, and both ends agree.
    fn must_be_settled(&mut self, ledger: &mut Ledger) {
        let name = self.setting.name;
        let app = &self.device.app;
        let (asked, unacknowledged, calls) = (&app.asked, &app.unacknowledged, self.truth.open_calls());
        if !asked.is_empty() || !unacknowledged.is_empty() || calls > 0 {
            ledger.breaks(name, Property::EndsOnce, || {
                format!("{asked:?}, {unacknowledged:?} and {calls} calls have not ended")
            });
        }
        let listens = self.setting.wanted.contains(Channels::COMMANDS);
        let left = self.truth.commands.iter().filter(|command| !command.done).count();
        if listens && left > 0 {
            ledger.breaks(name, Property::CommandOnce, || format!("{left} commands are left"));
        }
        if self.setting.wanted.contains(Channels::DESIRED) && !self.truth.unseen {
            let (known, version) = (app.known, self.truth.version());
            if known != Some(version) {
                ledger
                    .breaks(name, Property::Desired, || format!("{known:?} is known, and {version} is true"));
            }
        }
    }

    /// Takes all the room there is, which what went before must have given back.
    fn fill(&mut self, ledger: &mut Ledger) {
        if ledger.broken.is_some() {
            return;
        }
        let name = self.setting.name;
        let timeout = Duration::from_secs(20);
        for nth in 0..WINDOW {
            if let Err(error) = self.send_telemetry(Qos::AtLeastOnce, ledger) {
                ledger.breaks(name, Property::Bounded, || format!("{nth} messages, and then: {error}"));
            }
        }
        for nth in 0..REQUESTS {
            let asked =
                if nth % 2 == 0 { self.get_twin(timeout, ledger) } else { self.report(timeout, ledger) };
            if let Err(error) = asked {
                ledger.breaks(name, Property::Bounded, || format!("{nth} requests, and then: {error}"));
            }
        }
        for nth in 0..CALLS {
            match self.call(timeout, ledger) {
                Ok(()) | Err(SendError::NotSubscribed) => {}
                Err(error) => {
                    ledger.breaks(name, Property::Bounded, || format!("{nth} calls, and then: {error}"));
                }
            }
        }
        for _ in 0..WINDOW {
            self.enqueue(ledger);
        }
        self.change_desired(ledger);
    }
}
