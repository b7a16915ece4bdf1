use clap::Args;

use crate::cargo;
use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long things go wrong
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// Decides what goes wrong, and when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many devices there are
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    devices: u64,
}

/// Breaks everything between devices and their hub while they work, kills the hub, and compares what each of them has
/// seen.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { minutes, seed, devices } = arguments;
    let (seconds, seed, devices) = ((minutes * 60).to_string(), seed.to_string(), devices.to_string());
    let mut command = vec!["test", "--package", "iothub-cli", "--test", "chaos", "--"];
    command.extend(["--seconds", &seconds, "--seed", &seed, "--devices", &devices]);
    cargo::run(&command)
}
