//! What is done to many devices at once.

mod bulk;
mod jobs;
mod queries;
mod start_up;

use clap::Args;

use super::load::Load;
use super::selection::Selection;
use super::server::Programs;
use super::table::Figure;
use crate::failure::Failure;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// How many twins there are, of which each size is measured
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], value_parser = clap::value_parser!(u64).range(10_000..=1_000_000))]
    twins: Vec<u64>,
}

/// What is measured with.
struct Bench {
    programs: Programs,
    load: Load,
    /// Numbers of twins.
    twins: Vec<u64>,
}

/// Something that is measured at once, and what gives its figures as they come.
struct Row {
    name: &'static str,
    measure: fn(&Bench, &Show<'_>) -> Result<(), Failure>,
}

/// Takes a figure as soon as it is there.
type Show<'s> = dyn Fn(&Figure) + 's;

const ROWS: &[Row] = &[
    Row { name: "bulk", measure: bulk::measure },
    Row { name: "jobs", measure: jobs::measure },
    Row { name: "queries", measure: queries::measure },
    Row { name: "start-up", measure: start_up::measure },
];

/// There is room for all devices that a job calls, and for the back ends that have it do so.
const BESIDES: [&str; 2] = ["--connections", "10100"];

/// Measures row after row, and prints each figure as soon as it is there.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let selection = &arguments.selection;
    let rows = selection.of(ROWS, |row| row.name)?;
    let iothub = selection.iothub()?;
    let load = Load::build()?;
    let folder = selection.folder("bench-fleet")?;
    let programs = Programs { iothub, broker: None, folder, up: &BESIDES };
    let bench = Bench { programs, load, twins: arguments.twins.clone() };
    println!("{:<62}{:>12}   target", "", "iothub");
    for row in rows {
        if let Err(why) = (row.measure)(&bench, &Figure::print_alone) {
            println!("{:<62}   not measured: {why}", row.name);
        }
    }
    Ok(())
}
