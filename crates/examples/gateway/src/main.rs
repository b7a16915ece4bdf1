//! A gateway: so many devices in one process, each with a connection of its own, all on one runtime.
//!
//! Takes from `IOTHUB_CONNECTION_STRING` a policy that may register devices and connect as them, such as the one that
//! `iothub up` prints, and from `IOTHUB_CA_FILE` the certificate of a hub of your own. `IOTHUB_MQTT_ADDRESS` says where that
//! hub has its MQTT, as in `localhost:18883`, where that is not port 8883 of its name. The argument says how many devices,
//! 1000 otherwise; it has itself allowed as many open files, and ends at once where that is not possible. It prints how long
//! connecting took, what memory a connection holds, and at its end, by Ctrl-C, what was counted, as Prometheus reads it.

mod fleet;
mod memory;
mod numbers;
mod open_files;
mod stopwatch;
mod way;

use core::error::Error;
use core::pin::pin;
use std::env;
use std::sync::Arc;

use crate::fleet::Fleet;
use crate::memory::Memory;
use crate::numbers::Numbers;
use crate::stopwatch::Stopwatch;
use crate::way::Way;

const DEVICES: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = env::args().nth(1).map_or(Ok(DEVICES), |count| count.parse())?;
    let way = Way::from_environment()?;
    open_files::make_room_for(count)?;
    fleet::register(&way, count).await?;

    let numbers = Arc::new(Numbers::default());
    // Listened for from here on, so that none is lost, whenever it comes.
    let mut stop = pin!(tokio::signal::ctrl_c());
    let fleet = tokio::select! {
        fleet = begin(&way, count, &numbers) => fleet?,
        stopped = &mut stop => return Ok(stopped?),
    };
    stop.await?;
    fleet.close().await;
    print!("{}", numbers.text()?);
    Ok(())
}

/// Connects all of them, and sends a message from each.
async fn begin(way: &Way, count: usize, numbers: &Arc<Numbers>) -> Result<Fleet, Box<dyn Error>> {
    let (before, watch) = (Memory::now(), Stopwatch::start());
    let fleet = Fleet::connect(way, count, numbers).await?;
    println!("{count} devices connected in {:.2} s", watch.seconds());
    if let (Some(before), Some(after)) = (before, Memory::now()) {
        println!("{:.1} KiB of memory a connection", after.kib_more_than(before) / count as f64);
    }
    let watch = Stopwatch::start();
    fleet.send_from_each().await?;
    println!("a message of each acknowledged in {:.2} s", watch.seconds());
    Ok(fleet)
}
