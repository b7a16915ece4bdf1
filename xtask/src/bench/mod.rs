mod codec;
mod device;
mod fleet;
mod hub;
mod load;
mod selection;
mod server;
mod start;
mod storage;
mod table;

use clap::{Args, Subcommand};

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    /// How many instructions the codec takes for each operation
    Codec(codec::Arguments),
    /// The device client beside rumqttc, on one broker: rates, times, processor time, memory
    Device(device::Arguments),
    /// What is done to many devices at once: queries, jobs, and how fast the program starts
    Fleet(fleet::Arguments),
    /// A hub at work, beside mosquitto: processor time, rates, memory
    Hub(hub::Arguments),
    /// How long `iothub up` takes until it serves, and how much memory it holds when idle
    Start(start::Arguments),
    /// Embedded engines side by side: commits, events, recovery, damaged files
    Storage(storage::Arguments),
}

/// Measures what was asked for, and prints a table.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.measurement {
        Measurement::Codec(arguments) => codec::run(arguments),
        Measurement::Device(arguments) => device::run(arguments),
        Measurement::Fleet(arguments) => fleet::run(arguments),
        Measurement::Hub(arguments) => hub::run(arguments),
        Measurement::Start(arguments) => start::run(arguments),
        Measurement::Storage(arguments) => storage::run(arguments),
    }
}
