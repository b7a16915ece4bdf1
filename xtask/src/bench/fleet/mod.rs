//! What is done to many devices at once.

mod jobs;
mod queries;
mod start_up;

use std::path::PathBuf;

use clap::Args;

use super::hub::load::Load;
use super::hub::server::Programs;
use super::hub::table::Figure;
use crate::failure::Failure;
use crate::workspace;

#[derive(Args)]
pub(super) struct Arguments {
    /// Only rows with one of these in their names
    rows: Vec<String>,
    /// How many twins there are, of which each size is measured
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], value_parser = clap::value_parser!(u64).range(10_000..=1_000_000))]
    twins: Vec<u64>,
    /// Where data is kept, in folders that are removed afterwards
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure this program instead of building `iothub` first
    #[arg(long, value_name = "PROGRAM")]
    iothub: Option<PathBuf>,
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
    Row { name: "jobs", measure: jobs::measure },
    Row { name: "queries", measure: queries::measure },
    Row { name: "start-up", measure: start_up::measure },
];

/// Measures row after row, and prints each figure as soon as it is there.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
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
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => workspace::target_directory()?.join("bench-fleet"),
    };
    let programs = Programs::without_broker(iothub, folder);
    let bench = Bench { programs, load, twins: arguments.twins.clone() };
    println!("{:<62}{:>12}   target", "", "iothub");
    for row in rows {
        if let Err(why) = (row.measure)(&bench, &Figure::print_alone) {
            println!("{:<62}   not measured: {why}", row.name);
        }
    }
    Ok(())
}
