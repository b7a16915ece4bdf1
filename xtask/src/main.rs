//! The chores of this workspace. `cargo xtask help` lists the commands, one file each.

mod bare;
mod bench;
mod book;
mod cargo;
mod chaos;
mod clock;
mod conformance;
mod crash;
mod failure;
mod fuzz;
mod interop;
mod layers;
mod man;
mod mosquitto;
mod mutants;
mod nostd;
mod process;
mod sanitize;
mod simulate;
mod size;
mod tables;
mod test;
mod tidy;
mod tool;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold before a change is merged, stopping at the first thing that does not
    Test,
    /// The manual pages of the command line
    Man(man::Arguments),
    /// Which crate may use which, read from `cargo metadata`
    Layers,
    /// File lengths, module names, topics outside the codec, broken links, code in docs/embedded.md
    Tidy,
    /// Proves that codec and proto need neither `std` nor an allocator
    Nostd,
    /// How much of a microcontroller the codec takes, against docs/budget.toml
    Size(size::Arguments),
    /// The tables of docs/dialects.md, written from those of the codec
    Tables(tables::Arguments),
    /// The book in docs/, built; with --run, every command of it
    Book(book::Arguments),
    /// Conversations by feature, held by sessions, hub and server
    Conformance(conformance::Arguments),
    /// The fuzz targets in turn, from the inputs in fuzz/corpus
    Fuzz(fuzz::Arguments),
    /// The tests of codec, proto and mqtt under AddressSanitizer, or of the codec under valgrind
    Sanitize(sanitize::Arguments),
    /// Devices and hubs over bad links in virtual time: what must hold, in as many schedules as wanted
    Simulate(simulate::Arguments),
    /// Bugs that the simulation must find, planted one by one in a copy of the workspace
    Mutants(mutants::Arguments),
    /// A hub that is killed under load, compared with what it had acknowledged
    Crash(crash::Arguments),
    /// Devices that work while everything around them breaks, compared with their hub
    Chaos(chaos::Arguments),
    /// Measurements of the optimised build
    Bench(bench::Arguments),
    /// The official Node and Python clients against a hub on this machine
    Interop(interop::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test => test::run(),
        Command::Man(arguments) => man::run(&arguments),
        Command::Layers => layers::run(),
        Command::Tidy => tidy::run(),
        Command::Nostd => nostd::run(),
        Command::Size(arguments) => size::run(&arguments),
        Command::Tables(arguments) => tables::run(&arguments),
        Command::Book(arguments) => book::run(&arguments),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Sanitize(arguments) => sanitize::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Crash(arguments) => crash::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Interop(arguments) => interop::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
