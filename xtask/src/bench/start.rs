use core::time::Duration;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::process::{Running, Waited};
use crate::{clock, workspace};

#[derive(Args)]
pub(super) struct Arguments {
    /// How often to start it
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Fail when a median misses its target
    #[arg(long)]
    check: bool,
}

/// Starts `iothub up` again and again.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = workspace::build_iothub()?;
    println!("$ iothub {}   ({} times)", UP.join(" "), arguments.runs);
    let mut times = Vec::new();
    let mut sizes = Vec::new();
    for _ in 0..arguments.runs {
        let run = start_once(&program)?;
        times.push(run.until_ready.as_secs_f64() * 1e3);
        sizes.extend(run.idle_kb.map(|kb| kb as f64 / 1024.0));
    }
    println!("{:<30}{:>9}{:>9}{:>9}{:>9}", "", "min", "median", "max", "target");
    let mut missed = Vec::new();
    for row in [
        Row { name: "process start to serving, ms", values: times, target: READY_MS_TARGET },
        Row { name: "resident when idle, MiB", values: sizes, target: IDLE_MB_TARGET },
    ] {
        missed.extend(row.print());
    }
    match missed.as_slice() {
        [] => println!("both medians are within their targets"),
        _ if arguments.check => return Err(Failure::new(missed.join("; "))),
        _ => println!("{}", missed.join("; ")),
    }
    Ok(())
}

/// On ports of the system's choice, with nothing kept on disk.
const UP: [&str; 7] = ["up", "--mqtt-port", "0", "--https-port", "0", "-o", "json"];
const READY_MS_TARGET: f64 = 100.0;
const IDLE_MB_TARGET: f64 = 30.0;

struct Run {
    until_ready: Duration,
    /// `None` where the system does not say.
    idle_kb: Option<u64>,
}

fn start_once(program: &Path) -> Result<Run, Failure> {
    let begin = clock::now();
    let mut hub = Running::start(Command::new(program).args(UP).stdin(Stdio::null()).stderr(Stdio::null()))?;
    match hub.next_line(READY_LIMIT) {
        Waited::Line(at, line) => {
            let said: Value =
                serde_json::from_str(&line).map_err(Failure::while_doing("first line of iothub"))?;
            if said["mqttPort"].as_u64().is_none_or(|port| port == 0) {
                return Err(Failure::new(format!("iothub serves no MQTT port: {line}")));
            }
            Ok(Run { until_ready: at.duration_since(begin), idle_kb: idle_resident_kb(&mut hub) })
        }
        Waited::Nothing => Err(Failure::new(format!("iothub did not serve within {READY_LIMIT:?}"))),
        Waited::Closed => Err(Failure::new(format!("iothub ended before it served: {}", hub.ended()?))),
    }
}

const READY_LIMIT: Duration = Duration::from_secs(10);

/// Reads the resident size again and again until it stays as it is.
fn idle_resident_kb(hub: &mut Running) -> Option<u64> {
    let mut last = resident_kb(hub.id())?;
    let mut unchanged = 0;
    for _ in 0..READINGS_MAX {
        // The hub has nothing more to say, so this waits for as long as it may; it ends at once with the hub.
        if !matches!(hub.next_line(BETWEEN_READINGS), Waited::Nothing) {
            return None;
        }
        let now = resident_kb(hub.id())?;
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
        if unchanged == READINGS_UNCHANGED {
            break;
        }
    }
    Some(last)
}

const BETWEEN_READINGS: Duration = Duration::from_millis(50);
const READINGS_UNCHANGED: u32 = 4;
const READINGS_MAX: u32 = 100;

fn resident_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

struct Row {
    name: &'static str,
    values: Vec<f64>,
    target: f64,
}

impl Row {
    /// Prints the row; gives a sentence when the median is above the target.
    fn print(mut self) -> Option<String> {
        self.values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (self.values.first(), self.values.last()) else {
            println!("{:<30}   not measured: this system has no /proc", self.name);
            return None;
        };
        let median = self.values[self.values.len() / 2];
        println!("{:<30}{min:>9.1}{median:>9.1}{max:>9.1}{:>9.0}", self.name, self.target);
        (median >= self.target)
            .then(|| format!("{}: the median {median:.1} is not under {:.0}", self.name, self.target))
    }
}
