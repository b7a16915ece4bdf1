use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process::{Running, Waited};

/// A run of `iothub-sim`, the program of crates/iothub-sim.
pub(crate) struct Worker<'a> {
    pub(crate) program: &'a Path,
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) step: u64,
    pub(crate) dialect: Option<&'a str>,
    /// The steps are printed as they come.
    pub(crate) trace: bool,
}

/// One that has been started.
pub(crate) struct Playing {
    running: Running,
    trace: bool,
}

/// What came of some schedules.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) played: u64,
    pub(crate) packets: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) broken: Option<Broken>,
}

/// A schedule that did not come right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) seed: u64,
    pub(crate) property: String,
    pub(crate) what: String,
    pub(crate) steps: VecDeque<String>,
}

impl Worker<'_> {
    pub(crate) fn start(&self) -> Result<Playing, Failure> {
        let mut command = Command::new(self.program);
        let numbers = [("--seeds", self.seeds), ("--from", self.from), ("--step", self.step)];
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        command.args(self.dialect.map(|dialect| format!("--dialect={dialect}")));
        command.args(self.trace.then_some("--trace")).stdin(Stdio::null());
        Ok(Playing { running: Running::start(&mut command)?, trace: self.trace })
    }
}

impl Playing {
    /// What came of it, once it has ended.
    pub(crate) fn outcome(mut self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let mut steps = VecDeque::new();
        loop {
            match self.running.next_line(PATIENCE) {
                Waited::Line(_, line) => {
                    if self.trace {
                        println!("{line}");
                    }
                    outcome.hear(&line, &mut steps);
                }
                Waited::Nothing => {
                    return Err(Failure::new(format!("the simulation said nothing for {PATIENCE:?}")));
                }
                Waited::Closed => break,
            }
        }
        let status = self.running.ended()?;
        if status.success() || outcome.broken.is_some() {
            Ok(outcome)
        } else {
            // Its last steps were not printed: it may have panicked in the middle of one.
            Err(Failure::new(format!(
                "the simulation ended with {status} after {} schedules",
                outcome.played
            )))
        }
    }
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.played += other.played;
        self.packets += other.packets;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        // The lowest seed, so that it does not depend on who was faster.
        self.broken =
            [self.broken.take(), other.broken].into_iter().flatten().min_by_key(|broken| broken.seed);
    }

    /// Takes in one line of the program.
    fn hear(&mut self, line: &str, steps: &mut VecDeque<String>) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = |text: &str| text.parse().unwrap_or_default();
        match word {
            "played" => self.played = number(rest),
            "packets" => self.packets = number(rest),
            "fault" => {
                let (name, count) = rest.split_once(' ').unwrap_or((rest, "0"));
                self.faults.insert(name.to_owned(), number(count));
            }
            "step" => {
                if steps.len() == STEPS_SHOWN {
                    steps.pop_front();
                }
                steps.push_back(rest.to_owned());
            }
            "broken" => {
                let mut parts = rest.splitn(3, ' ');
                let mut part = || parts.next().unwrap_or_default();
                let (seed, property, what) = (number(part()), part().to_owned(), part().to_owned());
                self.broken = Some(Broken { seed, property, what, steps: core::mem::take(steps) });
            }
            _ => {}
        }
    }
}

/// Longest that a program may say nothing: it speaks at its end only.
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(24 * 3600);
/// How many of the last steps are shown.
const STEPS_SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_says_is_understood() {
        let mut outcome = Outcome::default();
        let mut steps = VecDeque::new();
        for line in
            ["step 7 a: b", "broken 12 ends-once 7 ms, a: c d", "played 3", "packets 99", "fault cut 5"]
        {
            outcome.hear(line, &mut steps);
        }
        let (property, what) = ("ends-once".to_owned(), "7 ms, a: c d".to_owned());
        let broken = Broken { seed: 12, property, what, steps: ["7 a: b".to_owned()].into() };
        assert_eq!(outcome.broken.as_ref(), Some(&broken));
        assert_eq!((outcome.played, outcome.packets, outcome.faults["cut"]), (3, 99, 5));

        let mut all = Outcome { broken: Some(Broken { seed: 13, ..broken }), ..Outcome::default() };
        all.add(outcome);
        assert_eq!(all.broken.map(|broken| broken.seed), Some(12));
    }
}
