//! Plays schedules, and prints what came of them: a line for what it says, a word and a number on each.
//!
//! `cargo xtask simulate` runs this program, on several seeds at once, and makes a table of it.

use std::process::ExitCode;

use clap::Parser;
use iothub_codec::Dialect;
use iothub_sim::{Fault, Faults, run};

#[derive(Parser)]
struct Arguments {
    /// How many schedules to play
    #[arg(long)]
    seeds: u64,
    /// The number of the first
    #[arg(long)]
    from: u64,
    /// How far it is from one to the next
    #[arg(long, default_value_t = 1)]
    step: u64,
    /// Only this dialect
    #[arg(long)]
    dialect: Option<String>,
    /// Print the steps of each schedule, also of one that comes right
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Ok(dialect) = arguments.dialect.as_deref().map(named).transpose() else {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| name(*dialect)).collect();
        eprintln!("iothub-sim: the dialects are {}", names.join(", "));
        return ExitCode::from(2);
    };
    let (mut faults, mut packets) = (Faults::default(), 0);
    let mut outcome = ExitCode::SUCCESS;
    let mut played = 0;
    for nth in 0..arguments.seeds {
        let seed = arguments.from.wrapping_add(nth.wrapping_mul(arguments.step));
        // What panics is a schedule that did not come right, too; the panic has said where.
        let Ok(report) = std::panic::catch_unwind(|| run(seed, dialect, arguments.trace)) else {
            println!("broken {seed} panic what it said stands above");
            outcome = ExitCode::FAILURE;
            break;
        };
        played += 1;
        faults.add(&report.faults);
        packets += report.packets;
        report.trace.iter().for_each(|step| println!("step {step}"));
        if let Some(broken) = report.broken {
            if !arguments.trace {
                run(seed, dialect, true).trace.iter().for_each(|step| println!("step {step}"));
            }
            println!("broken {seed} {} {}", broken.property.name(), broken.what);
            outcome = ExitCode::FAILURE;
            break;
        }
    }
    println!("played {played}");
    println!("packets {packets}");
    for fault in Fault::ALL {
        println!("fault {} {}", fault.name(), faults.count(fault));
    }
    outcome
}

fn named(wanted: &str) -> Result<Dialect, ()> {
    Dialect::ALL.iter().copied().find(|dialect| name(*dialect) == wanted).ok_or(())
}

fn name(dialect: Dialect) -> String {
    format!("{dialect:?}").to_lowercase()
}
