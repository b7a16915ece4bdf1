use serde_json::Value;

use super::Sizes;
use crate::bench::load::Load;
use crate::bench::server::Server;
use crate::bench::table::{Figure, Target, median};
use crate::failure::Failure;
use crate::{cargo, workspace};

/// Something that is measured at once.
pub(super) struct Row {
    pub(super) name: &'static str,
    work: Work,
}

enum Work {
    /// As many messages as go, with so many on their way.
    Throughput { over: &'static str, window: u64 },
    /// Half of what the other client does at most.
    Latency { over: &'static str },
    /// Connections that say nothing.
    Idle { over: &'static str, most: Target },
    /// How long a program is.
    Size,
}

const WINDOW: u64 = 100;
/// How long a turn is in which latency is measured, and in how many windows.
pub(super) const TURN_MS: u64 = 500;
const WINDOWS: u64 = 20;

const fn throughput(name: &'static str, over: &'static str, window: u64) -> Row {
    Row { name, work: Work::Throughput { over, window } }
}

pub(super) const ROWS: &[Row] = &[
    throughput("tcp, window 1", "tcp", 1),
    throughput("tcp, window 16", "tcp", 16),
    throughput("tcp, window 100", "tcp", WINDOW),
    throughput("tls, window 1", "tls", 1),
    throughput("tls, window 16", "tls", 16),
    throughput("tls, window 100", "tls", WINDOW),
    Row { name: "tcp, half load", work: Work::Latency { over: "tcp" } },
    Row { name: "tls, half load", work: Work::Latency { over: "tls" } },
    Row { name: "tcp, connections", work: Work::Idle { over: "tcp", most: Target::None } },
    Row { name: "tls, connections", work: Work::Idle { over: "tls", most: Target::Most(24.0) } },
    Row { name: "size", work: Work::Size },
];

/// Of one client, one value a round.
type Said = Vec<Value>;

impl Row {
    /// Measures both clients in each round, and gives the medians.
    pub(super) fn measure(
        &self,
        clients: &Load,
        broker: &Server,
        sizes: Sizes,
    ) -> Result<Vec<Figure>, Failure> {
        let figure = |name: &str, member, unit, both: &(Said, Said), target| {
            let name = format!("{}: {name}", self.name);
            Ok(Figure {
                name,
                unit,
                ours: middle(&both.0, member)?,
                other: Some(middle(&both.1, member)?),
                target,
            })
        };
        match self.work {
            Work::Throughput { over, window } => {
                let settings = [("window", window), ("seconds", sizes.seconds)];
                let both = both(clients, broker, sizes.rounds, &format!("{over}-throughput"), &settings)?;
                let cpu = if window == WINDOW { Target::Ratio(1.0) } else { Target::None };
                Ok(vec![
                    figure("messages", "rate", "1/s", &both, Target::None)?,
                    figure("each", "us", "us CPU", &both, cpu)?,
                ])
            }
            Work::Latency { over } => {
                let settings = [("window", WINDOW), ("seconds", 1)];
                let what = format!("rumqttc-{over}-throughput");
                let most = clients.run(&what, broker, &settings)?;
                let rate = most["rate"].as_f64().unwrap_or_default() / 2.0;
                let settings = [("window", WINDOW), ("windows", WINDOWS), ("rate", rate as u64)];
                let turns = sizes.turns();
                let both = both(clients, broker, turns, &format!("{over}-latency"), &settings)?;
                Ok(vec![
                    figure("acknowledged, p50", "p50", "us", &both, Target::None)?,
                    figure("acknowledged, p99", "p99", "us", &both, Target::Ratio(1.0))?,
                ])
            }
            Work::Idle { over, most } => {
                let settings = [("count", sizes.connections)];
                let both = both(clients, broker, sizes.rounds, &format!("{over}-idle"), &settings)?;
                Ok(vec![figure("memory of each", "kib", "KiB", &both, most)?])
            }
            Work::Size => Ok(vec![Figure {
                name: "thermostat, stripped".to_owned(),
                unit: "MB",
                ours: thermostat()? / 1e6,
                other: None,
                target: Target::Most(4.0),
            }]),
        }
    }
}

/// What both clients say, each in turn.
fn both(
    clients: &Load,
    broker: &Server,
    rounds: u64,
    what: &str,
    settings: &[(&str, u64)],
) -> Result<(Said, Said), Failure> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(clients.run(&format!("iothub-{what}"), broker, settings)?);
        theirs.push(clients.run(&format!("rumqttc-{what}"), broker, settings)?);
    }
    Ok((ours, theirs))
}

fn middle(said: &[Value], member: &str) -> Result<f64, Failure> {
    let values = said.iter().filter_map(|said| said[member].as_f64()).collect();
    median(values).ok_or_else(|| Failure::new(format!("the client does not say {member}")))
}

/// How long the example is without symbols, in bytes.
fn thermostat() -> Result<f64, Failure> {
    cargo::run_with(
        &[("CARGO_PROFILE_RELEASE_STRIP", "symbols")],
        &["build", "--release", "--package", "thermostat"],
    )?;
    let name = format!("thermostat{}", std::env::consts::EXE_SUFFIX);
    let path = workspace::target_directory()?.join("release").join(name);
    let metadata = std::fs::metadata(&path).map_err(Failure::while_doing(path.display()))?;
    Ok(metadata.len() as f64)
}
