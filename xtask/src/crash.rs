use clap::Args;

use crate::cargo;
use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How often the hub is killed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    kills: u64,
    /// Decides when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Have the hub do jobs on a fleet meanwhile
    #[arg(long)]
    jobs: bool,
}

/// Kills a hub under load, starts it again, and compares it with what it had acknowledged.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (kills, seed) = (arguments.kills.to_string(), arguments.seed.to_string());
    let mut command = vec!["test", "--package", "iothub-cli", "--test", "crash", "--"];
    command.extend(["--kills", &kills, "--seed", &seed]);
    command.extend(arguments.jobs.then_some("--jobs"));
    cargo::run(&command)
}
