//! The official clients, unmodified, against `iothub up` on this machine; and the device's end at other brokers.

mod brokers;
mod hub;
mod suite;
mod tools;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
use crate::workspace;
use brokers::BROKERS;
use hub::Hub;
use suite::{SUITES, Suite, Tally};
use tools::Tools;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave the hub running when a step has failed
    #[arg(long)]
    keep: bool,
    /// Run only the suites whose names contain this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Try this program instead of building `iothub` first
    #[arg(long, value_name = "PROGRAM")]
    iothub: Option<PathBuf>,
}

/// Installs the clients, starts a hub, and runs every suite against it.
///
/// # Errors
///
/// Something needed is missing, the hub does not start, or a step failed. What failed has been printed.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let suites: Vec<_> = SUITES.iter().filter(|suite| suite.name.contains(&arguments.only)).collect();
    let brokers: Vec<_> = BROKERS.iter().filter(|broker| broker.name.contains(&arguments.only)).collect();
    if suites.is_empty() && brokers.is_empty() {
        let names = SUITES.iter().map(|suite| suite.name).chain(BROKERS.iter().map(|broker| broker.name));
        let names: Vec<_> = names.collect();
        return Err(Failure::new(format!("no suite is named like that; there are {}", names.join(", "))));
    }
    let folder = workspace::target_directory()?.join("interop");
    std::fs::create_dir_all(&folder).map_err(Failure::while_doing(folder.display()))?;
    let mut tally = Tally::default();
    for broker in brokers {
        tally += broker.run(&folder)?;
    }
    if !suites.is_empty() {
        tally += against_hub(arguments, &folder, &suites)?;
    }
    finish(tally)
}

fn against_hub(arguments: &Arguments, folder: &Path, suites: &[&Suite]) -> Result<Tally, Failure> {
    let program = match &arguments.iothub {
        Some(program) => std::path::absolute(program).map_err(Failure::while_doing(program.display()))?,
        None => workspace::build_iothub()?,
    };
    let tools = Tools::ready_in(folder)?;
    let hub = Hub::start(&program, &folder.join("hub.log"))?;
    println!("hub at {}, log in {}", hub.host_name(), hub.log().display());

    let mut tally = Tally::default();
    for suite in suites {
        tally += suite.run(&program, folder, &tools, &hub)?;
    }
    if tally.failed > 0 {
        print_tail("hub", hub.log());
        if arguments.keep {
            hub.keep()?;
            println!("the hub goes on running");
            return Ok(tally);
        }
    }
    tally += suite::shown("hub: ends well when asked to", hub.stop());
    Ok(tally)
}

fn finish(tally: Tally) -> Result<(), Failure> {
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("interop: {} steps failed", tally.failed)))
    }
}

/// Prints the end of a log, for who looks at a failure.
fn print_tail(whose: &str, log: &Path) {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    if !tail.is_empty() {
        println!("--- {whose}: the last of {}", log.display());
        println!("{}", tail.join("\n"));
        println!("---");
    }
}

const TAIL_LINES: usize = 40;
