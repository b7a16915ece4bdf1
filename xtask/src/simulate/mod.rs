mod worker;

pub(crate) use worker::{Outcome, Worker};

use clap::Args;

use crate::clock;
use crate::failure::Failure;
use crate::{cargo, workspace};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many schedules to play
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The number of the first, which decides everything in it
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this dialect: classic, preview311 or preview5
    #[arg(long)]
    dialect: Option<String>,
    /// Print the steps of each schedule, also of one that comes right
    #[arg(long)]
    trace: bool,
    /// How many programs play at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    workers: u64,
}

/// Plays schedules of devices and hubs over bad links, and prints how fast, what went wrong on purpose, and the seed and
/// last steps of one that did not come right.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    cargo::run(&["build", "--release", "--package", "iothub-sim"])?;
    let program = workspace::target_directory()?.join("release").join("iothub-sim");
    // Steps of two schedules at once could not be told apart.
    let workers = if arguments.trace { 1 } else { arguments.workers };
    let start = clock::now();
    let running = (0..workers).map(|nth| {
        Worker {
            program: &program,
            seeds: arguments.seeds / workers + u64::from(nth < arguments.seeds % workers),
            from: arguments.from.wrapping_add(nth),
            step: workers,
            dialect: arguments.dialect.as_deref(),
            trace: arguments.trace,
        }
        .start()
    });
    let running = running.collect::<Result<Vec<_>, _>>()?;
    let outcomes = running.into_iter().map(|worker| worker.outcome()).collect::<Result<Vec<_>, _>>()?;
    let seconds = start.elapsed().as_secs_f64();

    let mut all = Outcome::default();
    outcomes.into_iter().for_each(|outcome| all.add(outcome));
    for (name, count) in &all.faults {
        println!("{name:<20}{count:>14}");
    }
    let (played, packets) = (all.played, all.packets);
    println!("{:<20}{packets:>14}", "packets");
    println!("{played} schedules in {seconds:.1} s, {:.0} a second", played as f64 / seconds);
    match all.broken {
        None => Ok(()),
        Some(broken) => {
            if !arguments.trace {
                broken.steps.iter().for_each(|step| println!("{step}"));
            }
            let dialect = arguments.dialect.as_ref().map(|dialect| format!(" --dialect {dialect}"));
            Err(Failure::new(format!(
                "seed {}: {}: {} (`cargo xtask simulate --seeds 1 --from {}{} --trace` shows it again)",
                broken.seed,
                broken.property,
                broken.what,
                broken.seed,
                dialect.unwrap_or_default()
            )))
        }
    }
}
