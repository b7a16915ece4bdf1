//! A hub at work, beside a broker that does as much of the same as brokers do.

mod broker;
pub(super) mod load;
mod row;
pub(super) mod server;
pub(super) mod table;

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::workspace;
use load::Load;
use row::ROWS;
use server::Programs;

#[derive(Args)]
pub(super) struct Arguments {
    /// Only rows with one of these in their names
    rows: Vec<String>,
    /// How long each row is watched in each round
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each row is measured; the median counts
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// How many devices are connected and silent
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    idle: u64,
    /// How many devices are registered when the hub starts again
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    registered: u64,
    /// One round of a second, 2000 silent devices, 20 000 registered ones: under two minutes
    #[arg(long)]
    quick: bool,
    /// Where data is kept, in folders that are removed afterwards
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure this program instead of building `iothub` first
    #[arg(long, value_name = "PROGRAM")]
    iothub: Option<PathBuf>,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Sizes {
    seconds: u64,
    rounds: u32,
    idle: u64,
    registered: u64,
}

/// Measures row after row, and prints each as soon as it is there.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let given = Sizes {
        seconds: arguments.seconds,
        rounds: arguments.rounds,
        idle: arguments.idle,
        registered: arguments.registered,
    };
    let sizes =
        if arguments.quick { Sizes { seconds: 1, rounds: 1, idle: 2000, registered: 20_000 } } else { given };
    let wanted =
        |name: &str| arguments.rows.is_empty() || arguments.rows.iter().any(|part| name.contains(part));
    let rows: Vec<_> = ROWS.iter().filter(|row| wanted(row.name)).collect();
    if rows.is_empty() {
        let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        return Err(Failure::new(format!("no row is named like that; there are: {}", names.join(", "))));
    }
    let iothub = match &arguments.iothub {
        Some(program) => std::path::absolute(program).map_err(Failure::while_doing(program.display()))?,
        None => workspace::build_iothub()?,
    };
    let load = Load::build()?;
    let broker = broker::program();
    if let Err(why) = &broker {
        println!("without mosquitto: {why}");
    }
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => workspace::target_directory()?.join("bench-hub"),
    };
    let programs = Programs { iothub, broker: broker.ok(), folder };
    table::head();
    for row in rows {
        match row.measure(&programs, &load, sizes) {
            Ok(figures) => figures.iter().for_each(table::Figure::print),
            Err(why) => println!("{:<46}   not measured: {why}", row.name),
        }
    }
    Ok(())
}
