use core::ops::AddAssign;
use core::time::Duration;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::hub::Hub;
use super::print_tail;
use super::tools::{Tools, scripts};
use crate::clock;
use crate::failure::Failure;
use crate::process::{Running, Waited};

/// A script that drives one client, and prints `PASS name (ms)` or `FAIL name: why` for each step.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// For Node, or for Python if it ends in `.py`.
    script: &'static str,
    arguments: &'static [&'static str],
}

pub(super) const SUITES: &[Suite] = &[
    Suite { name: "service-node", script: "service.js", arguments: &[] },
    Suite { name: "registry-node", script: "registry.js", arguments: &[] },
    Suite { name: "fleet-node", script: "fleet.js", arguments: &[] },
    Suite { name: "fleet-python", script: "fleet.py", arguments: &[] },
    Suite { name: "files-node", script: "files.js", arguments: &[] },
    Suite { name: "files-python", script: "files.py", arguments: &[] },
    Suite { name: "provisioning-node", script: "provisioning.js", arguments: &[] },
    Suite { name: "provisioning-python", script: "provisioning.py", arguments: &[] },
    Suite { name: "device-node-mqtt", script: "device.js", arguments: &["node", "mqtt"] },
    Suite { name: "device-node-ws", script: "device.js", arguments: &["node", "ws"] },
    Suite { name: "device-python-mqtt", script: "device.js", arguments: &["python", "mqtt"] },
    Suite { name: "device-python-ws", script: "device.js", arguments: &["python", "ws"] },
];

impl Suite {
    /// Runs the suite to its end, passing on what it prints.
    pub(super) fn run(
        &self,
        iothub: &Path,
        folder: &Path,
        tools: &Tools,
        hub: &Hub,
    ) -> Result<Tally, Failure> {
        let log = folder.join(self.name).with_extension("log");
        let file = File::create(&log).map_err(Failure::while_doing(log.display()))?;
        let (program, language) = match self.script.ends_with(".py") {
            true => (tools.python.as_path(), "python"),
            false => (Path::new("node"), "node"),
        };
        let mut command = Command::new(program);
        command
            .arg(scripts().join(language).join(self.script))
            .args(self.arguments)
            .envs(hub.environment())
            .env("NODE_PATH", &tools.node_modules)
            // The hub listens on 127.0.0.1 only; `localhost` may name ::1 as well.
            .env("NODE_OPTIONS", "--dns-result-order=ipv4first")
            .env("INTEROP_IOTHUB", iothub)
            .env("INTEROP_PYTHON", &tools.python)
            // A suite ends when this closes, so none outlives this program.
            .stdin(Stdio::piped())
            .stderr(file);
        let tally = follow(self.name, Running::start(&mut command)?);
        if tally.failed > 0 {
            print_tail(self.name, &log);
        }
        Ok(tally)
    }
}

/// Passes on what a script prints, to its end, and counts its steps.
pub(super) fn follow(name: &str, mut script: Running) -> Tally {
    let deadline = clock::now() + LIMIT;
    let mut tally = Tally::default();
    loop {
        match script.next_line(deadline.saturating_duration_since(clock::now())) {
            Waited::Line(_, line) => {
                println!("{line}");
                tally.count(&line);
            }
            Waited::Nothing => {
                tally += shown(name, Err(Failure::new(format!("not done within {LIMIT:?}"))));
                return tally;
            }
            Waited::Closed => break,
        }
    }
    let ended = script.ended().and_then(|status| match status.success() {
        true if tally == Tally::default() => Err(Failure::new("the script took no step")),
        true => Ok(()),
        false => Err(Failure::new(format!("the script broke off: {status}"))),
    });
    // How a script ends is worth a line only when it is not as it should be.
    if ended.is_err() {
        tally += shown(name, ended);
    }
    tally
}

/// Longer than all steps of a suite may take together.
const LIMIT: Duration = Duration::from_secs(300);

/// Prints the outcome of a step that no script takes.
pub(super) fn shown(name: &str, outcome: Result<(), Failure>) -> Tally {
    match outcome {
        Ok(()) => {
            println!("PASS {name}");
            Tally { passed: 1, failed: 0 }
        }
        Err(why) => {
            println!("FAIL {name}: {why}");
            Tally { passed: 0, failed: 1 }
        }
    }
}

/// How many steps went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) failed: u32,
}

impl Tally {
    fn count(&mut self, line: &str) {
        if line.starts_with("PASS ") {
            self.passed += 1;
        } else if line.starts_with("FAIL ") {
            self.failed += 1;
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_a_script_that_breaks_off_is_a_failed_step() {
        for (text, expected) in [
            ("echo 'PASS a (1 ms)'; echo 'FAIL b: why'; echo other; exit 0", Tally { passed: 1, failed: 1 }),
            ("echo 'PASS a (1 ms)'; exit 3", Tally { passed: 1, failed: 1 }),
            ("exit 0", Tally { passed: 0, failed: 1 }),
        ] {
            let script = Running::start(Command::new("sh").args(["-c", text])).unwrap();
            assert_eq!(follow("suite", script), expected, "{text}");
        }
    }
}
