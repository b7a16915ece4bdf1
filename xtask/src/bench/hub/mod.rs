//! A hub at work, beside a broker that does as much of the same as brokers do.

mod row;

use clap::Args;

use super::load::Load;
use super::selection::Selection;
use super::server::Programs;
use super::table;
use crate::failure::Failure;
use crate::mosquitto;
use row::ROWS;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
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
    let selection = &arguments.selection;
    let rows = selection.of(ROWS, |row| row.name)?;
    let iothub = selection.iothub()?;
    let load = Load::build()?;
    let broker = mosquitto::program();
    if let Err(why) = &broker {
        println!("without mosquitto: {why}");
    }
    let folder = selection.folder("bench-hub")?;
    let programs = Programs { iothub, broker: broker.ok(), folder, up: &[] };
    table::head("mosquitto");
    for row in rows {
        table::print(row.name, row.measure(&programs, &load, sizes));
    }
    Ok(())
}
