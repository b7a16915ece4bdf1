//! The device client beside rumqttc: the same messages to the same broker, one after the other, again and again.

mod row;

use clap::Args;

use super::load::Load;
use super::selection::Selection;
use super::server::{Programs, Side};
use super::table;
use crate::failure::Failure;
use crate::mosquitto;
use row::{ROWS, TURN_MS};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// How long each client is watched in each round
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each client is measured, in turn; the median counts. Latency is in shorter turns, and more of them
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// How many connections are held in memory
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=10_000))]
    connections: u64,
    /// One round of a second, and 200 connections
    #[arg(long)]
    quick: bool,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Sizes {
    seconds: u64,
    rounds: u64,
    connections: u64,
}

impl Sizes {
    /// How many turns of latency take as long as the rounds of anything else.
    fn turns(self) -> u64 {
        (self.rounds * self.seconds * 1_000).div_ceil(TURN_MS)
    }
}

/// Measures row after row, and prints each as soon as it is there.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { selection, seconds, rounds, connections, quick } = arguments;
    let given = Sizes { seconds: *seconds, rounds: *rounds, connections: *connections };
    let sizes = if *quick { Sizes { seconds: 1, rounds: 1, connections: 200 } } else { given };
    let rows = selection.of(ROWS, |row| row.name)?;
    let programs = Programs {
        broker: Some(mosquitto::program()?),
        // Its certificate is the broker's.
        iothub: selection.iothub()?,
        folder: selection.folder("bench-device")?,
        up: &[],
    };
    let clients = Load::of_clients()?;
    let broker = programs.start(Side::Broker)?;
    table::head("rumqttc");
    for row in rows {
        table::print(row.name, row.measure(&clients, &broker, sizes));
    }
    Ok(())
}
